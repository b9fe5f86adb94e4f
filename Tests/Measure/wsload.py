"""`../shared/tools/wsload`: WebSockets, handshakes and idle connections from one processor.

Its JSON comes back as it is, or as the figures of a row. What it could not measure is Skipped; what
came back lost, twice, in the wrong order or changed is Damaged, and no figure stands beside it.
Another generator can take its place in bench_live.py where it has `echo`, `deliveries`, `latency`
and `idle` with these results, and a command line for each: nothing else is asked for.
"""

import json
import subprocess
import time

from machine import Damaged, Skipped

ECHO_CONNECTIONS, ECHO_BYTES, DELIVERY_BYTES = 64, 125, 120
# What wsload sends, in the words of echo-server; the floor knows no more than these.
SUBSCRIBE = '{"type":"subscribe","topic":"{topic}"}'
ACKNOWLEDGEMENT = '"ack"'
PUBLISH = "/publish?topic={topic}"

# A run in which the server used less of its processor says nothing.
CPU_SECONDS_LEAST = 0.2
# Counters that are 0 in a run in which nothing was lost and nothing damaged.
COUNTERS = ("failed", "closed_early", "lost", "gaps", "duplicates", "content_errors",
            "protocol_errors", "publish_failures", "other_messages")


class WsLoad:
    def __init__(self, binary, cpu):
        self.binary, self.cpu = binary, cpu

    def command(self, mode, server, url, *options):
        pids = ",".join(map(str, server.processes()))
        return ["taskset", "-c", str(self.cpu), str(self.binary), mode, "--url", url, "--pid", pids,
                "--json", *map(str, options)]

    @staticmethod
    def result(command, server, compressed=False):
        """The JSON of a run in which nothing went wrong."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        try:
            result = json.loads(done.stdout)
        except ValueError:
            result = None
        wrong = damage(result, compressed) if result is not None else ""
        if wrong:
            raise Damaged(f"wsload on {server.name}: {wrong}")
        if done.returncode != 0 or result is None:
            words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise Skipped(f"wsload on {server.name}: {words[0]}")
        return result

    # Echo and deliveries --------------------------------------------------------------------------

    def echo_command(self, server, url, seconds, *options):
        return self.command(
            "echo", server, url, "--conns", ECHO_CONNECTIONS, "--size", ECHO_BYTES,
            "--secs", seconds, *options)

    def echo(self, server, url, seconds, *options):
        """{per_second, per_cpu_second} of messages that came back as they were sent."""
        result = self.result(
            self.echo_command(server, url, seconds, *options), server, "--deflate" in options)
        return figures(server, result, "messages", "messages_per_s", "msgs_per_server_cpu_s")

    def fanout_command(self, server, url, connections, seconds, *options):
        return self.command(
            "fanout", server, url, "--conns", connections, "--topic", "t", "--subscribe", SUBSCRIBE,
            "--ack", ACKNOWLEDGEMENT, "--publish", server.http, "--pub-path", PUBLISH,
            "--secs", seconds, *options)

    def deliveries_command(self, server, url, connections, seconds, *options):
        return self.fanout_command(
            server, url, connections, seconds, "--size", DELIVERY_BYTES, "--rate", 0,
            "--window", 1, *options)

    def deliveries(self, server, url, connections, seconds, *options):
        """{per_second, per_cpu_second} of deliveries to so many subscribers, one publish after the
        other; each subscriber got each of them once, in order, as it was sent."""
        result = self.result(
            self.deliveries_command(server, url, connections, seconds, *options), server,
            "--deflate" in options)
        return figures(
            server, result, "deliveries", "deliveries_per_s", "deliveries_per_srv_cpu_s")

    # Handshakes -----------------------------------------------------------------------------------

    def handshake_command(self, server, seconds, kind):
        return self.command(
            "handshake", server, server.https, "--conns", 16, "--secs", seconds, "--warmup", 0,
            "--tls", 13, "--expect", "Hello, World!",
            *(["--resume"] if kind == "resumed" else []))

    def handshakes(self, server, seconds, kind):
        """{per_second, per_cpu_second} of TLS 1.3 connections with one request each; `kind` is
        "full" or "resumed"."""
        before = server.cpu_nanoseconds()
        result = self.result(self.handshake_command(server, seconds, kind), server)
        busy = server.cpu_nanoseconds() - before
        # Each place's first connection has nothing to resume yet.
        if result[kind] < 0.95 * (result["full"] + result["resumed"]):
            raise Skipped(f"{server.name}: only {result[kind]} handshakes were {kind}")
        if busy <= 0:
            raise Skipped(f"{server.name} used no processor time: is it the one that answers?")
        return {"per_second": result["per_s"], "per_cpu_second": result["done"] * 1e9 / busy}

    # Latency and memory ---------------------------------------------------------------------------

    def latency(self, server, url, connections, seconds, rate):
        """{p99_us, checked}: from each publish, `rate` a second, until a subscriber has it."""
        result = self.result(
            self.fanout_command(server, url, connections, seconds, "--size", DELIVERY_BYTES,
                                "--rate", rate), server)
        return {"p99_us": result["latency_p99_us"], "checked": result["deliveries"]}

    def idle_command(self, server, url, connections, *options):
        """Idle keep-alive connections; with a `ws` URL subscribers, who are told once, when memory
        has been read."""
        if not url.startswith("ws"):
            return self.command("idle", server, url, "--conns", connections, "--secs", 1)
        return self.fanout_command(
            server, url, connections, 1, "--size", DELIVERY_BYTES, "--rate", 1, "--warm-pubs", 0,
            "--max-pubs", 1, *options)

    def idle(self, server, url, connections, *options, warm_up=200):
        """{anonymous, resident} bytes that each of so many idle connections costs, after a
        warm-up."""
        for count in (min(warm_up, connections), connections):
            result = self.result(
                self.idle_command(server, url, count, *options), server, "--deflate" in options)
            if result["opened"] != count:
                raise Skipped(f"{server.name}: {result['opened']} of {count} connections opened")
            time.sleep(0.5)
        return {"anonymous": result["bytes_per_conn_anon"],
                "resident": result["bytes_per_conn_rss"]}


def figures(server, result, checked, per_second, per_cpu_second):
    """What the named members say. wsload counts the server's time in steps of 10 ms."""
    if result["server_cpu_run_s"] < CPU_SECONDS_LEAST:
        raise Skipped(f"{server.name} ran for only {result['server_cpu_run_s']} s of its time: is "
                      "it the one that answers, and the machine free?")
    return {"per_second": result[per_second], "per_cpu_second": result[per_cpu_second],
            "checked": result[checked]}


def damage(result, compressed=False):
    """What went wrong between server and client by wsload's result, in words; "" if nothing did.
    A `compressed` run in which nothing came compressed is no run of what was asked for."""
    wrong = [f"{name.replace('_', ' ')} {result[name]:,}" for name in COUNTERS if result.get(name)]
    if compressed and not result.get("deflated_messages"):
        wrong.append("no message came compressed")
    return ", ".join(wrong)
