"""How the process starts, tells what is wrong, and ends: streams, exit codes, databases, signals."""

import os
import signal
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from server import LISTENING, MIZU, wait_until
from sync import create, new_scope, pull_all, push_one
from wire import Closed, Connection, dump, fetch


def assert_refuses(process, *words, lines=1):
    """Ends by itself with a code that is not 0, nothing on standard output, and one clear line
    (with one of `words`) on standard error."""
    code = process.wait(60)
    assert code > 0, f"exit code {code}; stderr: {process.errors}"
    assert process.lines == []
    assert 1 <= len(process.error_lines) <= lines, process.errors
    text = process.errors.lower()
    assert any(word.lower() in text for word in words), process.errors
    assert "fatal error" not in text and "stack dump" not in text and "swift/" not in text, text


def test_standard_output_has_only_the_listening_line(start):
    running = start().ready()
    assert running.lines == [f"listening on http://127.0.0.1:{running.port}"] and running.port > 0
    push_one(running, "s", create())
    fetch(running, "GET", "/")
    fetch(running, "GET", "/missing")
    running.stop()
    assert len(running.lines) == 1, running.lines


def test_healthz_says_ok(server):
    answer = fetch(server, "GET", "/healthz")
    assert answer.status == 200 and answer.body.strip() == b"ok", answer


def test_an_address_without_a_host_is_every_address(start):
    running = start(address=":0").ready()
    for host in (running.host, "127.0.0.1", "127.0.0.2", "::1"):
        running.host = host
        assert fetch(running, "GET", "/healthz").status == 200


def test_addr_may_be_a_flag(start):
    running = start(address="127.0.0.1:1", args=["--addr", "127.0.0.2:0"]).ready()
    assert running.host == "127.0.0.2"
    assert fetch(running, "GET", "/healthz").status == 200


def test_each_of_several_listeners_has_its_line(start):
    running = start(address="127.0.0.1:0,127.0.0.2:0").ready()
    wait_until(lambda: len(running.lines) == 2, 60, "a second line")
    hosts = [LISTENING.match(line)[2] for line in running.lines]
    assert hosts == ["127.0.0.1", "127.0.0.2"]
    for line in running.lines:
        running.host, running.port = LISTENING.match(line)[2], int(LISTENING.match(line)[3])
        assert fetch(running, "GET", "/healthz").status == 200
    running.stop()


