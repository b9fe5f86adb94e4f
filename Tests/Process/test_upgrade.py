"""A database of an earlier version of mizu is taken over in place, with all that is in it."""

import json
import sqlite3
import time

from server import wait_until
from sync import checksum, create, mutation, pull, push_one, snapshot, snapshot_all

# What version 1 of the schema was.
VERSION_1 = """
    CREATE TABLE settings(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE scopes(scope BLOB PRIMARY KEY, cursor INTEGER NOT NULL, base INTEGER NOT NULL,
        records INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE epochs(scope BLOB NOT NULL, first INTEGER NOT NULL, epoch BLOB NOT NULL,
        PRIMARY KEY(scope, first)) WITHOUT ROWID;
    CREATE TABLE records(scope BLOB NOT NULL, entity BLOB NOT NULL, id BLOB NOT NULL,
        data BLOB NOT NULL, PRIMARY KEY(scope, entity, id)) WITHOUT ROWID;
    CREATE TABLE changes(scope BLOB NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL,
        time INTEGER NOT NULL, ends BLOB NOT NULL, bytes BLOB NOT NULL,
        PRIMARY KEY(scope, last)) WITHOUT ROWID;
    CREATE TABLE outcomes(scope BLOB NOT NULL, mutation BLOB NOT NULL, high INTEGER NOT NULL,
        low INTEGER NOT NULL, user BLOB NOT NULL, client BLOB NOT NULL, sequence INTEGER NOT NULL,
        review INTEGER NOT NULL, cursor INTEGER NOT NULL, epoch BLOB NOT NULL, code BLOB NOT NULL,
        error BLOB NOT NULL, PRIMARY KEY(scope, mutation)) WITHOUT ROWID;
    CREATE INDEX outcomes_by_review ON outcomes(review);
    CREATE TABLE clients(client BLOB NOT NULL, scope BLOB NOT NULL, user BLOB NOT NULL,
        pushed INTEGER NOT NULL, outcomes INTEGER NOT NULL,
        PRIMARY KEY(client, scope)) WITHOUT ROWID;
    CREATE INDEX clients_by_user ON clients(scope, user, pushed);
    PRAGMA application_id=1298758261;
    PRAGMA user_version=1;
"""
TIME = int(time.time() * 1000)


def todo(record, title):
    return json.dumps({"id": record, "title": title, "done": False,
                       "created": "2026-09-21T14:13:20.000Z"}, separators=(",", ":"))


def make(path, scopes):
    """A file as version 1 left it: `scopes` says how many records each has, one a change."""
    database = sqlite3.connect(path)
    database.executescript(VERSION_1)
    for scope, count in scopes.items():
        name = scope.encode()
        database.execute("INSERT INTO scopes VALUES(?,?,0,?)", (name, count, count))
        database.execute("INSERT INTO epochs VALUES(?,1,?)", (name, b"old"))
        for number in range(1, count + 1):
            data = todo(f"t{number}", "é")
            change = (f'{{"cursor":{number},"scope":"{scope}","entity":"todo","id":"t{number}",'
                      f'"op":"create","data":{data},"time":"2026-09-21T14:13:20.000Z",'
                      f'"mutation":"m{number}"}}')
            database.execute("INSERT INTO records VALUES(?,?,?,?)",
                             (name, b"todo", f"t{number}".encode(), data.encode()))
            database.execute("INSERT INTO changes VALUES(?,?,?,?,?,?)",
                             (name, number, number, TIME, b"", change.encode()))
    database.commit()
    database.close()


def test_a_database_of_version_1_is_taken_over_with_all_that_is_in_it(start, tmp_path):
    path = tmp_path / "old.db"
    make(path, {"_default": 3, "other": 1200})
    running = start(database=f"sqlite:{path}").ready()
    for scope, count in (("_default", 3), ("other", 1200)):
        records, cursor, epoch = snapshot_all(running, scope)
        assert (len(records), cursor, epoch) == (count, count, "old")
        assert {record["version"] for record in records} == {0}
        page = pull(running, scope, cursor, epoch).json
        assert page["changes"] == [] and page["checksum"] == checksum(records)
        assert len(pull(running, scope, 0, None, 1000).json["changes"]) == min(count, 1000)
    # From here on a record has the version that its change gave it, beside the old ones.
    result = push_one(running, "_default", mutation("todo.update", id="t2", title="new"))
    assert result["ok"] and result["cursor"] == 4 and result["epoch"] != "old"
    push_one(running, "_default", create("t9"))
    push_one(running, "_default", mutation("todo.delete", id="t1"))
    page = snapshot(running, "_default").json
    versions = {record["id"]: record["version"] for record in page["records"]}
    assert versions == {"t2": 4, "t3": 0, "t9": 5}
    assert page["checksum"] == checksum(page["records"])
    running.stop()
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA user_version").fetchone() == (3,)
    for scope, records, size, log in database.execute(
            "SELECT id, records, bytes, log_bytes FROM scopes"):
        found = database.execute(
            "SELECT count(*), sum(length(entity) + length(id) + length(data)) FROM records"
            " WHERE scope = ?", (scope,)).fetchone()
        assert (records, size) == found
        # The sum of the log is what is there, to the byte; it has fewer rows than changes.
        rows = [blob for (blob,) in database.execute(
            "SELECT bytes FROM log WHERE scope = ? ORDER BY last", (scope,))]
        changes = [json.loads(b"[" + row + b"]") for row in rows]
        count = sum(len(row) for row in changes)
        assert sum(len(row) for row in rows) - (count - len(rows)) == log
        assert len(rows) < max(3, count / 20)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    again = start(database=f"sqlite:{path}").ready()
    assert snapshot(again, "_default").json["checksum"] == page["checksum"]


def test_an_upgrade_that_fails_changes_nothing(start, tmp_path):
    path = tmp_path / "damaged.db"
    make(path, {"_default": 3})
    database = sqlite3.connect(path)
    # No name has this byte: the sums cannot be made.
    database.execute("INSERT INTO records VALUES(?,?,?,?)", (b"_default", b"todo", b"\x01", b"{}"))
    database.commit()
    before = database.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
    database.close()
    refused = start(database=f"sqlite:{path}")
    assert refused.wait() != 0
    assert "damaged" in refused.errors
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA user_version").fetchone() == (1,)
    assert database.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall() == before
    database.close()


def test_an_upgrade_that_is_killed_changes_nothing_and_is_made_again(start, tmp_path):
    path = tmp_path / "large.db"
    make(path, {"_default": 30_000})
    killed = start(database=f"sqlite:{path}")
    wait_until(lambda: "is brought to schema" in killed.errors, 60, "the upgrade to begin")
    killed.kill()
    database = sqlite3.connect(path)
    # Whichever was faster: the file is of one version or of the other.
    version, = database.execute("PRAGMA user_version").fetchone()
    table = {1: "changes", 3: "log"}[version]
    assert database.execute(f"SELECT min(first), max(last) FROM {table}").fetchone() == (1, 30_000)
    assert database.execute("SELECT count(*) FROM records").fetchone() == (30_000,)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    running = start(database=f"sqlite:{path}").ready()
    records, cursor, epoch = snapshot_all(running, "_default")
    assert (len(records), cursor, epoch) == (30_000, 30_000, "old")
    page = pull(running, "_default", 29_990, "old").json
    assert [change["cursor"] for change in page["changes"]] == list(range(29_991, 30_001))
