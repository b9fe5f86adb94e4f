"""many-machines.md, "News by PostgreSQL alone": two nodes without Redis hear of each other by NOTIFY, also
after each way in which a connection ends; behind a pool they say so, ask the store instead, and hear
again where they are told PostgreSQL's own address.
"""

import contextlib
import signal

import pytest

import server as processes
import stores
from server import wait_until
from sync import create, new_scope
from test_protocol_ws import subscribe
from wire import WebSocket, post

HEARS = "news go by NOTIFY of PostgreSQL"
IS_DEAF = "what is notified is not heard"
SECONDS = 60


@pytest.fixture(scope="module")
def postgres():
    """A cluster that a test may end and crash."""
    cluster = stores.start_cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def start(tmp_path, postgres):
    """Starts a node on a new database of the test's, which is `start.name`."""
    nodes = []

    def start(url=None, **env):
        folder = tmp_path / f"node-{len(nodes)}"
        folder.mkdir()
        nodes.append(processes.Server(
            folder, database=url or postgres.url(start.name), env={"WORKERS": "1", **env}))
        return nodes[-1].ready()

    start.name = postgres.create_database()
    yield start
    try:
        for node in nodes:
            node.stop(60)
    finally:
        for node in nodes:
            node.kill()
        postgres.drop_database(start.name)


def hears(node, times=1):
    """Waits until the node has connected so often."""
    wait_until(lambda: node.errors.count(HEARS) >= times, SECONDS, lambda: node.errors)


def push(node, scope):
    """Pushes one mutation until it is acknowledged; the cursor behind it."""
    body = {"scope": scope, "client": "c", "mutations": [create()]}

    def ask():
        answer = post(node, "/_sync/push", body)
        return answer.status == 200 and answer.json["results"][0]["cursor"]

    return wait_until(ask, SECONDS, lambda: f"a push: {node.errors}")


def tell(pusher, hearer, scope, times=3):
    """Changes at one node come to a socket of the other."""
    with WebSocket(hearer, timeout=SECONDS) as ws:
        subscribe(ws, scope)
        for _ in range(times):
            cursor = push(pusher, scope)
            ws.receive_until(lambda m: m["type"] in ("sync", "delta")
                             and m["payload"]["cursor"] >= cursor)


def test_changes_are_told_after_whatever_ends_the_connection(start, postgres):
    nodes, scope = [start(), start()], new_scope()

    def end_listeners():
        ended = postgres.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                             "WHERE application_name = 'mizu news'")
        assert ended == "2"

    faults = [lambda: None, end_listeners, lambda: postgres.restart(signal.SIGINT),
              lambda: postgres.restart(signal.SIGQUIT)]
    with WebSocket(nodes[0], timeout=SECONDS) as kept:
        # It lives through all of it.
        subscribe(kept, scope)
        for number, fault in enumerate(faults, 1):
            fault()
            # Whether the carrier is back yet or not.
            push(nodes[1], scope)
            for node in nodes:
                hears(node, number)
            tell(nodes[0], nodes[1], scope)
            cursor = push(nodes[1], scope)
            kept.receive_until(lambda m: m["type"] in ("sync", "delta")
                               and m["payload"]["cursor"] >= cursor)


def test_behind_a_pool_the_store_is_asked_unless_the_own_address_is_known(start, postgres):
    with contextlib.closing(stores.start_bouncer(postgres)) as bouncer:
        pooled = bouncer.url(start.name)
        deaf = start(pooled)
        hearing = start(pooled, DATABASE_LISTEN_URL=postgres.url(start.name))
        hears(hearing)
        wait_until(lambda: IS_DEAF in deaf.errors, SECONDS, lambda: deaf.errors)
        assert "DATABASE_LISTEN_URL" in deaf.errors and HEARS not in deaf.errors
        for one, other in ((deaf, hearing), (hearing, deaf)):
            tell(one, other, new_scope(), times=1)
        assert deaf.errors.count(IS_DEAF) == 1


def test_a_url_that_is_none_is_refused_without_its_password(tmp_path, postgres):
    node = processes.Server(tmp_path, database=postgres.url(), env={
        "DATABASE_LISTEN_URL": "postgres://me:secret@word@host/x"})
    try:
        assert node.wait(60) != 0
        assert "DATABASE_LISTEN_URL" in node.errors and "secret" not in node.errors
    finally:
        node.kill()
