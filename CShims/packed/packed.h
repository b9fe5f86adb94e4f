// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "f4f7148b3b10da7e9a5f2d73ed32710d79538ee7.br"
};

#define PACKED_ASSETS \
    {"packed/f4f7148b3b10da7e9a5f2d73ed32710d79538ee7.br", packed_0, sizeof packed_0},
