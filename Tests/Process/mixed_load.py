"""Clients of several nodes at once, each a thread that tells a `History` what it was told: writers with a
queue, over HTTP and sockets, who look at other nodes between their pushes; and followers, who are
subscribed somewhere and keep a position as protocol.md says.

They go on through everything that befalls nodes and stores: what has no result stays in the queue, an
answer that says `unavailable` is waited over, a socket that ends is opened elsewhere.
"""

import json
import random
import select
import threading
import time

from cluster import GONE, Link
from history import Client
from sync import new_id
from wire import CLOSE, TEXT, Closed, Connection, WebSocket, post


class Socket(WebSocket):
    """A WebSocket whose close, for whatever reason, is one more way to lose a connection."""

    def receive_json(self):
        opcode, payload = self.receive()
        if opcode == CLOSE:
            raise Closed(f"close {payload!r}")
        assert opcode == TEXT, payload
        return json.loads(payload)


class Worker:
    """A thread that runs `step` again and again until it is told to stop."""

    def __init__(self, name, cluster, history, scopes, seed):
        self.name, self.cluster, self.history, self.scopes = name, cluster, history, scopes
        self.rng = random.Random(f"{seed}-{name}")
        self.stop, self.failure, self.refusals = threading.Event(), None, 0
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def _run(self):
        try:
            while not self.stop.is_set():
                try:
                    self.step()
                except GONE:
                    self.lost()
        except BaseException as error:
            self.failure = error

    def join(self, seconds=150):
        self.stop.set()
        self.thread.join(seconds)
        assert not self.thread.is_alive(), f"{self.name} hangs"
        if self.failure is not None:
            raise AssertionError(f"{self.name}: {self.failure!r}") from self.failure

    def wait_over(self):
        """What a client does that was told `unavailable`: some of a second, by chance."""
        self.refusals += 1
        self.stop.wait(self.rng.uniform(0.02, 0.2))

    def ask(self, connection, path, body):
        """(sent, came, answer) of one request; answer is None where the server could not."""
        sent = time.monotonic()
        answer = post(connection, path, body)
        came = time.monotonic()
        if answer.status == 503:
            assert answer.code in ("unavailable", "overloaded"), answer
            self.wait_over()
            return sent, came, None
        return sent, came, answer

    def pull(self, connection, scope, cursor, epoch, limit=1000):
        """The page behind a position, or None where the server could not."""
        sent, came, answer = self.ask(connection, "/_sync/pull", {
            "scope": scope, "cursor": cursor, "limit": limit, **({"epoch": epoch} if cursor else {})})
        if answer is None:
            return None
        if answer.status == 410:
            self.history.refusal(scope, self.name, cursor, answer.code)
            raise AssertionError(f"a told position is lost: {cursor} {epoch} {answer}")
        assert answer.status == 200, answer
        self.history.pull(scope, self.name, sent, came, cursor, answer.json)
        return answer.json

    def snapshot(self, connection, scope):
        sent, came, answer = self.ask(
            connection, "/_sync/snapshot", {"scope": scope, "limit": 1000})
        if answer is None:
            return
        assert answer.status == 200, answer
        page = answer.json
        if not page["has_more"]:
            self.history.snapshot(
                scope, self.name, sent, came, page["records"], page["cursor"], page["epoch"])


