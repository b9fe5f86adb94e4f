// The record layer of TLS 1.3 after the handshake (RFC 8446 §5): a channel takes the secrets of a
// session whose `SSL` is then freed, and seals and opens the records itself. Knows KeyUpdate
// (§4.6.3) and alerts (§6), and no other message: a server gets none after the handshake. Keeps two
// directions' keys and a few bytes of state; ciphertext and plaintext are the caller's.
//
//   open ──close_notify said or come──► half of it goes on
//     └── failed: an alert is the last thing sealed; nothing is opened or sealed after it

#define _GNU_SOURCE
#include "Keys.h"

#include <openssl/crypto.h>
#include <string.h>

enum { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22, APPLICATION_DATA = 23 };
enum {
    CLOSE_NOTIFY = 0,
    UNEXPECTED_MESSAGE = 10,
    BAD_RECORD_MAC = 20,
    RECORD_OVERFLOW = 22,
    ILLEGAL_PARAMETER = 47,
    DECODE_ERROR = 50,
    INTERNAL_ERROR = 80,
    USER_CANCELED = 90,
};
// §5.1, §5.2.
enum { PLAIN_MAX = 1 << 14, SEALED_MAX = PLAIN_MAX + 256 };
// Records in a row that bring no application data, whatever they are; a peer that has nothing to
// say does not say so for ever.
enum { IDLE_RECORDS_MAX = 32 };

// What we have to say before the next application data.
typedef enum { NOTHING, KEY_UPDATE, KEY_UPDATE_OF_BOTH } debt;

struct co_channel {
    traffic ours, theirs;
    uint8_t suite;
    uint8_t owes;    // a `debt`
    uint8_t idle;    // records in a row without application data
    uint8_t partial; // bytes of a KeyUpdate that came so far
    uint8_t has_asked, has_closed, has_failed;
};
// All that a connection keeps for TLS 1.3 beside its session, with the word that malloc adds.
_Static_assert(sizeof(co_channel) + 8 <= 236, "a channel takes more than a connection may cost");

// --- life ----------------------------------------------------------------------------------------

co_channel *co_channel_new(const co_session *session, co_wire *wire) {
    const SSL *ssl = (const SSL *)session;
    const secrets *secrets = co_secrets_of(ssl);
    int suite = co_suite_of(ssl);
    if (!secrets || suite < 0 || secrets->sealed < 0 || SSL_version(ssl) != TLS1_3_VERSION ||
        !SSL_is_init_finished(ssl) || SSL_has_pending(ssl) || SSL_get_shutdown(ssl) != 0 ||
        secrets->client_count != co_suite_secret_bytes(suite) ||
        secrets->server_count != co_suite_secret_bytes(suite))
        return NULL;
    if (!wire->keys) wire->keys = co_keys_new();
    co_channel *channel = wire->keys ? OPENSSL_zalloc(sizeof *channel) : NULL;
    if (!channel) return NULL;
    channel->suite = (uint8_t)suite;
    if (co_traffic_begin(&channel->ours, wire->keys, suite, secrets->server) < 0 ||
        co_traffic_begin(&channel->theirs, wire->keys, suite, secrets->client) < 0) {
        co_channel_free(channel, wire);
        return NULL;
    }
    channel->ours.sequence = (uint64_t)secrets->sealed;
    return channel;
}

void co_channel_free(co_channel *channel, co_wire *wire) {
    if (!channel) return;
    co_traffic_forget(&channel->ours, wire->keys, channel->suite);
    co_traffic_forget(&channel->theirs, wire->keys, channel->suite);
    OPENSSL_free(channel);
}

// --- sealing -------------------------------------------------------------------------------------

static int seal(co_channel *channel, co_wire *wire, uint8_t type, const void *bytes, size_t count) {
    uint8_t *record = co_wire_reserve(wire, HEADER + count + 1 + TAG);
    ssize_t sealed = record ? co_traffic_seal(&channel->ours, wire->keys, channel->suite, record,
                                              bytes, count, type)
                            : -1;
    if (sealed < 0) return -1;
    wire->output_count += (size_t)sealed;
    return 0;
}

