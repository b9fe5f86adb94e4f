"""Many connections in one or several echo-servers: all are told of a change once, and when all of
them close at once, no loop is away for long."""

import contextlib
import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor

from children import Child, kill_all
from clients import wire
from machine import Damaged, Skipped

CHANGE = '{"type":"change","text":"something is new for everybody who is here"}'
# Beside its crowd a process has its standard streams, a probe, a listener and what it reads.
SPARE_FILES = 200
# A probe that was not let on for longer than this has not seen enough.
SILENCE_MS = 40
CLOSED_SECONDS = 60.0


def told_and_closed(start, count, processes, cpus):
    """{checked, open_seconds, to_all_ms, quiet, closing} of `count` subscribers in each of so many
    servers that `start()` starts; crowds and probes run on `cpus`, not on the server's processor.
    The last two are `Watch`es. Raises Damaged where somebody was told twice, something else or
    nothing."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if files < count + SPARE_FILES:
        raise Skipped(f"one process may open {files:,} files, not {count + SPARE_FILES:,}")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(start()) for _ in range(processes)]
        begun = time.monotonic()
        crowds = [stack.enter_context(Child(
            "crowd", server.http_port, count, network, cpus=cpus))
            for network, server in enumerate(servers, 1)]
        for crowd in crowds:
            crowd.answer()
        opened = time.monotonic() - begun
        to_all = tell_all(servers, crowds, count)
        quiet, closing = close_all(stack, servers, crowds, cpus)
    return {"checked": count * processes, "open_seconds": opened, "to_all_ms": to_all,
            "quiet": quiet, "closing": closing}


class Watch:
    """What the probes of all servers say of the same time: the longest absence of a loop, without
    and with the time in which another had its processor, and whether they saw enough for that."""

    def __init__(self, probes):
        self.longest_ms, self.with_waiting_ms, self.silence_ms = (
            max(probe[key] for probe in probes)
            for key in ("longest_ms", "with_waiting_ms", "silence_ms"))
        self.has_seen = self.silence_ms <= SILENCE_MS

    def __str__(self):
        if not self.has_seen:
            return f"unseen (no probe was let on for {self.silence_ms:.0f} ms)"
        return (f"{self.longest_ms:.1f} ms ({self.with_waiting_ms:.1f} with the time in which "
                "another had its processor)")


def tell_all(servers, crowds, count):
    """Milliseconds from the first publish until the last subscriber has it."""
    for crowd in crowds:
        crowd.tell("hear " + CHANGE)
    told = time.monotonic()
    with ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(lambda server: publish(server, "t", CHANGE.encode()), servers))
    heard = [crowd.answer() for crowd in crowds]
    for crowd in crowds:
        crowd.tell("more")
    more = sum(crowd.answer()["more"] for crowd in crowds)
    missing, wrong = (sum(one[key] for one in heard) for key in ("missing", "wrong"))
    if missing or wrong or more:
        first = next((f" ({one['first']})" for one in heard if one["first"]), "")
        raise Damaged(f"{missing:,} were not told, {wrong:,} got something else{first}, "
                      f"{more:,} were told again")
    return 1000 * (max(one["last"] for one in heard) - told)


def publish(server, topic, body):
    with wire.Connection(server.address) as connection:
        answer = connection.request("POST", f"/publish?topic={topic}", (), body)
    if answer.status != 202:
        raise Skipped(f"publish was answered with {answer.status}")


def close_all(stack, servers, crowds, cpus):
    """What the probes say of a quiet second, and of the time in which all crowds close."""
    quiet = probed(stack, servers, cpus, lambda: time.sleep(1))

    def close():
        kill_all(crowds)
        end = time.monotonic() + CLOSED_SECONDS
        while any(open_files(server.pid) > SPARE_FILES for server in servers):
            if time.monotonic() > end:
                raise Damaged(f"connections are open {CLOSED_SECONDS:.0f} s after their peers went")
            time.sleep(0.1)

    return quiet, probed(stack, servers, cpus, close)


def probed(stack, servers, cpus, action):
    probes = [stack.enter_context(Child("probe", server.http_port, server.pid, cpus=cpus))
              for server in servers]
    for probe in probes:
        probe.answer()
    action()
    time.sleep(0.2)
    for probe in probes:
        probe.tell("end")
    return Watch([probe.answer() for probe in probes])


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
