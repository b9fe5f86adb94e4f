// The keys of session tickets (RFC 5077 §4, RFC 8446 §4.6.1), which the threads of the process
// share. In pages of their own, which go into no core and, as far as the process may ask for that,
// to no swap: whoever has them reads what the resumed connections of the last day said. Knows no
// session.

#define _GNU_SOURCE
#include "Tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { TICKET_KEYS = 3 };

typedef struct {
    unsigned char name[16], aes[32], hmac[32];
} ticket_key;

struct co_tickets {
    pthread_mutex_t lock;
    atomic_int owners;
    int64_t period, born; // of the newest, in seconds of the boot clock
    int count;
    ticket_key keys[TICKET_KEYS]; // the newest first
    EVP_CIPHER *cipher;           // fetched once: a fetch for each ticket would look it up by name
};

static int64_t boot_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time); // goes on while the machine sleeps
    return time.tv_sec;
}

// With the lock held.
static int rotate(co_tickets *tickets) {
    ticket_key fresh;
    if (RAND_priv_bytes((unsigned char *)&fresh, sizeof fresh) != 1) return -1;
    OPENSSL_cleanse(&tickets->keys[TICKET_KEYS - 1], sizeof fresh);
    memmove(tickets->keys + 1, tickets->keys, sizeof fresh * (TICKET_KEYS - 1));
    tickets->keys[0] = fresh;
    OPENSSL_cleanse(&fresh, sizeof fresh);
    if (tickets->count < TICKET_KEYS) tickets->count++;
    tickets->born = boot_seconds();
    return 0;
}

co_tickets *co_tickets_new(int64_t period_seconds) {
    co_tickets *tickets = mmap(NULL, sizeof *tickets, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (tickets == MAP_FAILED) return NULL;
    madvise(tickets, sizeof *tickets, MADV_DONTDUMP);
    mlock(tickets, sizeof *tickets);
    pthread_mutex_init(&tickets->lock, NULL);
    atomic_init(&tickets->owners, 1);
    tickets->period = period_seconds;
    tickets->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (!tickets->cipher || rotate(tickets) < 0) {
        co_tickets_free(tickets);
        return NULL;
    }
    return tickets;
}

void co_tickets_free(co_tickets *tickets) {
    if (!tickets || atomic_fetch_sub(&tickets->owners, 1) > 1) return;
    OPENSSL_cleanse(tickets->keys, sizeof tickets->keys);
    EVP_CIPHER_free(tickets->cipher);
    pthread_mutex_destroy(&tickets->lock);
    munmap(tickets, sizeof *tickets);
}

int co_tickets_rotate(co_tickets *tickets) {
    pthread_mutex_lock(&tickets->lock);
    int result = rotate(tickets);
    pthread_mutex_unlock(&tickets->lock);
    return result;
}

// The newest key, or the one that `name` names. Returns its index, or -1.
static int find_key(co_tickets *tickets, const unsigned char *name, ticket_key *key) {
    int found = -1;
    pthread_mutex_lock(&tickets->lock);
    int64_t age = boot_seconds() - tickets->born;
    // Who was away for long has nothing left that is young enough.
    for (int64_t due = age / tickets->period; due > 0 && due <= TICKET_KEYS; due--)
        if (rotate(tickets) < 0) break;
    if (age / tickets->period > TICKET_KEYS) {
        for (int i = 0; i < TICKET_KEYS; i++)
            if (rotate(tickets) < 0) break;
    }
    if (!name) {
        found = 0;
    } else {
        for (int i = 0; i < tickets->count && found < 0; i++)
            if (CRYPTO_memcmp(tickets->keys[i].name, name, 16) == 0) found = i;
    }
    if (found >= 0) *key = tickets->keys[found];
    pthread_mutex_unlock(&tickets->lock);
    return found;
}

co_tickets *co_tickets_share(co_tickets *tickets) {
    atomic_fetch_add(&tickets->owners, 1);
    return tickets;
}

int co_tickets_init(co_tickets *tickets, unsigned char *name, unsigned char *iv,
                    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypts) {
    ticket_key key;
    int found = find_key(tickets, encrypts ? NULL : name, &key);
    if (found < 0) return 0; // a full handshake
    int result = -1;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, key.hmac, sizeof key.hmac),
        OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 6),
        OSSL_PARAM_END,
    };
    if (encrypts) {
        memcpy(name, key.name, sizeof key.name);
        if (RAND_bytes(iv, 16) == 1 &&
            EVP_EncryptInit_ex2(cipher, tickets->cipher, key.aes, iv, NULL) &&
            EVP_MAC_CTX_set_params(mac, parameters))
            result = 1;
    } else if (EVP_MAC_CTX_set_params(mac, parameters) &&
               EVP_DecryptInit_ex2(cipher, tickets->cipher, key.aes, iv, NULL)) {
        result = found == 0 ? 1 : 2;
    }
    OPENSSL_cleanse(&key, sizeof key);
    return result;
}
