"""protocol.md, "GET /ws", and the framing of RFC 6455 as a peer sees it."""

import signal

import pytest

from server import LISTENING, wait_until
from sync import (checksum, create, mutation, new_id, new_scope, pull_all, push, push_one,
                  snapshot)
from wire import (BINARY, CLOSE, JSON, PING, PONG, TEXT, Closed, Connection, WebSocket, dump, fetch,
                  frame, post)

EVERY_STORE = pytest.mark.stores()


@pytest.fixture
def ws(server):
    with WebSocket(server) as socket:
        assert socket.answer.status == 101, socket.answer
        yield socket


def assert_error(message, code, ref=None):
    assert message["type"] == "error" and message["code"] == code, message
    assert isinstance(message["error"], str) and message["error"], message
    if ref is not None:
        assert message["ref"] == ref, message


def subscribe(ws, scope, position=None, ref=None):
    """The ack's payload."""
    message = {"type": "subscribe", "ref": ref or new_id()[:6], "topic": f"sync:{scope}"}
    if position is not None:
        message["cursor"], message["epoch"] = position
    ack = ws.ask(message)
    assert set(ack) == {"type", "ref", "topic", "payload"}, ack
    assert ack["type"] == "ack" and ack["topic"] == f"sync:{scope}", ack
    assert set(ack["payload"]) == {"cursor", "epoch", "checksum"}, ack
    return ack["payload"]


def receive_changes(ws, scope, base, through):
    """The changes of deltas from `base` until the cursor `through`, each checked for its shape."""
    changes = []
    while base < through:
        message = ws.receive_json()
        if message["type"] == "sync":
            continue
        assert message["type"] == "delta" and message["topic"] == f"sync:{scope}", message
        payload = message["payload"]
        assert set(payload) == {"base", "cursor", "epoch", "changes"}, payload
        assert payload["base"] == base, f"base {payload['base']} where {base} was last"
        assert [c["cursor"] for c in payload["changes"]] == list(
            range(base + 1, payload["cursor"] + 1))
        changes += payload["changes"]
        base = payload["cursor"]
    assert base == through
    return changes


# --- the handshake -------------------------------------------------------------------------------

def test_without_an_upgrade_it_is_426(server):
    answer = fetch(server, "GET", "/ws")
    assert answer.status == 426, answer
    assert answer.get("upgrade", "").lower() == "websocket", answer


UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