// Ends the channel, with an alert to the peer.
static ssize_t fail(co_channel *channel, co_wire *wire, uint8_t code, const char *reason) {
    const uint8_t alert[] = {2, code};
    channel->has_failed = 1;
    if (!channel->has_closed) seal(channel, wire, ALERT, alert, sizeof alert);
    return co_note_failure(CO_REASON_OTHER, reason);
}

int co_channel_owes(const co_channel *channel) {
    return channel->owes != NOTHING && !channel->has_closed && !channel->has_failed;
}

int co_channel_pay(co_channel *channel, co_wire *wire) {
    if (!co_channel_owes(channel)) return 0;
    int asks = channel->owes == KEY_UPDATE_OF_BOTH;
    const uint8_t message[] = {SSL3_MT_KEY_UPDATE, 0, 0, 1, (uint8_t)asks};
    if (seal(channel, wire, HANDSHAKE, message, sizeof message) < 0) return -1;
    channel->owes = NOTHING;
    if (asks) channel->has_asked = 1;
    return co_traffic_next(&channel->ours, wire->keys, channel->suite);
}

// Before each record of application data: new keys where they are due (§5.5).
static int prepare(co_channel *channel, co_wire *wire) {
    if (channel->has_failed || channel->has_closed) return -1;
    if (channel->owes == NOTHING && channel->ours.sequence >= wire->key_records_max)
        channel->owes = KEY_UPDATE;
    return channel->owes == NOTHING ? 0 : co_channel_pay(channel, wire);
}

static ssize_t failed_sealing(co_channel *channel) {
    channel->has_failed = 1;
    return co_note_failure(CO_REASON_OTHER, "a record cannot be sealed");
}

ssize_t co_channel_write(co_channel *channel, co_wire *wire, const void *bytes, size_t count) {
    for (size_t total = 0; total < count;) {
        size_t part = count - total < PLAIN_MAX ? count - total : PLAIN_MAX;
        if (prepare(channel, wire) < 0 ||
            seal(channel, wire, APPLICATION_DATA, (const uint8_t *)bytes + total, part) < 0)
            return failed_sealing(channel);
        total += part;
    }
    return (ssize_t)count;
}

void *co_channel_room(co_channel *channel, co_wire *wire) {
    if (prepare(channel, wire) < 0) {
        failed_sealing(channel);
        return NULL;
    }
    uint8_t *record = co_wire_reserve(wire, HEADER + PLAIN_MAX + 1 + TAG);
    return record ? record + HEADER : NULL;
}

ssize_t co_channel_seal(co_channel *channel, co_wire *wire, size_t count) {
    const uint8_t *bytes = wire->output + wire->output_count + HEADER;
    if (count > PLAIN_MAX || channel->has_failed || channel->has_closed ||
        seal(channel, wire, APPLICATION_DATA, bytes, count) < 0)
        return failed_sealing(channel);
    return (ssize_t)count;
}

void co_channel_close(co_channel *channel, co_wire *wire) {
    if (channel->has_closed || channel->has_failed) return;
    const uint8_t alert[] = {1, CLOSE_NOTIFY};
    seal(channel, wire, ALERT, alert, sizeof alert);
    channel->has_closed = 1;
}

// --- opening -------------------------------------------------------------------------------------

size_t co_record_bytes(const uint8_t *bytes, size_t count) {
    return count < HEADER ? 0 : HEADER + ((size_t)bytes[3] << 8 | bytes[4]);
}

// The peer has new keys.
static int update_theirs(co_channel *channel, co_wire *wire, int asks_for_ours) {
    channel->partial = 0;
    channel->has_asked = 0;
    // The question that we wanted to ask has been answered; what we owe is answered once.
    if (channel->owes == KEY_UPDATE_OF_BOTH || asks_for_ours)
        channel->owes = asks_for_ours ? KEY_UPDATE : NOTHING;
    return co_traffic_next(&channel->theirs, wire->keys, channel->suite) < 0 ? INTERNAL_ERROR : -1;
}

// Returns the alert that the message calls for, or -1.
static int take_handshake(co_channel *channel, co_wire *wire, const uint8_t *bytes, size_t count) {
    static const uint8_t begin[] = {SSL3_MT_KEY_UPDATE, 0, 0, 1};
    if (count == 0) return UNEXPECTED_MESSAGE;
    while (channel->partial < sizeof begin && count > 0) {
        if (*bytes != begin[channel->partial])
            return channel->partial == 0 ? UNEXPECTED_MESSAGE : DECODE_ERROR;
        channel->partial++, bytes++, count--;
    }
    if (count == 0) return -1;
    // A change of keys ends its record (§5.1).
    if (count > 1) return UNEXPECTED_MESSAGE;
    if (*bytes > 1) return ILLEGAL_PARAMETER;
    return update_theirs(channel, wire, *bytes == 1);
}

