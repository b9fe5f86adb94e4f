#!/usr/bin/env python3
"""What a mutation costs in the tables of SQLite, by schema and by size of the transaction: run
`python3 Tests/Measure/engine_tables.py [DIRECTORY]` (a directory on the disk that is meant).

The same stream of mutations for each variant: 64 clients, 100 scopes, a record of 120 bytes and a
change of 260 each; every other one edits a record, the others make one; on top of what 200,000
mutations have left. CPU is this process's, by getrusage, with the checkpoints in it, less what
Python's own loop costs (measured with statements that touch no page). Pages are bytes written, by
/proc/self/io, in pages of 4 KiB: the WAL, the checkpoint, and the journal. Latency is the wall's,
of one commit: on a loaded machine it says little.
"""

import os
import random
import resource
import shutil
import sqlite3
import statistics
import struct
import sys
import tempfile
import time
import zlib

CLIENTS, SCOPES, BEFORE, COUNT = 64, 100, 200_000, 65_536
BATCH, FOLD, RUN = 64, 4096, 8192

VERSION_2 = """
    CREATE TABLE scopes(scope BLOB PRIMARY KEY, cursor, base, records, checksum, bytes, log_bytes,
        owner) WITHOUT ROWID;
    CREATE TABLE totals(id INTEGER PRIMARY KEY, aging, outcomes);
    CREATE TABLE records(scope, entity, id, data, version,
        PRIMARY KEY(scope, entity, id)) WITHOUT ROWID;
    CREATE TABLE changes(scope, last, first, time, ends, bytes,
        PRIMARY KEY(scope, last)) WITHOUT ROWID;
    CREATE TABLE outcomes(scope, mutation, high, low, user, client, sequence, review, cursor,
        epoch, code, error, PRIMARY KEY(scope, mutation)) WITHOUT ROWID;
    CREATE INDEX outcomes_by_review ON outcomes(review);
    CREATE TABLE clients(client, scope, user, pushed, outcomes,
        PRIMARY KEY(client, scope)) WITHOUT ROWID;
    CREATE INDEX clients_by_user ON clients(scope, user, pushed);
"""
# Numbers for scopes, no index by review, and nothing of clients' index rewritten.
NUMBERED = VERSION_2.replace("scope BLOB PRIMARY KEY", "scope INTEGER PRIMARY KEY").replace(
    "log_bytes,\n        owner) WITHOUT ROWID", "log_bytes,\n        owner)").replace(
    "CREATE INDEX outcomes_by_review ON outcomes(review);", "")
# Blocks of the log and runs of outcomes.
VERSION_3 = NUMBERED + """
    CREATE TABLE outcome_runs(id INTEGER PRIMARY KEY, count, review);
    CREATE TABLE outcome_filters(id INTEGER PRIMARY KEY, firsts, filter, sum);
    CREATE TABLE outcome_blocks(id INTEGER PRIMARY KEY, rows);
"""


def name(source):
    return bytes(source.choices(b"abcdefghijklmnopqrstuvwxyz234567", k=26))


class Mutation:
    __slots__ = ("scope", "client", "id", "record", "cursor", "data", "change")


def stream(count, source, cursors, records):
    """As many mutations, in the order in which they come."""
    clients = [b"client %d" % number + b"x" * 16 for number in range(CLIENTS)]
    made = []
    for number in range(count):
        one = Mutation()
        one.scope = source.randrange(SCOPES)
        one.client = clients[source.randrange(CLIENTS)]
        one.id = name(source)
        mine = records[one.scope]
        if number % 2 and mine:
            one.record = mine[source.randrange(len(mine))]
        else:
            one.record = name(source)
            mine.append(one.record)
        cursors[one.scope] += 1
        one.cursor = cursors[one.scope]
        one.data = b'{"id":"%s","title":"%s","done":false}' % (one.record, b"t" * 62)
        one.change = (b'{"cursor":%d,"scope":"scope %d","entity":"todo","id":"%s","op":"create",'
                      b'"data":%s,"time":"2026-11-27T22:00:00.000Z","mutation":"%s"}'
                      % (one.cursor, one.scope, one.record, one.data, one.id))
        made.append(one)
    return made


