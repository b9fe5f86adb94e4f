// The calls behind CLinuxProcess.h, one function for each; see there what they promise.

#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <malloc.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int result(int value) { return value < 0 ? -errno : value; }

int cl_hold_standard_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        // The lowest free number is fd itself: those below it are open by now.
        if (open("/dev/null", O_RDWR) < 0) return -errno;
    }
    return 0;
}

// An id written in digits. (uint32_t)-1 means "leave it" to the kernel and is no id.
static int parse_id(const char *text, uint32_t *id) {
    uint64_t value = 0;
    if (!*text) return 0;
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9') return 0;
        value = value * 10 + (uint64_t)(*at - '0');
        if (value >= UINT32_MAX) return 0;
    }
    *id = (uint32_t)value;
    return 1;
}

enum { DATABASE_ROW_BYTES_MAX = 1 << 16 };

int cl_find_user(const char *text, cl_identity *identity, int *has_group) {
    struct passwd row, *found = NULL;
    memset(identity, 0, sizeof *identity);
    *has_group = 0;
    char *buffer = malloc(DATABASE_ROW_BYTES_MAX);
    if (!buffer) return -ENOMEM;
    int error = getpwnam_r(text, &row, buffer, DATABASE_ROW_BYTES_MAX, &found);
    if (!found) {
        if (parse_id(text, &identity->user)) {
            // Whatever the database says of an unknown number: the number stands.
            getpwuid_r(identity->user, &row, buffer, DATABASE_ROW_BYTES_MAX, &found);
            error = 0;
        } else if (!error) {
            error = ENOENT;
        }
    }
    if (found && strlen(row.pw_name) >= sizeof identity->name) {
        error = ENAMETOOLONG;
    } else if (found) {
        identity->user = row.pw_uid;
        identity->group = row.pw_gid;
        strcpy(identity->name, row.pw_name);
        *has_group = 1;
    }
    free(buffer);
    return -error;
}

int cl_find_group(const char *text, uint32_t *group) {
    struct group row, *found = NULL;
    char *buffer = malloc(DATABASE_ROW_BYTES_MAX);
    if (!buffer) return -ENOMEM;
    int error = getgrnam_r(text, &row, buffer, DATABASE_ROW_BYTES_MAX, &found);
    if (found) *group = row.gr_gid;
    free(buffer);
    if (found || parse_id(text, group)) return 0;
    return error ? -error : -ENOENT;
}

int cl_thread_count(void) {
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks) return -errno;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

int cl_set_groups(const cl_identity *identity) {
    if (identity->name[0]) return result(initgroups(identity->name, identity->group));
    return result(setgroups(1, &identity->group));
}

int cl_set_group(uint32_t group) { return result(setresgid(group, group, group)); }

int cl_set_user(uint32_t user) { return result(setresuid(user, user, user)); }

// The kernel clears what is permitted and effective when root becomes a user; what is inheritable
// stays unless it is cleared as well.
int cl_clear_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return -errno;
    return result((int)syscall(SYS_capset, &header, data));
}

int cl_forbid_new_privileges(void) { return result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

int cl_forbid_dumps(void) { return result(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }

void cl_empty_cores(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    // Of what a core would still hold, no memory (core(5)).
    int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (write(fd, "0", 1) < 0) errno = 0;
    close(fd);
}

int cl_verify_identity(const cl_identity *identity) {
    uid_t user[3];
    gid_t group[3];
    if (getresuid(&user[0], &user[1], &user[2]) < 0) return -errno;
    if (getresgid(&group[0], &group[1], &group[2]) < 0) return -errno;
    for (int i = 0; i < 3; i++)
        if (user[i] != identity->user || group[i] != identity->group) return -EPERM;
    // These must fail: where one does not, the rights were never gone.
    if (setresuid(-1, 0, -1) == 0 || setresgid(-1, 0, -1) == 0) return -EPERM;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    for (int i = 0; i < 2; i++)
        if (data[i].effective | data[i].permitted | data[i].inheritable) return -EPERM;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -EPERM;
}

int cl_can_read(const char *path) {
    // O_NONBLOCK: a FIFO must not make the start wait.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -errno : result(close(fd));
}

int cl_open_log(const char *path) {
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags, 0640);
    if (fd < 0) return -errno;
    int status = fcntl(fd, F_GETFL);
    if (status < 0 || fcntl(fd, F_SETFL, status & ~O_NONBLOCK) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int cl_duplicate(int fd) { return result(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

ssize_t cl_write_some(int fd, const void *bytes, size_t count) {
    ssize_t written;
    do {
        written = write(fd, bytes, count);
    } while (written < 0 && errno == EINTR);
    return written < 0 ? -errno : written;
}

// The address of `path`, or of the abstract name `@name`; its length, or -errno.
static int unix_address(const char *path, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    size_t length = strlen(path);
    if (length < 2 || (*path != '/' && *path != '@')) return -EINVAL;
    if (length >= sizeof address->sun_path) return -ENAMETOOLONG;
    memcpy(address->sun_path, path, length);
    // An abstract name is all its bytes; a path ends with a zero.
    int size = (int)(offsetof(struct sockaddr_un, sun_path) + length);
    if (*path != '@') return size + 1;
    address->sun_path[0] = 0;
    return size;
}

int cl_connect_datagrams(const char *path) {
    struct sockaddr_un address;
    int size = unix_address(path, &address);
    if (size < 0) return size;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct timeval patience = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, (socklen_t)size) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int cl_connect_stream(const char *path) {
    struct sockaddr_un address;
    int size = unix_address(path, &address);
    if (size < 0) return size;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, (socklen_t)size) < 0 && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int cl_adopt_listener(int fd) {
    int value = 0, one = 1;
    socklen_t length = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &length) < 0) return -errno;
    if (value != AF_INET && value != AF_INET6) return -EAFNOSUPPORT;
    length = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &length) < 0) return -errno;
    if (value != IPPROTO_TCP) return -EAFNOSUPPORT;
    length = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) < 0) return -errno;
    if (!value) return -EINVAL;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return -errno;
    return result(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
}

int cl_local_address(int fd, char *text, size_t size) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
    const void *address = storage.ss_family == AF_INET
        ? (const void *)&((struct sockaddr_in *)&storage)->sin_addr
        : (const void *)&((struct sockaddr_in6 *)&storage)->sin6_addr;
    return inet_ntop(storage.ss_family, address, text, (socklen_t)size) ? 0 : -errno;
}

int cl_start_listening(int fd, int backlog) { return result(listen(fd, backlog)); }

int cl_epoll_add_shared(int epoll, int fd, uint64_t data) {
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, .data = {.u64 = data}};
    return result(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

// Only segments that the file maps without the right to write: their pages are the page cache's own
// (elf(5)). What relocation writes to lies in writable segments, read-only afterwards or not.
static int forget_object(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_filesz) & ~(page - 1);
        if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void cl_forget_start(void) {
    dl_iterate_phdr(forget_object, NULL);
    malloc_trim(0);
}

void cl_trim_memory(void) { malloc_trim(0); }

int64_t cl_machine_memory(void) {
    struct sysinfo info;
    if (sysinfo(&info) < 0) return -errno;
    return (int64_t)info.totalram * info.mem_unit;
}
