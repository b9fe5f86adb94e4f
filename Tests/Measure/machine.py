"""What the measurements stand on: processors, tools and their versions, free ports, a certificate.

Nothing is installed here (Tests/run does that), and nothing outside the folder that is passed in is
written.
"""

import datetime
import os
import platform
import resource
import shutil
import socket
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Skipped(Exception):
    """Why something could not be measured, in words for the table."""


class Damaged(Skipped):
    """What came out wrong while it was measured: there is no figure, and what was promised of it is
    missed."""


def output(*command, **options):
    """What a command prints, without the space around it; "" where it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).strip()


def first_line(text):
    return text.splitlines()[0] if text else "missing"


def cpu_pair():
    """(server's, load's): the first processor that we may use, and the next that shares no core
    with it where there is one."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise SystemExit("two processors are needed: one for the server, one for the load")
    server = usable[0]
    siblings = sibling_cpus(server)
    apart = [cpu for cpu in usable[1:] if cpu not in siblings]
    return server, (apart or usable[1:])[0]


def sibling_cpus(cpu):
    """The processors that are threads of the same core."""
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        text = path.read_text().strip()
    except OSError:
        return {cpu}
    found = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    return found


def raise_open_files():
    """Lets this process and its children open as many files as the system allows them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificate(folder):
    """(certificate, key): a self-signed ECDSA P-256 pair in `folder`, made anew each time."""
    certificate_path, key_path = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key_path), "-out",
         str(certificate_path)],
        check=True, capture_output=True, timeout=60)
    return certificate_path, key_path


def shared_tool(name, folder):
    """Compiles `../shared/tools/<name>` in `folder`; that directory itself is only read.

    Raises Skipped where the sources, a compiler or OpenSSL's headers are missing.
    """
    source = ROOT.parent / "shared" / "tools" / name / f"{name}.c"
    if not source.is_file():
        raise Skipped(f"no ../shared/tools/{name}")
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise Skipped(f"no C compiler for {name}")
    copy, binary = folder / source.name, folder / name
    if not binary.exists() or not copy.exists() or copy.read_bytes() != source.read_bytes():
        copy.write_bytes(source.read_bytes())
        done = subprocess.run(
            [compiler, "-O2", "-std=gnu11", "-o", str(binary), str(copy), "-lssl", "-lcrypto",
             "-lz"], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            copy.unlink()
            raise Skipped(f"{name} does not compile: {first_line(done.stderr)}")
    return binary


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def version(program):
    """What a program says of itself, in a line."""
    if program == "wrk":
        return first_line(output("wrk", "-v")).split(" [")[0]
    if program == "nginx":
        return first_line(output(nginx() or "nginx", "-v")).removeprefix("nginx version: ")
    return first_line(output(program, "version" if program == "openssl" else "--version"))


def description(server_cpu, load_cpu, programs):
    """Machine, versions, commit and date: what a reader needs to place the figures."""
    commit = output("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD")
    changed = output("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": (commit or "unknown") + (" and uncommitted changes" if changed else ""),
        "machine": f"{processor()}, {os.cpu_count()} processors",
        "pinned": f"server on processor {server_cpu}, load on {load_cpu}"
        + (" (threads of one core)" if load_cpu in sibling_cpus(server_cpu) else ""),
        "kernel": f"{platform.system()} {platform.release()}",
        **{program: version(program) for program in programs},
        "load_average": "%.2f %.2f %.2f" % os.getloadavg(),
    }


def nginx():
    """The path of nginx, which Debian puts where only root's PATH looks; None without one."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
