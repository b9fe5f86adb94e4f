"""What the storm tests share: clients from many addresses, crowds in processes of their own, a
bystander whose answers are judged while they rage, and what the server spends meanwhile.

    running = start(env=UNEXEMPT | {"WORKERS": "1"}).ready()
    with Bystander(running) as bystander, Crowd(bombs, running, 150) as crowd:
        crowd.join(60)
    bystander.judge()

A wall clock says little on a loaded machine, so answers are judged by the CPU time that the server's
threads used between asking and answer; the wall is judged only where the machine has time to spare.
"""

import contextlib
import multiprocessing
import os
import socket
import threading
import time
from pathlib import Path

from sync import create, new_scope
from wire import Closed, Connection, post

# The limits of an ordinary installation hold for the addresses of this machine, too.
UNEXEMPT = {"LIMIT_EXEMPT": "none"}
# A quick round in `make test`; `make soak` says how long.
STORM_SECONDS = float(os.environ.get("MIZU_STORM_SECONDS", "0"))
ANSWER_CPU_MAX = 0.050
ANSWER_WALL_MAX = 0.250


def source(number):
    """The address of stranger `number`, 0 to some 16 million; never 127.0.0.1 or 127.0.0.2."""
    number += 3
    high, low = divmod(number, 254)
    middle, high = high % 256, 1 + high // 256
    return f"127.{high}.{middle}.{low + 1}"


# --- what the server spends -----------------------------------------------------------------------


def cpu_seconds(pid, threads="mizu-"):
    """CPU time so far of the threads whose names begin so, to some milliseconds."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if (task / "comm").read_text().startswith(threads):
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def memory_bytes(pid):
    """Resident memory of the process now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory_peak_bytes(pid):
    """The most that was resident since the start."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def descriptor_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def machine_is_idle():
    """Whether a wall clock means something: less runs than there are CPUs."""
    return os.getloadavg()[0] < (os.cpu_count() or 1)


# --- crowds ---------------------------------------------------------------------------------------


class Crowd:
    """`work(*arguments)` in a process of its own, so that it does not slow down who measures; what
    it returns is `result` after `join`. Ended with the block at the latest."""

    def __init__(self, work, *arguments):
        context = multiprocessing.get_context("fork")
        self._answer, inner = context.Pipe(duplex=False)
        self.result = None
        self._process = context.Process(target=self._run, args=(work, arguments, inner), daemon=True)

    @staticmethod
    def _run(work, arguments, answer):
        answer.send(work(*arguments))

    def __enter__(self):
        self._process.start()
        return self

    def __exit__(self, *_):
        if self._process.is_alive():
            self._process.kill()
        self._process.join(10)

    @property
    def rages(self):
        return self._process.is_alive()

    def join(self, seconds):
        assert self._answer.poll(seconds), f"the crowd is not done after {seconds} s"
        self.result = self._answer.recv()
        self._process.join(10)
        return self.result


# --- who must not suffer --------------------------------------------------------------------------


class Bystander:
    """Another client, from an address of its own, which asks in turn, on a thread: `/healthz` on a
    new connection, a push and a snapshot of its own scope on one that it keeps. With `threads` it
    judges by the CPU time of those whose names begin so."""

    def __init__(self, server, address="127.0.0.2", pause=0.05, threads="mizu-worker"):
        self.server, self.address, self.pause = server, address, pause
        self.threads = threads
        self.scope = new_scope("bystander")
        self.answers = []  # (what, status or why none, wall seconds, CPU seconds)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._kept = Connection(self.server, timeout=30, source=self.address)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join(60)
        self._kept.close()

    @property
    def has_seen_enough(self):
        return len(self.answers) >= 3 * 3

    def storms(self, most=20):
        """Once for each storm: one, and more where that was over before enough was seen of it."""
        for _ in range(most):
            yield
            if self.has_seen_enough:
                return

    def _run(self):
        while not self._ends.is_set():
            self._measure("healthz", self._healthz)
            self._measure("push", lambda: post(
                self._kept, "/_sync/push", {"scope": self.scope, "mutations": [create()]}))
            self._measure("snapshot", lambda: post(
                self._kept, "/_sync/snapshot", {"scope": self.scope}))
            self._ends.wait(self.pause)

    def _healthz(self):
        with Connection(self.server, timeout=30, source=self.address) as fresh:
            return fresh.request("GET", "/healthz")

    def _measure(self, what, ask):
        spent, begun = cpu_seconds(self.server.child.pid, self.threads), time.monotonic()
        try:
            told = ask().status
        except (Closed, OSError) as error:
            told = repr(error)
        wall = time.monotonic() - begun
        spent = cpu_seconds(self.server.child.pid, self.threads) - spent
        self.answers.append((what, told, wall, spent))

    def judge(self):
        """Everything was answered 200, cheaply. One in ten may cost more, up to five times: the
        asker, too, waits for a CPU, and the server goes on meanwhile."""
        assert not self._thread.is_alive(), "the bystander still waits"
        told = [status for _, status, _, _ in self.answers]
        assert set(told) == {200} and self.has_seen_enough, (len(told), set(told))
        for place, limit, name in ((3, ANSWER_CPU_MAX, "CPU"), (2, ANSWER_WALL_MAX, "wall")):
            if name == "wall" and not machine_is_idle():
                continue
            times = sorted(answer[place] for answer in self.answers)
            most, worst = times[int(len(times) * 0.9)], times[-1]
            assert most < limit and worst < limit * 5, \
                f"{name} between asking and answer: 90 % {most:.3f} s, all {worst:.3f} s"


class Watchdog:
    """systemd's end of NOTIFY_SOCKET, which counts the signs of life. Pass `env` to the server."""

    def __init__(self, folder, microseconds=1_000_000):
        self.path = str(Path(folder) / "watchdog")
        self.env = {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(microseconds)}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.settimeout(0.2)
        self._ends = threading.Event()
        self.signs = []  # when each came
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join(10)
        self._socket.close()

    def _run(self):
        while not self._ends.is_set():
            with contextlib.suppress(TimeoutError):
                if b"WATCHDOG=1" in self._socket.recv(4096):
                    self.signs.append(time.monotonic())

    def signs_since(self, begun):
        return [sign for sign in self.signs if sign >= begun]
