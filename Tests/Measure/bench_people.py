"""`make bench-people`: what it costs to know who somebody is, by the app of Tests/People.

Instructions are those of the whole process (callgrind): each figure is the difference of two lives of
it, with few requests and with many, so that start, sign-up and end cancel out; other work on the
machine does nothing to them. Sections: `waiting`, a handler that awaits nothing beside a plain one,
with one request in a write and with sixteen; `push`, the push of somebody who is signed in beside that
of nobody, where no roles are asked and where they are; `sockets`, memory of 10,000 idle sockets of one
person and of 10,000 people beside that of nobody's; `storm`, 10,000 sign-ins at once, how long others
wait for their answers meanwhile and what memory they take; `guesses`, two thousand sign-ins with an
unknown name and two thousand with a wrong password, by the clock. The last two want a machine that does
nothing else. The table goes to standard output, to `.build/bench/people.txt` and, with every round, to
`.build/bench/people.json`.
"""

import contextlib
import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import load
import servers
from bench import Bench, options_of, parser_of, run
from machine import Damaged, Skipped

SECTIONS = ("waiting", "push", "sockets", "storm", "guesses")
NUMBERS = (("ROUNDS", 1, "of the storm"), ("SECONDS_EACH", 5, "of quiet before the storm"),
           ("SOCKETS", 10_000, "that idle"), ("SIGN_INS", 10_000, "of the storm"),
           ("GUESSES", 2_000, "of each kind"))
PASSWORD = "gurkensalat mit dill"
UPGRADE = ("GET /ws HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n"
           "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{cookie}\r\n")


class People(servers.Mizu):
    """Tests/People: `who` may write (`people`, `anyone`, `roles`); quotas and limits are off."""

    def __init__(self, binary, cpu, database="memory:", who="people", prefix=(), name="signed in",
                 settings=()):
        self.name = name
        environment = {"WHO": who, "ADDR": "127.0.0.1:0", "WORKERS": "1", "DATABASE_URL": database,
                       "DISK_FREE_MIN": "off", "LIMIT_EXEMPT": "127.0.0.0/8", **dict(settings)}
        environment.update(
            {flag[2:].upper().replace("-", "_"): "off" for flag in self.QUOTAS})
        words = [f"{key}={value}" for key, value in environment.items()]
        servers.Server.__init__(self, [*prefix, "env", *words, binary] if not prefix else
                                ["env", *words, *prefix, binary], cpu)
        self.start_seconds = 60 if prefix else servers.START_SECONDS
        self.http_port = self._port()


