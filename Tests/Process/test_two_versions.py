"""many-machines.md, "Two versions side by side": news of a version that is not out yet are passed over and
counted; tables of a newer schema are used as far as it says, and refused beyond; and, where MIZU_PREVIOUS
names the binary of an earlier release, both serve one database together.
"""

import base64
import contextlib
import os
import struct
import subprocess
import threading

import pytest

import server as processes
from daemon import Missing
from redis_server import Redis
from server import MIZU, wait_until
from sync import create, new_scope, pull, pull_all, push, push_one
from test_metrics import Admin, samples, scrape
from test_protocol_ws import subscribe
from wire import WebSocket, fetch, post

PREVIOUS = os.environ.get("MIZU_PREVIOUS")


@pytest.fixture
def database(postgres_cluster):
    name = postgres_cluster.create_database()
    yield name
    postgres_cluster.drop_database(name)


@pytest.fixture
def start(postgres_cluster, database, tmp_path):
    nodes = []

    def start(command=(MIZU, "serve"), **env):
        folder = tmp_path / f"node-{len(nodes)}"
        folder.mkdir()
        nodes.append(processes.Server(
            folder, postgres_cluster.url(database), command=command,
            env={"WORKERS": "1", "ADMIN_ADDR": "127.0.0.1:0", **env}))
        node = nodes[-1].ready()
        node.admin = Admin(node)
        return node

    yield start
    try:
        for node in nodes:
            node.stop(60)
    finally:
        for node in nodes:
            node.kill()


# --- news -----------------------------------------------------------------------------------------


def message(kind, fields=b"", form=1):
    """As NewsCoding has it, of a node that nobody knows."""
    return bytes([0x6D, form, kind]) + struct.pack(">Q", 0xFEED) + fields


def text(content):
    return bytes([len(content)]) + content.encode()


HEARTBEAT = 9
# A later version appends fields.
REPORT = (text("10.0.0.9:80") + text("99.0.0") + b"\x01" + b"\x00" + b"\x00" + b"\x00"
          + b"what version 1 does not know")


class ByRedis:
    waits_for = "news go by"

    def __init__(self, stack, cluster, database):
        self.redis = stack.enter_context(Redis()).start()
        self.settings = {"REDIS_URL": self.redis.url}

    def tell(self, content):
        self.redis.ask("PUBLISH", "mizu:n", content)


class ByNotify:
    settings = {}

    def __init__(self, stack, cluster, database):
        self.cluster, self.database, self.number = cluster, database, 0

    def tell(self, content):
        """In every channel of PostgreSQL: which one is a matter of a hash."""
        self.number += 1
        frame = bytes([1]) + struct.pack(">QQHHH", 0xFEED, self.number, 0, 1, 6) + b"mizu:n" + content
        payload = base64.b64encode(frame).decode()
        self.cluster.sql(
            "SELECT count(pg_notify('mizu.' || to_hex(n), $$" + payload + "$$)) "
            "FROM generate_series(0, 63) n", self.database)


@pytest.mark.parametrize("kind", [ByRedis, ByNotify])
def test_news_of_a_version_to_come_are_passed_over_and_counted(
        postgres_cluster, database, start, kind):
    with contextlib.ExitStack() as stack:
        try:
            carrier = kind(stack, postgres_cluster, database)
        except Missing as reason:
            pytest.skip(str(reason))
        node, other = start(**carrier.settings), start(**carrier.settings)
        for one in (node, other):
            wait_until(lambda: samples(scrape(one))["mizu_news_up"] == 1, 60, "the carrier")

        def figures():
            found = samples(scrape(node))
            return (found["mizu_news_passed_over_total"], found["mizu_news_malformed_total"])

        def heard(wanted):
            wait_until(lambda: figures() == wanted, 60, lambda: f"{wanted}: {figures()}")

        heard((0, 0))
        carrier.tell(message(1, b"what commits may be then", form=2))
        heard((1, 0))
        carrier.tell(message(200, b"something else"))
        heard((2, 0))
        carrier.tell(message(1, b"no commit of any version"))
        heard((2, 1))
        carrier.tell(message(HEARTBEAT, REPORT))
        wait_until(lambda: "99.0.0" in [n["version"] for n in fetch(
            node.admin, "GET", "/cluster").json["nodes"]], 60, "the node of a version to come")
        assert figures() == (2, 1)
        expect_news(node, other)


def expect_news(*nodes):
    """Each hears what is pushed to the others."""
    scope = new_scope()
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(WebSocket(node)) for node in nodes]
        for ws in sockets:
            subscribe(ws, scope, (0, "e"))
        for turn in range(6):
            cursor = push_one(nodes[turn % len(nodes)], scope, create())["cursor"]
            for ws in sockets:
                ws.receive_until(lambda m, cursor=cursor: m["type"] in ("delta", "sync")
                                 and m["payload"]["cursor"] >= cursor)


# --- tables ---------------------------------------------------------------------------------------


def readiness(node):
    answer = fetch(node, "GET", "/readyz")
    return "ok" if answer.status == 200 else answer.json["reason"]


