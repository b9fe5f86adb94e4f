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
    return cpostgres_wait_for_two(descriptor, for_write, -1, milliseconds);
}

int cpostgres_wait_for_two(int descriptor, int for_write, int bell, int64_t milliseconds) {
    // poll(2) passes over a negative descriptor.
    struct pollfd wanted[2] = {
        {.fd = descriptor, .events = POLLIN}, {.fd = bell, .events = POLLIN}};
    if (for_write) wanted[0].events |= POLLOUT;
    if (milliseconds < 0) milliseconds = 0;
    if (milliseconds > INT_MAX) milliseconds = INT_MAX;
    int count = poll(wanted, 2, (int)milliseconds);
    if (count < 0) return -errno;
    int found = 0;
    // What is broken is found out by reading it.
    if (wanted[0].revents & (POLLIN | POLLERR | POLLHUP | POLLNVAL)) found |= 1;
    if (wanted[0].revents & POLLOUT) found |= 2;
    if (wanted[1].revents) found |= 4;
    return found;
}

int64_t cpostgres_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t cpostgres_now(void) { return cpostgres_now_ns() / 1000000; }
