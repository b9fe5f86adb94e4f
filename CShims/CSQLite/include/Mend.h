// Writes again what a sync that failed may have lost. The kernel calls pages clean that it could
// not write (fsyncgate): no later sync writes them, and none fails for them. SQLite does not know
// of it: it goes on from what it has written. So that is written once more, by its own files.
#pragma once
#include <sqlite3.h>
#include <stdint.h>

// Which round of the WAL it is, from its header (sqlite.org/fileformat2.html, §4.1: both salts):
// each time that it begins anew there is another. Returns SQLITE_OK, or why there is none.
int csqlite_wal_round(sqlite3 *connection, uint64_t *round);

// Writes all of the WAL again, as it is, and to the database what the first `count` of its frames
// have put there if it is still in that round. For readers nothing changes. The caller is in a
// transaction that keeps other writers away, and no checkpoint is under way. Returns SQLITE_OK, or
// why not all was written; then none of it is to be believed. Thread: the connection's.
int csqlite_mend(sqlite3 *connection, uint64_t round, uint32_t count);
