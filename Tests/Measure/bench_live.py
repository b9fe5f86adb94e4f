"""`make bench-live`: the WebSockets of echo-server beside a do-nothing server, in one run.

One worker runs pinned to one processor, the load on the others. Echo and deliveries are medians of
interleaved rounds, per second of processor time that the server used, as a share of what the floor
(the system calls and nothing else; no TLS, no compression) did in the same rounds. A row in which a
message was lost, came twice, out of order or changed has failed, and so has a compressed one in
which nothing came compressed. Then: memory of idle subscribers; many connections in one and in five
processes, told of a change and closed at once; a subscriber who does not read. The table goes to
standard output, to `.build/bench/live.txt` and, with every round, to `.build/bench/live.json`.
Missed promises are marked; the exit code is 0 all the same unless --strict asks for 1.
"""

import contextlib
import os
import sys

import clients
import scale
import stall
from bench import Bench, flat, options_of, parser_of, run
from machine import Skipped
from wsload import DELIVERY_BYTES, ECHO_BYTES, ECHO_CONNECTIONS

SECTIONS = ("echo", "deliveries", "memory", "scale", "stall")
NUMBERS = (("ROUNDS", 5, "interleaved rounds"), ("SECONDS_EACH", 3, "of each measurement"),
           ("CONNECTIONS", 10_000, "that idle while memory is read"),
           ("SUBSCRIBERS", 10_000, "that are told what is published"),
           ("SCALE_CONNECTIONS", 19_000, "in each process of `scale`"),
           ("SCALE_PROCESSES", 5, "of `scale`, beside one alone"))
MB = 1_000_000
DEFLATE, DEFLATE_BOTH = ("--deflate",), ("--deflate", "--deflate-send")
# Of `scale`: each round opens all connections anew.
SCALE_ROUNDS = 3
AWAY_MS = 50


