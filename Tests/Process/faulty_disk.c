// A disk that fails where it is told to, for tests: preloaded into a server, it stands before the
// calls by which the files of the database are written. See disk.py, which compiles and steers it.
//
//   DISK_FILES    what the absolute names of those files begin with
//   DISK_CONTROL  a file of `struct control`, shared with the test
//   DISK_SHADOW   a folder, or nothing: what is durable of each file. It is brought up to date by
//                 each sync that succeeds, so a loss of power can be played by going back to it. A
//                 sync that fails loses, like the kernel's, the pages that it was to write: a later
//                 one does not write them unless they were written again.
//   DISK_FAULTY   how the name of the files ends at which calls fail; without it, all
//   DISK_FREE     how many bytes of it are said to be free; without it, the truth
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FAULT_EIO = 1, FAULT_ENOSPC, FAULT_SHORT, FAULT_TORN, FAULT_EXIT };
enum { CALL_WRITE = 1, CALL_SYNC = 2, CALL_NAME = 4, CALL_SIZE = 8 };

struct control {
    _Atomic uint32_t countdown; // the call that fails, from now on; 0: none
    _Atomic uint32_t fault, calls;
    _Atomic uint32_t repeats; // how many more fail behind it
    _Atomic uint32_t seen, hits;
};

static struct control *control;
static const char *files, *shadow, *faulty;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
    files = getenv("DISK_FILES");
    shadow = getenv("DISK_SHADOW");
    faulty = getenv("DISK_FAULTY");
    const char *path = getenv("DISK_CONTROL");
    int descriptor = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    void *memory = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (memory != MAP_FAILED) control = memory;
}

static int is_ours(const char *path) {
    return files && !strncmp(path, files, strlen(files)) && !strstr(path, "-lock") &&
           !strstr(path, "-shm");
}

// The name of a descriptor's file in `path` (PATH_MAX), where it is one of the database's.
static int is_our_descriptor(int descriptor, char *path) {
    if (!control || !files) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t count = readlink(link, path, PATH_MAX - 1);
    if (count <= 0) return 0;
    path[count] = 0;
    return is_ours(path);
}

static int ends_with(const char *path, const char *suffix) {
    size_t length = strlen(path), tail = strlen(suffix);
    return length >= tail && !strcmp(path + length - tail, suffix);
}

// The fault that is due at this call on a file of the database, or 0.
static uint32_t due(uint32_t call, const char *path) {
    if (!control || !(atomic_load(&control->calls) & call)) return 0;
    if (faulty && !ends_with(path, faulty)) return 0;
    atomic_fetch_add(&control->seen, 1);
    uint32_t count = atomic_load(&control->countdown);
    while (count > 0 && !atomic_compare_exchange_weak(&control->countdown, &count, count - 1)) {
    }
    if (count != 1) return 0;
    if (atomic_load(&control->repeats) > 0) {
        atomic_fetch_sub(&control->repeats, 1);
        atomic_store(&control->countdown, 1);
    }
    atomic_fetch_add(&control->hits, 1);
    uint32_t fault = atomic_load(&control->fault);
    if (fault == FAULT_EXIT) _exit(137);
    return fault;
}

static int number(uint32_t fault) { return fault == FAULT_ENOSPC ? ENOSPC : EIO; }

// --- The shadow -----------------------------------------------------------------------------------

enum { PAGE = 4096, LOST_FILES = 16, LOST_PAGES = 1 << 16 };
static struct lost {
    char path[PATH_MAX];
    unsigned char pages[LOST_PAGES];
} *lost[LOST_FILES];

static struct lost *lost_of(const char *path, int makes) {
    for (int i = 0; i < LOST_FILES; i++) {
        if (lost[i] && !strcmp(lost[i]->path, path)) return lost[i];
        if (!lost[i] && !makes) return NULL;
        if (!lost[i]) {
            lost[i] = calloc(1, sizeof *lost[i]);
            strcpy(lost[i]->path, path);
            return lost[i];
        }
    }
    return NULL;
}

