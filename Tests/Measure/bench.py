"""What `bench_http.py`, `bench_live.py` and `bench_sync.py` share: options, servers by name, interleaved rounds, and
the way from sections to a table. What is measured, and what is promised, stands with them."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import machine
import servers
from machine import Skipped
from report import Report
from wsload import WsLoad


class Bench:
    """A table in the making. Each of `SECTIONS` names a method that measures some of its rows."""

    NAME = ""
    SECTIONS = ()
    COLUMNS = ()
    PROGRAMS = ("openssl", "swift")
    # The product whose figures are judged: the name of its binary and of its column.
    SUBJECT = "echo-server"

    def __init__(self, options, folder, scratch):
        self.options, self.scratch = options, scratch
        self.server_cpu, self.load_cpu = machine.cpu_pair()
        self.report = Report(
            machine.description(self.server_cpu, self.load_cpu, self.PROGRAMS), self.COLUMNS,
            self.SUBJECT)
        self.report.description["rounds"] = f"{options.rounds} of {options.seconds_each} s"
        self.binary = Path(options.binary).resolve()
        if not self.binary.is_relative_to(machine.ROOT.resolve()):
            self.report.description["commit"] = f"not known: {self.binary} was built elsewhere"
        self.prepare(folder)

    def prepare(self, folder):
        """What echo-server is measured with."""
        self.tools = {name: self._tool(name, folder) for name in ("floor", "wsload")}
        self.pair = machine.certificate(self.scratch)
        # Asked once: whether this build of echo-server speaks TLS, and if not, why.
        self.no_tls = None
        try:
            servers.EchoServer(self.binary, None, self.pair).stop()
        except Skipped as reason:
            self.no_tls = str(reason)

    def end(self):
        """Takes away what was made outside of the scratch folder."""

    @staticmethod
    def _tool(name, folder):
        """The tool's path, or why it is not there."""
        try:
            return machine.shared_tool(name, folder)
        except Skipped as reason:
            return reason

    def tool(self, name):
        if isinstance(self.tools[name], Skipped):
            raise self.tools[name]
        return self.tools[name]

    def wsload(self):
        return WsLoad(self.tool("wsload"), self.load_cpu)

    # Starting -------------------------------------------------------------------------------------

    def echo_server(self, tls="off"):
        if tls == "on" and self.no_tls:
            raise Skipped(self.no_tls)
        return servers.EchoServer(
            self.binary, self.server_cpu, self.pair if tls == "on" else None)

    def floor(self):
        return servers.Floor(self.tool("floor"), self.server_cpu)

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

    # Rows and rounds ------------------------------------------------------------------------------

    def pair_of_rows(self, title, promises):
        return {"per_second": self.report.row(title, "per second"),
                "per_cpu_second": self.report.row(title, "per CPU s", promises)}

    @staticmethod
    def leave_out(rows, reason):
        for row in rows:
            row.skip(None, reason)

    def rounds(self, measurements, warm_up=1):
        """Runs each (pairs, name, measure) in turn, `rounds` times over, behind a round of
        `warm_up` seconds whose figures nobody keeps (0: none). `measure(seconds)` returns a figure
        for each key of the pairs of rows; whoever gave none once is not asked again."""
        given_up = set()
        for number in range(-1 if warm_up else 0, self.options.rounds):
            for index, (pairs, name, measure) in enumerate(measurements):
                if index in given_up:
                    continue
                try:
                    result = measure(warm_up if number < 0 else self.options.seconds_each)
                except Skipped as reason:
                    given_up.add(index)
                    for row in flat(pairs):
                        row.give_up(name, reason)
                    continue
                if number >= 0:
                    for pair in pairs:
                        for key, row in pair.items():
                            row.add(name, result[key])


def flat(pairs):
    """All rows of several pairs."""
    return [row for pair in pairs for row in pair.values()]


# The command line ---------------------------------------------------------------------------------

def parser_of(documentation, sections, numbers, product="echo-server", variable="ECHO_BIN"):
    """A parser with what every bench takes; `product` is what is measured, if `variable` names no
    other binary. `numbers` are (variable, number, meaning): each is an
    option, too, and the environment variable gives its default."""
    parser = argparse.ArgumentParser(description=documentation.split("\n\n", 1)[0])
    for name, number, meaning in numbers:
        parser.add_argument(
            "--" + name.lower().replace("_", "-"), type=int,
            default=os.environ.get(name, number), help=f"{meaning} ({number:,}, or ${name})")
    parser.add_argument("--only", help="sections with commas: " + ", ".join(sections))
    parser.add_argument(
        "--binary", default=os.environ.get(
            variable, machine.ROOT / ".build/release" / product),
        help=f"the binary to measure (.build/release/{product}, or ${variable})")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a promise is missed")
    return parser


def options_of(parser, sections, numbers, more=()):
    """What the command line says, with `sections` (and `more` that only --only runs); ends with
    words where it cannot be done."""
    options = parser.parse_args()
    options.sections = options.only.split(",") if options.only else list(sections)
    unknown = set(options.sections) - {*sections, *more}
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    for name, _, _ in numbers:
        if getattr(options, name.lower()) < 1:
            parser.error(f"{name}: at least 1")
    if not os.access(options.binary, os.X_OK):
        parser.error(f"{options.binary} is not there: make build")
    return options


def run(kind, options):
    """Measures the sections with a `kind` of Bench, writes and prints the table; the exit code."""
    # Whoever ends this run with SIGTERM ends the servers too: `with` closes them on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    machine.raise_open_files()
    folder = machine.ROOT / ".build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    broken = []
    with tempfile.TemporaryDirectory(prefix="mizu-bench-") as scratch:
        bench = kind(options, folder, Path(scratch))
        for section in options.sections:
            print(f"measuring: {section}", file=sys.stderr, flush=True)
            try:
                getattr(bench, section)()
            except (Skipped, OSError, subprocess.SubprocessError) as error:
                # What was measured until now is worth its table.
                broken.append(f"{section} broke off: {error}")
        bench.end()
    report = bench.report
    report.notes += broken
    report.description["load_average_after"] = "%.2f %.2f %.2f" % os.getloadavg()
    paths = report.write(folder, bench.NAME)
    print(report.text(), end="")
    print("written to " + " and ".join(
        str(path.relative_to(machine.ROOT)) for path in paths), file=sys.stderr)
    missed = [text for row in report.rows for text, met in row.verdicts() if met is False]
    return 1 if broken or options.strict and missed else 0
