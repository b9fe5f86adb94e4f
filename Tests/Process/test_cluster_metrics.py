"""What nodes of one PostgreSQL tell of each other and of themselves, by real servers: `/cluster` and
`mizu cluster` of any of them, and the series of the feed, of the committers and of PostgreSQL, each
read before and after something that moves it.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import server as processes
from daemon import Missing
from redis_server import Redis
from server import MIZU, wait_until
from sync import create, new_scope, pull, push, push_one
from test_metrics import Admin, samples, scrape
from test_protocol_ws import subscribe
from wire import WebSocket, fetch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shared(postgres_cluster):
    """(settings of a node, the Redis) on a new database."""
    with contextlib.ExitStack() as stack:
        name = postgres_cluster.create_database()
        stack.callback(postgres_cluster.drop_database, name)
        try:
            redis = stack.enter_context(Redis()).start()
        except Missing as reason:
            pytest.skip(str(reason))
        yield {"DATABASE_URL": postgres_cluster.url(name), "REDIS_URL": redis.url, "WORKERS": "2",
               "ADMIN_ADDR": "127.0.0.1:0", "COMMITTERS": "3"}, redis


def node(settings, folder):
    running = processes.Server(folder, env=settings).ready()
    running.admin = Admin(running)
    return running


@pytest.fixture(scope="module")
def nodes(shared, tmp_path_factory):
    found = [node(shared[0], tmp_path_factory.mktemp("node")) for _ in range(2)]
    yield found
    for one in found:
        one.kill()


def cluster_of(running):
    return fetch(running.admin, "GET", "/cluster").json


def seen(running, other):
    """What `running` shows of `other`; None where it knows nothing of it."""
    found = [one for one in cluster_of(running)["nodes"] if one["address"] == other.authority]
    assert len(found) < 2, found
    return found[0] if found else None


def table(running, *words):
    done = subprocess.run(
        [MIZU, "cluster", "--admin", running.admin.authority, *words], capture_output=True,
        text=True, timeout=60, check=False,
        env={"PATH": os.environ.get("PATH", ""), "SWIFT_BACKTRACE": "interactive=no"})
    assert done.returncode == 0, done
    return done.stdout


def both_there(nodes):
    def look():
        return all(seen(one, other) for one in nodes for other in nodes)
    wait_until(look, 60, "both nodes in the answers of both")


def test_each_node_shows_both(nodes, shared):
    both_there(nodes)
    now = time.time() * 1000
    answers = [cluster_of(one) for one in nodes]
    assert answers[0]["node"] != answers[1]["node"]
    assert [one["node"] for one in answers[0]["nodes"]] == sorted(a["node"] for a in answers)
    for answer in answers:
        assert answer["news"] == "redis"
        # Where the database is, and nothing that opens it.
        assert shared[0]["DATABASE_URL"].rsplit("/", 1)[1].split("?")[0] in answer["store"]
        assert "@" not in answer["store"] and "password" not in answer["store"]
        for one in answer["nodes"]:
            assert one["version"] == answer["nodes"][0]["version"] != ""
            assert now - 600_000 < one["started"] <= now and not one["draining"]
            assert {"sockets", "scopes", "cpu_permille", "feed_lag_ms", "changes_behind"} <= set(
                one["figures"])
    # One that was on no core for three seconds is silent until it is heard again.
    shown = wait_until(lambda: (text := table(nodes[0])).count(" lives") == 2 and text,
                       what=lambda: table(nodes[0]))
    assert shown.startswith("2 nodes on ") and "news by redis" in shown.splitlines()[0]
    assert all(one.authority in shown for one in nodes)
    assert {one["node"] for one in json.loads(table(nodes[1], "--json"))["nodes"]} == {
        answer["node"] for answer in answers}


def figure(running, other, name):
    return seen(running, other)["figures"][name]


def test_figures_of_a_node_are_those_that_the_other_shows(nodes):
    both_there(nodes)
    scope = new_scope()
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            subscribe(stack.enter_context(WebSocket(nodes[1])), scope)
        wait_until(lambda: figure(nodes[0], nodes[1], "sockets") == 3, 60, "sockets of the other")
        wait_until(lambda: figure(nodes[0], nodes[1], "scopes") >= 1, 60, "scopes of the other")
        assert figure(nodes[0], nodes[0], "sockets") == 0
        # Work that the processor has to do shows as such.
        def is_busy():
            for _ in range(200):
                fetch(nodes[1], "GET", "/healthz")
            return figure(nodes[0], nodes[1], "cpu_permille") > 0
        wait_until(is_busy, 60, "use of a processor")
    wait_until(lambda: figure(nodes[0], nodes[1], "sockets") == 0, 60, "the end of the sockets")


class Moves:
    """Series of a node now, and how far each has moved since."""

    def __init__(self, running):
        self.running, self.before = running, samples(scrape(running))

    def __getitem__(self, name):
        return self.now(name) - self.before.get(name, 0)

    def now(self, name):
        return samples(scrape(self.running))[name]

    def total(self, name):
        def add(found):
            return sum(value for key, value in found.items() if key.split("{")[0] == name)
        return add(samples(scrape(self.running))) - add(self.before)


def test_the_feed_is_counted_where_it_comes_from_and_where_it_goes(nodes):
    both_there(nodes)
    scopes = [new_scope() for _ in range(6)]
    with WebSocket(nodes[1]) as watcher:
        for scope in scopes:
            subscribe(watcher, scope)
        writer, reader = Moves(nodes[0]), Moves(nodes[1])
        assert reader.now("mizu_feed_scopes") >= len(scopes)
        for scope in scopes:
            assert push_one(nodes[0], scope, create())["ok"]
        wait_until(lambda: reader["mizu_feed_delay_seconds_count"] >= len(scopes), 60, "the feed")
        # A poll may have been faster than the news.
        wait_until(lambda: reader["mizu_news_received_total"] >= 1, what="news")
        assert reader["mizu_feed_delay_seconds_sum"] >= 0
        wait_until(lambda: writer["mizu_news_sent_total"] >= len(scopes), what="news that were sent")
        assert writer["mizu_feed_delay_seconds_count"] == 0
        # Six scopes are of at least two of three committers, or the hash is none.
        wait_until(lambda: writer.total("mizu_commits_total")
                   == writer["mizu_commit_duration_seconds_count"] > 0, what="all commits' times")
        assert writer["mizu_pushes_total"] == len(scopes)
        assert [name for name in writer.before if name.startswith("mizu_commits_total")] == [
            f'mizu_commits_total{{committer="{number}"}}' for number in range(3)]
        assert writer["mizu_postgres_round_trips_total"] >= 2
        assert writer["mizu_postgres_wait_seconds_total"] > 0
        assert writer.now("mizu_postgres_connections_total") >= 3
        # An answer from memory asks where the log ends.
        pull(nodes[1], scopes[0], 0)
        assert reader["mizu_read_index_queries_total"] >= 1
        assert reader["mizu_read_index_requests_total"] >= 1
    for one in nodes:
        moved = Moves(one)
        wait_until(lambda moved=moved: moved.now("mizu_cluster_nodes") == 2
                   and moved.now("mizu_news_up") == 1, what="two nodes and news")
        assert moved.now("mizu_news_connections_total") >= 1
        assert moved.now("mizu_feed_lag_seconds") < 60


def test_commits_that_meet_those_of_another_node_are_counted_as_gaps_or_in_order(nodes):
    scope = new_scope()
    with WebSocket(nodes[0]) as one, WebSocket(nodes[1]) as other:
        subscribe(one, scope)
        subscribe(other, scope)
        moves = [Moves(running) for running in nodes]
        for turn in range(10):
            assert push_one(nodes[turn % 2], scope, create())["ok"]
        for moved in moves:
            def told(moved=moved):
                return moved["mizu_feed_delay_seconds_count"]
            wait_until(told, 60, "changes of the other")
            assert moved["mizu_feed_gaps_total"] >= 0 and moved["mizu_feed_catch_ups_total"] >= 0


def test_every_series_of_the_guide_is_there(nodes):
    text = scrape(nodes[0])
    guide = (ROOT / "Assets/Guides/operating.md").read_text()
    named = re.findall(r"^\| `((?:mizu|process)_\w+)[`{]", guide, re.M)
    families = set(re.findall(r"^# TYPE (\S+) ", text, re.M))
    # Of descriptors, where /proc lets the process look; of a replica, where there is one
    # (test_replica.py).
    missing = {name for name in set(named) - families
               if name != "process_open_fds" and not name.startswith("mizu_replica_")}
    assert len(named) > 40 and not missing, missing
    assert families <= set(named), families - set(named)


def test_promtool_finds_nothing_to_complain_of(nodes):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool (Debian's prometheus) is not installed")
    checked = subprocess.run([promtool, "check", "metrics"], input=scrape(nodes[0]).encode(),
                             capture_output=True, timeout=60, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@contextlib.contextmanager
def away(redis):
    """Ends the Redis, and lets it come back whatever happens."""
    redis.kill()
    try:
        yield
    finally:
        redis.start()


def test_without_news_a_node_says_that_it_polls_and_how_far_it_was_behind(nodes, shared):
    both_there(nodes)
    scope = new_scope()
    with WebSocket(nodes[1]) as watcher, away(shared[1]):
        subscribe(watcher, scope)
        moved = Moves(nodes[1])
        wait_until(lambda: all(Moves(one).now("mizu_news_up") == 0 for one in nodes), 60, "no news")
        assert cluster_of(nodes[1])["news"] == "poll"
        # The most of the last seconds is shown: what was missing earlier has to be out of it, and
        # what is missing now may be out of it before anybody looks.
        wait_until(lambda: figure(nodes[1], nodes[1], "changes_behind") == 0, what="nothing missing")

        def is_behind():
            assert len(push(nodes[0], scope, *[create() for _ in range(5)])) == 5
            return figure(nodes[1], nodes[1], "changes_behind")
        missing = wait_until(is_behind, what="what was missing")
        assert missing % 5 == 0, "a push is one commit"
        watcher.receive_until(lambda m: m["type"] in ("sync", "delta"))
        assert moved["mizu_feed_catch_ups_total"] >= 1
        # It was told by a poll, and how long that took is known all the same.
        wait_until(lambda: moved["mizu_feed_delay_seconds_count"] >= 1, what="how long it took")
        wait_until(lambda: moved["mizu_news_dropped_total"] > 0, 60, "a message that nobody takes")
    wait_until(lambda: all(cluster_of(one)["news"] == "redis" for one in nodes), 60, "news again")


def test_a_node_that_dies_is_shown_as_silent_and_then_not_any_more(nodes):
    both_there(nodes)
    nodes[1].kill()
    wait_until(lambda: " silent " in table(nodes[0]), 60, "a silent node")
    assert seen(nodes[0], nodes[1])["seen_ms"] >= 3_000
    wait_until(lambda: Moves(nodes[0]).now("mizu_cluster_nodes") == 1, 60, "one living node")
    wait_until(lambda: seen(nodes[0], nodes[1]) is None, 60, "the end of the silent node")
    assert table(nodes[0]).startswith("1 node on ")

    def is_telling_nobody():
        moved = Moves(nodes[0])
        for _ in range(30):
            assert push_one(nodes[0], new_scope(), create())["ok"]
        # Beside signs of life, one a second.
        return moved["mizu_news_sent_total"] < 30
    wait_until(is_telling_nobody, 60, "pushes that nobody is told of")
    nodes[0].stop(60)


def test_a_node_by_itself_shows_itself_and_its_database(postgres_cluster, start):
    name = postgres_cluster.create_database()
    try:
        running = start(database=postgres_cluster.url(name), env={"ADMIN_ADDR": "127.0.0.1:0"}).ready()
        running.admin = Admin(running)
        answer = cluster_of(running)
        [own] = answer["nodes"]
        assert own["node"] == answer["node"] and own["address"] == running.authority
        assert name in answer["store"] and answer["news"] in ("notify", "poll")
        assert own["figures"]["changes_behind"] == 0
        running.stop()
    finally:
        postgres_cluster.drop_database(name)
