"""protocol.md, "One truth", where reads go to a replica of PostgreSQL (DATABASE_READ_URL): what it has is read
from it, what it has not come to is read from the primary, and what it shows too early is shown by nobody. A
replica that is paused, silent, killed, promoted or of another database costs nothing but that way.

One primary and one standby for the module; the tests that end or promote the standby are the last.
"""

import shutil
import subprocess
import threading

import pytest

import server as processes
import stores
from relay import Relay
from server import MIZU, wait_until
from sync import create, mutation, new_id, new_scope, pull, pull_all, push, push_one, snapshot
from test_metrics import Admin, samples, scrape
from test_protocol_ws import subscribe
from wire import WebSocket, fetch

READS = "mizu_replica_reads_total"


@pytest.fixture(scope="module")
def primary():
    cluster = stores.start_cluster()
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def replica(primary):
    with primary.standby(synchronous=False) as standby:
        yield standby


@pytest.fixture(scope="module")
def database(primary):
    return primary.create_database()


@pytest.fixture(scope="module")
def way(replica):
    """The reading node's way to the replica."""
    with Relay(replica.port) as relay:
        yield relay


@pytest.fixture(scope="module")
def writer(primary, database, tmp_path_factory):
    node = processes.Server(tmp_path_factory.mktemp("writer"), primary.url(database)).ready()
    yield node
    node.kill()


def reading_node(folder, primary, database, url):
    node = processes.Server(folder, primary.url(database), env={
        "DATABASE_READ_URL": url, "ADMIN_ADDR": "127.0.0.1:0", "WORKERS": "2"}).ready()
    node.admin = Admin(node)
    return node


@pytest.fixture(scope="module")
def reader(primary, replica, database, way, writer, tmp_path_factory):
    """A node that nobody pushes to: it knows of scopes what it reads."""
    node = reading_node(tmp_path_factory.mktemp("reader"), primary, database,
                        replica.url(database, through=way))
    yield node
    assert node.child.poll() is None, node.errors
    node.stop()


def reads(node):
    return samples(scrape(node))[READS]


def misses(node, reason):
    return samples(scrape(node))[f'mizu_replica_misses_total{{reason="{reason}"}}']


def written(writer, count=3):
    """A scope that nobody has read, and the outcomes of its pushes."""
    scope = new_scope()
    return scope, [push_one(writer, scope, create()) for _ in range(count)]


def expect_all(reader, scope, results):
    """Every way of reading shows the scope up to its last outcome."""
    cursor = results[-1]["cursor"]
    changes, *_ = pull_all(reader, scope)
    assert [c["mutation"] for c in changes] == [r["id"] for r in results], changes
    assert snapshot(reader, scope).json["cursor"] == cursor
    with WebSocket(reader) as ws:
        assert subscribe(ws, scope)["cursor"] == cursor


def until_it_answers(writer, reader):
    """A replica rests for a while after a failure: reads until it is asked again."""
    before = reads(reader)

    def is_used():
        expect_all(reader, *written(writer))
        return reads(reader) > before
    wait_until(is_used, 60, lambda: f"a read of the replica; {reader.errors[-2000:]}")


def test_what_the_replica_has_is_read_from_it(primary, replica, writer, reader):
    def all_of_it():
        scopes = [written(writer) for _ in range(10)]
        replica.catch_up(primary)
        before, behind = reads(reader), misses(reader, "behind")
        for scope, results in scopes:
            expect_all(reader, scope, results)
        assert misses(reader, "behind") == behind
        # One page of changes and one of records for each. Fewer where the replica was not on a core
        # in time: then it rests, and is asked again.
        return reads(reader) >= before + 20

    wait_until(all_of_it, what="reads of the replica alone")


def test_a_page_of_the_app_is_read_from_it(primary, replica, writer, reader):
    def is_of_the_replica():
        title = f"page {new_id()}"
        assert push_one(writer, "_default", create(title=title))["ok"]
        replica.catch_up(primary)
        before = reads(reader)
        for path in ("/", "/api/todos"):
            assert title in fetch(reader, "GET", path).body.decode()
        return reads(reader) > before

    wait_until(is_of_the_replica, what="a page of the replica")


def test_nobody_sees_less_than_was_told_while_the_replay_is_paused(
        primary, replica, writer, reader):
    old, old_results = written(writer)
    replica.catch_up(primary)
    replica.pause_replay()
    try:
        before = misses(reader, "behind")
        record, scope = new_id(), new_scope()
        results = []

        def turn_is_over(turn):
            results.append(push_one(writer, scope, create(record) if turn == 0 else mutation(
                "todo.update", id=record, title=f"turn {turn}")))
            expect_all(reader, scope, results)
            title = f"page {new_id()}"
            assert push_one(writer, "_default", create(title=title))["ok"]
            assert title in fetch(reader, "GET", "/").body.decode()
            return misses(reader, "behind") > before

        for turn in range(20):
            turn_is_over(turn)
        # A replica that answered late before rests, and is asked again.
        wait_until(lambda: turn_is_over(len(results)), what="a replica that is behind")
        # What it has shown all along it may still show; the other node moves it once more.
        expect_all(reader, old, old_results)
        old_results.append(push_one(writer, old, create()))
        expect_all(reader, old, old_results)
    finally:
        replica.resume_replay()
    until_it_answers(writer, reader)


