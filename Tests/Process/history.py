"""What a load knows of itself, and what a log must then show: for tests that kill a server, or whose
disk fails. Clients push mutations with known ids; `Log` reads a scope on from test to test.
"""

import threading

from sync import apply, create, mutation, new_id, pull, pull_all, push, snapshot_all, state_of
from wire import Closed, Connection, WebSocket, post


class Client:
    """One queue. `queue` holds what has no result yet, in order; `results` what was answered."""

    def __init__(self, number, rng, scopes):
        self.scope = scopes[number % len(scopes)]
        self.name, self.rng = f"client-{number}", rng
        self.over_socket = number % 3 == 2
        self.records, self.queue, self.results, self.sent = [], [], {}, {}
        self.last, self.failure = None, None

    def next_run(self, server, stop, acknowledged):
        """A thread runs once, so each round takes a new one over the same state."""
        def run():
            try:
                self._push_until(server, stop, acknowledged)
            except (Closed, OSError, TimeoutError):
                pass  # killed in the middle: what has no result stays in the queue
            except BaseException as error:
                self.failure = error

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def _push_until(self, server, stop, acknowledged):
        connection = (WebSocket if self.over_socket else Connection)(server)
        with connection:
            while not stop.is_set():
                while len(self.queue) < self.rng.randint(1, 12):
                    self.queue.append(self._invent())
                batch = self.queue[:self.rng.randint(1, 12)]
                for result in self._push(connection, batch):
                    assert not result.get("retry"), result
                    self._take(result)
                acknowledged.set()

    def _take(self, result):
        head = self.queue.pop(0)
        assert head["id"] == result["id"]
        self.results[head["id"]] = result
        self.sent[head["id"]] = head
        if result["ok"]:
            self.last = result["cursor"], result["epoch"]

    def push_once(self, connection, most=4):
        """Pushes some of the queue. Returns how many were acknowledged: none where the server says
        that it cannot write; then they stay in the queue, as a client keeps them."""
        while len(self.queue) < most:
            self.queue.append(self._invent())
        batch = self.queue[:self.rng.randint(1, most)]
        answer = post(connection, "/_sync/push", {
            "scope": self.scope, "client": self.name, "mutations": batch})
        if answer.status == 503:
            assert answer.code == "unavailable", answer
            return 0
        assert answer.status == 200, answer
        count = 0
        for result in answer.json["results"]:
            if result.get("retry"):
                assert result["code"] == "unavailable", result
                break
            self._take(result)
            count += 1
        return count

    def _push(self, connection, batch):
        if not self.over_socket:
            return push(connection, self.scope, *batch, client=self.name)
        ack = connection.ask({"type": "push", "ref": new_id(), "scope": self.scope,
                              "client": self.name, "mutations": batch})
        assert ack["type"] == "ack", ack
        return ack["payload"]["results"]

    def _invent(self):
        kind = self.rng.random()
        if kind < 0.5 or not self.records:
            self.records.append(new_id())
            return create(self.records[-1], "t" * self.rng.randint(1, 500))
        record = self.rng.choice(self.records)
        if kind < 0.65:
            return mutation("todo.update", id=record, title=f"title {self.rng.random()}")
        if kind < 0.8:
            return mutation("todo.toggle", id=record)
        if kind < 0.9:
            return mutation("todo.delete", id=record)
        if kind < 0.95:
            return create(record, "exists or was deleted")
        return mutation("todo.nonsense", x=1)


class Log:
    """What a scope's log was seen to hold, read on from round to round."""

    def __init__(self, scope):
        self.scope, self.cursor, self.epoch, self.changes, self.by_mutation = scope, 0, None, [], {}

    def read_on(self, connection):
        changes, self.cursor, self.epoch = pull_all(
            connection, self.scope, self.cursor, self.epoch if self.cursor else None)
        self.changes += changes
        for change in changes:
            self.by_mutation.setdefault(change["mutation"], []).append(change)


class Watcher:
    """Reads scopes on while others push, so that what was shown is remembered beyond a kill."""

    def __init__(self, server, logs):
        self.failure = None
        self.thread = threading.Thread(target=self._run, args=(server, logs), daemon=True)
        self.thread.start()

    def _run(self, server, logs):
        try:
            with Connection(server) as connection:
                while True:
                    for log in logs.values():
                        log.read_on(connection)
        except (Closed, OSError, TimeoutError):
            pass  # killed in the middle: what was read whole is in the logs
        except BaseException as error:
            self.failure = error

    def join(self):
        self.thread.join(60)
        assert not self.thread.is_alive(), "a watcher hangs"
        assert self.failure is None, repr(self.failure)


def check_acknowledged(clients, logs, known):
    """Each result against the log; `known` counts per client how many were checked in earlier rounds."""
    for client in clients:
        log, ids = logs[client.scope], list(client.results)
        for one in ids[known.get(client.name, 0):]:
            result, found = client.results[one], log.by_mutation.get(one, [])
            if not result["ok"]:
                assert not found, f"refused and yet in the log: {result} {found}"
            elif "changes" in result:
                assert found == result["changes"], f"acknowledged {result}, in the log {found}"
            if result["ok"] and found:
                assert found[-1]["cursor"] == result["cursor"], (result, found)
        known[client.name] = len(ids)
        for one in client.queue:
            assert len(log.by_mutation.get(one["id"], [])) <= 1, "applied twice"


def check_once(logs):
    """Every todo mutation makes one change: a second of the same name is a second application."""
    for log in logs.values():
        twice = [m for m, changes in log.by_mutation.items() if len(changes) > 1]
        assert not twice, f"applied twice: {twice[:5]}"


def check_state(connection, logs):
    """The log from its beginning is what was seen, and the snapshot is its replay."""
    for scope, log in logs.items():
        assert pull_all(connection, scope)[0] == log.changes, "the log was rewritten"
        records, cursor, _ = snapshot_all(connection, scope)
        assert cursor == log.cursor
        assert state_of(records) == apply({}, log.changes)


def check_positions(connection, clients):
    for client in clients:
        if client.last:
            answer = pull(connection, client.scope, *client.last, limit=1)
            assert answer.status == 200, f"a told position is lost: {answer}"


def push_everything_again(connection, clients):
    for client in clients:
        mutations = list(client.sent.values())
        for begin in range(0, len(mutations), 100):
            batch = mutations[begin:begin + 100]
            for result in push(connection, client.scope, *batch, client=client.name):
                stored = client.results[result["id"]]
                assert result["ok"] == stored["ok"], (stored, result)
                if stored["ok"]:
                    assert result["duplicate"] is True, result
                    assert (result["cursor"], result["epoch"]) == (
                        stored["cursor"], stored["epoch"]), (stored, result)
                else:
                    assert result["code"] == stored["code"], (stored, result)
