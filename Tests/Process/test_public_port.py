"""What an operator sets for a port that everybody reaches: limits, proxies, challenges, and the
deadlines of the defaults, met by peers that are slow in every way while others are served."""

import select
import socket
import struct
import time

import pytest

from server import wait_until
from sync import create, new_scope, push_one
from wire import CLOSE, JSON, Closed, Connection, WebSocket, dump, encode, fetch, frame, post

SHOWN = {"LIMIT_EXEMPT": "none"}  # loopback is where the tests are: let the limits see it


def status(running, headers=()):
    return fetch(running, "GET", "/healthz", headers).status


# --- slow peers -----------------------------------------------------------------------------------


class Slow:
    """A connection that sends `start`, then `drop` again and again, and reads `sip` bytes."""

    def __init__(self, running, start, drop=b"", sip=0, second=b""):
        """`second` is sent once for each second that has passed, however seldom we come to it."""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect((running.host, running.port))
        self.socket.setblocking(False)
        self.rest, self.drop, self.sip, self.is_gone = start, drop, sip, False
        self.second, self.seconds = second, 0
        self.begun = time.monotonic()
        self.step()

    def step(self):
        """One drop, one sip; notes when the server has ended the connection."""
        if self.is_gone:
            return
        try:
            self.rest = self.rest or self.drop
            if self.second:
                passed = int(time.monotonic() - self.begun)
                self.rest += self.second * (passed - self.seconds)
                self.seconds = passed
            if self.rest:
                self.rest = self.rest[self.socket.send(self.rest):]
        except BlockingIOError:
            pass
        except OSError:
            self.is_gone = True
            return
        errors = select.poll()
        errors.register(self.socket, select.POLLERR | select.POLLHUP)
        self.is_gone = bool(errors.poll(0))
        try:
            if self.sip and not self.is_gone:
                self.is_gone = self.socket.recv(self.sip) == b""
        except BlockingIOError:
            pass
        except OSError:
            self.is_gone = True