def test_a_taken_port_is_refused(start, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_refuses(start(address=f"127.0.0.1:{port}"), str(port))
    running = start().ready()
    other = start(database=f"sqlite:{tmp_path}/other.db", address=running.authority)
    assert_refuses(other, str(running.port))
    for _ in range(20):
        assert fetch(running, "GET", "/healthz").status == 200, "half its traffic was stolen"


@pytest.mark.parametrize("path", ["/proc/mizu/x.db", "/dev/null/x.db", "/proc/self/status"])
def test_an_unwritable_place_is_refused(start, path):
    assert_refuses(start(database=f"sqlite:{path}"), path, os.path.dirname(path))


def test_a_directory_in_place_of_the_database_is_refused(start, tmp_path):
    (tmp_path / "folder.db").mkdir()
    assert_refuses(start(database="sqlite:folder.db"), "folder.db")


def test_a_file_that_is_no_database_is_refused_and_left_alone(start, tmp_path):
    path = tmp_path / "letters.db"
    text = b"these are letters, and somebody's only copy of them\n" * 100
    path.write_bytes(text)
    assert_refuses(start(database="sqlite:letters.db"), "letters.db")
    assert path.read_bytes() == text


def test_a_database_of_a_newer_version_is_refused_and_left_alone(start, tmp_path):
    running = start().ready()
    scope = new_scope()
    push_one(running, scope, create())
    running.stop()
    with sqlite3.connect(tmp_path / "mizu.db") as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute("PRAGMA user_version = 9999")
    database.close()
    assert version > 0, "the schema has a version"
    assert_refuses(start(), "version", "newer")
    database = sqlite3.connect(tmp_path / "mizu.db")
    assert database.execute("PRAGMA user_version").fetchone() == (9999,)
    database.execute(f"PRAGMA user_version = {version}")
    database.commit()
    database.close()
    assert len(pull_all(start().ready(), scope)[0]) == 1


def test_a_database_held_by_another_process_is_refused(start):
    running = start().ready()
    assert_refuses(start(), "mizu.db")
    push_one(running, "s", create())
    running.stop()
    start().ready()


def test_a_database_is_held_by_whatever_name_it_is_called(start, tmp_path):
    """A second writer would give out cursors that the first one does not know of."""
    start().ready()
    (tmp_path / "link.db").symlink_to("mizu.db")
    (tmp_path / "folder").symlink_to(tmp_path)
    for name in ("link.db", "folder/mizu.db", "./mizu.db", str(tmp_path / "mizu.db")):
        assert_refuses(start(database=f"sqlite:{name}"), name, "held by another process")


def test_a_link_to_nothing_yet_is_held_by_both_names(start, tmp_path):
    (tmp_path / "link.db").symlink_to("mizu.db")
    start(database="sqlite:link.db").ready()
    assert_refuses(start(), "held by another process")


def test_a_path_that_looks_like_a_uri_is_a_path(start, tmp_path):
    """Debian's SQLite takes a name that begins with `file:` for a URI."""
    start(database="sqlite:file:x.db?mode=memory").ready()
    assert (tmp_path / "file:x.db?mode=memory").stat().st_size > 0
    assert not (tmp_path / "x.db").exists()


def test_a_database_is_free_as_soon_as_its_holder_was_killed(start):
    for _ in range(3):
        start().ready().kill()
    start().ready()


@pytest.mark.parametrize("env,word", [
    ({"ADDR": "nonsense"}, "ADDR"), ({"ADDR": "127.0.0.1:99999"}, "ADDR"),
    ({"ADDR": "127.0.0.1:"}, "ADDR"), ({"ADDR": "no.such.host.invalid:0"}, "no.such.host"),
    ({"ADDR": "127.0.0.1:-1"}, "ADDR"), ({"ADDR": "192.0.2.1:0"}, "192.0.2.1"),
    ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"), ({"DATABASE_URL": "sqlite:"}, "DATABASE_URL"),
    ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"), ({"WORKERS": "many"}, "WORKERS"),
    ({"WORKERS": "0"}, "WORKERS"), ({"WORKERS": "-1"}, "WORKERS"),
    ({"WORKERS": "99999999999999999999"}, "WORKERS"), ({"DRAIN_TIMEOUT": "soon"}, "DRAIN_TIMEOUT"),
    ({"DRAIN_TIMEOUT": "-5"}, "DRAIN_TIMEOUT"), ({"HOSTS": ","}, "HOSTS"),
    ({"HOSTS": "a.example, b.example"}, "HOSTS"), ({"HOSTS": "*,a"}, "HOSTS"),
    ({"HOSTS": "http://a.example"}, "HOSTS"),
], ids=str)
def test_a_bad_setting_is_refused_by_its_name(start, env, word):
    options = {"address": env.pop("ADDR")} if "ADDR" in env else {}
    assert_refuses(start(env=env, **options), word)


@pytest.mark.parametrize("args", [["--nonsense"], ["--workers"], ["--workers", "x"], ["extra"]],
                         ids=str)
def test_a_bad_flag_is_refused(start, args):
    assert_refuses(start(args=args), args[0].lstrip("-"), lines=4)


def test_a_bad_command_is_refused_and_help_is_not(tmp_path):
    run = lambda *args: subprocess.run([MIZU, *args], cwd=tmp_path, capture_output=True, timeout=60)
    bad = run("nonsense")
    assert bad.returncode != 0 and b"nonsense" in bad.stderr and not bad.stdout
    helped = run("serve", "--help")
    assert helped.returncode == 0 and b"addr" in helped.stdout.lower()


@pytest.mark.parametrize("workers", ["1", "4"])
def test_the_number_of_workers_is_a_setting(start, workers):
    running = start(env={"WORKERS": workers}).ready()
    connections = [Connection(running) for _ in range(20)]
    assert all(c.request("GET", "/healthz").status == 200 for c in connections)
    for connection in connections:
        connection.close()
    running.stop()


@pytest.mark.parametrize("where", ["sqlite:a.db", "sqlite:new/folders/made/a.db", "sqlite:./b/a.db",
                                   "absolute", None])
def test_a_database_is_made_with_its_parents(start, tmp_path, where):
    path = tmp_path / "data" / "mizu.db"
    if where == "absolute":
        path = tmp_path / "some" / "where" / "a.db"
        where = f"sqlite:{path}"
    elif where:
        path = tmp_path / where.removeprefix("sqlite:")
    running = start(database=where).ready()
    push_one(running, "s", create())
    running.stop()
    assert path.read_bytes()[:15] == b"SQLite format 3", path


def test_memory_keeps_nothing_and_writes_nothing(start, tmp_path):
    running = start(database="memory:").ready()
    push_one(running, "s", create())
    assert len(pull_all(running, "s")[0]) == 1
    running.stop()
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".log"]
    assert pull_all(start(database="memory:").ready(), "s")[0] == []


