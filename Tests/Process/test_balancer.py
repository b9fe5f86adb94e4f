"""Nodes behind HAProxy, set up as the guide to many machines says (the snippet is taken out of it): a
rolling restart under load fails no request, and a node that dies is nobody's trouble for long.
"""

import random
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


def snippet():
    (found,) = [text for kind, text in blocks("many-machines.md") if kind == "haproxy"]
    return found


class Balanced:
    """HAProxy before two nodes at addresses that stay."""

    def __init__(self, start, store, tmp_path):
        self.start_one, self.url, self.folder = start, store.new_url(), tmp_path
        self.ports = [free_port(), free_port()]
        self.nodes = [self.run(0), self.run(1)]
        text = snippet()
        for place, port in zip(("127.0.0.1:8081", "127.0.0.1:8082"), self.ports):
            assert text.count(place) == 1, text
            text = text.replace(place, f"127.0.0.1:{port}")
        self.proxy = HAProxy("global\n    stats socket STATS level admin\n" + text)
        self.stats = self.proxy.folder / "stats"
        self.proxy.configuration = self.proxy.configuration.replace("STATS", str(self.stats))

    def run(self, index):
        return self.start_one(
            folder=self.folder, database=self.url, address=f"127.0.0.1:{self.ports[index]}",
            env={"HOSTS": "any", "TRUSTED_PROXIES": "127.0.0.1", "DRAIN_TIMEOUT": "2"}).ready()

    def is_up(self):
        """Whether the balancer takes both nodes for healthy."""
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self.stats))
            except (FileNotFoundError, ConnectionRefusedError):
                return False  # it listens to the world first
            connection.sendall(b"show stat\n")
            text = b""
            while part := connection.recv(65536):
                text += part
        states = [line.split(",")[17] for line in text.decode().splitlines()
                  if line.startswith(("nodes,a,", "nodes,b,"))]
        assert len(states) == 2, text
        return states == ["UP", "UP"]


@pytest.fixture
def balanced(start, store, tmp_path):
    try:
        made = Balanced(start, store, tmp_path)
        with made.proxy.start():
            wait_until(made.is_up, 30, "two healthy nodes")
            yield made
    except Missing as reason:
        pytest.skip(str(reason))


class Visitor(threading.Thread):
    """Asks through the balancer, on one connection as long as that is held, until told to stop."""

    def __init__(self, proxy, scope, number):
        super().__init__(daemon=True)
        self.proxy, self.scope, self.number = proxy, scope, number
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
                if answer.status not in (200, 503) or b"<html" in answer.body:
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
    visitors = [Visitor(balanced.proxy, scope, number) for number in range(4)]
    for visitor in visitors:
        visitor.start()

    def work():
        return sum(len(v.acknowledged) for v in visitors)

    for index in (0, 1):
        so_far = work()
        wait_until(lambda: work() > so_far + 20, 60, "pushes through the balancer")
        balanced.nodes[index].stop(15)
        so_far = work()
        wait_until(lambda: work() > so_far + 20, 60, "pushes through the other node")
        balanced.nodes[index] = balanced.run(index)
        wait_until(balanced.is_up, 30, "two healthy nodes")
    for visitor in visitors:
        visitor.stop.set()
    for visitor in visitors:
        visitor.join(30)
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
        found = 0
        for _ in range(20):
            try:
                found += fetch(balanced.proxy, "GET", "/readyz").status == 200
            except GONE:
                pass
        return found

    assert share() == 20
    balanced.nodes[0].kill()
    assert share() == 20, "a refused connection goes to the other node"
    wait_until(lambda: not balanced.is_up(), 30, "a node that is left out")
    assert share() == 20
    balanced.nodes[0] = balanced.run(0)
    wait_until(balanced.is_up, 30, "two healthy nodes")
    balanced.nodes[1].kill()
    assert share() == 20


@pytest.mark.stores("memory")
def test_sockets_of_a_node_that_drains_are_told_when_to_come_back(balanced):
    sockets = [WebSocket(balanced.proxy) for _ in range(6)]
    assert {live.answer.status for live in sockets} == {101}
    balanced.nodes[0].stop(15)
    told = []
    for live in sockets:
        live.socket.settimeout(0.5)
        try:
            message = live.receive_json()
            assert message["type"] == "drain", message
            assert message["payload"]["spread_ms"] > 0
            told.append(live)
        except TimeoutError:
            # At the other node: undisturbed.
            assert live.ask({"type": "ping", "ref": "p"})["type"] == "pong"
    assert len(told) == 3, "leastconn has spread them evenly"
    for live in told:
        assert live.receive_close() == 1012
        with WebSocket(balanced.proxy) as again:
            assert again.answer.status == 101
    for live in sockets:
        live.close()