def test_every_slow_client_is_ended_while_others_are_served(start):
    """After how many seconds is judged by the deadlines' own tests, with a clock of theirs."""
    running = start().ready()
    host = b" HTTP/1.1\r\nHost: a\r\n"
    form = b"POST /todos" + host + b"Content-Type: application/x-www-form-urlencoded\r\n"
    upgrade = encode("GET", "/ws", running.authority, [
        ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")])
    large = fetch(running, "GET", "/static/js/app.js")
    assert large.status == 200 and len(large.body) > 4096
    asked = b"GET /static/js/app.js" + host + b"Range: bytes=0-\r\n\r\n"
    slow = {
        "a head": Slow(running, b"GET /" + host + b"X: ", b"a"),
        "a body": Slow(running, form + b"Content-Length: 900000\r\n\r\n", b"a" * 100),
        "a body of tiny chunks": Slow(
            running, form + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 50),
        "a message": Slow(running, upgrade + b"\x81\xfe\x27\x10abcd", b"a" * 100),
        "a reader": Slow(running, asked * 1000, sip=100),
        "no reader": Slow(running, asked * 1000),
        "many ranges": Slow(
            running, asked.replace(b"=0-", b"=0-9,20-29,40-49,60-69,80-") * 1000, sip=100),
    }
    steady = Slow(running, form + b"Content-Length: 900000\r\n\r\n", second=b"a" * 1000)
    begun, gone = time.monotonic(), {}
    with Connection(running) as other, WebSocket(running) as live:
        while len(gone) < len(slow) and time.monotonic() - begun < 120:
            for name, one in slow.items():
                one.step()
                if one.is_gone:
                    gone.setdefault(name, time.monotonic() - one.begun)
            steady.step()
            assert other.request("GET", "/healthz").status == 200
            assert live.ask({"type": "ping", "ref": "r"})["type"] == "pong"
            time.sleep(1)
    assert set(gone) == set(slow), f"still there: {set(slow) - set(gone)}"
    assert min(gone.values()) > 4, f"nobody is dropped in the first seconds: {gone}"
    assert not steady.is_gone, "1,000 bytes a second are enough"
    running.stop()


def test_many_ranges_of_one_file_are_answered_with_the_file(server):
    target = "/static/js/app.js"
    whole = fetch(server, "GET", target)
    many = ",".join(f"{start}-{start}" for start in range(0, 400, 2))
    for ranges in (many, "0-,0-,0-", "0-9,5-14"):
        answer = fetch(server, "GET", target, [("Range", f"bytes={ranges}")])
        assert answer.status == 200 and answer.body == whole.body
    answer = fetch(server, "GET", target, [("Range", "bytes=0-1,4-5")])
    assert answer.status == 206 and len(answer.body) < 500


def test_an_upgrade_to_another_protocol_is_passed_over(server):
    settings = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
                ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA")]
    with Connection(server) as connection:
        assert connection.request("GET", "/healthz", settings).status == 200
        assert connection.request("GET", "/healthz").status == 200, "and HTTP/1.1 goes on"
        assert connection.request("GET", "/ws", settings).status in (400, 426)
    with Connection(server) as connection:
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert connection.response().status == 505 and connection.is_closed_by_peer()


# --- crowds ---------------------------------------------------------------------------------------


def test_beyond_the_total_new_ones_get_503_and_old_ones_live(start):
    running = start(env={"CONNECTIONS_MAX": "5", "WORKERS": "2"}).ready()
    old = [Connection(running) for _ in range(5)]
    assert all(c.request("GET", "/healthz").status == 200 for c in old)
    for _ in range(20):
        with Connection(running) as late:
            answer = late.response()
            assert answer.status == 503 and answer.code == "unavailable"
            assert int(answer.get("retry-after")) > 0 and answer.get("connection") == "close"
            assert late.is_closed_by_peer()
    assert push_one(old[0], new_scope(), create())["ok"]
    assert all(c.request("GET", "/healthz").status == 200 for c in old)
    for connection in old:
        connection.close()
    wait_until(lambda: status(running) == 200, 60, "room for a new one")
    running.stop()


def test_an_address_has_so_many_connections_and_loopback_is_exempt_by_default(start, tmp_path):
    for env, expected in ((SHOWN, 429), ({}, 200), ({"LIMIT_EXEMPT": "127.0.0.0/8"}, 200)):
        running = start(database="memory:", env={"ADDRESS_CONNECTIONS": "3", **env}).ready()
        old = [Connection(running) for _ in range(3)]
        assert all(c.request("GET", "/healthz").status == 200 for c in old)
        with Connection(running) as late:
            answer = late.response() if expected == 429 else late.request("GET", "/healthz")
            assert answer.status == expected
            assert (answer.get("retry-after") is not None) == (expected == 429)
        running.stop()


def test_requests_and_messages_beyond_the_rate_are_rate_limited(start):
    running = start(env={"RATE_LIMIT": "1/s:5", **SHOWN}).ready()
    scope = new_scope()
    live = WebSocket(running)
    with Connection(running) as connection:
        def ask():
            return post(connection, "/_sync/pull", {"scope": scope, "cursor": 0})

        assert ask().status == 200
        refused = until_refused(ask)
        assert refused.code == "rate_limited" and 1 <= int(refused.get("retry-after")) <= 2
        assert refused.get("cache-control") == "no-store"

        def heard(socket):
            """What a ping is answered: an error once in a while, when there is no token for it."""
            for _ in range(60):
                socket.send_json({"type": "ping", "ref": "r"})
                if select.select([socket.socket], [], [], 0.01)[0] or socket.buffer:
                    return socket.receive_json()
            return socket.receive_json()

        told = wait_until(lambda: (one := heard(live))["type"] == "error" and one, what="an error")
        assert told["code"] == "rate_limited", told
        assert "ref" not in told, "it was passed over unread"

        def late_one():
            until_refused(ask)
            late = WebSocket(running)
            if late.answer.status == 101 and (one := heard(late))["type"] == "error":
                return late, one
            return None  # a token has come back meanwhile

        late, told = wait_until(late_one, what="a socket that comes too late")
        assert told["code"] == "rate_limited"
        assert late.receive_close() == 1013
        wait_until(lambda: ask().status == 200, 60, "a token again")

    def is_heard():
        live.send_json({"type": "ping", "ref": "r"})
        live.socket.settimeout(0.5)
        try:
            return live.receive_json()["type"] == "pong"
        except TimeoutError:
            return False

    wait_until(is_heard, 60, "a pong")
    running.stop()


def until_refused(ask):
    """The first 429 among many answers: on a slow machine tokens come back meanwhile."""
    for _ in range(60):
        answer = ask()
        if answer.status == 429:
            return answer
    raise AssertionError(f"never refused: {answer}")


@pytest.mark.parametrize("method,path,body", [
    ("GET", "/", None), ("GET", "/nothing-here", None), ("GET", "/api/todos", None),
    ("POST", "/api/todos", {"id": "x", "title": "x"}), ("DELETE", "/api/todos/x", None),
    ("POST", "/_sync/snapshot", {"scope": "s"}), ("OPTIONS", "*", None)])
def test_every_route_takes_from_the_same_rate(start, method, path, body):
    running = start(env={"RATE_LIMIT": "1/s:5", **SHOWN}).ready()
    data, headers = (dump(body), JSON) if body else (None, [])
    with Connection(running) as connection:
        assert connection.request(method, path, headers, data).status != 429
        refused = until_refused(lambda: connection.request(method, path, headers, data))
        assert refused.code == "rate_limited"
        page = until_refused(
            lambda: connection.request("GET", "/", [("Accept", "text/html,*/*;q=0.8")]))
        assert int(page.get("retry-after")) >= 1
        assert page.get("content-type").startswith("text/html")
        assert b"<h1>Too many requests</h1>" in page.body
        pull = {"scope": "s", "cursor": 0}
        assert until_refused(lambda: post(connection, "/_sync/pull", pull)).code == "rate_limited"
        for _ in range(20):
            assert connection.request("GET", "/healthz").status == 200

    def announce():
        with Connection(running) as connection:
            fields = [*JSON, ("Content-Length", "100000"), ("Expect", "100-continue")]
            connection.send(encode("POST", "/api/todos", running.authority, fields))
            answer = connection.response()
            assert answer.status == 100 or connection.is_closed_by_peer()
            return answer

    until_refused(announce)  # before its body has come
    running.stop()


def test_files_cost_little_and_large_pushes_much(start):
    running = start(env={"RATE_LIMIT": "1/s:30", **SHOWN}).ready()
    with Connection(running) as connection:
        for _ in range(80):
            assert connection.request("GET", "/sw.js").status == 200, "an eighth each"
        batch, begun, taken = [create() for _ in range(100)], time.monotonic(), 0
        while post(connection, "/_sync/push", {"scope": "s", "mutations": batch}).status == 200:
            taken += 1
        # 26 tokens each, of 30 and one for each second.
        assert 1 <= taken <= 2 + (time.monotonic() - begun) // 26, taken
    running.stop()


def test_without_a_rate_limit_anybody_may_ask(start):
    running = start(env={"RATE_LIMIT": "off", **SHOWN}).ready()
    with Connection(running) as connection:
        for _ in range(50):
            assert post(connection, "/_sync/pull", {"scope": "s", "cursor": 0}).status == 200
    running.stop()


# --- proxies --------------------------------------------------------------------------------------


def test_the_forwarded_address_is_the_one_that_is_limited(start):
    running = start(env={"RATE_LIMIT": "1/s:2", "TRUSTED_PROXIES": "127.0.0.0/8,10.0.0.0/8",
                         "HSTS": "60; includeSubDomains", **SHOWN}).ready()

    def ask(connection, forwarded):
        body = {"scope": "s", "cursor": 0}
        return post(connection, "/_sync/pull", body,
                    [("Content-Type", "application/json"), *forwarded]).status

    with Connection(running) as connection:
        first = [("X-Forwarded-For", "198.51.100.7, 203.0.113.1, 10.1.1.1")]
        wait_until(lambda: ask(connection, first) == 429, what="a refusal")
        assert ask(connection, [("X-Forwarded-For", "203.0.113.2")]) == 200
        assert ask(connection, [("X-Forwarded-For", "198.51.100.7")]) == 200
        secure = connection.request("GET", "/", [("X-Forwarded-Proto", "https")])
        assert secure.get("strict-transport-security") == "max-age=60; includeSubDomains"
        plain = connection.request("GET", "/", [("X-Forwarded-Proto", "http")])
        assert plain.get("strict-transport-security") is None
    running.stop()


V2 = b"\r\n\r\n\0\r\nQUIT\n"


def test_a_proxy_header_is_required_of_trusted_proxies(start):
    running = start(env={"PROXY_PROTOCOL": "on", "TRUSTED_PROXIES": "127.0.0.1",
                         "ADDRESS_CONNECTIONS": "1", **SHOWN}).ready()
    v4 = V2 + b"\x21\x11" + struct.pack(">H", 12) + bytes([203, 0, 113, 2, 127, 0, 0, 1]) + b"\0\1\0\2"
    kept = []
    for header, expected in (
            (b"PROXY TCP4 203.0.113.1 127.0.0.1 5000 80\r\n", 200),
            (b"PROXY TCP6 2001:db8::1 ::1 5000 80\r\n", 200),
            (b"PROXY UNKNOWN\r\n", 200), (v4, 200), (V2 + b"\x20\x00\0\0", 200),
            (b"PROXY TCP4 203.0.113.1 127.0.0.1 5000 80\r\n", 429), (v4, 429),
            (b"", 400), (b"PROXY TCP4 nonsense\r\n", 400), (V2 + b"\x31\x11\0\0", 400)):
        connection = Connection(running)
        connection.send(header + encode("GET", "/healthz", running.authority))
        assert connection.response().status == expected, header
        kept.append(connection)
    for connection in kept:
        connection.close()
    running.stop()


def test_a_proxy_header_of_somebody_else_is_refused(start):
    running = start(env={"PROXY_PROTOCOL": "on", "TRUSTED_PROXIES": "10.0.0.0/8"}).ready()
    for header in (b"PROXY TCP4 203.0.113.1 127.0.0.1 5000 80\r\n", V2 + b"\x20\x00\0\0"):
        with Connection(running) as connection:
            connection.send(header + encode("GET", "/healthz", running.authority))
            assert connection.response().status == 400
    assert status(running) == 200
    running.stop()


@pytest.mark.parametrize("env", [
    {"PROXY_PROTOCOL": "on"}, {"TRUSTED_PROXIES": "proxy.example"}, {"RATE_LIMIT": "often"},
    {"LIMIT_EXEMPT": "10.0.0.1/8"}, {"HSTS": "yes"}])
def test_a_slip_in_a_setting_is_one_line_at_start(start, env):
    process = start(env=env)
    assert process.wait(60) > 0
    assert len(process.error_lines) == 1 and next(iter(env)) in process.errors, process.errors


# --- challenges -----------------------------------------------------------------------------------


def test_challenge_files_are_served_and_nothing_else_of_the_folder(start, tmp_path):
    folder = tmp_path / "webroot"
    nested = folder / ".well-known" / "acme-challenge"
    nested.mkdir(parents=True)
    (nested / "token-1_a").write_text("token-1_a.key")
    (folder / "secret.txt").write_text("secret")
    running = start(env={"ACME_DIR": str(folder)}).ready()
    answer = fetch(running, "GET", "/.well-known/acme-challenge/token-1_a")
    assert answer.status == 200 and answer.body == b"token-1_a.key"
    (nested / "later").write_text("later.key")
    assert fetch(running, "GET", "/.well-known/acme-challenge/later").body == b"later.key"
    for name in ("missing", "secret.txt", "..%2f..%2fsecret.txt", "%2e%2e", "../../secret.txt", ""):
        assert fetch(running, "GET", f"/.well-known/acme-challenge/{name}").status == 404, name
    running.stop()
