"""`mizu cluster` shows what a node's admin address says, as a table and as it came, and says why where
it cannot. The address is a small server of the test's own.
"""

import json
import os
import socketserver
import subprocess
import threading

import pytest

from server import MIZU

NODES = {"node": "0c51fe2000000000", "store": "PostgreSQL at db1", "news": "redis", "nodes": [
    {"node": "0c51fe2000000000", "address": "10.0.0.5:8080", "version": "0.2.0", "started": 0,
     "seen_ms": 0, "draining": False, "figures": {
         "sockets": 21044, "cpu_permille": 310, "feed_lag_ms": 2, "changes_behind": 0, "other": 1}},
    {"node": "7d9a03b100000000", "address": "10.0.0.6:8080", "version": "0.2.0", "started": 0,
     "seen_ms": 12_000, "draining": False, "figures": {}},
    {"node": "e4406c9f00000000", "address": "10.0.0.7:8080", "version": "0.1.0", "started": 0,
     "seen_ms": 40, "draining": True, "figures": {"sockets": 3}}]}


@pytest.fixture
def admin():
    """Serves whatever its `answer` is; remembers the heads of requests."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            head = b"".join(iter(self.rfile.readline, b"\r\n")).decode()
            self.server.heads.append(head)
            self.wfile.write(self.server.answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        server.heads, server.answer = [], b""
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def answer(body, status="200 OK"):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def cluster(*words, **env):
    return subprocess.run(
        [MIZU, "cluster", *words], capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ.get("PATH", ""), "SWIFT_BACKTRACE": "interactive=no", **env})


def address(admin):
    return "127.0.0.1:%d" % admin.server_address[1]


def test_the_nodes_are_a_table(admin):
    admin.answer = answer(json.dumps(NODES))
    done = cluster("--admin", address(admin), "--token", "secret")
    assert done.returncode == 0, done
    head, empty, columns, *rows = done.stdout.splitlines()
    assert head == "3 nodes on PostgreSQL at db1, news by redis" and empty == ""
    assert columns.split() == "NODE ADDRESS VERSION UP SOCKETS CPU LAG BEHIND STATE".split()
    rows = [row.split() for row in rows]
    assert rows[0][:3] == ["0c51fe20*", "10.0.0.5:8080", "0.2.0"]
    assert rows[0][4:] == ["21044", "0.31", "2", "ms", "0", "lives"]
    assert rows[1][4:] == ["-", "-", "-", "-", "silent", "12s"]
    assert rows[2][4:] == ["3", "-", "-", "-", "draining"]
    request, *fields = admin.heads[0].split("\r\n")
    assert request == "GET /cluster HTTP/1.1" and "Authorization: Bearer secret" in fields


def test_json_is_what_came(admin):
    admin.answer = answer(json.dumps(NODES))
    done = cluster("--json", ADMIN_ADDR=address(admin))
    assert done.returncode == 0 and json.loads(done.stdout) == NODES
    assert "Authorization" not in admin.heads[0]


@pytest.mark.parametrize("said, wanted", [
    (answer("no", "403 Forbidden"), "answers 403"), (answer("{}"), "is none of a cluster"),
    (answer("[[["), "is none of a cluster"), (b"what?\r\n\r\n", "does not answer by HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "in the middle"), (b"", "does not answer")])
def test_what_is_no_answer_is_named(admin, said, wanted):
    admin.answer = said
    done = cluster("--admin", address(admin))
    assert done.returncode == 1 and wanted in done.stderr and not done.stdout, done


def test_nobody_there_and_no_address(admin):
    done = cluster("--admin", "unix:/nonexistent/admin")
    assert done.returncode == 1 and "cannot connect unix:/nonexistent/admin" in done.stderr, done
    assert cluster("--admin", "localhost").returncode == 64
