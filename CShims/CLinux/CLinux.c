// The calls behind CLinux.h, one function for each; see there what they promise.

#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

// recv, send and epoll_wait of glibc are cancellation points: in a process with threads each call
// costs 30 to 40 instructions for a cancellation that never comes. Sanitizers must see the calls.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#if defined(__has_feature)
#if !__has_feature(thread_sanitizer) && !__has_feature(address_sanitizer)
#define CL_DIRECT 1
#endif
#endif
#endif

#ifdef CL_DIRECT
// The kernel's convention (syscall(2)): a negative result is -errno.
static inline long direct(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#endif

static int result(int value) { return value < 0 ? -errno : value; }

int cl_epoll_create(void) { return result(epoll_create1(EPOLL_CLOEXEC)); }

int cl_epoll_add_edge(int epoll, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events | EPOLLET, .data = {.u64 = data}};
    return result(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

int cl_epoll_delete(int epoll, int fd) {
    struct epoll_event event = {0};
    return result(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &event));
}

int cl_epoll_wait(int epoll, cl_event *events, int max, int timeout_ms) {
    struct epoll_event ready[512];
    if (max > 512) max = 512;
#ifdef CL_DIRECT
    int count = (int)direct(SYS_epoll_wait, epoll, (long)ready, max, timeout_ms, 0, 0);
    if (count < 0) return count == -EINTR ? 0 : count;
#else
    int count = epoll_wait(epoll, ready, max, timeout_ms);
    if (count < 0) return errno == EINTR ? 0 : -errno;
#endif
    for (int i = 0; i < count; i++) {
        events[i].data = ready[i].data.u64;
        events[i].events = ready[i].events;
    }
    return count;
}

int cl_timerfd(void) {
    return result(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

int cl_timerfd_arm(int fd, uint64_t at_ns) {
    // Zero would disarm it.
    if (at_ns == 0) at_ns = 1;
    struct itimerspec when = {
        .it_value = {
            .tv_sec = (time_t)(at_ns / 1000000000u), .tv_nsec = (long)(at_ns % 1000000000u)}};
    return result(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL));
}

int cl_eventfd(void) { return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int cl_eventfd_signal(int fd) {
    uint64_t one = 1;
    return write(fd, &one, sizeof one) < 0 && errno != EAGAIN ? -errno : 0;
}

int cl_eventfd_drain(int fd) {
    uint64_t count;
    return read(fd, &count, sizeof count) < 0 && errno != EAGAIN ? -errno : 0;
}

int cl_signalfd(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error) return -error;
    return result(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int cl_signalfd_read(int fd) {
    struct signalfd_siginfo info;
    ssize_t count = read(fd, &info, sizeof info);
    if (count < 0) return -errno;
    return count == sizeof info ? (int)info.ssi_signo : -EIO;
}

void cl_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }

// Fills `storage` from a numeric address; returns its length, or -EINVAL.
static int socket_address(const char *address, uint16_t port, struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof *v4;
    }
    if (*address == 0 || inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return sizeof *v6;
    }
    return -EINVAL;
}

static int listen_at(
    struct sockaddr_storage *storage, int length, int any, int backlog, int flags) {
    int one = 1, zero = 0, retry_milliseconds = 5000;
    int fd = socket(storage->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (flags & CL_REUSEPORT) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (any && storage->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    // Accepted ones inherit: no answer waits for an acknowledgement, nor 5 s for a way that heals.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, 44 /* TCP_RTO_MAX_MS */, &retry_milliseconds, sizeof(int));
    if (bind(fd, (struct sockaddr *)storage, length) < 0 ||
        (!(flags & CL_NO_LISTEN) && listen(fd, backlog) < 0)) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int cl_listen(const char *address, uint16_t port, int backlog, int flags) {
    struct sockaddr_storage storage;
    int any = *address == 0;
    int length = socket_address(address, port, &storage);
    if (length < 0) return length;
    int fd = listen_at(&storage, length, any, backlog, flags);
    // A host without IPv6 still has every IPv4 address.
    if (any && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)) {
        length = socket_address("0.0.0.0", port, &storage);
        fd = listen_at(&storage, length, any, backlog, flags);
    }
    return fd;
}

int cl_local_port(int fd) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
    if (storage.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&storage)->sin_port);
    if (storage.ss_family == AF_UNIX) return 0;
    return ntohs(((struct sockaddr_in6 *)&storage)->sin6_port);
}

int cl_accept(int listener, cl_peer *peer) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    int fd = accept4(listener, (struct sockaddr *)&storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return -errno;
    if (storage.ss_family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
        *peer = (cl_peer){0, 0xffff00000000ull | ntohl(v4->sin_addr.s_addr), ntohs(v4->sin_port)};
    } else if (storage.ss_family == AF_UNIX) {
        *peer = (cl_peer){0, 0xffff00000000ull | INADDR_LOOPBACK, 0};
    } else {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
        uint64_t halves[2];
        memcpy(halves, &v6->sin6_addr, sizeof halves);
        *peer = (cl_peer){be64toh(halves[0]), be64toh(halves[1]), ntohs(v6->sin6_port)};
    }
    return fd;
}

int cl_connect(const char *address, uint16_t port) { return cl_connect_from("", address, port); }

int cl_connect_from(const char *source, const char *address, uint16_t port) {
    struct sockaddr_storage storage, origin;
    int one = 1, error = 0;
    int length = socket_address(address, port, &storage);
    int origin_length = *source ? socket_address(source, 0, &origin) : 0;
    if (length < 0 || origin_length < 0) return -EINVAL;
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    // The port is chosen at connect(2), so that each pair of addresses has all ports to itself.
    if (origin_length > 0) {
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&origin, (socklen_t)origin_length) < 0) error = errno;
    }
    if (!error && connect(fd, (struct sockaddr *)&storage, (socklen_t)length) < 0 &&
        errno != EINPROGRESS) error = errno;
    if (!error) return fd;
    close(fd);
    return -error;
}