class Tables:
    """Writes mutations row by row, in the schema of version 2 or with numbers in it."""

    def __init__(self, database, is_numbered):
        self.database, self.is_numbered = database, is_numbered
        database.executescript(NUMBERED if is_numbered else VERSION_2)

    def scope(self, number):
        return number if self.is_numbered else b"scope %d" % number

    def write(self, mutations):
        run = self.database.executemany
        self.write_records(mutations, run)
        run("INSERT INTO changes VALUES(?,?,?,?,?,?)",
            [(self.scope(one.scope), one.cursor, one.cursor, 1_800_000_000_000, b"", one.change)
             for one in mutations])
        run("INSERT OR REPLACE INTO outcomes VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
            [(self.scope(one.scope), one.id, 1 << 60, 1 << 61, b"ann", one.client, 7,
              1_800_000_000_000 + one.cursor, one.cursor, b"e" * 26, b"", b"")
             for one in mutations])
        self.write_states(mutations, run)

    def write_records(self, mutations, run):
        last = {(one.scope, one.record): one for one in mutations}
        run("INSERT OR REPLACE INTO records VALUES(?,?,?,?,?)",
            [(self.scope(one.scope), b"todo", one.record, one.data, one.cursor)
             for one in last.values()])

    def write_states(self, mutations, run):
        heads = {one.scope: one.cursor for one in mutations}
        run("INSERT OR REPLACE INTO scopes VALUES(?,?,0,?,?,?,?,x'')",
            [(self.scope(scope), cursor, cursor, 1 << 62, cursor * 120, cursor * 260)
             for scope, cursor in heads.items()])
        seen = {(one.client, one.scope): one.cursor for one in mutations}
        rows = [(client, self.scope(scope), b"ann", 1_800_000_000_000, cursor)
                for (client, scope), cursor in seen.items()]
        upsert = ("INSERT INTO clients VALUES(?,?,?,?,?) ON CONFLICT(client, scope) DO UPDATE SET "
                  "user = excluded.user, pushed = excluded.pushed, outcomes = excluded.outcomes")
        if self.is_numbered:
            run("INSERT OR IGNORE INTO clients VALUES(?,?,?,?,?)", rows)
            upsert = "UPDATE clients SET outcomes = ?5 WHERE client = ?1 AND scope = ?2 AND ?3<>?4"
        run(upsert, rows)
        run("INSERT OR REPLACE INTO totals VALUES(1,?,?)", [(1_800_000_000_000, len(mutations))])


