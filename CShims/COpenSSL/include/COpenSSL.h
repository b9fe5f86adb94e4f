// OpenSSL 3.0 for a server that moves the bytes itself: certificates, contexts, ticket keys, and
// sessions that read and write memory; digests and signatures are in COpenSSLCrypto.h. OpenSSL's
// own headers stay behind this one; much of them is macros that Swift cannot see. Nothing here
// logs, and no secret leaves.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// --- certificates --------------------------------------------------------------------------------

// A leaf, its chain and its key. Unchanging once loaded, so any thread may use it.
typedef struct co_certificate co_certificate;

typedef enum {
    CO_FINE = 0,
    CO_UNREADABLE,      // `error` is the errno
    CO_TOO_LARGE,       // over CO_FILE_BYTES_MAX
    CO_NO_CERTIFICATE,  // no PEM block CERTIFICATE
    CO_NO_KEY,          // no PEM block with a private key
    CO_ENCRYPTED_KEY,
    CO_WRONG_KEY,
    CO_BAD_CERTIFICATE, // PEM, but what is in it cannot be understood
    CO_REFUSED,         // OpenSSL does not accept it: too short a key, too weak a signature
    CO_NOT_OCSP,
    CO_OCSP_UNSUCCESSFUL,
    CO_OCSP_FOREIGN,  // says nothing of this certificate
    CO_OCSP_UNSIGNED, // not signed by the certificate's issuer, or that is not in the chain
    CO_OCSP_EXPIRED,
    CO_OCSP_NOT_GOOD, // revoked or unknown
    CO_NO_MEMORY,
} co_problem_kind;

typedef struct {
    co_problem_kind kind;
    int error;
    int is_key; // it is the key's file that is wrong
} co_problem;

enum { CO_FILE_BYTES_MAX = 1 << 20 };

// `key_path` may be the same file. Returns NULL and says why in `problem`.
co_certificate *co_certificate_load(const char *path, const char *key_path, co_problem *problem);
void co_certificate_free(co_certificate *);
// Seconds since 1970.
int64_t co_certificate_not_before(const co_certificate *);
int64_t co_certificate_not_after(const co_certificate *);
// The names of subjectAltName in lower case, or the common name where there are none; NULL past the
// end.
const char *co_certificate_name(const co_certificate *, size_t index);
// Equal for keys of one kind: RSA, EC, Ed25519.
int co_certificate_key_kind(const co_certificate *);
// Whether the leaf signs itself or its issuer follows it.
int co_certificate_has_chain(const co_certificate *);
// Reads a DER OCSP response and keeps it for stapling. Before the certificate is shared.
co_problem co_certificate_staple(co_certificate *, const char *path);

// Makes an ECDSA P-256 certificate for localhost that signs itself, and writes it with its key into
// a new file of mode 0600. Returns 0 or -errno.
int co_self_signed(const char *path, int64_t days);

// --- ticket keys ---------------------------------------------------------------------------------

// The keys of session tickets (RFC 5077, RFC 8446 §4.6.1), for all threads of the process. The
// newest encrypts; the two before it still decrypt. Each is newest for `period` seconds.
typedef struct co_tickets co_tickets;
co_tickets *co_tickets_new(int64_t period_seconds);
void co_tickets_free(co_tickets *); // contexts that use them keep them alive
int co_tickets_rotate(co_tickets *);

// --- contexts ------------------------------------------------------------------------------------

typedef struct co_context co_context; // an SSL_CTX
enum {
    CO_KERNEL_TLS = 1,
    CO_CHANNELS = 2, // its sessions may be taken over (`co_channel_new`)
};
co_context *co_context_new(co_tickets *, int flags);
void co_context_free(co_context *); // sessions that use it keep it alive
int co_context_add(co_context *, const co_certificate *); // 0, or -1 where OpenSSL refuses it
// A client that asks `first` for `name` (lower case, or `*.` and a suffix) is given `other`. Add
// names in ascending order of their bytes.
int co_context_add_name(co_context *first, const char *name, co_context *other);

// --- sessions ------------------------------------------------------------------------------------

typedef struct co_keys co_keys;

