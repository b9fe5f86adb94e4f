"""Rounds over several nodes: a mixed load of pushes, pulls, snapshots and sockets, while at random a node
is killed or drained, PostgreSQL is restarted, crashes or fails over to its synchronous standby, Redis
is killed, paused or flushed, and the ways to both are cut, held and slow. Two of three nodes read from a
replica, whose replay is paused, which is killed, and the way to which breaks. Nothing acknowledged is lost
or doubled, cursors are gapless, and whatever an answer has shown every later answer of any node shows
(Tests/Servers/history_checker.py).

MIZU_CLUSTER_SECONDS (8) is how long faults come in each test, MIZU_SEED (1) chooses them, and
MIZU_CONVERGE_SECONDS (90, of a machine that does other things as well) is what clients may take to come
to the log's end after the last repair.
"""

import contextlib
import os
import random
import signal
import time

import pytest

import stores
from cluster import Cluster
from daemon import Missing
from history_checker import History, check
from mixed_load import Follower, Writer
from postgres import failover_url
from redis_server import Redis
from relay import Relay
from server import wait_until
from sync import pull_all, snapshot
from wire import Connection

SECONDS = float(os.environ.get("MIZU_CLUSTER_SECONDS", "8"))
SEED = int(os.environ.get("MIZU_SEED", "1"))
CONVERGE = float(os.environ.get("MIZU_CONVERGE_SECONDS", "90"))
SCOPES = ("left", "middle", "right")
WRITERS, FOLLOWERS = 5, 4


@pytest.fixture
def redis():
    try:
        with Redis() as running:
            yield running.start()
    except Missing as reason:
        pytest.skip(f"no Redis: {reason}")


@pytest.fixture
def own_postgres():
    """A cluster that a test may end and crash. It waits for no disk: what ends is a process."""
    cluster = stores.start_cluster()
    yield cluster
    cluster.close()


class Rounds:
    """A load over a cluster, faults in between, and the judgement."""

    def __init__(self, cluster, faults, seed):
        self.cluster, self.faults, self.seed = cluster, faults, seed
        self.rng, self.history, self.done = random.Random(seed), History(), {}
        common = cluster, self.history, SCOPES, seed
        self.writers = [Writer(number, *common) for number in range(WRITERS)]
        self.followers = [Follower(number, *common) for number in range(FOLLOWERS)]

    def run(self, seconds):
        workers = [*self.writers, *self.followers]
        for worker in workers:
            worker.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end or not self.done:
            self.let_some_be_acknowledged(workers)
            name = self.rng.choice(sorted(self.faults))
            self.done[name] = self.done.get(name, 0) + 1
            self.faults[name]()
            self.cluster.repair()
        repaired = time.monotonic()
        for writer in self.writers:
            writer.join()
        for writer in self.writers:
            writer.drain(120)
        ends = self.ends()
        wait_until(lambda: all(f.cursor == ends[f.scope] or f.failure for f in self.followers),
                   120, lambda: f"the end of the logs: {self.places(ends)}; seed {self.seed}")
        took = time.monotonic() - repaired
        for follower in self.followers:
            follower.join()
            self.history.end(follower.scope, follower.name, follower.cursor)
        return self.read_logs(), took

    def let_some_be_acknowledged(self, workers):
        """A fault in the middle of work, not one upon another before anybody could do anything."""
        before, wanted = self.acknowledged, self.rng.randint(5, 60)

        def is_enough():
            for worker in workers:
                if worker.failure is not None:
                    worker.join()
            return self.acknowledged >= before + wanted

        wait_until(is_enough, 120, lambda: f"acknowledged pushes after {self.done}, seed {self.seed}: "
                   + "".join(node.errors[-1500:] for node in self.cluster.nodes if node))

    @property
    def acknowledged(self):
        return sum(writer.acknowledged for writer in self.writers)

    def ends(self):
        """Where each scope ends when nobody pushes any more, by one node; reading whole logs takes
        longer than clients do."""
        def answer(scope):
            found = snapshot(self.cluster.nodes[0], scope, limit=1)
            return found if found.status == 200 else None

        return {scope: wait_until(lambda: answer(scope), 60).json["cursor"] for scope in SCOPES}

    def places(self, ends):
        return [(f.name, f.cursor, ends[f.scope]) for f in self.followers]

    def read_logs(self):
        """Each scope's log, which every node tells alike."""
        found = {}
        for node in self.cluster.nodes:
            with Connection(node) as connection:
                for scope in SCOPES:
                    log = pull_all(connection, scope)[0]
                    assert found.setdefault(scope, log) == log, f"two nodes tell {scope} differently"
        return found

    def judge(self, seconds=SECONDS):
        logs, took = self.run(seconds)
        faults = check(self.history, logs)
        told = (f"seed {self.seed}: {self.done}, {self.acknowledged} acknowledged, "
                f"{sum(map(len, logs.values()))} changes, "
                f"{sum(worker.refusals for worker in [*self.writers, *self.followers])} waited over, "
                f"{sum(f.deltas for f in self.followers)} deltas, converged in {took:.2f} s")
        for index in range(self.cluster.count):
            self.cluster.count_views(index)
        if self.cluster.replica_views:
            told += f"; views of the replica: {dict(self.cluster.replica_views)}"
        print(told)
        assert not faults, f"{told}\n" + "\n".join(map(str, faults[:20])) + f"\n{len(faults)} faults"
        assert took < CONVERGE, told
        # Of a short form nothing is promised.
        has_replica = any("DATABASE_READ_URL" in env for env in self.cluster.envs.values())
        assert seconds < 60 or not has_replica or self.cluster.replica_views["read"] > 0, told
        for node in self.cluster.nodes:
            node.stop()


