"""`echo-server`: 13 bytes at `/`, an echo at `/ws`, and what outside suites ask beside."""

import os
import signal
import subprocess

import pytest

from server import ECHO, LISTENING, Process
from wire import BINARY, CLOSE, TEXT, Connection, WebSocket, encode, fetch, frame


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    process = Process([ECHO, "--addr", "127.0.0.1:0", "--workers", "2"], {},
                      tmp_path_factory.mktemp("echo"))
    try:
        process.host, process.port = process.wait_listening()
        process.authority = f"{process.host}:{process.port}"
        yield process
        process.signal(signal.SIGTERM)
        assert process.wait(60) == 0, process.errors
        assert all(LISTENING.match(line) for line in process.lines), process.lines
    finally:
        process.kill()


@pytest.fixture
def start_echo(tmp_path):
    """start_echo() starts an echo-server with two workers for one test."""
    running = []

    def starter():
        process = Process([ECHO, "--addr", "127.0.0.1:0", "--workers", "2"], {}, tmp_path)
        running.append(process)
        process.host, process.port = process.wait_listening()
        process.authority = f"{process.host}:{process.port}"
        return process

    yield starter
    for process in running:
        process.kill()


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_the_root_is_hello_world(echo):
    answer = fetch(echo, "GET", "/")
    assert answer.status == 200 and answer.body == b"Hello, World!"
    assert answer.get("content-type", "").startswith("text/plain")
    assert answer.get("content-length") == "13"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("size", [1, 5_000, 3 << 20])
def test_a_body_comes_back(echo, method, size):
    body = bytes(index * 7 % 256 for index in range(4096)) * (size // 4096 + 1)
    answer = fetch(echo, method, "/", [("Content-Type", "application/x-odd")], body[:size])
    assert answer.status == 200 and answer.body == body[:size]
    assert answer.get("content-type") == "application/x-odd"


def test_a_chunked_body_comes_back(echo):
    with Connection(echo) as connection:
        head = f"POST / HTTP/1.1\r\nHost: {echo.authority}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.send(head.encode() + b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")
        assert connection.response().body == b"abcd"
        assert connection.request("GET", "/").body == b"Hello, World!"


def test_a_body_of_65_mib_is_refused_before_it_is_read(echo):
    with Connection(echo) as connection:
        connection.send(
            f"POST / HTTP/1.1\r\nHost: {echo.authority}\r\nContent-Length: {65 << 20}\r\n\r\n"
            .encode())
        assert connection.response().status == 413


def test_the_fields_are_told_as_they_came(echo):
    answer = fetch(echo, "GET", "/echo", [("X-Odd", "a b"), ("x-ODD", "c"), ("Accept", "*/*")])
    assert answer.body.decode().splitlines() == [
        f"Host: {echo.authority}", "X-Odd: a b", "x-ODD: c", "Accept: */*"]


def test_cookies_are_told_a_line_each(echo):
    answer = fetch(echo, "GET", "/cookie", [("Cookie", "a=1; b=two words;c="), ("Cookie", "d=4")])
    assert answer.body.decode().splitlines() == ["a=1", "b=two words", "c=", "d=4"]
    assert fetch(echo, "GET", "/cookie").body == b""


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 20_000_000])
def test_a_file_has_as_many_bytes_as_were_asked_for(echo, size):
    answer = fetch(echo, "GET", f"/file/{size}")
    assert answer.status == 200 and len(answer.body) == size
    assert answer.get("content-length") == str(size)


@pytest.mark.parametrize("path", ["/file/", "/file/x", "/file/-1", "/file/1073741825", "/files/1",
                                  "/file/99999999999999999999"])
def test_what_is_no_file_is_404(echo, path):
    assert fetch(echo, "GET", path).status == 404


def test_a_file_costs_no_memory_of_its_size(start_echo):
    echo = start_echo()
    with Connection(echo) as connection:
        connection.send(encode("GET", "/file/1073741824", echo.authority))
        connection.take_through(b"\r\n\r\n")
        connection.take(8 << 20)
        assert resident_bytes(echo.child.pid) < 48 << 20


