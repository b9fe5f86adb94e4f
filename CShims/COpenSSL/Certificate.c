// Certificates and keys from PEM files, OCSP responses from DER files, and a certificate for
// development that signs itself. Says what is wrong with a file by a number; the words are Swift's.

#define _GNU_SOURCE
#include "Certificate.h"
#include "COpenSSL.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// --- files ---------------------------------------------------------------------------------------

typedef struct {
    unsigned char *bytes;
    size_t count;
} contents;

static void forget(contents *file) {
    if (file->bytes) OPENSSL_cleanse(file->bytes, file->count);
    free(file->bytes);
    *file = (contents){0};
}

static co_problem read_file(const char *path, contents *file) {
    *file = (contents){0};
    // Without O_NONBLOCK a fifo would stop the process here.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return (co_problem){CO_UNREADABLE, errno, 0};
    co_problem problem = {0};
    file->bytes = malloc(CO_FILE_BYTES_MAX + 1);
    while (file->bytes && file->count <= CO_FILE_BYTES_MAX) {
        ssize_t got = read(fd, file->bytes + file->count, CO_FILE_BYTES_MAX + 1 - file->count);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) problem = (co_problem){CO_UNREADABLE, errno, 0};
        if (got <= 0) break;
        file->count += (size_t)got;
    }
    close(fd);
    if (!file->bytes) problem.kind = CO_NO_MEMORY;
    if (file->count > CO_FILE_BYTES_MAX) problem.kind = CO_TOO_LARGE;
    if (problem.kind != CO_FINE) forget(file);
    return problem;
}

static int64_t seconds_of(const ASN1_TIME *time) {
    struct tm parts;
    return time && ASN1_TIME_to_tm(time, &parts) ? (int64_t)timegm(&parts) : 0;
}

// --- names ---------------------------------------------------------------------------------------

// In lower case; a name with an odd byte is left out, and so is one too long to be asked for.
static void add_name(co_certificate *certificate, const unsigned char *text, int count) {
    if (count <= 0 || count > 253) return;
    for (int i = 0; i < count; i++)
        if (text[i] <= ' ' || text[i] > '~') return;
    char **grown = realloc(certificate->names, sizeof(char *) * (certificate->names_count + 1));
    if (!grown) return;
    certificate->names = grown;
    char *name = calloc(1, (size_t)count + 1);
    if (!name) return;
    for (int i = 0; i < count; i++)
        name[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : (char)text[i];
    certificate->names[certificate->names_count++] = name;
}

static void find_names(co_certificate *certificate) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate->leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            add_name(certificate, ASN1_STRING_get0_data(name->d.dNSName),
                     ASN1_STRING_length(name->d.dNSName));
    }
    if (!names) {
        char text[256];
        int count = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate->leaf),
                                              NID_commonName, text, sizeof text);
        if (count > 0 && (size_t)count < sizeof text)
            add_name(certificate, (unsigned char *)text, count);
    }
    GENERAL_NAMES_free(names);
}

// --- loading -------------------------------------------------------------------------------------

static int refuse_password(char *room, int count, int writes, void *asked) {
    (void)room, (void)count, (void)writes;
    *(int *)asked = 1;
    return -1;
}

static co_problem_kind parse_chain(co_certificate *certificate, const contents *file) {
    BIO *bio = BIO_new_mem_buf(file->bytes, (int)file->count);
    if (!bio) return CO_NO_MEMORY;
    co_problem_kind kind = CO_FINE;
    certificate->leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    certificate->chain = sk_X509_new_null();
    if (!certificate->leaf)
        kind = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? CO_NO_CERTIFICATE
                                                                            : CO_BAD_CERTIFICATE;
    while (kind == CO_FINE && certificate->chain) {
        X509 *next = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!next) {
            if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
                kind = CO_BAD_CERTIFICATE;
            break;
        }
        if (!sk_X509_push(certificate->chain, next)) {
            X509_free(next);
            kind = CO_NO_MEMORY;
        }
    }
    BIO_free(bio);
    ERR_clear_error();
    return certificate->chain ? kind : CO_NO_MEMORY;
}

