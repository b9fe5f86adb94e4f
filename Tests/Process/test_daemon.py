"""A daemon's manners: rights that are given up, a service manager that is spoken to, sockets that are
handed over, and a log of requests. What needs root is skipped without it, and says so."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from server import MIZU, wait_until
from sync import create, push_one
from test_manners import assert_refuses
from wire import Connection, WebSocket, fetch

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
UNITS = Path(__file__).resolve().parents[2] / "Assets" / "systemd"
COMMON = re.compile(r'^(\S+) - (\S+) \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
                    r'"((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) [0-9a-f]{16}$')


# --- RUN_AS ---------------------------------------------------------------------------------------

@pytest.fixture
def open_folder():
    """A folder that any user may write: pytest's own are closed to all but the one who runs it."""
    folder = tempfile.mkdtemp(prefix="mizu-run-as-", dir="/tmp")
    os.chmod(folder, 0o777)
    yield Path(folder)
    shutil.rmtree(folder)


def statuses(pid):
    """What /proc says of each thread: name to list of words."""
    result = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # one that has ended
            lines = (task / "status").read_text().splitlines()
            result.append({name: value.split() for name, value in
                           (line.split(":", 1) for line in lines)})
    return result


def low_port(host):
    """A port below 1024 that is free on `host`."""
    for port in range(1023, 600, -1):
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue
    raise AssertionError("no port below 1024 is free")


@needs_root
@pytest.mark.parametrize("identity,user,group", [
    ("nobody", 65534, 65534), ("nobody:daemon", 65534, 1), ("4242:4343", 4242, 4343)], ids=str)
def test_every_thread_of_run_as_is_somebody_else_for_good(start, open_folder, identity, user, group):
    host = "127.0.0.31"
    port = low_port(host)
    env = {"RUN_AS": identity, "WORKERS": "3", "ACCESS_LOG": "access.log"}
    running = start(open_folder, address=f"{host}:{port}", env=env).ready()
    assert (running.host, running.port) == (host, port)
    push_one(running, "s", create())
    threads = wait_until(lambda: len(found := statuses(running.child.pid)) >= 6 and found,
                         what="six threads")
    for thread in threads:
        assert set(thread["Uid"]) == {str(user)} and set(thread["Gid"]) == {str(group)}, thread
        assert thread["Groups"] == [str(group)], thread
        assert thread["NoNewPrivs"] == ["1"], thread
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(thread[name][0], 16) == 0, thread
    # Not dumpable: the process's own files in /proc are root's, and no other may read its memory.
    assert os.stat(f"/proc/{running.child.pid}/mem").st_uid == 0
    made = [path for path in open_folder.iterdir() if not path.name.startswith("stderr-")]
    assert {"mizu.db", "access.log"} <= {path.name for path in made}
    for path in made:
        assert (path.stat().st_uid, path.stat().st_gid) == (user, group), path
    running.stop()
    assert "root" not in running.errors, running.errors


@needs_root
@pytest.mark.parametrize("identity,word", [
    ("no-such-user", "no user"), ("nobody:no-such-group", "no group"), ("root", "root"),
    ("0", "root"), ("0:65534", "root"), ("nobody:0", "root"), ("4242", "group"),
    ("nobody:", "RUN_AS"), ("a:b:c", "RUN_AS"), ("4294967295:1", "no user"),
    ("-1", "no user")], ids=str)
def test_a_user_that_cannot_be_is_refused(start, identity, word):
    assert_refuses(start(env={"RUN_AS": identity}, database="memory:"), word)


@needs_root
def test_run_as_is_for_a_start_as_root(start, open_folder):
    binary = open_folder / "mizu"
    shutil.copy(MIZU, binary)

    def become_nobody():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    refused = start(open_folder, database="memory:", env={"RUN_AS": "nobody"},
                    command=[str(binary), "serve"], before_exec=become_nobody)
    assert_refuses(refused, "start it as root")
    without = start(open_folder, database="memory:", command=[str(binary), "serve"],
                    before_exec=become_nobody).ready()
    without.stop()
    assert "RUN_AS" not in without.errors