class Writer(Worker):
    """One queue into one scope. `pause` bounds how much comes together in a run."""

    def __init__(self, number, cluster, history, scopes, seed, pause=0.03):
        super().__init__(f"writer-{number}", cluster, history, scopes, seed)
        self.pause = pause
        self.client = Client(number, self.rng, scopes)
        self.client.name = self.name
        self.over_socket = number % 3 == 2
        self.link = Link(cluster, Socket if self.over_socket else Connection)
        self.reader = Link(cluster)
        self.acknowledged = 0

    @property
    def scope(self):
        return self.client.scope

    def lost(self):
        self.link.drop()
        self.reader.drop()

    def step(self):
        self.push()
        if self.rng.random() < 0.4:
            connection = self.reader.over(self.rng, self.stop)
            if self.rng.random() < 0.3:
                self.snapshot(connection, self.scope)
            else:
                self.pull(connection, self.scope, *(self.client.last or (0, None)))
        self.stop.wait(self.rng.uniform(0, self.pause))

    def push(self, invents=True):
        """One push of the head of the queue; more is invented for it unless the end is near."""
        queue = self.client.queue
        fresh = []
        while invents and len(queue) < self.rng.randint(1, 8):
            queue.append(self.client._invent())
            fresh.append(queue[-1]["id"])
        self.history.push(self.scope, self.name, fresh)
        connection = self.link.over(self.rng, threading.Event())
        results = self._send(connection, queue[:self.rng.randint(1, 8)])
        for sent, came, result in results:
            if result.get("retry"):
                assert result["code"] == "unavailable", result
                self.wait_over()
                return
            self.client._take(result)
            self.history.result(self.scope, self.name, sent, came, result)
            self.acknowledged += 1

    def _send(self, connection, batch):
        body = {"scope": self.scope, "client": self.name, "mutations": batch}
        if not self.over_socket:
            sent, came, answer = self.ask(connection, "/_sync/push", body)
            if answer is None:
                return []
            assert answer.status == 200, answer
            return [(sent, came, result) for result in answer.json["results"]]
        sent = time.monotonic()
        ack = connection.ask({"type": "push", "ref": new_id(), **body})
        came = time.monotonic()
        if ack["type"] == "error":
            assert ack["code"] in ("unavailable", "overloaded"), ack
            self.wait_over()
            return []
        return [(sent, came, result) for result in ack["payload"]["results"]]

    def drain(self, seconds):
        """Pushes until the queue is empty: nobody leaves with edits that were not decided."""
        end = time.monotonic() + seconds
        while self.client.queue:
            assert time.monotonic() < end, f"{self.name} cannot push {len(self.client.queue)} edits"
            try:
                self.push(invents=False)
            except GONE:
                self.lost()


class Follower(Worker):
    """Subscribed to one scope at one node. Keeps a position, and closes each gap by a pull at any."""

    def __init__(self, number, cluster, history, scopes, seed):
        super().__init__(f"follower-{number}", cluster, history, scopes, seed)
        self.scope = scopes[number % len(scopes)]
        self.cursor, self.epoch = 0, None
        self.socket, self.reader = None, Link(cluster)
        self.deltas = 0

    def lost(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        self.reader.drop()

    def subscribe(self):
        link = Link(self.cluster, Socket)
        socket = link.over(self.rng, self.stop, 60)
        sent = time.monotonic()
        request = {"type": "subscribe", "ref": "s", "topic": f"sync:{self.scope}",
                   "cursor": self.cursor}
        if self.cursor:
            request["epoch"] = self.epoch
        try:
            ack = socket.ask(request)
        except BaseException:
            link.drop()
            raise
        came = time.monotonic()
        if ack["type"] != "ack":
            link.drop()
            if ack["code"] in ("cursor_too_old", "epoch_changed"):
                self.history.refusal(self.scope, self.name, self.cursor, ack["code"])
                raise AssertionError(f"a told position is lost: {self.cursor} {self.epoch} {ack}")
            assert ack["code"] in ("unavailable", "overloaded"), ack
            return self.wait_over()
        payload = ack["payload"]
        self.history.position(self.scope, self.name, sent, came, payload["cursor"], payload["epoch"])
        self.socket = socket
        if payload["cursor"] > self.cursor:
            self.hear_until(time.monotonic() + 0.5)

    def step(self):
        if self.socket is None:
            self.subscribe()
        else:
            self.hear_until(time.monotonic() + 0.25)
            # Now and then it moves, as laptops do.
            if self.rng.random() < 0.02:
                self.lost()

    def hear_until(self, end):
        while self.socket is not None and (left := end - time.monotonic()) > 0:
            # Waits for the beginning of a message; the whole of it then comes soon.
            if not self.socket.buffer and not select.select([self.socket.socket], [], [], left)[0]:
                return
            self.take(self.socket.receive_json())

    def take(self, message):
        came = time.monotonic()
        kind = message["type"]
        if kind == "drain":
            self.lost()
        elif kind == "error":
            raise Closed(message["code"])
        elif kind == "sync":
            position = message["payload"]
            self.history.position(
                self.scope, self.name, None, came, position["cursor"], position["epoch"])
            if position["cursor"] > self.cursor:
                self.catch_up()
        elif kind == "delta":
            delta = message["payload"]
            self.history.delta(self.scope, self.name, came, delta)
            if delta["base"] > self.cursor:
                self.catch_up()
            elif delta["cursor"] > self.cursor:
                self.cursor, self.epoch = delta["cursor"], delta["epoch"]
                self.deltas += 1

    def catch_up(self):
        """Pulls from any node to the end that it knows."""
        while not self.stop.is_set():
            page = self.pull(
                self.reader.over(self.rng, self.stop), self.scope, self.cursor, self.epoch)
            if page is None:
                continue
            self.cursor, self.epoch = page["next_cursor"], page["epoch"]
            if not page["has_more"]:
                return
