"""`make bench-http`: echo-server beside nginx and a do-nothing server, on this machine, in one run.

The servers run pinned to one processor, the load to another. Figures are medians of interleaved
rounds (each server once, then each again), and those that are judged are per second of processor
time that the server used, so that other work on the machine does little to them. The table goes to
standard output, to `.build/bench/http.txt` and, with every round, to `.build/bench/http.json`.
Promises that are missed are marked; the exit code is 0 all the same, because a busy machine is no
failure, unless --strict asks for 1.
"""

import contextlib
import shutil
import subprocess
import sys
import time

import load
import servers
from bench import Bench, flat, options_of, parser_of, run
from machine import Skipped

SECTIONS = ("plain", "tls", "instructions", "memory", "start")
NUMBERS = (("ROUNDS", 5, "interleaved rounds"), ("SECONDS_EACH", 3, "of each measurement"),
           ("CONNECTIONS", 10_000, "that idle while memory is read"))
MB = 1_000_000


class HTTPBench(Bench):
    NAME, SECTIONS, COLUMNS = "http", SECTIONS, ("floor", "nginx", "echo-server")
    PROGRAMS = ("wrk", "nginx", "valgrind", "openssl", "swift")

    def __init__(self, options, folder, scratch):
        super().__init__(options, folder, scratch)
        self.wrk = load.Wrk(self.load_cpu, options.seconds_each)

    def nginx(self, tls="off"):
        return servers.Nginx(
            self.scratch, self.server_cpu, self.pair if tls == "on" else None)

    # Requests and handshakes ----------------------------------------------------------------------

    def plain(self):
        single = self.pair_of_rows(
            "GET / keep-alive", ((">=", 0.95, "floor"), (">=", 1.10, "nginx")))
        many = self.pair_of_rows("GET / 16 in a write", ((">=", 9, "nginx"),))
        for row in many.values():
            row.skip("floor", "it answers each read once, however many requests are in it")
        rows = flat([single, many])
        with contextlib.ExitStack() as stack:
            running = self.started(
                stack, rows, ("floor", self.floor), ("nginx", self.nginx),
                ("echo-server", self.echo_server))
            self.rounds([([single], server.name, self.by_wrk(server, server.http))
                         for server in running])
            self.rounds([([many], server.name, self.by_wrk(server, server.http, load.PIPELINE))
                         for server in running if server.name != "floor"])

    def by_wrk(self, server, url, script=None):
        self.report.command(self.wrk.command(url, script))
        return lambda seconds: self.wrk.measure(server, url, script, seconds)

    def tls(self):
        kept = self.pair_of_rows("TLS GET / keep-alive", ((">=", 1.15, "nginx"),))
        shaken = {kind: self.pair_of_rows(f"TLS 1.3 handshakes, {kind}", ((">=", 1.05, "nginx"),))
                  for kind in ("full", "resumed")}
        rows = flat([kept, *shaken.values()])
        if self.no_tls and not self.options.reference:
            return self.leave_out(rows, self.no_tls)
        with contextlib.ExitStack() as stack:
            running = self.started(
                stack, rows, ("nginx", lambda: self.nginx("on")),
                ("echo-server", lambda: self.echo_server("on")))
            self.rounds([([kept], server.name, self.by_wrk(server, server.https))
                         for server in running])
            for kind, pair in shaken.items():
                try:
                    wsload = self.wsload()
                except Skipped as reason:
                    self.leave_out(pair.values(), reason)
                    continue
                self.rounds([([pair], server.name, self.by_wsload(wsload, server, kind))
                             for server in running])

    def by_wsload(self, wsload, server, kind):
        self.report.command(
            wsload.handshake_command(server, self.options.seconds_each, kind))
        return lambda seconds: wsload.handshakes(server, seconds, kind)

    # Instructions ---------------------------------------------------------------------------------

    def instructions(self):
        rows = {1: self.report.row(
            "plain GET /, user space", "instructions", (("<=", 2500, None),)),
                64: self.report.row("the same of 64 connections at once", "instructions")}
        if shutil.which("valgrind") is None:
            return self.leave_out(rows.values(), "valgrind is not installed")
        stripped = self.scratch / "echo-server"
        # valgrind 3.19 cannot read DWARF 5; the code is the same without it.
        subprocess.run(["strip", "-g", "-o", stripped, self.binary], check=True, timeout=60)
        starts = {
            "nginx": lambda prefix: servers.Nginx(
                self.scratch, None, prefix=prefix, processes="one"),
            "echo-server": lambda prefix: servers.EchoServer(stripped, None, prefix=prefix),
        }
        for connections, row in rows.items():
            for name, start in starts.items():
                # The first of a connection cost more than those behind.
                few, many = (-(-count // connections) for count in (1_280, 21_280))
                try:
                    cost = self.counted(start, many, connections) - self.counted(
                        start, few, connections)
                    row.add(name, cost / ((many - few) * connections))
                except Skipped as reason:
                    row.skip(name, reason)

    def counted(self, start, count, connections):
        """Instructions of a whole life with so many requests: start and end cancel out."""
        counts = self.scratch / f"callgrind-{time.monotonic_ns()}"
        prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}"]
        with start(prefix) as server:
            self.report.command(server.command)
            load.ask(server.http_port, count, connections)
            server.stop()
        try:
            return load.instructions_of(counts.read_text())
        except OSError as error:
            raise Skipped(f"callgrind left no counts: {server.last_words()}") from error

    # Memory and start -----------------------------------------------------------------------------

    def memory(self):
        for tls, most in (("off", 300), ("on", 14_600)):
            kind = "TLS 1.3" if tls == "on" else "plain"
            row = self.report.row(
                f"{self.options.connections:,} idle {kind} connections", "bytes each",
                (("<=", most, None),))
            if tls == "on" and self.no_tls and not self.options.reference:
                self.leave_out([row], self.no_tls)
                continue
            for name, start in (("nginx", self.nginx), ("echo-server", self.echo_server)):
                try:
                    wsload = self.wsload()
                    with start(tls) as server:
                        url = server.https if tls == "on" else server.http
                        self.report.command(
                            wsload.idle_command(server, url, self.options.connections))
                        row.add(name, wsload.idle(
                            server, url, self.options.connections)["resident"])
                except Skipped as reason:
                    row.give_up(name, reason)
        self.idle_process("off", 8, None)
        self.idle_process("on", 12, 2)

    def idle_process(self, tls, resident_most, anonymous_most):
        """The process alone, with a worker for each processor, after one answer."""
        kind = "with TLS" if tls == "on" else "without TLS"
        resident = self.report.row(
            f"idle {kind}, resident", "MB", (("<=", resident_most, None),), digits=2)
        anonymous = self.report.row(
            f"idle {kind}, anonymous", "MB",
            (("<=", anonymous_most, None),) if anonymous_most else (), digits=2)
        if tls == "on" and self.no_tls:
            return self.leave_out([resident, anonymous], self.no_tls)
        with servers.EchoServer(
                self.binary, None, self.pair if tls == "on" else None, workers=None) as server:
            load.ask(server.http_port, 1)
            time.sleep(0.5)  # idle is what it is when nothing has happened for a while
            for row, size in zip((resident, anonymous), server.memory()):
                row.add(server.name, size / MB)

    def start(self):
        for kind, pair in (("", None), (" over TLS", self.pair)):
            row = self.report.row(
                f"exec to the first answer{kind}", "ms", (("<=", 10, None),), digits=1)
            if pair and self.no_tls:
                self.leave_out([row], self.no_tls)
                continue
            try:
                for _ in range(11):
                    row.add("echo-server", 1000 * servers.seconds_to_first_answer(
                        self.binary, self.scratch, pair))
            except Skipped as reason:
                row.skip("echo-server", reason)


def main():
    parser = parser_of(__doc__, SECTIONS, NUMBERS)
    parser.add_argument("--reference", action="store_true",
                        help="measure nginx's TLS though echo-server has none")
    options = options_of(parser, SECTIONS, NUMBERS)
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed (Tests/run setup-bench)")
    return run(HTTPBench, options)


if __name__ == "__main__":
    sys.exit(main())
