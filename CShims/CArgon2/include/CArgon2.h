// Argon2id (RFC 9106) for Swift, over libargon2: its own header is full of macros and enumerations
// that stay behind this one. Nothing here logs, and nothing keeps state.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Writes `hash_count` bytes (at least 4) of the password's hash to `hash`, by version 1.3 of the
// function. Takes `memory` KiB of memory and gives them back; the caller has checked all sizes.
// Returns 0, or a negative code of libargon2 (-22: no memory).
int ca_hash(uint32_t passes, uint32_t memory, uint32_t lanes, const void *password,
            size_t password_count, const void *salt, size_t salt_count, void *hash,
            size_t hash_count);
