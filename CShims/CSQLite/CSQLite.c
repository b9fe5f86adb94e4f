// See CSQLite.h. _GNU_SOURCE stays in here: in a header it would change glibc's structures for
// every module that imports it.
#define _GNU_SOURCE
#include "CSQLite.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int64_t count) {
    // A null pointer would bind NULL; an empty BLOB is meant.
    return sqlite3_bind_blob64(statement, index, bytes ? bytes : "", (sqlite3_uint64)count,
                               SQLITE_TRANSIENT);
}

int csqlite_lock_file(const char *path) {
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) return -errno;
    while (flock(descriptor, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EINTR) continue;
        int error = errno;
        close(descriptor);
        return -error;
    }
    return descriptor;
}

int csqlite_is_held(int result) { return result == -EWOULDBLOCK; }

void csqlite_write_pid(int descriptor) {
    char text[32];
    int count = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(descriptor, 0) == 0 && pwrite(descriptor, text, (size_t)count, 0) < 0) return;
}

int csqlite_read_pid(const char *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return 0;
    char text[32] = {0};
    ssize_t count = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    return count > 0 ? atoi(text) : 0;
}

// Unlocked by name, because a lock lives as long as its last descriptor, and a child that somebody
// starts on another thread has copies of all of them until its exec.
void csqlite_unlock_file(int descriptor) {
    flock(descriptor, LOCK_UN);
    close(descriptor);
}

int csqlite_resolve_file(const char *path, char *resolved, size_t size) {
    char *real = realpath(path, NULL);
    if (real == NULL && errno == ENOENT) {
        // Only a file that nobody has open yet: closing a descriptor of it would let go of the
        // locks that SQLite holds on it in this process.
        int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (descriptor < 0) return -errno;
        close(descriptor);
        real = realpath(path, NULL);
    }
    if (real == NULL) return -errno;
    int count = snprintf(resolved, size, "%s", real);
    free(real);
    return count >= 0 && (size_t)count < size ? 0 : -ENAMETOOLONG;
}

int csqlite_make_directory(const char *path) {
    if (mkdir(path, 0777) == 0) return 0;
    int error = errno;
    struct stat status;
    if (error == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) return 0;
    return -error;
}

void csqlite_error_text(int error, char *text, size_t size) {
    const char *message = strerror_r(error, text, size);
    if (message != text) snprintf(text, size, "%s", message);
}