def node_faults(cluster, rng):
    def kill():
        cluster.kill_node(rng.randrange(cluster.count))
        time.sleep(rng.uniform(0, 0.3))  # not to pass: how long it is away is what is tried

    def drain():
        """A rolling restart's step: the new one is there before the old one goes."""
        index = rng.randrange(cluster.count)
        old = cluster.take_out(index)
        if cluster.is_shared:
            cluster.start_node(index)
        old.stop(60)

    return {"kill -9 of a node": kill, "drain of a node": drain}


def redis_faults(redis, rng):
    def kill():
        redis.kill()
        time.sleep(rng.uniform(0, 0.5))
        redis.start()

    def pause():
        redis.pause()
        time.sleep(rng.uniform(0.2, 1.5))
        redis.resume()

    return {"kill -9 of Redis": kill, "Redis stands still": pause, "Redis is flushed": redis.flush,
            "Redis drops everybody": redis.cut_connections}


def readers(url, rng):
    """The settings of two of three nodes, which read from the replica there; one of them remembers
    no changes, so that it has to."""
    settings = {"DATABASE_READ_URL": url, "ADMIN_ADDR": "127.0.0.1:0"}
    first, second = rng.sample(range(3), 2)
    return {first: settings, second: {**settings, "LOG_CACHE": "off"}}


def replica_faults(replica, way, rng):
    def pause_replay():
        replica.pause_replay()
        time.sleep(rng.uniform(0.1, 1.5))  # not to pass: how old it is is what is tried
        replica.resume_replay()

    def crash():
        replica.crash()
        time.sleep(rng.uniform(0, 0.5))
        replica.start()

    return {"the replay is paused": pause_replay, "the replica crashes": crash,
            "the replica drops everybody": replica.cut_connections,
            **link_faults([way], rng, "the replica")}


def postgres_faults(postgres, rng):
    return {"PostgreSQL restarts": lambda: postgres.restart(signal.SIGINT),
            "PostgreSQL crashes": lambda: postgres.restart(signal.SIGQUIT),
            "PostgreSQL drops everybody": postgres.cut_connections}