def test_hosts_are_the_only_names_where_they_are_configured(start):
    running = start(env={"HOSTS": "todo.example,www.todo.example:8443"}).ready()
    for host, status in (("todo.example", 200), ("evil.example", 403), ("TODO.example", 200)):
        answer = fetch(running, "GET", "/", [("Host", host)])
        refused = answer.status in (400, 403, 421)
        assert refused if status != 200 else answer.status == 200, (host, answer)
    # A balancer's probe knows the address, not the name.
    assert fetch(running, "GET", "/healthz", [("Host", "10.0.0.5")]).status == 200
    body = dump({"scope": "s", "cursor": 0})
    for origin, allowed in (("http://todo.example", True), ("http://evil.example", False)):
        answer = fetch(running, "POST", "/_sync/pull", [
            ("Host", "todo.example"), ("Origin", origin), ("Content-Type", "application/json")], body)
        assert (answer.status == 200) is allowed, (origin, answer)


def test_a_bind_beyond_loopback_says_that_everyone_may_everything(start):
    inner = start().ready()
    inner.stop()
    running = start(address="0.0.0.0:0").ready()
    # What it says of itself comes behind `listening`.
    wait_until(lambda: len(running.error_lines) > len(inner.error_lines),
               what=lambda: f"more than {inner.errors}: {running.errors}")
    running.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_finishes_the_request_in_flight(start, number):
    running = start(env={"DRAIN_TIMEOUT": "600"}).ready()
    scope, one = new_scope(), create()
    body = dump({"scope": scope, "mutations": [one]})
    with Connection(running) as connection, Connection(running) as idle:
        assert connection.request("GET", "/healthz").status == 200
        assert idle.request("GET", "/healthz").status == 200
        connection.send(b"POST /_sync/push HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                        b"Content-Length: %d\r\n\r\n%s" % (
                            running.authority.encode(), len(body), body[:20]))
        running.signal(number)
        assert idle.is_closed_by_peer(), "an idle connection is closed"
        wait_until(lambda: refuses_connections(running), 60, "the end of accepting")
        connection.send(body[20:])
        answer = connection.response("POST")
        assert answer.status == 200 and answer.json["results"][0]["ok"], answer
        assert connection.is_closed_by_peer()
    # As soon as nobody is left, not at the end of its time.
    assert running.wait(60) == 0, running.errors
    again = start().ready()
    assert len(pull_all(again, scope)[0]) == 1


def refuses_connections(running):
    try:
        with Connection(running, timeout=2) as connection:
            connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.fill()
        return False
    except (Closed, OSError):
        return True


def test_openssl_frees_nothing_while_threads_end(start, tmp_path):
    """Each thread frees what OpenSSL keeps for it behind its last line: both at once is a crash."""
    shim, asked = tmp_path / "at_exit.so", tmp_path / "asked"
    subprocess.run(["cc", "-Wall", "-O1", "-shared", "-fPIC", "-o", str(shim),
                    str(Path(__file__).with_name("at_exit.c"))], check=True, timeout=60)
    # A certificate of its own, so that OpenSSL is used.
    start(env={"LD_PRELOAD": str(shim), "AT_EXIT": str(asked), "TLS_ADDR": "127.0.0.1:0",
               "TLS_SELF_SIGNED": "true"}).ready().stop()
    assert asked.exists() and "OPENSSL_cleanup" not in asked.read_text(), asked.read_text()


def test_a_second_signal_does_no_harm(start):
    running = start().ready()
    for _ in range(3):
        try:
            running.signal(signal.SIGTERM)
        except ProcessLookupError:
            break
    assert running.wait(60) in (0, 1, 130, 143)


def test_hangups_and_broken_pipes_do_not_end_it(start):
    running = start().ready()
    for _ in range(20):
        connection = Connection(running)
        connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    running.signal(signal.SIGPIPE)
    assert fetch(running, "GET", "/healthz").status == 200
    running.stop()


def test_an_end_waits_for_nothing_where_nobody_is_there(start):
    running = start(env={"DRAIN_TIMEOUT": "600"}).ready()
    assert fetch(running, "GET", "/healthz").status == 200
    running.stop()
