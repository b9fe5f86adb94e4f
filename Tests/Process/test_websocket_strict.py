"""RFC 6455 as the harshest outside suites read it, over raw sockets against `echo-server`: every
opcode and length form, every violation with its code, and what is refused before the rest arrives.
Closing and the handshake are in `test_websocket_ends.py`, permessage-deflate is in
`test_websocket_deflate.py`."""

import itertools
import random
import struct

import pytest

from peer import INVALID, Peer, is_utf8
from wire import BINARY, CLOSE, PING, PONG, TEXT, Closed, frame

CONTINUATION = 0


# --- 1, 9: messages of every size ------------------------------------------------------------------

@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537])
def test_a_message_of_every_length_form_comes_back(peer, opcode, size):
    payload = (b"\xf0\x9f\x98\x80*\x00" * (size // 6) + b"*" * 6)[:size]
    if opcode == BINARY:
        payload = bytes(byte ^ 0xA5 for byte in payload)
    for chop in (None, 997):
        peer.say_chopped(frame(opcode, payload), size=chop or 1 << 30)
        assert peer.hear() == (opcode, payload)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 300])
def test_a_message_comes_back_when_each_octet_comes_alone(peer, size):
    peer.say_chopped(frame(TEXT, b"x" * size), frame(PING, b"p" * min(size, 125)))
    assert peer.hear() == (TEXT, b"x" * size)
    assert peer.hear() == (PONG, b"p" * min(size, 125))


@pytest.mark.parametrize("part", [None, 1 << 16, 1 << 20])
def test_16_mib_come_back_whole_and_in_fragments(echo, part):
    payload = random.Random(1).randbytes(16 << 20)
    with Peer(echo) as peer:
        pieces = [payload[start:start + (part or len(payload))]
                  for start in range(0, len(payload), part or len(payload))]
        peer.say(*(frame(BINARY if index == 0 else 0, piece, fin=index == len(pieces) - 1)
                   for index, piece in enumerate(pieces)))
        assert peer.hear() == (BINARY, payload)


def test_one_byte_more_than_16_mib_is_1009_at_the_header(echo):
    with Peer(echo) as peer:
        peer.say(b"\x82\xff" + struct.pack(">Q", (16 << 20) + 1) + b"mask")
        peer.ends_with(1009)
    with Peer(echo) as peer:
        peer.say(frame(BINARY, b"x" * (1 << 20), fin=False),
                 b"\x80\xff" + struct.pack(">Q", (15 << 20) + 1) + b"mask")
        peer.ends_with(1009)


def test_1000_small_frames_in_one_write_come_back_in_order(peer):
    peer.say(*(frame(TEXT if n % 2 else BINARY, b"%d" % n) for n in range(1000)))
    for n in range(1000):
        assert peer.hear() == (TEXT if n % 2 else BINARY, b"%d" % n)


def test_frames_cut_at_every_octet_come_back(peer):
    conversation = (frame(TEXT, b"one") + frame(BINARY, b"t" * 126) + frame(PING, b"three")
                    + frame(TEXT, b"fo", fin=False) + frame(CONTINUATION, b"ur"))
    for cut in range(1, len(conversation)):
        peer.say(conversation[:cut])
        peer.say(conversation[cut:])
        assert [peer.hear() for _ in range(4)] == [
            (TEXT, b"one"), (BINARY, b"t" * 126), (PONG, b"three"), (TEXT, b"four")], cut


# --- 2: pings and pongs ----------------------------------------------------------------------------

@pytest.mark.parametrize("payload", [b"", b"Hello", bytes(range(125)), b"\xff\xfe\x00" * 40],
                         ids=len)
def test_a_ping_is_answered_with_its_payload(peer, payload):
    peer.say(frame(PING, payload))
    assert peer.hear() == (PONG, payload)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
@pytest.mark.parametrize("length", [126, 127])
def test_a_control_frame_that_announces_more_than_125_bytes_is_1002(peer, opcode, length):
    # Two octets of its head are enough to know.
    peer.say(bytes([0x80 | opcode, 0x80 | length]))
    peer.ends_with(1002)


def test_a_pong_that_nobody_asked_for_is_not_answered(peer):
    peer.say(frame(PONG), frame(PONG, b"unasked"), frame(PING, b"asked"))
    assert peer.hear() == (PONG, b"asked")


def test_a_flood_of_pings_is_answered_in_order(echo):
    # The client reads only after it has written all: the answers wait, and nobody stands still.
    with Peer(echo) as peer:
        pings = b"".join(frame(PING, b"%124d" % n) for n in range(20_000))
        peer.send(pings)
        for n in range(20_000):
            assert peer.hear() == (PONG, b"%124d" % n)


