// What a test client is made of, for the two files that look inside.
#pragma once
#include "CTLSClient.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

struct tc_client {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
    int alert, tickets, key_updates;
    SSL_SESSION *session;
    char name[256];
    // For forged records: the client's secret, and the number of the next one under it.
    unsigned char secret[48];
    size_t secret_count;
    uint64_t sequence;
};

void tc_keep_secret(const SSL *, const char *line);
tc_client *tc_of(const SSL *);
