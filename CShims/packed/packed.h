// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "a0610ed2aebbf8a6e573cde0a0076fc8653fefd0.br"
};

#define PACKED_ASSETS \
    {"packed/a0610ed2aebbf8a6e573cde0a0076fc8653fefd0.br", packed_0, sizeof packed_0},
