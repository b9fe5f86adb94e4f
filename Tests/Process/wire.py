"""HTTP/1.1 and WebSocket by hand, over raw sockets, so that a test controls each byte it sends.

Deliberately strict about what comes back: framing is checked rather than repaired. Every read has a
deadline; a test that waits for something that never comes fails within WAIT_SECONDS.
"""

import base64
import hashlib
import json
import os
import socket
import struct
import time

WAIT_SECONDS = 60.0


class Closed(Exception):
    """The peer closed, cleanly or by a reset, before what was asked for was complete."""


class Connection:
    """One TCP connection with a read buffer."""

    def __init__(self, server, timeout=WAIT_SECONDS, source=None):
        """`source` is the address to come from: all of 127.0.0.0/8 is this machine's."""
        self.authority = server.authority
        self.socket = socket.create_connection(
            (server.host, server.port), timeout, (source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def fileno(self):
        """For select(2)."""
        return self.socket.fileno()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed(str(error)) from error

    def fill(self):
        """Reads once; raises Closed at the end of the stream and TimeoutError at the deadline."""
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError as error:
            raise Closed("reset") from error
        if not data:
            raise Closed("end of stream")
        self.buffer += data

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def take_through(self, mark):
        while (found := self.buffer.find(mark)) < 0:
            self.fill()
        return self.take(found + len(mark))

    def is_closed_by_peer(self):
        """True when the peer ends the connection without one more byte; fails at the deadline."""
        if self.buffer:
            return False
        try:
            self.fill()
        except Closed:
            return True
        return False

    def request(self, method, target, headers=(), body=None):
        """Sends one request and reads its answer."""
        try:
            self.send(encode(method, target, self.authority, headers, body))
        except Closed:
            pass  # it may refuse and end before it has read all; what it said is there to be read
        return self.response(method)

    def response(self, method="GET"):
        """Reads one whole response; interim (1xx) responses but 101 are returned as they come."""
        head = self.take_through(b"\r\n\r\n")
        lines = head[:-4].split(b"\r\n")
        version, status, _ = (lines[0] + b" ").split(b" ", 2)
        assert version == b"HTTP/1.1", lines[0]
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            assert colon and name and not name.endswith(b" "), line
            headers.append((name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")))
        answer = Response(int(status), headers)
        answer.body = self._body(answer, method)
        return answer

    def _body(self, answer, method):
        lengths = answer.all("content-length")
        chunked = "chunked" in answer.get("transfer-encoding", "")
        assert len(lengths) <= 1 and not (lengths and chunked), answer.headers
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return b""
        if chunked:
            body = bytearray()
            while size := int(self.take_through(b"\r\n")[:-2].split(b";")[0], 16):
                body += self.take(size)
                assert self.take(2) == b"\r\n"
            while self.take_through(b"\r\n") != b"\r\n":
                pass
            return bytes(body)
        if lengths:
            return self.take(int(lengths[0]))
        body = bytearray()
        try:
            while True:
                if not self.buffer:
                    self.fill()
                body += self.take(len(self.buffer))
        except Closed:
            return bytes(body)


class Response:
    def __init__(self, status, headers):
        self.status, self.headers, self.body = status, headers, b""

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"

    def all(self, name):
        return [value for key, value in self.headers if key == name]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    @property
    def json(self):
        return json.loads(self.body.decode("utf-8"))

    @property
    def code(self):
        return self.json["code"]


def encode(method, target, authority, headers=(), body=None):
    """The bytes of one request. `headers` are (name, value) pairs, as they are; Host comes first
    unless one is among them."""
    lines = [f"{method} {target} HTTP/1.1"]
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        lines.append(f"Host: {authority}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def fetch(server, method, target, headers=(), body=None):
    """One request on a connection of its own."""
    with Connection(server) as connection:
        return connection.request(method, target, headers, body)


JSON = [("Content-Type", "application/json")]


def dump(value):
    """JSON as clients write it: no spaces, UTF-8 as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def post(server_or_connection, path, value, headers=JSON):
    body = value if isinstance(value, bytes) else dump(value)
    if isinstance(server_or_connection, Connection):
        return server_or_connection.request("POST", path, headers, body)
    return fetch(server_or_connection, "POST", path, headers, body)


TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class WebSocket(Connection):
    """A WebSocket client (RFC 6455) that masks, answers pings, and checks what the server sends."""

    def __init__(self, server, path="/ws", headers=(), timeout=WAIT_SECONDS, source=None):
        super().__init__(server, timeout, source)
        self.key = base64.b64encode(os.urandom(16)).decode()
        self.answer = self.request("GET", path, [*self.handshake(), *headers])
        if self.answer.status != 101:
            return
        expected = base64.b64encode(hashlib.sha1(
            (self.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        assert self.answer.get("sec-websocket-accept") == expected, self.answer
        assert self.answer.get("upgrade", "").lower() == "websocket", self.answer
        assert "upgrade" in self.answer.get("connection", "").lower(), self.answer
        assert self.answer.get("sec-websocket-extensions") is None, self.answer

    def handshake(self):
        return [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", self.key), ("Sec-WebSocket-Version", "13")]

    def send_frame(self, opcode, payload=b"", fin=True, masked=True, reserved=0):
        self.send(frame(opcode, payload, fin, masked, reserved))

    def send_text(self, text):
        self.send_frame(TEXT, text if isinstance(text, bytes) else text.encode("utf-8"))

    def send_json(self, value):
        self.send_text(dump(value))

    def receive_frame(self):
        """(fin, opcode, payload) of the next frame. A server never masks, and sets no reserved bit
        without an extension."""
        first, second = self.take(2)
        assert first & 0x70 == 0 and second & 0x80 == 0, f"frame head {first:02x} {second:02x}"
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
            assert length > 125, "a length that is not the shortest"
        elif length == 127:
            length = struct.unpack(">Q", self.take(8))[0]
            assert length > 65535, "a length that is not the shortest"
        assert first & 0x08 == 0 or length <= 125 and first & 0x80, "a long or parted control frame"
        return bool(first & 0x80), first & 0x0F, self.take(length)

    def receive(self):
        """The next message (opcode, payload): text, binary or close. Pings are answered."""
        opcode, parts = None, []
        while True:
            fin, kind, payload = self.receive_frame()
            if kind == PING:
                self.send_frame(PONG, payload)
            elif kind == CLOSE:
                return CLOSE, payload
            elif kind != PONG:
                assert (kind == 0) == (opcode is not None), f"unexpected opcode {kind}"
                opcode = kind or opcode
                parts.append(payload)
                if fin:
                    return opcode, b"".join(parts)

    def receive_json(self):
        opcode, payload = self.receive()
        assert opcode == TEXT, f"opcode {opcode}: {payload!r}"
        return json.loads(payload.decode("utf-8"))

    def receive_until(self, test, seconds=WAIT_SECONDS):
        """Messages up to and including the first for which `test` holds."""
        end, messages = time.monotonic() + seconds, []
        while True:
            assert time.monotonic() < end, f"not among {messages}"
            messages.append(self.receive_json())
            if test(messages[-1]):
                return messages

    def ask(self, message):
        """Sends a request and returns its answer; whatever else comes before it is put in `others`."""
        self.send_json(message)
        *self.others, answer = self.receive_until(lambda m: m.get("ref") == message["ref"])
        return answer

    def receive_close(self):
        """Reads on to the close frame, answers it, and returns its code (1005 where it has none)."""
        while True:
            opcode, payload = self.receive()
            if opcode == CLOSE:
                try:
                    self.send_frame(CLOSE, payload[:2])
                except Closed:
                    pass
                return struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005


def frame(opcode, payload=b"", fin=True, masked=True, reserved=0):
    """The bytes of one frame; `reserved` are the three bits RSV1 to RSV3."""
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([bit | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    pattern = mask * (len(payload) // 4 + 1)
    number = int.from_bytes(payload, "big") ^ int.from_bytes(pattern[:len(payload)], "big")
    return head + mask + number.to_bytes(len(payload), "big")
