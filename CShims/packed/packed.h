// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "c2edb3460562cdc12d34278dba703bce6f06a7e4.br"
};

#define PACKED_ASSETS \
    {"packed/c2edb3460562cdc12d34278dba703bce6f06a7e4.br", packed_0, sizeof packed_0},
