"""`make bench-sync`: durable pushes, pulls, snapshots and pages of `mizu serve` beside nginx.

The servers run pinned to one processor, the load (wrk, with scripts of ours) to another; `mizu
serve` has one worker and its SQLite file on the disk of the checkout. Figures are medians of
interleaved rounds, per second of processor time that all threads of the server used, and what is
promised is a share of what nginx does with a plain `return 200` in the same rounds. A push is
charged for what it leaves to be done later. What was acknowledged must be in the logs, once, and
each answer is looked at before and after its round: a row with a wrong answer has failed. Then come
the latency of one client alone beside fdatasync on the same disk, instructions of each request
(callgrind), and with --only size: starts, memory and the same figures with a million changes in one
scope and a hundred thousand scopes. The table goes to standard output, to `.build/bench/sync.txt`
and, with every round, to `.build/bench/sync.json`, and ends with what falls short. $BEFORE names
another `mizu` that is measured beside it.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import load
import servers
from bench import Bench, flat, options_of, parser_of, run
from machine import Damaged, Skipped
from sync_load import (Client, Push, Question, fdatasync_microseconds, json_check, settle,
                       text_check, wrk)

SECTIONS = ("pushes", "pulls", "pages", "latency", "instructions")
MORE_SECTIONS = ("size",)
NUMBERS = (("ROUNDS", 5, "interleaved rounds"), ("SECONDS_EACH", 3, "of each measurement"),
           ("CHANGES", 1_000_000, "in the one scope of `size`"),
           ("SCOPES", 100_000, "of ten changes each of `size`"))
PUSH_SCOPES, MB = 100, 1_000_000
# The to-do app's own scope, and what each of its items has once.
PAGE_SCOPE, ITEM = "_default", rb'<li[^>]*data-id='


class SyncBench(Bench):
    NAME, SECTIONS = "sync", (*SECTIONS, *MORE_SECTIONS)
    COLUMNS, SUBJECT = ("nginx", "before", "mizu"), "mizu"
    PROGRAMS = ("wrk", "nginx", "valgrind", "swift")

    def prepare(self, folder):
        # Not below TMPDIR, which may be memory: a disk is what pushes are measured on.
        self.folder = Path(tempfile.mkdtemp(prefix="sync-", dir=folder))
        self.before = os.environ.get("BEFORE")

    def end(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        missed = [f"{row.title}, {row.unit}: {text}" for row in self.report.rows
                  for text, met in row.verdicts() if met is False]
        self.report.notes += ["falls short:", *("  " + line for line in missed)] if missed \
            else ["nothing falls short"]

    def databases(self):
        return Path(tempfile.mkdtemp(dir=self.folder))

    def serve(self, name="mizu", prefix=(), binary=None, cpu=True):
        binary = binary or (self.before if name == "before" else self.binary)
        return servers.Mizu(
            binary, self.server_cpu if cpu else None, self.databases() / "mizu.db", prefix, name)

    def subjects(self, stack, rows):
        """nginx, and `mizu serve` of each build that is measured."""
        starts = [("nginx", lambda: servers.Nginx(self.scratch, self.server_cpu))]
        if self.before:
            starts.append(("before", lambda: self.serve("before")))
        starts.append(("mizu", self.serve))
        running = self.started(stack, rows, *starts)
        nginx = [server for server in running if server.name == "nginx"]
        return nginx, [server for server in running if server.name != "nginx"]

    def beside_nginx(self, nginx, measurements):
        """Rounds in which nginx answers `return 200` once for all rows."""
        pairs = list({id(pair): pair for pair, _, _ in measurements}.values())
        plain = load.Wrk(self.load_cpu, self.options.seconds_each)
        first = [(pairs, server.name, lambda seconds, server=server: plain.measure(
            server, server.http, None, seconds)) for server in nginx]
        for server in nginx:
            self.report.command(plain.command(server.http))
        self.rounds(first + [([pair], name, measure) for pair, name, measure in measurements])

    # Writes ---------------------------------------------------------------------------------------

    def pushes(self):
        kinds = [
            (Push(self.load_cpu, batch, PUSH_SCOPES), self.pair_of_rows(title, promises))
            for batch, title, promises in (
                (1, f"push of 1, {PUSH_SCOPES} scopes", ((">=", 0.25, "nginx"),)),
                (100, "push of 100 (mutations)", ((">=", 0.7, "nginx"),)))]
        with contextlib.ExitStack() as stack:
            nginx, mizus = self.subjects(stack, flat([pair for _, pair in kinds]))
            measurements = []
            for push, pair in kinds:
                for server in mizus:
                    self.report.command(push.command(server, self.options.seconds_each))
                    measurements.append((pair, server.name, self.of(push, server)))
            self.beside_nginx(nginx, measurements)

    @staticmethod
    def of(what, server):
        return lambda seconds: what.measure(server, seconds)

    # Reads ----------------------------------------------------------------------------------------

    def pull(self, scope, cursor, epoch, limit, count):
        return Question(
            self.load_cpu, self.scratch, "/_sync/pull",
            {"scope": scope, "cursor": cursor, "epoch": epoch, "limit": limit},
            json_check(lambda answer: [change["cursor"] for change in answer["changes"]]
                       == list(range(cursor + 1, cursor + 1 + count))))

    def reads(self, server):
        """(title, share of nginx, question) of all that is asked of a filled server."""
        with Client(server) as client:
            small = client.fill("thousand", 1_000)
            large = client.fill("many", 100_000)
        settle(server)
        return [
            ("pull of 100 from 1,000", 0.55, self.pull("thousand", 0, small[1], 100, 100)),
            ("pull of 1,000 from 1,000", 0.2, self.pull("thousand", 0, small[1], 1000, 1000)),
            ("pull of the last 10 of 100,000", 0.85,
             self.pull("many", large[0] - 10, large[1], 100, 10)),
            ("pull of 100 far behind the tail", 0.4, self.pull("many", 500, large[1], 100, 100)),
            ("pull, nothing new", 1.0, self.pull("many", *large, 100, 0)),
            ("snapshot page of 1,000", 0.12, Question(
                self.load_cpu, self.scratch, "/_sync/snapshot",
                {"scope": "many", "limit": 1000},
                json_check(lambda answer: len(answer["records"]) == 1000
                           and answer["count"] == 100_000))),
        ]

    def pulls(self):
        self.ask(self.reads)

    def ask(self, *questions_of):
        """Rows of what `questions_of` has to ask, beside nginx."""
        with contextlib.ExitStack() as stack:
            nginx, mizus = self.subjects(stack, [])
            for questions in questions_of:
                rows, measurements = {}, []
                for server in mizus:
                    for title, share, question in questions(server):
                        if title not in rows:
                            rows[title] = self.pair_of_rows(title, ((">=", share, "nginx"),))
                        self.report.command(
                            question.command(server, self.options.seconds_each))
                        measurements.append((rows[title], server.name, self.of(question, server)))
                self.beside_nginx(nginx, measurements)

    # Pages ----------------------------------------------------------------------------------------

    def page(self, path, check):
        return Question(self.load_cpu, self.scratch, path, None, check)

    def items(self, server):
        """How many to-dos the page shows, with the one that scripts copy."""
        with Client(server) as client:
            return len(re.findall(ITEM, client.bytes("GET", "/")))

    def empty_pages(self, server):
        return [
            ("/ with no to-do", 0.5, self.page("/", text_check(ITEM, self.items(server)))),
            ("/static/css/app.css", 0.85,
             self.page("/static/css/app.css", text_check(rb"^", 1))),
        ]

    def full_pages(self, server):
        empty = self.items(server)
        with Client(server) as client:
            client.fill(PAGE_SCOPE, 200)
        settle(server)
        return [
            ("/ with 200 to-dos, a page of 100", 0.1,
             self.page("/", text_check(ITEM, empty + 100))),
            ("/api/todos with 200", 0.2,
             self.page("/api/todos?limit=200",
                       json_check(lambda answer: len(answer) == 200))),
        ]

    def pages(self):
        self.ask(self.empty_pages, self.full_pages)

    # Latency --------------------------------------------------------------------------------------

    def latency(self):
        push = self.report.row("one client alone: push answered, p50", "us",
                               (("<= +", 300, "fdatasync"),))
        delta = self.report.row("the delta on another socket after that, p50", "us",
                                (("<=", 50, None),))
        self.report.columns = ("fdatasync", *self.report.columns)
        with contextlib.ExitStack() as stack:
            _, mizus = self.subjects(stack, [push, delta])
            for _ in range(self.options.rounds):
                push.add("fdatasync", fdatasync_microseconds(self.folder))
                for server in mizus:
                    found = self.alone(server)
                    push.add(server.name, found["latency_p50_us"])
                    if "delta_after_answer_p50_us" in found:
                        delta.add(server.name, found["delta_after_answer_p50_us"])

    def alone(self, server):
        command = ["taskset", "-c", str(self.load_cpu), str(self.binary), "bench", "sync",
                   server.http, "-c", "1", "--threads", "1", "--batch", "1", "--pullers", "1",
                   "--listeners", "1", "-d", str(self.options.seconds_each), "--json"]
        self.report.command(command)
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=self.options.seconds_each + 60)
        if done.returncode != 0:
            raise Damaged(f"mizu bench sync: {done.stderr.strip()[-300:]}")
        return json.loads(done.stdout)

    # Instructions ---------------------------------------------------------------------------------

    def instructions(self):
        rows = {}
        if shutil.which("valgrind") is None:
            return self.report.notes.append("instructions: valgrind is not installed")
        stripped = {}
        for name, binary in (("before", self.before), ("mizu", self.binary)):
            if binary:
                # valgrind 3.19 cannot read DWARF 5; the code is the same without it.
                stripped[name] = self.scratch / f"{name}-stripped"
                subprocess.run(["strip", "-g", "-o", stripped[name], binary], check=True,
                               timeout=60)
        for title, few, many, ask in self.counted_requests():
            rows[title] = self.report.row(title, "instructions")
            for name, binary in stripped.items():
                try:
                    low, high = (self.counted(name, binary, ask, count) for count in (few, many))
                    rows[title].add(name, (high - low) / (many - few))
                except Skipped as reason:
                    rows[title].give_up(name, reason)

    def counted_requests(self):
        """(title, few, many, ask(server, count)). Start and end cancel out."""
        def pushed(batch):
            def ask(server, count):
                with Client(server) as client:
                    client.fill("counted", count * batch, batch)
            return ask

        def asked(make):
            def ask(server, count):
                with Client(server) as client:
                    client.fill(PAGE_SCOPE, 200)
                make(server).ask(server, count)
            return ask

        def snapshot(server):
            return Question(self.load_cpu, self.scratch, "/_sync/snapshot",
                            {"scope": PAGE_SCOPE, "limit": 1000})

        def pull(server):
            with Client(server) as client:
                end = client.post("/_sync/snapshot", {"scope": PAGE_SCOPE, "limit": 1})
            return self.pull(PAGE_SCOPE, 0, end["epoch"], 100, 100)

        def page(path):
            return lambda server: self.page(path, None)

        return [
            ("push of 1", 20, 220, pushed(1)), ("push of 100", 5, 25, pushed(100)),
            ("pull of 100 from 200", 20, 120, asked(pull)),
            ("snapshot page of 200", 20, 120, asked(snapshot)),
            ("/ with 200 to-dos", 20, 120, asked(page("/"))),
            ("/api/todos with 200", 20, 120, asked(page("/api/todos?limit=200"))),
            ("/static/css/app.css", 20, 220, asked(page("/static/css/app.css"))),
        ]

    def counted(self, name, binary, ask, count):
        counts = self.scratch / f"callgrind-{time.monotonic_ns()}"
        prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}"]
        with self.serve(name, prefix, binary, cpu=False) as server:
            self.report.command(server.command)
            ask(server, count)
            server.stop()
        try:
            return load.instructions_of(counts.read_text())
        except OSError as error:
            raise Skipped(f"callgrind left no counts: {server.last_words()}") from error

    # Size -----------------------------------------------------------------------------------------

    def size(self):
        """A million changes in one scope, a hundred thousand scopes of ten: starts and memory."""
        clean = self.report.row("start after a clean end", "ms", (("<=", 100, None),), 1)
        killed = self.report.row("start after kill -9 at full load", "ms", (("<=", 2000, None),), 1)
        resident = self.report.row("resident after the start", "MB", (), 1)
        database = self.databases() / "mizu.db"
        with servers.Mizu(self.binary, None, database) as server, Client(server) as client:
            client.fill("one", self.options.changes)
            for number in range(self.options.scopes):
                client.fill(f"s{number}", 10)
        for _ in range(self.options.rounds):
            began = time.monotonic()
            with servers.Mizu(self.binary, self.server_cpu, database) as server:
                clean.add("mizu", self.first_answer(server, began))
                resident.add("mizu", server.memory()[0] / MB)
                push = Push(self.load_cpu, 1, PUSH_SCOPES)
                wrk(push.command(server, 2, f"k{time.monotonic_ns()}"), 2)
                child = subprocess.Popen(
                    push.command(server, 2, f"k{time.monotonic_ns()}"),
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(1)
                server.kill()
                child.wait(60)
            began = time.monotonic()
            with servers.Mizu(self.binary, self.server_cpu, database) as server:
                killed.add("mizu", self.first_answer(server, began))

    @staticmethod
    def first_answer(server, began):
        with Client(server) as client:
            client.cursor("one")
        return (time.monotonic() - began) * 1000


def main():
    parser = parser_of(__doc__, (*SECTIONS, *MORE_SECTIONS), NUMBERS, "mizu", "MIZU_BIN")
    options = options_of(parser, SECTIONS, NUMBERS, MORE_SECTIONS)
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed (Tests/run setup-bench)")
    return run(SyncBench, options)


if __name__ == "__main__":
    sys.exit(main())
