"""permessage-deflate (RFC 7692) over raw sockets against `echo-server`: what is agreed for every
offer, and what comes back for every way of compressing, cutting and damaging a message. The other
end is Python's zlib."""

import itertools
import os
import random
import zlib

import pytest

from peer import INVALID, Peer, close_payload, deflated
from wire import BINARY, CLOSE, PING, PONG, TEXT, frame

CONTINUATION = 0
PLAIN_OFFER = "permessage-deflate; client_max_window_bits"


@pytest.fixture(params=[
    PLAIN_OFFER, "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9"],
    ids=["takeover", "fresh", "small"])
def peer(echo, request):
    with Peer(echo, request.param) as peer:
        assert peer.agreed is not None
        yield peer


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def raw_deflate(message, level=6, strategy=zlib.Z_DEFAULT_STRATEGY, flush=zlib.Z_SYNC_FLUSH):
    """One message that stands alone, its last four bytes taken off where it is a flush."""
    deflater = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    data = deflater.compress(message) + deflater.flush(flush)
    return data[:-4] if flush != zlib.Z_FINISH else data


def words(seed, size):
    chance = random.Random(seed)
    return b"".join(b"%d %s " % (chance.randrange(100), chance.choice([b"alpha", b"beta", b"\xc3\xa9"]))
                    for _ in range(size // 4))[:size].decode("utf-8", "ignore").encode()


# --- 5, 7.1: what is agreed ------------------------------------------------------------------------

WINDOWS = [None, *range(9, 16)]


@pytest.mark.parametrize("server_fresh, client_fresh",
                         list(itertools.product([False, True], repeat=2)))
def test_every_offer_is_answered_within_its_bounds_and_then_kept(echo, server_fresh, client_fresh):
    for server_bits, client_bits in itertools.product(WINDOWS, ["absent", *WINDOWS]):
        offer = "permessage-deflate"
        if server_fresh:
            offer += "; server_no_context_takeover"
        if client_fresh:
            offer += "; client_no_context_takeover"
        if server_bits:
            offer += f"; server_max_window_bits={server_bits}"
        if client_bits != "absent":
            offer += "; client_max_window_bits" + (f"={client_bits}" if client_bits else "")
        with Peer(echo, offer) as peer:
            agreed = peer.agreed
            assert agreed is not None, offer
            if server_fresh:
                assert "server_no_context_takeover" in agreed, (offer, agreed)
            if server_bits and server_bits < 15:
                assert agreed["server_max_window_bits"] <= server_bits, (offer, agreed)
            if client_bits == "absent":
                assert "client_max_window_bits" not in agreed, (offer, agreed)
            elif client_bits and client_bits < 15:
                assert agreed.get("client_max_window_bits", client_bits) <= client_bits
            text = words(1, 3000)
            for message in (text, text, text[700:] + text[:700], b"short"):
                peer.say_deflated(TEXT, message)
                assert peer.hear() == (TEXT, message), (offer, agreed)


def test_a_window_of_8_bits_is_declined_or_kept(echo):
    # zlib writes no such window: a server may decline, or send what it says uncompressed.
    chance = random.Random(8)
    for offer in ("permessage-deflate; server_max_window_bits=8",
                  "permessage-deflate; client_max_window_bits=8"):
        with Peer(echo, offer) as peer:
            for size in (10, 200, 900, 3000):
                message = chance.randbytes(size // 2) * 2
                peer.say(frame(BINARY, message))
                assert peer.hear() == (BINARY, message)


@pytest.mark.parametrize("offer", [
    "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
    "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=08",
    "permessage-deflate; server_max_window_bits=0x9", "permessage-deflate; server_max_window_bits=1",
    "permessage-deflate; server_max_window_bits=100", "permessage-deflate; client_max_window_bits=7",
    "permessage-deflate; client_max_window_bits=16", "permessage-deflate; client_max_window_bits=x",
    "permessage-deflate; server_no_context_takeover=1",
    "permessage-deflate; client_no_context_takeover=true",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
    "permessage-deflate; unknown", "permessage-deflate; unknown=1; client_max_window_bits",
    "permessage-deflate2", "x-webkit-deflate-frame", "deflate", "permessage-bzip2, permessage-foo"])
def test_what_cannot_be_agreed_on_is_declined_and_what_comes_behind_it_is_taken(echo, offer):
    with Peer(echo, offer) as peer:
        assert peer.agreed is None
        peer.say(frame(TEXT, b"plain"), frame(TEXT, b"\x00", reserved=4))
        assert peer.hear() == (TEXT, b"plain")
        peer.ends_with(1002)
    with Peer(echo, f"{offer}, permessage-deflate") as peer:
        assert peer.agreed is not None
        peer.say_deflated(TEXT, b"compressed")
        assert peer.hear() == (TEXT, b"compressed")


@pytest.mark.parametrize("fields", [
    ["x-first; a=\"b\"", "permessage-deflate; client_max_window_bits"],
    ["x-first", "", "permessage-deflate , x-last"],
    ["permessage-deflate;client_max_window_bits=\"10\""],
    ["permessage-deflate\t;\tclient_max_window_bits = \"1\\0\""],
    [",,permessage-deflate,,"]], ids=str)
def test_offers_are_read_from_all_fields_and_with_all_their_freedoms(echo, fields):
    headers = [("Sec-WebSocket-Extensions", field) for field in fields[:-1]]
    with Peer(echo, fields[-1], headers) as peer:
        assert peer.agreed is not None
        if "10" in fields[-1] or "1\\0" in fields[-1]:
            assert peer.agreed["client_max_window_bits"] <= 10
        peer.say_deflated(TEXT, b"compressed")
        assert peer.hear() == (TEXT, b"compressed")


# --- 6, 7.2: messages ------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [0, 1, 2, 64, 125, 126, 127, 1000, 65_535, 65_536, 131_072])
def test_a_compressed_message_of_every_size_comes_back(peer, size):
    for _ in range(3):
        text = words(size, size)
        peer.say_deflated(TEXT, text)
        assert peer.hear() == (TEXT, text)
        noise = random.Random(size).randbytes(size)
        peer.say_deflated(BINARY, noise)
        assert peer.hear() == (BINARY, noise)


def test_long_texts_come_back_compressed(echo):
    with Peer(echo, PLAIN_OFFER) as peer:
        text = words(1, 20_000)
        for _ in range(2):
            peer.say_deflated(TEXT, text)
            _, opcode, payload, compressed = peer.hear_frame()
            assert opcode == TEXT and compressed and len(payload) < len(text) // 2
            assert peer.inflate(payload) == text


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_compressed_message_comes_back_in_octets_and_in_fragments_with_pings(peer, size):
    text = words(3, 4000)
    payload = peer.deflate(text)
    frames = deflated(TEXT, payload, parts=-(-len(payload) // size))
    between = [part for one in frames[:-1] for part in (one, frame(PING, b"p"))]
    peer.say(*between, frames[-1])
    assert [peer.hear() for _ in frames] == [(PONG, b"p")] * (len(frames) - 1) + [(TEXT, text)]
    peer.say_chopped(*deflated(TEXT, peer.deflate(b"octet by octet"), parts=3))
    assert peer.hear() == (TEXT, b"octet by octet")


def test_a_compressed_message_may_have_empty_fragments(peer):
    payload = peer.deflate(b"Hello")
    peer.say(frame(TEXT, fin=False, reserved=4), frame(CONTINUATION, payload, fin=False),
             frame(CONTINUATION))
    assert peer.hear() == (TEXT, b"Hello")
    peer.say(frame(BINARY, fin=False, reserved=4), frame(CONTINUATION))
    assert peer.hear() == (BINARY, b"")


def test_compressed_and_plain_messages_may_be_mixed(peer):
    chance = random.Random(7)
    texts = [words(n % 5, chance.randrange(2000)) for n in range(150)]
    for text in texts:
        opcode = chance.choice([TEXT, BINARY])
        if chance.random() < 0.5:
            peer.say_deflated(opcode, text, parts=chance.randrange(1, 5))
        else:
            peer.say(frame(opcode, text[:9], fin=False), frame(CONTINUATION, text[9:]))
        if chance.random() < 0.2:
            peer.say(frame(PING, b"p"))
            assert [peer.hear(), peer.hear()] == [(opcode, text), (PONG, b"p")]
        else:
            assert peer.hear() == (opcode, text)


def test_many_compressed_messages_in_one_write_come_back_in_order(peer):
    texts = [b'{"id":%d,"name":"the same again"}' % n for n in range(2000)]
    peer.say(*(one for text in texts for one in deflated(TEXT, peer.deflate(text))))
    for text in texts:
        assert peer.hear() == (TEXT, text)


@pytest.mark.parametrize("payload", [bytes.fromhex(text) for text in (
    "f248cdc9c90700", "000500faff48656c6c6f00", "f348cdc9c9070000",
    "f248050000 00ffffcac9c90700", "f248cdc9c907000000ffff00",
    "f348cdc9c90700", "f348cdc9c9070001", "010500faff48656c6c6f")],
    ids=bytes.hex)
def test_the_examples_of_7_2_3_and_blocks_of_every_kind_are_read(peer, payload):
    peer.say(*deflated(TEXT, payload))
    assert peer.hear() == (TEXT, b"Hello")


@pytest.mark.parametrize("level, strategy", [
    (0, zlib.Z_DEFAULT_STRATEGY), (1, zlib.Z_FIXED), (6, zlib.Z_HUFFMAN_ONLY), (9, zlib.Z_RLE),
    (9, zlib.Z_DEFAULT_STRATEGY), (1, zlib.Z_FILTERED)])
def test_every_way_of_deflating_is_read(echo, level, strategy):
    for message in (b"", b"a", words(1, 70_000), random.Random(1).randbytes(70_000)):
        for flush in (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_FINISH):
            # A last block is ended by the head of an empty one, without its last four bytes.
            end = b"\x00" if flush == zlib.Z_FINISH else b""
            with Peer(echo, PLAIN_OFFER) as peer:
                for _ in range(2):
                    peer.say(*deflated(BINARY, raw_deflate(message, level, strategy, flush) + end))
                    assert peer.hear() == (BINARY, message), (level, strategy, flush)


# --- limits ----------------------------------------------------------------------------------------

def test_a_message_of_16_mib_passes_and_one_byte_more_is_1009(echo):
    with Peer(echo, PLAIN_OFFER) as peer:
        whole = bytes(16 << 20)
        peer.say(*deflated(BINARY, raw_deflate(whole)))
        assert peer.hear() == (BINARY, whole)
        peer.say(*deflated(BINARY, raw_deflate(whole + b"x")))
        peer.ends_with(1009)


def test_a_message_of_the_limit_that_cannot_be_compressed_passes(echo):
    noise = random.Random(2).randbytes(16 << 20)
    with Peer(echo, PLAIN_OFFER) as peer:
        peer.say(*deflated(BINARY, raw_deflate(noise, level=0), parts=100))
        assert peer.hear() == (BINARY, noise)


def test_bombs_are_1009_and_cost_no_more_than_the_limit(echo):
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    part = deflater.compress(bytes(16 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    bomb = part * 64 + b"\x00"
    before = resident_bytes(echo.child.pid)
    for parts in (1, 7):
        for _ in range(6):
            with Peer(echo, PLAIN_OFFER) as peer:
                peer.say(*deflated(BINARY, bomb, parts))
                peer.ends_with(1009)
    # Two workers, each with one message of 16 MiB on its way, its buffer grown by doubling.
    assert resident_bytes(echo.child.pid) - before < 100 << 20


def test_a_compressed_frame_that_is_announced_far_too_large_is_1009_at_its_head(echo):
    with Peer(echo, PLAIN_OFFER) as peer:
        peer.say(b"\xc2\xff" + (64 << 20).to_bytes(8, "big") + b"mask")
        peer.ends_with(1009)


# --- violations ------------------------------------------------------------------------------------

@pytest.mark.parametrize("payload", [
    b"\x07", b"\xff\xff\xff", b"\x06" + bytes(3), bytes.fromhex("0105000000"),
    raw_deflate(words(1, 1000))[:40], bytes.fromhex("4bccc60300") + b"\xff\xfe\xfd",
    bytes.fromhex("f20011000000")], ids=lambda payload: payload.hex()[:20])
@pytest.mark.parametrize("parts", [1, 3])
def test_what_is_no_deflate_data_is_1007(echo, payload, parts):
    with Peer(echo, PLAIN_OFFER) as peer:
        peer.say(frame(PING), *deflated(BINARY, payload, parts), frame(PING))
        assert peer.hear() == (PONG, b"")
        peer.ends_with(1007)


def test_text_that_is_not_utf8_when_inflated_is_1007(echo):
    for index, text in enumerate(INVALID):
        with Peer(echo, PLAIN_OFFER) as peer:
            peer.say_deflated(BINARY, text)
            assert peer.hear() == (BINARY, text)
            peer.say_deflated(TEXT, text, parts=1 + index % 3)
            peer.ends_with(1007)


def test_rsv1_inside_a_message_is_1002(peer):
    payload = peer.deflate(b"some text to compress")
    peer.say(frame(TEXT, payload[:5], fin=False, reserved=4),
             frame(CONTINUATION, payload[5:], reserved=4))
    peer.ends_with(1002)


@pytest.mark.parametrize("reserved", [2, 1, 6, 5, 7])
def test_the_other_reserved_bits_stay_1002(peer, reserved):
    peer.say(frame(TEXT, peer.deflate(b"text"), reserved=reserved))
    peer.ends_with(1002)


def test_a_compressed_message_inside_another_message_is_1002(peer):
    peer.say(frame(TEXT, b"a", fin=False), *deflated(TEXT, peer.deflate(b"b")))
    peer.ends_with(1002)


def test_a_close_in_the_middle_of_a_compressed_message_is_answered(peer):
    peer.say(frame(TEXT, b"\xf2", fin=False, reserved=4), frame(CLOSE, close_payload(1000)))
    peer.ends_with(1000)


def test_a_connection_that_lost_its_window_does_not_change_another_ones(echo):
    # Two who keep their windows and one who is thrown out, in turns, on the same workers.
    with Peer(echo, PLAIN_OFFER) as first, Peer(echo, PLAIN_OFFER) as second:
        for n in range(20):
            for peer, seed in ((first, 1), (second, 2)):
                text = words(seed, 500 + n)
                peer.say_deflated(TEXT, text)
                assert peer.hear() == (TEXT, text)
            with Peer(echo, PLAIN_OFFER) as bad:
                bad.say(*deflated(TEXT, b"\x07" if n % 2 else raw_deflate(b"\xff" * 99)))
                bad.ends_with(1007)
