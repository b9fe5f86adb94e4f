// Keys from traffic secrets (RFC 8446 §7) and the AEAD of one record (§5.2 to §5.3). A connection
// keeps its keys as bytes; the contexts that OpenSSL needs, of a kilobyte each, are the thread's: a
// small table of them, in which whoever was there last finds its key still loaded, and everybody
// else loads it anew, which costs 0.2 us.

#define _GNU_SOURCE
#include "Keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

static const struct {
    uint16_t id;
    const char *cipher;
    uint8_t key_bytes, hash; // 0: SHA-256, 1: SHA-384
} suites[] = {
    {0x1301, "AES-128-GCM", 16, 0},
    {0x1302, "AES-256-GCM", 32, 1},
    {0x1303, "ChaCha20-Poly1305", 32, 0},
};
enum { SUITES = 3, SLOTS_BITS = 7, SLOTS = 1 << SLOTS_BITS };

typedef struct {
    EVP_CIPHER_CTX *context;
    const traffic *owner; // whose key is loaded
} slot;

struct co_keys {
    EVP_CIPHER *ciphers[SUITES];
    EVP_MAC_CTX *macs[2];
    slot slots[SUITES][2][SLOTS]; // opening, sealing
};

int co_suite_of(const SSL *ssl) {
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    for (int i = 0; cipher && i < SUITES; i++)
        if (SSL_CIPHER_get_protocol_id(cipher) == suites[i].id) return i;
    return -1;
}

size_t co_suite_secret_bytes(int suite) { return suites[suite].hash ? 48 : 32; }

// --- the thread's part ---------------------------------------------------------------------------

static EVP_MAC_CTX *make_mac(EVP_MAC *hmac, const char *digest) {
    EVP_MAC_CTX *mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, strlen(digest)),
        OSSL_PARAM_END,
    };
    if (mac && EVP_MAC_CTX_set_params(mac, parameters)) return mac;
    EVP_MAC_CTX_free(mac);
    return NULL;
}

co_keys *co_keys_new(void) {
    co_keys *keys = calloc(1, sizeof *keys);
    if (!keys) return NULL;
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    keys->macs[0] = make_mac(hmac, "SHA256");
    keys->macs[1] = make_mac(hmac, "SHA384");
    EVP_MAC_free(hmac);
    int fine = keys->macs[0] && keys->macs[1];
    for (int i = 0; i < SUITES; i++) {
        keys->ciphers[i] = EVP_CIPHER_fetch(NULL, suites[i].cipher, NULL);
        fine = fine && keys->ciphers[i];
    }
    ERR_clear_error();
    if (fine) return keys;
    co_keys_free(keys);
    return NULL;
}

void co_keys_free(co_keys *keys) {
    if (!keys) return;
    for (int i = 0; i < SUITES; i++) {
        for (int k = 0; k < SLOTS; k++) {
            EVP_CIPHER_CTX_free(keys->slots[i][0][k].context);
            EVP_CIPHER_CTX_free(keys->slots[i][1][k].context);
        }
        EVP_CIPHER_free(keys->ciphers[i]);
    }
    EVP_MAC_CTX_free(keys->macs[0]);
    EVP_MAC_CTX_free(keys->macs[1]);
    free(keys);
}

static slot *slot_of(co_keys *keys, int suite, const traffic *traffic, int seals) {
    uint64_t mixed = (uint64_t)(uintptr_t)traffic * 0x9E3779B97F4A7C15u;
    return &keys->slots[suite][seals][mixed >> (64 - SLOTS_BITS)];
}

// --- keys from secrets ---------------------------------------------------------------------------

// HKDF-Expand-Label with no context (RFC 8446 §7.1). Nothing here is longer than a hash, so that it
// is the first block of HKDF-Expand (RFC 5869 §2.3).
static int expand(EVP_MAC_CTX *mac, const uint8_t *secret, size_t secret_count, const char *label,
                  uint8_t *out, size_t count) {
    uint8_t info[32] = {0, (uint8_t)count, (uint8_t)(6 + strlen(label))};
    size_t used = 3 + (size_t)snprintf((char *)info + 3, sizeof info - 5, "tls13 %s", label);
    info[used++] = 0; // of the context
    info[used++] = 1; // the block's number
    uint8_t block[SECRET_MAX];
    size_t got = 0;
    int fine = EVP_MAC_init(mac, secret, secret_count, NULL) && EVP_MAC_update(mac, info, used) &&
               EVP_MAC_final(mac, block, &got, sizeof block) && got >= count;
    if (fine) memcpy(out, block, count);
    OPENSSL_cleanse(block, sizeof block);
    return fine;
}

static int derive(traffic *traffic, co_keys *keys, int suite) {
    EVP_MAC_CTX *mac = keys->macs[suites[suite].hash];
    size_t count = co_suite_secret_bytes(suite);
    int fine =
        expand(mac, traffic->secret, count, "key", traffic->key, suites[suite].key_bytes) &&
        expand(mac, traffic->secret, count, "iv", traffic->nonce, NONCE);
    // The context must not remember the secret.
    static const uint8_t zeros[SECRET_MAX];
    EVP_MAC_init(mac, zeros, count, NULL);
    traffic->sequence = 0;
    if (!fine) ERR_clear_error();
    return fine ? 0 : -1;
}

