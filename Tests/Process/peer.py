"""A WebSocket client for harsh tests: it says whatever it is told to, byte by byte where it matters,
speaks permessage-deflate (RFC 7692) by Python's own zlib, and lets nothing pass in what comes back.

Other than `wire.WebSocket` it answers nothing by itself.
"""

import base64
import hashlib
import os
import socket
import struct
import zlib

from wire import CLOSE, Closed, Connection, frame

TAIL = b"\x00\x00\xff\xff"


class Peer(Connection):
    """An open WebSocket. `agreed` holds what was agreed of permessage-deflate, None for nothing."""

    def __init__(self, server, offer=None, headers=(), timeout=60.0, source=None):
        super().__init__(server, timeout, source)
        key = base64.b64encode(os.urandom(16)).decode()
        fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                  ("Sec-WebSocket-Key", key), ("Sec-WebSocket-Version", "13"), *headers]
        if offer:
            fields.append(("Sec-WebSocket-Extensions", offer))
        self.answer = self.request("GET", "/ws", fields)
        assert self.answer.status == 101, self.answer
        expected = base64.b64encode(hashlib.sha1(
            (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        assert self.answer.all("sec-websocket-accept") == [expected], self.answer
        assert [value.lower() for value in self.answer.all("upgrade")] == ["websocket"]
        assert [value.lower() for value in self.answer.all("connection")] == ["upgrade"]
        self.agreed = self._agreed(self.answer.all("sec-websocket-extensions"))
        if self.agreed is not None:
            assert offer, "an extension that was not offered"
            self.deflater, self.inflater = self._fresh_deflater(), self._fresh_inflater()

    # --- what was agreed ---------------------------------------------------------------------------

    @staticmethod
    def _agreed(fields):
        if not fields:
            return None
        assert len(fields) == 1 and "," not in fields[0], fields
        name, *parameters = [part.strip() for part in fields[0].split(";")]
        assert name == "permessage-deflate", fields
        agreed = {}
        for parameter in parameters:
            key, equals, value = parameter.partition("=")
            assert key not in agreed, fields
            if key in ("server_no_context_takeover", "client_no_context_takeover"):
                assert not equals, fields
                agreed[key] = True
            else:
                assert key in ("server_max_window_bits", "client_max_window_bits"), fields
                assert 8 <= int(value) <= 15 and value == str(int(value)), fields
                agreed[key] = int(value)
        return agreed

    def _fresh_deflater(self):
        # zlib's raw deflate knows no window of 8 bits: with 9 and short messages it keeps to it.
        bits = max(9, self.agreed.get("client_max_window_bits", 15))
        return zlib.compressobj(6, zlib.DEFLATED, -bits)

    def _fresh_inflater(self):
        return zlib.decompressobj(-self.agreed.get("server_max_window_bits", 15))

    def deflate(self, message):
        """`message` as a compressed payload, in the context that was agreed on."""
        if "client_no_context_takeover" in self.agreed:
            self.deflater = self._fresh_deflater()
        if not message:
            return b"\x00"
        data = self.deflater.compress(message) + self.deflater.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(TAIL)
        return data[:-4]

    def inflate(self, payload):
        if "server_no_context_takeover" in self.agreed:
            self.inflater = self._fresh_inflater()
        # In small steps where the window is: what one call gave out zlib lets a message reach back
        # into, whatever the size of the window.
        step = 16 if self.agreed.get("server_max_window_bits", 15) < 15 else 1 << 20
        message, rest = bytearray(), payload + TAIL
        while True:
            part = self.inflater.decompress(rest, step)
            message += part
            rest = self.inflater.unconsumed_tail
            if not rest and len(part) < step:
                assert not self.inflater.eof, "a last block"
                return bytes(message)

    # --- words -------------------------------------------------------------------------------------

    def say(self, *frames):
        """Several frames in one write."""
        self.send(b"".join(frames))

    def say_chopped(self, *frames, size=1):
        """The same in writes of `size` bytes."""
        data = b"".join(frames)
        for start in range(0, len(data), size):
            self.send(data[start:start + size])

    def say_last(self, *frames):
        """Several frames and the end of what we send, in one segment where they fit; we still read."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        self.send(b"".join(frames))
        self.socket.shutdown(socket.SHUT_WR)

    def say_deflated(self, opcode, message, parts=1):
        """One compressed message in `parts` fragments."""
        self.say(*deflated(opcode, self.deflate(message), parts))

    def hear_frame(self):
        """(fin, opcode, payload, compressed) of the next frame, strictly checked."""
        first, second = self.take(2)
        compressed = bool(first & 0x40)
        assert first & 0x30 == 0 and second & 0x80 == 0, f"frame head {first:02x} {second:02x}"
        assert not compressed or self.agreed is not None and first & 0x0F in (1, 2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
            assert length > 125, "a length that is not the shortest"
        elif length == 127:
            length = struct.unpack(">Q", self.take(8))[0]
            assert length > 65535, "a length that is not the shortest"
        opcode = first & 0x0F
        assert opcode in (0, 1, 2, 8, 9, 10), opcode
        assert opcode < 8 or length <= 125 and first & 0x80, "a long or parted control frame"
        return bool(first & 0x80), opcode, self.take(length), compressed

    def hear(self):
        """The next message or control frame: (opcode, payload), inflated where it was compressed."""
        opcode, parts, compressed = None, [], False
        while True:
            fin, kind, payload, flag = self.hear_frame()
            if kind >= 8:
                assert opcode is None or kind != CLOSE
                return kind, payload
            assert (kind == 0) == (opcode is not None), f"unexpected opcode {kind}"
            if kind:
                opcode, compressed = kind, flag
            parts.append(payload)
            if fin:
                whole = b"".join(parts)
                return opcode, self.inflate(whole) if compressed else whole

    def ends_with(self, code):
        """The next frame is a close with `code` (None: an empty one), and then the server is the
        first to end the stream: in order, not by a reset, and while we still could send."""
        kind, payload = self.hear()
        assert kind == CLOSE, (kind, payload[:80])
        assert (struct.unpack(">H", payload[:2])[0] if payload else None) == code, payload
        payload[2:].decode("utf-8")
        self.ends()

    def ends(self):
        """Nothing more comes, and the stream ends in order."""
        assert not self.buffer, bytes(self.buffer[:80])
        try:
            self.fill()
        except Closed as closed:
            assert str(closed) == "end of stream", closed
            return
        raise AssertionError(f"more came: {bytes(self.buffer[:80])}")


def deflated(opcode, payload, parts=1):
    """The frames of one compressed message: RSV1 on the first and on no other."""
    size = max(1, -(-len(payload) // parts))
    pieces = [payload[start:start + size] for start in range(0, len(payload), size)] or [b""]
    return [frame(opcode if index == 0 else 0, piece, fin=index == len(pieces) - 1,
                  reserved=4 if index == 0 else 0)
            for index, piece in enumerate(pieces)]


def close_payload(code, reason=b""):
    return struct.pack(">H", code) + reason


# Texts that are not UTF-8; the last byte of some only shows that something is missing.
INVALID = [bytes.fromhex(text) for text in """
80 bf 80bf 80bf80 c0 c080 c0af c1bf c2 c241 c2c2 df dfff e0 e080 e08080 e09f e09fbf e080af e0a0
e0a041 e1 e180 e18041 e180c2 ed eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf eda080edb080
edafbfedbfbf ef efbf efbf41 f0 f080 f0808080 f08f f08fbfbf f08080af f090 f09080 f0908041 f1 f180
f18080 f1808041 f4 f490 f4908080 f48f f48fbf f48fbfff f5 f5808080 f7bfbfbf f8 f888808080 fbbfbfbfbf
fc fc8480808080 fdbfbfbfbfbf fe ff fefeffff ceba e1bdb9cf83cebcceb5eda080656469746564
""".split() if text != "ceba"] + [bytes.fromhex("cebae1bdb9cf83cebcceb5eda080656469746564")]


def is_utf8(text):
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
