// The calls behind CLinuxLoad.h, one function for each; see there what they promise.

#define _GNU_SOURCE
#include "CLinuxLoad.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int cl_resolve(const char *name, char *text, size_t size) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(name, NULL, &hints, &found) != 0 || !found) return -EADDRNOTAVAIL;
    int failed = getnameinfo(
        found->ai_addr, found->ai_addrlen, text, (socklen_t)size, NULL, 0, NI_NUMERICHOST);
    freeaddrinfo(found);
    return failed ? -EADDRNOTAVAIL : 0;
}

uint64_t cl_process_cpu_ns(void) {
    struct timespec time = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int64_t cl_clock_ticks(void) {
    long ticks = sysconf(_SC_CLK_TCK);
    return ticks > 0 ? ticks : 100;
}

ssize_t cl_read_file(const char *path, void *bytes, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    size_t total = 0;
    while (total < size) {
        ssize_t count = read(fd, (char *)bytes + total, size - total);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            int error = errno;
            close(fd);
            return -error;
        }
        if (count == 0) break;
        total += (size_t)count;
    }
    close(fd);
    return (ssize_t)total;
}

int cl_is_terminal(int fd) { return isatty(fd) == 1; }
