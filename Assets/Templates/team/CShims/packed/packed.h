// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "353acc667ffe20252a861b06a720e6aa3626891f.br"
};

static const unsigned char packed_1[] = {
#embed "8547549e1785645886eae92bc452ba14ac1b6cd8.br"
};

static const unsigned char packed_2[] = {
#embed "2fd63dfc767a824bde72c41eaa9ac3b48d83c3f0.br"
};

static const unsigned char packed_3[] = {
#embed "991ec50c142374d19da91b27020c3661b09b1d18.br"
};

static const unsigned char packed_4[] = {
#embed "015e3ef0520429ea145b29afe66a0f5a22f66923.br"
};

static const unsigned char packed_5[] = {
#embed "93a6c5a95b89e69271533aff05d76cedead90e0b.br"
};

#define PACKED_ASSETS \
    {"packed/353acc667ffe20252a861b06a720e6aa3626891f.br", packed_0, sizeof packed_0}, \
    {"packed/8547549e1785645886eae92bc452ba14ac1b6cd8.br", packed_1, sizeof packed_1}, \
    {"packed/2fd63dfc767a824bde72c41eaa9ac3b48d83c3f0.br", packed_2, sizeof packed_2}, \
    {"packed/991ec50c142374d19da91b27020c3661b09b1d18.br", packed_3, sizeof packed_3}, \
    {"packed/015e3ef0520429ea145b29afe66a0f5a22f66923.br", packed_4, sizeof packed_4}, \
    {"packed/93a6c5a95b89e69271533aff05d76cedead90e0b.br", packed_5, sizeof packed_5},
