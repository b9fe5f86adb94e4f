// What a command that starts and watches other programs asks of the kernel: children with
// descriptors of their own, what became of them, and folders whose files change. Each function
// returns a value >= 0, or -errno. Nothing here keeps state.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// A program to start. Texts stand one behind the other, each with its zero byte.
typedef struct {
    const char *arguments;  // the first is the program: a path, or a name that PATH finds
    int argument_count;
    const char *environment;  // NAME=VALUE; what begins with LISTEN_PID= becomes the child's own id
    int environment_count;
    const char *folder;  // the working directory
    const int *descriptors;  // become 3, 4, … in the child; all others are closed there
    int descriptor_count;
    int output, error;  // become 1 and 2
    const char *program;  // what is executed where it is not the first argument; else NULL
} cl_child;

// Starts it as the leader of a process group of its own, with no signal blocked, nothing on
// standard input, and SIGTERM for the day on which we die. Returns its id; -ENOENT and the like
// where the program cannot be executed.
int cl_child_start(const cl_child *child);
// A descriptor that becomes readable when the child has ended (pidfd_open(2)).
int cl_child_pollable(int pid);
// 0: it runs. 1: it has ended, and `code` is its exit code, or 128 and the signal's number.
int cl_child_reap(int pid, int *code);
// To the child and all that it has started.
int cl_child_signal(int pid, int signal);

// Two ends; neither is passed on to children, the first does not block.
int cl_pipe_from_child(int ends[2]);
// The same where the second does not block: we write, the child reads.
int cl_pipe_to_child(int ends[2]);
ssize_t cl_read_some(int fd, void *bytes, size_t count);
// A datagram socket bound to the abstract name (unix(7)), written without its leading zero.
int cl_bind_datagrams(const char *name);
// Reads one datagram of such a socket, and who sent it as the kernel knows it (SCM_CREDENTIALS):
// the name is everybody's to send to. Returns its length, or -errno; `sender` is 0 where it is not
// told.
int64_t cl_receive_datagram(int fd, void *bytes, size_t count, int32_t *sender);
// Holds a file without opening it for anything (O_PATH).
int cl_hold_file(const char *path);

// inotify(7): folders alone, for what changes the names or the finished contents in them.
int cl_watch_create(void);
int cl_watch_folder(int watch, const char *path);
// Takes the first event from `bytes`; returns its length, 0 where they end in the middle. `name` is
// inside of `bytes`, or NULL where the event is of the folder itself.
typedef struct {
    int folder;
    uint32_t mask;
    const char *name;
} cl_watch_event;
int cl_watch_next(const void *bytes, size_t count, cl_watch_event *event);
// 0 where `path` is missing, 1 for a folder, 2 for a file, 3 for something else. Follows no link.
int cl_file_kind(const char *path);
// A number that is another one once the file was written anew; 0 where it is missing.
uint64_t cl_file_stamp(const char *path);
enum {
    CL_WATCH_FOLDER = 0x40000000,
    CL_WATCH_APPEARED = 0x100 | 0x80,
    CL_WATCH_OVERFLOW = 0x4000,
    CL_WATCH_GONE = 0x8000,
};