def test_a_newer_schema_is_used_as_far_as_it_says(postgres_cluster, database, start):
    def sql(text):
        return postgres_cluster.sql(text, database)

    node, scope = start(), new_scope()
    push_one(node, scope, create())
    # What only adds: a column that has a default, and a table.
    sql("BEGIN; UPDATE mizu_meta SET version = version + 1; "
        "ALTER TABLE mizu_record ADD note text NOT NULL DEFAULT ''; CREATE TABLE mizu_new(a int); COMMIT")
    push_one(node, scope, create())
    late = start()
    push_one(late, scope, create())
    assert len(pull_all(node, scope)[0]) == len(pull_all(late, scope)[0]) == 3
    assert {readiness(node), readiness(late)} == {"ok"}


def test_a_schema_that_is_not_for_it_is_refused_and_what_runs_is_not_ready(
        postgres_cluster, database, start, tmp_path):
    def sql(text):
        return postgres_cluster.sql(text, database)

    node, scope = start(), new_scope()
    acknowledged, is_over = [push_one(node, scope, create())["cursor"]], threading.Event()

    def load():
        """Pushes until one is refused for good."""
        while not is_over.is_set():
            answer = post(node, "/_sync/push", {"scope": scope, "mutations": [create()]})
            assert answer.status in (200, 503), answer
            acknowledged.extend(r["cursor"] for r in (answer.json.get("results") or []) if r["ok"])

    worker = threading.Thread(target=load, daemon=True)
    worker.start()
    try:
        wait_until(lambda: len(acknowledged) > 20, 60, "pushes")
        # In one transaction, as a migration: what is in the middle of a push finds no table.
        sql("BEGIN; UPDATE mizu_meta SET version = version + 1, compatible = version + 1; "
            "ALTER TABLE mizu_scope RENAME TO mizu_scope_2; COMMIT")
        count = int(sql(f"SELECT cursor FROM mizu_scope_2 WHERE name = '{scope}'"))
        wait_until(lambda: readiness(node) == "newer_schema", 60, lambda: readiness(node))
        words = "belongs to a newer version of mizu (schema 2, this one knows 1): upgrade mizu"
        wait_until(lambda: words in node.errors, what=lambda: node.errors)
        # Rows that it might misread are not shown, either.
        assert pull(node, scope).status == 503
        done = subprocess.run(
            [MIZU, "serve"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
            env={"ADDR": "127.0.0.1:0", "DATABASE_URL": postgres_cluster.url(database)})
        assert done.returncode != 0 and "belongs to a newer version of mizu" in done.stderr
        # Also where there is no other hindrance than what the schema says of itself.
        sql("ALTER TABLE mizu_scope_2 RENAME TO mizu_scope")
        answer = post(node, "/_sync/push", {"scope": scope, "mutations": [create()]})
        assert answer.status == 503 and readiness(node) == "newer_schema"
        assert pull(node, scope).status == 503
        assert int(sql(f"SELECT cursor FROM mizu_scope WHERE name = '{scope}'")) == count
        assert int(sql(f"SELECT count(*) FROM mizu_log WHERE scope = '{scope}'")) == count
    finally:
        is_over.set()
        worker.join(60)
    assert acknowledged == list(range(1, count + 1)) or acknowledged == list(range(1, count))
    # The backup from before the migration was put back: it goes on by itself.
    sql("UPDATE mizu_meta SET version = version - 1, compatible = compatible - 1")
    wait_until(lambda: readiness(node) == "ok", 60, lambda: readiness(node))
    assert push_one(node, scope, create())["cursor"] == count + 1


# --- an earlier release ---------------------------------------------------------------------------


@pytest.mark.skipif(not PREVIOUS, reason="MIZU_PREVIOUS names no binary of an earlier release")
@pytest.mark.parametrize("kind", [ByRedis, ByNotify])
def test_an_earlier_release_serves_beside_this_one(postgres_cluster, database, start, kind):
    with contextlib.ExitStack() as stack:
        try:
            carrier = kind(stack, postgres_cluster, database)
        except Missing as reason:
            pytest.skip(str(reason))
        old = start(command=(PREVIOUS, "serve"), **carrier.settings)
        scope, epoch, cursor = new_scope(), None, 0
        first = push_one(old, scope, create())
        cursor, epoch = first["cursor"], first["epoch"]
        new = start(**carrier.settings)
        for one in (old, new):
            wait_until(lambda: samples(scrape(one))["mizu_news_up"] == 1, 60, "the carrier")
        expect_news(old, new)
        for turn in range(40):
            one, other = (old, new) if turn % 2 else (new, old)
            result = push_one(one, scope, create())
            page = pull(other, scope, cursor, epoch)
            assert page.status == 200 and page.json["changes"] == result["changes"], page
            cursor = result["cursor"]
        # A mutation is known whichever of them has applied it.
        batch = [create() for _ in range(5)]
        applied = push(old, scope, *batch)
        assert [(r["cursor"], r["duplicate"]) for r in push(new, scope, *batch)] == [
            (r["cursor"], True) for r in applied]
        assert pull_all(old, scope)[0] == pull_all(new, scope)[0]
        for one in (old, new):
            versions = wait_until(lambda: len(nodes := fetch(
                one.admin, "GET", "/cluster").json["nodes"]) == 2 and nodes, 60, "both nodes")
            assert len(versions) == 2
        # The old one goes as in a rolling upgrade; what it has told is here.
        old.stop()
        assert len(pull_all(new, scope)[0]) == cursor + 5
        assert push_one(new, scope, create())["cursor"] == cursor + 6
        assert samples(scrape(new))["mizu_news_malformed_total"] == 0
