"""`make bench-http`: echo-server beside nginx and beside what the kernel leaves, in one run.

Prints a table and writes it to .build/bench/http.txt, with the figures as JSON beside it. A row
whose tool is not on this machine (../shared/tools is not given to strangers) is left out, and the
table says so.
"""

import datetime
import json
import os
import pathlib
import platform
import subprocess

import loads
from servers import ROOT, WORK, certificate, echo, floor, free_port, nginx, shared_tool

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS_EACH", "3"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "10000"))

rows, notes = [], []


def row(what, value, against="", target="", met=None):
    mark = "" if met is None else ("ok" if met else "MISSED")
    rows.append({"what": what, "value": value, "against": against, "target": target, "met": met})
    print(f"  {what:<46} {value:>12}  {against:<34} {target:<12} {mark}", flush=True)


def compare(what, servers, load, targets):
    """One row for each server; ratios per second of server CPU."""
    results = loads.interleaved(servers, load, ROUNDS)
    ours = results["echo-server"]
    for name, (per_second, per_cpu) in results.items():
        if name != "echo-server":
            row(f"{what}, {name}", f"{per_cpu:,.0f}", f"{per_second:,.0f} a second")
    for name, (_, per_cpu) in results.items():
        if name in targets:
            ratio = ours[1] / per_cpu
            row(f"{what}, echo-server", f"{ours[1]:,.0f}",
                f"{ours[0]:,.0f} a second; {ratio:.3f} of {name}", f">= {targets[name]}",
                ratio >= targets[name])


def group(title, make, body):
    """Runs `body` with servers that end with it."""
    print(f"\n{title}")
    servers = []
    try:
        for one in make:
            server = one()
            if server is not None:
                servers.append(server)
        body(servers)
    finally:
        for server in servers:
            server.stop()


def plain():
    group("Plain, per second of server CPU", [floor, nginx, echo], lambda servers: (
        compare("GET / (wrk -t1 -c64)", servers, lambda s: loads.wrk(s, SECONDS),
                {"floor": 0.95, "nginx": 1.10}),
        compare("16 requests in one write", servers[-2:],
                lambda s: loads.wrk(s, SECONDS, pipelined=True), {"nginx": 9})))


def secure(tls):
    def body(servers):
        compare("GET / over TLS 1.3", servers, lambda s: loads.wrk(s, SECONDS), {"nginx": 1.15})
        if shared_tool("wsload") is None:
            notes.append("no ../shared/tools/wsload: handshakes and idle connections left out")
            return
        compare("full handshakes, TLS 1.3", servers,
                lambda s: loads.handshakes(s, SECONDS, resumed=False), {"nginx": 1.05})
        compare("resumed handshakes, TLS 1.3", servers,
                lambda s: loads.handshakes(s, SECONDS, resumed=True), {"nginx": 1.05})
    group("TLS, ECDSA P-256, per second of server CPU",
          [lambda: nginx(tls), lambda: echo(tls)], body)


def instructions():
    print("\nUser-space instructions of a keep-alive request (callgrind)")
    port = free_port()
    ours = loads.user_instructions(
        "echo", [loads.stripped_echo(), "--addr", f"127.0.0.1:{port}", "--workers", "1"], port)
    row("echo-server", f"{ours:,.0f}", "", "<= 2,500", ours <= 2500)


def memory(tls):
    print("\nMemory")
    for title, certificates, resident_max, anonymous_max in [
            ("without TLS", None, 8 << 10, None), ("with TLS", tls, 12 << 10, 2 << 10)]:
        server = echo(certificates, binary=loads.stripped_echo())
        try:
            resident, anonymous = server.memory()
            row(f"idle echo-server {title}, resident KiB", f"{resident:,}", "",
                f"<= {resident_max:,}", resident <= resident_max)
            if anonymous_max:
                row(f"idle echo-server {title}, anonymous KiB", f"{anonymous:,}", "",
                    f"<= {anonymous_max:,}", anonymous <= anonymous_max)
            if shared_tool("wsload"):
                limit = 14_600 if certificates else 300
                each = loads.idle_bytes(server, CONNECTIONS)
                row(f"{CONNECTIONS:,} idle connections {title}, bytes each", f"{each:,.0f}", "",
                    f"<= {limit:,}", each <= limit)
        finally:
            server.stop()
        best = loads.first_answer_ms(certificates)
        row(f"exec to first answer {title}, ms", f"{best:.1f}", "", "<= 10", best <= 10)


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip()
    return {"date": datetime.datetime.now().isoformat(timespec="minutes"), "processor": model,
            "cores": os.cpu_count(), "kernel": platform.release(), "commit": commit,
            "load_average": os.getloadavg()[0], "rounds": ROUNDS, "seconds": SECONDS,
            "command": f"make bench-http ROUNDS={ROUNDS} SECONDS_EACH={SECONDS}"}


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    about = machine()
    print("\n".join(f"{key}: {value}" for key, value in about.items()))
    if shared_tool("floor") is None:
        notes.append("no ../shared/tools/floor: the share of what the kernel leaves is left out")
    tls = certificate()
    instructions()
    memory(tls)
    plain()
    secure(tls)
    for note in notes:
        print(f"note: {note}")
    text = [f"{key}: {value}" for key, value in about.items()]
    text += [f"{r['what']:<46} {r['value']:>12}  {r['against']:<34} {r['target']}" for r in rows]
    (WORK / "http.txt").write_text("\n".join(text + notes) + "\n")
    (WORK / "http.json").write_text(json.dumps(
        {"about": about, "rows": rows, "notes": notes}, indent=1))
    print(f"\nwritten to {pathlib.Path(WORK / 'http.txt').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
