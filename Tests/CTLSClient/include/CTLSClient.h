// A TLS client over memory, and a maker of certificates, for tests: the other side of TLSSession.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct tc_client tc_client;
typedef struct {
    int version;           // 12 or 13; 10 and 11 offer only what is refused; 0: whatever both have
    const char *name;      // SNI, or NULL
    const char *protocols; // ALPN as on the wire ("\x08http/1.1"), or NULL
    const char *signatures; // "RSA+SHA256:…" to be given a certificate of one kind, or NULL
    const char *ciphers;    // TLS 1.2 suites, or NULL
    const char *suites;     // TLS 1.3 suites, or NULL
    const char *groups;     // or NULL
    int asks_status;        // for an OCSP response
} tc_options;

tc_client *tc_new(const tc_options *options);
void tc_free(tc_client *);
void tc_feed(tc_client *, const void *bytes, size_t count);
// Takes what is to be sent.
size_t tc_take(tc_client *, void *room, size_t count);
int tc_handshake(tc_client *);                   // 1 done, 0 wants more, -1 failed
ssize_t tc_read(tc_client *, void *, size_t);    // > 0; 0 close_notify; -1 wants more; -2 failed
int tc_write(tc_client *, const void *, size_t); // 1 or -2
int tc_key_update(tc_client *, int asks_for_one);
void tc_close(tc_client *);
int tc_alert(const tc_client *); // the last that came, or -1
int tc_was_resumed(const tc_client *);
int tc_version(const tc_client *);
int tc_key_kind(const tc_client *);
const char *tc_peer_name(tc_client *); // the certificate's common name
size_t tc_chain_count(const tc_client *);
size_t tc_status_count(tc_client *); // bytes of the stapled response
int tc_tickets(const tc_client *);     // that came
int tc_key_updates(const tc_client *); // that came
// The session that came last, for the next client.
void *tc_session(const tc_client *);
void tc_set_session(tc_client *, void *session);
void tc_free_session(void *session);
const char *tc_protocol(tc_client *);

// Records of TLS 1.3 that no client would send, sealed with this one's keys; a client that has forged
// one must not write by itself any more, but may read. `type` below 0: none at all, and nothing but
// what `content` and `padding` zeros are. Returns the bytes of the record, 22 more than all of that.
size_t tc_forge(tc_client *, int type, const void *content, size_t count, size_t padding,
                void *room);
// As after a KeyUpdate that was forged.
void tc_forge_next_keys(tc_client *);

// Certificates. `issuer` NULL: it signs itself. Names with commas; the first is also the common
// name. Times in seconds from now.
typedef struct tc_certificate tc_certificate;
enum { TC_EC = 0, TC_RSA = 1, TC_WEAK_RSA = 2 };
tc_certificate *tc_make(const char *names, int kind, int64_t begins, int64_t ends, int is_ca,
                        const tc_certificate *issuer);
void tc_free_certificate(tc_certificate *);
// Appends to the file, and makes it where it is not there.
int tc_save(const tc_certificate *, const char *path);
int tc_save_key(const tc_certificate *, const char *path, const char *password);
int tc_save_status(const tc_certificate *of, const tc_certificate *issuer, const char *path,
                   int is_good, int64_t begins, int64_t ends);
