// The browser client (Assets/Client), embedded in the binary's read-only data: the joined module
// "mizu.js" and its parts "parts/NAME.js". The bytes live as long as the process and are followed
// by one zero byte that `count` leaves out. `make assets` writes the table (CShims/client.sh).

#pragma once
#include <stddef.h>

typedef struct {
    const char *name;
    const unsigned char *bytes;
    size_t count;
} mizu_client_file;

extern const size_t mizu_client_files_count;
mizu_client_file mizu_client_file_at(size_t index);

// The package's version and a hash of the files: the folder that they are served in.
const char *mizu_client_version(void);

// The import map that pages carry, and what their policy names it by: sha256-…. The second pair
// is for an app that serves the files from a checkout while they are edited.
const char *mizu_client_map(void);
const char *mizu_client_map_hash(void);
const char *mizu_client_dev_map(void);
const char *mizu_client_dev_map_hash(void);
