"""The servers that are measured, each started by itself on free ports and ended by its own id, and
what /proc says of them."""

import collections
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import machine
from machine import Skipped

START_SECONDS = 10.0
LISTENING = re.compile(r"^listening on (https?)://([^\s/]+):(\d+)/?$")


Address = collections.namedtuple("Address", "host port authority")


class Server:
    """One process, and the URLs that it answers; `with` ends it. `name` heads its column."""

    name = ""

    def __init__(self, command, cpu):
        pinned = ["taskset", "-c", str(cpu), *command] if cpu is not None else command
        self.command = [str(part) for part in pinned]
        # Under valgrind all takes its time.
        self.start_seconds = START_SECONDS * (6 if self.command[0] == "valgrind" else 1)
        # A file: a pipe that nobody reads would stop a server that says much.
        self.errors = tempfile.TemporaryFile()
        self.child = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors)
        # Read on to the end: a server that prints must not meet a full pipe.
        self.lines, self.has_line = [], threading.Event()
        threading.Thread(target=self._collect, daemon=True).start()
        self.http_port = self.https_port = None

    def _collect(self):
        for line in self.child.stdout:
            self.lines.append(line.decode("utf-8", "replace").strip())
            self.has_line.set()
        self.has_line.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.child.pid

    @property
    def http(self):
        return f"http://127.0.0.1:{self.http_port}/"

    @property
    def https(self):
        return f"https://127.0.0.1:{self.https_port}/" if self.https_port else None

    @property
    def address(self):
        """What the tests' clients (Tests/Process/wire.py) ask of a server."""
        return Address("127.0.0.1", self.http_port, f"127.0.0.1:{self.http_port}")

    @property
    def ws(self):
        return self.http.replace("http", "ws", 1) + "ws"

    @property
    def wss(self):
        return self.https and self.https.replace("http", "ws", 1) + "ws"

    def last_words(self):
        self.errors.seek(0)
        text = self.errors.read().decode("utf-8", "replace").strip()
        return text.splitlines()[0] if text else "it said nothing"

    def wait_for(self, port):
        """Returns once `port` takes connections; ends the process and raises if it does not."""
        end = time.monotonic() + self.start_seconds
        while time.monotonic() < end and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        self.stop()
        raise Skipped(f"{self.name} does not listen: {self.last_words()}")

    def stop(self):
        # Again each second: nginx without a master looks for a signal and then waits for ever, and
        # under callgrind there is time for one to come in between.
        for _ in range(15):
            if self.child.poll() is not None:
                return
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(1)
            except subprocess.TimeoutExpired:
                pass
        self.child.kill()
        self.child.wait(15)

    # What /proc says ------------------------------------------------------------------------------

    def processes(self):
        """The process and its children (nginx answers in one)."""
        found = [self.pid]
        for pid in found:
            for task in _tasks(pid):
                try:
                    found += map(int, (task / "children").read_text().split())
                except OSError:
                    pass
        return found

    def cpu_nanoseconds(self):
        """Time that all threads have run on a processor, user and system (/proc/PID/schedstat)."""
        total = 0
        for pid in self.processes():
            for task in _tasks(pid):
                try:
                    total += int((task / "schedstat").read_text().split()[0])
                except OSError:
                    pass
        return total

    def memory(self):
        """(resident, anonymous) bytes (/proc/PID/smaps_rollup)."""
        texts = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.processes())
        pairs = [memory_of(text) for text in texts]
        return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)


def _tasks(pid):
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def memory_of(smaps):
    """(resident, anonymous) bytes from the text of a smaps_rollup."""
    kilobytes = dict(re.findall(r"^(\w+):\s+(\d+) kB", smaps, re.MULTILINE))
    return int(kilobytes["Rss"]) * 1024, int(kilobytes["Anonymous"]) * 1024


class Floor(Server):
    """`../shared/tools/floor`: the system calls and nothing else; plain only."""

    name = "floor"

    def __init__(self, binary, cpu):
        port = machine.free_port()
        super().__init__([binary, port], cpu)
        self.wait_for(port)
        self.http_port = port


