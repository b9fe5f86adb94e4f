// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "8196d541691b5ecf5aea162e9cd087584d041416.br"
};

#define PACKED_ASSETS \
    {"packed/8196d541691b5ecf5aea162e9cd087584d041416.br", packed_0, sizeof packed_0},