def test_a_body_of_64_mib_comes_back(echo):
    # Sent in pieces while the answer cannot begin: it does when all has been read.
    body = bytes(range(256)) * (1 << 18)
    answer = fetch(echo, "PUT", "/", body=body)
    assert answer.status == 200 and answer.body == body


def test_100_continue_is_said_before_a_body_and_not_before_a_refusal(echo):
    expect = [("Expect", "100-continue"), ("Content-Length", "3")]
    with Connection(echo) as connection:
        assert connection.request("POST", "/", expect).status == 100
        connection.send(b"abc")
        assert connection.response().body == b"abc"
    with Connection(echo) as connection:
        assert connection.request("POST", "/nothing", expect).status == 404
        assert connection.is_closed_by_peer()


def test_nothing_is_compressed_redirected_or_asked_for_its_origin(echo):
    answer = fetch(echo, "GET", "/file/100000", [("Accept-Encoding", "gzip, br")])
    assert answer.get("content-encoding") is None and len(answer.body) == 100_000
    with WebSocket(echo, headers=[("Origin", "https://elsewhere.example")]) as ws:
        assert ws.answer.status == 101


def test_methods_as_any_good_server_answers_them(echo):
    head = fetch(echo, "HEAD", "/")
    assert head.status == 200 and head.body == b"" and head.get("content-length") == "13"
    options = fetch(echo, "OPTIONS", "/")
    assert options.status == 204 and "GET" in options.get("allow") and "PUT" in options.get("allow")
    assert fetch(echo, "OPTIONS", "*").status == 204
    assert fetch(echo, "BREW", "/").status == 501
    answer = fetch(echo, "DELETE", "/echo")
    assert answer.status == 405 and "GET" in answer.get("allow")


def test_what_is_published_reaches_every_subscriber_of_every_worker_once(echo):
    sockets = [WebSocket(echo) for _ in range(12)]
    try:
        for index, ws in enumerate(sockets):
            topic = "even" if index % 2 == 0 else "odd"
            ws.send_json({"topic": topic, "type": "subscribe"})
            assert ws.receive() == (TEXT, b'{"type":"ack"}')
        for number in range(3):
            body = b"published %d" % number
            assert fetch(echo, "POST", "/publish?topic=even", body=body).status == 202
        assert fetch(echo, "POST", "/publish?topic=nobody", body=b"x").status == 202
        for index, ws in enumerate(sockets):
            if index % 2 == 0:
                assert [ws.receive() for _ in range(3)] == [
                    (TEXT, b"published %d" % number) for number in range(3)]
            ws.send_frame(TEXT, b"last")
            assert ws.receive() == (TEXT, b"last")
    finally:
        for ws in sockets:
            ws.close()


def test_a_subscription_may_have_any_order_and_white_space(echo):
    with WebSocket(echo) as ws:
        for text in ('\t{"topic" : "loose" , "type" : "subscribe"}\r\n',
                     r'{"type":"subscribe","topic":"l\u006fose"}'):
            ws.send_text(text)
            assert ws.receive() == (TEXT, b'{"type":"ack"}'), text
        # The same topic twice is one subscription.
        assert fetch(echo, "POST", "/publish?topic=loose", body=b"once").status == 202
        assert ws.receive() == (TEXT, b"once")
        ws.send_frame(BINARY, b'{"type":"subscribe","topic":"loose"}')
        assert ws.receive() == (BINARY, b'{"type":"subscribe","topic":"loose"}')


def test_what_a_subscriber_does_not_read_is_bounded(start_echo):
    echo = start_echo()
    body = b"x" * (1 << 20)
    with WebSocket(echo) as slow, WebSocket(echo) as reader:
        for ws in (slow, reader):
            ws.send_json({"type": "subscribe", "topic": "t"})
            assert ws.receive() == (TEXT, b'{"type":"ack"}')
        with Connection(echo) as publisher:
            for _ in range(160):
                assert publisher.request("POST", "/publish?topic=t", body=body).status == 202
                assert reader.receive() == (TEXT, body)
        # 64 MiB wait for the one who does not read, and not 160; what is over is the process
        # itself and what is under way.
        assert resident_bytes(echo.child.pid) < 112 << 20