static co_problem_kind parse_key(co_certificate *certificate, const contents *file) {
    BIO *bio = BIO_new_mem_buf(file->bytes, (int)file->count);
    if (!bio) return CO_NO_MEMORY;
    int asked = 0;
    certificate->key = PEM_read_bio_PrivateKey(bio, NULL, refuse_password, &asked);
    BIO_free(bio);
    ERR_clear_error();
    if (certificate->key) return CO_FINE;
    return asked ? CO_ENCRYPTED_KEY : CO_NO_KEY;
}

co_certificate *co_certificate_load(const char *path, const char *key_path, co_problem *problem) {
    contents file;
    *problem = read_file(path, &file);
    if (problem->kind != CO_FINE) return NULL;
    co_certificate *certificate = calloc(1, sizeof *certificate);
    problem->kind = certificate ? parse_chain(certificate, &file) : CO_NO_MEMORY;
    forget(&file);
    if (problem->kind == CO_FINE) {
        *problem = read_file(key_path, &file);
        if (problem->kind == CO_FINE) problem->kind = parse_key(certificate, &file);
        forget(&file);
        problem->is_key = problem->kind != CO_FINE;
    }
    if (problem->kind == CO_FINE &&
        X509_check_private_key(certificate->leaf, certificate->key) != 1)
        *problem = (co_problem){CO_WRONG_KEY, 0, 1};
    ERR_clear_error();
    if (problem->kind != CO_FINE) {
        co_certificate_free(certificate);
        return NULL;
    }
    find_names(certificate);
    return certificate;
}

void co_certificate_free(co_certificate *certificate) {
    if (!certificate) return;
    for (size_t i = 0; i < certificate->names_count; i++) free(certificate->names[i]);
    free(certificate->names);
    free(certificate->staple);
    X509_free(certificate->leaf);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    free(certificate);
}

int64_t co_certificate_not_before(const co_certificate *certificate) {
    return seconds_of(X509_get0_notBefore(certificate->leaf));
}

int64_t co_certificate_not_after(const co_certificate *certificate) {
    return seconds_of(X509_get0_notAfter(certificate->leaf));
}

const char *co_certificate_name(const co_certificate *certificate, size_t index) {
    return index < certificate->names_count ? certificate->names[index] : NULL;
}

int co_certificate_key_kind(const co_certificate *certificate) {
    return EVP_PKEY_get_base_id(certificate->key);
}

static X509 *issuer_of(const co_certificate *certificate) {
    for (int i = 0; i < sk_X509_num(certificate->chain); i++) {
        X509 *candidate = sk_X509_value(certificate->chain, i);
        if (X509_check_issued(candidate, certificate->leaf) == X509_V_OK) return candidate;
    }
    return NULL;
}

int co_certificate_has_chain(const co_certificate *certificate) {
    return X509_NAME_cmp(X509_get_subject_name(certificate->leaf),
                         X509_get_issuer_name(certificate->leaf)) == 0 ||
           issuer_of(certificate) != NULL;
}

// --- OCSP ----------------------------------------------------------------------------------------

