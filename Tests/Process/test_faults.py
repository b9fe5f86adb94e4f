"""The store on a disk that fails: EIO, ENOSPC, short and torn writes at every call in turn, and a loss
of power at any moment. Whatever happens, every acknowledged mutation is there exactly once and nothing
that was shown vanishes, or the start is refused in one line that says which file and what helps.

MIZU_FAULTS (1) multiplies the rounds; MIZU_SEED (1) is their seed.
"""

import os
import random
import threading

import pytest

from disk import EIO, ENOSPC, EXIT, SHORT, SYNC, TORN, Disk, copy_database, library
from history import (
    Client, Log, check_acknowledged, check_once, check_positions, check_state, push_everything_again)
from server import Server, wait_until
from wire import Closed, Connection

FACTOR = int(os.environ.get("MIZU_FAULTS", "1"))
SEED = int(os.environ.get("MIZU_SEED", "1"))
SCOPES = ("left", "right")
SETTINGS = {"RETAIN_CHANGES": "100000000", "LOG_LEVEL": "error"}
GONE = (Closed, OSError, TimeoutError)


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    return library(tmp_path_factory.mktemp("shim"))


class Load:
    """Clients that push, and readers that remember what they were shown."""

    def __init__(self, seed, clients=3):
        self.clients = [
            Client(n, random.Random(f"{seed}-{n}"), SCOPES) for n in range(clients)]
        self.logs, self.known = {scope: Log(scope) for scope in SCOPES}, {}

    def push(self, connection, most=12):
        """One push of each client. Returns how many mutations were acknowledged."""
        return sum(client.push_once(connection, most) for client in self.clients)

    def read(self, connection):
        for log in self.logs.values():
            log.read_on(connection)

    def check(self, connection):
        self.read(connection)
        check_acknowledged(self.clients, self.logs, self.known)
        check_once(self.logs)
        check_positions(connection, self.clients)

    def check_all(self, connection):
        self.check(connection)
        check_state(connection, self.logs)
        push_everything_again(connection, self.clients)
        self.check(connection)

    def push_until_gone(self, running, stop=None):
        """Pushes and reads until the process has ended, or `stop` says so."""
        try:
            with Connection(running) as connection:
                for turn in range(1 << 20):
                    if stop and stop(turn):
                        return
                    self.push(connection)
                    if turn % 5 == 4:
                        self.read(connection)
        except GONE:
            pass


def serve(folder, env=None):
    return Server(folder, env={**SETTINGS, **(env or {})})


def refusal(running):
    """The one line of a server that does not start."""
    assert running.wait(20) == 1, running.errors
    assert len(running.error_lines) == 1, running.errors
    return running.error_lines[0]


def starts_or_refuses(folder, env=None):
    """A server that listens, or the line with which it ended."""
    running = serve(folder, env)
    try:
        return running.ready(), None
    except AssertionError:
        return None, refusal(running)


# --- calls that fail ------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [EIO, ENOSPC, SHORT])
def test_a_call_that_fails_loses_nothing_and_writes_resume(tmp_path, shim, fault):
    disk, load = Disk(tmp_path, shim), Load(f"{SEED}-{fault}")
    running = serve(tmp_path, disk.env).ready()
    rng = random.Random(SEED * 100 + fault)
    try:
        for turn in range(20 * FACTOR):
            with Connection(running) as connection:
                hits = disk.hits
                disk.fail(fault, after=1 + turn % 20, repeats=rng.choice([0, 0, 1, 5]))

                def hit():
                    load.push(connection)
                    return disk.hits > hits

                wait_until(hit, 20, "the fault")
                # While it lasts, what is read is what was acknowledged.
                load.check(connection)
                disk.heal()
                wait_until(lambda: load.push(connection), 20, "a write that works again")
                load.check(connection)
            if turn % 8 == 7:
                running.kill()
                running = serve(tmp_path, disk.env).ready()
        running.kill()
        running = serve(tmp_path).ready()
        with Connection(running) as connection:
            load.check_all(connection)
        running.stop()
    finally:
        running.kill()


@pytest.mark.parametrize("fault", [TORN, EXIT])
def test_a_process_that_ends_in_the_middle_of_a_call_loses_nothing(tmp_path, shim, fault):
    disk, load = Disk(tmp_path, shim), Load(f"{SEED}-{fault}")
    rng = random.Random(SEED * 100 + fault)
    for turn in range(10 * FACTOR):
        # From the first call of the start on, to those of folds and checkpoints.
        after = 1 + turn * 3 if turn % 2 else rng.randint(1, 200)
        disk.fail(fault, after=after)
        running = serve(tmp_path, disk.env)
        try:
            running.ready()
        except AssertionError:
            assert disk.hits > 0, running.errors
        else:
            load.push_until_gone(running)
        finally:
            running.kill()
        disk.heal()
        running = serve(tmp_path, disk.env).ready()
        try:
            with Connection(running) as connection:
                load.check(connection)
        finally:
            running.kill()
    running = serve(tmp_path).ready()
    try:
        with Connection(running) as connection:
            load.check_all(connection)
        running.stop()
    finally:
        running.kill()


def test_a_start_on_a_disk_that_fails_is_refused_in_one_line_or_works(tmp_path, shim):
    load = Load(f"{SEED}-start")
    running = serve(tmp_path).ready()
    load.push_until_gone(running, stop=lambda turn: turn == 10)
    running.kill()
    for turn in range(8 * FACTOR):
        folder = tmp_path / str(turn)
        copy_database(tmp_path, folder)
        disk = Disk(folder, shim)
        disk.fail([EIO, ENOSPC][turn % 2], after=1 + turn, repeats=2)
        running, line = starts_or_refuses(folder, disk.env)
        if running:
            running.kill()
        else:
            assert "mizu.db" in line or "disk" in line, line
        running = serve(folder).ready()
        try:
            with Connection(running) as connection:
                for log in load.logs.values():
                    seen = Log(log.scope)
                    seen.read_on(connection)
                    assert seen.changes[:len(log.changes)] == log.changes
        finally:
            running.kill()


# --- a loss of power ------------------------------------------------------------------------------


def test_a_loss_of_power_loses_nothing_that_was_acknowledged(tmp_path, shim):
    disk, load = Disk(tmp_path, shim, keeps_shadow=True), Load(f"{SEED}-power", clients=4)
    rng = random.Random(SEED)
    for turn in range(12 * FACTOR):
        running = serve(tmp_path, disk.env).ready()
        with Connection(running) as connection:
            load.check(connection)
        if turn % 3 == 2:
            # And a sync fails before: what it was to write is lost, whatever a later one says.
            disk.fail(EIO, calls=SYNC, after=rng.randint(1, 30))
        most = rng.randint(1, 60)
        killer = threading.Timer(rng.uniform(0.2, 0.8), running.kill)
        killer.start()
        load.push_until_gone(running, stop=lambda turn: turn == most)
        killer.join()
        disk.heal()
        disk.lose_power(rng)
    running = serve(tmp_path, disk.env).ready()
    try:
        with Connection(running) as connection:
            load.check_all(connection)
        running.stop()
    finally:
        running.kill()