@pytest.mark.parametrize("text", ['{"type":"subscribe"}', '{"type":"subscribe","topic":""}',
                                  '{"type":"subscribes","topic":"t"}', '["subscribe"]',
                                  '{"subscribe":1', '{"type":"subscribe","topic":7}'])
def test_what_only_looks_like_a_subscription_comes_back(echo, text):
    with WebSocket(echo) as ws:
        ws.send_text(text)
        assert ws.receive() == (TEXT, text.encode())


def test_publishing_needs_a_topic_and_text(echo):
    assert fetch(echo, "POST", "/publish", body=b"x").status == 400
    assert fetch(echo, "POST", "/publish?topic=t", body=b"\xff").status == 400


def test_16_mib_in_100000_fragments_come_back(echo):
    part = b"x" * 160
    with WebSocket(echo) as ws:
        ws.send(frame(BINARY, part, fin=False) + frame(0, part, fin=False) * 99_998
                + frame(0, part))
        opcode, payload = ws.receive()
        assert opcode == BINARY and payload == part * 100_000


def test_the_binary_links_no_sqlite():
    needed = subprocess.run(["readelf", "-d", ECHO], capture_output=True, text=True, check=True)
    assert "libc.so" in needed.stdout and "sqlite" not in needed.stdout


def test_help_says_every_flag(tmp_path):
    process = Process([ECHO, "--help"], {}, tmp_path)
    try:
        assert process.wait(60) == 0
        assert all(flag in "\n".join(process.lines)
                   for flag in ["--addr", "--tls-addr", "--tls-cert", "--tls-key", "--workers"])
    finally:
        process.kill()


def test_pipelined_requests_are_all_answered(echo):
    with Connection(echo) as connection:
        connection.send(encode("GET", "/", echo.authority) * 500)
        assert all(connection.response().body == b"Hello, World!" for _ in range(500))


def test_another_path_is_404(echo):
    assert fetch(echo, "GET", "/nothing").status == 404


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 1 << 20])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_comes_back_as_it_is(echo, opcode, size):
    payload = bytes(ord("a") + index % 26 for index in range(size))
    with WebSocket(echo) as ws:
        for _ in range(2):
            ws.send_frame(opcode, payload)
            assert ws.receive() == (opcode, payload)


def test_fragments_come_back_as_one_message(echo):
    with WebSocket(echo) as ws:
        ws.send_frame(TEXT, b"a", fin=False)
        ws.send_frame(0, b"b", fin=False)
        ws.send_frame(0, b"c")
        assert ws.receive() == (TEXT, b"abc")


def test_many_messages_in_one_write_come_back_in_order(echo):
    with WebSocket(echo) as ws:
        ws.send(b"".join(frame(TEXT, b"%d" % n) for n in range(1000)))
        assert [ws.receive()[1] for _ in range(1000)] == [b"%d" % n for n in range(1000)]


def test_a_close_is_answered(echo):
    with WebSocket(echo) as ws:
        ws.send_frame(CLOSE, b"\x03\xe8")
        assert ws.receive() == (CLOSE, b"\x03\xe8")
        assert ws.is_closed_by_peer()


@pytest.mark.parametrize("flags, word", [
    (["--nonsense"], "nonsense"), (["--addr", "nowhere"], "nowhere"), (["--workers", "0"], "1024"),
    (["--addr"], "needs a value"), (["--tls-addr", ":0"], "--tls-cert"),
    (["--tls-cert", "a.pem"], "--tls-addr")])
def test_a_bad_flag_is_refused(tmp_path, flags, word):
    process = Process([ECHO, *flags], {}, tmp_path)
    try:
        assert process.wait(60) == 2 and process.lines == [] and word in process.errors
    finally:
        process.kill()
