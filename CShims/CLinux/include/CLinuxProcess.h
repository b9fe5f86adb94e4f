// What a daemon asks of the kernel beside its sockets: who it runs as, what it was handed by its
// service manager, and files that it writes logs to. Each function returns a value >= 0, or -errno.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Opens /dev/null for each of the descriptors 0 to 2 that the parent has closed. Else the first
// socket or database opened would get that number, and log lines would go there. Call it before
// anything is opened.
int cl_hold_standard_descriptors(void);

// A user as passwd(5) has it; `name` is empty where the database does not know the number.
typedef struct {
    uint32_t user, group;
    char name[64];
} cl_identity;

// Look a name up, or a number written in digits. -ENOENT: there is none. A number that the
// database does not know is found all the same: `has_group` says whether `group` means anything.
int cl_find_user(const char *text, cl_identity *identity, int *has_group);
int cl_find_group(const char *text, uint32_t *group);

// The steps by which root becomes somebody else, in this order. They hold for the whole process
// only while it has one thread: `cl_thread_count` says how many there are.
int cl_thread_count(void);
int cl_set_groups(const cl_identity *identity);
int cl_set_group(uint32_t group);
int cl_set_user(uint32_t user);
int cl_clear_capabilities(void);
// No exec gives rights (PR_SET_NO_NEW_PRIVS), and nobody but root reads our memory or core.
int cl_forbid_new_privileges(void);
int cl_forbid_dumps(void);
// No core, and no memory in one that is made all the same. Before rights are given up: afterwards
// /proc/self is root's. What fails is left as it is.
void cl_empty_cores(void);
// 0 where every id is what was asked for, no capability is left and root cannot be had back;
// else -EPERM.
int cl_verify_identity(const cl_identity *identity);

// 0 where the file can be opened for reading as who we are now.
int cl_can_read(const char *path);
// Opens `path` for appending, made with mode 0640 where it is missing. A FIFO that nobody reads is
// -ENXIO instead of a wait.
int cl_open_log(const char *path);
int cl_duplicate(int fd);
// Writes as much as goes at once; a signal does not end it.
ssize_t cl_write_some(int fd, const void *bytes, size_t count);

// Connects a datagram socket to `path` (unix(7)); a leading @ stands for an abstract name. A send
// waits a second at most.
int cl_connect_datagrams(const char *path);

// Connects a stream socket likewise, which does not block; -EAGAIN where the backlog is full.
int cl_connect_stream(const char *path);
// Binds a stream socket to `path`, which only this user and its group may connect to. A socket that
// lies there and that nobody listens at is removed first; -EADDRINUSE where somebody does, or where
// something else lies there.
int cl_listen_stream(const char *path);

// What this process has used and holds, as proc(5) says it: CPU time in seconds, bytes,
// descriptors, and the moment of its start in seconds since 1970. 0 where it cannot be had.
typedef struct {
    double cpu_seconds, start_seconds;
    uint64_t resident_bytes, virtual_bytes;
    uint64_t descriptors, descriptors_max;
} cl_usage;
void cl_process_usage(cl_usage *usage);

// Makes a listening TCP socket that another process opened ours: -ENOTSOCK, -EINVAL where it does
// not listen, -EAFNOSUPPORT where it is not TCP over IPv4 or IPv6.
int cl_adopt_listener(int fd);
// The numeric address that a socket is bound to; `text` takes 46 bytes and more.
int cl_local_address(int fd, char *text, size_t size);
int cl_start_listening(int fd, int backlog);
// Readiness for input of a descriptor that several epolls watch: wakes one of them, not all.
int cl_epoll_add_shared(int epoll, int fd, uint64_t data);

// Gives back the pages of code and constants that only the start has used: they stay in the page
// cache, and what is used again is mapped again. And those of the heap in which nothing lives now:
// compiling templates and packing files takes more of it than serving them.
void cl_forget_start(void);
// Gives back the pages of every heap in which nothing lives now (malloc_trim(3)). Takes a while.
void cl_trim_memory(void);
// The machine's memory in bytes (sysinfo(2)).
int64_t cl_machine_memory(void);
