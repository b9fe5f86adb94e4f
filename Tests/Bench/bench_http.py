"""`make bench-http`: echo-server beside nginx and a do-nothing server, on this machine, in one run.

The servers run pinned to one processor, the load to another. Figures are medians of interleaved
rounds (each server once, then each again), and those that are judged are per second of processor
time that the server used, so that other work on the machine does little to them. The table goes to
standard output, to `.build/bench/http.txt` and, with every round, to `.build/bench/http.json`.
Promises that are missed are marked; the exit code is 0 all the same, because a busy machine is no
failure, unless --strict asks for 1.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import load
import machine
import servers
from machine import Skipped
from report import Report

SECTIONS = ("plain", "tls", "instructions", "memory", "start")
MB = 1_000_000


class Bench:
    def __init__(self, options, folder, scratch):
        self.options, self.scratch = options, scratch
        self.server_cpu, self.load_cpu = machine.cpu_pair()
        self.report = Report(machine.description(self.server_cpu, self.load_cpu))
        self.report.description["rounds"] = f"{options.rounds} of {options.seconds_each} s"
        self.echo = Path(options.echo).resolve()
        if not self.echo.is_relative_to(machine.ROOT.resolve()):
            self.report.description["commit"] = f"not known: {self.echo} was built elsewhere"
        self.tools = {name: self._tool(name, folder) for name in ("floor", "wsload")}
        self.pair = machine.certificate(scratch)
        self.wrk = load.Wrk(self.load_cpu, options.seconds_each)
        # Asked once: whether this build of echo-server speaks TLS, and if not, why.
        self.no_tls = None
        try:
            servers.EchoServer(self.echo, None, self.pair).stop()
        except Skipped as reason:
            self.no_tls = str(reason)

    @staticmethod
    def _tool(name, folder):
        """The tool's path, or why it is not there."""
        try:
            return machine.shared_tool(name, folder)
        except Skipped as reason:
            return reason

    def wsload(self):
        if isinstance(self.tools["wsload"], Skipped):
            raise self.tools["wsload"]
        return load.WsLoad(self.tools["wsload"], self.load_cpu)

    # Starting -------------------------------------------------------------------------------------

    def nginx(self, tls="off"):
        return servers.Nginx(
            self.scratch, self.server_cpu, self.pair if tls == "on" else None)

    def echo_server(self, tls="off"):
        if tls == "on" and self.no_tls:
            raise Skipped(self.no_tls)
        return servers.EchoServer(self.echo, self.server_cpu, self.pair if tls == "on" else None)

    def floor(self):
        if isinstance(self.tools["floor"], Skipped):
            raise self.tools["floor"]
        return servers.Floor(self.tools["floor"], self.server_cpu)

    def started(self, stack, rows, *starts):
        """The servers that start; whoever does not is left out of `rows` with the reason."""
        running = []
        for name, start in starts:
            try:
                running.append(stack.enter_context(start()))
                self.report.command(running[-1].command)
            except Skipped as reason:
                for row in rows:
                    row.skip(name, reason)
        return running

    # Requests and handshakes ----------------------------------------------------------------------

    def rounds(self, measurements):
        """Runs each (rows, server, measure) in turn, `rounds` times over, behind a short warm-up."""
        failed = set()
        for number in range(-1, self.options.rounds):
            for index, (rows, server, measure) in enumerate(measurements):
                if index in failed:
                    continue
                try:
                    result = measure(1 if number < 0 else self.options.seconds_each)
                except Skipped as reason:
                    failed.add(index)
                    for row in rows.values():
                        row.skip(server.name, reason)
                    continue
                if number >= 0:
                    for key, row in rows.items():
                        row.add(server.name, result[key])

    def pair_of_rows(self, title, promises):
        return {"per_second": self.report.row(title, "per second"),
                "per_cpu_second": self.report.row(title, "per CPU s", promises)}

    def plain(self):
        single = self.pair_of_rows(
            "GET / keep-alive", ((">=", 0.95, "floor"), (">=", 1.10, "nginx")))
        many = self.pair_of_rows("GET / 16 in a write", ((">=", 9, "nginx"),))
        for row in many.values():
            row.skip("floor", "it answers each read once, however many requests are in it")
        rows = [*single.values(), *many.values()]
        with contextlib.ExitStack() as stack:
            running = self.started(
                stack, rows, ("floor", self.floor), ("nginx", self.nginx),
                ("echo-server", self.echo_server))
            self.rounds([(single, server, self.by_wrk(server, server.http)) for server in running])
            self.rounds([(many, server, self.by_wrk(server, server.http, load.PIPELINE))
                         for server in running if server.name != "floor"])

    def by_wrk(self, server, url, script=None):
        self.report.command(self.wrk.command(url, script))
        return lambda seconds: self.wrk.measure(server, url, script, seconds)

    def tls(self):
        kept = self.pair_of_rows("TLS GET / keep-alive", ((">=", 1.15, "nginx"),))
        shaken = {kind: self.pair_of_rows(f"TLS 1.3 handshakes, {kind}", ((">=", 1.05, "nginx"),))
                  for kind in ("full", "resumed")}
        rows = [*kept.values(), *shaken["full"].values(), *shaken["resumed"].values()]
        if self.no_tls and not self.options.reference:
            return self.leave_out(rows, self.no_tls)
        with contextlib.ExitStack() as stack:
            running = self.started(
                stack, rows, ("nginx", lambda: self.nginx("on")),
                ("echo-server", lambda: self.echo_server("on")))
            self.rounds([(kept, server, self.by_wrk(server, server.https)) for server in running])
            for kind, pair in shaken.items():
                try:
                    wsload = self.wsload()
                except Skipped as reason:
                    self.leave_out(pair.values(), reason)
                    continue
                self.rounds([(pair, server, self.by_wsload(wsload, server, kind))
                             for server in running])

    def by_wsload(self, wsload, server, kind):
        self.report.command(
            wsload.handshake_command(server, self.options.seconds_each, kind))
        return lambda seconds: wsload.handshakes(server, seconds, kind)

    @staticmethod
    def leave_out(rows, reason):
        for row in rows:
            row.skip(None, reason)

    # Instructions ---------------------------------------------------------------------------------

    def instructions(self):
        row = self.report.row(
            "plain GET /, user space", "instructions", (("<=", 2500, None),))
        if shutil.which("valgrind") is None:
            return self.leave_out([row], "valgrind is not installed")
        stripped = self.scratch / "echo-server"
        # valgrind 3.19 cannot read DWARF 5; the code is the same without it.
        subprocess.run(["strip", "-g", "-o", stripped, self.echo], check=True, timeout=60)
        starts = {
            "nginx": lambda prefix: servers.Nginx(
                self.scratch, None, prefix=prefix, processes="one"),
            "echo-server": lambda prefix: servers.EchoServer(stripped, None, prefix=prefix),
        }
        for name, start in starts.items():
            try:
                few, many = (self.counted(start, count) for count in (100, 1100))
                row.add(name, (many - few) / 1000)
            except Skipped as reason:
                row.skip(name, reason)

    def counted(self, start, count):
        """Instructions of a whole life with `count` requests: start and end cancel out."""
        counts = self.scratch / f"callgrind-{time.monotonic_ns()}"
        prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}"]
        with start(prefix) as server:
            self.report.command(server.command)
            load.ask(server.http_port, count)
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
                        row.add(name, wsload.idle_bytes(server, url, self.options.connections))
                except Skipped as reason:
                    row.skip(name, reason)
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
                self.echo, None, self.pair if tls == "on" else None, workers=None) as server:
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
                        self.echo, self.scratch, pair))
            except Skipped as reason:
                row.skip("echo-server", reason)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    for name, number, meaning in (
            ("ROUNDS", 5, "interleaved rounds"), ("SECONDS_EACH", 3, "of each measurement"),
            ("CONNECTIONS", 10_000, "that idle while memory is read")):
        parser.add_argument(
            "--" + name.lower().replace("_", "-"), type=int,
            default=os.environ.get(name, number), help=f"{meaning} ({number}, or ${name})")
    parser.add_argument("--only", help="sections with commas: " + ", ".join(SECTIONS))
    parser.add_argument("--echo", default=machine.ROOT / ".build/release/echo-server",
                        help="the binary to measure")
    parser.add_argument("--reference", action="store_true",
                        help="measure nginx's TLS though echo-server has none")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a promise is missed")
    options = parser.parse_args()
    options.sections = options.only.split(",") if options.only else list(SECTIONS)
    unknown = set(options.sections) - set(SECTIONS)
    if unknown or options.rounds < 1 or options.seconds_each < 1 or options.connections < 1:
        parser.error(f"no such section: {', '.join(unknown)}" if unknown else "at least 1")
    if not os.access(options.echo, os.X_OK):
        parser.error(f"{options.echo} is not there: swift build -c release --static-swift-stdlib "
                     "--product echo-server")
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed (Tests/run setup-bench)")
    return options


def main():
    options = arguments()
    # Whoever ends this run with SIGTERM ends the servers too: `with` closes them on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    machine.raise_open_files()
    folder = machine.ROOT / ".build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    broken = []
    with tempfile.TemporaryDirectory(prefix="mizu-bench-") as scratch:
        bench = Bench(options, folder, Path(scratch))
        for section in options.sections:
            print(f"measuring: {section}", file=sys.stderr, flush=True)
            try:
                getattr(bench, section)()
            except (Skipped, OSError, subprocess.SubprocessError) as error:
                # What was measured until now is worth its table.
                broken.append(f"{section} broke off: {error}")
    report = bench.report
    report.notes += broken
    report.description["load_average_after"] = "%.2f %.2f %.2f" % os.getloadavg()
    paths = report.write(folder, "http")
    print(report.text(), end="")
    print("written to " + " and ".join(
        str(path.relative_to(machine.ROOT)) for path in paths), file=sys.stderr)
    missed = [text for row in report.rows for text, met in row.verdicts() if met is False]
    return 1 if broken or options.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())
