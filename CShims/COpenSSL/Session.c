// Sessions over memory (Wire.c): the calls that shake hands, read, write and end. Because writing
// into memory never blocks, SSL_write always finishes, and what a read wants to write (KeyUpdate,
// alerts) is never held up.

#define _GNU_SOURCE
#include "COpenSSL.h"
#include "Keys.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#define SSL_OF(session) ((SSL *)(session))

co_session *co_session_new(co_context *context, co_wire *wire) {
    SSL *ssl = SSL_new((SSL_CTX *)context);
    if (!ssl) {
        ERR_clear_error();
        return NULL;
    }
    BIO_up_ref(wire->bio);
    SSL_set_bio(ssl, wire->bio, wire->bio);
    SSL_set_accept_state(ssl);
    return (co_session *)ssl;
}

void co_session_free(co_session *session) { SSL_free(SSL_OF(session)); }

static ssize_t failed(void) {
    unsigned long error = ERR_peek_last_error();
    int is_http =
        ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST;
    const char *reason = ERR_reason_error_string(error);
    ERR_clear_error();
    return co_note_failure(is_http ? CO_REASON_PLAIN_HTTP : CO_REASON_OTHER,
                           reason ? reason : "unknown");
}

static ssize_t outcome(const SSL *ssl, int result) {
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ: return CO_WANTS_INPUT;
    case SSL_ERROR_ZERO_RETURN: return CO_CLOSED;
    default: return failed();
    }
}

// How many sealed records `bytes` are, or -1 where they are not whole records.
static int64_t sealed_records(const uint8_t *bytes, size_t count) {
    int64_t sealed = 0;
    while (count > 0) {
        size_t record = co_record_bytes(bytes, count);
        if (record == 0 || record > count) return -1;
        sealed += bytes[0] == SSL3_RT_APPLICATION_DATA;
        bytes += record;
        count -= record;
    }
    return sealed;
}

ssize_t co_session_handshake(co_session *session, co_wire *wire) {
    size_t before = wire->output_count;
    ERR_clear_error(); // SSL_get_error looks at what others may have left
    int result = SSL_do_handshake(SSL_OF(session));
    if (result != 1) return outcome(SSL_OF(session), result);
    // What the call that finds the client's Finished writes is under the final keys: tickets. Our
    // part of the handshake left in an earlier one, because the client had to answer it.
    secrets *secrets = co_secrets_of(SSL_OF(session));
    if (secrets)
        secrets->sealed = sealed_records(wire->output + before, wire->output_count - before);
    return 1;
}

ssize_t co_session_read(co_session *session, void *room, size_t count) {
    size_t read = 0;
    ERR_clear_error();
    if (SSL_read_ex(SSL_OF(session), room, count, &read)) return (ssize_t)read;
    return outcome(SSL_OF(session), 0);
}

ssize_t co_session_write(co_session *session, const void *bytes, size_t count) {
    size_t total = 0;
    ERR_clear_error();
    while (total < count) {
        size_t written = 0;
        if (!SSL_write_ex(SSL_OF(session), (const char *)bytes + total, count - total, &written))
            return failed();
        total += written;
    }
    return (ssize_t)total;
}

void co_session_close(co_session *session) {
    if (SSL_in_init(SSL_OF(session)) || SSL_get_shutdown(SSL_OF(session)) & SSL_SENT_SHUTDOWN)
        return;
    ERR_clear_error();
    if (SSL_shutdown(SSL_OF(session)) < 0) ERR_clear_error();
}

size_t co_session_pending(const co_session *session) {
    int count = SSL_pending((const SSL *)session);
    return count > 0 ? (size_t)count : 0;
}

int co_session_is_established(const co_session *session) {
    return SSL_is_init_finished((const SSL *)session);
}

int co_session_was_resumed(const co_session *session) {
    return SSL_session_reused((const SSL *)session);
}

int co_session_is_version_13(const co_session *session) {
    return SSL_version((const SSL *)session) == TLS1_3_VERSION;
}
