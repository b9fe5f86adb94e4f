"""Rounds of kill -9 under a mixed push load (MIZU_KILL_ROUNDS, 20 by default; seed MIZU_SEED).

Several clients, each with one queue and one push in flight, over HTTP and WebSocket, in two scopes.
The server is killed at a random moment and started again on the same database. After each round:
- every acknowledged mutation is in the log, at the cursors and with the changes it was told;
- a mutation whose answer was lost is there whole or not at all, and never twice;
- cursors have no gap, and every position that was told is still a position (no 410);
- what a pull has shown before the kill is still there, at its cursor;
- `mizu sync verify` finds nothing wrong with the files as the kill has left them.
At the end the log pulled from 0 is the same, the snapshot is its replay, and pushing everything
again gives the stored outcomes and changes nothing.
"""

import os
import random
import subprocess
import threading
import time

import pytest

from history import (
    Client, Log, Watcher, check_acknowledged, check_once, check_positions, check_state,
    push_everything_again)
from server import MIZU
from sync import pull_all, push
from wire import Connection

ROUNDS = int(os.environ.get("MIZU_KILL_ROUNDS", "20"))
SEED = int(os.environ.get("MIZU_SEED", "1"))
SCOPES = ("left", "right")
CLIENTS = 6
# No trim and no forgotten outcome may blur what a kill does.
SETTINGS = {"RETAIN_CHANGES": "100000000"}


def can_verify():
    return subprocess.run([MIZU, "sync", "verify", "--help"], capture_output=True).returncode == 0


def verify(database):
    done = subprocess.run([MIZU, "sync", "verify", "--database", str(database)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.stores("sqlite", soak=("postgres",))
def test_kill_rounds_lose_nothing_and_double_nothing(start, tmp_path, store):
    verifies = store.kind == "sqlite" and can_verify()
    clients = [Client(n, random.Random(f"{SEED}-{n}"), SCOPES) for n in range(CLIENTS)]
    logs, known = {scope: Log(scope) for scope in SCOPES}, {}
    rng = random.Random(SEED)
    for turn in range(ROUNDS):
        running = start(env=SETTINGS).ready()
        stop, acknowledged = threading.Event(), threading.Event()
        threads = [client.next_run(running, stop, acknowledged) for client in clients]
        watcher = Watcher(running, logs)
        assert acknowledged.wait(60), f"round {turn}: nothing was acknowledged; {running.errors}"
        time.sleep(rng.uniform(0, 0.25))  # not to pass: the kill's moment is what is tested
        running.kill()
        stop.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), f"round {turn}: a client hangs"
        watcher.join()
        # The files grow from round to round, and verifying reads all of them.
        if verifies and (turn < 60 or turn % 10 == 0):
            verify(tmp_path / "mizu.db")
        for client in clients:
            assert client.failure is None, f"round {turn}, seed {SEED}: {client.failure!r}"

        running = start(env=SETTINGS).ready()
        with Connection(running) as connection:
            for log in logs.values():
                log.read_on(connection)
            check_acknowledged(clients, logs, known)
            check_once(logs)
            check_positions(connection, clients)
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
        check_state(connection, logs)
        push_everything_again(connection, clients)
        for scope, log in logs.items():
            assert pull_all(connection, scope, log.cursor, log.epoch)[0] == []
    running.stop()
    total = sum(len(client.results) for client in clients)
    print(f"{ROUNDS} kills, {total} mutations, {sum(len(log.changes) for log in logs.values())} changes")
