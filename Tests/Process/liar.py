"""A server of one port that echoes, fans out and keeps a log, and lies where it is told to: what
`mizu bench` must find. A thread for each connection; honest when no lie is asked for."""

import base64
import hashlib
import json
import socket
import struct
import threading
import zlib

TAIL = b"\x00\x00\xff\xff"


class Liar:
    """`damaged=20` damages the 20th message, and so on; see where each name is used."""

    def __init__(self, deflates=False, **lies):
        self.lies, self.deflates = lies, deflates
        self.inflated = self.count = self.echoed = 0
        self.lock = threading.Lock()
        self.subscribers, self.log, self.held = [], [], None
        self.connections = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, scheme):
        return f"{scheme}://127.0.0.1:{self.port}/"

    def stop(self):
        # Closing alone would not wake the thread that accepts.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def lie(self, name, number):
        return self.lies.get(name) == number

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if self.lies.get("unwelcoming"):
                connection.close()
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                Talk(self, connection).run()
        except (OSError, EOFError):
            pass
        finally:
            self.connections.discard(connection)


class Talk:
    """One connection."""

    def __init__(self, server, connection):
        self.server, self.socket = server, connection
        self.input = connection.makefile("rb")
        self.requests = self.messages = 0

    def run(self):
        while True:
            line = self.input.readline()
            if not line:
                return
            fields = {}
            while (field := self.input.readline()) not in (b"\r\n", b""):
                name, _, value = field.decode().partition(":")
                fields[name.lower()] = value.strip()
            if "sec-websocket-key" in fields:
                return self.upgrade(fields)
            body = self.input.read(int(fields.get("content-length", 0)))
            self.requests += 1
            if self.requests == self.server.lies.get("silent_after"):
                self.input.read(1)  # until the client has gone
                return
            answer = self.answer(line.split()[1].decode(), body)
            last = self.requests == self.server.lies.get("close_after")
            self.socket.sendall(
                b"HTTP/1.1 200 OK\r\n" + (b"Connection: close\r\n" if last else b"")
                + b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer))
            if last:
                # What the client has sent beyond it is read, or the kernel would reset.
                self.socket.shutdown(socket.SHUT_WR)
                while self.input.read1(1 << 16):
                    pass
                return

    # --- HTTP: a page, and a log that is pushed to and pulled from -------------------------------

    def answer(self, path, body):
        server = self.server
        if path.startswith("/_sync/"):
            with server.lock:
                return json.dumps(getattr(self, path[7:])(json.loads(body))).encode()
        return b"changed" if server.lie("changed_answer", self.requests) else b"the page"

    def snapshot(self, _):
        return {"records": [], "cursor": 0, "epoch": "e", "count": 0, "has_more": False}

    def push(self, request):
        results = []
        for mutation in request["mutations"]:
            server = self.server
            server.count += 1
            if server.lie("refused", server.count):
                results.append({"id": mutation["id"], "ok": False, "code": "conflict"})
                continue
            data = dict(mutation["args"])
            if server.lie("damaged", server.count):
                data["title"] = "x" + data["title"][1:]
            change = {"entity": "todo", "id": data["id"], "op": "create", "data": data,
                      "mutation": mutation["id"]}
            cursor = len(server.log) + 1
            # A forgotten mutation leaves no gap in the log: what comes behind takes its cursor.
            if not server.lie("forgotten", server.count):
                server.log.append({"cursor": cursor, **change})
            results.append({"id": mutation["id"], "ok": True, "cursor": server.count, "epoch": "e"})
        return {"results": results}

    def pull(self, request):
        start, log = request["cursor"], self.server.log
        page = log[start:start + request["limit"]]
        for number, change in list(enumerate(page)):
            if self.server.lie("dropped", change["cursor"]):
                del page[number]
            elif self.server.lie("doubled", change["cursor"]):
                page.insert(number, change)
        return {"changes": page, "has_more": start + len(page) < len(log),
                "next_cursor": page[-1]["cursor"] if page else start, "epoch": "e"}

    # --- WebSocket: an echo, and `{"join":…}` with `{"say":…}` ------------------------------------

    def upgrade(self, fields):
        accept = base64.b64encode(hashlib.sha1(
            (fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()
        ).digest()).decode()
        if self.server.lies.get("bad_accept"):
            accept = "A" + accept[1:]
        offer = fields.get("sec-websocket-extensions", "")
        self.deflates = self.server.deflates and "permessage-deflate" in offer
        self.fresh = "server_no_context_takeover" in offer
        extension = ""
        if self.deflates:
            extension = ("Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover"
                         + ("; server_no_context_takeover" if self.fresh else "") + "\r\n")
        self.deflater = None
        self.socket.sendall((
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n{extension}\r\n").encode())
        while True:
            opcode, payload = self.receive()
            if opcode == 9:
                if not self.server.lies.get("pongless"):
                    self.frame(10, payload)
            elif opcode == 8:
                return
            elif payload.startswith(b'{"join":'):
                with self.server.lock:
                    self.server.subscribers.append(self)
                    self.send(b"joined")
            elif payload.startswith(b'{"say":'):
                self.publish(b'{"said":' + payload[7:])
            else:
                self.messages += 1
                self.server.echoed += 1
                self.tell(opcode, payload, self.messages)

    def publish(self, payload):
        server = self.server
        with server.lock:
            server.count += 1
            for subscriber in server.subscribers:
                if server.lie("swapped", server.count):
                    server.held = payload
                    continue
                subscriber.tell(1, payload, server.count)
                if server.held:
                    subscriber.tell(1, server.held, 0)
                    server.held = None

    def tell(self, opcode, payload, number):
        """Sends a message, or lies about it."""
        server = self.server
        if server.lie("damaged", number):
            payload = payload[:-2] + bytes([payload[-2] ^ 1]) + payload[-1:]
        if server.lie("closed", number):
            self.frame(8, struct.pack(">H", 1001))
        elif server.lie("cut", number):
            self.socket.shutdown(socket.SHUT_RDWR)
        elif number and number >= server.lies.get("last_dropped", 1 << 60):
            pass
        elif not server.lie("dropped", number):
            self.send(payload, opcode, masked=server.lie("masked", number))
            if server.lie("doubled", number):
                self.send(payload, opcode)

    def send(self, payload, opcode=1, masked=False):
        if self.deflates:
            if self.fresh or not self.deflater:
                self.deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
            data = self.deflater.compress(payload) + self.deflater.flush(zlib.Z_SYNC_FLUSH)
            return self.frame(opcode | 0x40, data[:-4])
        self.frame(opcode, payload, masked)

    def frame(self, first, payload, masked=False):
        count, bit = len(payload), 0x80 if masked else 0
        head = bytes([0x80 | first])
        if count < 126:
            head += bytes([bit | count])
        elif count < 1 << 16:
            head += struct.pack(">BH", bit | 126, count)
        else:
            head += struct.pack(">BQ", bit | 127, count)
        self.socket.sendall(head + (b"\0\0\0\0" if masked else b"") + payload)

    def receive(self):
        """(opcode, payload) of the next frame, which is a whole message."""
        first, second = self.exactly(2)
        assert second & 0x80, "a client masks"
        count = second & 0x7F
        if count == 126:
            count = struct.unpack(">H", self.exactly(2))[0]
        elif count == 127:
            count = struct.unpack(">Q", self.exactly(8))[0]
        mask = self.exactly(4)
        data = self.exactly(count)
        whole = int.from_bytes(data, "big") ^ int.from_bytes(
            (mask * (count // 4 + 1))[:count], "big")
        payload = whole.to_bytes(count, "big")
        if first & 0x40:
            self.server.inflated += 1
            payload = zlib.decompressobj(-15).decompress(payload + TAIL)
        return first & 0x0F, payload

    def exactly(self, count):
        data = self.input.read(count)
        if len(data) < count:
            raise EOFError
        return data
