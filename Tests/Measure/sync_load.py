"""The load of `make bench-sync`: to-dos that are pushed, questions that wrk repeats, and what must
be true of the logs afterwards."""

import http.client
import itertools
import json
import os
import re
import statistics
import subprocess
import time
from pathlib import Path

import load
from machine import Damaged, Skipped

SCRIPT = Path(__file__).with_name("sync.lua")
CONNECTIONS = 64
# Work that a push leaves for later (folds, checkpoints) is charged to it: until so much time has
# passed in which the server hardly ran.
QUIET_SECONDS, QUIET_SHARE, SETTLE_SECONDS = 0.25, 0.02, 10.0


class Client:
    """One kept connection that speaks JSON; any answer but 200 raises."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def bytes(self, method, path, body=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise Damaged(f"{method} {path}: {answer.status} {content[:120]!r}")
        return content

    def post(self, path, value):
        return json.loads(self.bytes("POST", path, json.dumps(value)))

    def cursor(self, scope):
        return self.post("/_sync/snapshot", {"scope": scope, "limit": 1})["cursor"]

    def fill(self, scope, count, batch=100):
        """Pushes `count` to-dos, each of whose results must be ok; returns (cursor, epoch)."""
        run = os.urandom(4).hex()
        for first in range(0, count, batch):
            ids = [f"{run}-{first + index}" for index in range(min(batch, count - first))]
            results = self.post("/_sync/push", {
                "scope": scope, "client": f"fill-{run}", "mutations": [
                    {"id": name, "name": "todo.create",
                     "args": {"id": name, "title": f"Buy {first + index} litres of milk"}}
                    for index, name in enumerate(ids)]})["results"]
            if [result["id"] for result in results if result["ok"]] != ids:
                raise Damaged(f"a push to {scope} was not applied: {results[0]}")
        end = self.post("/_sync/snapshot", {"scope": scope, "limit": 1})
        return end["cursor"], end["epoch"]


class Push:
    """Pushes of `batch` new to-dos to `scopes` scopes, each run with scopes and ids of its own."""

    _runs = itertools.count()

    def __init__(self, wrk_cpu, batch, scopes):
        self.cpu, self.batch, self.scopes = wrk_cpu, batch, scopes

    def command(self, server, seconds, run="RUN"):
        return ["taskset", "-c", str(self.cpu), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s",
                "-s", str(SCRIPT), server.http + "_sync/push", "--", "push", run, str(self.batch),
                str(self.scopes)]

    def measure(self, server, seconds):
        """{per_second, per_cpu_second} of mutations. The logs must have grown by what was
        acknowledged, and by no more than what was under way at the end."""
        run = f"r{next(self._runs)}-{os.urandom(3).hex()}"
        before = server.cpu_nanoseconds()
        requests, took = wrk(self.command(server, seconds, run), seconds)
        settle(server)
        busy = server.cpu_nanoseconds() - before
        with Client(server) as client:
            grown = sum(client.cursor(f"{run}-{scope}") for scope in range(self.scopes))
        if not requests * self.batch <= grown <= (requests + CONNECTIONS) * self.batch:
            raise Damaged(f"{requests} pushes of {self.batch} were answered, the logs have {grown}")
        return {"per_second": requests * self.batch / took,
                "per_cpu_second": requests * self.batch * 1e9 / busy}


class Question:
    """A request that is repeated: GET `path`, or POST `body` (an object) to it. `check` is given
    the answer's bytes before and after each run and raises where they are wrong."""

    def __init__(self, wrk_cpu, folder, path, body=None, check=None):
        self.cpu, self.path, self.check = wrk_cpu, path, check or (lambda content: None)
        self.body = body if body is None else json.dumps(body)
        if body is not None:
            self.file = folder / f"body-{os.urandom(4).hex()}.json"
            self.file.write_text(self.body)

    def command(self, server, seconds):
        words = ["taskset", "-c", str(self.cpu), "wrk", "-t1", f"-c{CONNECTIONS}",
                 f"-d{seconds}s"]
        url = server.http.rstrip("/") + self.path
        if self.body is None:
            return [*words, url]
        return [*words, "-s", str(SCRIPT), url, "--", "post", str(self.file)]

    def ask(self, server, count=1):
        """The last of `count` answers on one connection."""
        method = "GET" if self.body is None else "POST"
        with Client(server) as client:
            for _ in range(count):
                content = client.bytes(method, self.path, self.body)
        return content

    def measure(self, server, seconds):
        self.check(self.ask(server))
        before = server.cpu_nanoseconds()
        requests, took = wrk(self.command(server, seconds), seconds)
        busy = server.cpu_nanoseconds() - before
        self.check(self.ask(server))
        return {"per_second": requests / took, "per_cpu_second": requests * 1e9 / busy}


def wrk(command, seconds):
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode != 0:
        raise Skipped(f"wrk failed: {(done.stderr or done.stdout).strip()[:200]}")
    try:
        return load.parse_wrk(done.stdout)
    except Skipped as wrong:
        raise Damaged(str(wrong)) from wrong


def settle(server):
    """Returns when the server hardly runs any more."""
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end:
        before = server.cpu_nanoseconds()
        time.sleep(QUIET_SECONDS)
        if server.cpu_nanoseconds() - before < QUIET_SECONDS * QUIET_SHARE * 1e9:
            return


def fdatasync_microseconds(folder, count=200, size=4096):
    """Median time of a write of 4 KB over what is written already, and of fdatasync behind it."""
    path = Path(folder) / f"fdatasync-{os.urandom(3).hex()}"
    block, times = os.urandom(size), []
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for index in range(count):
            os.pwrite(descriptor, block, index * size)
        os.fsync(descriptor)
        for index in range(count):
            began = time.perf_counter_ns()
            os.pwrite(descriptor, block, index * size)
            os.fdatasync(descriptor)
            times.append((time.perf_counter_ns() - began) / 1000)
    finally:
        os.close(descriptor)
        path.unlink()
    return statistics.median(times)


def json_check(wanted):
    """A check that `wanted(answer)` is true of an answer's JSON."""
    def check(content):
        answer = json.loads(content)
        if not wanted(answer):
            raise Damaged(f"the answer is not what was asked for: {content[:160]!r}")
    return check


def text_check(pattern, count):
    """A check that `pattern` occurs `count` times."""
    def check(content):
        found = len(re.findall(pattern, content))
        if found != count:
            raise Damaged(f"{found} times {pattern!r} in the answer, {count} were expected")
    return check