class Blocks(Tables):
    """Version 3: blocks of the log and runs of outcomes. What Swift does to make them (sorting and
    joining) is not in the CPU: it is done in C here, as far as Python has that."""

    def __init__(self, database):
        super().__init__(database, True)
        database.executescript(VERSION_3.replace(NUMBERED, ""))
        self.runs, self.next = [], 1

    def write(self, mutations):
        run = self.database.executemany
        self.write_records(mutations, run)
        logs = {}
        for one in mutations:
            logs.setdefault(one.scope, []).append(one)
        for scope, entries in logs.items():
            self.write_log(scope, entries)
        self.write_outcomes(
            [(zlib.crc32(one.id) << 32 | zlib.crc32(one.record),
              one.id + one.client + b"x" * 50) for one in mutations], run)
        self.write_states(mutations, run)

    def write_log(self, scope, entries):
        blocks, first = [one.change for one in entries], entries[0].cursor
        size = min(2 * 261 * len(entries), 16384 - 261 * len(entries))
        old = self.database.execute(
            f"SELECT last, CASE WHEN length(bytes) <= {size} THEN bytes END FROM changes "
            "WHERE scope = ? ORDER BY last DESC LIMIT 1", (scope,)).fetchone()
        if old and old[1]:
            self.database.execute(
                "DELETE FROM changes WHERE scope = ? AND last = ?", (scope, old[0]))
            blocks, first = [old[1]] + blocks, old[0]
        step = 16384 // 261
        for start in range(0, len(blocks), step):
            part = blocks[start:start + step]
            self.database.execute(
                "INSERT INTO changes VALUES(?,?,?,?,?,?)",
                (scope, first + start + len(part) - 1, first, 0, b"m" * 4 * len(part),
                 b",".join(part)))

    def write_outcomes(self, rows, run):
        while self.runs and self.runs[-1][1] <= 2 * len(rows) and (
                self.runs[-1][1] + len(rows) <= RUN):
            number, count = self.runs.pop()
            found = self.database.execute(
                "SELECT rows FROM outcome_blocks WHERE id BETWEEN ? AND ?",
                (number << 16, (number << 16) + 65535)).fetchall()
            assert found
            for table in ("outcome_runs", "outcome_filters"):
                self.database.execute(f"DELETE FROM {table} WHERE id = ?", (number,))
            self.database.execute("DELETE FROM outcome_blocks WHERE id BETWEEN ? AND ?",
                                  (number << 16, (number << 16) + 65535))
            rows += [(crc << 32, b"r" * 108) for crc in range(count)]
        rows.sort()
        size = len(rows[0][1]) + 10
        step = 4040 // size
        blocks = [b"".join(struct.pack("<QH", key, len(body)) + body
                           for key, body in rows[start:start + step])
                  for start in range(0, len(rows), step)]
        run("INSERT INTO outcome_blocks VALUES(?,?)",
            [(self.next << 16 | index, block) for index, block in enumerate(blocks)])
        self.database.execute("INSERT INTO outcome_runs VALUES(?,?,0)", (self.next, len(rows)))
        self.database.execute("INSERT INTO outcome_filters VALUES(?,?,?,0)",
                              (self.next, b"f" * 8 * len(blocks), b"f" * (len(rows) * 10 // 8)))
        self.runs.append((self.next, len(rows)))
        self.next += 1


class Journal:
    """A preallocated file: a record and an fdatasync for each commit."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(self.file, bytes(16 << 20), 0)
        os.fdatasync(self.file)
        self.offset = 0

    def append(self, mutations):
        record = b"".join([one.change + one.id + one.client + b"x" * 40 for one in mutations])
        if self.offset + len(record) > 16 << 20:
            self.offset = 0
        os.pwrite(self.file, struct.pack("<Q", zlib.crc32(record)) + record, self.offset)
        os.fdatasync(self.file)
        self.offset += len(record) + 8


def open_database(path, synchronous, cache_kb, checkpoint_pages):
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", f"cache_size=-{cache_kb}",
                   f"wal_autocheckpoint={checkpoint_pages}", "secure_delete=FAST"):
        database.execute(f"PRAGMA {pragma}").fetchall()
    return database


def transaction(database, tables, mutations):
    database.execute("BEGIN IMMEDIATE")
    tables.write(mutations)
    database.execute("COMMIT")


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def written():
    with open("/proc/self/io") as lines:
        return int(dict(line.split(": ") for line in lines)["wchar"])


def loop_cost(make, mutations, size):
    """CPU of the same Python with statements that SQLite has no work with, for each mutation."""

    class Nothing:
        def __init__(self):
            self.none = sqlite3.connect(":memory:", isolation_level=None)
            self.none.execute("CREATE TABLE none(a)")

        def executescript(self, _):
            pass

        def execute(self, sql, values=()):
            marks = ",".join("?" * len(values))
            wanted = f"SELECT 1 WHERE 0 AND 1 IN ({marks})" if values else "SELECT 1 WHERE 0"
            return self.none.execute(wanted, values)

        def executemany(self, sql, rows):
            rows = list(rows)
            if rows:
                marks = " AND ".join(["? IS NULL"] * len(rows[0]))
                self.none.executemany(f"DELETE FROM none WHERE {marks}", rows)

    tables = make(Nothing())
    if isinstance(tables, Blocks):
        tables.write_outcomes = lambda rows, run: None
    start = cpu()
    for index in range(0, len(mutations), size):
        tables.write(mutations[index:index + size])
    return (cpu() - start) / len(mutations) * 1e6


def measure(title, folder, make, before, mutations, *, synchronous, cache_kb, checkpoint_pages,
            has_journal=False):
    path = os.path.join(folder, "tables.db")
    database = open_database(path, "OFF", cache_kb, 16000)
    tables = make(database)
    for index in range(0, len(before), FOLD):
        transaction(database, tables, before[index:index + FOLD])
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    database.execute(f"PRAGMA synchronous={synchronous}")
    database.execute(f"PRAGMA wal_autocheckpoint={checkpoint_pages}").fetchall()
    size = FOLD if has_journal else BATCH
    loop = loop_cost(make, mutations[:FOLD * 4], size)
    journal = Journal(os.path.join(folder, "journal")) if has_journal else None
    waits, frames = [], 0
    (start, bytes_before) = (cpu(), written())
    for index in range(0, len(mutations), size):
        part = mutations[index:index + size]
        if journal:
            for first in range(0, len(part), BATCH):
                begun = time.perf_counter()
                journal.append(part[first:first + BATCH])
                waits.append(time.perf_counter() - begun)
            transaction(database, tables, part)
            # The thread beside does it every 16 MiB or so.
            frames += 1
            if frames % 4 == 0:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        else:
            begun = time.perf_counter()
            transaction(database, tables, part)
            waits.append(time.perf_counter() - begun)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    spent = (cpu() - start) / len(mutations) * 1e6 - loop
    pages = (written() - bytes_before) / 4096 / len(mutations)
    waits.sort()
    print(f"| {title} | {spent:.1f} | {pages:.2f} | {statistics.median(waits) * 1e3:.2f} "
          f"| {waits[len(waits) * 99 // 100] * 1e3:.1f} |", flush=True)
    database.close()
    for left in os.listdir(folder):
        os.unlink(os.path.join(folder, left))


def main():
    base = sys.argv[1] if len(sys.argv) > 1 else None
    folder = tempfile.mkdtemp(prefix="mizu-tables-", dir=base)
    source = random.Random(12)
    cursors, records = [0] * SCOPES, [[] for _ in range(SCOPES)]
    before = stream(BEFORE, source, cursors, records)
    mutations = stream(COUNT, source, cursors, records)
    print(f"SQLite {sqlite3.sqlite_version}; {len(mutations)} mutations after {len(before)}\n")
    print("| what is written | CPU µs | pages | commit p50 ms | p99 ms |")
    print("| --- | --- | --- | --- | --- |")

    def old(database):
        return Tables(database, False)

    def numbered(database):
        return Tables(database, True)

    full = {"synchronous": "FULL"}
    behind = {"synchronous": "NORMAL", "cache_kb": 16000, "checkpoint_pages": 0,
              "has_journal": True}
    try:
        measure("version 2, 64 a commit, 4 MB of cache", folder, old, before, mutations,
                cache_kb=4000, checkpoint_pages=1000, **full)
        measure("the same with 64 MB, and checkpoints of 16,000 pages", folder, old, before,
                mutations, cache_kb=64000, checkpoint_pages=16000, **full)
        measure("numbers for scopes, fewer indexes, 16 MB", folder, numbered, before, mutations,
                cache_kb=16000, checkpoint_pages=4000, **full)
        measure("version 2 behind a journal, folds of 4,096", folder, old, before, mutations,
                **behind)
        measure("numbers and fewer indexes behind a journal", folder, numbered, before, mutations,
                **behind)
        measure("version 3 (blocks and runs) behind a journal", folder, Blocks, before, mutations,
                **behind)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
