"""The store on a disk that fails: EIO, ENOSPC, short and torn writes at every call in turn, and a loss
of power at any moment. Whatever happens, every acknowledged mutation is there exactly once and nothing
that was shown vanishes, or the start is refused in one line that says which file and what helps.

MIZU_FAULTS (1) multiplies the rounds; MIZU_SEED (1) is their seed.
"""

import os
import random
import subprocess
import threading

import pytest

from disk import (
    EIO, ENOSPC, EXIT, FILES, SHORT, SYNC, TORN, Disk, copy_database, flip, library)
from history import (
    Client, Log, check_acknowledged, check_once, check_positions, check_state, push_everything_again)
from server import Server, wait_until
from sync import pull
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

    def is_served(self, connection):
        """Whether all can be read. A fold that fails twice leaves who waits for it without an answer."""
        answers = [pull(connection, log.scope, log.cursor, log.epoch if log.cursor else None, 1)
                   for log in self.logs.values()]
        refused = [answer for answer in answers if answer.status != 200]
        assert all((one.status, one.json["code"]) == (503, "unavailable") for one in refused), refused
        return not refused

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


def serve(folder, env=None, **options):
    return Server(folder, env={**SETTINGS, **(env or {})}, **options)


def refusal(running):
    """The one line of a server that does not start."""
    assert running.wait(60) == 1, running.errors
    assert len(running.error_lines) == 1, running.errors
    return running.error_lines[0]


def starts_or_refuses(folder, env=None, **options):
    """A server that listens, or the line with which it ended."""
    running = serve(folder, env, **options)
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

                wait_until(hit, 60, "the fault")
                # While it lasts, what is read is what was acknowledged, or nothing is.
                wait_until(lambda: load.is_served(connection), 60, "a reader's answer")
                load.check(connection)
                disk.heal()
                wait_until(lambda: load.push(connection), 60, "a write that works again")
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


@pytest.mark.parametrize("suffix", ["-wal", ".db", "-commits0"])
def test_what_a_failed_sync_has_lost_is_written_again(tmp_path, shim, suffix):
    """Else a loss of power may find a file of which the WAL has an older part, and SQLite takes that."""
    disk, load = Disk(tmp_path, shim, keeps_shadow=True), Load(f"{SEED}{suffix}", clients=4)
    disk.env["DISK_FAULTY"] = suffix
    rng = random.Random(SEED)
    for _ in range(3 * FACTOR):
        running = serve(tmp_path, disk.env).ready()
        with Connection(running) as connection:
            load.check(connection)
            disk.fail(EIO, calls=SYNC)
            hits = disk.hits

            def failed():
                load.push(connection)
                return disk.hits > hits

            wait_until(failed, 60, f"a sync of {suffix} that fails")
        # Of the WAL the last one is when it has been copied and is about to begin anew.
        disk.fail(EXIT, calls=SYNC, after=rng.randint(1, 3))
        load.push_until_gone(running, stop=lambda turn: turn == 1_000)
        assert running.child.wait(60) == 137, running.errors
        disk.heal()
        disk.lose_power(rng)
    running = serve(tmp_path, disk.env).ready()
    try:
        with Connection(running) as connection:
            load.check_all(connection)
        running.stop()
    finally:
        running.kill()


# --- files that are damaged -----------------------------------------------------------------------


def content_end(path):
    """Behind the last byte that is not zero."""
    return len(path.read_bytes().rstrip(b"\0"))


def test_damaged_files_are_all_there_or_refused_in_one_line(tmp_path, shim):
    """Thousands of places, below the server, are in StoreFaultTests.swift."""
    whole, rng = tmp_path / "whole", random.Random(SEED)
    whole.mkdir()
    disk, load = Disk(whole, shim), Load(f"{SEED}-damage")
    running = serve(whole, disk.env).ready()
    load.push_until_gone(running, stop=lambda turn: turn == 25)
    running.kill()
    for turn in range(12 * FACTOR):
        folder = tmp_path / str(turn)
        copy_database(whole, folder)
        present = [name for name in FILES[1:] if (folder / f"mizu.db{name}").exists()]
        if "-commits0" not in present:
            pytest.skip("without a journal nothing knows what a WAL has lost")
        path = folder / f"mizu.db{present[turn % len(present)]}"
        end = content_end(path)
        place = rng.randrange(max(0, end - 4096), max(1, end))
        if turn % 2:
            os.truncate(path, place)
        else:
            flip(path, place, rng.randrange(8))
        running, line = starts_or_refuses(folder)
        if line:
            assert "mizu.db" in line and "mizu sync" in line, line
            continue
        try:
            with Connection(running) as connection:
                for log in load.logs.values():
                    seen = Log(log.scope)
                    seen.read_on(connection)
                    assert seen.changes[:len(log.changes)] == log.changes, (path, place)
                    for client in load.clients:
                        if client.scope != log.scope:
                            continue
                        for one, result in client.results.items():
                            if result.get("changes"):
                                assert seen.by_mutation.get(one) == result["changes"], (path, place)
        finally:
            running.kill()


# --- a disk that is full --------------------------------------------------------------------------


def test_a_kill_on_a_full_disk_loses_nothing(tmp_path, small_disk):
    load, env = Load(f"{SEED}-full"), {"DISK_FREE_MIN": "off"}
    # What the server says goes to another disk.
    options = {"env": env, "database": f"sqlite:{small_disk}/mizu.db"}
    running = serve(tmp_path, **options).ready()
    ballast = small_disk / "ballast"
    try:
        with Connection(running) as connection:
            load.push(connection)
            subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=64k"], capture_output=True)
            wait_until(lambda: not load.push(connection), 60, "a disk that is full")
            load.check(connection)
        running.kill()
        running, line = starts_or_refuses(tmp_path, **options)
        if running:
            with Connection(running) as connection:
                load.check(connection)
            running.kill()
        else:
            assert "mizu.db" in line, line
        ballast.unlink()
        running = serve(tmp_path, **options).ready()
        with Connection(running) as connection:
            wait_until(lambda: load.push(connection), 60, "a push after the disk has room")
            load.check_all(connection)
        running.stop()
    finally:
        if running:
            running.kill()
