"""Redis with a replica and three Sentinels, all real ones: two nodes that know the Sentinels alone find
the master, by users who may do no more than the guide says; while it is dead a poll brings what is
pushed; and when the Sentinels have promoted the replica, news goes by that one.
"""

import contextlib
import types

import pytest

from daemon import Missing
from redis_server import Redis, Sentinel
from server import wait_until
from sync import create, new_scope, push_one
from test_cluster_metrics import Moves, cluster_of, node
from test_protocol_ws import receive_changes, subscribe
from wire import WebSocket

# many-machines.md, "News between nodes".
NEWS_MAY = "&mizu:* +hello +select +ping +publish +subscribe +unsubscribe"
PASSWORD = "p@ss/word%"
PASSWORD_IN_URL = "p%40ss%2Fword%25"
# No failover comes before a test wants one, however slow the machine is.
NEVER, SOON = 3_600_000, 500
# Sentinels that have stood still for two seconds trust nothing for half a minute.
FAILOVER_SECONDS = 150


@pytest.fixture
def watched():
    """A master, its replica and three Sentinels that know each other and both; and the URL of them."""
    settings = {"user": f"news on >{PASSWORD} resetchannels {NEWS_MAY}"}
    with contextlib.ExitStack() as stack:
        try:
            master = stack.enter_context(Redis(settings)).start()
        except Missing as reason:
            pytest.skip(str(reason))
        replica = stack.enter_context(Redis(settings, follows=master)).start()
        wait_until(lambda: "master_link_status:up" in replica.ask("INFO", "replication"), 60,
                   "a replica that follows")
        sentinels = []
        for _ in range(3):
            sentinels.append(stack.enter_context(Sentinel(
                master, quorum=2, beside=sentinels[0] if sentinels else None, down_after=NEVER)))
            sentinels[-1].start()

        def know_each_other():
            return all(len(one.ask("SENTINEL", kind, "mizu")) == count for one in sentinels
                       for kind, count in (("SENTINELS", 2), ("REPLICAS", 1)))
        wait_until(know_each_other, 60, lambda: "\n".join(one.log() for one in sentinels))
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in sentinels)
        url = (f"redis-sentinel://news:{PASSWORD_IN_URL}@{hosts}/0?sentinelMasterId=mizu"
               f"&sentinelUsername=asker&sentinelPassword={sentinels[0].password}")
        yield types.SimpleNamespace(master=master, replica=replica, sentinels=sentinels, url=url)


class Told:
    """What a socket of one node is told of pushes to the other, each change once and in order."""

    def __init__(self, writer, reader):
        self.writer, self.reader, self.scope = writer, reader, new_scope()
        self.ids, first = [], push_one(writer, self.scope, create())
        self.socket = WebSocket(reader, timeout=60)
        subscribe(self.socket, self.scope, (1, first["epoch"]))

    def push(self):
        """Returns how often the log was read for it, because nobody had told of it."""
        moved = Moves(self.reader)
        result = push_one(self.writer, self.scope, create())
        through = result["cursor"]
        changes = receive_changes(self.socket, self.scope, through - 1, through)
        assert [change["mutation"] for change in changes] == [result["id"]]
        return moved["mizu_feed_catch_ups_total"]


def test_news_goes_by_whomever_the_sentinels_make_the_master(
        watched, postgres_cluster, tmp_path_factory):
    name = postgres_cluster.create_database()
    settings = {"DATABASE_URL": postgres_cluster.url(name), "REDIS_URL": watched.url,
                "ADMIN_ADDR": "127.0.0.1:0"}
    nodes = []
    try:
        for _ in range(2):
            nodes.append(node(settings, tmp_path_factory.mktemp("node")))
        told = Told(*nodes)

        def goes_by_redis():
            return all(cluster_of(one)["news"] == "redis" for one in nodes) and told.push() == 0

        def complaints():
            return "".join(one.errors[-2000:] for one in nodes)
        wait_until(goes_by_redis, 60, complaints)
        connections = [Moves(one) for one in nodes]

        watched.master.kill()
        wait_until(lambda: all(cluster_of(one)["news"] == "poll" for one in nodes), 60, complaints)
        # Nobody can tell of these: a poll finds each.
        assert all(told.push() > 0 for _ in range(3))

        for one in watched.sentinels:
            one.ask("SENTINEL", "SET", "mizu", "down-after-milliseconds", SOON)
        wait_until(lambda: all(one.master_port() == watched.replica.port
                               for one in watched.sentinels), FAILOVER_SECONDS,
                   lambda: "\n".join(one.log() for one in watched.sentinels))
        wait_until(goes_by_redis, 60, complaints)
        assert all(moved["mizu_news_connections_total"] > 0 for moved in connections)
        told.socket.close()
        for one in nodes:
            assert PASSWORD not in one.errors and PASSWORD_IN_URL not in one.errors
            assert watched.sentinels[0].password not in one.errors
            one.stop()
    finally:
        for one in nodes:
            one.kill()
        postgres_cluster.drop_database(name)
