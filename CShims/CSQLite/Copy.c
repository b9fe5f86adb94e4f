// Locks and copies of files as they are: see CSQLiteCopy.h. _GNU_SOURCE stays in here.
#define _GNU_SOURCE
#include "CSQLiteCopy.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

int csqlite_lock_present(const char *path) {
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    while (flock(descriptor, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EINTR) continue;
        int error = errno;
        close(descriptor);
        return -error;
    }
    return descriptor;
}

static int write_all(int descriptor, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -errno;
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

static int copy_bytes(int from, int to) {
    char *chunk = malloc(CHUNK);
    if (chunk == NULL) return -ENOMEM;
    int result = 0;
    while (result == 0) {
        ssize_t count = read(from, chunk, CHUNK);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) result = -errno;
        if (count <= 0) break;
        result = write_all(to, chunk, (size_t)count);
    }
    free(chunk);
    return result;
}

int csqlite_copy_file(const char *from, const char *to) {
    int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0) return -errno;
    int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (target < 0) {
        int error = errno;
        close(source);
        return -error;
    }
    int result = copy_bytes(source, target);
    if (result == 0 && fsync(target) < 0) result = -errno;
    if (close(target) < 0 && result == 0) result = -errno;
    close(source);
    if (result < 0) unlink(to);
    return result;
}

int csqlite_make_file(const char *path) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return -errno;
    close(descriptor);
    return 0;
}

int csqlite_sync(const char *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    int result = fsync(descriptor) < 0 ? -errno : 0;
    close(descriptor);
    return result;
}

int64_t csqlite_file_size(const char *path) {
    struct stat status;
    return stat(path, &status) < 0 ? -errno : (int64_t)status.st_size;
}

int csqlite_give_to_folder(const char *path, const char *folder) {
    struct stat status;
    if (geteuid() != 0) return 0;
    if (stat(folder, &status) < 0) return -errno;
    return chown(path, status.st_uid, status.st_gid) < 0 ? -errno : 0;
}

int csqlite_become_owner(const char *path) {
    struct stat status;
    if (geteuid() != 0) return 0;
    if (stat(path, &status) < 0) return -errno;
    if (status.st_uid == 0) return 0;
    if (setegid(status.st_gid) < 0 || seteuid(status.st_uid) < 0) return -errno;
    return 0;
}

int csqlite_give_like(const char *path, const char *other) {
    struct stat status;
    if (stat(other, &status) < 0) return -errno;
    if (geteuid() == 0 && chown(path, status.st_uid, status.st_gid) < 0) return -errno;
    return chmod(path, status.st_mode & 07777) < 0 ? -errno : 0;
}

int csqlite_keep_wal(sqlite3 *connection) {
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}
