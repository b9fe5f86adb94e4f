"""Ten thousand sign-ins at once (issue 13's table of attacks), in a form that any machine bears: fewer
of them, each from an address of its own, over real sockets and with hashes that cost what they cost.
Counted is what came of them, and what they took of memory; how long others wait meanwhile is measured
by `make bench-people`.
"""

import threading
import urllib.parse

import pytest

from people import PASSWORD, Client, People
from storm import UNEXEMPT, Crowd, memory_bytes, memory_peak_bytes, source
from wire import Connection

pytestmark = pytest.mark.alone

SIGN_INS = 2_000
# One hash at a time takes 19 MiB; the rest is connections and what waits.
MEMORY_MAX = 64 << 20


def sign_ins(server, count):
    """Signs in from so many addresses, all connected before the first asks; how often which status
    was the answer, and how many cookies were set."""
    statuses, cookies = {}, 0
    crowd = [Connection(server, timeout=120, source=source(number)) for number in range(count)]
    for number, connection in enumerate(crowd):
        body = urllib.parse.urlencode(
            {"email": f"nobody{number}@example.org", "password": "not this one 9"}).encode()
        connection.send(
            b"POST /account/sign-in HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s"
            % (server.authority.encode(), server.authority.encode(), len(body), body))
    for connection in crowd:
        answer = connection.response()
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        cookies += any(name.lower() == "set-cookie" for name, _ in answer.headers)
        connection.close()
    return statuses, cookies


@pytest.fixture
def server(tmp_path):
    running = People(
        tmp_path, "memory:", WORKERS="1", HASHING="standard", **UNEXEMPT).ready()
    yield running
    running.stop()


def test_a_storm_of_sign_ins_is_bounded_and_others_are_served(server):
    ann = Client(server)
    user = ann.sign_up("ann")
    before, asked, ends = memory_bytes(server.child.pid), [], threading.Event()

    def ask():
        # As a person does, and not as fast as a machine: that would be over ann's own rate.
        while not (asked and ends.wait(0.05)):
            asked.append(ann.me())
            status, answer = ann.json("/_sync/push", {"scope": "list", "mutations": [
                {"id": f"m{len(asked)}", "name": "note.put", "args": {"id": "n"}}]})
            asked.append(user if status == 200 and answer["results"][0]["ok"] else status)

    other = threading.Thread(target=ask)
    other.start()
    try:
        with Crowd(sign_ins, server, SIGN_INS) as crowd:
            statuses, cookies = crowd.join(240)
    finally:
        ends.set()
        other.join(60)
    # Each was answered: wrong, later or busy; nobody was let in, and nothing failed.
    assert sum(statuses.values()) == SIGN_INS, statuses
    assert set(statuses) <= {403, 429, 503} and cookies == 0, statuses
    assert statuses.get(403, 0) > 0, statuses
    # Whoever is signed in went on in the midst of it, and others can sign in behind it.
    assert len(asked) >= 2 and set(asked) == {user}, set(asked)
    assert memory_peak_bytes(server.child.pid) - before < MEMORY_MAX
    late = Client(server)
    status, _, _ = late.form(
        "/account/sign-in", email="ann@example.org", password=PASSWORD)
    assert status == 303 and late.me() == user
