// Sessions over memory: a BIO method without a socket, one BIO object for all sessions of a thread,
// and the calls that read, write and end. Because writing into memory never blocks, SSL_write
// always finishes, and what a read wants to write (KeyUpdate, alerts) is never held up.

#define _GNU_SOURCE
#include "COpenSSL.h"
#include "Keys.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>

#define SSL_OF(session) ((SSL *)(session))

static int wire_read(BIO *bio, char *room, size_t count, size_t *taken) {
    co_wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (wire->input_count == 0) {
        BIO_set_retry_read(bio);
        *taken = 0;
        return 0;
    }
    if (count > wire->input_count) count = wire->input_count;
    memcpy(room, wire->input, count);
    wire->input += count;
    wire->input_count -= count;
    *taken = count;
    return 1;
}

uint8_t *wire_reserve(co_wire *wire, size_t count) {
    if (count > wire->output_capacity - wire->output_count) {
        size_t capacity = wire->output_capacity ? wire->output_capacity : 16384;
        while (capacity - wire->output_count < count) capacity *= 2;
        uint8_t *grown = realloc(wire->output, capacity);
        if (!grown) return NULL;
        wire->output = grown;
        wire->output_capacity = capacity;
    }
    return wire->output + wire->output_count;
}

static int wire_write(BIO *bio, const char *bytes, size_t count, size_t *taken) {
    co_wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    uint8_t *room = wire_reserve(wire, count);
    if (!room) return 0;
    memcpy(room, bytes, count);
    wire->output_count += count;
    *taken = count;
    return 1;
}

int co_wire_put(co_wire *wire, const void *bytes, size_t count) {
    size_t taken = 0;
    return wire_write(wire->bio, bytes, count, &taken) ? 0 : -1;
}

static long wire_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    // Everything else, kernel TLS among it, is refused, and OpenSSL does without.
    return command == BIO_CTRL_FLUSH;
}

static int wire_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *wire_method;
static void make_wire_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    if (method && BIO_meth_set_read_ex(method, wire_read) &&
        BIO_meth_set_write_ex(method, wire_write) && BIO_meth_set_ctrl(method, wire_control) &&
        BIO_meth_set_create(method, wire_create))
        wire_method = method;
}

co_wire *co_wire_new(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_wire_method);
    co_wire *wire = calloc(1, sizeof *wire);
    BIO *bio = wire && wire_method ? BIO_new(wire_method) : NULL;
    if (!bio) {
        free(wire);
        return NULL;
    }
    BIO_set_data(bio, wire);
    wire->bio = bio;
    wire->key_records_max = 1 << 23;
    return wire;
}

void co_wire_free(co_wire *wire) {
    if (!wire) return;
    BIO_free(wire->bio);
    keys_free(wire->keys);
    free(wire->output);
    free(wire);
}

void co_wire_trim(co_wire *wire) {
    free(wire->output);
    wire->output = NULL;
    wire->output_count = wire->output_capacity = 0;
}

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

static _Thread_local int last_failure;
static _Thread_local const char *last_reason = "";

ssize_t note_failure(int kind, const char *reason) {
    last_failure = kind;
    last_reason = reason;
    return CO_FAILED;
}

static ssize_t failed(void) {
    unsigned long error = ERR_peek_last_error();
    int is_http =
        ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST;
    const char *reason = ERR_reason_error_string(error);
    ERR_clear_error();
    return note_failure(is_http ? CO_REASON_PLAIN_HTTP : CO_REASON_OTHER,
                        reason ? reason : "unknown");
}

int co_failure(const char **reason) {
    *reason = last_reason;
    return last_failure;
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
    secrets *secrets = secrets_of(SSL_OF(session));
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
