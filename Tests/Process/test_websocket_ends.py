"""Both ends of a WebSocket (RFC 6455 sections 4 and 7) over raw sockets against `echo-server`: which
handshakes open one, with which code and in which order it closes."""

import contextlib
import signal

import pytest

from peer import INVALID, Peer, close_payload
from server import EchoServer
from wire import BINARY, CLOSE, PING, PONG, TEXT, Connection, frame

CONTINUATION = 0
# More than the server reads at once, and less than the kernel takes for who does not read.
IN_FLIGHT = 1 << 19


@contextlib.contextmanager
def stopped(echo):
    """The server stands still. After a close it waits two seconds for what is in flight: on a busy
    machine a client may take longer to write that."""
    echo.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        echo.signal(signal.SIGCONT)


# --- 7: closing ------------------------------------------------------------------------------------

def test_an_empty_close_is_answered_with_an_empty_one(peer):
    peer.say(frame(CLOSE))
    peer.ends_with(None)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
                                  1014, 3000, 3999, 4000, 4999])
def test_a_close_with_a_good_code_is_answered_with_it(peer, code):
    peer.say(frame(CLOSE, close_payload(code, b"x" * (code % 124))))
    peer.ends_with(code)


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000,
                                  9999, 65_535])
def test_a_close_with_a_code_that_must_not_be_sent_is_1002(peer, code):
    peer.say(frame(CLOSE, close_payload(code, b"reason" if code % 2 else b"")))
    peer.ends_with(1002)


def test_a_close_of_one_byte_is_1002(peer):
    peer.say(frame(CLOSE, b"\x03"))
    peer.ends_with(1002)


@pytest.mark.parametrize("length", [0, 1, 122, 123])
def test_a_reason_of_up_to_123_bytes_is_taken(peer, length):
    peer.say_chopped(frame(CLOSE, close_payload(1000, b"*" * length)))
    peer.ends_with(1000)


def test_a_reason_that_is_not_utf8_is_1007(echo):
    for text in INVALID:
        with Peer(echo) as peer:
            peer.say(frame(CLOSE, close_payload(1000, text)))
            peer.ends_with(1007)


@pytest.mark.parametrize("after", [
    frame(TEXT, b"late"), frame(PING, b"late"), frame(CLOSE, close_payload(1001)),
    frame(15, b"x", reserved=7), frame(CONTINUATION, b"late"), b"\xff" * 3000], ids=range(6))
def test_what_follows_a_close_is_passed_over(peer, after):
    peer.say(frame(TEXT, b"before"), frame(CLOSE, close_payload(1000)), after)
    assert peer.hear() == (TEXT, b"before")
    peer.ends_with(1000)
    # The server still reads: what we say now brings no reset before we have ended ourselves.
    peer.say(after)


def test_a_close_in_the_middle_of_a_message_is_answered(peer):
    peer.say(frame(TEXT, b"a", fin=False), frame(CLOSE, close_payload(1001)),
             frame(CONTINUATION, b"b"))
    peer.ends_with(1001)


def test_a_close_behind_many_messages_is_answered_behind_their_echoes(peer):
    message = b"m" * 1000
    peer.say(*(frame(TEXT, message) for _ in range(2000)), frame(CLOSE, close_payload(1000)))
    for _ in range(2000):
        assert peer.hear() == (TEXT, message)
    peer.ends_with(1000)


def test_after_a_violation_the_close_frame_outlives_what_is_still_in_flight(echo):
    # The client goes on writing and reads late: a reset would take the close frame away.
    with Peer(echo) as peer:
        with stopped(echo):
            peer.say(frame(3), frame(BINARY, bytes(IN_FLIGHT)))
        peer.ends_with(1002)


def test_after_1009_what_comes_of_the_message_is_read_and_passed_over(echo):
    with Peer(echo) as peer:
        with stopped(echo):
            peer.send(frame(BINARY, bytes((16 << 20) + 1))[:IN_FLIGHT])
        peer.ends_with(1009)


def test_a_close_and_a_half_closed_connection_are_answered(peer):
    peer.say_last(frame(TEXT, b"last words"), frame(CLOSE, close_payload(1000)))
    assert peer.hear() == (TEXT, b"last words")
    peer.ends_with(1000)


