// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "79e621f1b74d602dd383124e0205395cc942f870.br"
};

static const unsigned char packed_1[] = {
#embed "3642702462208dae13191e59c6962c3d5b307439.br"
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
#embed "39084373279c0527435b3e7e8f677d1a423d7dbd.br"
};

#define PACKED_ASSETS \
    {"packed/79e621f1b74d602dd383124e0205395cc942f870.br", packed_0, sizeof packed_0}, \
    {"packed/3642702462208dae13191e59c6962c3d5b307439.br", packed_1, sizeof packed_1}, \
    {"packed/2fd63dfc767a824bde72c41eaa9ac3b48d83c3f0.br", packed_2, sizeof packed_2}, \
    {"packed/991ec50c142374d19da91b27020c3661b09b1d18.br", packed_3, sizeof packed_3}, \
    {"packed/015e3ef0520429ea145b29afe66a0f5a22f66923.br", packed_4, sizeof packed_4}, \
    {"packed/39084373279c0527435b3e7e8f677d1a423d7dbd.br", packed_5, sizeof packed_5},
