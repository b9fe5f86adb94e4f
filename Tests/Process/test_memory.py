"""What peers make the server hold (issue 10, row 4): bodies that do not end, messages under way, and
answers that nobody takes, from few and from many addresses, while another client is served. And what
else concerns connections that wait: pauses of the process, idle ends, large answers.

A storm is one round in `make test`; `make soak` repeats rounds for MIZU_STORM_SECONDS.
"""

import contextlib
import gzip
import selectors
import signal
import socket
import struct
import time

import pytest
from server import wait_until
from storm import (STORM_SECONDS, UNEXEMPT, Bystander, Crowd, descriptor_count, memory_bytes,
                   memory_peak_bytes, source)
from sync import create, new_scope, push, snapshot
from wire import BINARY, JSON, Connection, WebSocket, dump, encode, frame

MIB = 1 << 20
PACKED = [*JSON, ("Accept-Encoding", "gzip")]
LIMIT = 48 * MIB
# Who may begin a body at all is another limit's business.
SMALL = {"MEMORY_LIMIT": "48M", "RATE_LIMIT": "off", **UNEXEMPT}
# What a server of debug build grows by while it is only used, and what malloc keeps in between.
# The kernel and malloc give back with a delay that grows with the machine's load: these storms run
# alone, as all that measure what a storm costs.
SLACK = 24 * MIB


def rounds():
    """One round, or as many as fit into the time of a soak."""
    end = time.monotonic() + STORM_SECONDS
    yield
    while time.monotonic() < end:
        yield


def connect(running, number, receive_bytes=None):
    """A non-blocking connection of stranger `number`."""
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.bind((source(number), 0))
    client.connect((running.host, running.port))
    client.setblocking(False)
    return client


def hold(running, addresses, each, start, drop, seconds, word, wanted=1):
    """`each` connections of each address send `start` as fast as it goes and then 520 bytes of
    `drop` a second, for `seconds`, and until `wanted` of them were told `word`. What the server said
    to each, and how many it ended."""
    clients = {connect(running, number): [memoryview(start), b"", False]
               for number in range(addresses) for _ in range(each)}
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client, selectors.EVENT_READ | selectors.EVENT_WRITE)
    end, dripped = time.monotonic() + seconds, time.monotonic()

    def goes_on():
        left = end - time.monotonic()
        return left > 0 or left > -60 and sum(
            word in state[1] for state in clients.values()) < wanted

    while goes_on():
        if time.monotonic() > dripped + 1:
            dripped += 1
            for client, state in clients.items():
                if not state[2] and not state[0]:
                    with contextlib.suppress(OSError):
                        client.send(drop[:520])
        for key, events in selector.select(0.1):
            state = clients[key.fileobj]
            try:
                if events & selectors.EVENT_READ:
                    said = key.fileobj.recv(1 << 16)
                    state[1] += said
                    state[2] = state[2] or not said
                if events & selectors.EVENT_WRITE:
                    state[0] = state[0][key.fileobj.send(state[0][:1 << 18]):]
            except BlockingIOError:
                continue
            except OSError:
                state[2] = True
            if state[2]:
                selector.unregister(key.fileobj)
            elif not state[0]:
                selector.modify(key.fileobj, selectors.EVENT_READ)
    said = [(state[1], state[2]) for state in clients.values()]
    for client in clients:
        client.close()
    return said


def settled(running, memory, descriptors):
    """Memory and descriptors are what they were before a storm."""
    pid = running.child.pid
    wait_until(lambda: descriptor_count(pid) <= descriptors, 60, "descriptors come back")
    wait_until(lambda: memory_bytes(pid) <= memory + SLACK, 60, "memory comes back")