static void shadow_name(const char *path, char *name) {
    const char *slash = strrchr(path, '/');
    snprintf(name, PATH_MAX, "%s/%s", shadow, slash ? slash + 1 : path);
}

// Brings the shadow of a file up to date; or, where the sync has failed, notes what it has lost.
static void synced(int descriptor, const char *path, int has_failed) {
    if (!shadow) return;
    char name[PATH_MAX];
    shadow_name(path, name);
    struct stat status;
    if (fstat(descriptor, &status) < 0 || !S_ISREG(status.st_mode)) return;
    pthread_mutex_lock(&lock);
    int copy = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct lost *losses = lost_of(path, has_failed);
    static char now[1 << 16], then[1 << 16];
    for (off_t at = 0; copy >= 0 && at < status.st_size; at += sizeof now) {
        ssize_t count = pread(descriptor, now, sizeof now, at);
        if (count <= 0) break;
        memset(then, 0, sizeof then);
        if (pread(copy, then, (size_t)count, at) < 0) break;
        if (!has_failed && !losses && !memcmp(now, then, (size_t)count)) continue;
        for (ssize_t page = 0; page < count; page += PAGE) {
            size_t part = count - page < PAGE ? (size_t)(count - page) : PAGE;
            size_t index = (size_t)(at + page) / PAGE;
            if (!memcmp(now + page, then + page, part)) continue;
            if (has_failed) {
                if (losses && index < LOST_PAGES) losses->pages[index] = 1;
            } else if (!losses || index >= LOST_PAGES || !losses->pages[index]) {
                if (REAL(pwrite)(copy, now + page, part, at + page) < 0) break;
            }
        }
    }
    if (copy >= 0 && !has_failed && REAL(ftruncate)(copy, status.st_size) < 0) abort();
    if (copy >= 0) close(copy);
    pthread_mutex_unlock(&lock);
}

// What is written again is not lost.
static void wrote(const char *path, off_t offset, ssize_t count) {
    if (!shadow || count <= 0) return;
    pthread_mutex_lock(&lock);
    struct lost *losses = lost_of(path, 0);
    for (off_t page = offset / PAGE; losses && page <= (offset + count - 1) / PAGE; page++)
        if (page < LOST_PAGES) losses->pages[page] = 0;
    pthread_mutex_unlock(&lock);
}

// --- Writes ---------------------------------------------------------------------------------------

static ssize_t write_part(int descriptor, const void *bytes, size_t count, off_t offset) {
    return offset < 0 ? REAL(write)(descriptor, bytes, count)
                      : REAL(pwrite)(descriptor, bytes, count, offset);
}

static ssize_t write_one(int descriptor, const void *bytes, size_t count, off_t offset) {
    char path[PATH_MAX];
    if (!is_our_descriptor(descriptor, path)) return write_part(descriptor, bytes, count, offset);
    uint32_t fault = due(CALL_WRITE, path);
    if (fault == FAULT_SHORT || fault == FAULT_TORN) {
        ssize_t half = write_part(descriptor, bytes, count > 1 ? count / 2 : count, offset);
        if (fault == FAULT_TORN) _exit(137);
        wrote(path, offset, half);
        return half;
    }
    if (fault) {
        errno = number(fault);
        return -1;
    }
    ssize_t written = write_part(descriptor, bytes, count, offset);
    wrote(path, offset, written);
    return written;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    return write_one(descriptor, bytes, count, -1);
}
ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    return write_one(descriptor, bytes, count, offset);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    return write_one(descriptor, bytes, count, offset);
}

