// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "d41b020323e535ba9b30b36686931004ecbd42cd.br"
};

#define PACKED_ASSETS \
    {"packed/d41b020323e535ba9b30b36686931004ecbd42cd.br", packed_0, sizeof packed_0},
