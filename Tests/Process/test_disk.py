"""A disk of 24 MB that fills up under a server, or under the PostgreSQL that it stands on: what it says, and
that it goes on by itself."""

import contextlib
import errno
import os
import subprocess

import pytest

import stores  # noqa: F401  (it says where the real servers are)
from daemon import make_folder
from server import wait_until
from sync import create, new_id, pull_all, push_one
from wire import fetch, post


@contextlib.contextmanager
def small_disk(folder):
    """A disk of 24 MB at a folder, whose owner stays."""
    owner = folder.stat()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size=24m,mode=700,uid={owner.st_uid},gid={owner.st_gid}",
         "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder):
        yield folder


def fill_up(disk, leaving):
    """Takes all of the disk but so many bytes."""
    status = os.statvfs(disk)
    try:
        with open(disk / "ballast", "wb", buffering=0) as file:
            file.write(b"\0" * max(0, status.f_bavail * status.f_frsize - leaving))
    except OSError as full:
        # The server has taken some of it meanwhile.
        assert full.errno == errno.ENOSPC


def readiness(server):
    answer = fetch(server, "GET", "/readyz")
    assert fetch(server, "GET", "/healthz").body == b"ok"
    if answer.status == 200:
        return "ready"
    assert answer.status == 503 and answer.json["ready"] is False
    assert "/" not in answer.json["message"] and "mizu.db" not in answer.body.decode()
    return answer.json["reason"]


def push_status(server, scope, size=20_000):
    return post(server, "/_sync/push", {"scope": scope, "mutations": [
        create(new_id(), "x" * size)]}).status


@pytest.mark.parametrize("floor", ["4M", "off"])
def test_a_disk_that_fills_up_is_told_apart_and_writes_resume_by_themselves(start, disk, floor):
    running = start(database=f"sqlite:{disk}/mizu.db", env={
        "DISK_FREE_MIN": floor, "RATE_LIMIT": "off"}).ready()
    scope = "s"
    acknowledged = [push_one(running, scope, create())["id"] for _ in range(5)]
    assert readiness(running) == "ready"
    for _ in range(2):
        said = running.errors.count("takes writes again")
        fill_up(disk, 0 if floor == "off" else 1 << 20)
        wait_until(lambda: push_status(running, scope, 400) in (200, 503)
                   and push_status(running, scope) == 503, 120, "a refusal")
        wait_until(lambda: readiness(running) == "disk_full", what="disk_full")
        # What is there can be read.
        assert {change["mutation"] for change in pull_all(running, scope)[0]} >= set(acknowledged)
        os.unlink(disk / "ballast")
        wait_until(lambda: readiness(running) == "ready", what="ready")
        acknowledged.append(push_one(running, scope, create())["id"])
        wait_until(lambda: running.errors.count("takes writes again") > said, what="a line of it")
        assert running.errors.count("takes writes again") == said + 1, running.errors
    running.stop()
    again = start(database=f"sqlite:{disk}/mizu.db", env={"DISK_FREE_MIN": "off"}).ready()
    assert {change["mutation"] for change in pull_all(again, scope)[0]} >= set(acknowledged)
    again.stop()


@pytest.fixture
def tablespace(postgres_cluster):
    """(folder, name) of a tablespace on a small disk."""
    place = make_folder("mizu-ts-", postgres_cluster.user)
    with small_disk(place):
        inner = place / "space"
        inner.mkdir()
        if postgres_cluster.user is not None:
            os.chown(inner, postgres_cluster.user.pw_uid, postgres_cluster.user.pw_gid)
        postgres_cluster.sql(f"CREATE TABLESPACE small LOCATION '{inner}'")
        name = postgres_cluster.create_database()
        postgres_cluster.sql(f'ALTER DATABASE "{name}" SET TABLESPACE small')
        yield place, name
        postgres_cluster.drop_database(name)
        postgres_cluster.sql("DROP TABLESPACE small")
    place.rmdir()


def test_postgresql_with_a_full_disk_is_told_and_writes_resume_by_themselves(
        start, tablespace, postgres_cluster):
    """Its data's disk. (A full disk of its log ends it: `PostgreSQL crashes` in test_cluster.py.)"""
    disk, name = tablespace
    url = postgres_cluster.url(name)
    running = start(database=url, env={"RATE_LIMIT": "off"}).ready()
    scope = "s"
    acknowledged = [push_one(running, scope, create())["id"] for _ in range(5)]
    fill_up(disk, 0)
    wait_until(lambda: push_status(running, scope) == 503, 60, "a refusal")
    assert {change["mutation"] for change in pull_all(running, scope)[0]} >= set(acknowledged)
    os.unlink(disk / "ballast")
    wait_until(lambda: push_status(running, scope) == 200, 60, "writes")
    wait_until(lambda: readiness(running) == "ready", what="ready")
    acknowledged.append(push_one(running, scope, create())["id"])
    running.stop()
    again = start(database=url).ready()
    assert {change["mutation"] for change in pull_all(again, scope)[0]} >= set(acknowledged)
    again.stop()
