// Records that no client would send, sealed with a real client's keys: what a record layer must
// refuse. Derives keys with OpenSSL's TLS13-KDF, so that it shares nothing with what it tests.

#define _GNU_SOURCE
#include "Client.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <string.h>

void tc_keep_secret(const SSL *ssl, const char *line) {
    tc_client *client = tc_of(ssl);
    if (!client || strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) != 0) return;
    const char *hex = strrchr(line, ' ') + 1;
    client->secret_count = strlen(hex) / 2;
    for (size_t i = 0; i < client->secret_count && i < sizeof client->secret; i++)
        sscanf(hex + 2 * i, "%2hhx", &client->secret[i]);
    client->sequence = 0;
}

static void derive(tc_client *client, const char *label, unsigned char *out, size_t count) {
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST,
                               client->secret_count == 48 ? "SHA384" : "SHA256", 6),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, client->secret, client->secret_count),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, (char *)label, strlen(label)),
        OSSL_PARAM_END,
    };
    EVP_KDF_derive(context, out, count, parameters);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

void tc_forge_next_keys(tc_client *client) {
    unsigned char next[48];
    derive(client, "traffic upd", next, client->secret_count);
    memcpy(client->secret, next, client->secret_count);
    client->sequence = 0;
}

size_t tc_forge(tc_client *client, int type, const void *content, size_t count, size_t padding,
                void *room) {
    const EVP_CIPHER *ciphers[] = {EVP_aes_128_gcm(), EVP_aes_256_gcm(), EVP_chacha20_poly1305()};
    int suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(client->ssl)) - 0x1301;
    unsigned char key[32], nonce[12], *record = room, *text = record + 5;
    derive(client, "key", key, suite == 0 ? 16 : 32);
    derive(client, "iv", nonce, 12);
    for (int i = 0; i < 8; i++) nonce[11 - i] ^= (unsigned char)(client->sequence >> (8 * i));
    client->sequence++;
    size_t inner = count + (type >= 0) + padding;
    memcpy(text, content, count);
    if (type >= 0) text[count] = (unsigned char)type;
    memset(text + inner - padding, 0, padding);
    size_t sealed = inner + 16;
    record[0] = 23, record[1] = record[2] = 3;
    record[3] = (unsigned char)(sealed >> 8), record[4] = (unsigned char)sealed;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done;
    EVP_EncryptInit_ex(context, ciphers[suite], NULL, key, nonce);
    EVP_EncryptUpdate(context, NULL, &done, record, 5);
    if (inner > 0) EVP_EncryptUpdate(context, text, &done, text, (int)inner);
    EVP_EncryptFinal_ex(context, text + inner, &done);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, text + inner);
    EVP_CIPHER_CTX_free(context);
    return 5 + sealed;
}
