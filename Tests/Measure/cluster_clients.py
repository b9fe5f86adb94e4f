"""Followers for `make bench-cluster`, a process that is told what to do by lines on its standard input and
answers with a line of JSON each:

    cluster_clients.py PORT COUNT NETWORK SCOPE   so many sockets from 127.0.NETWORK.0/24, subscribed to
                                                  SCOPE for pokes; `hear CURSOR` tells how many were told
                                                  that the scope is at CURSOR, and who got it twice

Whoever starts one ends it by its own id; it also ends when its input does.
"""

import os
import select
import sys
import time

from clients import UPGRADE, BATCH, connected, received, say, subscription, wire

SECONDS = 60.0


class Followers:
    ADDRESSES = 4

    def __init__(self, port, network, scope):
        self.port, self.network, self.topic = port, network, f"sync:{scope}"
        self.members, self.partial = {}, {}
        self.readable = select.epoll()

    def open(self, count):
        request = UPGRADE.format(port=self.port, fields="").encode()
        while len(self.members) < count:
            batch = [connected(self.port, f"127.0.{self.network}.{1 + number % self.ADDRESSES}")
                     for number in range(min(BATCH, count - len(self.members)))]
            for sent, mark in ((request, b"101 "), (subscription(self.topic), b'"ack"')):
                for connection in batch:
                    connection.sendall(sent)
                for connection in batch:
                    if mark not in received(connection):
                        raise ConnectionError(f"no {mark.decode().strip()}")
            for connection in batch:
                connection.setblocking(False)
                self.members[connection.fileno()] = connection
                self.readable.register(connection.fileno(), select.EPOLLIN)

    def hear(self, cursor):
        """Who was told of `cursor` once, twice, or not; and when the last one was, by the clock that
        all processes share."""
        wanted, told, twice, last = b'"cursor":%d,' % cursor, set(), 0, None
        end = time.monotonic() + SECONDS
        while len(told) < len(self.members) and time.monotonic() < end:
            for descriptor, _ in self.readable.poll(0.5, 4096):
                for payload in self.payloads(descriptor):
                    if wanted in payload:
                        twice += descriptor in told
                        told.add(descriptor)
                        last = time.monotonic()
        return {"told": len(told), "missing": len(self.members) - len(told), "twice": twice,
                "last": last}

    def payloads(self, descriptor):
        """The texts in what there is to read; a ping is answered."""
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionError("a follower's connection was ended")
        data = self.partial.pop(descriptor, b"") + data
        while len(data) >= 2:
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            if len(data) < start + size or size == 127:
                break
            payload = data[start:start + size]
            if data[0] & 15 == wire.PING:
                self.members[descriptor].send(wire.frame(wire.PONG, payload))
            else:
                yield payload
            data = data[start + size:]
        if data:
            self.partial[descriptor] = data


def main(port, count, network, scope):
    followers = Followers(int(port), network, scope)
    followers.open(int(count))
    say({"opened": len(followers.members)})
    for line in sys.stdin:
        say(followers.hear(int(line.split()[1])))


if __name__ == "__main__":
    main(*sys.argv[1:])
