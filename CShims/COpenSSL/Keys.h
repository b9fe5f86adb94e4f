// The keys of a TLS 1.3 session that no longer has an `SSL`, for Keys.c, Secrets.c and Record.c.
#pragma once
#include "COpenSSL.h"

#include <openssl/ssl.h>

enum { SECRET_MAX = 48, KEY_MAX = 32, NONCE = 12, TAG = 16, HEADER = 5 };

// One direction. What a record needs comes first: it is one cache line.
typedef struct {
    uint64_t sequence; // records so far under this key
    uint8_t nonce[NONCE], key[KEY_MAX], secret[SECRET_MAX];
} traffic;

// What OpenSSL said of a handshake, until its session is taken over.
typedef struct {
    uint8_t client[SECRET_MAX], server[SECRET_MAX];
    size_t client_count, server_count;
    int64_t sealed; // records that OpenSSL has written under the server's secret; -1: not known
} secrets;

// For a context: makes its sessions tell their secrets to themselves, and to nobody else.
void co_collect_secrets(SSL_CTX *);
// NULL where nothing was said. Freed and wiped with the session.
secrets *co_secrets_of(const SSL *);

// 0 to 2, or -1 for a suite that is not ours.
int co_suite_of(const SSL *);
size_t co_suite_secret_bytes(int suite);
co_keys *co_keys_new(void);
void co_keys_free(co_keys *);

// All return 0, or -1 where memory is short (nothing else can fail).
int co_traffic_begin(traffic *, co_keys *, int suite, const uint8_t *secret);
int co_traffic_next(traffic *, co_keys *, int suite); // after a KeyUpdate
void co_traffic_forget(traffic *, co_keys *, int suite);

// Seals `count` bytes and the byte `type` behind them into `record`, which has room for a header,
// both, and a tag. `bytes` may stand where they will be sealed. Returns the record's bytes or -1.
ssize_t co_traffic_seal(traffic *, co_keys *, int suite, uint8_t *record, const uint8_t *bytes,
                        size_t count, uint8_t type);
// Opens a whole record with `count` bytes behind its header, at least TAG, into `room`, which takes
// count - TAG. Returns 0 or -1; then what is in the room means nothing and is wiped.
int co_traffic_open(traffic *, co_keys *, int suite, const uint8_t *record, size_t count,
                    uint8_t *room);

// In Wire.c. Room for `count` bytes behind the output, or NULL.
uint8_t *co_wire_reserve(co_wire *, size_t count);
// Notes why a session failed (`co_failure`). `reason` lives for ever. Returns CO_FAILED.
ssize_t co_note_failure(int kind, const char *reason);