class Nginx(Server):
    """nginx with one worker and `return 200`, from a configuration and a folder of its own: it
    shares nothing with a service of the system but the program."""

    name = "nginx"

    CONFIGURATION = """
daemon off; master_process {master}; worker_processes 1; worker_rlimit_nofile {files};
pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections {connections}; }}
http {{
    access_log off; default_type text/plain; server_tokens on;
    keepalive_requests 1000000000; keepalive_timeout 3600s;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{http}; {tls}
        location / {{ return 200 "Hello, World!"; }}
    }}
}}
"""
    TLS = ("listen 127.0.0.1:{https} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};"
           " ssl_protocols TLSv1.3;")

    def __init__(self, folder, cpu, pair=None, prefix=(), processes="several"):
        """`pair` (certificate, key) adds a TLS port; `prefix` runs it under another program."""
        if machine.nginx() is None:
            raise Skipped("nginx is not installed")
        files = machine.raise_open_files()
        http, https = machine.free_port(), machine.free_port() if pair else None
        tls = self.TLS.format(https=https, certificate=pair[0], key=pair[1]) if pair else ""
        folder = Path(tempfile.mkdtemp(dir=folder, prefix="nginx-"))
        path = folder / "nginx.conf"
        path.write_text(self.CONFIGURATION.format(
            master="on" if processes == "several" else "off", files=files,
            connections=min(files - 100, 65536), folder=folder, http=http, tls=tls))
        super().__init__(
            [*prefix, machine.nginx(), "-e", folder / "error.log", "-p", folder, "-c", path], cpu)
        self.wait_for(http)
        self.http_port, self.https_port = http, https


class EchoServer(Server):
    """`echo-server`; with `pair` it is asked for TLS too."""

    name = "echo-server"

    def __init__(self, binary, cpu, pair=None, prefix=(), workers=1):
        command = [*prefix, binary, "--addr", "127.0.0.1:0"]
        if workers is not None:
            command += ["--workers", workers]
        if pair:
            command += ["--tls-addr", "127.0.0.1:0", "--tls-cert", pair[0], "--tls-key", pair[1]]
        super().__init__(command, cpu)
        self._find_ports(2 if pair else 1)

    def _find_ports(self, count):
        end = time.monotonic() + self.start_seconds
        while len(self.lines) < count and time.monotonic() < end and self.child.poll() is None:
            self.has_line.wait(0.05)
            time.sleep(0.01)
        for line in self.lines:
            match = LISTENING.match(line)
            if match and match[1] == "http":
                self.http_port = int(match[3])
            elif match:
                self.https_port = int(match[3])
        if (self.https_port if count == 2 else self.http_port) is None:
            self.stop()
            raise Skipped(f"echo-server does not listen: {self.last_words()}")
        self.wait_for(self.http_port)


class Mizu(Server):
    """`mizu serve` on a database of its own in `folder`, without quotas; `name` heads its column."""

    QUOTAS = [f"--quota-{name}" for name in (
        "scope-records", "scope-bytes", "user-scopes", "user-bytes", "address-scopes",
        "address-bytes")]

    def __init__(self, binary, cpu, database, prefix=(), name="mizu", options=()):
        self.name, self.database = name, Path(database)
        quotas = [word for flag in self.QUOTAS for word in (flag, "off")]
        super().__init__(
            [*prefix, binary, "serve", "--addr", "127.0.0.1:0", "--workers", 1, "--database-url",
             f"sqlite:{database}", "--disk-free-min", "off", *quotas, *options], cpu)
        self.http_port = self._port()

    def _port(self):
        end = time.monotonic() + self.start_seconds
        while not self.lines and time.monotonic() < end and self.child.poll() is None:
            self.has_line.wait(0.05)
        for line in self.lines:
            match = LISTENING.match(line)
            if match:
                return int(match[3])
        self.stop()
        raise Skipped(f"{self.name} does not listen: {self.last_words()}")

    def kill(self):
        """kill -9, and waits until it is gone."""
        self.child.kill()
        self.child.wait(15)


def seconds_to_first_answer(binary, folder, pair=None):
    """Wall time from exec to the last byte of the first answer, asked for as soon as the port takes
    connections; with `pair` over TLS."""
    port = machine.free_port()
    address = f"127.0.0.1:{port}"
    command = [str(binary), "--addr", address] if pair is None else [
        str(binary), "--tls-addr", address, "--tls-cert", str(pair[0]), "--tls-key", str(pair[1])]
    wrap = (lambda connection: connection) if pair is None else _unchecked_tls()
    with open(folder / "first-answer.log", "wb") as log:
        streams = [(os.POSIX_SPAWN_DUP2, log.fileno(), 1), (os.POSIX_SPAWN_DUP2, log.fileno(), 2)]
        started = time.monotonic()
        # posix_spawn(3): a fork of this interpreter would be most of what is measured.
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=streams)
        try:
            while time.monotonic() < started + START_SECONDS:
                try:
                    with socket.create_connection(("127.0.0.1", port), 5) as plain:
                        with wrap(plain) as connection:
                            _first_answer(connection)
                            return time.monotonic() - started
                except ConnectionRefusedError:
                    time.sleep(0.0001)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    raise Skipped("echo-server gave no first answer")


def _unchecked_tls():
    """Wraps a socket for TLS; made before the clock starts, because it takes milliseconds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket


def _first_answer(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = b""
    while not answer.endswith(b"Hello, World!"):
        part = connection.recv(4096)
        if not part:
            raise Skipped("the first answer was cut off")
        answer += part
