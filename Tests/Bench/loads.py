"""What is done to a server and what it costs: wrk, wsload, callgrind, memory, time to first answer.

All loads run on the other core, are bounded in time, and count the server's own CPU time.
"""

import json
import os
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import time

from servers import LOAD_CORE, ROOT, WORK, echo, shared_tool

PIPELINE = """
init = function(args)
    local r = {}
    for i = 1, 16 do r[i] = wrk.format(nil, "/") end
    all = table.concat(r)
end
request = function() return all end
"""

# About 170 bytes with five fields, as a program sends them.
REQUEST = (b"GET / HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nUser-Agent: curl/7.88.1 (x86_64-pc-linux)\r\n"
           b"Accept: text/plain, */*\r\nAccept-Language: en-GB,en;q=0.8\r\n"
           b"Cache-Control: no-cache\r\n\r\n")


def wrk(server, seconds, pipelined=False):
    """Requests a second, and requests a second of the server's CPU."""
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", "-c64", f"-d{seconds}s"]
    if pipelined:
        script = WORK / "pipeline.lua"
        script.write_text(PIPELINE)
        command += ["-s", script]
    before = server.cpu_ns()
    text = subprocess.run([*command, server.url], capture_output=True, text=True,
                          check=True).stdout
    used = server.cpu_ns() - before
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"{server.name}: {text}")
    count = int(re.search(r"(\d+) requests in", text)[1])
    return count / seconds, count / (used / 1e9)


def handshakes(server, seconds, resumed):
    """TLS 1.3 connections with one request each: a second, and a second of the server's CPU."""
    command = ["taskset", "-c", LOAD_CORE, shared_tool("wsload"), "handshake", "--url", server.url,
               "--conns", "16", "--secs", str(seconds), "--tls", "13", "--json",
               "--expect", "Hello, World!", *(["--resume"] if resumed else [])]
    before = server.cpu_ns()
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = server.cpu_ns() - before
    result = json.loads(output)
    done = result["resumed" if resumed else "full"]
    if result["failed"] or done < result["done"] * 0.99:
        raise RuntimeError(f"{server.name}: {output}")
    # The warm-up is in the CPU time, so it is in the count too.
    return result["per_s"], result["per_server_cpu_s"] or done / (used / 1e9)


def interleaved(servers, load, rounds):
    """Medians of `load` over the servers in turn, so that drift hits all alike."""
    samples = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            samples[server.name].append(load(server))
    return {name: tuple(statistics.median(values) for values in zip(*rows))
            for name, rows in samples.items()}


def user_instructions(name, command, port):
    """User-space instructions of one keep-alive request: callgrind's difference of a run with
    1,100 requests and one with 100."""
    counts = []
    for requests in (100, 1100):
        report = WORK / f"callgrind-{name}-{requests}"
        process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--trace-children=yes",
             f"--callgrind-out-file={report}.%p", *command],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "SWIFT_BACKTRACE": "enable=no"})
        try:
            ask(port, requests)
        finally:
            process.terminate()
            process.wait(60)
        total = 0
        for path in WORK.glob(f"{report.name}.*"):
            total += int(re.search(r"^(?:summary|totals): (\d+)", path.read_text(), re.M)[1])
            path.unlink()
        counts.append(total)
    return (counts[1] - counts[0]) / 1000


def ask(port, requests):
    """Sends so many requests one after the other over one connection."""
    deadline = time.monotonic() + 60
    while True:
        try:
            client = socket.create_connection(("127.0.0.1", port), 10)
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(requests):
            client.sendall(REQUEST)
            answer = b""
            while not answer.endswith(b"Hello, World!"):
                part = client.recv(65536)
                if not part:
                    raise RuntimeError("the server closed")
                answer += part


def stripped_echo():
    """A copy without debug information, which valgrind 3.19 cannot read."""
    copy = WORK / "echo-server"
    shutil.copy(ROOT / ".build" / "release" / "echo-server", copy)
    subprocess.run(["strip", copy], check=True)
    return copy


def idle_bytes(server, connections):
    """Resident bytes for each idle keep-alive connection, after a warm-up of 200."""
    tool = shared_tool("wsload")
    for count in (200, connections):
        output = subprocess.run(
            ["taskset", "-c", LOAD_CORE, tool, "idle", "--url", server.url, "--conns", str(count),
             "--secs", "1", "--pid", str(server.pid), "--json"],
            capture_output=True, text=True, check=True).stdout
    result = json.loads(output)
    if result["failed"]:
        raise RuntimeError(output)
    return result["bytes_per_conn_rss"]


def first_answer_ms(tls):
    """From exec to the end of the first answer, in milliseconds; the best of seven."""
    best = float("inf")
    for _ in range(7):
        server = echo(tls, binary=stripped_echo())
        try:
            with socket.create_connection(("127.0.0.1", server.port), 5) as client:
                if tls:
                    context = ssl.create_default_context()
                    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                    client = context.wrap_socket(client)
                client.sendall(REQUEST)
                answer = b""
                while not answer.endswith(b"Hello, World!"):
                    answer += client.recv(65536)
                best = min(best, (time.perf_counter() - server.began) * 1000)
        finally:
            server.stop()
    return best