@pytest.mark.parametrize("change,statuses", [
    ({"Sec-WebSocket-Key": None}, (400,)),
    ({"Sec-WebSocket-Key": "short"}, (400,)),
    ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ"}, (400,)),
    ({"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, (400,)),
    ({"Sec-WebSocket-Version": "8"}, (400, 426)),
    ({"Sec-WebSocket-Version": None}, (400, 426)),
    ({"Connection": "close"}, (400, 426)),
    ({"Upgrade": "h2c"}, (400, 426)),
], ids=str)
def test_a_malformed_handshake_is_refused_by_status(server, change, statuses):
    headers = [(k, v) for k, v in {**UPGRADE, **change}.items() if v is not None]
    answer = fetch(server, "GET", "/ws", headers)
    assert answer.status in statuses, answer
    if answer.status == 426 and "Sec-WebSocket-Version" in change:
        assert answer.get("sec-websocket-version") == "13", answer


@pytest.mark.parametrize("change", [
    {"Upgrade": "WebSocket"}, {"Connection": "keep-alive, Upgrade"}, {"Connection": "upgrade"},
    {"Sec-WebSocket-Protocol": "unknown"}, {"Sec-WebSocket-Extensions": "x-unknown; a=1"},
], ids=str)
def test_a_proper_handshake_is_accepted(server, change):
    with Connection(server) as connection:
        answer = connection.request("GET", "/ws", list({**UPGRADE, **change}.items()))
        assert answer.status == 101, answer
        assert answer.get("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert answer.get("sec-websocket-protocol") is None


def test_frames_sent_with_the_handshake_are_not_lost(server):
    with Connection(server) as connection:
        head = f"GET /ws HTTP/1.1\r\nHost: {server.authority}\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in UPGRADE.items()) + "\r\n"
        connection.send(head.encode() + frame(TEXT, b'{"type":"ping","ref":"6"}'))
        assert connection.response().status == 101
        assert b'"pong"' in connection.take_through(b"}")


# --- messages ------------------------------------------------------------------------------------

def test_ping_is_answered_by_exactly_this_pong(ws):
    assert ws.ask({"type": "ping", "ref": "6"}) == {"type": "pong", "ref": "6"}


@pytest.mark.parametrize("ref", ["1", "a\"b\\c", "é🦊", "</script>", "x" * 100, "\u2028"])
def test_a_ref_comes_back_as_it_is(ws, ref):
    assert ws.ask({"type": "ping", "ref": ref})["ref"] == ref
    assert_error(ws.ask({"type": "no-such-type", "ref": ref}), "invalid_request", ref)


def test_an_unknown_type_is_invalid_request_and_the_connection_stays(ws):
    assert_error(ws.ask({"type": "future", "ref": "1", "x": {}}), "invalid_request", "1")
    assert_error(ws.ask({"ref": "2"}), "invalid_request", "2")
    assert ws.ask({"type": "ping", "ref": "3"})["type"] == "pong"


@pytest.mark.parametrize("text", [
    b"", b"hello", b"[]", b"5", b'{"type":"ping"', b'{"type":"ping"} x', b"{}{}",
    b'{"type":"ping","type":"ping"}', b"[" * 100_000, b'{"type":"ping","ref":"\\ud800"}',
    b'{"type":5,"x":"y"}',
])
def test_a_message_that_is_no_json_object_is_an_error_not_a_crash(server, ws, text):
    ws.send_text(text)
    message = ws.receive_json()
    assert_error(message, "invalid_request")
    assert ws.ask({"type": "ping", "ref": "z"})["type"] == "pong"


def test_another_version_is_version_unsupported(ws):
    assert_error(ws.ask({"type": "ping", "ref": "1", "v": 2}), "version_unsupported", "1")
    assert ws.ask({"type": "ping", "ref": "2", "v": 1})["type"] == "pong"


def test_auth_is_refused_where_no_tokens_are_taken(ws):
    answer = ws.ask({"type": "auth", "ref": "5", "token": "anything"})
    assert_error(answer, "unauthenticated", "5")
    assert ws.ask({"type": "ping", "ref": "6"})["type"] == "pong"


@EVERY_STORE
def test_subscribe_without_a_cursor_brings_pokes(server, ws):
    scope = new_scope()
    assert subscribe(ws, scope)["cursor"] == 0
    result = push_one(server, scope, create())
    poke = ws.receive_until(lambda m: m["type"] == "sync")[-1]
    assert poke == {"type": "sync", "topic": f"sync:{scope}",
                    "payload": {"cursor": 1, "epoch": result["epoch"], "checksum": checksum(
                        snapshot(server, scope).json["records"])}}


@EVERY_STORE
def test_the_ack_of_a_subscribe_tells_the_position(server, ws):
    scope = new_scope()
    result = push(server, scope, create(), create())[-1]
    assert subscribe(ws, scope) == {
        "cursor": 2, "epoch": result["epoch"],
        "checksum": checksum(snapshot(server, scope).json["records"])}


@EVERY_STORE
def test_subscribe_with_a_cursor_brings_every_change_after_it(server, ws):
    scope = new_scope()
    epoch = push(server, scope, *[create() for _ in range(30)])[-1]["epoch"]
    subscribe(ws, scope, (10, epoch))
    changes = receive_changes(ws, scope, 10, 30)
    assert changes == pull_all(server, scope, 10, epoch)[0], "a change is told alike everywhere"
    push(server, scope, create(), create(), create())
    assert receive_changes(ws, scope, 30, 33) == pull_all(server, scope, 30, epoch)[0]


@EVERY_STORE
@pytest.mark.parametrize("base", [1, 50, 150, 299])
def test_a_delta_over_what_many_commits_wrote_is_whole(server, ws, base):
    scope = new_scope()
    for _ in range(6):
        epoch = push(server, scope, *[create() for _ in range(100)])[-1]["epoch"]
    subscribe(ws, scope, (base, epoch))
    assert receive_changes(ws, scope, base, 600) == pull_all(server, scope, base, epoch)[0]


@EVERY_STORE
def test_subscribe_at_cursor_0_needs_no_epoch(server, ws):
    scope = new_scope()
    push(server, scope, create(), create())
    ack = ws.ask({"type": "subscribe", "ref": "1", "topic": f"sync:{scope}", "cursor": 0})
    assert ack["type"] == "ack", ack
    others = [m for m in ws.others if m["type"] == "delta"]
    assert not others, "no delta comes before its ack"
    assert len(receive_changes(ws, scope, 0, 2)) == 2


@EVERY_STORE
def test_subscribe_at_the_head_brings_only_what_is_new(server, ws):
    scope = new_scope()
    result = push_one(server, scope, create())
    subscribe(ws, scope, (1, result["epoch"]))
    push_one(server, scope, create())
    assert len(receive_changes(ws, scope, 1, 2)) == 1


@EVERY_STORE
@pytest.mark.parametrize("cursor,epoch,code", [
    (1, "another", "epoch_changed"), (99, None, "epoch_changed"),
    (9007199254740991, None, "epoch_changed"),
])
def test_subscribe_at_a_lost_position_is_an_error(server, ws, cursor, epoch, code):
    scope = new_scope()
    known = push(server, scope, create(), create())[-1]["epoch"]
    answer = ws.ask({"type": "subscribe", "ref": "1", "topic": f"sync:{scope}", "cursor": cursor,
                     "epoch": epoch or known})
    assert_error(answer, code, "1")
    assert subscribe(ws, scope)["cursor"] == 2, "the connection goes on"


@pytest.mark.parametrize("fields", [
    {"topic": "sync:s", "cursor": 1}, {"topic": "sync:s", "cursor": -1, "epoch": "e"},
    {"topic": "sync:s", "cursor": 1.5, "epoch": "e"}, {"topic": "sync:s", "cursor": "1"},
    {"topic": 5}, {}, {"topic": "sync:"}, {"topic": "sync:" + "x" * 129}, {"topic": "sync:a\tb"},
], ids=str)
def test_a_subscribe_that_cannot_be_read_is_invalid_request(ws, fields):
    assert_error(ws.ask({"type": "subscribe", "ref": "1", **fields}), "invalid_request", "1")


@EVERY_STORE
def test_a_scope_may_have_colons(server, ws):
    scope = new_scope("sync:a:") + ":b"
    subscribe(ws, scope)
    push_one(server, scope, create())
    assert ws.receive_until(lambda m: m["type"] == "sync")[-1]["topic"] == f"sync:{scope}"


@EVERY_STORE
def test_a_second_subscribe_replaces_the_first(server, ws):
    scope = new_scope()
    epoch = push_one(server, scope, create())["epoch"]
    subscribe(ws, scope)
    subscribe(ws, scope, (1, epoch))
    push_one(server, scope, create())
    assert len(receive_changes(ws, scope, 1, 2)) == 1
    ws.ask({"type": "ping", "ref": "p"})
    assert not [m for m in ws.others if m["type"] in ("delta", "sync")], "told once"
    subscribe(ws, scope)
    push_one(server, scope, create())
    told = ws.receive_until(lambda m: m.get("payload", {}).get("cursor") == 3)
    assert [m["type"] for m in told] == ["sync"], "pokes again, no delta"


@EVERY_STORE
def test_nothing_comes_after_an_unsubscribe(server, ws):
    scope = new_scope()
    subscribe(ws, scope)
    ack = ws.ask({"type": "unsubscribe", "ref": "2", "topic": f"sync:{scope}"})
    assert ack["type"] == "ack" and ack["ref"] == "2", ack
    with WebSocket(server) as other:
        subscribe(other, scope)
        push_one(server, scope, create())
        other.receive_until(lambda m: m["type"] == "sync")
    ws.ask({"type": "ping", "ref": "p"})
    assert not ws.others, ws.others


@EVERY_STORE
def test_scopes_are_told_apart(server, ws):
    mine, theirs = new_scope(), new_scope()
    subscribe(ws, mine)
    push_one(server, theirs, create())
    push_one(server, mine, create())
    told = ws.receive_until(lambda m: m["type"] == "sync")
    assert [m["topic"] for m in told] == [f"sync:{mine}"]


def test_at_most_100_subscriptions_of_a_connection(server, ws):
    for index in range(100):
        subscribe(ws, f"limit-{index}")
    answer = ws.ask({"type": "subscribe", "ref": "101", "topic": "sync:limit-100"})
    assert answer["type"] == "error", answer
    subscribe(ws, "limit-7"), "replacing one needs no room"
    assert ws.ask({"type": "unsubscribe", "ref": "u", "topic": "sync:limit-0"})["type"] == "ack"
    subscribe(ws, "limit-100")


@EVERY_STORE
def test_push_is_answered_as_over_http(server, ws):
    scope, one = new_scope(), create()
    message = {"type": "push", "ref": "3", "scope": scope, "client": "c",
               "mutations": [one, mutation("nothing")]}
    ack = ws.ask(message)
    assert ack["type"] == "ack" and set(ack["payload"]) == {"results"}, ack
    first, refused = ack["payload"]["results"]
    assert first["ok"] and first["cursor"] == 1 and first["id"] == one["id"]
    assert refused["ok"] is False and refused["code"] == "unknown_mutation"
    assert first["changes"] == pull_all(server, scope)[0]
    again = push_one(server, scope, one, client="c")
    assert again["duplicate"] and again["cursor"] == 1
    ack = ws.ask({**message, "ref": "4"})
    assert ack["payload"]["results"][0]["duplicate"] is True


@pytest.mark.parametrize("fields,code", [
    ({"scope": "s", "mutations": [{"name": "x"}]}, "invalid_request"),
    ({"scope": "s"}, "invalid_request"),
    ({"scope": "", "mutations": []}, "invalid_request"),
    ({"scope": "s", "v": 2, "mutations": []}, "version_unsupported"),
])
def test_a_push_that_cannot_be_read_is_refused_with_its_ref(ws, fields, code):
    assert_error(ws.ask({"type": "push", "ref": "3", **fields}), code, "3")


def test_101_mutations_are_too_large(server, ws):
    scope = new_scope()
    answer = ws.ask({"type": "push", "ref": "3", "scope": scope,
                     "mutations": [create() for _ in range(101)]})
    assert_error(answer, "too_large", "3")
    assert pull_all(server, scope)[0] == []


@pytest.mark.parametrize("topic", ["room:1", "sync:s", "sync:_default", "x"])
def test_publish_is_denied_unless_the_app_allows_the_topic(ws, topic):
    answer = ws.ask({"type": "publish", "ref": "4", "topic": topic, "payload": {"a": 1}})
    assert_error(answer, "topic_denied", "4")


def test_an_app_topic_is_denied_unless_the_app_allows_it(ws):
    assert_error(ws.ask({"type": "subscribe", "ref": "1", "topic": "room:1"}), "topic_denied", "1")


@EVERY_STORE
def test_many_subscribers_all_hear_of_a_push(server):
    scope = new_scope()
    sockets = [WebSocket(server) for _ in range(30)]
    for socket in sockets:
        subscribe(socket, scope, (0, "e"))
    push(server, scope, *[create() for _ in range(5)])
    push(server, scope, *[create() for _ in range(5)])
    told = [receive_changes(socket, scope, 0, 10) for socket in sockets]
    assert all(changes == told[0] for changes in told)
    for socket in sockets:
        socket.close()


@EVERY_STORE
def test_a_subscriber_far_behind_comes_to_the_head(server, ws):
    """More than one delta behind it gets pokes in place of deltas: the gap shows, and a pull ends it."""
    scope = new_scope()
    for _ in range(6):
        epoch = push(server, scope, *[create(None, "🦊" * 500) for _ in range(100)])[-1]["epoch"]
    subscribe(ws, scope, (1, epoch))
    cursor = 1

    def is_done(message):
        nonlocal cursor
        payload = message["payload"]
        if message["type"] == "delta":
            assert payload["base"] == cursor, payload["base"]
            cursor = payload["cursor"]
        elif message["type"] == "sync" and payload["cursor"] > cursor:
            cursor = pull_all(server, scope, cursor, epoch)[1]
        return cursor == 600

    ws.receive_until(is_done)


@EVERY_STORE
def test_a_trimmed_position_is_cursor_too_old(start):
    running = start(env={"RETAIN_CHANGES": "50"}).ready()
    scope = new_scope()
    epoch = push_one(running, scope, create())["epoch"]
    with WebSocket(running) as ws:
        def answer():
            push(running, scope, *[create() for _ in range(100)])
            reply = ws.ask({"type": "subscribe", "ref": new_id(), "topic": f"sync:{scope}",
                            "cursor": 1, "epoch": epoch})
            return reply if reply["type"] == "error" else None

        assert_error(wait_until(answer, 60, "a trim (RETAIN_CHANGES=50)"), "cursor_too_old")


@EVERY_STORE
def test_a_quiet_connection_gets_a_poke_or_a_pong(start):
    # Who says nothing for three beats is gone, so one is long enough for a machine that stutters.
    running = start(env={"HEARTBEAT": "2"}).ready()
    scope = new_scope()
    with WebSocket(running) as subscribed, WebSocket(running) as bare:
        position = subscribe(subscribed, scope)
        poke, pong = subscribed.receive_json(), bare.receive_json()
        assert poke == {"type": "sync", "topic": f"sync:{scope}", "payload": position}
        assert pong["type"] == "pong", pong


# --- frames --------------------------------------------------------------------------------------

PING_TEXT = b'{"type":"ping","ref":"f"}'


def test_a_message_may_come_in_fragments_with_control_frames_between(ws):
    ws.send_frame(TEXT, PING_TEXT[:5], fin=False)
    ws.send_frame(PING, b"between")
    ws.send_frame(0, PING_TEXT[5:6], fin=False)
    ws.send_frame(0, b"", fin=False)
    ws.send_frame(0, PING_TEXT[6:])
    assert ws.receive_frame() == (True, PONG, b"between")
    assert ws.receive_json() == {"type": "pong", "ref": "f"}


def test_a_message_may_come_byte_by_byte(ws):
    for byte in frame(TEXT, PING_TEXT):
        ws.send(bytes([byte]))
    assert ws.receive_json() == {"type": "pong", "ref": "f"}


def test_many_messages_in_one_write_are_all_answered(ws):
    ws.send(b"".join(frame(TEXT, dump({"type": "ping", "ref": str(n)})) for n in range(500)))
    assert [ws.receive_json()["ref"] for _ in range(500)] == [str(n) for n in range(500)]


def test_a_ping_is_answered_with_its_payload(ws):
    for payload in (b"", b"x", b"y" * 125):
        ws.send_frame(PING, payload)
        assert ws.receive_frame() == (True, PONG, payload)
    ws.send_frame(PONG, b"unasked")
    assert ws.ask({"type": "ping", "ref": "1"})["type"] == "pong"


PROTOCOL_ERRORS = {
    "an unmasked frame": frame(TEXT, PING_TEXT, masked=False),
    "RSV1 without an extension": frame(TEXT, PING_TEXT, reserved=4),
    "RSV2": frame(TEXT, PING_TEXT, reserved=2), "RSV3": frame(TEXT, PING_TEXT, reserved=1),
    "opcode 3": frame(3, b""), "opcode 11": frame(11, b""), "opcode 15": frame(15, b""),
    "a ping in parts": frame(PING, b"x", fin=False),
    "a ping of 126 bytes": frame(PING, b"x" * 126),
    "a close of 126 bytes": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "a continuation of nothing": frame(0, b"x"),
    "a text within a text": frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"),
    "a close of one byte": frame(CLOSE, b"\x03"),
    "close code 999": frame(CLOSE, b"\x03\xe7"), "close code 1005": frame(CLOSE, b"\x03\xed"),
    "close code 1006": frame(CLOSE, b"\x03\xee"), "close code 1015": frame(CLOSE, b"\x03\xf7"),
    "close code 5000": frame(CLOSE, b"\x13\x88"),
    "a length with the top bit": b"\x81\xff" + b"\xff" * 8 + b"mask",
}


@pytest.mark.parametrize("name", PROTOCOL_ERRORS)
def test_a_protocol_error_closes_with_1002(server, name):
    with WebSocket(server) as ws:
        ws.send(PROTOCOL_ERRORS[name])
        assert ws.receive_close() == 1002
        assert ws.is_closed_by_peer()


@pytest.mark.parametrize("data", [
    frame(TEXT, b"\xff"), frame(TEXT, b"\xc0\x80"), frame(TEXT, b"\xed\xa0\x80"),
    frame(TEXT, b"\xf4\x90\x80\x80"), frame(TEXT, b"abc\xc3"),
    frame(TEXT, b"ok\xff", fin=False), frame(CLOSE, b"\x03\xe8\xff"),
], ids=["ff", "overlong", "surrogate", "above U+10FFFF", "cut short", "in a fragment", "in a close"])
def test_bad_utf8_closes_with_1007(server, data):
    with WebSocket(server) as ws:
        ws.send(data)
        assert ws.receive_close() == 1007


def test_a_letter_cut_by_a_fragment_border_is_whole(ws):
    text = '{"type":"ping","ref":"é🦊"}'.encode()
    for cut in range(20, len(text)):
        ws.send_frame(TEXT, text[:cut], fin=False)
        ws.send_frame(0, text[cut:])
        assert ws.receive_json()["ref"] == "é🦊"


@pytest.mark.parametrize("fragments", [False, True])
def test_a_message_over_1_mib_closes_with_1009(server, fragments):
    with WebSocket(server) as ws:
        try:
            if fragments:
                ws.send_frame(TEXT, b" " * (1 << 19), fin=False)
                ws.send_frame(0, b" " * (1 << 19), fin=False)
                ws.send_frame(0, b" ")
            else:
                ws.send(frame(TEXT, b" " * ((1 << 20) + 1))[:64])
        except Closed:
            pass
        assert ws.receive_close() == 1009


def test_a_message_of_exactly_1_mib_is_read(ws):
    ws.send_frame(TEXT, PING_TEXT + b" " * ((1 << 20) - len(PING_TEXT)))
    assert ws.receive_json() == {"type": "pong", "ref": "f"}


def test_a_binary_message_is_refused_and_nobody_else_notices(server, ws):
    with WebSocket(server) as other:
        other.send_frame(BINARY, PING_TEXT)
        opcode, payload = other.receive()
        assert opcode == CLOSE and payload[:2] in (b"\x03\xeb", b"\x03\xef") or (
            opcode == TEXT and b"invalid_request" in payload), (opcode, payload)
    assert ws.ask({"type": "ping", "ref": "1"})["type"] == "pong"


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe8bye", b"\x0f\xa0", b"\x13\x87"])
def test_a_close_is_answered_by_a_close_and_the_end(server, payload):
    with WebSocket(server) as ws:
        ws.send_frame(CLOSE, payload)
        opcode, answer = ws.receive()
        assert opcode == CLOSE and answer[:2] in (payload[:2], b"\x03\xe8"), answer
        assert ws.is_closed_by_peer()


def test_peers_that_vanish_are_forgotten(server):
    scope = new_scope()
    for _ in range(50):
        socket = WebSocket(server)
        subscribe(socket, scope)
        socket.close()
    with WebSocket(server) as ws:
        subscribe(ws, scope)
        push_one(server, scope, create())
        ws.receive_until(lambda m: m["type"] == "sync")


def test_a_reader_that_stops_reading_does_not_stop_the_others(server):
    """Its queue is bounded: pokes in place of deltas; the scope and its other readers go on."""
    scope = new_scope()
    with WebSocket(server) as slow, WebSocket(server) as quick:
        subscribe(slow, scope, (0, "e"))
        subscribe(quick, scope)
        for _ in range(40):
            push(server, scope, *[create(None, "🦊" * 500) for _ in range(50)])
        quick.receive_until(lambda m: m["payload"].get("cursor") == 2000)
        cursor, state = 0, []

        def is_done(message):
            nonlocal cursor
            payload = message["payload"]
            if message["type"] == "delta" and payload["base"] <= cursor:
                state.extend(c for c in payload["changes"] if c["cursor"] > cursor)
                cursor = max(cursor, payload["cursor"])
            elif payload["cursor"] > cursor:
                changes, cursor, _ = pull_all(server, scope, cursor, payload["epoch"])
                state.extend(changes)
            return cursor == 2000

        slow.receive_until(is_done, 60)
        assert [c["cursor"] for c in state] == list(range(1, 2001))


# --- the end -------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_is_told_then_1012_then_exit_0_as_soon_as_all_have_gone(start, number):
    running = start(env={"DRAIN_TIMEOUT": "600"}).ready()
    with WebSocket(running) as one, WebSocket(running) as two:
        subscribe(one, "s")
        running.signal(number)
        for ws in (one, two):
            drain = ws.receive_until(lambda m: m["type"] == "drain")[-1]
            assert set(drain) == {"type", "payload"}, drain
            assert set(drain["payload"]) == {"retry_after_ms", "spread_ms"}, drain
            assert all(isinstance(v, int) and v >= 0 for v in drain["payload"].values())
            assert ws.receive_close() == 1012
        assert running.wait(60) == 0, running.errors
    assert all(LISTENING.match(line) for line in running.lines), running.lines


def test_a_drain_does_not_wait_for_a_peer_that_never_answers(start):
    # Nothing else ends a socket that says nothing.
    running = start(env={"DRAIN_TIMEOUT": "2", "HEARTBEAT": "3600"}).ready()
    sockets = [WebSocket(running) for _ in range(5)]
    half = Connection(running)
    half.send(b"POST /_sync/push HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n")
    running.signal(signal.SIGTERM)
    assert running.wait(60) == 0, running.errors
    for socket in [*sockets, half]:
        socket.close()


def test_posting_to_ws_is_not_allowed(server):
    answer = post(server, "/ws", {}, JSON)
    assert answer.status in (405, 426), answer


@EVERY_STORE
def test_a_message_of_the_socket_tells_the_checksum_of_its_position(start):
    running = start(env={"HEARTBEAT": "2"}).ready()
    push_one(running, "s", create("t1"))
    with WebSocket(running) as socket:
        for position in ({}, {"cursor": 0, "epoch": "_"}):
            ack = socket.ask({"type": "subscribe", "ref": "r", "topic": "sync:s", **position})
            records = snapshot(running, "s").json["records"]
            assert ack["payload"]["checksum"] == checksum(records)
        # Heartbeats are pokes at the head.
        beat = socket.receive_until(lambda m: m["type"] == "sync")[-1]
        assert beat["payload"]["checksum"] == checksum(records)
        # Another's push: pokes of both kinds tell the sum of what they lead to.
        socket.ask({"type": "subscribe", "ref": "r", "topic": "sync:s"})
        result = push_one(running, "s", create("t2"))
        poke = socket.receive_until(lambda m: m["type"] == "sync" and m["payload"]["cursor"] == 2)
        page = snapshot(running, "s").json
        assert page["cursor"] == result["cursor"] == 2
        assert poke[-1]["payload"]["checksum"] == page["checksum"] == checksum(page["records"])