int cl_socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
    return -error;
}

ssize_t cl_recv(int fd, void *bytes, size_t count) {
#ifdef CL_DIRECT
    return direct(SYS_recvfrom, fd, (long)bytes, (long)count, 0, 0, 0);
#else
    ssize_t received = recv(fd, bytes, count, 0);
    return received < 0 ? -errno : received;
#endif
}

ssize_t cl_send(int fd, const void *bytes, size_t count) {
#ifdef CL_DIRECT
    return direct(SYS_sendto, fd, (long)bytes, (long)count, MSG_NOSIGNAL, 0, 0);
#else
    ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
#endif
}

ssize_t cl_sendv(int fd, const struct iovec *parts, int count) {
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

int cl_shutdown_write(int fd) { return result(shutdown(fd, SHUT_WR)); }

ssize_t cl_peek(int fd, void *bytes, size_t count) {
    ssize_t received = recv(fd, bytes, count, MSG_PEEK);
    return received < 0 ? -errno : received;
}

int cl_unacknowledged(int fd) {
    int count = 0;
    // After a reset the kernel still counts what it will never send: only the state tells.
    uint8_t state = 0;
    socklen_t length = sizeof state;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 && state == TCP_CLOSE) return 0;
    return ioctl(fd, SIOCOUTQ, &count) < 0 ? -errno : count;
}

int cl_reset_on_close(int fd) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return result(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}

ssize_t cl_write(int fd, const void *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        ssize_t written = write(fd, (const char *)bytes + done, count - done);
        if (written < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        done += (size_t)written;
    }
    return (ssize_t)done;
}

int cl_close(int fd) { return result(close(fd)); }

int cl_open_null(void) { return result(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

int cl_rename_new(const char *from, const char *to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -errno;
    if (faccessat(AT_FDCWD, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0) return -EEXIST;
    return result(rename(from, to));
}

int64_t cl_raise_open_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return (int64_t)before;
    }
    return (int64_t)limit.rlim_cur;
}

int64_t cl_open_files(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : (int64_t)limit.rlim_cur;
}

int cl_random(void *bytes, size_t count) {
    uint8_t *next = bytes;
    while (count > 0) {
        ssize_t got = getrandom(next, count, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        next += got;
        count -= (size_t)got;
    }
    return 0;
}

uint64_t cl_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t cl_processor_ns(void) {
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) return 0;
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

int64_t cl_realtime_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int cl_contains(const void *bytes, size_t count, const void *part, size_t part_count) {
    return memmem(bytes, count, part, part_count) != NULL;
}

int cl_cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int count = CPU_COUNT(&set);
        if (count > 0) return count;
    }
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (int)count : 1;
}

uint64_t cl_thread_self(void) { return (uint64_t)pthread_self(); }

static _Thread_local void *thread_world;

void *cl_thread_world(void) { return thread_world; }

void cl_set_thread_world(void *world) { thread_world = world; }

void cl_thread_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// On Linux a nice value is a thread's (setpriority(2), "C library/kernel differences").
int cl_thread_nice(int steps) {
    if (steps > 0) {
        int value = getpriority(PRIO_PROCESS, 0) + steps;
        setpriority(PRIO_PROCESS, 0, value > 19 ? 19 : value);
    }
    return getpriority(PRIO_PROCESS, 0);
}

// mkdir(2); 0 also if it exists already as a directory.
static int make_directory(const char *path) {
    if (mkdir(path, 0700) == 0) return 0;
    int error = errno;
    struct stat status;
    if (error == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) return 0;
    return -error;
}

int cl_make_parents(const char *path, size_t *failed) {
    char part[4096];
    size_t count = strlen(path);
    *failed = count;
    if (count >= sizeof part) return -ENAMETOOLONG;
    memcpy(part, path, count + 1);
    for (size_t end = 1; end < count; end++) {
        if (part[end] != '/') continue;
        part[end] = 0;
        int result = make_directory(part);
        part[end] = '/';
        if (result == 0) continue;
        *failed = end;
        return result;
    }
    return 0;
}

const char *cl_error_text(int error) {
    const char *text = strerrordesc_np(error);
    return text ? text : "unknown error";
}

struct start {
    void (*body)(void *);
    void *context;
};

static void *run(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    start.body(start.context);
    return NULL;
}

int cl_thread_start(void (*body)(void *), void *context) {
    struct start *start = malloc(sizeof *start);
    if (!start) return -ENOMEM;
    *start = (struct start){body, context};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, run, start);
    pthread_attr_destroy(&attributes);
    if (error) {
        free(start);
        return -error;
    }
    return 0;
}
