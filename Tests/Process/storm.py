"""What the storm tests share: clients from many addresses, crowds in processes of their own, a
bystander whose answers are judged while they rage, and what the server spends meanwhile.

    running = start(env=UNEXEMPT | {"WORKERS": "1"}).ready()
    with Bystander(running) as bystander, Crowd(bombs, running, 150) as crowd:
        crowd.join(60)
    bystander.judge()

A wall clock says little on a loaded machine, so answers are judged by the CPU time that the server's
threads used between asking and answer; the wall is judged only where the machine has time to spare.
The asker waits for a core, too, before it asks and before it reads: when the answer came is known by the
kernel's stamp on it, and the server cannot have used more than what there was of cores until then.
"""

import contextlib
import multiprocessing
import os
import socket
import struct
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
SO_TIMESTAMPNS = 35  # socket(7); Python has no name for it


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
        self._process.join(60)

    @property
    def rages(self):
        return self._process.is_alive()

    def join(self, seconds):
        assert self._answer.poll(seconds), f"the crowd is not done after {seconds} s"
        self.result = self._answer.recv()
        self._process.join(60)
        return self.result


# --- who must not suffer --------------------------------------------------------------------------


class Stamped(Connection):
    """Knows when its last request was sent and when the last bytes had come, by the day's clock."""

    def __init__(self, server, source):
        super().__init__(server, 60, source)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.sent = self.came = time.time()

    def send(self, data):
        super().send(data)
        self.sent = time.time()

    def fill(self):
        try:
            data, stamps, *_ = self.socket.recvmsg(1 << 16, 100)
        except ConnectionResetError as error:
            raise Closed("reset") from error
        if not data:
            raise Closed("end of stream")
        self.came = time.time()
        for *_, stamp in stamps:
            seconds, nanoseconds = struct.unpack("qq", stamp)
            self.came = seconds + nanoseconds / 1e9
        self.buffer += data

    @property
    def took(self):
        return max(0.0, self.came - self.sent)


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
        self._kept = Stamped(self.server, self.address)
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
            self._measure("push", lambda: self._post(
                "/_sync/push", {"scope": self.scope, "mutations": [create()]}))
            self._measure("snapshot", lambda: self._post("/_sync/snapshot", {"scope": self.scope}))
            self._ends.wait(self.pause)

    def _healthz(self):
        with Stamped(self.server, self.address) as fresh:
            return fresh.request("GET", "/healthz").status, fresh.took

    def _post(self, path, body):
        return post(self._kept, path, body).status, self._kept.took

    def _measure(self, what, ask):
        spent = cpu_seconds(self.server.child.pid, self.threads)
        try:
            told, wall = ask()
        except (Closed, OSError) as error:
            told, wall = repr(error), float("inf")
        spent = cpu_seconds(self.server.child.pid, self.threads) - spent
        self.answers.append((what, told, wall, min(spent, wall * (os.cpu_count() or 1))))

    def judge(self):
        """Everything was answered 200, cheaply. One in ten may cost more, up to five times. Of the
        wall half is judged: a server that is on no core cannot answer."""
        assert not self._thread.is_alive(), "the bystander still waits"
        told = [status for _, status, _, _ in self.answers]
        assert set(told) == {200} and self.has_seen_enough, (len(told), set(told))
        times = sorted(spent for *_, spent in self.answers)
        most, worst = times[(len(times) - 1) * 9 // 10], times[-1]
        assert most < ANSWER_CPU_MAX and worst < ANSWER_CPU_MAX * 5, \
            f"CPU between asking and answer: 90 % {most:.3f} s, all {worst:.3f} s"
        if machine_is_idle():
            half = sorted(wall for _, _, wall, _ in self.answers)[len(times) // 2]
            assert half < ANSWER_WALL_MAX, f"seconds between asking and answer: 50 % {half:.3f}"


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
        self._thread.join(60)
        self._socket.close()

    def _run(self):
        while not self._ends.is_set():
            with contextlib.suppress(TimeoutError):
                if b"WATCHDOG=1" in self._socket.recv(4096):
                    self.signs.append(time.monotonic())

    def signs_since(self, begun):
        return [sign for sign in self.signs if sign >= begun]
