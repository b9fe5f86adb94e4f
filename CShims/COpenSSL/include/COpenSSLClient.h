// The client's side of TLS: contexts that know whom to believe, and sessions that begin. What they
// read and write, and the calls for that, are those of COpenSSL.h.
#pragma once
#include "COpenSSL.h"

// Whether a server's certificate must hold.
enum { CO_VERIFY_NOTHING = 0, CO_VERIFY_SERVER = 1 };
// A context for clients: TLS 1.2 and 1.3, ALPN http/1.1. Believes the certificates in the PEM file
// `trust` (each of them, a server's own among them), or those of the system where it is NULL.
// Returns NULL where that file holds none.
co_context *co_client_context_new(const char *trust, int verification);

// A client's side: its first read writes the ClientHello. `host` is the name or numeric address
// that the certificate must be for; a name is also told to the server (SNI). NULL where memory is
// short.
co_session *co_client_session_new(co_context *, co_wire *, const char *host);
// Why the server's certificate was refused, in OpenSSL's words; NULL where it was not.
const char *co_client_refusal(const co_session *);
