"""What runs out: descriptors and disk. The server says so, goes on with what it can, and recovers."""

import os
import subprocess
import time

from server import cpu_seconds, wait_until
from sync import create, new_id, new_scope, pull_all, push_one
from wire import Closed, Connection, fetch, post

OPEN_FILES = 64


def answers(running):
    try:
        with Connection(running, timeout=2) as connection:
            return connection.request("GET", "/healthz").status == 200
    except (Closed, OSError):
        return False


def test_without_descriptors_old_connections_go_on_and_new_ones_come_back(start):
    running = start(open_files=OPEN_FILES, env={"WORKERS": "2"}).ready()
    scope = new_scope()
    old = [Connection(running) for _ in range(4)]
    assert all(c.request("GET", "/healthz").status == 200 for c in old)
    descriptors = lambda: len(os.listdir(f"/proc/{running.child.pid}/fd"))
    at_first = descriptors()
    crowd = []
    for _ in range(OPEN_FILES * 2):
        try:
            crowd.append(Connection(running, timeout=2))
        except OSError:
            break
    wait_until(lambda: descriptors() >= OPEN_FILES - 4, 60, "the descriptors run out")
    begun, used = time.monotonic(), cpu_seconds(running.child.pid)
    for _ in range(20):
        for connection in old:
            assert connection.request("GET", "/healthz").status == 200
    assert push_one(old[0], scope, create())["ok"]
    wait_until(lambda: time.monotonic() - begun > 1, 60)
    assert cpu_seconds(running.child.pid) - used < 0.7, "it spins on a listener it cannot serve"

    def said():
        return [line for line in running.error_lines
                if "descriptor" in line or "open files" in line or "EMFILE" in line]

    wait_until(said, what="a line in the log")
    assert len(said()) <= 4, f"logged once: {running.errors}"
    for connection in crowd:
        connection.close()
    wait_until(lambda: answers(running), 60, "a new connection after the crowd has gone")
    assert all(c.request("GET", "/healthz").status == 200 for c in old)
    for connection in old:
        connection.close()
    for _ in range(3):
        for connection in [Connection(running) for _ in range(20)]:
            connection.close()
    wait_until(lambda: answers(running), 60, "answers after it all")
    wait_until(lambda: descriptors() < at_first, 60, "descriptors given back")
    running.stop()


def test_the_soft_limit_is_raised_to_the_hard_one(start):
    running = start().ready()
    with open(f"/proc/{running.child.pid}/limits", encoding="ascii") as limits:
        soft, hard = next(line for line in limits if line.startswith("Max open files")).split()[3:5]
    assert soft == hard


def test_a_full_disk_refuses_writes_goes_on_reading_and_recovers(start, small_disk):
    running = start(database=f"sqlite:{small_disk}/mizu.db").ready()
    scope, acknowledged, refused = new_scope(), [], None
    for _ in range(400):
        batch = [create(None, "🦊" * 400) for _ in range(20)]
        answer = post(running, "/_sync/push", {"scope": scope, "mutations": batch})
        if answer.status == 200 and all(r["ok"] for r in answer.json["results"]):
            acknowledged += batch
            continue
        refused = batch
        break
    assert refused is not None, "4 MiB hold it all?"
    if answer.status == 200:
        undecided = [r for r in answer.json["results"] if not r["ok"]]
        assert all(r["retry"] is True and r["code"] == "unavailable" for r in undecided), answer
    else:
        assert answer.status == 503 and answer.code == "unavailable", answer
        assert int(answer.get("retry-after")) >= 0
    known, _, _ = pull_all(running, scope)
    told = {change["mutation"] for change in known}
    assert {one["id"] for one in acknowledged} <= told, "reads go on"
    assert fetch(running, "GET", "/healthz").status == 200
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)

    def is_recovered():
        again = post(running, "/_sync/push", {"scope": scope, "mutations": refused})
        return again.status == 200 and all(r["ok"] for r in again.json["results"])

    wait_until(is_recovered, 60, "a push after the disk has room")
    assert push_one(running, scope, create(new_id()))["ok"]
    changes, cursor, _ = pull_all(running, scope)
    assert cursor == len(acknowledged) + len(refused) + 1
    assert len({change["mutation"] for change in changes}) == cursor
    running.stop()
    running = start(database=f"sqlite:{small_disk}/mizu.db").ready()
    assert pull_all(running, scope)[0] == changes
    running.stop()
