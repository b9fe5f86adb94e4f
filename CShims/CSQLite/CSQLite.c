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
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int64_t count) {
    // A null pointer would bind NULL; an empty BLOB is meant.
    return sqlite3_bind_blob64(statement, index, bytes ? bytes : "", (sqlite3_uint64)count,
                               SQLITE_TRANSIENT);
}

int csqlite_disk_space(const char *path, int64_t *free, int64_t *total) {
    struct statvfs disk;
    while (statvfs(path, &disk) < 0) {
        if (errno != EINTR) return -errno;
    }
    *free = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    *total = (int64_t)disk.f_blocks * (int64_t)disk.f_frsize;
    return 0;
}

// The lock on `descriptor`: 0, or -errno.
static int lock(int descriptor) {
    while (flock(descriptor, LOCK_EX | LOCK_NB) < 0)
        if (errno != EINTR) return -errno;
    return 0;
}

int csqlite_lock_file(const char *path) {
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return -errno;
    int result = lock(descriptor);
    if (result < 0) close(descriptor);
    return result < 0 ? result : descriptor;
}

// Over a network flock is made of the same locks as SQLite's own, and the two would meet.
static int is_remote(int descriptor) {
    struct statfs status;
    if (fstatfs(descriptor, &status) < 0) return 0;
    switch ((uint32_t)status.f_type) {
    case 0x6969:     // NFS
    case 0x517B:     // SMB
    case 0xFE534D42: // SMB2
    case 0xFF534D42: // CIFS
        return 1;
    default: return 0;
    }
}

int csqlite_lock_database(const char *path) {
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    // Where it is held the descriptor stays open: another store of this process may have the file,
    // and with the first descriptor that is closed SQLite's locks on it would be gone.
    int result = is_remote(descriptor) ? 0 : lock(descriptor);
    return csqlite_is_held(result) ? result : descriptor;
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
        int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor < 0) return -errno;
        close(descriptor);
        real = realpath(path, NULL);
    }
    if (real == NULL) return -errno;
    int count = snprintf(resolved, size, "%s", real);
    free(real);
    return count >= 0 && (size_t)count < size ? 0 : -ENAMETOOLONG;
}

int csqlite_identify(const char *path, csqlite_identity *identity) {
    struct stat status;
    if (stat(path, &status) < 0) return -errno;
    if (S_ISDIR(status.st_mode)) return -EISDIR;
    *identity = (csqlite_identity){status.st_dev, status.st_ino, status.st_nlink};
    return 0;
}

int csqlite_identify_descriptor(int descriptor, csqlite_identity *identity) {
    struct stat status;
    if (fstat(descriptor, &status) < 0) return -errno;
    *identity = (csqlite_identity){status.st_dev, status.st_ino, status.st_nlink};
    return 0;
}

int csqlite_watch_folder(const char *path) {
    char folder[4096];
    const char *slash = strrchr(path, '/');
    int count = slash ? (int)(slash - path) + 1 : 0;
    if (count >= (int)sizeof folder) return -ENAMETOOLONG;
    snprintf(folder, sizeof folder, "%.*s", count, path);
    if (!slash) strcpy(folder, ".");
    int descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor < 0) return -errno;
    uint32_t events = IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
    if (inotify_add_watch(descriptor, folder, events | IN_ONLYDIR) < 0) {
        int result = -errno;
        close(descriptor);
        return result;
    }
    return descriptor;
}

void csqlite_close_watch(int descriptor) { close(descriptor); }

int csqlite_watch_has_news(int descriptor) {
    char events[4096];
    int news = 0;
    for (;;) {
        ssize_t count = read(descriptor, events, sizeof events);
        if (count > 0) {
            news = 1;
            continue;
        }
        if (count < 0 && errno == EINTR) continue;
        return count < 0 && errno == EAGAIN ? news : 1;
    }
}

void csqlite_configure(void) { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

// Older kernels than 5.8 do not say; then neither does this.
int csqlite_is_mounted_alone(const char *path) {
    struct statx file, folder;
    char parent[4096];
    const char *slash = strrchr(path, '/');
    int count = slash ? (int)(slash - path) : 0;
    snprintf(parent, sizeof parent, "%.*s/", count, path);
    if (!slash) strcpy(parent, ".");
    if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &file) < 0) return 0;
    if (statx(AT_FDCWD, parent, 0, STATX_MNT_ID, &folder) < 0) return 0;
    if (!(file.stx_mask & folder.stx_mask & STATX_MNT_ID)) return 0;
    return file.stx_mnt_id != folder.stx_mnt_id;
}

int csqlite_close_to_others(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0 || status.st_uid != geteuid()) return 0;
    if (!(status.st_mode & S_IRWXO)) return 0;
    return chmod(path, status.st_mode & 07777 & ~(mode_t)S_IRWXO) == 0;
}
