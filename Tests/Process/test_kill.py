"""Rounds of kill -9 under a mixed push load (MIZU_KILL_ROUNDS, 20 by default; seed MIZU_SEED).

Several clients, each with one queue and one push in flight, over HTTP and WebSocket, in two scopes.
The server is killed at a random moment and started again on the same database. After each round:
- every acknowledged mutation is in the log, at the cursors and with the changes it was told;
- a mutation whose answer was lost is there whole or not at all, and never twice;
- cursors have no gap, and every position that was told is still a position (no 410).
At the end the log pulled from 0 is the same, the snapshot is its replay, and pushing everything
again gives the stored outcomes and changes nothing.
"""

import os
import random
import threading
import time

from sync import apply, create, mutation, new_id, pull, pull_all, push, snapshot_all, state_of
from wire import Closed, Connection, WebSocket

ROUNDS = int(os.environ.get("MIZU_KILL_ROUNDS", "20"))
SEED = int(os.environ.get("MIZU_SEED", "1"))
SCOPES = ("left", "right")
CLIENTS = 6
# No trim and no forgotten outcome may blur what a kill does.
SETTINGS = {"RETAIN_CHANGES": "100000000"}


class Client:
    """One queue. `queue` holds what has no result yet, in order; `results` what was answered."""

    def __init__(self, number, rng):
        self.scope = SCOPES[number % len(SCOPES)]
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
                    head = self.queue.pop(0)
                    assert head["id"] == result["id"]
                    self.results[head["id"]] = result
                    self.sent[head["id"]] = head
                    if result["ok"]:
                        self.last = result["cursor"], result["epoch"]
                acknowledged.set()

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


def test_kill_rounds_lose_nothing_and_double_nothing(start):
    clients = [Client(n, random.Random(f"{SEED}-{n}")) for n in range(CLIENTS)]
    logs, known = {scope: Log(scope) for scope in SCOPES}, {}
    rng = random.Random(SEED)
    for turn in range(ROUNDS):
        running = start(env=SETTINGS).ready()
        stop, acknowledged = threading.Event(), threading.Event()
        threads = [client.next_run(running, stop, acknowledged) for client in clients]
        assert acknowledged.wait(20), f"round {turn}: nothing was acknowledged; {running.errors}"
        time.sleep(rng.uniform(0, 0.25))  # not to pass: the kill's moment is what is tested
        running.kill()
        stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive(), f"round {turn}: a client hangs"
        for client in clients:
            assert client.failure is None, f"round {turn}, seed {SEED}: {client.failure!r}"

        running = start(env=SETTINGS).ready()
        with Connection(running) as connection:
            for log in logs.values():
                log.read_on(connection)
            check_acknowledged(clients, logs, known)
            check_once(logs)
            for client in clients:
                if client.last:
                    answer = pull(connection, client.scope, *client.last, limit=1)
                    assert answer.status == 200, f"round {turn}: a told position is lost: {answer}"
        running.kill()

    running = start(env=SETTINGS).ready()
    with Connection(running) as connection:
        for client in clients:
            if client.queue:
                for result in push(connection, client.scope, *client.queue, client=client.name):
                    client.results[result["id"]] = result
                client.sent.update((one["id"], one) for one in client.queue)
                client.queue = []
        for log in logs.values():
            log.read_on(connection)
        check_once(logs)
        for scope, log in logs.items():
            assert pull_all(connection, scope)[0] == log.changes, "the log was rewritten"
            records, cursor, _ = snapshot_all(connection, scope)
            assert cursor == log.cursor
            assert state_of(records) == apply({}, log.changes)
        push_everything_again(connection, clients)
        for scope, log in logs.items():
            assert pull_all(connection, scope, log.cursor, log.epoch)[0] == []
    running.stop()
    total = sum(len(client.results) for client in clients)
    print(f"{ROUNDS} kills, {total} mutations, {sum(len(log.changes) for log in logs.values())} changes")


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
