// SHA-256 and signatures that are verified, of OpenSSL's EVP: what tokens and passkeys stand on.
// All calls are of any thread. None leaves anything in the thread's queue of errors, where TLS
// would find it.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { CO_SHA256_BYTES = 32 };
// FIPS 180-4. Returns 0, or -1 where memory is short.
int co_sha256(const void *bytes, size_t count, uint8_t *digest);

// A public key that was checked. Unchanging, so any thread may use it.
typedef struct co_public_key co_public_key;
// Each returns NULL for a key that is none, or where memory is short. Integers have their highest
// byte first (RFC 8017 §4.1).
co_public_key *co_public_key_rsa(const uint8_t *modulus, size_t modulus_count,
                                 const uint8_t *exponent, size_t exponent_count);
// Coordinates of 32 bytes. A point that is not on the curve is no key.
co_public_key *co_public_key_p256(const uint8_t *x, const uint8_t *y);
co_public_key *co_public_key_ed25519(const uint8_t *bytes); // 32 bytes
void co_public_key_free(co_public_key *);

enum {
    CO_RS256 = 1,  // RSASSA-PKCS1-v1_5 with SHA-256
    CO_PS256 = 2,  // RSASSA-PSS with SHA-256, MGF1 with SHA-256 and 32 bytes of salt
    CO_ES256 = 3,  // ECDSA with P-256 and SHA-256; r and s of 32 bytes each (RFC 7518 §3.4)
    CO_ES256_DER = 4, // the same as ECDSA-Sig-Value (RFC 3279 §2.2.3)
    CO_ED25519 = 5,
};
// Whether `signature` is the key's over the message. 0 also where the algorithm is not one of the
// key's kind.
int co_verify(const co_public_key *, int algorithm, const void *message, size_t count,
              const uint8_t *signature, size_t signature_count);