def test_what_the_primary_does_not_show_yet_nobody_sees(
        primary, replica, database, writer, reader):
    """A commit that waits for a synchronous standby is on the replica already, and nowhere else."""
    scope, results = written(writer)
    until_it_answers(writer, reader)
    primary.settings["synchronous_standby_names"] = "'nobody'"
    primary.command()
    primary.sql("SELECT pg_reload_conf()")
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(push(writer, scope, create(), create())), daemon=True)
    try:
        wait_until(lambda: primary.sql("SHOW synchronous_standby_names") == "nobody", 60, "the setting")
        waiting.start()
        last = f"SELECT cursor FROM mizu_scope WHERE name = '{scope}'"
        wait_until(lambda: replica.sql(last, database) == "5", 60, "the commit there")
        assert primary.sql(last, database) == "3" and not answers
        before = misses(reader, "ahead")

        def is_ahead():
            expect_all(reader, scope, results)
            return misses(reader, "ahead") > before
        wait_until(is_ahead, what="a replica that is ahead")
    finally:
        primary.settings["synchronous_standby_names"] = "''"
        primary.command()
        primary.sql("SELECT pg_reload_conf()")
    waiting.join(60)
    assert answers and answers[0][-1]["cursor"] == 5
    expect_all(reader, scope, results + answers[0])


@pytest.mark.parametrize("mode", ["hold", "answers", "cut"])
def test_a_way_that_breaks_costs_the_way_to_the_primary(writer, reader, way, mode):
    until_it_answers(writer, reader)
    before = misses(reader, "away") + misses(reader, "late")
    way.set(mode)

    def is_missed():
        expect_all(reader, *written(writer))
        return misses(reader, "away") + misses(reader, "late") > before

    try:
        for _ in range(4):
            expect_all(reader, *written(writer))
        wait_until(is_missed, what="a replica that is missed")
    finally:
        way.set("pass")
    until_it_answers(writer, reader)


def test_the_admin_address_tells_how_often_it_was_of_use(reader):
    (node,) = [n for n in fetch(reader.admin, "GET", "/cluster").json["nodes"]
               if "replica_reads" in n["figures"]]
    assert node["figures"]["replica_reads"] > 0 and node["figures"]["replica_misses"] > 0
    promtool = shutil.which("promtool")
    if promtool:
        checked = subprocess.run([promtool, "check", "metrics"], input=scrape(reader).encode(),
                                 capture_output=True, timeout=60, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_replica_of_another_database_is_not_read(primary, replica, database, tmp_path):
    """By its address it is a replica, with tables of mizu and rows of the same names."""
    other = primary.create_database()
    scope = new_scope()
    folders = [tmp_path / name for name in ("other", "empty", "node")]
    for folder in folders:
        folder.mkdir()
    stranger = processes.Server(folders[0], primary.url(other)).ready()
    try:
        for _ in range(5):
            push_one(stranger, scope, create())
    finally:
        stranger.stop()
    for folder, name in ((folders[1], primary.create_database()), (folders[2], other)):
        replica.catch_up(primary)
        node = reading_node(folder, primary, database, replica.url(name))
        try:
            results = [push_one(node, scope, create())]
            def is_told_apart():
                assert snapshot(node, scope).json["cursor"] == results[0]["cursor"]
                assert reads(node) == 0
                return misses(node, "other_database") > 0
            wait_until(is_told_apart, what="another database")
            # Which one it is, by its address.
            said = f"of another database than DATABASE_URL: PostgreSQL at 127.0.0.1 port {replica.port}"
            wait_until(lambda: said in node.errors, 60, "the log")
        finally:
            node.stop()
        scope = new_scope()


@pytest.mark.parametrize("settings, words", [
    ({"DATABASE_READ_URL": "redis://localhost"}, "DATABASE_READ_URL"),
    ({"DATABASE_READ_URL": "postgres://a:b@c@d/e"}, "DATABASE_READ_URL cannot be read"),
    ({"DATABASE_READ_URL": "postgres://localhost/x", "DATABASE_URL": "memory:"},
     "DATABASE_READ_URL names a replica"),
    ({"DATABASE_READ_URL": "postgres://localhost/x", "DATABASE_URL": None},
     "DATABASE_READ_URL names a replica")])
def test_a_setting_that_means_nothing_is_refused_at_the_start(
        primary, database, tmp_path, settings, words):
    environment = {"ADDR": "127.0.0.1:0", "DATABASE_URL": primary.url(database), "PATH": "/usr/bin",
                   **settings}
    done = subprocess.run(
        [MIZU, "serve"], env={k: v for k, v in environment.items() if v is not None}, cwd=tmp_path,
        capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and words in done.stderr, done.stderr
    assert "a:b" not in done.stderr


# --- what ends the replica ------------------------------------------------------------------------


def test_a_replica_that_is_killed_and_comes_back(primary, replica, writer, reader):
    until_it_answers(writer, reader)
    before = misses(reader, "away")
    replica.crash()

    def is_missed():
        expect_all(reader, *written(writer))
        return misses(reader, "away") > before

    for _ in range(5):
        expect_all(reader, *written(writer))
    wait_until(is_missed, what="a replica that is missed")
    replica.start()
    until_it_answers(writer, reader)


def test_a_replica_that_was_promoted_is_not_read(primary, replica, writer, reader):
    until_it_answers(writer, reader)
    replica.promote()
    count = reads(reader)

    def is_known():
        expect_all(reader, *written(writer))
        assert reads(reader) == count
        return misses(reader, "promoted") > 0

    for _ in range(5):
        expect_all(reader, *written(writer))
    wait_until(is_known, what="a primary in the replica's place")