static ssize_t write_slices(int descriptor, const struct iovec *slices, int count, off_t offset) {
    char path[PATH_MAX];
    if (!is_our_descriptor(descriptor, path))
        return REAL(pwritev)(descriptor, slices, count, offset);
    // One write of all, so that it can be half done at any byte.
    size_t total = 0, done = 0;
    for (int i = 0; i < count; i++) total += slices[i].iov_len;
    char *bytes = malloc(total ? total : 1);
    for (int i = 0; i < count; done += slices[i].iov_len, i++)
        memcpy(bytes + done, slices[i].iov_base, slices[i].iov_len);
    ssize_t written = write_one(descriptor, bytes, total, offset);
    int kept = errno;
    free(bytes);
    errno = kept;
    return written;
}

ssize_t pwritev(int descriptor, const struct iovec *slices, int count, off_t offset) {
    return write_slices(descriptor, slices, count, offset);
}
ssize_t pwritev64(int descriptor, const struct iovec *slices, int count, off64_t offset) {
    return write_slices(descriptor, slices, count, offset);
}

// --- Syncs, sizes, names --------------------------------------------------------------------------

static int sync_one(int descriptor, int (*sync)(int)) {
    char path[PATH_MAX];
    if (!is_our_descriptor(descriptor, path)) return sync(descriptor);
    uint32_t fault = due(CALL_SYNC, path);
    if (fault == FAULT_TORN) _exit(137);
    if (fault) {
        synced(descriptor, path, 1);
        errno = number(fault);
        return -1;
    }
    // The shadow is the disk then; to wait for the real one as well would show nothing.
    int result = shadow ? 0 : sync(descriptor);
    if (result == 0) synced(descriptor, path, 0);
    return result;
}

int fsync(int descriptor) { return sync_one(descriptor, REAL(fsync)); }
int fdatasync(int descriptor) { return sync_one(descriptor, REAL(fdatasync)); }

static int fails(int descriptor, uint32_t call) {
    char path[PATH_MAX];
    uint32_t fault = is_our_descriptor(descriptor, path) ? due(call, path) : 0;
    if (fault == FAULT_TORN) _exit(137);
    if (fault) errno = number(fault);
    return fault != 0;
}

int ftruncate(int descriptor, off_t size) {
    return fails(descriptor, CALL_SIZE) ? -1 : REAL(ftruncate)(descriptor, size);
}
int ftruncate64(int descriptor, off64_t size) {
    return fails(descriptor, CALL_SIZE) ? -1 : REAL(ftruncate)(descriptor, size);
}
int fallocate(int descriptor, int mode, off_t offset, off_t count) {
    return fails(descriptor, CALL_SIZE) ? -1 : REAL(fallocate)(descriptor, mode, offset, count);
}
int posix_fallocate(int descriptor, off_t offset, off_t count) {
    return fails(descriptor, CALL_SIZE) ? errno : REAL(posix_fallocate)(descriptor, offset, count);
}

int rename(const char *from, const char *to) {
    if (!control || !is_ours(to)) return REAL(rename)(from, to);
    uint32_t fault = due(CALL_NAME, to);
    if (fault == FAULT_TORN) _exit(137);
    if (fault) {
        errno = number(fault);
        return -1;
    }
    if (shadow) {
        char old[PATH_MAX], new[PATH_MAX];
        shadow_name(from, old);
        shadow_name(to, new);
        REAL(rename)(old, new);
    }
    return REAL(rename)(from, to);
}

int statvfs(const char *path, struct statvfs *status) {
    int result = REAL(statvfs)(path, status);
    const char *space = getenv("DISK_FREE");
    if (result == 0 && space && status->f_frsize > 0)
        status->f_bavail = strtoul(space, NULL, 10) / status->f_frsize;
    return result;
}

int unlink(const char *path) {
    if (!control || !is_ours(path)) return REAL(unlink)(path);
    uint32_t fault = due(CALL_NAME, path);
    if (fault == FAULT_TORN) _exit(137);
    if (fault) {
        errno = number(fault);
        return -1;
    }
    if (shadow) {
        char name[PATH_MAX];
        shadow_name(path, name);
        REAL(unlink)(name);
    }
    return REAL(unlink)(path);
}
