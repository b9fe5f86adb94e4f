// The traffic secrets of a TLS 1.3 handshake, taken from OpenSSL so that the record layer can do
// without its `SSL`. They come by the callback that is meant for key logs: as lines of text, which
// go to the session that says them (its ex_data), are wiped with it, and go nowhere else.

#define _GNU_SOURCE
#include "Keys.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

static int secrets_index = -1;

static void wipe(void *parent, void *pointer, CRYPTO_EX_DATA *ex, int index, long number,
                 void *argument) {
    (void)parent, (void)ex, (void)index, (void)number, (void)argument;
    OPENSSL_clear_free(pointer, sizeof(secrets));
}

static void make_index(void) {
    secrets_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, wipe);
}

secrets *co_secrets_of(const SSL *ssl) {
    return secrets_index < 0 ? NULL : SSL_get_ex_data(ssl, secrets_index);
}

static secrets *make_secrets(SSL *ssl) {
    secrets *found = co_secrets_of(ssl);
    if (found) return found;
    found = OPENSSL_zalloc(sizeof *found);
    if (!found) return NULL;
    found->sealed = -1;
    if (SSL_set_ex_data(ssl, secrets_index, found)) return found;
    OPENSSL_free(found);
    return NULL;
}

static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Returns the bytes that `text` stands for, or 0 where it is not what it should be.
static size_t read_hex(const char *text, uint8_t *bytes, size_t most) {
    size_t count = strlen(text) / 2;
    if (count > most || strlen(text) % 2) return 0;
    for (size_t i = 0; i < count; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return 0;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return count;
}

// `LABEL client_random secret`, for each secret of a handshake; two of them are ours.
static void on_line(const SSL *ssl, const char *line) {
    static const char client[] = "CLIENT_TRAFFIC_SECRET_0 ";
    static const char server[] = "SERVER_TRAFFIC_SECRET_0 ";
    int is_client = strncmp(line, client, sizeof client - 1) == 0;
    if (!is_client && strncmp(line, server, sizeof server - 1) != 0) return;
    // OpenSSL writes a line with some sixty calls of sprintf: no more of them than need be.
    SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), NULL);
    const char *last = strrchr(line, ' ');
    secrets *target = make_secrets((SSL *)ssl);
    if (!last || !target) return;
    if (is_client)
        target->client_count = read_hex(last + 1, target->client, sizeof target->client);
    else
        target->server_count = read_hex(last + 1, target->server, sizeof target->server);
}

// The secrets that we want are told after a Finished, ours or the client's: that is when both sides
// change to them (RFC 8446 §7.1). A context is one thread's, so that what is switched on here is
// this session's.
static void on_message(int is_ours, int version, int type, const void *bytes, size_t count,
                       SSL *ssl, void *argument) {
    (void)is_ours, (void)version, (void)argument;
    if (type == SSL3_RT_HANDSHAKE && count > 0 && *(const uint8_t *)bytes == SSL3_MT_FINISHED)
        SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), on_line);
}

void co_collect_secrets(SSL_CTX *context) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_index);
    SSL_CTX_set_msg_callback(context, on_message);
}
