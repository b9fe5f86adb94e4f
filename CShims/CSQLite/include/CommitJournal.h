// System calls of the commit journal (Sources/SyncSQLite/CommitJournal.swift): files that are
// written with zeros before use, one gathered write and one fdatasync for a record, and CRC-32C.
// Each call returns a value or -errno; none of them keeps anything.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

// CRC-32C (Castagnoli; RFC 3720 §B.4) of the bytes, which continues `seed`: the result of those
// before, 0 for none.
uint32_t csqlite_crc32c(uint32_t seed, const void *bytes, size_t count);
// The same without the processor's instruction, as on one that has none.
uint32_t csqlite_crc32c_plain(uint32_t seed, const void *bytes, size_t count);

// The first of `offset`, `offset` + 8 … below `end` at which the little-endian word `a` or `b`
// stands; `end` if there is none. All below `end` + 4 can be read.
size_t csqlite_find_word(const void *bytes, size_t offset, size_t end, uint32_t a, uint32_t b);

// Makes a file for the process's user alone, without following a link. The name must be free.
int csqlite_create_segment(const char *path);
// Opens a file that csqlite_create_segment made, and gives its size. -ELOOP for a symbolic link,
// -EMLINK for a file of several names, -EINVAL for what is no plain file.
int csqlite_open_segment(const char *path, uint64_t *size);
void csqlite_close_segment(int descriptor);

// Writes everything, or returns -errno after some of it; -EIO where the disk takes no byte.
int csqlite_write_at(int descriptor, const struct iovec *slices, int count, uint64_t offset);
// Writes `count` zeros from `offset` on.
int csqlite_write_zeros(int descriptor, uint64_t offset, uint64_t count);
// Reads exactly `count` bytes; -ENODATA where the file ends before.
int csqlite_read_at(int descriptor, void *bytes, size_t count, uint64_t offset);
// Waits until what was written is on the disk, as far as reading it again needs: fdatasync(2).
int csqlite_sync_data(int descriptor);
int csqlite_sync_all(int descriptor);
// Makes the names in the folder of `path` durable: fsync(2) of the folder.
int csqlite_sync_folder(const char *path);
int csqlite_rename(const char *from, const char *to);
// 0 also where the name is free.
int csqlite_remove(const char *path);
