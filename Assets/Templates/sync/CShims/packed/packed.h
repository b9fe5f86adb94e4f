// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "950352ba16c467aba15ccf84b7fd8740438af8c8.br"
};

static const unsigned char packed_1[] = {
#embed "a33d9549034660b2cd8a677c689c0644bc0fa213.br"
};

static const unsigned char packed_2[] = {
#embed "1c5f22acb01c2efc4404bff5a9c445c24ab58177.br"
};

static const unsigned char packed_3[] = {
#embed "2306d39120fda7a8b0de00e3a6316419c3280201.br"
};

static const unsigned char packed_4[] = {
#embed "0d138702c378f204a59697ecbb326dc0aeb86d56.br"
};

static const unsigned char packed_5[] = {
#embed "b67f46876fb0bfbbf2b9cc1efe36d9b1715f1416.br"
};

static const unsigned char packed_6[] = {
#embed "c9c3d7482725b181c3f5d8b65e7aab61d7897e22.br"
};

static const unsigned char packed_7[] = {
#embed "8fdf6cdf7623869c8af724767e2df9ed884027fc.br"
};

static const unsigned char packed_8[] = {
#embed "69f63d5cc7feb2be6498634da3b03064b0616d21.br"
};

static const unsigned char packed_9[] = {
#embed "a0192ae05b4b21dd51e1c3722a1d77748749bc44.br"
};

static const unsigned char packed_10[] = {
#embed "205e3dc81e0d4b1b1b7553965bed0a86a40986ad.br"
};

static const unsigned char packed_11[] = {
#embed "0b4464b60644e60d31275452d097f8806a10e040.br"
};

#define PACKED_ASSETS \
    {"packed/950352ba16c467aba15ccf84b7fd8740438af8c8.br", packed_0, sizeof packed_0}, \
    {"packed/a33d9549034660b2cd8a677c689c0644bc0fa213.br", packed_1, sizeof packed_1}, \
    {"packed/1c5f22acb01c2efc4404bff5a9c445c24ab58177.br", packed_2, sizeof packed_2}, \
    {"packed/2306d39120fda7a8b0de00e3a6316419c3280201.br", packed_3, sizeof packed_3}, \
    {"packed/0d138702c378f204a59697ecbb326dc0aeb86d56.br", packed_4, sizeof packed_4}, \
    {"packed/b67f46876fb0bfbbf2b9cc1efe36d9b1715f1416.br", packed_5, sizeof packed_5}, \
    {"packed/c9c3d7482725b181c3f5d8b65e7aab61d7897e22.br", packed_6, sizeof packed_6}, \
    {"packed/8fdf6cdf7623869c8af724767e2df9ed884027fc.br", packed_7, sizeof packed_7}, \
    {"packed/69f63d5cc7feb2be6498634da3b03064b0616d21.br", packed_8, sizeof packed_8}, \
    {"packed/a0192ae05b4b21dd51e1c3722a1d77748749bc44.br", packed_9, sizeof packed_9}, \
    {"packed/205e3dc81e0d4b1b1b7553965bed0a86a40986ad.br", packed_10, sizeof packed_10}, \
    {"packed/0b4464b60644e60d31275452d097f8806a10e040.br", packed_11, sizeof packed_11},
