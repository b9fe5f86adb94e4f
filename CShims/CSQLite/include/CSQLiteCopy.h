// What the operator's tools need beside SQLite: locks on files that are there already, and copies
// of files as they are. Each call returns a value >= 0, or -errno.
#pragma once
#include <sqlite3.h>
#include <stdint.h>

// As csqlite_lock_file, but makes nothing: -ENOENT where there is no such file.
int csqlite_lock_present(const char *path);
// Copies a file to a new one (0600; -EEXIST where the name is taken) and waits for the disk. Bytes
// that the file gets meanwhile may or may not be in it. Removes what it began where it fails. No
// connection of this process may have `from` open: its locks would go.
int csqlite_copy_file(const char *from, const char *to);
// Makes an empty file (0600; -EEXIST where the name is taken).
int csqlite_make_file(const char *path);
// Waits until a file, or the names in a folder, are on the disk.
int csqlite_sync(const char *path);
// Bytes of a file; -ENOENT where there is none.
int64_t csqlite_file_size(const char *path);
// Gives a file to whoever its folder belongs to, where we are root; else nothing happens.
int csqlite_give_to_folder(const char *path, const char *folder);
// Where we are root, everything is done from now on as the owner of the file. The whole process.
int csqlite_become_owner(const char *path);
// Gives a file the owner (where we are root) and the rights of another one.
int csqlite_give_like(const char *path, const char *other);
// Whoever closes the last connection copies the WAL into the database, unless this is said.
int csqlite_keep_wal(sqlite3 *connection);
