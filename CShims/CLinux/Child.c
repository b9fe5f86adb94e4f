// The calls behind CLinuxChild.h, one function for each; see there what they promise.

#define _GNU_SOURCE
#include "CLinux.h"
#include "CLinuxChild.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int result(int value) { return value < 0 ? -errno : value; }

enum { DESCRIPTORS_MAX = 64, FIRST_SPARE = 200 };

// The texts of a block as the pointers that execve(2) wants; NULL without memory.
static char **pointers(const char *block, int count) {
    char **list = calloc((size_t)count + 1, sizeof *list);
    for (int i = 0; list && i < count; i++) {
        list[i] = (char *)block;
        block += strlen(block) + 1;
    }
    return list;
}

// Puts descriptors where the child expects them: first out of the way, then each in its place.
static int place(const cl_child *child) {
    int from[DESCRIPTORS_MAX + 3], to[DESCRIPTORS_MAX + 3], count = 0;
    from[count] = open("/dev/null", O_RDONLY | O_CLOEXEC), to[count++] = 0;
    from[count] = child->output, to[count++] = 1;
    from[count] = child->error, to[count++] = 2;
    for (int i = 0; i < child->descriptor_count; i++) {
        from[count] = child->descriptors[i];
        to[count++] = 3 + i;
    }
    for (int i = 0; i < count; i++) {
        from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FIRST_SPARE);
        if (from[i] < 0) return -1;
    }
    for (int i = 0; i < count; i++) {
        if (dup2(from[i], to[i]) < 0) return -1;
    }
    return close_range(3U + (unsigned)child->descriptor_count, UINT_MAX, CLOSE_RANGE_CLOEXEC);
}

// Only what is allowed between fork and exec; `own_id` is the text of LISTEN_PID, or NULL.
static int become(const cl_child *child, char **arguments, char **environment, char *own_id,
                  pid_t parent) {
    sigset_t none;
    sigemptyset(&none);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) return errno;
    // It may have died before we asked to be told.
    if (getppid() != parent) return ESRCH;
    if (setpgid(0, 0) < 0 || chdir(child->folder) < 0 || place(child) < 0) return errno;
    if (own_id) snprintf(own_id, 32, "LISTEN_PID=%d", (int)getpid());
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (child->program) {
        execve(child->program, arguments, environment);
    } else {
        execvpe(arguments[0], arguments, environment);
    }
    return errno;
}

int cl_child_start(const cl_child *child) {
    if (child->descriptor_count > DESCRIPTORS_MAX || child->argument_count < 1) return -EINVAL;
    char **arguments = pointers(child->arguments, child->argument_count);
    char **environment = pointers(child->environment, child->environment_count);
    int ends[2] = {-1, -1};
    pid_t pid = -1;
    char own_id[32], *has_own_id = NULL;
    int error = arguments && environment ? 0 : ENOMEM;
    for (int i = 0; !error && environment[i]; i++) {
        if (strncmp(environment[i], "LISTEN_PID=", 11) == 0) environment[i] = has_own_id = own_id;
    }
    if (!error && pipe2(ends, O_CLOEXEC) < 0) error = errno;
    pid_t parent = getpid();
    if (!error && (pid = fork()) < 0) error = errno;
    if (pid == 0) {
        int report = fcntl(ends[1], F_DUPFD_CLOEXEC, FIRST_SPARE + DESCRIPTORS_MAX * 2);
        int failure = become(child, arguments, environment, has_own_id, parent);
        if (write(report, &failure, sizeof failure) < 0) _exit(126);
        _exit(127);
    }
    if (ends[1] >= 0) close(ends[1]);
    if (pid > 0) {
        ssize_t count;
        do {
            count = read(ends[0], &error, sizeof error);
        } while (count < 0 && errno == EINTR);
        if (count != sizeof error) error = 0;
        if (error) waitpid(pid, NULL, 0);
    }
    if (ends[0] >= 0) close(ends[0]);
    free(arguments);
    free(environment);
    return error ? -error : (int)pid;
}

int cl_child_pollable(int pid) { return result((int)syscall(SYS_pidfd_open, pid, 0)); }

int cl_child_reap(int pid, int *code) {
    int status = 0;
    pid_t found = waitpid(pid, &status, WNOHANG);
    if (found < 0) return -errno;
    if (found == 0) return 0;
    *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return 1;
}

int cl_child_signal(int pid, int number) { return result(kill(-pid, number)); }

static int open_pipe(int ends[2], int end) {
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    return result(fcntl(ends[end], F_SETFL, O_NONBLOCK));
}

int cl_pipe_from_child(int ends[2]) { return open_pipe(ends, 0); }

int cl_pipe_to_child(int ends[2]) { return open_pipe(ends, 1); }

ssize_t cl_read_some(int fd, void *bytes, size_t count) {
    ssize_t got;
    do {
        got = read(fd, bytes, count);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

int cl_bind_datagrams(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length + 1 > sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path + 1, name, length);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    int one = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one) == 0 &&
        bind(fd, (struct sockaddr *)&address, size) == 0) {
        return fd;
    }
    int error = errno;
    close(fd);
    return -error;
}

int64_t cl_receive_datagram(int fd, void *bytes, size_t count, int32_t *sender) {
    *sender = 0;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length < 0) return -errno;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS) {
        struct ucred credentials;
        memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
        *sender = credentials.pid;
    }
    return length;
}

int cl_hold_file(const char *path) { return result(open(path, O_PATH | O_CLOEXEC)); }

int cl_watch_create(void) { return result(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)); }

int cl_watch_folder(int watch, const char *path) {
    uint32_t mask = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                    IN_DELETE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;
    return result(inotify_add_watch(watch, path, mask));
}

int cl_watch_next(const void *bytes, size_t count, cl_watch_event *event) {
    struct inotify_event head;
    if (count < sizeof head) return 0;
    memcpy(&head, bytes, sizeof head);
    if (head.len > count - sizeof head) return 0;
    const char *name = (const char *)bytes + sizeof head;
    event->folder = head.wd;
    event->mask = head.mask;
    event->name = head.len > 0 && memchr(name, 0, head.len) ? name : NULL;
    return (int)(sizeof head + head.len);
}

int cl_file_kind(const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0) return 0;
    return S_ISDIR(status.st_mode) ? 1 : S_ISREG(status.st_mode) ? 2 : 3;
}

uint64_t cl_file_stamp(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0) return 0;
    uint64_t seconds = (uint64_t)status.st_mtim.tv_sec;
    uint64_t time = seconds * 1000000000U + (uint64_t)status.st_mtim.tv_nsec;
    return (time ^ ((uint64_t)status.st_ino << 32) ^ (uint64_t)status.st_size) | 1;
}
