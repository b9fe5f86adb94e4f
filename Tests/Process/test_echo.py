"""`echo-server`: 13 bytes at `/`, an echo at `/ws`."""

import signal

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
        assert process.wait(8) == 0, process.errors
        assert all(LISTENING.match(line) for line in process.lines), process.lines
    finally:
        process.kill()


def test_the_root_is_hello_world(echo):
    answer = fetch(echo, "GET", "/")
    assert answer.status == 200 and answer.body == b"Hello, World!"
    assert answer.get("content-type", "").startswith("text/plain")
    assert answer.get("content-length") == "13"


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


def test_a_bad_flag_is_refused(echo, tmp_path):
    process = Process([ECHO, "--nonsense"], {}, tmp_path)
    try:
        assert process.wait(10) > 0 and process.lines == [] and "nonsense" in process.errors
    finally:
        process.kill()
