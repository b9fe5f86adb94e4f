// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "cba73707979a37cab1b1e8e5d57370d890180105.br"
};

#define PACKED_ASSETS \
    {"packed/cba73707979a37cab1b1e8e5d57370d890180105.br", packed_0, sizeof packed_0},
