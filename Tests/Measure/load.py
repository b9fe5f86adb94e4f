"""The load of `make bench-http` and what it counted: wrk, and one client for callgrind."""

import contextlib
import re
import socket
import subprocess
from pathlib import Path

from machine import Skipped

PIPELINE = Path(__file__).with_name("pipeline.lua")
# Five fields, as a program sends them; wrk itself sends `Host` alone.
GET = ("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
       "User-Agent: curl/7.88.1 (x86_64-pc-linux)\r\nAccept: text/plain, */*\r\n"
       "Accept-Language: en-GB,en;q=0.8\r\nCache-Control: no-cache\r\n\r\n")


class Wrk:
    """`wrk -t1 -c64` from one processor against `url`, on the server that is charged for it."""

    def __init__(self, cpu, seconds, connections=64):
        self.cpu, self.seconds, self.connections = cpu, seconds, connections

    def command(self, url, script=None, seconds=None):
        return ["taskset", "-c", str(self.cpu), "wrk", "-t1", f"-c{self.connections}",
                f"-d{seconds or self.seconds}s", *(["-s", str(script)] if script else []), url]

    def measure(self, server, url, script=None, seconds=None):
        """{per_second, per_cpu_second} of `server` under this load."""
        before = server.cpu_nanoseconds()
        done = subprocess.run(
            self.command(url, script, seconds), capture_output=True, text=True,
            timeout=(seconds or self.seconds) + 60)
        if done.returncode != 0:
            raise Skipped(f"wrk failed: {(done.stderr or done.stdout).strip()[:200]}")
        requests, took = parse_wrk(done.stdout)
        busy = server.cpu_nanoseconds() - before
        if busy <= 0:
            raise Skipped(f"{server.name} used no processor time: is it the one that answers?")
        return {"per_second": requests / took, "per_cpu_second": requests * 1e9 / busy}


def parse_wrk(text):
    """(requests, seconds) from what wrk prints. Raises Skipped where an answer was not 2xx or a
    socket failed: a fast refusal is no figure."""
    wrong = re.search(r"^\s*(Non-2xx or 3xx responses: \d+|Socket errors: .*)$", text, re.MULTILINE)
    if wrong and not re.fullmatch(
            r"Socket errors: connect 0, read 0, write 0, timeout 0", wrong[1].strip()):
        raise Skipped(f"wrk: {wrong[1].strip()}")
    found = re.search(r"^\s*(\d+) requests in ([\d.]+)(us|ms|s|m|h),", text, re.MULTILINE)
    if not found or int(found[1]) == 0:
        raise Skipped(f"wrk counted nothing: {text.strip()[-200:]}")
    scale = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}[found[3]]
    return int(found[1]), float(found[2]) * scale


def ask(port, count, connections=1):
    """`count` requests on each connection; all ask, and all are answered before they ask again."""
    request = GET.format(port=port).encode()
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
                  for _ in range(connections)]
        for connection in opened:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            for connection in opened:
                connection.sendall(request)
            for connection in opened:
                _take_answer(connection)


def _take_answer(connection):
    answer = b""
    while not answer.endswith(b"Hello, World!"):
        part = connection.recv(65536)
        if not part:
            raise Skipped("the connection ended in the middle of an answer")
        answer += part


def instructions_of(callgrind):
    """The sum of all events in the text of a callgrind.out file."""
    found = re.search(r"^(?:summary|totals): (\d+)", callgrind, re.MULTILINE)
    if not found:
        raise Skipped("callgrind wrote no total")
    return int(found[1])
