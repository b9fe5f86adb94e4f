"""One node's way to PostgreSQL or Redis breaks at a chosen moment, while another node has its own (relay.py):
what was committed and not answered is known when it is tried again; a node that cannot ask answers nothing
old; and without news a change comes a little later.
"""

import threading

import pytest

import server as processes
from daemon import Missing
from redis_server import Redis
from relay import Relay
from server import wait_until
from sync import create, new_scope, pull, pull_all, push_one
from test_protocol_ws import subscribe
from wire import Closed, Connection, WebSocket, post

GONE = (Closed, OSError, TimeoutError)


@pytest.fixture
def two(tmp_path, postgres_cluster):
    """(node behind the relay, node beside it, relay)"""
    name = postgres_cluster.create_database()
    nodes = []
    with Relay(postgres_cluster.port) as relay:
        for number, through in enumerate((relay, None)):
            folder = tmp_path / str(number)
            folder.mkdir()
            nodes.append(processes.Server(folder, postgres_cluster.url(name, through=through)))
        try:
            yield nodes[0].ready(), nodes[1].ready(), relay
            for node in nodes:
                assert node.child.poll() is None, node.errors
        finally:
            for node in nodes:
                node.kill()
    postgres_cluster.drop_database(name)


class Asked(threading.Thread):
    """A request in a thread of its own; `answer` is None if the connection ended."""

    def __init__(self, node, path, body):
        super().__init__(daemon=True)
        self.node, self.path, self.body, self.answer = node, path, body, None
        self.start()

    def run(self):
        try:
            with Connection(self.node, timeout=60) as connection:
                self.answer = post(connection, self.path, self.body)
        except GONE:
            pass


def push_until_ok(node, scope, one):
    def result():
        answer = post(node, "/_sync/push", {"scope": scope, "mutations": [one]})
        if answer.status == 503:
            return None
        assert answer.status == 200, answer
        (found,) = answer.json["results"]
        return None if found.get("retry") else found
    return wait_until(result, 60, "a push that is decided")


def test_what_was_committed_and_not_answered_is_known_when_it_is_tried_again(two):
    behind, beside, relay = two
    scope, one = new_scope(), create()
    assert push_one(behind, scope, create())["ok"]
    relay.set("answers")
    asked = Asked(behind, "/_sync/push", {"scope": scope, "mutations": [one]})
    # The node sends what it must before COMMIT and waits, on several connections. So the answers
    # that came before the other node was asked are let through until it sees the change: the one
    # to COMMIT is never among them.
    def is_there():
        held = relay.held_answers()
        if any(c["mutation"] == one["id"] for c in pull_all(beside, scope)[0]):
            return True
        relay.let_through(held)
        return False

    wait_until(is_there, 60, "the commit")
    relay.set("cut")
    asked.join(60)
    assert not asked.is_alive(), "the push waits for ever"
    if asked.answer is not None and asked.answer.status == 200:
        (result,) = asked.answer.json["results"]
        assert result.get("ok") or result.get("retry"), asked.answer
    elif asked.answer is not None:
        assert asked.answer.status == 503, asked.answer
    relay.set("pass")
    again = push_until_ok(behind, scope, one)
    assert again["ok"] and again["cursor"] == 2, again
    assert len(pull_all(behind, scope)[0]) == len(pull_all(beside, scope)[0]) == 2


def test_a_node_that_cannot_ask_answers_nothing_old(two):
    behind, beside, relay = two
    scope = new_scope()
    epoch = push_one(behind, scope, create())["epoch"]
    assert pull(behind, scope, 1, epoch).status == 200
    relay.set("hold")
    assert push_one(beside, scope, create())["cursor"] == 2
    asked = [Asked(behind, "/_sync/pull", {"scope": scope, "cursor": 1, "epoch": epoch}),
             Asked(behind, "/_sync/snapshot", {"scope": scope}),
             Asked(behind, "/_sync/push", {"scope": scope, "mutations": [create()]})]
    for one in asked:
        one.join(1)
    relay.set("pass")
    for one in asked:
        one.join(60)
        assert not one.is_alive(), f"{one.path} waits for ever"
        if one.answer is None or one.answer.status == 503:
            continue
        assert one.answer.status == 200, one.answer
        told = one.answer.json
        shown = told.get("next_cursor", told.get("cursor"))
        if shown is None:
            result = told["results"][0]
            assert result.get("retry") or result["cursor"] >= 3, result
        else:
            assert shown >= 2, f"{one.path} shows {shown}, and 2 was acknowledged before"


def test_a_way_that_is_cut_is_found_again_by_itself(two):
    behind, beside, relay = two
    scope = new_scope()
    assert push_one(behind, scope, create())["ok"]
    for mode in ("cut", "hold"):
        relay.set(mode)
        asked = Asked(behind, "/_sync/push", {"scope": scope, "mutations": [create()]})
        asked.join(0.3)
        relay.set("cut")
        relay.set("pass")
        asked.join(60)
        assert not asked.is_alive()
        assert push_until_ok(behind, scope, create())["ok"]
    assert pull_all(behind, scope)[0] == pull_all(beside, scope)[0]


@pytest.mark.parametrize("mode", ["cut", "hold"])
def test_without_news_a_change_comes_a_little_later(tmp_path, postgres_cluster, mode):
    name, nodes = postgres_cluster.create_database(), []
    try:
        redis = Redis()
    except Missing as reason:
        pytest.skip(str(reason))
    with redis.start(), Relay(redis.port) as relay:
        for number in range(2):
            folder = tmp_path / str(number)
            folder.mkdir()
            nodes.append(processes.Server(folder, postgres_cluster.url(name), {
                "REDIS_URL": redis.url_through(relay)}).ready())
        try:
            scope = new_scope()
            with WebSocket(nodes[1], timeout=60) as ws:
                subscribe(ws, scope)
                for number in range(1, 4):
                    if number == 2:
                        relay.set(mode)
                    if number == 3:
                        relay.set("pass")
                    assert push_one(nodes[0], scope, create())["cursor"] == number
                    ws.receive_until(
                        lambda m: m["type"] in ("sync", "delta")
                        and m["payload"]["cursor"] >= number, 60)
            for node in nodes:
                node.stop(60)
        finally:
            for node in nodes:
                node.kill()
    postgres_cluster.drop_database(name)
