// The files of the page's part of `mizu dev`, embedded in debug builds alone: a release build has
// an empty table.
#pragma once
#include <stddef.h>

typedef struct {
    const char *name;
    const unsigned char *bytes;
    size_t count;
} cdev_file;

// The files in order; the last has no name.
const cdev_file *cdev_file_at(size_t index);
