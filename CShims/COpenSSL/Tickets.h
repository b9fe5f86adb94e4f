// Ticket keys as OpenSSL's callback wants them, for Context.c.
#pragma once
#include "COpenSSL.h"

#include <openssl/evp.h>

// One more owner.
co_tickets *co_tickets_share(co_tickets *);
// Makes both contexts ready for one ticket: with the newest key, whose name and a fresh `iv` are
// written, or with the key that `name` names. Returns as SSL_CTX_set_tlsext_ticket_key_evp_cb(3)
// has it: -1 for an error, 0 for a full handshake, 1, or 2 where the client is due a new ticket.
int co_tickets_init(co_tickets *, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int encrypts);
