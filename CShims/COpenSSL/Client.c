// The client's side: a context that verifies, and sessions with a name to verify. Reading, writing
// and the end are the same calls as a server's (Session.c).

#define _GNU_SOURCE
#include "COpenSSLClient.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static int configure(SSL_CTX *context, const char *trust, int verification) {
    static const unsigned char protocols[] = "\x08http/1.1";
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (!SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) ||
        !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                           "TLS_CHACHA20_POLY1305_SHA256") ||
        SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols - 1) != 0)
        return 0;
    if (verification == CO_VERIFY_NOTHING) return 1;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    // A server's own certificate in the file is believed without the one that signed it.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
    return trust ? SSL_CTX_load_verify_file(context, trust)
                 : SSL_CTX_set_default_verify_paths(context);
}

co_context *co_client_context_new(const char *trust, int verification) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context && !configure(context, trust, verification)) {
        SSL_CTX_free(context);
        context = NULL;
    }
    ERR_clear_error();
    return (co_context *)context;
}

static int is_address(const char *host) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

co_session *co_client_session_new(co_context *context, co_wire *wire, const char *host) {
    SSL *ssl = SSL_new((SSL_CTX *)context);
    int fine = ssl != NULL;
    if (fine && is_address(host)) {
        fine = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    } else if (fine) {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        fine = SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
    }
    if (!fine) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    BIO_up_ref(wire->bio);
    SSL_set_bio(ssl, wire->bio, wire->bio);
    SSL_set_connect_state(ssl);
    return (co_session *)ssl;
}

const char *co_client_refusal(const co_session *session) {
    long result = SSL_get_verify_result((const SSL *)session);
    return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}