def storm(running, work, *arguments, seconds=150):
    """A crowd at work while a bystander is served; then everything is as before."""
    pid = running.child.pid
    with Bystander(running) as calm:  # a first use of everything
        wait_until(lambda: calm.has_seen_enough, 60, "what there is without a storm")
    calm.judge()
    memory, descriptors = memory_bytes(pid), descriptor_count(pid)
    for _ in rounds():
        with Bystander(running) as bystander:
            for _ in bystander.storms():
                with Crowd(work, running, *arguments) as crowd:
                    result = crowd.join(seconds)
        bystander.judge()
        assert memory_peak_bytes(pid) <= memory + LIMIT * 11 // 10 + SLACK, \
            (memory_peak_bytes(pid) // MIB, memory // MIB)
        print(f"{memory / MIB:.0f} MiB, at most {memory_peak_bytes(pid) / MIB:.0f}")
        settled(running, memory, descriptors)
        print(f"afterwards {memory_bytes(pid) / MIB:.0f}")
    return result


BODY = encode("POST", "/_sync/push", "a", [("Content-Length", str(MIB - 1))]) + b" " * 600_000


@pytest.mark.alone
def test_unfinished_bodies_of_two_addresses_hold_their_shares(start):
    """2 × 250 bodies of 600 KB are 286 MiB; each address may hold 8."""
    running = start(env=SMALL).ready()
    said = storm(running, hold, 2, 250, BODY, b" " * 520, 4, b" 503 ", 101)
    assert sum(b" 503 " in answer for answer, _ in said) > 100, said[:3]
    assert memory_peak_bytes(running.child.pid) < 16 * MIB + LIMIT + SLACK
    running.stop()


@pytest.mark.alone
def test_unfinished_bodies_of_many_addresses_stay_below_the_limit(start):
    """30 addresses × 12 bodies are 206 MiB: no address has too much, but all together do."""
    running = start(env=SMALL).ready()
    said = storm(running, hold, 30, 12, BODY, b" " * 520, 5, b" 503 ")
    assert any(b" 503 " in answer for answer, _ in said), said[:3]
    assert "MiB are held" in running.errors
    running.stop()


TOO_MUCH = struct.pack(">H", 1013)


def hold_messages(running, addresses, each, seconds):
    """The same with WebSocket messages that do not end."""
    handshake = encode("GET", "/ws", "a", [
        ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")])
    message = frame(BINARY, b" " * (MIB - 1))[:600_000]
    return hold(running, addresses, each, handshake + message, b" " * 520, seconds, TOO_MUCH)


@pytest.mark.alone
def test_unfinished_messages_are_ended_with_1013(start):
    running = start(env=SMALL).ready()
    said = storm(running, hold_messages, 15, 10, 4)
    assert any(TOO_MUCH in answer[-120:] for answer, _ in said)
    running.stop()


def sip(running, scope, addresses, each, seconds):
    """Connections that ask for a large snapshot six times and read 830 bytes a second."""
    ask = encode("POST", "/_sync/snapshot", "a", JSON, dump({"scope": scope})) * 6
    clients = []
    for number in range(addresses * each):
        client = connect(running, number % addresses, receive_bytes=4096)
        with contextlib.suppress(OSError):
            client.send(ask)
        clients.append(client)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.5)
        for client in clients:
            with contextlib.suppress(OSError):
                client.recv(415)
    for client in clients:
        client.close()
    return len(clients)


def fill(running, records):
    """A scope whose snapshot has a page of nearly 1 MiB."""
    scope, title = new_scope("large"), "é" * 490
    for _ in range(0, records, 50):
        push(running, scope, *[create(title=title) for _ in range(50)])
    return scope


@pytest.mark.alone
def test_answers_that_nobody_takes_stay_below_the_limit(start):
    """120 connections ask for 700 MB and hardly read; the kernel's part is not ours."""
    running = start(env=SMALL).ready()
    storm(running, sip, fill(running, 900), 10, 12, 4)
    running.stop()


# --- what waits, and what is large ----------------------------------------------------------------


def test_after_a_pause_of_the_process_sockets_stay(start):
    """Silence of 6 s ends a socket here; a stopped process hears nothing and judges nobody."""
    running = start(env={"HEARTBEAT": "2"}).ready()
    sockets = [WebSocket(running) for _ in range(4)]
    heads = [Connection(running) for _ in range(2)]
    for head in heads:
        head.send(b"GET /healthz HTTP/1.1\r\nHo")
    running.signal(signal.SIGSTOP)
    wait_until(lambda: " T " in open(f"/proc/{running.child.pid}/stat").read(), what="stopped")
    sockets[0].send_text("hello")  # what came meanwhile counts
    time.sleep(7)
    running.signal(signal.SIGCONT)
    for head in heads:
        head.send(b"st: a\r\n\r\n")
        assert head.response().status == 200
    scope = new_scope()
    for number, peer in enumerate(sockets):
        # Pings are answered while we wait for the answer: nobody is gone.
        peer.send_json({"op": "subscribe", "ref": number, "topic": f"scope:{scope}"})
        peer.receive_until(lambda message: message.get("ref") == number)
        peer.close()
    running.stop()


def test_an_idle_connection_ends_when_it_was_told_to(start):
    running = start(env={"IDLE_TIMEOUT": "2"}).ready()
    begun = time.monotonic()
    with Connection(running) as asks:
        told = asks.request("GET", "/healthz", [("Connection", "keep-alive")])
        assert told.get("keep-alive") == "timeout=2" and told.get("connection") == "keep-alive"
        with Connection(running) as does_not:
            plain = does_not.request("GET", "/healthz")
            assert plain.get("keep-alive") is None and plain.get("connection") is None
            assert does_not.is_closed_by_peer()
        assert asks.is_closed_by_peer() and time.monotonic() - begun > 1.8
    running.stop()


def test_an_answer_above_256_kib_is_compressed_while_it_is_sent(server):
    scope = fill(server, 400)
    with Connection(server) as client:
        body = dump({"scope": scope})
        plain = client.request("POST", "/_sync/snapshot", JSON, body)
        packed = client.request(
            "POST", "/_sync/snapshot", PACKED, body)
        assert len(plain.body) > 300_000 and plain.get("content-length")
        assert packed.get("content-encoding") == "gzip" and packed.get("content-length") is None
        assert gzip.decompress(packed.body) == plain.body
        assert len(packed.body) < len(plain.body) // 4
        # The connection goes on, and who has left in the middle harms nobody.
        assert client.request("GET", "/healthz").status == 200
    for _ in range(20):
        with Connection(server) as leaver:
            leaver.send(encode(
                "POST", "/_sync/snapshot", server.authority, PACKED, body))
    assert snapshot(server, scope).status == 200
