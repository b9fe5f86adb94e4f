// SQLite for Swift: its own header, functions in place of the macros that Swift cannot read, and
// the few system calls that keep a database to one process. Each call returns a value or -errno.
#pragma once
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include "CSQLiteCopy.h"
#include "CommitJournal.h"
#include "Mend.h"

// Binds a copy of the bytes as a BLOB (SQLITE_TRANSIENT is a cast, which Swift does not import).
int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int64_t count);

// Has SQLite count no memory: that costs a lock for each of its allocations. Before the first
// connection is opened; later it does nothing.
void csqlite_configure(void);

// Opens (and creates, 0600) the file and takes an exclusive lock on it that ends with the process,
// even by kill -9. Returns the descriptor, or -errno; -EWOULDBLOCK if another process holds it.
int csqlite_lock_file(const char *path);
// The same with a database, which must exist: flock(2), which does not meet SQLite's own locks. On
// a file system of another machine, where it would, the file is opened and not locked.
int csqlite_lock_database(const char *path);
// Whether -errno from the two means that somebody else has the lock.
int csqlite_is_held(int result);
// Writes the process id into a locked file, for people.
void csqlite_write_pid(int descriptor);
// Reads the process id from a lock file; 0 if there is none.
int csqlite_read_pid(const char *path);
void csqlite_unlock_file(int descriptor);

// Writes the absolute path of a file, without symbolic links, to `resolved` (`size` bytes, with the
// end); makes the file, empty and 0600, where it is missing. Returns 0, or -errno.
int csqlite_resolve_file(const char *path, char *resolved, size_t size);
// What a file is, whatever its name: equal for one file.
typedef struct {
    uint64_t device, inode, links;
} csqlite_identity;
// Both return 0 or -errno; -EISDIR for a directory.
int csqlite_identify(const char *path, csqlite_identity *);
int csqlite_identify_descriptor(int descriptor, csqlite_identity *);
// Watches the names in the folder of `path` (inotify(7)): a descriptor that is to be closed, or
// -errno, where this kernel, file system or user has no watch left.
int csqlite_watch_folder(const char *path);
void csqlite_close_watch(int descriptor);
// 1 if a name in the folder may have been deleted, moved or replaced since the last call, or the
// watch is broken; 0 if not.
int csqlite_watch_has_news(int descriptor);
// 1 where the file at an absolute path is a mount of its own (a container's `-v file:file`); 0
// where it is not, or the kernel does not say.
int csqlite_is_mounted_alone(const char *path);
// Takes the rights of others from a file that is ours; the group's stay. Returns 1 where it did.
int csqlite_close_to_others(const char *path);
// Bytes that anybody may still write to the file's disk, and all that it has. Returns 0, or -errno.
int csqlite_disk_space(const char *path, int64_t *free, int64_t *total);