// What the response says of this certificate (RFC 6960 §3.2).
static co_problem_kind check_staple(co_certificate *certificate, OCSP_BASICRESP *basic) {
    X509 *issuer = issuer_of(certificate);
    if (!issuer) return CO_OCSP_UNSIGNED;
    OCSP_CERTID *id = NULL;
    int status = 0, reason = 0, found = 0;
    ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;
    // Responders may name the certificate by either digest.
    const EVP_MD *digests[] = {EVP_sha1(), EVP_sha256()};
    for (int i = 0; i < 2 && !found; i++) {
        id = OCSP_cert_to_id(digests[i], certificate->leaf, issuer);
        found = id && OCSP_resp_find_status(basic, id, &status, &reason, NULL, &this_update,
                                            &next_update);
        OCSP_CERTID_free(id);
    }
    if (!found) return CO_OCSP_FOREIGN;
    X509_STORE *store = X509_STORE_new();
    int fine = store && X509_STORE_add_cert(store, issuer) &&
               X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) &&
               OCSP_basic_verify(basic, certificate->chain, store, 0) == 1;
    X509_STORE_free(store);
    if (!fine) return CO_OCSP_UNSIGNED;
    if (status != V_OCSP_CERTSTATUS_GOOD) return CO_OCSP_NOT_GOOD;
    // Five minutes for clocks that differ.
    if (!OCSP_check_validity(this_update, next_update, 300, -1)) return CO_OCSP_EXPIRED;
    certificate->staple_until = next_update ? seconds_of(next_update) : INT64_MAX;
    return CO_FINE;
}

co_problem co_certificate_staple(co_certificate *certificate, const char *path) {
    contents file;
    co_problem problem = read_file(path, &file);
    if (problem.kind != CO_FINE) return problem;
    const unsigned char *cursor = file.bytes;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &cursor, (long)file.count);
    OCSP_BASICRESP *basic = NULL;
    if (!response)
        problem.kind = CO_NOT_OCSP;
    else if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL ||
             !(basic = OCSP_response_get1_basic(response)))
        problem.kind = CO_OCSP_UNSUCCESSFUL;
    else
        problem.kind = check_staple(certificate, basic);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    if (problem.kind == CO_FINE) {
        free(certificate->staple);
        certificate->staple = file.bytes; // now the certificate's
        certificate->staple_count = file.count;
    } else {
        forget(&file);
    }
    return problem;
}

// --- a certificate for development ---------------------------------------------------------------

static int add_extension(X509 *leaf, int kind, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, leaf, leaf, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    int fine = extension && X509_add_ext(leaf, extension, -1);
    X509_EXTENSION_free(extension);
    return fine;
}

static X509 *make_leaf(EVP_PKEY *key, int64_t days) {
    X509 *leaf = X509_new();
    BIGNUM *serial = BN_new();
    X509_NAME *name = leaf ? X509_get_subject_name(leaf) : NULL;
    int fine =
        name && serial && X509_set_version(leaf, X509_VERSION_3) &&
        BN_rand(serial, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
        BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(leaf)) &&
        // An hour back, for clocks that differ.
        X509_gmtime_adj(X509_getm_notBefore(leaf), -3600) &&
        X509_time_adj_ex(X509_getm_notAfter(leaf), (int)days, 0, NULL) &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
                                   -1, 0) &&
        X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
                                   (const unsigned char *)"mizu, for development", -1, -1, 0) &&
        X509_set_issuer_name(leaf, name) && X509_set_pubkey(leaf, key) &&
        add_extension(leaf, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(leaf, NID_key_usage, "critical,digitalSignature") &&
        add_extension(leaf, NID_ext_key_usage, "serverAuth") &&
        add_extension(leaf, NID_subject_key_identifier, "hash") &&
        add_extension(leaf, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
        X509_sign(leaf, key, EVP_sha256());
    BN_free(serial);
    if (fine) return leaf;
    X509_free(leaf);
    return NULL;
}

int co_self_signed(const char *path, int64_t days) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *leaf = key ? make_leaf(key, days) : NULL;
    BIO *memory = BIO_new(BIO_s_mem());
    int result = -ENOMEM;
    if (leaf && memory && PEM_write_bio_X509(memory, leaf) &&
        PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL)) {
        char *bytes = NULL;
        size_t count = (size_t)BIO_get_mem_data(memory, &bytes);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        result = fd < 0 ? -errno : 0;
        if (fd >= 0 && write(fd, bytes, count) != (ssize_t)count) result = errno ? -errno : -EIO;
        if (fd >= 0 && close(fd) < 0 && result == 0) result = -errno;
        OPENSSL_cleanse(bytes, count);
    }
    BIO_free(memory);
    X509_free(leaf);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return result;
}
