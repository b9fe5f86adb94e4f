// Memory for OpenSSL: malloc, but for the two sizes of block that it asks for and gives back with
// each record and each handshake. A few of those are kept for each thread: malloc would merge them
// with what is free beside them and cut them off again, thousands of times a second.

#define _GNU_SOURCE
#include "COpenSSL.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

enum { KINDS = 2, KEPT_MAX = 4 };

// A request of `least` to `bytes` gets a block of `bytes`. The first are a record with all that may
// stand around it, the second is what one message of the handshake is put together in.
static const struct {
    size_t least, bytes;
} kinds[KINDS] = {{16384, 16800}, {21840, 21856}};

typedef struct {
    void *blocks[KINDS][KEPT_MAX];
    int counts[KINDS];
} kept_blocks;

static _Thread_local kept_blocks kept;
static _Thread_local int is_registered;
static pthread_key_t at_end;

static void let_go(void *ignored) {
    (void)ignored;
    for (int kind = 0; kind < KINDS; kind++)
        while (kept.counts[kind] > 0) free(kept.blocks[kind][--kept.counts[kind]]);
}

static void *take(size_t count, const char *file, int line) {
    (void)file, (void)line;
    for (int kind = 0; kind < KINDS; kind++) {
        if (count < kinds[kind].least || count > kinds[kind].bytes) continue;
        if (kept.counts[kind] > 0) return kept.blocks[kind][--kept.counts[kind]];
        return malloc(kinds[kind].bytes);
    }
    return malloc(count);
}

static void give_back(void *block, const char *file, int line) {
    (void)file, (void)line;
    if (!block) return;
    size_t count = malloc_usable_size(block);
    // malloc rounds up, and does not cut off what is too little for a block of its own.
    for (int kind = 0; kind < KINDS && count >= kinds[0].bytes; kind++) {
        if (count < kinds[kind].bytes || count > kinds[kind].bytes + 32) continue;
        if (kept.counts[kind] == KEPT_MAX) break;
        if (!is_registered) {
            if (pthread_setspecific(at_end, &kept) != 0) break;
            is_registered = 1;
        }
        kept.blocks[kind][kept.counts[kind]++] = block;
        return;
    }
    free(block);
}

static void *change(void *block, size_t count, const char *file, int line) {
    (void)file, (void)line;
    return realloc(block, count);
}

// Before OpenSSL's first allocation; where that is past already, it keeps malloc.
__attribute__((constructor)) static void begin(void) {
    if (pthread_key_create(&at_end, let_go) == 0) CRYPTO_set_mem_functions(take, change, give_back);
}
