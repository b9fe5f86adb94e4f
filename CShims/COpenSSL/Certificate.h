// What a loaded certificate is made of, for the two files that look inside.
#pragma once
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

struct co_certificate {
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    char **names;
    size_t names_count;
    unsigned char *staple; // a DER OCSP response, or NULL
    size_t staple_count;
    int64_t staple_until; // seconds since 1970
};