class LiveBench(Bench):
    NAME, SECTIONS, COLUMNS = "live", SECTIONS, ("floor", "reference", "echo-server")

    def __init__(self, options, folder, scratch):
        super().__init__(options, folder, scratch)
        self.others = sorted(os.sched_getaffinity(0) - {self.server_cpu})
        # We publish, too, and so do our threads: not on the server's processor.
        os.sched_setaffinity(0, self.others)

    def live_rounds(self, title, measurements, warm_up=0, whole="once, in order, as it was sent"):
        """Rounds that also count what was checked, for a note below the table."""
        counts = []

        def counting(measure):
            def count(seconds):
                result = measure(seconds)
                counts.append(result["checked"])
                return result
            return count

        self.rounds([(pairs, name, counting(measure)) for pairs, name, measure in measurements],
                    warm_up)
        if counts:
            self.report.notes.append(f"{title}: {sum(counts):,} messages in all, each {whole}")

    # Echo -----------------------------------------------------------------------------------------

    # (title, over TLS, options of wsload, share of the plain floor).
    ECHO = (("", "off", (), 0.92), (" over TLS", "on", (), 0.70),
            (", compressed both ways", "off", DEFLATE_BOTH, 0.45))
    DELIVERIES = (("", "off", (), 0.93), (", compressed", "off", DEFLATE, 0.90),
                  (" over TLS", "on", (), 0.68), (" over TLS, compressed", "on", DEFLATE, 0.75))

    def shares(self, title, kinds, add):
        """Rows of `kinds`, to which `add(title, pairs, wsload)` adds figures of theirs and the
        floor's."""
        pairs = [self.pair_of_rows(title + more, ((">=", share, "floor"),))
                 for more, _, _, share in kinds]
        try:
            add(title, pairs, self.wsload())
        except Skipped as reason:
            self.leave_out(flat(pairs), reason)

    def echo(self):
        self.shares(f"echo of {ECHO_BYTES} bytes, {ECHO_CONNECTIONS} connections", self.ECHO,
                    self.add_echoes)
        self.on_the_wire("an echo", ECHO_BYTES)

    def add_echoes(self, title, pairs, wsload):
        with contextlib.ExitStack() as stack:
            measurements = [
                (pairs, server.name, self.echoed(wsload, server, server.ws))
                for server in self.started(stack, flat(pairs), ("floor", self.floor))]
            for pair, (_, tls, options, _) in zip(pairs, self.ECHO):
                for server in self.started(
                        stack, pair.values(), ("echo-server", lambda: self.echo_server(tls))):
                    url = server.wss if tls == "on" else server.ws
                    measurements.append(
                        ([pair], server.name, self.echoed(wsload, server, url, *options)))
            # One that does not come back stops its connection, and only the figure shows it.
            self.live_rounds(title, measurements, warm_up=1, whole="as it was sent")

    def echoed(self, wsload, server, url, *options):
        self.report.command(
            wsload.echo_command(server, url, self.options.seconds_each, *options))
        return lambda seconds: wsload.echo(server, url, seconds, *options)

    # Deliveries -----------------------------------------------------------------------------------

    def deliveries(self):
        self.shares(f"deliveries of {DELIVERY_BYTES} bytes to {self.options.subscribers:,}",
                    self.DELIVERIES, self.add_deliveries)
        self.on_the_wire("a delivery", DELIVERY_BYTES)

    def add_deliveries(self, title, pairs, wsload):
        measurements = [(pairs, "floor", self.delivered(wsload, self.floor, "off"))]
        for pair, (_, tls, options, _) in zip(pairs, self.DELIVERIES):
            measurements.append(([pair], "echo-server", self.delivered(
                wsload, lambda tls=tls: self.echo_server(tls), tls, *options)))
        self.live_rounds(title, measurements)

    def delivered(self, wsload, start, tls, *options):
        """Each measurement has a server of its own: the floor forgets no subscriber."""
        told = []

        def measure(seconds):
            with start() as server:
                arguments = (server, server.wss if tls == "on" else server.ws,
                             self.options.subscribers, seconds, *options)
                if not told:
                    told.append(server)
                    self.report.command(server.command)
                    self.report.command(wsload.deliveries_command(*arguments))
                return wsload.deliveries(*arguments)
        return measure

    def on_the_wire(self, what, size):
        """Bytes of one message's frame, compressed, beside the same one plain."""
        row = self.report.row(f"{what} on the wire, compressed (reference: plain)", "bytes")
        try:
            with self.echo_server() as server:
                for name, deflate in (("reference", "off"), ("echo-server", "on")):
                    row.add(name, clients.frame_bytes(
                        server.http_port, what == "an echo", size, deflate))
        except (Skipped, OSError) as reason:
            row.give_up("echo-server", reason)

    # Memory ---------------------------------------------------------------------------------------

    def memory(self):
        count = self.options.connections
        title = f"{count:,} idle subscribers"
        kinds = [(more + deflated, tls, options, promise)
                 for more, tls, promise in (
                     ("", "off", ("<=", 300, None)),
                     (" over TLS (reference: idle HTTP)", "on", ("<= +", 300, "reference")))
                 for deflated, options in (("", ()), (", deflate agreed", DEFLATE))]
        rows = [{key: self.report.row(f"{title}{more}, {key}", "bytes each", (promise,))
                 for key in ("anonymous", "resident")} for more, _, _, promise in kinds]
        try:
            wsload = self.wsload()
            over_tls = [pair for pair, kind in zip(rows, kinds) if kind[1] == "on"]
            self.add_idle(wsload, over_tls, "reference", "on", "https")
            for pair, (_, tls, options, _) in zip(rows, kinds):
                self.add_idle(wsload, [pair], "echo-server", tls, "wss" if tls == "on" else "ws",
                              *options)
        except Skipped as reason:
            self.leave_out(flat(rows), reason)

    def add_idle(self, wsload, pairs, name, tls, scheme, *options):
        try:
            with self.echo_server(tls) as server:
                url = getattr(server, scheme)
                self.report.command(
                    wsload.idle_command(server, url, self.options.connections, *options))
                result = wsload.idle(server, url, self.options.connections, *options)
        except Skipped as reason:
            for row in flat(pairs):
                row.give_up(name, reason)
            return
        for pair in pairs:
            for key, row in pair.items():
                row.add(name, result[key])

    # Scale and stall ------------------------------------------------------------------------------

    def scale(self):
        count = self.options.scale_connections
        for processes in sorted({1, self.options.scale_processes}):
            where = "one process" if processes == 1 else f"{processes} processes"
            title = f"{count * processes:,} in {where}"
            pair = {"open_seconds": self.report.row(f"{title}: until all are open", "s", digits=1),
                    "to_all_ms": self.report.row(f"{title}: until all were told", "ms"),
                    # The promise is for each time that it happens.
                    "away_ms": self.report.row(
                        f"{title}, closing (reference: before): loop away", "ms",
                        (("<=", AWAY_MS, None),), digits=1, pick=max)}
            for number in range(SCALE_ROUNDS):
                try:
                    result = scale.told_and_closed(
                        self.echo_server, count, processes, self.others)
                except Skipped as reason:
                    for row in pair.values():
                        row.give_up("echo-server", reason)
                    break
                self.add_scale(pair, result)
                self.report.notes.append(
                    f"{title}, round {number + 1}: {result['checked']:,} told once; loop away "
                    f"before {result['quiet']}, closing {result['closing']}")

    @staticmethod
    def add_scale(pair, result):
        for key in ("open_seconds", "to_all_ms"):
            pair[key].add("echo-server", result[key])
        for name, key in (("reference", "quiet"), ("echo-server", "closing")):
            # A round in which nobody could look says nothing.
            if result[key].has_seen:
                pair["away_ms"].add(name, result[key].longest_ms)

    def stall(self):
        title = f"one of {stall.SUBSCRIBERS} never reads (reference: all read)"
        rows = {"p99_us": self.report.row(
                    f"{title}: others' p99", "us", (("<=", 1.1, "reference"),)),
                "growth": self.report.row(
                    f"{title}: memory grows", "MB", (("<=", stall.GROWTH_MB, None),), digits=1)}
        try:
            wsload = self.wsload()
        except Skipped as reason:
            return self.leave_out(rows.values(), reason)
        seconds = 2 * self.options.seconds_each

        def measure(reads):
            def once(_):
                result = stall.measured(self.echo_server, wsload, reads, seconds, self.others)
                return {**result, "growth": result["growth"] / MB}
            return once

        self.live_rounds(title, [([rows], "reference", measure("always")),
                                 ([rows], "echo-server", measure("never"))])


def main():
    return run(LiveBench, options_of(parser_of(__doc__, SECTIONS, NUMBERS), SECTIONS, NUMBERS))


if __name__ == "__main__":
    sys.exit(main())
