"""Clients of our own for what no load generator does, each a process that is told what to do by
lines on its standard input and answers with a line of JSON each:

    clients.py crowd PORT COUNT NETWORK  so many subscribers of `t` from 127.0.NETWORK.0/24; `hear
                                         TEXT` tells whether each got it, `more` who got more
    clients.py probe PORT PID            pings as long as its input is open; then tells the longest
                                         time that the server PID was away
    clients.py listener PORT never|always   one subscriber of `t` and `ballast` who reads or does
                                         not; `drain` reads what is left and tells how much it was

Whoever starts one ends it by its own id; it also ends when its input does.
"""

import json
import os
import select
import socket
import struct
import sys
import time
import types
from pathlib import Path

from machine import ROOT, Damaged

sys.path.append(str(ROOT / "Tests" / "Process"))
import wire  # noqa: E402  (the tests' client: it lies in a folder of its own)

BATCH = 256
WAIT_SECONDS = 60.0
# Linux's; the module `socket` does not name them all.
SO_TIMESTAMPNS, IP_BIND_ADDRESS_NO_PORT = 35, 24
UPGRADE = ("GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
           "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
           "Sec-WebSocket-Version: 13\r\n{fields}\r\n")
OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"


def say(answer):
    print(json.dumps(answer), flush=True)


def subscription(topic):
    return wire.frame(wire.TEXT, wire.dump({"type": "subscribe", "topic": topic}))


