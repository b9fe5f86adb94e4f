"""One of 200 subscribers does not read, while publishing goes on until well past what the server
keeps for it: what the others notice, and what it costs.

The others are wsload's. The one is ours, and it has a topic more than they have: `ballast`, by
which its queue fills within seconds, where the messages of the others alone would need gigabytes.
In the run that it is set beside, the same one reads, and all else is the same.
"""

import threading
import time

from children import Child
from clients import wire
from machine import Damaged, Skipped

SUBSCRIBERS, RATE = 200, 500
# What echo-server says that it keeps for one socket (Sources/EchoServer: sendQueueBytesMax); the
# message that reaches the limit is kept whole.
QUEUE_BYTES = 64 << 20
# That limit, 67.1 MB, and what the allocator keeps of all the rest.
GROWTH_MB = 70
MESSAGE_BYTES = 64 << 10
# Past the queue's limit and the kernel's buffers on both sides, and as much again.
BALLAST_BYTES = 2 * QUEUE_BYTES
# wsload connects and waits so long before it begins.
SETTLE_SECONDS = 1.0


class Ballast:
    """A thread that publishes `ballast` evenly over so many seconds, and watches memory grow."""

    def __init__(self, server, seconds):
        self.server, self.seconds = server, seconds
        self.published, self.peak, self.error = 0, 0, None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.is_over = threading.Event()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join(30)

    def _run(self):
        try:
            self._publish()
        except (OSError, AssertionError, wire.Closed) as error:
            self.error = f"ballast could not be published: {error}"

    def _publish(self):
        body, begun = b"b" * MESSAGE_BYTES, time.monotonic()
        count = BALLAST_BYTES // MESSAGE_BYTES
        with wire.Connection(self.server.address) as connection:
            for number in range(count):
                due = begun + self.seconds * number / count
                if self.is_over.wait(max(due - time.monotonic(), 0)):
                    return
                answer = connection.request("POST", "/publish?topic=ballast", (), body)
                assert answer.status == 202, answer
                self.published += len(body)
                if number % 256 == 255:
                    self.peak = max(self.peak, self.server.memory()[1])

    def check(self):
        if self.error or self.published < BALLAST_BYTES:
            raise Skipped(self.error or f"only {self.published:,} bytes of ballast were published")


def measured(start, wsload, reads, seconds, cpus):
    """{p99_us, growth, checked} of a server that `start()` starts: the others' 99th percentile from
    publish to delivery, and by how many bytes the server's anonymous memory grew at most. `reads`
    is "always" or "never" and says what the one does."""
    with start() as server, Child("listener", server.http_port, reads, cpus=cpus) as listener:
        listener.answer()
        before = server.memory()[1]
        # Over a little before the others end: what is past the limit is told to them as well.
        with Ballast(server, SETTLE_SECONDS + 0.9 * seconds) as ballast:
            result = wsload.latency(server, server.ws, SUBSCRIBERS - 1, seconds, RATE)
            ballast.thread.join(30)
        ballast.check()
        listener.tell("drain")
        got = listener.answer()["bytes"]
        if reads == "always" and got < ballast.published:
            raise Damaged(f"the one who reads got {got:,} of {ballast.published:,} bytes")
        if reads == "never" and got >= ballast.published:
            raise Skipped("the one who does not read never reached its queue's limit")
        return {**result, "growth": max(ballast.peak - before, 0)}