int co_traffic_begin(traffic *traffic, co_keys *keys, int suite, const uint8_t *secret) {
    memcpy(traffic->secret, secret, co_suite_secret_bytes(suite));
    return derive(traffic, keys, suite);
}

// Takes the key out of the contexts that hold it.
static void unload(const traffic *traffic, co_keys *keys, int suite) {
    static const uint8_t zeros[KEY_MAX];
    for (int seals = 0; seals < 2; seals++) {
        slot *slot = slot_of(keys, suite, traffic, seals);
        if (slot->owner != traffic) continue;
        slot->owner = NULL;
        EVP_CipherInit_ex2(slot->context, NULL, zeros, zeros, seals, NULL);
    }
}

int co_traffic_next(traffic *traffic, co_keys *keys, int suite) {
    unload(traffic, keys, suite);
    size_t count = co_suite_secret_bytes(suite);
    if (!expand(keys->macs[suites[suite].hash], traffic->secret, count, "traffic upd",
                traffic->secret, count))
        return -1;
    return derive(traffic, keys, suite);
}

void co_traffic_forget(traffic *traffic, co_keys *keys, int suite) {
    unload(traffic, keys, suite);
    OPENSSL_cleanse(traffic, sizeof *traffic);
}

// --- one record ----------------------------------------------------------------------------------

// The context with this direction's key and the nonce of its next record (RFC 8446 §5.3).
static EVP_CIPHER_CTX *load(traffic *traffic, co_keys *keys, int suite, int seals,
                            const OSSL_PARAM *parameters) {
    slot *slot = slot_of(keys, suite, traffic, seals);
    if (!slot->context) {
        slot->context = EVP_CIPHER_CTX_new();
        if (!slot->context) return NULL;
        if (!EVP_CipherInit_ex2(slot->context, keys->ciphers[suite], NULL, NULL, seals, NULL)) {
            EVP_CIPHER_CTX_free(slot->context);
            slot->context = NULL;
            return NULL;
        }
    }
    uint8_t nonce[NONCE];
    uint64_t low;
    memcpy(nonce, traffic->nonce, NONCE);
    memcpy(&low, nonce + 4, 8);
    low ^= __builtin_bswap64(traffic->sequence);
    memcpy(nonce + 4, &low, 8);
    const uint8_t *key = slot->owner == traffic ? NULL : traffic->key;
    slot->owner = NULL;
    if (!EVP_CipherInit_ex2(slot->context, NULL, key, nonce, seals, parameters)) return NULL;
    slot->owner = traffic;
    return slot->context;
}

ssize_t co_traffic_seal(traffic *traffic, co_keys *keys, int suite, uint8_t *record,
                        const uint8_t *bytes, size_t count, uint8_t type) {
    // Below it a copy is cheaper than one more call of OpenSSL for the type.
    enum { COPIED_MAX = 2048 };
    size_t sealed = count + 1 + TAG;
    uint8_t *text = record + HEADER;
    const uint8_t header[] = {23, 3, 3, (uint8_t)(sealed >> 8), (uint8_t)sealed};
    memcpy(record, header, HEADER);
    text[count] = type;
    size_t straight = 0;
    if (bytes != text) {
        if (count <= COPIED_MAX)
            memcpy(text, bytes, count);
        else
            straight = count;
    }
    OSSL_PARAM tag[] = {
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, text + count + 1, TAG),
        OSSL_PARAM_END,
    };
    int done;
    EVP_CIPHER_CTX *context = load(traffic, keys, suite, 1, NULL);
    int fine = context && EVP_EncryptUpdate(context, NULL, &done, header, HEADER) &&
               (straight == 0 || EVP_EncryptUpdate(context, text, &done, bytes, (int)straight)) &&
               EVP_EncryptUpdate(context, text + straight, &done, text + straight,
                                 (int)(count + 1 - straight)) &&
               EVP_EncryptFinal_ex(context, text + count + 1, &done) &&
               EVP_CIPHER_CTX_get_params(context, tag);
    if (!fine) {
        // What could not be sealed must not stand where it might leave.
        OPENSSL_cleanse(text, count + 1);
        ERR_clear_error();
        return -1;
    }
    traffic->sequence++;
    return (ssize_t)(HEADER + sealed);
}

int co_traffic_open(traffic *traffic, co_keys *keys, int suite, const uint8_t *record, size_t count,
                    uint8_t *room) {
    const uint8_t *text = record + HEADER;
    size_t inner = count - TAG;
    OSSL_PARAM tag[] = {
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, (void *)(text + inner), TAG),
        OSSL_PARAM_END,
    };
    int done;
    EVP_CIPHER_CTX *context = load(traffic, keys, suite, 0, tag);
    int fine = context && EVP_DecryptUpdate(context, NULL, &done, record, HEADER) &&
               (inner == 0 || EVP_DecryptUpdate(context, room, &done, text, (int)inner)) &&
               EVP_DecryptFinal_ex(context, room + inner, &done) == 1;
    if (!fine) {
        OPENSSL_cleanse(room, inner);
        ERR_clear_error();
        return -1;
    }
    traffic->sequence++;
    return 0;
}
