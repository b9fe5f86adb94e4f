// SHA-256, and public keys from the numbers that JWK (RFC 7518) and COSE (RFC 9053) write.
// Signs nothing and keeps no private key. Every failure empties OpenSSL's queue of errors: the
// threads that call are also those that read TLS, which takes what is in it for its own.

#define _GNU_SOURCE
#include "COpenSSLCrypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>

// --- digests -------------------------------------------------------------------------------------

// Fetched once: to find a digest by its name costs more than a short message does.
static EVP_MD *sha256;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static void fetch(void) { sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL); }

int co_sha256(const void *bytes, size_t count, uint8_t *digest) {
    pthread_once(&fetched, fetch);
    if (sha256 && EVP_Digest(bytes, count, digest, NULL, sha256, NULL) == 1) return 0;
    ERR_clear_error();
    return -1;
}

// --- keys ----------------------------------------------------------------------------------------

static EVP_PKEY *handle(const co_public_key *key) { return (EVP_PKEY *)key; }

static EVP_PKEY *from_parameters(const char *kind, OSSL_PARAM_BLD *builder) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    if (parameters && context && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    if (!key) return NULL;
    context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (!context || EVP_PKEY_public_check(context) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

co_public_key *co_public_key_rsa(const uint8_t *modulus, size_t modulus_count,
                                 const uint8_t *exponent, size_t exponent_count) {
    if (modulus_count > 1 << 16 || exponent_count > 1 << 16) return NULL;
    EVP_PKEY *key = NULL;
    BIGNUM *n = BN_bin2bn(modulus, (int)modulus_count, NULL);
    BIGNUM *e = BN_bin2bn(exponent, (int)exponent_count, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (n && e && builder && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
        key = from_parameters("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    ERR_clear_error();
    return (co_public_key *)key;
}

co_public_key *co_public_key_p256(const uint8_t *x, const uint8_t *y) {
    EVP_PKEY *key = NULL;
    uint8_t point[65] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(point + 1, x, 32);
    memcpy(point + 33, y, 32);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
        key = from_parameters("EC", builder);
    OSSL_PARAM_BLD_free(builder);
    ERR_clear_error();
    return (co_public_key *)key;
}

co_public_key *co_public_key_ed25519(const uint8_t *bytes) {
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, 32);
    ERR_clear_error();
    return (co_public_key *)key;
}

void co_public_key_free(co_public_key *key) { EVP_PKEY_free(handle(key)); }

// --- signatures ----------------------------------------------------------------------------------

static int is_of_kind(EVP_PKEY *key, int algorithm) {
    switch (algorithm) {
    case CO_RS256:
    case CO_PS256: return EVP_PKEY_is_a(key, "RSA");
    case CO_ES256:
    case CO_ES256_DER: return EVP_PKEY_is_a(key, "EC");
    case CO_ED25519: return EVP_PKEY_is_a(key, "ED25519");
    default: return 0;
    }
}

static int verify(EVP_PKEY *key, int algorithm, const void *message, size_t count,
                  const uint8_t *signature, size_t signature_count) {
    pthread_once(&fetched, fetch);
    const EVP_MD *digest = algorithm == CO_ED25519 ? NULL : sha256;
    if (!digest && algorithm != CO_ED25519) return 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    int is_good = context && EVP_DigestVerifyInit(context, &options, digest, NULL, key) == 1;
    if (is_good && algorithm == CO_PS256)
        is_good = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1 &&
                  EVP_PKEY_CTX_set_rsa_mgf1_md(options, digest) == 1;
    is_good = is_good && EVP_DigestVerify(context, signature, signature_count, message, count) == 1;
    EVP_MD_CTX_free(context);
    return is_good;
}

// Returns the bytes of the DER form in memory of OpenSSL's, or 0.
static int der_of(const uint8_t *raw, uint8_t **der) {
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, 32, NULL), *s = BN_bin2bn(raw + 32, 32, NULL);
    int count = 0;
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s)) {
        r = s = NULL; // the pair's
        count = i2d_ECDSA_SIG(pair, der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return count > 0 ? count : 0;
}

int co_verify(const co_public_key *key, int algorithm, const void *message, size_t count,
              const uint8_t *signature, size_t signature_count) {
    if (!key || !is_of_kind(handle(key), algorithm)) return 0;
    int is_good = 0;
    if (algorithm != CO_ES256) {
        is_good = verify(handle(key), algorithm, message, count, signature, signature_count);
    } else if (signature_count == 64) {
        uint8_t *der = NULL;
        int der_count = der_of(signature, &der);
        is_good = der_count &&
                  verify(handle(key), algorithm, message, count, der, (size_t)der_count);
        OPENSSL_free(der);
    }
    ERR_clear_error();
    return is_good;
}