static ssize_t take_alert(co_channel *channel, co_wire *wire, const uint8_t *bytes, size_t count) {
    if (count == 0) return fail(channel, wire, UNEXPECTED_MESSAGE, "an empty alert");
    if (count != 2) return fail(channel, wire, DECODE_ERROR, "an alert of another length");
    // The level means nothing (§6).
    if (bytes[1] == CLOSE_NOTIFY) return CO_CLOSED;
    if (bytes[1] == USER_CANCELED) return 0;
    channel->has_failed = 1; // and no alert answers one
    return co_note_failure(CO_REASON_OTHER, "the peer sent a fatal alert");
}

// What stands in an opened record. Returns bytes of application data, 0 for anything else that is
// fine, or how it ends.
static ssize_t take(co_channel *channel, co_wire *wire, const uint8_t *text, size_t inner) {
    // The limit counts the padding too (§5.4).
    if (inner > PLAIN_MAX + 1) return fail(channel, wire, RECORD_OVERFLOW, "a record too long");
    while (inner > 0 && text[inner - 1] == 0) inner--; // the padding
    if (inner == 0) return fail(channel, wire, UNEXPECTED_MESSAGE, "a record of nothing but zeros");
    uint8_t type = text[--inner];
    if (channel->partial > 0 && type != HANDSHAKE)
        return fail(channel, wire, UNEXPECTED_MESSAGE, "a record inside of a message");
    switch (type) {
    case APPLICATION_DATA: return (ssize_t)inner;
    case ALERT: return take_alert(channel, wire, text, inner);
    case HANDSHAKE: {
        int alert = take_handshake(channel, wire, text, inner);
        return alert < 0 ? 0 : fail(channel, wire, (uint8_t)alert, "not a good KeyUpdate");
    }
    default: return fail(channel, wire, UNEXPECTED_MESSAGE, "a record of another type");
    }
}

// Counts what came under one key (§5.5): asks for another in time, and ends with who has none.
static int may_open(co_channel *channel, const co_wire *wire) {
    if (channel->theirs.sequence < wire->key_records_max) return 1;
    if (!channel->has_asked && channel->owes == NOTHING) channel->owes = KEY_UPDATE_OF_BOTH;
    return channel->theirs.sequence / 2 < wire->key_records_max;
}

ssize_t co_channel_read(co_channel *channel, co_wire *wire, void *room, size_t count) {
    if (channel->has_failed) return co_note_failure(CO_REASON_OTHER, "it failed before");
    for (;;) {
        if (wire->input_count < HEADER) return CO_WANTS_INPUT;
        const uint8_t *record = wire->input;
        size_t sealed = co_record_bytes(record, HEADER) - HEADER;
        if (record[0] != APPLICATION_DATA)
            return fail(channel, wire, UNEXPECTED_MESSAGE, "a record that is not sealed");
        if (sealed > SEALED_MAX)
            return fail(channel, wire, RECORD_OVERFLOW, "a record too long");
        if (sealed < TAG) return fail(channel, wire, BAD_RECORD_MAC, "a record too short");
        if (wire->input_count - HEADER < sealed) return CO_WANTS_INPUT;
        if (sealed - TAG > count) return CO_WANTS_ROOM;
        if (!may_open(channel, wire))
            return fail(channel, wire, INTERNAL_ERROR, "too many records under one key");
        if (co_traffic_open(&channel->theirs, wire->keys, channel->suite, record, sealed, room) < 0)
            return fail(channel, wire, BAD_RECORD_MAC, "a record that does not open");
        wire->input += HEADER + sealed;
        wire->input_count -= HEADER + sealed;
        ssize_t result = take(channel, wire, room, sealed - TAG);
        if (result > 0) channel->idle = 0;
        if (result != 0) return result;
        if (++channel->idle > IDLE_RECORDS_MAX)
            return fail(channel, wire, UNEXPECTED_MESSAGE, "too many records without data");
    }
}
