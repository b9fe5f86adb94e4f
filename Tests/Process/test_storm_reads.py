"""Page reads that nobody waits for: who asks for a hundred pages and leaves costs another client
nothing, and a stranger's reads are counted for their own address alone."""

import signal
import socket
import struct

import pytest

from server import wait_until
from storm import STORM_SECONDS, UNEXEMPT, Bystander, cpu_seconds, source
from sync import create, new_scope, push, snapshot
from wire import Connection, encode, fetch

# What a bystander's answers cost is judged.
pytestmark = pytest.mark.alone

TODOS = 20_000
STRANGER = source(7)


def fill(running, scope, count):
    with Connection(running, timeout=60) as connection:
        for start in range(0, count, 100):
            push(connection, scope,
                 *(create(f"{number:032x}") for number in range(start, start + 100)))


def ask_and_reset(running, path, address):
    """Asks, and resets the connection without waiting for an answer."""
    connection = Connection(running, source=address)
    connection.send(encode("GET", path, running.authority))
    connection.socket.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_aborted_page_reads_do_not_keep_another_client_waiting(start):
    running = start(env=UNEXEMPT | {"RATE_LIMIT": "off"}).ready()
    fill(running, "_default", TODOS)
    before = cpu_seconds(running.child.pid)
    rounds = 1 + int(STORM_SECONDS)
    with Bystander(running, threads="mizu-") as bystander:
        for _ in range(rounds):
            for _ in range(60):
                ask_and_reset(running, "/", STRANGER)
            with Connection(running, source=STRANGER) as stranger:
                for _ in range(20):
                    assert stranger.request("GET", "/api/todos?limit=1000").status == 200
        wait_until(lambda: len(bystander.answers) >= 9, 60, "the bystander's answers")
    # The bystander's scope is its own and small. Its answers came while the stranger was served.
    told = {status for _, status, _, _ in bystander.answers}
    assert told == {200}, told
    # Sixty pages of a hundred and twenty lists: the whole list was read by none of them.
    spent = cpu_seconds(running.child.pid) - before
    assert spent < 8 * rounds, f"{spent:.1f} s"
    running.stop()


def test_an_address_has_so_many_reads_and_others_are_not_touched(start):
    running = start(env=UNEXEMPT | {"RATE_LIMIT": "off", "ADDRESS_READS": "3"}).ready()
    fill(running, "_default", 5_000)
    crowd = [Connection(running, source=STRANGER) for _ in range(40)]
    try:
        # Asked while the server stands still, so that it finds them all at once.
        running.signal(signal.SIGSTOP)
        for number, connection in enumerate(crowd):  # each another page, or all would share one
            target = f"/api/todos?limit={1000 - number}"
            connection.send(encode("GET", target, running.authority))
        running.signal(signal.SIGCONT)
        answers = [connection.response() for connection in crowd]
    finally:
        for connection in crowd:
            connection.close()
    told = [answer.status for answer in answers]
    assert set(told) == {200, 429} and told.count(200) >= 3, told
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.code == "rate_limited" and refused.get("retry-after") == "1"
    # Afterwards the address is served again, and another one was never refused.
    assert fetch(running, "GET", "/api/todos").status == 200
    with Connection(running, source=STRANGER) as again:
        assert again.request("GET", "/").status == 200
    assert snapshot(running, new_scope()).status == 200
    running.stop()


def test_reads_of_loopback_are_not_counted_as_shipped(start):
    running = start(env={"ADDRESS_READS": "1"}).ready()
    fill(running, "_default", 2_000)
    request = encode("GET", "/api/todos?limit=1000", running.authority)
    crowd = [Connection(running) for _ in range(20)]
    try:
        for connection in crowd:
            connection.send(request)
        assert [connection.response().status for connection in crowd] == [200] * 20
    finally:
        for connection in crowd:
            connection.close()
    running.stop()
