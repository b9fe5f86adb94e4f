"""Nodes behind HAProxy, set up as the guide to many machines says (the snippet is taken out of it): a
rolling restart under load fails no request, and a node that dies is nobody's trouble for long.
"""

import random
import select
import socket
import threading

import pytest

from daemon import Missing, free_port
from guides import blocks
from haproxy import HAProxy
from server import wait_until
from sync import create, new_scope, pull_all
from wire import Closed, Connection, WebSocket, fetch, post

GONE = (Closed, OSError, TimeoutError)
# Nobody else's address: while a node is away, no connection of another test is given its port.
HOST = "127.0.0.61"


def snippet():
    (found,) = [text for kind, text in blocks("many-machines.md") if kind == "haproxy"]
    return found


class Balanced:
    """HAProxy before two nodes at addresses that stay."""

    def __init__(self, start, store, tmp_path):
        self.start_one, self.url, self.folder = start, store.new_url(), tmp_path
        self.ports = [free_port(HOST), free_port(HOST)]
        self.nodes = [self.run(0), self.run(1)]
        text = snippet()
        for place, port in zip(("127.0.0.1:8081", "127.0.0.1:8082"), self.ports):
            assert text.count(place) == 1, text
            text = text.replace(place, f"{HOST}:{port}")
        self.proxy = HAProxy("global\n    stats socket STATS level admin\n" + text)
        self.stats = self.proxy.folder / "stats"
        self.proxy.configuration = self.proxy.configuration.replace("STATS", str(self.stats))

    def run(self, index):
        return self.start_one(
            folder=self.folder, database=self.url, address=f"{HOST}:{self.ports[index]}",
            env={"HOSTS": "any", "TRUSTED_PROXIES": "127.0.0.1", "DRAIN_TIMEOUT": "2"}).ready()

    def column(self, number):
        """What the balancer says in one column of its statistics for both nodes; None before it
        listens for that, which is after it listens to the world."""
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self.stats))
            except (FileNotFoundError, ConnectionRefusedError):
                return None
            connection.sendall(b"show stat\n")
            text = b""
            while part := connection.recv(65536):
                text += part
        found = [line.split(",")[number] for line in text.decode().splitlines()
                 if line.startswith(("nodes,a,", "nodes,b,"))]
        assert len(found) == 2, text
        return found

    def is_up(self):
        """Whether the balancer takes both nodes for healthy."""
        return self.column(17) == ["UP", "UP"]

    def has_node(self):
        """Whether there is one that it would send a request to."""
        return any(state.startswith("UP") for state in self.column(17))

    def sessions(self):
        """How many connections the balancer has with each node."""
        return [int(count) for count in self.column(4)]


@pytest.fixture
def balanced(start, store, tmp_path):
    try:
        made = Balanced(start, store, tmp_path)
        with made.proxy.start():
            wait_until(made.is_up, 60, "two healthy nodes")
            yield made
    except Missing as reason:
        pytest.skip(str(reason))


class Visitor(threading.Thread):
    """Asks through the balancer, on one connection as long as that is held, until told to stop."""

    def __init__(self, balanced, scope, number):
        super().__init__(daemon=True)
        self.balanced, self.proxy = balanced, balanced.proxy
        self.scope, self.number = scope, number
        self.rng, self.stop, self.wrong = random.Random(number), threading.Event(), []
        self.pages, self.acknowledged, self.cut = 0, [], 0

    def run(self):
        connection, one = None, None
        while not self.stop.is_set():
            try:
                connection = connection or Connection(self.proxy)
                if one is None and self.rng.random() < 0.5:
                    answer = connection.request("GET", "/readyz")
                    self.pages += answer.status == 200
                else:
                    one = one or create()
                    answer = post(connection, "/_sync/push", {
                        "scope": self.scope, "mutations": [one]})
                    # A node that drains may say so to who is still there; the edit stays in the queue.
                    result = answer.json["results"][0] if answer.status == 200 else {"retry": True}
                    if result.get("ok"):
                        self.acknowledged.append(one["id"])
                        one = None
                    elif answer.status != 503 and not result.get("retry"):
                        self.wrong.append(answer)
                # The balancer itself answers for nodes that it takes for dead: both of them, where the
                # one that is left was not on a core for two seconds.
                if answer.status not in (200, 503) or (
                        b"<html" in answer.body and self.balanced.has_node()):
                    self.wrong.append(answer)
                if answer.get("connection") == "close":
                    connection.close()
                    connection = None
            except GONE:
                self.cut += 1
                connection = None
            self.stop.wait(0.005)


