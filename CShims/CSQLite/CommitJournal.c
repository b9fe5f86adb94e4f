// See CommitJournal.h. _GNU_SOURCE stays in here: in a header it would change glibc's structures
// for every module that imports it.
#define _GNU_SOURCE
#include "CommitJournal.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// --- CRC-32C -------------------------------------------------------------------------------------

// Bit by bit for the table's entries: sixteen steps for each byte are enough, because this way is
// for processors of before 2008 and for other architectures.
static uint32_t crc32c_plain(uint32_t crc, const uint8_t *bytes, size_t count) {
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *bytes,
                                                               size_t count) {
    uint64_t wide = crc;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; count > 0; bytes++, count--) crc = _mm_crc32_u8(crc, *bytes);
    return crc;
}
#endif

uint32_t csqlite_crc32c(uint32_t seed, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ~crc32c_sse42(~seed, bytes, count);
#endif
    return csqlite_crc32c_plain(seed, bytes, count);
}

uint32_t csqlite_crc32c_plain(uint32_t seed, const void *bytes, size_t count) {
    return ~crc32c_plain(~seed, bytes, count);
}

size_t csqlite_find_word(const void *bytes, size_t offset, size_t end, uint32_t a, uint32_t b) {
    for (; offset < end; offset += 8) {
        const uint8_t *byte = (const uint8_t *)bytes + offset;
        uint32_t word = (uint32_t)byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 |
                        (uint32_t)byte[3] << 24;
        if (word == a || word == b) return offset;
    }
    return end;
}

// --- Files ---------------------------------------------------------------------------------------

int csqlite_create_segment(const char *path) {
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return descriptor < 0 ? -errno : descriptor;
}

int csqlite_open_segment(const char *path, uint64_t *size) {
    // O_NONBLOCK: a FIFO of this name must not hold up the start.
    int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) return -errno;
    struct stat status;
    int result = 0;
    if (fstat(descriptor, &status) < 0) result = -errno;
    else if (!S_ISREG(status.st_mode)) result = -EINVAL;
    else if (status.st_nlink > 1) result = -EMLINK;
    if (result < 0) {
        close(descriptor);
        return result;
    }
    *size = (uint64_t)status.st_size;
    return descriptor;
}

void csqlite_close_segment(int descriptor) { close(descriptor); }

int csqlite_write_at(int descriptor, const struct iovec *slices, int count, uint64_t offset) {
    size_t done = 0; // of slices[0]
    while (count > 0) {
        ssize_t written;
        if (done > 0) {
            written = pwrite(descriptor, (const char *)slices->iov_base + done,
                             slices->iov_len - done, (off_t)offset);
        } else {
            written = pwritev(descriptor, slices, count < IOV_MAX ? count : IOV_MAX, (off_t)offset);
        }
        if (written < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        offset += (uint64_t)written;
        size_t taken = done + (size_t)written;
        while (count > 0 && taken >= slices->iov_len) {
            taken -= slices->iov_len;
            slices++;
            count--;
        }
        done = taken;
        if (written == 0 && count > 0) return -EIO;
    }
    return 0;
}

int csqlite_write_zeros(int descriptor, uint64_t offset, uint64_t count) {
    static const char zeros[1 << 16];
    while (count > 0) {
        size_t part = count < sizeof zeros ? (size_t)count : sizeof zeros;
        ssize_t written = pwrite(descriptor, zeros, part, (off_t)offset);
        if (written < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        if (written == 0) return -EIO;
        offset += (uint64_t)written;
        count -= (uint64_t)written;
    }
    return 0;
}

int csqlite_read_at(int descriptor, void *bytes, size_t count, uint64_t offset) {
    while (count > 0) {
        ssize_t found = pread(descriptor, bytes, count, (off_t)offset);
        if (found < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        if (found == 0) return -ENODATA;
        bytes = (char *)bytes + found;
        count -= (size_t)found;
        offset += (uint64_t)found;
    }
    return 0;
}

// A signal that comes first says nothing of the pages: only then may it be asked again.
int csqlite_sync_data(int descriptor) {
    while (fdatasync(descriptor) < 0)
        if (errno != EINTR) return -errno;
    return 0;
}

int csqlite_sync_all(int descriptor) {
    while (fsync(descriptor) < 0)
        if (errno != EINTR) return -errno;
    return 0;
}

int csqlite_sync_folder(const char *path) {
    char folder[4096];
    const char *slash = strrchr(path, '/');
    int count = snprintf(folder, sizeof folder, "%.*s/", slash ? (int)(slash - path) : 0, path);
    if (!slash) strcpy(folder, ".");
    if (count < 0 || (size_t)count >= sizeof folder) return -ENAMETOOLONG;
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    int result = fsync(descriptor) < 0 ? -errno : 0;
    close(descriptor);
    // A file system that cannot sync a folder keeps its names by itself.
    return result == -EINVAL || result == -ENOSYS ? 0 : result;
}

int csqlite_rename(const char *from, const char *to) { return rename(from, to) < 0 ? -errno : 0; }

int csqlite_remove(const char *path) {
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}