@needs_root
def test_root_without_run_as_is_told(start):
    running = start(database="memory:").ready()
    running.stop()
    assert [line for line in running.error_lines if "RUN_AS" in line], running.errors


@needs_root
def test_a_folder_that_the_user_cannot_write_is_one_clear_line(start, open_folder):
    os.chmod(open_folder, 0o755)
    assert_refuses(start(open_folder, env={"RUN_AS": "nobody"}), "mizu.db")
    assert_refuses(start(open_folder, database="memory:",
                         env={"RUN_AS": "nobody", "ACCESS_LOG": "a.log"}), "ACCESS_LOG")


# --- the service manager --------------------------------------------------------------------------

SO_TIMESTAMPNS = 35  # socket(7); Python has no name for it


class NotifySocket:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.settimeout(60)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def next(self):
        """One report: name to value."""
        data, stamps, *_ = self.socket.recvmsg(4096, 100)
        # When it was sent, whenever we come to read it.
        self.sent, = [seconds + nanoseconds / 1e9 for *_, stamp in stamps
                      for seconds, nanoseconds in [struct.unpack("qq", stamp)]]
        return dict(line.split("=", 1) for line in data.decode().splitlines())


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_service_manager_hears_of_start_reload_and_end(start, tmp_path, kind):
    name = str(tmp_path / "notify") if kind == "path" else f"@mizu-test-{os.getpid()}"
    with NotifySocket(name) as manager:
        running = start(database="memory:", env={"NOTIFY_SOCKET": name}).ready()
        ready = manager.next()
        assert ready == {"READY": "1", "STATUS": f"listening on http://{running.authority}"}
        assert fetch(running, "GET", "/healthz").status == 200
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        running.signal(signal.SIGHUP)
        reloading = manager.next()
        assert reloading["RELOADING"] == "1"
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        assert before <= int(reloading["MONOTONIC_USEC"]) <= after
        assert manager.next() == ready
        assert fetch(running, "GET", "/healthz").status == 200
        running.signal(signal.SIGTERM)
        assert manager.next()["STOPPING"] == "1"
        assert running.wait(60) == 0, running.errors


