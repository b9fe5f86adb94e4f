"""Connections made and dropped at every stage of a handshake and of a request: nothing grows.

MIZU_CHURN connections in all (40,000 and, beside TLS, 8,000; `make soak` makes 200,000). Descriptors and memory come back to
what they were after the first rounds, and the server answers throughout.
"""

import os
import resource
import socket
import ssl
import struct
import subprocess

import pytest

from server import ECHO, Process, wait_until
from wire import fetch

# Alone: thousands of client ports a second are taken, one of which a test beside it may want back.
pytestmark = pytest.mark.alone

CONNECTIONS = int(os.environ.get("MIZU_CHURN", "40000"))
# A handshake is dear on both sides.
TLS_CONNECTIONS = int(os.environ.get("MIZU_CHURN", "8000"))
AT_ONCE = 200
# What two workers' buffers and malloc may keep for the next crowd, with one huge page of 2 MiB. The
# smallest thing a connection could leave behind, its 112 bytes, would be twice as much for 40,000.
GROWTH_BYTES = 2_600_000

HEAD = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n"
PLAIN_STAGES = {
    "nothing": b"",
    "one byte": b"G",
    "half a head": HEAD,
    "a head without its body": HEAD + b"\r\n",
    "half a body": HEAD + b"\r\n12345",
    "a whole request": HEAD + b"\r\n1234567890",
    "two requests and a half": (HEAD + b"\r\n1234567890") * 2 + b"GET /",
    "garbage": bytes(range(256)),
    "a request for 100 MB": b"GET /file/100000000 HTTP/1.1\r\nHost: h\r\n\r\n",
    "a WebSocket": (b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                    b"\r\n\x81\x85"),
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def descriptors(process, kind=""):
    """Open descriptors, or those of them whose link begins with `kind`."""
    folder, count = f"/proc/{process.child.pid}/fd", 0
    for name in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{name}").startswith(kind)
        except FileNotFoundError:
            pass
    return count


def anonymous_bytes(process):
    with open(f"/proc/{process.child.pid}/smaps_rollup") as rollup:
        return 1024 * next(int(line.split()[1]) for line in rollup if line.startswith("Anonymous"))


def drop(connection, hard):
    if hard:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def let_go(running):
    """Waits until the server has closed nearly all: how many overlap is then no chance."""
    folder = f"/proc/{running.child.pid}/fd"
    wait_until(lambda: len(os.listdir(folder)) < AT_ONCE, 60, "connections are closed")


def crowd(running, port, count, bytes_sent, hard):
    """So many connections, each left at the same stage."""
    for begin in range(0, count, AT_ONCE):
        clients = []
        for _ in range(min(AT_ONCE, count - begin)):
            client = socket.create_connection(("127.0.0.1", port), 60)
            if bytes_sent:
                client.sendall(bytes_sent)
            clients.append(client)
        for client in clients:
            drop(client, hard)
        let_go(running)


def client_hello():
    """The first flight of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def handshaken(running, port, count, bytes_sent, hard):
    """The same over TLS, each left after its handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for begin in range(0, count, AT_ONCE):
        clients = []
        for _ in range(min(AT_ONCE, count - begin)):
            client = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 60))
            if bytes_sent:
                client.sendall(bytes_sent)
            clients.append(client)
        for client in clients:
            drop(client, hard)
        let_go(running)


def rounds(running, port, each, tls_port=None):
    """Every stage, politely and with a reset."""
    for hard in (False, True):
        for sent in PLAIN_STAGES.values():
            crowd(running, port, each, sent, hard)
        if tls_port is not None:
            hello = client_hello()
            for sent in (b"", hello[:1], hello[:-1], hello, hello + b"\x16\x03\x03\x00\x05abcde",
                         bytes(range(256)) * 4):
                crowd(running, tls_port, each, sent, hard)
            for sent in (b"", PLAIN_STAGES["half a head"], PLAIN_STAGES["a whole request"],
                         PLAIN_STAGES["a request for 100 MB"], PLAIN_STAGES["a WebSocket"]):
                handshaken(running, tls_port, max(1, each // 4), sent, hard)


def settled(running, listeners):
    """Descriptors and anonymous bytes once every connection has gone."""
    wait_until(lambda: descriptors(running, "socket:") == listeners, 60, "connections are closed")
    return descriptors(running), anonymous_bytes(running)


def check_churn(running, count, port, tls_port=None):
    stages = 2 * (len(PLAIN_STAGES) + (11 if tls_port else 0))
    listeners = descriptors(running, "socket:")
    each = max(AT_ONCE, count // stages)
    # After two rounds the tables are as large as they get.
    for _ in range(2):
        rounds(running, port, min(each, 1_000), tls_port)
    opened, warm = settled(running, listeners)
    growth = []
    # What a connection leaves behind it leaves in each of them. How many the server has at once is
    # the machine's business, and with it what malloc keeps of a crowd that was larger than any before.
    for _ in range(4):
        rounds(running, port, each, tls_port)
        still_open, after = settled(running, listeners)
        assert still_open == opened
        growth.append(after - warm)
        if growth[-1] <= GROWTH_BYTES:
            break
        warm = after
    else:
        raise AssertionError(f"anonymous memory grew by {growth} bytes")
    assert fetch(running, "GET", "/").body == b"Hello, World!"


def start(tmp_path, *flags):
    limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 4096)
    if limit < 1024:
        pytest.skip("fewer than 1,024 descriptors are allowed here")
    return Process([ECHO, "--addr", "127.0.0.1:0", "--workers", "2", *flags], {}, tmp_path)


def test_nothing_grows_where_connections_come_and_go(tmp_path):
    running = start(tmp_path)
    try:
        running.host, running.port = running.wait_listening()
        running.authority = f"{running.host}:{running.port}"
        check_churn(running, CONNECTIONS, running.port)
    finally:
        running.kill()


def test_nothing_grows_where_tls_clients_come_and_go(tmp_path, certificate):
    cert, key = certificate
    running = start(tmp_path, "--tls-addr", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
    try:
        running.host, running.port = running.wait_listening()
        running.authority = f"{running.host}:{running.port}"
        wait_until(lambda: len(running.lines) == 2, 60, "a line for each address")
        tls_port = int(running.lines[1].rsplit(":", 1)[1])
        check_churn(running, TLS_CONNECTIONS, running.port, tls_port)
    finally:
        running.kill()
