// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "2d10b8d2851606fe146a2c181edff0a998534ccd.br"
};

static const unsigned char packed_1[] = {
#embed "2c31a4ac86477f0ff42e1652f33d606395aef219.br"
};

static const unsigned char packed_2[] = {
#embed "623936ce84bee7480e0c8f44057ddc63a91c88eb.br"
};

static const unsigned char packed_3[] = {
#embed "e5ea481e5ee7156c3af2ce5de482758495a2a76d.br"
};

#define PACKED_ASSETS \
    {"packed/2d10b8d2851606fe146a2c181edff0a998534ccd.br", packed_0, sizeof packed_0}, \
    {"packed/2c31a4ac86477f0ff42e1652f33d606395aef219.br", packed_1, sizeof packed_1}, \
    {"packed/623936ce84bee7480e0c8f44057ddc63a91c88eb.br", packed_2, sizeof packed_2}, \
    {"packed/e5ea481e5ee7156c3af2ce5de482758495a2a76d.br", packed_3, sizeof packed_3},