def test_the_watchdog_is_told_at_half_its_time(start, tmp_path):
    with NotifySocket(str(tmp_path / "notify")) as manager:
        running = start(database="memory:", env={
            "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}).ready()
        assert manager.next()["READY"] == "1"
        sent = []
        for _ in range(6):
            assert manager.next() == {"WATCHDOG": "1"}
            sent.append(manager.sent)
        # Six pings have five halves between them, and a busy machine may take longer.
        assert sent[-1] - sent[0] > 0.8, sent
        running.stop()


def test_a_service_manager_that_has_gone_is_no_reason_not_to_serve(start, tmp_path):
    running = start(database="memory:", env={"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
    assert fetch(running, "GET", "/healthz").status == 200
    running.stop()
    assert "NOTIFY_SOCKET" in running.errors


def test_lines_for_the_journal_begin_with_their_priority(start):
    program = ("import os, sys; s = os.fstat(2); os.environ['JOURNAL_STREAM'] = "
               "f'{s.st_dev + int(sys.argv[1])}:{s.st_ino}'; os.execv(sys.argv[2], sys.argv[2:])")
    for off, begins in ((0, "<4>"), (1, "2")):
        command = [sys.executable, "-c", program, str(off), MIZU, "serve"]
        running = start(database="memory:", command=command,
                        env={"NOTIFY_SOCKET": "/no/such/socket"}).ready()
        running.stop()
        assert running.error_lines[0].startswith(begins), running.errors


# Puts the descriptors in its arguments at 3, 4 … and becomes the server, as systemd does.
HAND_OVER = """
import fcntl, os, sys
count = int(sys.argv[1])
given = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 50) for fd in sys.argv[2:2 + count]]
for place, fd in enumerate(given):
    os.dup2(fd, 3 + place)
os.environ["LISTEN_PID"] = os.environ.get("LISTEN_PID") or str(os.getpid())
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
"""


def hand_over(start, sockets, env=None, **options):
    """A server that is started with these sockets open."""
    numbers = [str(each.fileno()) for each in sockets]
    command = [sys.executable, "-c", HAND_OVER, str(len(sockets)), *numbers, MIZU, "serve"]
    return start(command=command, pass_fds=[each.fileno() for each in sockets], database="memory:",
                 env={"LISTEN_FDS": str(len(sockets)), "WORKERS": "3", **(env or {})}, **options)


def listener(host="127.0.0.1"):
    return socket.create_server((host, 0), backlog=100)


def test_a_listener_that_was_handed_over_takes_the_place_of_addr(start):
    with listener("127.0.0.5") as given, listener("127.0.0.1") as taken:
        # An ADDR that could not be bound: nobody tries.
        address = "%s:%d" % taken.getsockname()
        running = hand_over(start, [given], address=address).ready()
        assert (running.host, running.port) == given.getsockname()
        connections = [Connection(running) for _ in range(60)]
        for connection in connections:
            assert connection.request("GET", "/healthz").status == 200
            connection.close()
        running.stop()
        assert len(running.lines) == 1


def test_clients_wait_in_a_listener_through_a_restart(start):
    with listener() as given:
        first = hand_over(start, [given]).ready()
        assert fetch(first, "GET", "/healthz").status == 200
        first.stop()
        with Connection(first) as waiting:
            waiting.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            hand_over(start, [given]).ready()
            assert waiting.response().status == 200


def test_several_listeners_are_served_and_announced(start):
    with listener("127.0.0.1") as one, listener("127.0.0.2") as two:
        running = hand_over(start, [one, two], env={"LISTEN_FDNAMES": "http:mizu.socket"}).ready()
        wait_until(lambda: len(running.lines) == 2, 60, "a second line")
        for given in (one, two):
            running.host, running.port = given.getsockname()
            running.authority = "%s:%d" % given.getsockname()
            assert f"listening on http://{running.authority}" in running.lines
            assert fetch(running, "GET", "/healthz").status == 200
        running.stop()


def test_a_listener_for_another_process_is_left_alone(start):
    with listener() as given:
        running = hand_over(start, [given], env={"LISTEN_PID": "1"}).ready()
        assert running.port != given.getsockname()[1]
        running.stop()


def test_what_is_no_listener_is_refused(start):
    with socket.socket() as idle:
        assert_refuses(hand_over(start, [idle]), "LISTEN_FDS")
    with listener() as given:
        assert_refuses(hand_over(start, [given], env={"LISTEN_FDS": "many"}), "LISTEN_FDS")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        assert_refuses(hand_over(start, [datagrams]), "LISTEN_FDS")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_units_are_what_systemd_understands(tmp_path):
    for unit in ("mizu.service", "mizu.socket"):
        text = (UNITS / unit).read_text().replace("/usr/local/bin/mizu", MIZU)
        (tmp_path / unit).write_text(text)
    paths = [str(tmp_path / "mizu.service"), str(tmp_path / "mizu.socket")]
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", *paths],
                              capture_output=True, text=True, timeout=60)
    # Words about other units of this machine are not ours.
    ours = [line for line in verified.stderr.splitlines() if "mizu" in line]
    assert verified.returncode == 0 and not ours, verified.stderr
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", paths[0]],
        capture_output=True, text=True, timeout=60)
    assert judged.returncode == 0, judged.stdout[-2000:] + judged.stderr


# --- the access log -------------------------------------------------------------------------------

def logged(path, count):
    """The lines of a log, once there are `count` of them."""
    def lines():
        found = path.read_text("ascii").splitlines() if path.exists() else []
        return found if len(found) >= count else None

    found = wait_until(lines, 60, f"{count} lines in {path}")
    assert len(found) == count, found
    return found


def test_there_is_no_access_log_unless_it_is_asked_for(start, tmp_path):
    running = start(database="memory:", env={"ACCESS_LOG": "off"}).ready()
    assert fetch(running, "GET", "/healthz").status == 200
    running.stop()
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith("stderr-")]
    assert "healthz" not in running.errors


def test_every_answer_has_a_line_of_json(start, tmp_path):
    running = start(database="memory:", env={"ACCESS_LOG": "access.log", "WORKERS": "1"}).ready()
    with Connection(running) as connection:
        page = connection.request("GET", "/?q=1", [("User-Agent", 'a "b"\t\\c \xe9')])
        connection.request("HEAD", "/")
        connection.request("GET", "/missing%20one")
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        for _ in range(3):
            assert connection.response().status == 200
        push_one(connection, "s", create())
        connection.send(b"no request\r\n\r\n")
        assert connection.response().status == 400
    with Connection(running) as connection:
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.response().status == 400
    WebSocket(running).close()
    lines = [json.loads(line) for line in logged(tmp_path / "access.log", 10)]
    told = [(line["method"], line["path"], line["protocol"], line["status"]) for line in lines]
    assert told == [
        ("GET", "/", "HTTP/1.1", 200), ("HEAD", "/", "HTTP/1.1", 200),
        ("GET", "/missing%20one", "HTTP/1.1", 404), *[("GET", "/healthz", "HTTP/1.1", 200)] * 3,
        ("POST", "/_sync/push", "HTTP/1.1", 200), (None, None, None, 400), (None, None, None, 400),
        ("GET", "/ws", "HTTP/1.1", 101)]
    assert lines[0]["bytes"] == len(page.body) > 100 and lines[1]["bytes"] == 0
    assert lines[0]["user_agent"] == 'a "b"\t\\c \ufffd' and "user_agent" not in lines[1]
    for line in lines:
        assert line["peer"] == "127.0.0.1" and 0 <= line["duration_ms"] < 60_000, line
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", line["time"]), line
    running.stop()


def test_lines_in_the_common_format(start, tmp_path):
    running = start(database="memory:", env={
        "ACCESS_LOG": "access.log", "ACCESS_LOG_FORMAT": "common", "WORKERS": "1"}).ready()
    with Connection(running) as connection:
        connection.request("GET", "/healthz?x=y")
        connection.request("HEAD", "/healthz")
        connection.send(b"\x16\x03\x01")
        assert connection.response().status == 400
    matches = [COMMON.match(line) for line in logged(tmp_path / "access.log", 3)]
    assert [match.groups()[:4] for match in matches] == [
        ("127.0.0.1", "-", "GET /healthz HTTP/1.1", "200"),
        ("127.0.0.1", "-", "HEAD /healthz HTTP/1.1", "200"), ("127.0.0.1", "-", "-", "400")]
    assert matches[0][5] == "2" and matches[1][5] == "-" and int(matches[2][5]) > 0
    running.stop()


@pytest.mark.parametrize("form", ["json", "common"])
def test_secrets_and_foreign_bytes_stay_out_of_the_log(start, tmp_path, form):
    running = start(database="memory:", env={
        "ACCESS_LOG": "access.log", "ACCESS_LOG_FORMAT": form, "LOG_LEVEL": "trace"}).ready()
    hidden = [("Authorization", "Bearer SECRET"), ("Cookie", "sid=SECRET"), ("X-Key", "SECRET"),
              ("Referer", "http://x/?SECRET")]
    agent = [("User-Agent", 'x\t\xff\xc2\x9b31m"} {"status":1')]
    assert fetch(running, "GET", "/?token=SECRET", hidden + agent).status == 200
    # What the parser refuses is not quoted at all.
    assert fetch(running, "GET", "/", [("User-Agent", "\x1b[31m")]).status == 400
    assert fetch(running, "GET", "/SECRET\"b\\c\xc3\xa9", hidden).status == 400
    lines = logged(tmp_path / "access.log", 3)
    text = "\n".join(lines)
    assert "SECRET" not in text and "SECRET" not in running.errors
    for line in lines:
        assert re.fullmatch(r"[ -~]+", line), line
        assert COMMON.match(line) if form == "common" else json.loads(line)["status"] > 1, line
    running.stop()


def test_dash_is_standard_output_behind_the_listening_lines(start):
    running = start(database="memory:", env={"ACCESS_LOG": "-"}).ready()
    assert fetch(running, "GET", "/healthz").status == 200
    wait_until(lambda: len(running.lines) == 2, 60, "a line of the access log")
    assert json.loads(running.lines[1])["path"] == "/healthz"
    running.signal(signal.SIGUSR1)
    assert fetch(running, "GET", "/healthz").status == 200
    running.signal(signal.SIGTERM)
    assert running.wait(60) == 0
    assert len(running.lines) == 3 and running.lines[0].startswith("listening on ")


def test_a_log_that_nobody_reads_stops_neither_answers_nor_the_end(start, tmp_path):
    os.mkfifo(tmp_path / "log")
    held = os.open(tmp_path / "log", os.O_RDWR)
    try:
        running = start(database="memory:", env={"ACCESS_LOG": "log"}).ready()
        with Connection(running) as connection:
            for _ in range(40):
                connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
                for _ in range(50):
                    assert connection.response().status == 200
        running.signal(signal.SIGTERM)
        assert running.wait(60) == 0, running.errors
        assert "the access log is incomplete" in running.errors
    finally:
        os.close(held)


def test_sigusr1_opens_the_log_anew(start, tmp_path):
    running = start(database="memory:", env={"ACCESS_LOG": "access.log"}).ready()
    log, old = tmp_path / "access.log", tmp_path / "access.log.1"
    with Connection(running) as connection:
        for number in range(5):
            assert connection.request("GET", f"/first/{number}").status == 404
        logged(log, 5)
        log.rename(old)
        running.signal(signal.SIGUSR1)
        wait_until(log.exists, 60, "a new log")
        for number in range(3):
            assert connection.request("GET", f"/second/{number}").status == 404
    assert all("/second/" in line for line in logged(log, 3))
    assert all("/first/" in line for line in logged(old, 5))
    assert log.stat().st_mode & 0o777 == 0o640
    running.stop()


def test_a_line_is_not_lost_at_the_end(start, tmp_path):
    running = start(database="memory:", env={"ACCESS_LOG": "access.log"}).ready()
    with Connection(running) as connection:
        for _ in range(100):
            assert connection.request("GET", "/healthz").status == 200
    running.stop()
    assert len((tmp_path / "access.log").read_text().splitlines()) == 100


def test_a_full_disk_costs_lines_and_nothing_else(start):
    running = start(database="memory:", env={"ACCESS_LOG": "/dev/full"}).ready()
    with Connection(running) as connection:
        for _ in range(50):
            assert connection.request("GET", "/healthz").status == 200
    running.stop()
    lost = [int(count) for count in re.findall(r"(\d+) lines of the access log are lost: No space",
                                               running.errors)]
    assert sum(lost) == 50, running.errors


def test_a_log_that_met_its_limit_goes_on_with_whole_lines(start, tmp_path):
    """The write that meets the limit ends inside a line; the next that succeeds begins a new one."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))

    log = tmp_path / "access.log"
    running = start(database="memory:", env={"ACCESS_LOG": "access.log"}, before_exec=limit).ready()
    with Connection(running) as connection:
        for number in range(20):
            # By itself a line is longer than the limit, so that none can end there.
            assert connection.request("GET", f"/first/{number}/{'x' * 1000}").status == 404
        wait_until(lambda: log.stat().st_size == 1000, 60, "a full log")
        assert not log.read_text().endswith("\n"), "the limit falls inside a line"
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE, unlimited)
        for _ in range(5):
            assert connection.request("GET", "/second").status == 404
    running.stop()
    text = log.read_text()
    torn, whole = text[:1000].splitlines()[-1], text[1000:]
    with pytest.raises(ValueError):
        json.loads(torn)
    assert whole.startswith("\n") and whole.endswith("\n"), whole
    paths = [json.loads(line)["path"] for line in whole.splitlines()[1:]]
    assert paths[-5:] == ["/second"] * 5, paths


@pytest.mark.parametrize("env", [
    {"ACCESS_LOG": "no/such/folder/a.log"}, {"ACCESS_LOG": "/proc/version/a"},
    {"ACCESS_LOG": "folder/"}, {"ACCESS_LOG_FORMAT": "xml"}], ids=str)
def test_a_log_that_cannot_be_is_refused_at_start(start, env):
    assert_refuses(start(database="memory:", env=env), *env)
