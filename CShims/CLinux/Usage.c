// A listening socket in the file system, for people on this machine alone, and what the process has
// used so far. See CLinuxProcess.h for what each function promises.

#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int cl_listen_stream(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat found;
    size_t length = strlen(path);
    if (length == 0) return -ENOENT;
    if (length >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, path, length + 1);
    if (lstat(path, &found) == 0) {
        if (!S_ISSOCK(found.st_mode)) return -ENOTSOCK;
        int other = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (other < 0) return -errno;
        int answers = connect(other, (struct sockaddr *)&address, sizeof address) == 0 ||
                      errno == EAGAIN || errno == EINPROGRESS;
        close(other);
        if (answers) return -EADDRINUSE;
        if (unlink(path) < 0) return -errno;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    // Before it has a name: there is no moment at which others could connect. (fchmod of a socket
    // is what bind(2) takes the mode of its file from, less what the umask takes away: that is
    // given back.)
    if (fchmod(fd, 0660) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        chmod(path, 0660) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

// The whole of a small file of proc(5), with a zero behind it.
static int read_small(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t count = read(fd, text, size - 1);
    close(fd);
    if (count <= 0) return 0;
    text[count] = 0;
    return 1;
}

static double boot_seconds(void) {
    char text[4096];
    int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    double boot = 0;
    FILE *file = fdopen(fd, "r");
    if (!file) {
        close(fd);
        return 0;
    }
    while (fgets(text, sizeof text, file))
        if (sscanf(text, "btime %lf", &boot) == 1) break;
    fclose(file);
    return boot;
}

void cl_process_usage(cl_usage *usage) {
    *usage = (cl_usage){0};
    char text[2048];
    if (read_small("/proc/self/stat", text, sizeof text)) {
        // The name in brackets may hold anything; what follows it is numbers.
        char *rest = strrchr(text, ')');
        unsigned long long user = 0, kernel = 0, start = 0, size = 0;
        long long pages = 0;
        double hertz = (double)sysconf(_SC_CLK_TCK);
        if (rest && hertz > 0 &&
            sscanf(rest + 1,
                   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d"
                   " %llu %llu %lld",
                   &user, &kernel, &start, &size, &pages) == 5) {
            usage->cpu_seconds = (double)(user + kernel) / hertz;
            usage->virtual_bytes = size;
            usage->resident_bytes = (uint64_t)(pages > 0 ? pages : 0) * (uint64_t)getpagesize();
            double boot = boot_seconds();
            if (boot > 0) usage->start_seconds = boot + (double)start / hertz;
        }
    }
    DIR *folder = opendir("/proc/self/fd");
    if (folder) {
        struct dirent *entry;
        while ((entry = readdir(folder))) usage->descriptors += entry->d_name[0] != '.';
        closedir(folder);
        // The folder was one of them.
        if (usage->descriptors > 0) usage->descriptors -= 1;
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) usage->descriptors_max = limit.rlim_cur;
}
