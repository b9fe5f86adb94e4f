// The client side of TLS over two memory BIOs, and certificates of every kind that a test of the
// server wants: expired, foreign, RSA, with and without a chain. Only tests link it.

#define _GNU_SOURCE
#include "Client.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static int client_index = -1;

static void make_index(void) {
    client_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

tc_client *tc_of(const SSL *ssl) { return SSL_get_ex_data(ssl, client_index); }

static void on_message(int is_ours, int version, int type, const void *bytes, size_t count,
                       SSL *ssl, void *argument) {
    (void)version, (void)ssl;
    if (!is_ours && type == SSL3_RT_HANDSHAKE && count > 0 &&
        *(const unsigned char *)bytes == SSL3_MT_KEY_UPDATE)
        ((tc_client *)argument)->key_updates++;
}

static void on_info(const SSL *ssl, int where, int value) {
    tc_client *client = SSL_get_ex_data(ssl, client_index);
    if (client && where & SSL_CB_ALERT && where & SSL_CB_READ) client->alert = value & 255;
}

static int on_session(SSL *ssl, SSL_SESSION *session) {
    tc_client *client = SSL_get_ex_data(ssl, client_index);
    SSL_SESSION_free(client->session);
    client->session = session;
    client->tickets++;
    return 1;
}

tc_client *tc_new(const tc_options *options) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_index);
    tc_client *client = calloc(1, sizeof *client);
    client->alert = -1;
    client->context = SSL_CTX_new(TLS_client_method());
    int versions[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
    if (options->version >= 10 && options->version <= 13) {
        SSL_CTX_set_min_proto_version(client->context, versions[options->version - 10]);
        SSL_CTX_set_max_proto_version(client->context, versions[options->version - 10]);
    }
    if (options->version == 10 || options->version == 11)
        SSL_CTX_set_cipher_list(client->context, "ALL:@SECLEVEL=0");
    if (options->ciphers) SSL_CTX_set_cipher_list(client->context, options->ciphers);
    if (options->suites) SSL_CTX_set_ciphersuites(client->context, options->suites);
    if (options->groups) SSL_CTX_set1_groups_list(client->context, options->groups);
    if (options->signatures) SSL_CTX_set1_sigalgs_list(client->context, options->signatures);
    SSL_CTX_set_session_cache_mode(client->context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client->context, on_session);
    SSL_CTX_set_keylog_callback(client->context, tc_keep_secret);
    client->ssl = SSL_new(client->context);
    client->in = BIO_new(BIO_s_mem());
    client->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(client->in, -1);
    SSL_set_bio(client->ssl, client->in, client->out);
    SSL_set_ex_data(client->ssl, client_index, client);
    SSL_set_info_callback(client->ssl, on_info);
    SSL_set_msg_callback(client->ssl, on_message);
    SSL_set_msg_callback_arg(client->ssl, client);
    SSL_set_connect_state(client->ssl);
    if (options->name) SSL_set_tlsext_host_name(client->ssl, options->name);
    if (options->protocols)
        SSL_set_alpn_protos(client->ssl, (const unsigned char *)options->protocols,
                            (unsigned)strlen(options->protocols));
    if (options->asks_status) SSL_set_tlsext_status_type(client->ssl, TLSEXT_STATUSTYPE_ocsp);
    return client;
}

void tc_free(tc_client *client) {
    // Without a shutdown OpenSSL would take the session for a bad one.
    SSL_set_shutdown(client->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    SSL_SESSION_free(client->session);
    free(client);
}

void tc_feed(tc_client *client, const void *bytes, size_t count) {
    BIO_write(client->in, bytes, (int)count);
}

size_t tc_take(tc_client *client, void *room, size_t count) {
    int taken = BIO_read(client->out, room, (int)count);
    return taken > 0 ? (size_t)taken : 0;
}

int tc_handshake(tc_client *client) {
    ERR_clear_error();
    int result = SSL_do_handshake(client->ssl);
    if (result == 1) return 1;
    return SSL_get_error(client->ssl, result) == SSL_ERROR_WANT_READ ? 0 : -1;
}

ssize_t tc_read(tc_client *client, void *room, size_t count) {
    ERR_clear_error();
    int result = SSL_read(client->ssl, room, (int)count);
    if (result > 0) return result;
    switch (SSL_get_error(client->ssl, result)) {
    case SSL_ERROR_WANT_READ: return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: return -2;
    }
}

int tc_write(tc_client *client, const void *bytes, size_t count) {
    ERR_clear_error();
    return SSL_write(client->ssl, bytes, (int)count) == (int)count ? 1 : -2;
}

int tc_key_update(tc_client *client, int asks_for_one) {
    int kind = asks_for_one ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
    return SSL_key_update(client->ssl, kind) && SSL_do_handshake(client->ssl) == 1;
}

void tc_close(tc_client *client) { SSL_shutdown(client->ssl); }
int tc_alert(const tc_client *client) { return client->alert; }
int tc_was_resumed(const tc_client *client) { return SSL_session_reused(client->ssl); }
int tc_version(const tc_client *client) {
    return SSL_version(client->ssl) == TLS1_3_VERSION   ? 13
           : SSL_version(client->ssl) == TLS1_2_VERSION ? 12
                                                        : 0;
}
int tc_key_updates(const tc_client *client) { return client->key_updates; }
int tc_tickets(const tc_client *client) { return client->tickets; }

int tc_key_kind(const tc_client *client) {
    X509 *leaf = SSL_get0_peer_certificate(client->ssl);
    if (!leaf) return -1;
    return EVP_PKEY_get_base_id(X509_get0_pubkey(leaf)) == EVP_PKEY_RSA ? TC_RSA : TC_EC;
}

const char *tc_peer_name(tc_client *client) {
    X509 *leaf = SSL_get0_peer_certificate(client->ssl);
    client->name[0] = 0;
    if (leaf)
        X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, client->name,
                                  sizeof client->name);
    return client->name;
}

