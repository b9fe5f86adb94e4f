// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "2d10b8d2851606fe146a2c181edff0a998534ccd.br"
};

static const unsigned char packed_1[] = {
#embed "0ae05795b7fa25aa16de06cab95849cb4b9024f7.br"
};

static const unsigned char packed_2[] = {
#embed "623936ce84bee7480e0c8f44057ddc63a91c88eb.br"
};

static const unsigned char packed_3[] = {
#embed "570a6048aefb944381d6f760a83eb7b396fa22e7.br"
};

#define PACKED_ASSETS \
    {"packed/2d10b8d2851606fe146a2c181edff0a998534ccd.br", packed_0, sizeof packed_0}, \
    {"packed/0ae05795b7fa25aa16de06cab95849cb4b9024f7.br", packed_1, sizeof packed_1}, \
    {"packed/623936ce84bee7480e0c8f44057ddc63a91c88eb.br", packed_2, sizeof packed_2}, \
    {"packed/570a6048aefb944381d6f760a83eb7b396fa22e7.br", packed_3, sizeof packed_3},
