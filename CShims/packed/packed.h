// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "01341adcbd8130a804a88fd11e7938719b67875b.br"
};

#define PACKED_ASSETS \
    {"packed/01341adcbd8130a804a88fd11e7938719b67875b.br", packed_0, sizeof packed_0},