class Person:
    """One kept connection, with the cookies of one browser."""

    def __init__(self, server, source="127.0.0.1"):
        self.port = server.http_port
        self.socket = socket.create_connection(("127.0.0.1", self.port), 120, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input, self.cookies = b"", {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def request(self, method, path, body=b"", kind="application/json"):
        """The bytes of a request."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        lines = [f"{method} {path} HTTP/1.1", f"Host: localhost:{self.port}",
                 f"Origin: http://localhost:{self.port}"]
        lines += [f"Cookie: {cookie}"] if cookie else []
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"] if body else []
        return "\r\n".join([*lines, "", ""]).encode() + body

    def answer(self):
        """(status, body) of the next answer; its cookies are kept."""
        while b"\r\n\r\n" not in self.input:
            self._receive()
        head, _, rest = self.input.partition(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        count = int(length[1]) if length else 0
        self.input = rest
        while len(self.input) < count:
            self._receive()
        body, self.input = self.input[:count], self.input[count:]
        for name, value in re.findall(rb"\r\nSet-Cookie: ([^=;]+)=([^;\r]*)", head):
            self.cookies[name.decode()] = value.decode()
        return int(head.split(b" ", 2)[1]), body

    def _receive(self):
        part = self.socket.recv(65536)
        if not part:
            raise Damaged("the connection ended in the middle of an answer")
        self.input += part

    def ask(self, method, path, body=b"", kind="application/json"):
        self.socket.sendall(self.request(method, path, body, kind))
        return self.answer()

    def form(self, path, **fields):
        return self.ask("POST", path, urllib.parse.urlencode(fields).encode(),
                        "application/x-www-form-urlencoded")

    def sign_up(self, name):
        status, body = self.form("/account/sign-up", name=name, email=f"{name}@example.org",
                                 password=PASSWORD)
        if status != 303 or "session" not in self.cookies:
            raise Damaged(f"the sign-up was answered {status}: {body[:120]!r}")
        # The cookie of the browser is for sign-ins alone.
        self.cookies = {"session": self.cookies["session"]}


class PeopleBench(Bench):
    NAME, SECTIONS, SUBJECT = "people", SECTIONS, "signed in"
    COLUMNS = ("plain", "waiting", "nobody", "signed in", "quiet", "storm", "unknown name",
               "wrong password")
    PROGRAMS = ("valgrind", "swift")

    def prepare(self, folder):
        self.folder = folder
        # valgrind 3.19 cannot read DWARF 5; the code is the same without it.
        self.stripped = self.scratch / "MizuPeople"
        subprocess.run(["strip", "-g", "-o", self.stripped, self.binary], check=True, timeout=60)

    # Instructions ---------------------------------------------------------------------------------

    def instructions(self, who, ask, few, many, settings=()):
        """Instructions of one more request: `ask(server, count)` makes so many."""
        if shutil.which("valgrind") is None:
            raise Skipped("valgrind is not installed")
        first, second = (self.life(who, ask, count, settings) for count in (few, many))
        return (second - first) / (many - few)

    def life(self, who, ask, count, settings=()):
        counts = self.scratch / f"callgrind-{time.monotonic_ns()}"
        prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}"]
        with People(self.stripped, None, who=who, prefix=prefix,
                    settings=settings) as server:
            self.report.command(server.command)
            ask(server, count)
            server.stop()
        try:
            return load.instructions_of(counts.read_text())
        except OSError as error:
            raise Skipped(f"callgrind left no counts: {server.last_words()}") from error

    @staticmethod
    def asked(path, at_once):
        """Asks for `path`, `at_once` requests in a write."""
        def ask(server, count):
            with Person(server) as person:
                batch = person.request("GET", path) * at_once
                for _ in range(count // at_once):
                    person.socket.sendall(batch)
                    for _ in range(at_once):
                        status, body = person.answer()
                        if status != 200 or body != b"Hello, World!":
                            raise Damaged(f"{path} was answered {status}: {body[:80]!r}")
        return ask

    def waiting(self):
        for at_once in (1, 16):
            row = self.report.row(
                f"a handler that awaits nothing, {at_once} in a write", "instructions",
                (("<=", 1.15, "plain"),))
            row.subject = "waiting"
            for path in ("plain", "waiting"):
                few, many = 5 * at_once, 5 * at_once + 1600
                row.add(path, self.instructions(
                    "people", self.asked("/" + path, at_once), few, many))

    @staticmethod
    def pushed(is_signed_in):
        def ask(server, count):
            with Person(server) as person:
                if is_signed_in:
                    person.sign_up("ann")
                for number in range(count):
                    push = {"scope": "list", "client": "a", "mutations": [
                        {"id": f"m-{number}", "name": "note.put", "args": {"id": f"n-{number}"}}]}
                    status, body = person.ask("POST", "/_sync/push", json.dumps(push).encode())
                    if status != 200 or not json.loads(body)["results"][0]["ok"]:
                        raise Damaged(f"a push was answered {status}: {body[:120]!r}")
        return ask

    def push(self):
        # An address that is exempt has no account, so a push of nobody's would be counted nowhere.
        settings = (("LIMIT_EXEMPT", "none"), ("RATE_LIMIT", "1000000/s"))
        nobody = self.instructions("anyone", self.pushed(False), 20, 520, settings)
        for who, title in (("anyone", "who needs no right"), ("people", "by `authorize`"),
                           ("roles", "by roles")):
            row = self.report.row(
                f"a push of 1, {title}", "instructions", (("<=", 1.10, "nobody"),))
            row.add("nobody", nobody)
            row.add("signed in", self.instructions(who, self.pushed(True), 20, 520, settings))
            row.subject = "signed in"

    # Memory of sockets ----------------------------------------------------------------------------

    def sockets(self):
        count = self.options.sockets
        database = f"sqlite:{self.scratch}/people.db"
        with People(self.binary, None, database) as server, Person(server) as person:
            cookies = []
            for number in range(count):
                person.cookies = {}
                person.sign_up(f"p{number}")
                cookies.append(person.cookies["session"])
        known = self.report.row(
            f"what is kept of a session that was looked up, of {count:,}", "bytes each", ())
        known.subject = "signed in"
        figures = {}
        for name, tokens in (("nobody", [None] * count), ("one", cookies[:1] * count),
                             ("people", cookies)):
            with People(self.binary, None, database) as server:
                self.report.command(server.command)
                figures[name], kept = self.idle(server, tokens)
                if name == "people":
                    known.add("signed in", kept)
        for name, title in (("one", "of one person"), ("people", "of as many people")):
            row = self.report.row(
                f"{count:,} idle sockets {title}", "bytes each", (("<= +", 100, "nobody"),))
            row.subject = "signed in"
            row.add("nobody", figures["nobody"])
            row.add("signed in", figures[name])

    def idle(self, server, tokens):
        """Anonymous bytes of the process for each of so many sockets that say nothing; and, before
        they are opened, for each session, which memory (a cache with an end) and SQLite's pages
        know when its person has asked for a page."""
        with Person(server) as person, contextlib.ExitStack() as stack:
            person.ask("GET", "/plain")
            time.sleep(0.5)
            fresh = server.memory()[1]
            for token in set(tokens) - {None}:
                person.cookies = {"session": token}
                person.ask("GET", "/plain")
            time.sleep(0.5)
            before = server.memory()[1]
            for first in range(0, len(tokens), 200):
                batch = []
                for number, token in enumerate(tokens[first:first + 200], first):
                    source = f"127.0.{1 + number // 5000}.1"
                    opened = stack.enter_context(socket.create_connection(
                        ("127.0.0.1", server.http_port), 120, (source, 0)))
                    cookie = f"Cookie: session={token}\r\n" if token else ""
                    opened.sendall(UPGRADE.format(port=server.http_port, cookie=cookie).encode())
                    batch.append(opened)
                for opened in batch:
                    if not opened.recv(4096).startswith(b"HTTP/1.1 101"):
                        raise Damaged("a socket was not opened")
            time.sleep(1)
            after = server.memory()[1]
            return (after - before) / len(tokens), (before - fresh) / len(tokens)

    # The storm ------------------------------------------------------------------------------------

    def storm(self):
        """Sign-ins of as many names from as many addresses, all at once; one who asks meanwhile.
        Beside it as many plain pages, all at once: what any crowd costs the one who asks."""
        p99 = self.report.row("p99 of a page while all sign in", "ms",
                              (("<=", 1.2, "quiet"), ("<=", 1.2, "crowd")), 3)
        memory = self.report.row("memory that the storm took at most", "MB", (("<=", 64, None),), 1)
        p99.subject = memory.subject = "storm"
        for _ in range(self.options.rounds):
            with People(self.binary, None, name="storm",
                        settings=(("HASHING", "standard"),)) as server:
                self.report.command(server.command)
                with Watcher(server, self.load_cpu) as watcher:
                    time.sleep(self.options.seconds_each)
                    p99.add("quiet", watcher.p99())
                    self._crowd(server, "pages")
                    p99.add("crowd", watcher.p99())
                    before = server.memory()[1]
                    answered = self._crowd(server, "sign-ins")
                    p99.add("storm", watcher.p99())
                    memory.add("storm", max(0, watcher.peak - before) / 1e6)
                    self.report.notes.append(f"the storm was answered {answered}")

    def _crowd(self, server, kind):
        command = [sys.executable, "-B", __file__, "storm-of", server.http_port,
                   self.options.sign_ins, kind]
        done = subprocess.run(["taskset", "-c", str(self.load_cpu), *map(str, command)],
                              capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise Damaged(done.stderr.strip()[-200:])
        return done.stdout.strip()

    # Enumeration ----------------------------------------------------------------------------------

    def guesses(self):
        """An unknown name and a wrong password, in turns."""
        row = self.report.row("a sign-in that fails, median", "ms", (), 3)
        noise = self.report.row("the medians are apart", "of the quartiles' distance",
                                (("<=", 0.25, None),), 3)
        noise.subject = row.subject = "wrong password"
        times = {"unknown name": [], "wrong password": []}
        settings = (("HASHING", "standard"),)
        with People(self.binary, self.server_cpu, settings=settings) as server, \
                Person(server) as person:
            self.report.command(server.command)
            for number in range(self.options.guesses):
                person.cookies = {}
                person.sign_up(f"p{number}")
            person.cookies = {}
            kinds = list(times)
            for number in range(self.options.guesses):
                random.shuffle(kinds)
                for kind in kinds:
                    # Each name once: a name that is guessed at again and again has to wait.
                    name = f"p{number}" if kind == "wrong password" else f"q{number}"
                    began = time.perf_counter()
                    status, body = person.form(
                        "/account/sign-in", email=f"{name}@example.org", password="not this one 9")
                    times[kind].append(1000 * (time.perf_counter() - began))
                    if status != 403:
                        raise Damaged(f"a wrong sign-in was answered {status}: {body[:80]!r}")
        for kind, measured in times.items():
            row.add(kind, statistics.median(measured))
        low, _, high = statistics.quantiles(times["unknown name"] + times["wrong password"], n=4)
        apart = abs(row.figure("unknown name") - row.figure("wrong password"))
        noise.add("wrong password", apart / (high - low))


class Watcher:
    """Somebody who asks for a page every 2 ms, and how long each answer took."""

    def __init__(self, server, cpu):
        self.server, self.cpu, self.times, self.peak = server, cpu, [], 0
        self.has_ended, self.lock = threading.Event(), threading.Lock()
        self.thread = threading.Thread(target=self._ask)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.has_ended.set()
        self.thread.join()

    def _ask(self):
        # Before the crowd's own process, with which it shares a processor; as root only.
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setaffinity(0, {self.cpu})
        with Person(self.server, "127.0.0.2") as person:
            while not self.has_ended.wait(0.002):
                began = time.perf_counter()
                person.ask("GET", "/plain")
                took = 1000 * (time.perf_counter() - began)
                with self.lock:
                    self.times.append(took)
                if len(self.times) % 50 == 0:
                    self.peak = max(self.peak, self.server.memory()[1])

    def p99(self):
        """Of the answers since it was asked last, in milliseconds."""
        with self.lock:
            times, self.times = sorted(self.times), []
        if len(times) < 100:
            raise Skipped(f"{len(times)} answers are too few for a p99")
        return times[len(times) * 99 // 100]


def storm_of(port, count, kind):
    """Opens `count` connections, signs in (or asks for a page) on each of them at once, and tells
    how often which status was the answer."""
    import select
    server = type("Server", (), {"http_port": port})
    people, poll, statuses = {}, select.epoll(), {}
    for number in range(count):
        person = Person(server, f"127.{1 + number // 60000}.{number // 250 % 250}.{1 + number % 250}")
        person.number = number
        people[person.socket.fileno()] = person
    for descriptor, person in people.items():
        fields = urllib.parse.urlencode({
            "email": f"nobody{person.number}@example.org", "password": "not this one 9"}).encode()
        person.socket.sendall(
            person.request("GET", "/plain") if kind == "pages" else person.request(
                "POST", "/account/sign-in", fields, "application/x-www-form-urlencoded"))
        poll.register(descriptor, select.EPOLLIN)
    end = time.monotonic() + 300
    while people and time.monotonic() < end:
        for descriptor, _ in poll.poll(1):
            person = people.pop(descriptor)
            poll.unregister(descriptor)
            status, _ = person.answer()
            person.socket.close()
            statuses[status] = statuses.get(status, 0) + 1
    print(", ".join(f"{times} times {status}" for status, times in sorted(statuses.items())),
          f"and {len(people)} never")
    return 0 if not people else 1


def main():
    parser = parser_of(__doc__, SECTIONS, NUMBERS, "MizuPeople", "PEOPLE_BIN")
    return run(PeopleBench, options_of(parser, SECTIONS, NUMBERS))


if __name__ == "__main__":
    if sys.argv[1:2] == ["storm-of"]:
        sys.exit(storm_of(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
    sys.exit(main())