// What the session that is being called reads and writes: one for each thread, shared by all of its
// sessions. Input is the caller's memory; output is grown as needed and belongs to the wire.
typedef struct {
    const uint8_t *input;
    size_t input_count;
    uint8_t *output;
    size_t output_count;
    size_t output_capacity;
    void *bio;
    co_keys *keys;            // what channels share; made with the first
    uint64_t key_records_max; // that a channel seals under one key, and opens without asking
} co_wire;

co_wire *co_wire_new(void);
void co_wire_free(co_wire *);
// Puts bytes that are ready to leave before what sessions will write. Returns 0, or -1 where
// memory is short.
int co_wire_put(co_wire *, const void *bytes, size_t count);
// Gives the output's memory back; what is in it is lost.
void co_wire_trim(co_wire *);

typedef struct co_session co_session; // an SSL
enum {
    CO_WANTS_INPUT = -1,
    CO_CLOSED = -2, // the peer's close_notify
    CO_FAILED = -3, // an alert is in the wire's output where one is due
    CO_WANTS_ROOM = -4,
};
// Why a session failed, as far as anyone acts on it.
enum { CO_REASON_OTHER = 0, CO_REASON_PLAIN_HTTP = 1 };

// A server's side. NULL where memory is short.
co_session *co_session_new(co_context *, co_wire *);
void co_session_free(co_session *);
// Takes the wire's input as far as the handshake needs it, to the byte. Returns 1 when it is done,
// or one of the values above.
ssize_t co_session_handshake(co_session *, co_wire *);
// Takes the wire's input, and returns plaintext bytes (> 0), or one of the values above.
ssize_t co_session_read(co_session *, void *room, size_t count);
// Encrypts all of it into the wire's output: returns `count` or CO_FAILED.
ssize_t co_session_write(co_session *, const void *bytes, size_t count);
// Writes close_notify once; nothing before the handshake is done.
void co_session_close(co_session *);
size_t co_session_pending(const co_session *);
int co_session_is_established(const co_session *);
int co_session_was_resumed(const co_session *);
int co_session_is_version_13(const co_session *);
// Of the last failure on this thread: the number above, and OpenSSL's words for it.
int co_failure(const char **reason);

// --- channels ------------------------------------------------------------------------------------

// The keys of a TLS 1.3 session, in some 220 bytes. All calls are of the thread that owns the wire,
// and each is given the same one.
typedef struct co_channel co_channel;

// Takes over from a session that has just finished its handshake, in the context's way. The caller
// frees the session, or goes on with it where this returns NULL: it is of TLS 1.2, or memory is
// short.
co_channel *co_channel_new(const co_session *, co_wire *);
// Wipes its secrets. NULL is allowed.
void co_channel_free(co_channel *, co_wire *);
// Opens records of the wire's input until one brings application data, and returns its bytes (> 0),
// in `room`, or one of the values above; what is no whole record stays in the input.
// CO_WANTS_ROOM: the next record needs up to CO_OPENED_MAX bytes of room, whatever it holds.
ssize_t co_channel_read(co_channel *, co_wire *, void *room, size_t count);
enum { CO_OPENED_MAX = (1 << 14) + 256, CO_RECORD_MAX = CO_OPENED_MAX + 5 };
// How long a record is that begins like this, its header included; 0 where that is not known yet.
size_t co_record_bytes(const uint8_t *bytes, size_t count);
// Seals all of it into the wire's output: returns `count` or CO_FAILED.
ssize_t co_channel_write(co_channel *, co_wire *, const void *bytes, size_t count);
// Room for 2^14 bytes where the next record will stand, to be filled and sealed with no call in
// between; NULL where it may not or memory is short.
void *co_channel_room(co_channel *, co_wire *);
ssize_t co_channel_seal(co_channel *, co_wire *, size_t count);
// Whether a KeyUpdate is due, asked for by the peer or by the number of records. Whatever is
// written pays it first; `pay` writes it alone. Returns 0 or -1.
int co_channel_owes(const co_channel *);
int co_channel_pay(co_channel *, co_wire *);
// Writes close_notify once.
void co_channel_close(co_channel *, co_wire *);

#include "COpenSSLClient.h"
#include "COpenSSLCrypto.h"
