"""A real server (PostgreSQL, Redis, HAProxy, PgBouncer) for tests: a folder of its own, a free port, an
unprivileged user, and an end by its own id, with us at the latest.

What these servers have in common. Each is a child of this process that stays in the foreground, so that
there is an id to end it by; the kernel ends it, too, if we are killed. Start them in a thread that lives
as long as they should: the kernel takes the end of that thread for our end.
"""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_SECONDS = 60.0
PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin")
_LIBC = ctypes.CDLL(None)


class Missing(Exception):
    """A program that is not installed: in words for who skips a test."""


def program(name):
    """The path of a program, wherever Debian has put it; raises Missing."""
    # PostgreSQL's own tools first: those in PATH are Debian's wrappers, which take longer to start.
    places = [*sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True),
              os.environ.get("PATH", ""), *PLACES]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise Missing(f"{name} is not installed")
    return found


def free_port(host="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def unprivileged(*names):
    """Who a server runs as when we are root: the first of `names` that there is. None if we are not."""
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Missing("root must not run these servers, and there is no user `nobody`")


def make_folder(prefix, user, wanted=None):
    """A new folder that `user` owns and can reach, in `wanted` if that can be. Short, because it holds
    sockets (107 bytes)."""
    for parent in filter(None, (wanted, tempfile.gettempdir(), "/tmp", "/var/tmp")):
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        if user is None:
            return folder
        os.chown(folder, user.pw_uid, user.pw_gid)
        # Whoever runs the tests is root, and root alone need look into it besides the owner.
        os.chmod(folder, 0o700)
        if len(str(folder)) < 80 and _can_reach(folder, user):
            return folder
        shutil.rmtree(folder, ignore_errors=True)
    raise Missing(f"no folder that {user.pw_name} can reach")


def _can_reach(folder, user):
    return subprocess.run(["test", "-w", str(folder)], **_as(user)).returncode == 0


def _as(user):
    return {} if user is None else {
        "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _with_us():
    """Between fork and exec: SIGKILL comes when our parent's thread is gone (prctl(2))."""
    _LIBC.prctl(1, signal.SIGKILL)


class Daemon:
    """One server. `name` is for messages; a subclass writes its configuration and says `command`."""

    name = "server"
    users = ()

    def __init__(self, prefix, parent=None):
        self.user = unprivileged(*self.users)
        self.folder = make_folder(prefix, self.user, parent)
        self.log_path = self.folder / "log"
        self.child = None
        self.paused = False

    # --- life -------------------------------------------------------------------------------------

    def command(self):
        raise NotImplementedError

    def answers(self):
        """Whether it serves by now."""
        raise NotImplementedError

    def launch(self):
        """Starts the process and does not wait."""
        assert self.child is None or self.child.poll() is not None, f"{self.name} runs already"
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                [str(word) for word in self.command()], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=self.folder, preexec_fn=_with_us,
                env={"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), "LC_ALL": "C.UTF-8"},
                **_as(self.user))
        return self

    def start(self):
        """Starts it and waits until it serves. A port that somebody took meanwhile is chosen anew."""
        for _ in range(5):
            self.launch()
            if self.wait_ready():
                return self
            if not self.choose_port():
                break
        raise AssertionError(f"{self.name} does not start: {self.log()}")

    def choose_port(self):
        """Takes another port for the next try; False if that cannot be what is wrong."""
        return False

    def wait_ready(self, seconds=START_SECONDS):
        """True once it serves, False if it ended; fails after `seconds`."""
        end = time.monotonic() + seconds
        while self.child.poll() is None:
            if self.answers():
                return True
            assert time.monotonic() < end, f"{self.name} does not serve: {self.log()}"
            time.sleep(0.02)
        return False

    def is_running(self):
        return self.child is not None and self.child.poll() is None

    def pause(self):
        """SIGSTOP: it holds its connections and says nothing."""
        self.child.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self.child.send_signal(signal.SIGCONT)
        self.paused = False

    def end(self, number=signal.SIGTERM, seconds=60.0):
        """Ends it by a signal, and waits until it is gone; harmless if it is."""
        if not self.is_running():
            return
        if self.paused:
            self.resume()
        self.child.send_signal(number)
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(seconds)

    def kill(self):
        """kill -9."""
        self.end(signal.SIGKILL)

    def close(self):
        """Ends it and removes its folder."""
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- helpers ----------------------------------------------------------------------------------

    def write(self, name, text):
        """A file in its folder that only it (and root) may read."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        return path

    def run(self, *words, **options):
        """A program as the server's user; its output, and a failure that shows it."""
        done = subprocess.run(
            [str(word) for word in words], cwd=self.folder, capture_output=True, text=True,
            timeout=120, **_as(self.user), **options)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def log(self, lines=15):
        with contextlib.suppress(OSError):
            return "\n".join(self.log_path.read_text("utf-8", "replace").splitlines()[-lines:])
        return "no log"

    def accepts(self, port):
        """Whether somebody listens on a port of this machine."""
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False

    def cpu_seconds(self):
        """Processor time of the process and of all its children, those that ended included."""
        ticks, found = 0, [self.child.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += sum(map(int, fields[11:15]))
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += map(int, (task / "children").read_text().split())
        return ticks / os.sysconf("SC_CLK_TCK")
