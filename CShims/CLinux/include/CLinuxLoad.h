// What a load generator asks of the kernel beside its sockets: names to addresses, what processes
// have used, and small files below /proc. Each function returns a value >= 0, or -errno.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The first numeric address of a name, or of a number as text; `text` takes 46 bytes and more.
// Blocks while the resolver asks. -EADDRNOTAVAIL where there is none.
int cl_resolve(const char *name, char *text, size_t size);

// User and system time that this process has used, in nanoseconds.
uint64_t cl_process_cpu_ns(void);
// Ticks of a second in /proc/PID/stat.
int64_t cl_clock_ticks(void);

// Reads a small file from its start, at most `size` bytes.
ssize_t cl_read_file(const char *path, void *bytes, size_t size);
// 1 where the descriptor is a terminal, else 0.
int cl_is_terminal(int fd);
