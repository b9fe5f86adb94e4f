// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "25960bc3b3831306d13d030a02710a8fec04052d.br"
};

#define PACKED_ASSETS \
    {"packed/25960bc3b3831306d13d030a02710a8fec04052d.br", packed_0, sizeof packed_0},
