// The system calls that Swift cannot make itself: macros, variadics and what glibc shows only
// under _GNU_SOURCE. Each function returns a value >= 0, or -errno. Nothing here keeps state.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "CLinuxChild.h"
#include "CLinuxLoad.h"
#include "CLinuxProcess.h"

// epoll(7). The layout of struct epoll_event on x86-64 is packed; ours is not, so the events are
// copied out once for each batch.
typedef struct {
    uint64_t data;
    uint32_t events;
} cl_event;

enum {
    CL_IN = 0x001,
    CL_OUT = 0x004,
    CL_ERR = 0x008,
    CL_HUP = 0x010,
    CL_RDHUP = 0x2000,
};

int cl_epoll_create(void);
int cl_epoll_add_edge(int epoll, int fd, uint32_t events, uint64_t data);
int cl_epoll_delete(int epoll, int fd);
int cl_epoll_wait(int epoll, cl_event *events, int max, int timeout_ms);

// timerfd_create(2) of CLOCK_MONOTONIC; `arm` sets the moment of its one expiry in nanoseconds.
int cl_timerfd(void);
int cl_timerfd_arm(int fd, uint64_t at_ns);

int cl_eventfd(void);
int cl_eventfd_signal(int fd);
int cl_eventfd_drain(int fd);

// Blocks `signals` for the calling thread and those it starts, and returns a signalfd for them.
int cl_signalfd(const int *signals, int count);
// Returns the next pending signal number, or -EAGAIN.
int cl_signalfd_read(int fd);
void cl_ignore_sigpipe(void);

// Sockets. `address` is numeric; "" stands for every address, with IPv6 where the host has it.
enum { CL_REUSEPORT = 1, CL_NO_LISTEN = 2 };
int cl_listen(const char *address, uint16_t port, int backlog, int flags);
int cl_local_port(int fd);
// Where a connection came from: an IPv6 address in network order, IPv4 as ::ffff:a.b.c.d. One of a
// socket in the file system (unix(7)) comes from 127.0.0.1.
typedef struct {
    uint64_t high, low;
    uint16_t port;
} cl_peer;
int cl_accept(int listener, cl_peer *peer);
int cl_connect(const char *address, uint16_t port);
// The same from a numeric address of this machine; "" leaves the choice to the kernel. The
// connection is under way: writable, or an error, says how it went (`cl_socket_error`).
int cl_connect_from(const char *source, const char *address, uint16_t port);
int cl_socket_error(int fd);
ssize_t cl_recv(int fd, void *bytes, size_t count);
ssize_t cl_send(int fd, const void *bytes, size_t count);
ssize_t cl_sendv(int fd, const struct iovec *parts, int count);
int cl_shutdown_write(int fd);
// Reads without taking: the bytes stay in the socket.
ssize_t cl_peek(int fd, void *bytes, size_t count);
// Bytes that were written and the peer's kernel has not acknowledged; a FIN counts as one.
int cl_unacknowledged(int fd);
// Makes close(2) drop what is unsent and reset the connection.
int cl_reset_on_close(int fd);

// Writes all of it, unless the other side has gone.
ssize_t cl_write(int fd, const void *bytes, size_t count);
int cl_close(int fd);
int cl_open_null(void);
// Renames a file to a name that nobody has yet (-EEXIST where somebody has). Where the file system
// cannot promise that in one step, it looks first and renames then.
int cl_rename_new(const char *from, const char *to);
// Makes the directories above `path` that are missing, for nobody but the process's user (0700 less
// the umask): what a server writes is its own. Returns 0, or -errno of the directory whose name is
// the first `*failed` bytes of `path`.
int cl_make_parents(const char *path, size_t *failed);
// Raises the soft limit of open files to the hard one; returns the limit in force.
int64_t cl_raise_open_files(void);
// The limit of open files in force.
int64_t cl_open_files(void);
int cl_random(void *bytes, size_t count);
uint64_t cl_monotonic_ns(void);
int64_t cl_realtime_ms(void);
// Processor time of all threads of the process so far, user and kernel.
uint64_t cl_processor_ns(void);
// 1 where `part` stands somewhere in `bytes`, else 0 (memmem(3)).
int cl_contains(const void *bytes, size_t count, const void *part, size_t part_count);
int cl_cpu_count(void);
void cl_thread_name(const char *name);
// Lets the calling thread, and no other, give way to all threads of a lower nice value (nice(2),
// sched(7)): `steps` above what it has, 19 at most. Returns the nice value that it has then.
int cl_thread_nice(int steps);
// Names the calling thread, as long as it runs (pthread_self(3)).
uint64_t cl_thread_self(void);

// What the calling thread was given last; NULL in a new thread. For tests: TestWorld.swift.
void *cl_thread_world(void);
void cl_set_thread_world(void *world);
const char *cl_error_text(int error);
// Starts a detached thread that calls body(context); returns 0 or -errno.
int cl_thread_start(void (*body)(void *), void *context);
