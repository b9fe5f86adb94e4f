"""The live connection, with a socket that says what a test tells it to."""

import json
import time

import pytest
from playwright.sync_api import WebSocketRoute, expect

from faults import Faults
from todo_page import TodoPage

PULL = "/_sync/pull"
TOPIC = "sync:_default"


WAIT_SECONDS = 60
# Pings are answered within the page, or a silence of this process would be the server's.
ANSWER_PINGS = """() => {
    window.answersPings = true;
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (text) {
        const { type, ref } = JSON.parse(text);
        window.lastSocket = this;
        if (type !== "ping") return send.call(this, text);
        if (answersPings) setTimeout(pong, 0, this, ref);
    };
    window.pong = (socket, ref) => socket.dispatchEvent(
        new MessageEvent("message", { data: JSON.stringify({ type: "pong", ref }) }));
}"""


def until(todo: TodoPage, condition) -> None:
    """Waits for what only this side can see; the page's events are handled meanwhile."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        todo.page.wait_for_timeout(20)


class Socket:
    """The server's end of /ws: hears subscriptions, and says what it is told to."""

    def __init__(self) -> None:
        self.connections: list[WebSocketRoute] = []
        self.subscriptions: list[dict] = []
        self.heard = lambda: None  # called for each subscription

    def accept(self, connection: WebSocketRoute) -> None:
        self.connections.append(connection)
        connection.on_message(lambda text: self._heard(connection, json.loads(text)))

    def say(self, kind: str, topic: str | None = TOPIC, **payload) -> None:
        message = {"type": kind, "topic": topic, "payload": payload}
        self.connections[-1].send(json.dumps(message))

    def _heard(self, connection: WebSocketRoute, message: dict) -> None:
        if message["type"] == "ping":  # from before ANSWER_PINGS
            connection.send(json.dumps({"type": "pong", "ref": message["ref"]}))
        if message["type"] == "subscribe":
            self.subscriptions.append(message)
            self.heard()


@pytest.fixture
def scene(server, new_context, watch):
    """A synced page at cursor 1, its socket, and a view of its requests."""
    watch.network_may_fail = True
    server.push({"id": "m1", "name": "todo.create", "args": {"id": "t1", "title": "First"}})
    page = new_context().new_page()
    socket = Socket()
    page.route_web_socket("**/ws", socket.accept)
    faults = Faults().over(page)
    page.goto(server.url)
    page.evaluate(ANSWER_PINGS)
    todo = TodoPage(page)
    todo.expect_synced()
    until(todo, lambda: socket.subscriptions and "cursor" in socket.subscriptions[-1])
    page.evaluate("mizu.client.sync()")  # behind whatever opening the socket has set off
    faults.sent.clear()
    return todo, socket, faults


def change(cursor: int, **data) -> dict:
    record = {"id": f"t{cursor}", "done": False, "created": f"2099-01-01T00:00:00.{cursor:03}Z"}
    return {"cursor": cursor, "scope": "_default", "entity": "todo", "id": record["id"],
            "op": "create", "data": {**record, **data}, "mutation": f"m{cursor}",
            "time": "2099-01-01T00:00:00.000Z"}


def position(todo) -> dict:
    return todo.page.evaluate("mizu.client.position")


def test_it_subscribes_with_its_position(scene):
    todo, socket, _ = scene
    here = position(todo)
    last = socket.subscriptions[-1]
    assert last["topic"] == TOPIC and last["ref"]
    assert (last["cursor"], last["epoch"]) == (here["cursor"], here["epoch"])


def test_a_delta_shows_without_a_request_and_twice_is_once(scene):
    todo, socket, faults = scene
    epoch = position(todo)["epoch"]
    for _ in range(2):
        socket.say("delta", base=1, cursor=2, epoch=epoch, changes=[change(2, title="Second")])
    todo.expect_titles("First", "Second")
    assert position(todo)["cursor"] == 2
    assert PULL not in faults.paths()


@pytest.mark.parametrize("kind", ["gap", "epoch", "poke"])
def test_a_hole_another_epoch_and_a_poke_mean_pull(server, scene, kind):
    todo, socket, faults = scene
    epoch = position(todo)["epoch"]
    server.push({"id": "m2", "name": "todo.create", "args": {"id": "t2", "title": "Second"}})
    if kind == "gap":
        socket.say("delta", base=2, cursor=3, epoch=epoch, changes=[change(3, title="Third")])
    elif kind == "epoch":
        socket.say("delta", base=1, cursor=2, epoch="other", changes=[change(2, title="No")])
    else:
        socket.say("sync", cursor=2, epoch=epoch)
    todo.expect_titles("First", "Second")
    assert faults.bodies(PULL)[0]["cursor"] == 1


def test_a_poke_at_or_below_the_cursor_asks_nothing(scene):
    todo, socket, faults = scene
    epoch = position(todo)["epoch"]
    socket.say("sync", cursor=1, epoch=epoch)
    socket.say("sync", cursor=0, epoch=epoch)
    socket.say("delta", base=1, cursor=2, epoch=epoch, changes=[change(2, title="Second")])
    todo.expect_titles("First", "Second")
    assert PULL not in faults.paths()


def test_a_drain_is_obeyed(scene):
    todo, socket, _ = scene
    since = todo.page.evaluate("""() => {
        window.waits = [];
        const { setTimeout } = window;
        window.setTimeout = (act, milliseconds, ...rest) => {
            waits.push(milliseconds);
            return setTimeout(act, milliseconds, ...rest);
        };
        return performance.now();
    }""")
    socket.say("drain", topic=None, retry_after_ms=400, spread_ms=300)
    until(todo, lambda: len(socket.connections) == 2)
    took = todo.page.evaluate("performance.now()") - since
    waits = todo.page.evaluate("waits")
    assert took >= 400 and any(400 <= wait <= 700 for wait in waits), (took, waits)
    todo.expect_state("online")


def test_an_online_event_does_not_end_a_drain(scene):
    """The drain's timer is the only one: without it the page would never connect again."""
    todo, socket, _ = scene
    socket.say("drain", topic=None, retry_after_ms=900, spread_ms=1)
    todo.page.evaluate("() => { dispatchEvent(new Event('online')); }")
    socket.connections[-1].close(code=1012)
    until(todo, lambda: len(socket.connections) == 2)
    todo.expect_state("online")


def test_a_subscription_that_is_over_is_made_again(server, scene):
    """Until then the page polls, although its socket is open."""
    todo, socket, faults = scene
    before, pulled = len(socket.subscriptions), []
    socket.heard = lambda: pulled.append(PULL in faults.paths())
    socket.connections[-1].send(json.dumps(
        {"type": "error", "topic": TOPIC, "code": "rate_limited", "error": "a test says so"}))
    until(todo, lambda: len(socket.subscriptions) > before)
    assert pulled[0]  # not at once: the server has just refused
    assert socket.subscriptions[-1]["cursor"] == 1


def test_a_late_pong_ends_the_silence(scene):
    todo, socket, _ = scene
    todo.page.evaluate("() => { answersPings = false; }")
    todo.expect_state("offline")
    todo.page.evaluate("() => { answersPings = true; pong(lastSocket); }")
    todo.expect_state("online")


def test_a_closed_socket_is_opened_again(scene):
    todo, socket, _ = scene
    for code in (4000, 1012, 1013):
        before = len(socket.connections)
        socket.connections[-1].close(code=code)
        until(todo, lambda: len(socket.connections) > before)
    todo.expect_state("online")
    expect(todo.items).to_have_count(1)