def connected(port, source="127.0.0.1"):
    connection = socket.socket()
    connection.settimeout(WAIT_SECONDS)
    # The port is chosen when it connects, and one that is used to elsewhere will do.
    connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    connection.bind((source, 0))
    connection.connect(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def upgraded(port, *topics, deflate="off"):
    """A connection that is upgraded and subscribed."""
    connection = connected(port)
    fields = OFFER if deflate == "on" else ""
    connection.sendall(UPGRADE.format(port=port, fields=fields).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += received(connection)
    if not head.startswith(b"HTTP/1.1 101"):
        raise ConnectionError(f"not upgraded: {head[:100]!r}")
    for topic in topics:
        connection.sendall(subscription(topic))
        if b"ack" not in received(connection) and deflate == "off":
            raise ConnectionError("not acknowledged")
    return connection


def received(connection, count=65536):
    data = connection.recv(count)
    if not data:
        raise ConnectionError("the server ended the connection")
    return data


def frame_bytes(port, is_echo, size, deflate="off"):
    """Bytes of the frame in which a message of `size` bytes comes back (`is_echo`), or is delivered
    to a subscriber, with `deflate` "on" where the server agrees to it. What is sent is plain."""
    body = wire.dump({"seq": "0000000001", "ts": "1234567890123456789", "pad": ""})
    letters = (chr(65 + number * number * 7 % 58).replace("\\", "b") for number in range(size))
    body = body[:-2] + "".join(letters).encode()[:size - len(body)] + b'"}'
    with upgraded(port, *([] if is_echo else ["t"]), deflate=deflate) as connection:
        if is_echo:
            connection.sendall(wire.frame(wire.TEXT, body))
        else:
            address = types.SimpleNamespace(host="127.0.0.1", port=port, authority="127.0.0.1")
            wire.fetch(address, "POST", "/publish?topic=t", (), body)
        frame = received(connection)
    if deflate == "on" and not frame[0] & 0x40:
        raise Damaged("no message came compressed")
    return len(frame)


# Many subscribers ---------------------------------------------------------------------------------

class Crowd:
    """Subscribers of `t` in one process. They are opened by the batch, so that one's way to the
    server and back is another's turn."""

    # Beyond half of its ports an address has to look long for a free one.
    ADDRESSES = 4

    def __init__(self, port, network):
        self.port, self.network = port, network
        self.members, self.partial = {}, {}
        self.readable = select.epoll()

    def open(self, count):
        while len(self.members) < count:
            self.open_batch(min(BATCH, count - len(self.members)))

    def open_batch(self, count):
        request = UPGRADE.format(port=self.port, fields="").encode()
        batch = [connected(self.port, f"127.0.{self.network}.{1 + number % self.ADDRESSES}")
                 for number in range(count)]
        for sent, mark in ((request, b"101 "), (subscription("t"), b'"ack"')):
            for connection in batch:
                connection.sendall(sent)
            for connection in batch:
                if mark not in received(connection):
                    raise ConnectionError(f"no {mark.decode().strip()}")
        for connection in batch:
            connection.setblocking(False)
            self.members[connection.fileno()] = connection
            self.readable.register(connection.fileno(), select.EPOLLIN)

    def hear(self, frame, seconds=WAIT_SECONDS):
        """How many got exactly this frame, when the last one had it, how many got anything else,
        and what the first of these was."""
        waiting, heard, last, wrong = set(self.members), 0, None, []
        for descriptor, message in self.arrivals(seconds, lambda: not waiting):
            if message == frame and descriptor in waiting:
                heard, last = heard + 1, time.monotonic()
            else:
                wrong.append(repr(message[:100]) if message else "its end")
            waiting.discard(descriptor)
        return {"heard": heard, "missing": len(waiting), "last": last, "wrong": len(wrong),
                "first": wrong[0] if wrong else None}

    def more(self, seconds=0.3):
        """How many heard something, or were ended, within so many seconds."""
        return {"more": len({descriptor for descriptor, _ in self.arrivals(seconds)})}

    def arrivals(self, seconds, is_enough=lambda: False):
        """(descriptor, frame) of all that comes but pings, which are answered; None for a frame at
        the end of a connection, which then is looked at no more."""
        end = time.monotonic() + seconds
        while not is_enough() and (left := end - time.monotonic()) > 0:
            for descriptor, _ in self.readable.poll(left, 4096):
                try:
                    data = os.read(descriptor, 65536)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if not data:
                    self.readable.unregister(descriptor)
                    yield descriptor, None
                for frame in self.frames(descriptor, data):
                    # Who was told nothing for long is asked whether he is there.
                    if frame[0] == 0x80 | wire.PING:
                        self.members[descriptor].send(wire.frame(wire.PONG, frame[2:]))
                    else:
                        yield descriptor, frame

    def frames(self, descriptor, data):
        """The whole frames in `data` and what came before; short ones, as this bench sends them."""
        data = self.partial.pop(descriptor, b"") + data
        while len(data) >= 2 and len(data) >= 2 + min(data[1], 126):
            if data[1] > 125:
                raise ConnectionError(f"a long frame: {data[:20]!r}")
            yield data[:2 + data[1]]
            data = data[2 + data[1]:]
        if data:
            self.partial[descriptor] = data


def crowd(port, count, network):
    crowd = Crowd(int(port), network)
    crowd.open(int(count))
    say({"opened": len(crowd.members)})
    for line in sys.stdin:
        word, _, text = line.strip().partition(" ")
        if word == "hear":
            say(crowd.hear(wire.frame(wire.TEXT, text.encode(), masked=False)))
        else:
            say(crowd.more())


# A probe ------------------------------------------------------------------------------------------

# How long was the server away, when the process that closes the crowd runs on our processor? Both
# ends of a ping's way are taken where our own turn does not matter: we note the time right before
# we send, and the kernel stamps the answer when the server sends it, which over loopback is in the
# server's own system call. If we come to read it late, no figure grows. What we cannot see is a
# time in which no ping was under way, because we were not let on: the longest of these is told,
# too, and a run in which it is long says nothing. (The crowd ends with the least priority, so it is
# short; where we may, we take the highest.) And a server that wants to run, but whose processor is
# with somebody else, is not one that stalls: /proc/PID/task/*/schedstat says how long that was, and
# it is taken off.

def probe(port, pid, pause=0.002):
    connection = upgraded(int(port))
    connection.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    except PermissionError:
        pass
    away = Away()
    say({"ready": True})
    answered = time.time_ns()
    while not select.select([sys.stdin], [], [], pause)[0]:
        waited = wait_nanoseconds(pid)
        asked = time.time_ns()
        connection.sendall(wire.frame(wire.PING, b"probe"))
        answer, stamped = stamped_answer(connection)
        if answer != b"\x8a\x05probe":
            raise ConnectionError(f"not a pong: {answer!r}")
        read = time.time_ns()
        away.add(asked, stamped, wait_nanoseconds(pid) - waited, asked - answered, read)
        answered = read
    say(away.told())


class Away:
    """The longest of the times that a ping was under way, in milliseconds when told."""

    def __init__(self):
        self.pings, self.longest, self.with_waiting, self.silence = 0, 0, 0, 0

    def add(self, asked, stamped, waited, silence, read):
        """Nanoseconds: sent at, answered at, how long the server waited for its processor until
        we had read the answer, how long no ping was under way before, and when we read it."""
        gap = max(stamped - asked, 0)
        # What it waited behind the answer, which is at most the time that we were late, stays in.
        own = gap - max(waited - (read - stamped), 0)
        self.pings += 1
        self.longest = max(self.longest, own)
        self.with_waiting = max(self.with_waiting, gap)
        self.silence = max(self.silence, silence)

    def told(self):
        return {"pings": self.pings, "longest_ms": self.longest / 1e6,
                "with_waiting_ms": self.with_waiting / 1e6, "silence_ms": self.silence / 1e6}


def stamped_answer(connection):
    """(bytes, when they came to our socket in nanoseconds of the wall clock)."""
    data, extras, _, _ = connection.recvmsg(4096, 256)
    for level, kind, value in extras:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", value)
            return data, seconds * 1_000_000_000 + nanoseconds
    raise ConnectionError("no stamp from the kernel" if data else "ended by the server")


def wait_nanoseconds(pid):
    """Time that the threads of a process wanted to run and another had their processor."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[1])
        except OSError:
            pass
    return total


# One subscriber, who reads or does not ------------------------------------------------------------

def listener(port, reads):
    connection = upgraded(int(port), "t", "ballast")
    say({"ready": True})
    total, room = 0, bytearray(1 << 20)
    sources = [sys.stdin, connection] if reads == "always" else [sys.stdin]
    while sys.stdin not in (ready := select.select(sources, [], [])[0]):
        if ready:
            total += connection.recv_into(room)
    # Until nothing has come for a while, or the server ends it.
    while select.select([connection], [], [], 0.5)[0]:
        count = connection.recv_into(room)
        if count == 0:
            break
        total += count
    say({"bytes": total})


if __name__ == "__main__":
    {"crowd": crowd, "probe": probe, "listener": listener}[sys.argv[1]](*sys.argv[2:])
