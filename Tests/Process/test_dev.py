"""`mizu dev` from outside: its life cycle, the handover, builds that fail, signals, exit codes.

What the page does is in Tests/Browser/test_dev.py; a real `swift build` is in neither.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import termios
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from dev import Dev, Load
from server import MIZU, wait_until

RELOADS = 100
SHELL = "/bin/sh"


@pytest.fixture
def dev(tmp_path):
    running = []

    def starter(**options):
        running.append(Dev(tmp_path, **options))
        return running[-1]

    yield starter
    for process in running:
        process.kill()
        for event in process.events if "--json" in process.child.args else []:
            # kill -9 leaves the app to its parent's death signal; it must not outlive the test.
            if event["event"] == "started":
                wait_until(lambda: not alive(event["pid"]), what="the app's end")


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def get(process, path="/"):
    with urllib.request.urlopen(f"http://{process.authority}{path}", timeout=60) as answer:
        return answer.status, answer.read().decode()


def post(process, path, body):
    request = urllib.request.Request(
        f"http://{process.authority}{path}", data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_builds_runs_and_ends_with_the_apps_code(dev):
    process = dev()
    started = process.ready()
    assert get(process)[0] == 200
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    names = [event["event"] for event in process.events]
    assert names == [
        "listening", "building", "built", "started", "ready", "stopping", "exited", "stopped"]
    assert process.events[-2]["pid"] == started["pid"] and process.events[-2]["code"] == 0
    assert process.events[-1]["code"] == 0
    assert all(event["time"] > 1_600_000_000_000 for event in process.events)


def test_a_change_of_the_source_hands_the_socket_and_the_database_to_a_new_process(dev):
    process = dev()
    first = process.ready()
    port = process.port
    post(process, "/_sync/push", {"mutations": [
        {"id": "m1", "name": "todo.create", "args": {"id": "t1", "title": "Kept"}}]})
    process.change("another line")
    second = process.ready(2)
    assert second["pid"] != first["pid"]
    assert not alive(first["pid"])
    assert process.port == port
    assert "Kept" in get(process, "/api/todos")[1]
    exited = process.wait_event("exited")
    assert (exited["pid"], exited["code"]) == (first["pid"], 0)


def test_no_request_is_refused_or_cut_in_a_hundred_reloads(dev):
    process = dev()
    process.ready()
    clients = [Load(process.host, process.port, socket.create_connection) for _ in range(8)]
    for client in clients:
        client.start()
    for number in range(RELOADS):
        process.change(f"line {number}")
        process.wait_event("ready", number + 2)
    for client in clients:
        client.stopping = True
    for client in clients:
        client.join(60)
    assert [failure for client in clients for failure in client.failures] == []
    assert sum(client.answers for client in clients) > RELOADS
    assert process.count("exited") == RELOADS


def test_a_build_that_fails_leaves_the_old_process_serving(dev):
    process = dev()
    first = process.ready()
    process.change("BROKEN")
    failed = process.wait_event("build_failed")
    assert failed["diagnostics"] == [{
        "severity": "error", "message": "this is broken", "file": "Sources/App/main.swift",
        "line": 1, "column": 4, "excerpt": "1 | // BROKEN"}]
    assert get(process)[0] == 200 and alive(first["pid"])
    process.change("whole again")
    assert process.ready(2)["pid"] != first["pid"]


def test_a_first_build_that_fails_is_waited_out(dev, tmp_path):
    (tmp_path / "app/Sources/App").mkdir(parents=True)
    (tmp_path / "app/Sources/App/main.swift").write_text("// BROKEN\n")
    process = dev()
    process.wait_event("build_failed")
    # There is no app yet, and its address says why.
    with pytest.raises(urllib.error.HTTPError) as refusal:
        get(process)
    assert refusal.value.code == 503
    page = refusal.value.read().decode()
    assert "this is broken" in page and "Sources/App/main.swift:1:4" in page
    process.change("whole")
    process.ready()
    assert get(process)[0] == 200


def test_a_change_during_a_build_begins_another(dev):
    process = dev()
    process.ready()
    process.change("SLOW")
    process.wait_event("building", 2)
    wait_until(lambda: len((process.package / "builds.log").read_text().splitlines()) == 2)
    process.change("quick")
    process.wait_event("ready", 2)


def test_what_a_build_made_before_a_change_ended_it_is_started_by_the_next(dev):
    process = dev()
    first = process.ready()
    process.change("LATE")
    # The file is there, and the build is not over.
    wait_until(lambda: "made" in (process.package / "builds.log").read_text())
    process.change("KEPT")
    assert process.ready(2)["pid"] != first["pid"]


def test_a_program_that_falls_over_at_its_start_is_replaced_by_the_one_before(dev):
    process = dev()
    first = process.ready()
    process.use("/bin/false")
    process.change("falls over")
    again = process.ready(2)
    codes = [(event["pid"], event["code"]) for event in process.events if event["event"] == "exited"]
    assert codes[0] == (first["pid"], 0) and codes[1][1] == 1
    assert again["pid"] not in (first["pid"], codes[1][0])
    assert get(process)[0] == 200


def test_assets_are_told_without_a_build_and_what_is_no_part_of_the_app_is_not(dev, tmp_path):
    def save(path, text):
        """As editors do: in one piece, where a file that is written is told twice if that takes long."""
        (tmp_path / "fresh").write_text(text)
        (tmp_path / "fresh").rename(path)

    process = dev()
    (process.package / "Assets/static/css").mkdir(parents=True)
    process.ready()
    save(process.package / "Assets/static/css/app.css", "a {}\n")
    css = process.wait_event("changed")
    assert (css["kind"], css["paths"]) == ("css", ["static/css/app.css"])
    (process.package / "data").mkdir()
    (process.package / "data/x.swift").write_text("no")
    (process.package / ".build/x.swift").write_text("no")
    (process.package / "new.db-wal").write_text("no")
    # A folder that comes later, with what is in it.
    (process.package / "Assets/views/pages").mkdir(parents=True)
    save(process.package / "Assets/views/pages/home.html", "<p>")
    page = process.wait_event("changed", 2)
    assert (page["kind"], page["paths"]) == ("page", ["views/pages/home.html"])
    assert process.count("building") == 1


@pytest.mark.parametrize("code", [0, 9])
def test_the_apps_exit_code_is_ours(dev, code):
    script = f"trap 'exit {code}' TERM; echo up >&2; while :; do sleep 0.02; done"
    process = dev(program=SHELL, arguments=("-c", script))
    wait_until(lambda: "up" in process.errors)
    process.signal(signal.SIGINT)
    assert process.wait() == code


def test_an_app_that_is_stopped_before_it_is_up_has_not_failed(dev):
    process = dev(program=SHELL, arguments=("-c", "echo here >&2; exec sleep 600"))
    wait_until(lambda: "here" in process.errors)
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    assert process.wait_event("exited")["code"] == 128 + signal.SIGTERM


def test_a_second_signal_kills_an_app_that_does_not_end(dev):
    script = "trap '' TERM; echo up >&2; while :; do sleep 0.02; done"
    process = dev(program=SHELL, arguments=("-c", script))
    wait_until(lambda: "up" in process.errors)
    process.signal(signal.SIGTERM)
    process.wait_event("stopping")
    process.signal(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGKILL


def test_hang_up_and_user_signals_are_passed_on(dev):
    script = ("trap 'echo hup >&2' HUP; trap 'echo usr >&2' USR1; echo up >&2;"
              " while :; do sleep 0.02; done")
    process = dev(program=SHELL, arguments=("-c", script))
    wait_until(lambda: "up" in process.errors)
    process.signal(signal.SIGHUP)
    wait_until(lambda: "hup" in process.errors)
    process.signal(signal.SIGUSR1)
    wait_until(lambda: "usr" in process.errors)


def test_an_app_that_ends_by_itself_is_told_and_waits_for_a_change(dev):
    process = dev(program=SHELL, arguments=("-c", "exit 7"))
    assert process.wait_event("exited")["code"] == 7
    with pytest.raises(urllib.error.HTTPError) as refusal:
        get(process)
    assert refusal.value.code == 503 and "ended with 7" in refusal.value.read().decode()
    process.use(MIZU)
    process.change("again")
    assert process.wait_event("exited", 2)["code"] == 64  # mizu does not know -c
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


def test_a_signal_during_the_first_build_ends_both(dev, tmp_path):
    (tmp_path / "app/Sources/App").mkdir(parents=True)
    (tmp_path / "app/Sources/App/main.swift").write_text("// SLOW\n")
    process = dev()
    process.wait_event("building")
    process.signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert process.count("started") == 0


def test_the_app_ends_with_a_mizu_dev_that_is_killed(dev):
    process = dev()
    pid = process.ready()["pid"]
    process.kill()
    wait_until(lambda: not alive(pid), what="the app's end")


def test_a_release_build_has_nothing_of_it(dev):
    if "debug" in Path(MIZU).resolve().parts:
        pytest.skip("MIZU_BIN is a debug build")
    process = dev()
    process.ready()
    assert "/_dev/" not in get(process)[1]
    for path in ("/_dev/events", "/_dev/dev.js", "/_dev/panel.js"):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            get(process, path)
        assert refusal.value.code == 404
    assert b"mizu-dev-overlay" not in Path(MIZU).read_bytes()


def run(folder, *arguments, env=None):
    return subprocess.run(
        [MIZU, "dev", *arguments], cwd=folder, capture_output=True, text=True, timeout=60,
        env={**os.environ, "ADDR": "127.0.0.1:0", **(env or {})})


def test_what_keeps_it_from_starting_is_one_line_and_code_1(dev, tmp_path):
    outside = run("/")
    assert outside.returncode == 1 and "mizu new" in outside.stderr
    assert len(outside.stderr.splitlines()) == 1
    process = dev()
    process.ready()
    path = f"{tmp_path / 'tools'}:{os.environ['PATH']}"
    nearly = run(process.package, "--target", "apq", env={"PATH": path})
    assert nearly.returncode == 1 and "did you mean app?" in nearly.stderr
    taken = run(process.package, env={"PATH": path, "ADDR": process.authority})
    assert taken.returncode == 1 and "is in use" in taken.stderr
    missing = run(process.package, env={"PATH": "/nonexistent"})
    assert missing.returncode == 1 and "cannot run swift" in missing.stderr
    assert run(process.package, "--no-such-flag").returncode == 64


def test_people_get_lines_without_colours_where_there_is_no_terminal(dev):
    process = dev(flags=())
    wait_until(lambda: "serving" in process.errors)
    process.change("BROKEN")
    wait_until(lambda: "the old process keeps running" in process.errors)
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    assert "\x1b" not in process.errors
    assert "Sources/App/main.swift:1:4: error: this is broken" in process.errors
    assert all(line.startswith("listening on ") for line in process.lines)


def test_it_ends_with_its_terminal(dev, tmp_path):
    process = dev(flags=())
    process.kill()
    ours, theirs = os.openpty()

    def control():
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    env = {**os.environ, "ADDR": "127.0.0.1:0", "DATABASE_URL": "memory:",
           "PATH": f"{tmp_path / 'tools'}:{os.environ['PATH']}"}
    child = subprocess.Popen(
        [MIZU, "dev", "--", "serve"], cwd=process.package, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=theirs, preexec_fn=control, text=True)
    os.close(theirs)
    try:
        assert child.stdout.readline().startswith("listening on ")
        os.close(ours)
        assert child.wait(60) == 0
    finally:
        child.kill()
        child.wait(60)


@pytest.mark.parametrize("plain", [None, "1"])
def test_a_terminal_gets_colours_and_a_progress_line_unless_it_does_not_want_colours(
        dev, tmp_path, plain):
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    said = b""

    def heard(word):
        nonlocal said
        try:
            said += os.read(ours, 65536)
        except (BlockingIOError, OSError):
            pass
        return word in said
    process = dev(flags=())
    process.kill()
    env = {**os.environ, "ADDR": "127.0.0.1:0", "DATABASE_URL": "memory:", "TERM": "xterm",
           "PATH": f"{tmp_path / 'tools'}:{os.environ['PATH']}", "NO_COLOR": plain or ""}
    child = subprocess.Popen(
        [MIZU, "dev", "--", "serve"], cwd=process.package, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    try:
        wait_until(lambda: heard(b"serving"))
        assert (b"\x1b[32m" in said) == (plain is None)
        process.change("SLOW")
        wait_until(lambda: heard(b"\r\x1b[K"), what="the progress line")
    finally:
        child.terminate()
        assert child.wait(60) == 0
        os.close(ours)
