// The calls behind CPostgres.h, one function for each; see there what they promise.

#define _GNU_SOURCE
#include "CPostgres.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

static void ignore(void *context, const char *message) {
    (void)context;
    (void)message;
}

void cpostgres_ignore_notices(PGconn *connection) {
    PQsetNoticeProcessor(connection, ignore, NULL);
}

int cpostgres_wait(int descriptor, int for_write, int64_t milliseconds) {
    struct pollfd wanted = {.fd = descriptor, .events = POLLIN};
    if (for_write) wanted.events |= POLLOUT;
    if (milliseconds < 0) milliseconds = 0;
    if (milliseconds > INT_MAX) milliseconds = INT_MAX;
    int count = poll(&wanted, 1, (int)milliseconds);
    if (count < 0) return -errno;
    if (count == 0) return 0;
    int found = 0;
    // What is broken is found out by reading it.
    if (wanted.revents & (POLLIN | POLLERR | POLLHUP | POLLNVAL)) found |= 1;
    if (wanted.revents & POLLOUT) found |= 2;
    return found;
}

int64_t cpostgres_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
