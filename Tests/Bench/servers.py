"""The servers that `make bench-http` compares: started on one core, read through /proc, ended by id.

Every one listens on a free port of 127.0.0.1 and answers `GET /` with 13 bytes of text/plain.
"""

import contextlib
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / ".build" / "bench"
SHARED = ROOT.parent / "shared" / "tools"
SERVER_CORE, LOAD_CORE = "0", "1"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process on the server's core that answers on `port`."""

    def __init__(self, name, command, port, scheme="http"):
        self.name, self.port, self.scheme = name, port, scheme
        self.began = time.perf_counter()
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CORE, *command],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._wait_listening()

    def _wait_listening(self):
        while time.perf_counter() - self.began < 10:
            with contextlib.suppress(OSError), socket.create_connection(
                    ("127.0.0.1", self.port), 1):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.001)
        self.stop()
        raise RuntimeError(f"{self.name} did not start: {self.process.stderr.read().decode()}")

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}/"

    @property
    def pid(self):
        """The process that serves: nginx's worker, not its master."""
        children = pathlib.Path(
            f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else self.process.pid

    def cpu_ns(self):
        """Time on a core, of all threads (/proc/PID/schedstat counts nanoseconds)."""
        return sum(int(pathlib.Path(path).read_text().split()[0])
                   for path in glob.glob(f"/proc/{self.pid}/task/*/schedstat"))

    def memory(self):
        """Resident and anonymous memory in KiB (proc(5), smaps_rollup)."""
        lines = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        values = {line.split(":")[0]: int(line.split()[1]) for line in lines if ":" in line
                  and line.split()[-1] == "kB"}
        return values["Rss"], values["Anonymous"]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def certificate():
    """An ECDSA P-256 certificate for localhost: paths of certificate and key."""
    cert, key = WORK / "cert.pem", WORK / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    return cert, key


def nginx(tls=None):
    port = free_port()
    listen = f"127.0.0.1:{port}"
    secure = "" if tls is None else (
        f"ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]}; "
        "ssl_protocols TLSv1.2 TLSv1.3;")
    conf = WORK / f"nginx-{port}.conf"
    conf.write_text(f"""
        daemon off; worker_processes 1; pid {WORK}/nginx-{port}.pid; error_log /dev/null;
        worker_rlimit_nofile 65536; events {{ worker_connections 60000; }}
        http {{
            access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
            client_body_temp_path {WORK}; proxy_temp_path {WORK}; fastcgi_temp_path {WORK};
            uwsgi_temp_path {WORK}; scgi_temp_path {WORK};
            server {{
                listen {listen}{" ssl" if tls else ""}; {secure}
                location / {{ default_type text/plain; return 200 "Hello, World!"; }}
            }}
        }}""")
    return Server("nginx", ["nginx", "-e", "/dev/null", "-c", conf], port,
                  "https" if tls else "http")


def echo(tls=None, binary=ROOT / ".build" / "release" / "echo-server"):
    port = free_port()
    where = f"127.0.0.1:{port}"
    flags = ["--addr", where] if tls is None else [
        "--tls-addr", where, "--tls-cert", tls[0], "--tls-key", tls[1]]
    return Server("echo-server", [binary, *flags, "--workers", "1"], port,
                  "https" if tls else "http")


def floor():
    """The do-nothing C server of ../shared/tools; None where that is not there."""
    program = shared_tool("floor")
    if program is None:
        return None
    port = free_port()
    return Server("floor", [program, str(port)], port)


def shared_tool(name):
    """Builds a tool of ../shared/tools in our own folder; None where it is not there."""
    if not (SHARED / name / f"{name}.c").exists():
        return None
    folder = WORK / name
    if not (folder / name).exists():
        shutil.copytree(SHARED / name, folder, dirs_exist_ok=True)
        for path in [folder, *folder.iterdir()]:
            os.chmod(path, 0o755)
        subprocess.run(["make", "-s", "-C", folder], check=True)
    return folder / name