# --- 3, 4: reserved bits and opcodes ---------------------------------------------------------------

@pytest.mark.parametrize("reserved", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_a_reserved_bit_is_1002(peer, reserved, opcode):
    if peer.agreed is not None and reserved == 4 and opcode in (TEXT, BINARY):
        return  # RSV1 is the mark of what is compressed there.
    peer.say(frame(TEXT, b"before"), bytes([0x80 | reserved << 4 | opcode]))
    assert peer.hear() == (TEXT, b"before")
    peer.ends_with(1002)


@pytest.mark.parametrize("reserved", range(1, 8))
def test_a_reserved_bit_on_a_continuation_is_1002(peer, reserved):
    peer.say(frame(TEXT, b"a", fin=False), bytes([0x80 | reserved << 4]))
    peer.ends_with(1002)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("fin", [True, False])
def test_a_reserved_opcode_is_1002(peer, opcode, fin):
    peer.say(frame(TEXT, b"before"), frame(opcode, b"x", fin=fin), frame(PING, b"late"))
    assert peer.hear() == (TEXT, b"before")
    peer.ends_with(1002)


def test_a_reserved_opcode_between_fragments_is_1002(peer):
    peer.say_chopped(frame(TEXT, b"a", fin=False), frame(3), frame(CONTINUATION, b"b"))
    peer.ends_with(1002)


# --- 5: fragments ----------------------------------------------------------------------------------

def test_a_message_in_every_way_of_cutting_it_comes_back(peer):
    text = b"abcdef"
    for cuts in itertools.chain.from_iterable(
            itertools.combinations_with_replacement(range(len(text) + 1), count)
            for count in range(4)):
        borders = [0, *cuts, len(text)]
        pieces = [text[start:end] for start, end in zip(borders, borders[1:])]
        frames = [frame(TEXT if index == 0 else 0, piece, fin=index == len(pieces) - 1)
                  for index, piece in enumerate(pieces)]
        peer.say(*frames)
        assert peer.hear() == (TEXT, text), cuts
        # And with a ping behind each fragment but the last.
        peer.say(*(part for one in frames[:-1] for part in (one, frame(PING, b"p"))), frames[-1])
        assert [peer.hear() for _ in frames] == [(PONG, b"p")] * (len(frames) - 1) + [(TEXT, text)]


@pytest.mark.parametrize("frames", [
    [frame(PING, b"a", fin=False), frame(CONTINUATION, b"b")],
    [frame(PONG, b"a", fin=False), frame(CONTINUATION, b"b")],
    [frame(CLOSE, b"\x03\xe8", fin=False)],
    [frame(CONTINUATION, b"nothing to continue"), frame(TEXT, b"Hello")],
    [frame(CONTINUATION, b"nothing to continue", fin=False), frame(TEXT, b"Hello")],
    [frame(TEXT, b"a", fin=False), frame(TEXT, b"b")],
    [frame(TEXT, b"a", fin=False), frame(BINARY, b"b", fin=False)],
    [frame(BINARY, b"a", fin=False), frame(PING, b"", fin=False)],
], ids=range(8))
@pytest.mark.parametrize("chopped", [False, True])
def test_fragments_out_of_order_are_1002(peer, frames, chopped):
    (peer.say_chopped if chopped else peer.say)(*frames)
    peer.ends_with(1002)


def test_after_a_message_its_continuation_is_1002(peer):
    peer.say(frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b"), frame(CONTINUATION, b"c"))
    assert peer.hear() == (TEXT, b"ab")
    peer.ends_with(1002)


def test_a_message_in_20000_fragments_of_one_byte_with_pings_comes_back(peer):
    peer.say(frame(BINARY, b"x", fin=False),
             *(frame(CONTINUATION, b"x", fin=False) for _ in range(9_999)), frame(PING, b"half"),
             *(frame(CONTINUATION, b"x", fin=False) for _ in range(9_999)), frame(CONTINUATION))
    assert peer.hear() == (PONG, b"half")
    assert peer.hear() == (BINARY, b"x" * 19_999)


def test_more_than_100000_fragments_are_1008(echo):
    with Peer(echo) as peer:
        peer.say(frame(BINARY, fin=False) + frame(CONTINUATION, fin=False) * 99_999)
        peer.say(frame(PING, b"at the limit"))
        assert peer.hear() == (PONG, b"at the limit")
        peer.say(frame(CONTINUATION, fin=False))
        peer.ends_with(1008)


# --- 6: UTF-8 --------------------------------------------------------------------------------------

VALID = [
    "", "κόσμε", "\0", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\ufffe",
    "\uffff", "\U00010000", "\U0003ffff", "\U0010ffff", "Hello-µ@ßöäüàá-UTF-8!!",
]

def can_go_on(text):
    """Whether something may be added to `text` that makes it UTF-8."""
    ends = [b"", *(bytes([first]) + b"\x80" * more
                   for first in (0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF) for more in range(3))]
    return any(is_utf8(text + end) for end in ends)


def first_bad(text):
    """The index of the first byte that nothing can make good; its length if it only ends early."""
    return next((index for index in range(len(text)) if not can_go_on(text[:index + 1])),
                len(text))


def test_valid_text_comes_back_cut_anywhere(peer):
    for text in VALID:
        text = text.encode("utf-8") if text != "\ud7ff" else b"\xed\x9f\xbf"
        for cut in range(len(text) + 1):
            peer.say(frame(TEXT, text[:cut], fin=False), frame(CONTINUATION, text[cut:]))
            assert peer.hear() == (TEXT, text)


@pytest.mark.parametrize("prefix", [b"", "κόσμε".encode()], ids=["alone", "after"])
def test_invalid_text_is_1007_at_its_first_bad_byte(echo, prefix):
    for text in INVALID:
        text = prefix + text
        assert not is_utf8(text)
        bad = first_bad(text)
        if bad == len(text):
            with Peer(echo) as peer:
                peer.say(frame(TEXT, text))
                peer.ends_with(1007)
            continue
        # In one frame that announces more: the rest never comes.
        with Peer(echo) as peer:
            whole = frame(TEXT, text[:bad + 1] + b"A" * 200)
            peer.say(whole[:-200])
            peer.ends_with(1007)
        # In the middle of a frame that comes by octets.
        with Peer(echo) as peer:
            try:
                peer.say_chopped(frame(TEXT, text[:bad + 1] + b"A" * 20)[:-20])
            except Closed:
                pass
            peer.ends_with(1007)
        # In fragments: until the bad byte all is well, and a pong shows it.
        with Peer(echo) as peer:
            peer.say(frame(TEXT, text[:bad], fin=False), frame(PING, b"well"))
            assert peer.hear() == (PONG, b"well"), text
            peer.say(frame(CONTINUATION, text[bad:bad + 1], fin=False))
            peer.ends_with(1007)


def test_a_text_that_ends_in_a_character_is_1007_and_so_is_its_last_empty_fragment(echo):
    for text in ("é".encode(), "€".encode(), "😀".encode()):
        for cut in range(1, len(text)):
            with Peer(echo) as peer:
                peer.say(frame(TEXT, text[:cut], fin=False), frame(PING))
                assert peer.hear() == (PONG, b"")
                peer.say(frame(CONTINUATION))
                peer.ends_with(1007)


def test_binary_messages_and_pings_may_hold_anything(peer):
    for payload in INVALID:
        peer.say(frame(BINARY, payload), frame(PING, payload))
        assert [peer.hear(), peer.hear()] == [(BINARY, payload), (PONG, payload)]


# --- 5.2: lengths and masks ------------------------------------------------------------------------

@pytest.mark.parametrize("head", [
    b"\x82\xfe\x00\x00", b"\x82\xfe\x00\x7d", b"\x82\xff" + struct.pack(">Q", 0),
    b"\x82\xff" + struct.pack(">Q", 125), b"\x82\xff" + struct.pack(">Q", 65_535),
    b"\x82\xff\x80" + bytes(7), b"\x82\xff" + b"\xff" * 8], ids=bytes.hex)
def test_a_length_that_is_not_in_its_shortest_form_or_has_the_top_bit_is_1002(peer, head):
    peer.say(head)
    peer.ends_with(1002)


def test_the_largest_length_of_all_is_1009_and_costs_nothing(peer):
    peer.say(b"\x82\xff\x7f" + b"\xff" * 7 + b"mask")
    peer.ends_with(1009)


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_a_frame_without_a_mask_is_1002(peer, opcode):
    peer.say(frame(TEXT, b"before"), frame(opcode, b"", masked=False)[:2])
    assert peer.hear() == (TEXT, b"before")
    peer.ends_with(1002)


@pytest.mark.parametrize("mask", [bytes(4), b"\xff" * 4, b"\x00\xff\x00\xff", b"\x00\x00\x00\x01"])
def test_every_mask_is_taken_also_one_of_zeros(peer, mask):
    for size in (0, 1, 3, 4, 5, 7, 8, 9, 125):
        payload = bytes(range(size))
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        peer.say(bytes([0x82, 0x80 | size]) + mask + masked)
        assert peer.hear() == (BINARY, payload)
