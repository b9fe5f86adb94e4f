// SQLite for Swift: its own header, functions in place of the macros that Swift cannot read, and
// the few system calls that keep a database to one process. Each call returns a value or -errno.
#pragma once
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

// Binds a copy of the bytes as a BLOB (SQLITE_TRANSIENT is a cast, which Swift does not import).
int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int64_t count);

// Opens (and creates) the file and takes an exclusive lock on it that ends with the process, even
// by kill -9. Returns the descriptor, or -errno; -EWOULDBLOCK if another process holds it.
int csqlite_lock_file(const char *path);
// Whether -errno from csqlite_lock_file means that somebody else has the lock.
int csqlite_is_held(int result);
// Writes the process id into a locked file, for people.
void csqlite_write_pid(int descriptor);
// Reads the process id from a lock file; 0 if there is none.
int csqlite_read_pid(const char *path);
void csqlite_unlock_file(int descriptor);

// Writes the absolute path of a file, without symbolic links, to `resolved` (`size` bytes, with the
// end); makes the file, empty, where it is missing. Returns 0, or -errno.
int csqlite_resolve_file(const char *path, char *resolved, size_t size);
// mkdir, 0777 less the umask; 0 also where it exists already as a directory.
int csqlite_make_directory(const char *path);
// The text for a positive errno, written to `text`.
void csqlite_error_text(int error, char *text, size_t size);