size_t tc_chain_count(const tc_client *client) {
    int count = sk_X509_num(SSL_get_peer_cert_chain(client->ssl));
    return count > 0 ? (size_t)count : 0;
}

size_t tc_status_count(tc_client *client) {
    const unsigned char *bytes = NULL;
    long count = SSL_get_tlsext_status_ocsp_resp(client->ssl, &bytes);
    return count > 0 ? (size_t)count : 0;
}

void *tc_session(const tc_client *client) {
    SSL_SESSION *session = client->session;
    if (!session) session = SSL_get0_session(client->ssl);
    if (session) SSL_SESSION_up_ref(session);
    return session;
}
// A copy: OpenSSL's clients use one but once.
void tc_set_session(tc_client *client, void *session) {
    SSL_SESSION *copy = SSL_SESSION_dup(session);
    SSL_set_session(client->ssl, copy);
    SSL_SESSION_free(copy);
}
void tc_free_session(void *session) { SSL_SESSION_free(session); }

const char *tc_protocol(tc_client *client) {
    const unsigned char *text = NULL;
    unsigned count = 0;
    SSL_get0_alpn_selected(client->ssl, &text, &count);
    memcpy(client->name, text ? text : (const unsigned char *)"", count);
    client->name[count] = 0;
    return client->name;
}

// --- certificates --------------------------------------------------------------------------------

struct tc_certificate {
    X509 *leaf;
    EVP_PKEY *key;
};

static void extend(X509 *leaf, X509 *issuer, int kind, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, leaf, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    X509_add_ext(leaf, extension, -1);
    X509_EXTENSION_free(extension);
}

tc_certificate *tc_make(const char *names, int kind, int64_t begins, int64_t ends, int is_ca,
                        const tc_certificate *issuer) {
    static atomic_long serial = 1000; // tests run side by side
    tc_certificate *made = calloc(1, sizeof *made);
    made->key = kind == TC_EC ? EVP_EC_gen("P-256") : EVP_RSA_gen(kind == TC_RSA ? 2048 : 1024);
    X509 *leaf = made->leaf = X509_new();
    X509_set_version(leaf, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(leaf), atomic_fetch_add(&serial, 1));
    X509_gmtime_adj(X509_getm_notBefore(leaf), begins);
    X509_gmtime_adj(X509_getm_notAfter(leaf), ends);
    char first[256] = "";
    size_t count = strcspn(names, ",");
    memcpy(first, names, count < sizeof first ? count : 0);
    X509_NAME *subject = X509_get_subject_name(leaf);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (unsigned char *)first, -1, -1, 0);
    X509 *signer = issuer ? issuer->leaf : leaf;
    X509_set_issuer_name(leaf, X509_get_subject_name(signer));
    X509_set_pubkey(leaf, made->key);
    extend(leaf, signer, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!is_ca) {
        char text[1024] = "";
        for (const char *name = names; *name;) {
            size_t length = strcspn(name, ",");
            snprintf(text + strlen(text), sizeof text - strlen(text), "%sDNS:%.*s",
                     *text ? "," : "", (int)length, name);
            name += length + (name[length] == ',');
        }
        extend(leaf, signer, NID_subject_alt_name, text);
    }
    X509_sign(leaf, issuer ? issuer->key : made->key, EVP_sha256());
    return made;
}

void tc_free_certificate(tc_certificate *certificate) {
    X509_free(certificate->leaf);
    EVP_PKEY_free(certificate->key);
    free(certificate);
}

int tc_save(const tc_certificate *certificate, const char *path) {
    BIO *file = BIO_new_file(path, "a");
    int fine = file && PEM_write_bio_X509(file, certificate->leaf);
    BIO_free(file);
    return fine;
}

int tc_save_key(const tc_certificate *certificate, const char *path, const char *password) {
    BIO *file = BIO_new_file(path, "a");
    int fine = file && PEM_write_bio_PrivateKey(file, certificate->key,
                                                password ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                                                (void *)password);
    BIO_free(file);
    return fine;
}

int tc_save_status(const tc_certificate *of, const tc_certificate *issuer, const char *path,
                   int is_good, int64_t begins, int64_t ends) {
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), of->leaf, issuer->leaf);
    ASN1_TIME *this_update = X509_gmtime_adj(NULL, begins);
    ASN1_TIME *next_update = X509_gmtime_adj(NULL, ends);
    OCSP_basic_add1_status(basic, id, is_good ? V_OCSP_CERTSTATUS_GOOD : V_OCSP_CERTSTATUS_UNKNOWN,
                           0, NULL, this_update, next_update);
    OCSP_basic_sign(basic, issuer->leaf, issuer->key, EVP_sha256(), NULL, 0);
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    BIO *file = BIO_new_file(path, "w");
    int fine = file && i2d_OCSP_RESPONSE_bio(file, response);
    BIO_free(file);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(this_update);
    ASN1_TIME_free(next_update);
    return fine;
}
