// Contexts after Mozilla's intermediate profile, less its DHE suites: which versions, suites,
// groups and options; which certificate a client gets (SNI, RFC 6066 §3), its OCSP response
// (RFC 6066 §8), the protocol (ALPN, RFC 7301), and for which name a session ticket is good.

#define _GNU_SOURCE
#include "COpenSSL.h"
#include "Certificate.h"
#include "Keys.h"
#include "Tickets.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

// --- what a context remembers --------------------------------------------------------------------

typedef struct {
    char *text;
    SSL_CTX *context; // NULL: the one that holds this list
} name_entry;

typedef struct {
    X509 *leaf;
    unsigned char *bytes;
    size_t count;
    int64_t until;
} staple;

typedef struct {
    co_tickets *tickets;
    name_entry *names; // sorted
    size_t names_count;
    staple *staples;
    size_t staples_count;
} context_data;

static int data_index = -1;

static void free_data(void *parent, void *pointer, CRYPTO_EX_DATA *ex, int index, long number,
                      void *argument) {
    (void)parent, (void)ex, (void)index, (void)number, (void)argument;
    context_data *data = pointer;
    if (!data) return;
    for (size_t i = 0; i < data->names_count; i++) {
        free(data->names[i].text);
        SSL_CTX_free(data->names[i].context);
    }
    for (size_t i = 0; i < data->staples_count; i++) {
        X509_free(data->staples[i].leaf);
        free(data->staples[i].bytes);
    }
    free(data->names);
    free(data->staples);
    co_tickets_free(data->tickets);
    free(data);
}

static void make_index(void) {
    data_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_data);
}

static context_data *data_of(const SSL_CTX *context) {
    return SSL_CTX_get_ex_data(context, data_index);
}

// --- callbacks -----------------------------------------------------------------------------------

static int ticket_callback(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                           EVP_MAC_CTX *mac, int encrypts) {
    co_tickets *tickets = data_of(SSL_get_SSL_CTX(ssl))->tickets;
    int result = co_tickets_init(tickets, name, iv, cipher, mac, encrypts);
    // Under TLS 1.3 each ticket is followed by a new one: one that is used twice shows to everybody
    // on the way that it is the same client (RFC 8446 §C.4).
    return result == 1 && !encrypts && SSL_version(ssl) >= TLS1_3_VERSION ? 2 : result;
}

static int compare_name(const void *text, const void *entry) {
    return strcmp(text, ((const name_entry *)entry)->text);
}

static name_entry *find_name(const context_data *data, const char *text) {
    if (data->names_count == 0) return NULL;
    return bsearch(text, data->names, data->names_count, sizeof *data->names, compare_name);
}

// The certificates for the name that is asked for: NULL where it is nobody's. `text` is in lower
// case and without a dot at its end; a wildcard is written into it.
static name_entry *choose(const context_data *data, char *text) {
    name_entry *entry = find_name(data, text);
    if (entry) return entry;
    // A wildcard stands for one whole label (RFC 6125 §6.4.3).
    char *dot = strchr(text, '.');
    if (!dot || dot == text) return NULL;
    *--dot = '*';
    return find_name(data, dot);
}

enum { NAME_MAX_BYTES = 255 };

// The name in a ClientHello (RFC 6066 §3), as `choose` wants it. Returns its bytes, 0 for none.
static size_t asked_name(SSL *ssl, char *text) {
    const unsigned char *list;
    size_t count;
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &list, &count)) return 0;
    // The list's length, then one entry: its type, its length, the name.
    if (count < 5 || list[2] != TLSEXT_NAMETYPE_host_name) return 0;
    size_t length = (size_t)list[3] << 8 | list[4];
    if (length == 0 || length > count - 5 || length > NAME_MAX_BYTES) return 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = list[5 + i];
        if (byte == 0) return 0;
        text[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : (char)byte;
    }
    if (text[length - 1] == '.') length--;
    text[length] = 0;
    return length;
}

