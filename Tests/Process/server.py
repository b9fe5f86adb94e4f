"""Starts and ends one `mizu serve` (or `echo-server`) process for a test.

Each server gets a port of its own (port 0), a database of its own, and standard error in a file, so
that tests neither meet nor wait for each other. Processes are ended by their own id, never by name.
"""

import os
import re
import resource
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

MIZU = os.environ.get("MIZU_BIN", "")
ECHO = os.environ.get("ECHO_BIN", "")
START_SECONDS = 60.0
LISTENING = re.compile(r"^listening on (https?)://([^\s/]+):(\d+)/?$")


def wait_until(question, seconds=60.0, what="a condition"):
    """Asks `question()` until its answer is true, and returns that answer; fails after `seconds`.

    `what` is named then: words, or a function that says them at that moment.
    """
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            what = what() if callable(what) else what
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.01)


class Process:
    """A child with its standard output collected by line and its standard error in a file."""

    def __init__(self, command, env, cwd, open_files=None, before_exec=None, pass_fds=()):
        self.folder = Path(cwd)
        self.error_path = Path(tempfile.mkstemp(dir=cwd, prefix="stderr-", suffix=".log")[1])
        self.lines = []
        self._listening = threading.Event()

        def limit():
            if open_files is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
            if before_exec:
                before_exec()

        environment = {"PATH": os.environ.get("PATH", ""), "SWIFT_BACKTRACE": "interactive=no"}
        environment.update(env)
        with open(self.error_path, "wb") as error:
            self.child = subprocess.Popen(
                command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=error, preexec_fn=limit,
                pass_fds=pass_fds)
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def _collect(self):
        for raw in self.child.stdout:
            self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
            self._listening.set()
        self._listening.set()

    @property
    def errors(self):
        return self.error_path.read_text("utf-8", "replace")

    @property
    def error_lines(self):
        return [line for line in self.errors.splitlines() if line.strip()]

    def wait_listening(self):
        """Waits for the first line of standard output and returns (host, port) from it."""
        assert self._listening.wait(START_SECONDS), f"no line on stdout; stderr: {self.errors}"
        assert self.lines, f"ended with {self.child.wait(60)} before it listened: {self.errors}"
        match = LISTENING.match(self.lines[0])
        assert match, f"first line on stdout is {self.lines[0]!r}"
        return match[2].strip("[]"), int(match[3])

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, seconds=60.0):
        """The exit code (negative for a signal); also waits for the last line of standard output."""
        try:
            code = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s; stderr: {self.errors}") from None
        self._reader.join(60)
        return code

    def kill(self):
        """kill -9, and waits until the process is gone."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait(60)
        self._reader.join(60)
        self.child.stdout.close()


class Server(Process):
    """`mizu serve` on a port of its own; `host`, `port` and `authority` say where."""

    def __init__(self, folder, database="sqlite:mizu.db", env=None, args=(), open_files=None,
                 address="127.0.0.1:0", command=(MIZU, "serve"), **options):
        # Tests say `Host: a` where they write requests by hand; whom it answers as without HOSTS is
        # the business of test_door.py and of the browser's tests.
        settings = {"ADDR": address, "DATABASE_URL": database, "HOSTS": "any"}
        settings.update(env or {})
        settings = {name: value for name, value in settings.items() if value is not None}
        super().__init__([*command, *args], settings, folder, open_files, **options)

    def ready(self):
        try:
            self.host, self.port = self.wait_listening()
        except BaseException:
            self.kill()
            raise
        name = f"[{self.host}]" if ":" in self.host else self.host
        self.authority = f"{name}:{self.port}"
        return self

    def stop(self, seconds=60.0):
        """SIGTERM and a clean end: exit code 0, only `listening on` lines on standard output."""
        self.signal(signal.SIGTERM)
        code = self.wait(seconds)
        assert code == 0, f"exit code {code}; stderr: {self.errors}"
        assert all(LISTENING.match(line) for line in self.lines), self.lines


class EchoServer(Process):
    """`echo-server` on a port of its own; `host`, `port` and `authority` say where."""

    def __init__(self, folder, workers=2):
        super().__init__([ECHO, "--addr", "127.0.0.1:0", "--workers", str(workers)], {}, folder)
        try:
            self.host, self.port = self.wait_listening()
        except BaseException:
            self.kill()
            raise
        self.authority = f"{self.host}:{self.port}"


def cpu_seconds(pid):
    """User and system time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
