"""Behind nginx, HAProxy and Caddy, set up as the guide to deploying says: the snippets are taken out
of it. What a page needs must come through: itself, its edits, its socket, and whose they are.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from guides import blocks
from server import wait_until
from sync import create, new_scope
from tls import SecureConnection, SecureWebSocket, context, make_certificate
from wire import JSON, Connection, WebSocket, dump

SITE, CLIENT = "example.org", "127.0.0.9"
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
    fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    {map}
    server {{ listen 127.0.0.1:{port} {tls}; {location} }}
}}
"""


def snippet(language, word):
    """The one block of that language in the guide that has the word."""
    found = [text for kind, text in blocks("deploying.md") if kind == language and word in text]
    assert len(found) == 1, (language, word, found)
    return found[0]


def at(text, running):
    assert text.count("127.0.0.1:8080") == 1, text
    return text.replace("127.0.0.1:8080", running.authority)


def program(name):
    path = shutil.which(name) or f"/usr/sbin/{name}"
    if not os.access(path, os.X_OK):
        pytest.skip(f"{name} is not installed")
    return path


class Front:
    """A proxy on a port of its own, in the form that wire.Connection takes."""

    host, scheme = "127.0.0.1", "http"

    def __init__(self, folder):
        self.folder = Path(folder)

    def start(self, command, config, name):
        for _ in range(5):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
            path = self.folder / name
            path.write_text(config.replace("PORT", str(self.port)))
            self.errors = self.folder / "proxy.log"
            with open(self.errors, "wb") as errors:
                self.child = subprocess.Popen(
                    [*map(str, command), str(path)], stdout=errors, stderr=errors,
                    stdin=subprocess.DEVNULL, cwd=self.folder,
                    env={"PATH": os.environ["PATH"], "HOME": str(self.folder)})
            if self.listens():
                self.authority = f"{SITE}:{self.port}"
                return self
            # Somebody was faster on that port.
        raise AssertionError(self.errors.read_text())

    def listens(self):
        end = time.monotonic() + 60
        while self.child.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                socket.create_connection((self.host, self.port), 1).close()
                return True
            time.sleep(0.02)
        self.stop()
        return False

    def stop(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait(60)

    @property
    def origin(self):
        return f"{self.scheme}://{self.authority}"

    def connect(self):
        """A connection of CLIENT, who is not this machine's usual address."""
        made = (SecureConnection if self.scheme == "https" else Connection).__new__(
            SecureConnection if self.scheme == "https" else Connection)
        made.authority, made.buffer = self.authority, bytearray()
        made.socket = socket.create_connection((self.host, self.port), 60, (CLIENT, 0))
        if self.scheme == "https":
            made.secure(context(), name=SITE)
        return made


class Nginx(Front):
    def __init__(self, folder, running, location=None):
        super().__init__(folder)
        tls = ""
        if location is None:
            self.scheme = "https"
            certificate, key = make_certificate(self.folder, "proxy", SITE)
            tls = f"ssl; ssl_certificate {certificate}; ssl_certificate_key {key}"
        config = NGINX.format(
            folder=folder, port="PORT", tls=tls, map=snippet("nginx", "map "),
            location=location or at(snippet("nginx", "proxy_pass"), running))
        self.start([program("nginx"), "-e", self.folder / "early.log", "-p", folder, "-c"], config,
                   "nginx.conf")


class HAProxy(Front):
    def __init__(self, folder, running):
        super().__init__(folder)
        front = "\nfrontend front\n    bind 127.0.0.1:PORT\n    default_backend mizu\n"
        self.start([program("haproxy"), "-db", "-f"], at(snippet("haproxy", "backend mizu"), running)
                   + front, "haproxy.cfg")


class Caddy(Front):
    def __init__(self, folder, running):
        super().__init__(folder)
        site = at(snippet("caddy", "reverse_proxy"), running)
        assert site.startswith(SITE + " {")
        # By name it would ask for a certificate.
        self.start([program("caddy"), "run", "--adapter", "caddyfile", "--config"],
                   "{\n    admin off\n}\nhttp://" + site.replace(SITE, f"{SITE}:PORT", 1), "Caddyfile")


@pytest.mark.parametrize("proxy", [Nginx, HAProxy, Caddy])
def test_what_a_page_needs_comes_through_as_the_guide_says(start, tmp_path, proxy):
    settings = dict(line.split("=", 1) for line in snippet("text", "TRUSTED_PROXIES").splitlines())
    assert settings == {"ADDR": "127.0.0.1:8080", "TRUSTED_PROXIES": "127.0.0.1", "HOSTS": SITE}
    log = tmp_path / "access.log"
    running = start(env={**settings, "ADDR": "127.0.0.1:0", "ACCESS_LOG": str(log),
                         "HSTS": "60"}).ready()
    front = proxy(tmp_path, running)
    try:
        own = [("Origin", front.origin)]
        # What a client writes itself is not believed.
        forged = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Host", "evil.example"),
                  ("X-Forwarded-Proto", "ftp"), ("Forwarded", "for=203.0.113.8")]
        with front.connect() as client:
            for headers in ([], forged):
                page = client.request("GET", "/", headers)
                assert page.status == 200 and b"<html" in page.body, page
                assert (page.get("strict-transport-security") is not None) == (
                    front.scheme == "https"), "the scheme came through"
                body = dump({"scope": new_scope(), "mutations": [create()]})
                pushed = client.request("POST", "/_sync/push", [*JSON, *own, *headers], body)
                assert pushed.status == 200 and pushed.json["results"][0]["ok"], pushed
            foreign = client.request("POST", "/_sync/push", [*JSON, ("Origin", "https://evil.example")],
                                     body)
            assert foreign.status == 403
        with (SecureWebSocket if front.scheme == "https" else WebSocket)(front, headers=own) as live:
            assert live.answer.status == 101
            assert live.ask({"type": "ping", "ref": "r"}) == {"type": "pong", "ref": "r"}
        def peers():
            return [json.loads(line)["peer"] for line in log.read_text().splitlines()
                    if '"/_sync/push"' in line]
        wait_until(lambda: len(peers()) == 3, what="lines in the access log")
        assert set(peers()) == {CLIENT}, "whose the requests are"
    finally:
        front.stop()
    running.stop()


def test_a_proxy_that_replaces_host_is_one_line_that_says_so(start, tmp_path):
    running = start(env={"HOSTS": None}).ready()
    front = Nginx(tmp_path, running, f"location / {{ proxy_pass http://{running.authority}; }}")
    try:
        with front.connect() as client:
            assert client.request("GET", "/").status == 200
            for _ in range(3):
                refused = client.request("POST", "/todos", [
                    ("Origin", front.origin), ("Content-Type", "application/x-www-form-urlencoded")],
                    b"title=x")
                assert refused.status == 403 and refused.code == "origin_denied"
    finally:
        front.stop()
    told = [line for line in running.error_lines if "origin_denied" in line]
    assert len(told) == 1 and "proxy_set_header Host" in told[0], running.errors
    assert front.origin in told[0] and running.authority in told[0]
    running.stop()
