// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "cd722e75b458b00839a9563507df4fb7fb6f5d53.br"
};

#define PACKED_ASSETS \
    {"packed/cd722e75b458b00839a9563507df4fb7fb6f5d53.br", packed_0, sizeof packed_0},