// Before OpenSSL looks at anything in the hello, tickets above all: the certificates are chosen,
// and a ticket is tied to the name that it was given for, so that it is good for no other (RFC 6066
// §3: the request to resume is then not accepted). Not to the certificates themselves: a client's
// ticket outlives their renewal.
static int hello_callback(SSL *ssl, int *alert, void *argument) {
    (void)argument;
    char text[NAME_MAX_BYTES + 1] = "";
    size_t count = asked_name(ssl, text);
    unsigned char scope[32];
    unsigned int scope_count = 0;
    if (!EVP_Digest(text, count, scope, &scope_count, EVP_sha256(), NULL)) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    name_entry *entry = count ? choose(data_of(SSL_get_SSL_CTX(ssl)), text) : NULL;
    if (entry && entry->context) SSL_set_SSL_CTX(ssl, entry->context);
    // Behind the change of context, which brings one of its own.
    if (!SSL_set_session_id_context(ssl, scope, scope_count)) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

// Says whether the name is known: whoever asks for another gets the first certificate, and says
// what it thinks of it.
static int name_callback(SSL *ssl, int *alert, void *argument) {
    (void)alert;
    const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    char text[NAME_MAX_BYTES + 1];
    size_t count = asked ? strlen(asked) : 0;
    if (count == 0 || count >= sizeof text) return SSL_TLSEXT_ERR_NOACK;
    for (size_t i = 0; i <= count; i++)
        text[i] = asked[i] >= 'A' && asked[i] <= 'Z' ? asked[i] + 32 : asked[i];
    if (text[count - 1] == '.') text[count - 1] = 0;
    return choose(argument, text) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static int staple_callback(SSL *ssl, void *argument) {
    (void)argument;
    const context_data *data = data_of(SSL_get_SSL_CTX(ssl));
    X509 *leaf = SSL_get_certificate(ssl);
    for (size_t i = 0; i < data->staples_count; i++) {
        const staple *staple = data->staples + i;
        if (staple->leaf != leaf || staple->until < (int64_t)time(NULL)) continue;
        unsigned char *copy = OPENSSL_memdup(staple->bytes, staple->count);
        if (!copy) break;
        SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple->count);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static int protocol_callback(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_count,
                             const unsigned char *offered, unsigned int offered_count,
                             void *argument) {
    (void)ssl, (void)argument;
    static const unsigned char ours[] = "\x08http/1.1"; // by preference; `h2` will stand before it
    unsigned char *found = NULL;
    if (SSL_select_next_proto(&found, chosen_count, ours, sizeof ours - 1, offered,
                              offered_count) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

// --- contexts ------------------------------------------------------------------------------------

static int configure(SSL_CTX *context, int flags) {
    uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
    if (flags & CO_KERNEL_TLS) options |= SSL_OP_ENABLE_KTLS;
    if (flags & CO_CHANNELS) co_collect_secrets(context);
    SSL_CTX_set_options(context, options);
    SSL_CTX_clear_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    // Two periods of the ticket keys: no ticket that a client still holds is without its key.
    SSL_CTX_set_timeout(context, 24 * 3600);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_callback);
    SSL_CTX_set_client_hello_cb(context, hello_callback, NULL);
    SSL_CTX_set_tlsext_status_cb(context, staple_callback);
    SSL_CTX_set_alpn_select_cb(context, protocol_callback, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) &&
           SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                            "ECDHE-RSA-AES128-GCM-SHA256:"
                                            "ECDHE-ECDSA-AES256-GCM-SHA384:"
                                            "ECDHE-RSA-AES256-GCM-SHA384:"
                                            "ECDHE-ECDSA-CHACHA20-POLY1305:"
                                            "ECDHE-RSA-CHACHA20-POLY1305") &&
           SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                             "TLS_CHACHA20_POLY1305_SHA256") &&
           SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384");
}

co_context *co_context_new(co_tickets *tickets, int flags) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_index);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    context_data *data = calloc(1, sizeof *data);
    if (!context || !data || !SSL_CTX_set_ex_data(context, data_index, data)) {
        free(data);
        SSL_CTX_free(context);
        ERR_clear_error();
        return NULL;
    }
    data->tickets = co_tickets_share(tickets);
    if (!configure(context, flags)) {
        SSL_CTX_free(context);
        context = NULL;
    }
    ERR_clear_error();
    return (co_context *)context;
}

void co_context_free(co_context *context) { SSL_CTX_free((SSL_CTX *)context); }

static int add_staple(context_data *data, const co_certificate *certificate) {
    if (!certificate->staple) return 0;
    staple *grown = realloc(data->staples, sizeof(staple) * (data->staples_count + 1));
    if (!grown) return -1;
    data->staples = grown;
    unsigned char *bytes = malloc(certificate->staple_count);
    if (!bytes) return -1;
    memcpy(bytes, certificate->staple, certificate->staple_count);
    X509_up_ref(certificate->leaf);
    grown[data->staples_count++] = (staple){certificate->leaf, bytes, certificate->staple_count,
                                            certificate->staple_until};
    return 0;
}

int co_context_add(co_context *context, const co_certificate *certificate) {
    SSL_CTX *target = (SSL_CTX *)context;
    int fine = SSL_CTX_use_cert_and_key(target, certificate->leaf, certificate->key,
                                        certificate->chain, 1) == 1 &&
               add_staple(data_of(target), certificate) == 0;
    ERR_clear_error();
    return fine ? 0 : -1;
}

int co_context_add_name(co_context *first, const char *name, co_context *other) {
    context_data *data = data_of((SSL_CTX *)first);
    name_entry *grown = realloc(data->names, sizeof(name_entry) * (data->names_count + 1));
    if (!grown) return -1;
    data->names = grown;
    char *text = strdup(name);
    if (!text) return -1;
    // A reference to itself would never let go.
    SSL_CTX *target = other == first ? NULL : (SSL_CTX *)other;
    if (target) SSL_CTX_up_ref(target);
    grown[data->names_count++] = (name_entry){text, target};
    SSL_CTX_set_tlsext_servername_callback((SSL_CTX *)first, name_callback);
    SSL_CTX_set_tlsext_servername_arg((SSL_CTX *)first, data);
    return 0;
}