def test_a_violation_and_a_half_closed_connection_are_answered(peer):
    peer.say_last(frame(TEXT, b"last words"), frame(3))
    assert peer.hear() == (TEXT, b"last words")
    peer.ends_with(1002)


def test_a_half_closed_connection_without_a_close_still_gets_its_echo_and_ends(peer):
    peer.say_last(frame(TEXT, b"last words"), frame(TEXT, b"and a half", fin=False))
    assert peer.hear() == (TEXT, b"last words")
    peer.ends()


def test_a_half_closed_connection_gets_all_of_a_large_echo(echo):
    payload = bytes(range(256)) * (1 << 14)
    with Peer(echo) as peer:
        peer.say_last(frame(BINARY, payload), frame(CLOSE, close_payload(1000)))
        assert peer.hear() == (BINARY, payload)
        peer.ends_with(1000)


def test_a_connection_that_ends_inside_a_frame_just_ends(echo):
    for cut in range(1, 12):
        with Peer(echo) as peer:
            peer.say_last(frame(TEXT, b"Hello!")[:cut])
            peer.ends()


def test_a_server_that_ends_says_1012_first_and_then_nothing_more(tmp_path):
    echo = EchoServer(tmp_path, workers=1)
    try:
        peers = [Peer(echo) for _ in range(4)]
        echo.signal(signal.SIGTERM)
        for peer in peers:
            kind, payload = peer.hear()
            assert kind == CLOSE and payload[:2] == close_payload(1012)
        # After its close frame the server answers neither messages nor pings; a close ends it, and
        # so does a violation, without a second close frame.
        peers[0].say(frame(TEXT, b"late"), frame(PING, b"late"), frame(CLOSE, close_payload(1012)))
        peers[1].say(frame(TEXT, b"late"), frame(3))
        peers[2].say(frame(CLOSE))
        peers[3].close()
        for peer in peers[:3]:
            peer.ends()
            peer.close()
        assert echo.wait(60) == 0, echo.errors
    finally:
        echo.kill()


# --- 4: the handshake ------------------------------------------------------------------------------