@pytest.mark.stores("postgres")
def test_a_rolling_restart_under_load_fails_nothing_and_loses_nothing(balanced):
    scope = new_scope()
    visitors = [Visitor(balanced, scope, number) for number in range(4)]
    for visitor in visitors:
        visitor.start()

    def work():
        return sum(len(v.acknowledged) for v in visitors)

    for index in (0, 1):
        so_far = work()
        wait_until(lambda: work() > so_far + 20, 60, "pushes through the balancer")
        balanced.nodes[index].stop(60)
        so_far = work()
        wait_until(lambda: work() > so_far + 20, 60, "pushes through the other node")
        balanced.nodes[index] = balanced.run(index)
        wait_until(balanced.is_up, 60, "two healthy nodes")
    for visitor in visitors:
        visitor.stop.set()
    for visitor in visitors:
        visitor.join(60)
        assert not visitor.is_alive() and not visitor.wrong, visitor.wrong[:3]
    acknowledged = [one for visitor in visitors for one in visitor.acknowledged]
    for node in balanced.nodes:
        found = [change["mutation"] for change in pull_all(node, scope)[0]]
        assert len(found) == len(set(found)), "applied twice"
        assert set(acknowledged) <= set(found), "acknowledged and not there"


@pytest.mark.stores("memory")
def test_a_node_that_dies_is_left_out_and_comes_back(balanced):
    def share():
        """How many of 20 requests, each on a connection of its own, were answered."""
        def is_answered():
            try:
                return fetch(balanced.proxy, "GET", "/readyz").status == 200
            except GONE:
                return False

        found = 0
        for _ in range(20):
            # A node that was not on a core for two seconds is taken for dead as well, and nobody is
            # left: that request says nothing.
            while not (ok := is_answered()) and not balanced.has_node():
                wait_until(balanced.has_node, what="a healthy node")
            found += ok
        return found

    assert share() == 20
    balanced.nodes[0].kill()
    assert share() == 20, "a refused connection goes to the other node"
    wait_until(lambda: not balanced.is_up(), 60, "a node that is left out")
    assert share() == 20
    balanced.nodes[0] = balanced.run(0)
    wait_until(balanced.is_up, 60, "two healthy nodes")
    balanced.nodes[1].kill()
    assert share() == 20


@pytest.mark.stores("memory")
def test_sockets_of_a_node_that_drains_are_told_when_to_come_back(balanced):
    sockets = []

    def are_at_both():
        sockets.append(WebSocket(balanced.proxy))
        assert sockets[-1].answer.status == 101
        return len(sockets) >= 6 and min(balanced.sessions()) > 0

    wait_until(are_at_both, what="sockets at both nodes")
    count = balanced.sessions()[0]
    balanced.nodes[0].stop()
    # What a node that has ended has said comes through the balancer when that has time for it.
    told = wait_until(lambda: len(found := select.select(sockets, [], [], 1)[0]) >= count and found,
                      what=f"words for {count} of {len(sockets)} sockets")
    for live in sockets:
        if live not in told:  # at the other node: undisturbed
            assert live.ask({"type": "ping", "ref": "p"})["type"] == "pong"
    for live in told:
        message = live.receive_json()
        assert message["type"] == "drain", message
        assert message["payload"]["spread_ms"] > 0
        assert live.receive_close() == 1012
        with WebSocket(balanced.proxy) as again:
            assert again.answer.status == 101
    for live in sockets:
        live.close()
