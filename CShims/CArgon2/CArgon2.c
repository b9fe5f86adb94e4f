// The call behind CArgon2.h, over libargon2.

#include "CArgon2.h"

#include <argon2.h>

int ca_hash(uint32_t passes, uint32_t memory, uint32_t lanes, const void *password,
            size_t password_count, const void *salt, size_t salt_count, void *hash,
            size_t hash_count) {
    return argon2id_hash_raw(passes, memory, lanes, password, password_count, salt, salt_count,
                             hash, hash_count);
}