FIELDS = {"Host": "h", "Upgrade": "websocket", "Connection": "Upgrade",
          "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}


def shake(echo, change=(), line="GET /ws HTTP/1.1", extra=b""):
    """The answer to a handshake with some fields changed: None leaves one out, a tuple doubles it."""
    head = [line]
    for name, value in {**FIELDS, **dict(change)}.items():
        for one in value if isinstance(value, tuple) else () if value is None else (value,):
            head.append(f"{name}: {one}")
    with Connection(echo) as connection:
        connection.send("\r\n".join(head).encode() + b"\r\n\r\n" + extra)
        answer = connection.response()
        if extra and answer.status == 101:
            answer.body = connection.take(2 + len(extra) - 6)
        return answer


@pytest.mark.parametrize("change", [
    {"Upgrade": "WebSocket"}, {"Upgrade": "h2c, websocket"}, {"Connection": "keep-alive, UPGRADE"},
    {"Connection": ("keep-alive", "upgrade")}, {"Sec-WebSocket-Version": " 13\t"},
    {"Origin": "null"}, {"Origin": "http://h"}, {"Sec-WebSocket-Protocol": "a, b"},
    {"Sec-WebSocket-Extensions": "x-unknown; a=1; b=\"c\", y"},
    {"Sec-WebSocket-Extensions": "permessage-deflate; unknown_parameter"},
    {"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=7"},
    {"Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEC=="},  # as RFC 6455 section 4.1 writes it
    {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key": None},
    {"Content-Length": "0"}, {"X-Long": "x" * 4000},
], ids=str)
def test_an_odd_but_right_handshake_is_accepted_without_an_extension(echo, change):
    answer = shake(echo, change)
    assert answer.status == 101, answer
    assert answer.get("sec-websocket-protocol") is None
    assert answer.get("sec-websocket-extensions") is None
    assert answer.get("content-length") is None
    if "AQID" not in (change.get("Sec-WebSocket-Key") or ""):
        assert answer.get("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("change, statuses", [
    ({"Upgrade": None}, (426,)), ({"Upgrade": "websocket2"}, (426,)), ({"Upgrade": ""}, (426,)),
    ({"Connection": None}, (426,)), ({"Connection": "keep-alive"}, (426,)),
    ({"Connection": "close"}, (426,)), ({"Host": None}, (400,)), ({"Host": ("a", "b")}, (400,)),
    ({"Sec-WebSocket-Key": None}, (400,)), ({"Sec-WebSocket-Key": ""}, (400,)),
    ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ"}, (400,)),
    ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZ==="}, (400,)),
    ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZSE="}, (400,)),
    ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZ!=="}, (400,)),
    ({"Sec-WebSocket-Key": "dGhlIHNhbX sZSBub25jZQ=="}, (400,)),
    ({"Sec-WebSocket-Key": ("dGhlIHNhbXBsZSBub25jZQ==",) * 2}, (400,)),
    ({"Sec-WebSocket-Version": None}, (426,)), ({"Sec-WebSocket-Version": "8"}, (426,)),
    ({"Sec-WebSocket-Version": "14"}, (426,)), ({"Sec-WebSocket-Version": "13, 8"}, (426,)),
    ({"Sec-WebSocket-Version": "013"}, (426,)), ({"Sec-WebSocket-Version": "13x"}, (426,)),
    ({"Sec-WebSocket-Extensions": "a b"}, (400,)), ({"Sec-WebSocket-Extensions": "a;"}, (400,)),
    ({"Sec-WebSocket-Extensions": "a; b=\"c"}, (400,)),
    ({"Sec-WebSocket-Extensions": "permessage-deflate; =10"}, (400,)),
], ids=str)
def test_a_wrong_handshake_is_refused(echo, change, statuses):
    answer = shake(echo, change)
    assert answer.status in statuses, answer
    assert answer.get("sec-websocket-accept") is None
    if answer.status == 426:
        assert answer.get("upgrade") == "websocket"
        assert "upgrade" in answer.get("connection", "").lower()
    if "Sec-WebSocket-Version" in change:
        assert answer.get("sec-websocket-version") == "13"


@pytest.mark.parametrize("line, status", [
    ("POST /ws HTTP/1.1", 405), ("HEAD /ws HTTP/1.1", 405), ("GET /ws HTTP/1.0", 426)])
def test_a_handshake_is_a_get_of_http_1_1(echo, line, status):
    with Connection(echo) as connection:
        head = [line, *(f"{name}: {value}" for name, value in FIELDS.items())]
        connection.send("\r\n".join(head).encode() + b"\r\n\r\n")
        assert connection.response(line.split()[0]).status == status


@pytest.mark.parametrize("options", ["close, Upgrade", "Upgrade, close"])
def test_a_handshake_that_also_closes_is_the_clients_mistake(echo, options):
    assert shake(echo, {"Connection": options}).status == 400


@pytest.mark.parametrize("field, content", [
    ("Content-Length: 5", b"12345"), ("Transfer-Encoding: chunked", b"0\r\n\r\n")], ids=["5", "0"])
def test_a_handshake_with_content_is_refused(echo, field, content):
    head = ["GET /ws HTTP/1.1", *(f"{name}: {value}" for name, value in FIELDS.items()), field]
    with Connection(echo) as connection:
        connection.send("\r\n".join(head).encode() + b"\r\n\r\n" + content)
        assert connection.response().status == 400
        assert connection.is_closed_by_peer()


def test_frames_right_behind_the_handshake_are_taken(echo):
    answer = shake(echo, extra=frame(TEXT, b"eager"))
    assert answer.status == 101 and answer.body == b"\x81\x05eager"


def test_a_handshake_by_octets_opens(echo):
    head = ["GET /ws HTTP/1.1", *(f"{name}: {value}" for name, value in FIELDS.items())]
    with Connection(echo) as connection:
        for byte in "\r\n".join(head).encode() + b"\r\n\r\n" + frame(TEXT, b"eager"):
            connection.send(bytes([byte]))
        assert connection.response().status == 101
        assert connection.take(7) == b"\x81\x05eager"