def test_one_node_on_sqlite_is_killed_and_drained(tmp_path):
    """The same load and judge where there is one file and one node."""
    with Cluster(tmp_path, f"sqlite:{tmp_path}/mizu.db", count=1).start() as cluster:
        rounds = Rounds(cluster, node_faults(cluster, random.Random(SEED)), SEED)
        rounds.judge(SECONDS / 2)


def link_faults(relays, rng, name):
    """What befalls one node's way to a server, while the others have theirs."""
    def during(mode, delay=0.0):
        relay = rng.choice(relays)
        relay.set(mode, delay)
        time.sleep(rng.uniform(0.1, 1.0))  # not to pass: how long it lasts is what is tried
        relay.set("pass")

    def answers_are_lost():
        """What was sent is done, and nobody hears of it."""
        relay = rng.choice(relays)
        relay.set("answers")
        time.sleep(rng.uniform(0.01, 0.2))
        relay.set("cut")
        relay.set("pass")

    return {f"a way to {name} is held": lambda: during("hold"),
            f"a way to {name} is cut": lambda: during("cut"),
            f"a way to {name} is slow": lambda: during("pass", 0.02),
            f"answers of {name} are lost": answers_are_lost}


def test_ways_to_postgresql_and_redis_are_cut_held_and_slow(tmp_path, own_postgres, redis):
    rng, name = random.Random(SEED), own_postgres.create_database()
    with contextlib.ExitStack() as stack:
        relays = [stack.enter_context(Relay(own_postgres.port)) for _ in range(3)]
        news = stack.enter_context(Relay(redis.port))
        urls = [own_postgres.url(name, through=relay) for relay in relays]
        with Cluster(tmp_path, urls, env={"REDIS_URL": redis.url_through(news)}).start() as cluster:
            faults = {**link_faults(relays, rng, "PostgreSQL"), **link_faults([news], rng, "Redis")}
            Rounds(cluster, faults, SEED).judge()


@pytest.mark.parametrize("news", ["redis", "postgres"])
def test_nodes_die_and_nothing_is_lost(tmp_path, own_postgres, request, news):
    redis = request.getfixturevalue("redis") if news == "redis" else None
    rng, name = random.Random(SEED), own_postgres.create_database()
    with own_postgres.standby(synchronous=False) as replica, Relay(replica.port) as way:
        reads = readers(replica.url(name, through=way), rng)
        with Cluster(tmp_path, own_postgres.url(name), redis=redis, envs=reads) as cluster:
            faults = {**node_faults(cluster.start(), rng), **postgres_faults(own_postgres, rng),
                      **replica_faults(replica, way, rng)}
            if redis:
                faults |= redis_faults(redis, rng)
            Rounds(cluster, faults, SEED).judge()


def test_postgresql_fails_over_to_its_synchronous_standby(tmp_path, own_postgres):
    """Twice: each time the primary crashes, its standby is promoted, and a new one follows it. Two
    nodes read from whichever is the standby."""
    rng, name = random.Random(SEED), own_postgres.create_database()
    first, second = own_postgres, own_postgres.standby()
    reads = readers(failover_url(first, second, name, target_session_attrs="standby"), rng)
    try:
        with Cluster(tmp_path, failover_url(first, second, name), envs=reads) as cluster:
            cluster.start()
            state = {"primary": first, "standby": second}

            def fail_over():
                old, new = state["primary"], state["standby"]
                old.crash()
                new.promote()
                # The old one comes back as a copy of the new one, at its old address.
                old.follow(new)
                new.be_followed_by(old)
                state["primary"], state["standby"] = new, old
                # A node that has been without a standby for so long asks for one later and later; one
                # that starts asks at once.
                cluster.kill_node(rng.choice(sorted(reads)))

            Rounds(cluster, {"failover": fail_over}, SEED).judge(SECONDS / 2)
    finally:
        second.close()
