// The memory that sessions and channels of a thread read and write in place of a socket: a BIO
// method, one BIO object for all sessions of the thread, the output, and why the last call failed.
// It knows neither a session nor a record.

#define _GNU_SOURCE
#include "COpenSSL.h"
#include "Keys.h"

#include <openssl/bio.h>
#include <pthread.h>
#include <string.h>

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

uint8_t *co_wire_reserve(co_wire *wire, size_t count) {
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
    uint8_t *room = co_wire_reserve(wire, count);
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
    co_keys_free(wire->keys);
    free(wire->output);
    free(wire);
}

void co_wire_trim(co_wire *wire) {
    free(wire->output);
    wire->output = NULL;
    wire->output_count = wire->output_capacity = 0;
}

static _Thread_local int last_failure;
static _Thread_local const char *last_reason = "";

ssize_t co_note_failure(int kind, const char *reason) {
    last_failure = kind;
    last_reason = reason;
    return CO_FAILED;
}

int co_failure(const char **reason) {
    *reason = last_reason;
    return last_failure;
}
