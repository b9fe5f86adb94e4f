// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the
// SHA-1 of its content.

static const unsigned char packed_0[] = {
#embed "fb3a447e6d304eb159022cd715915700e0e4eb0a.br"
};

static const unsigned char packed_1[] = {
#embed "41e987f2fbf3eeadc6dbb27391bac093aacba1d5.br"
};

static const unsigned char packed_2[] = {
#embed "0e6f8a047a923ec2fb03087335bbc647e12da107.br"
};

static const unsigned char packed_3[] = {
#embed "1c5f22acb01c2efc4404bff5a9c445c24ab58177.br"
};

static const unsigned char packed_4[] = {
#embed "2306d39120fda7a8b0de00e3a6316419c3280201.br"
};

static const unsigned char packed_5[] = {
#embed "0d138702c378f204a59697ecbb326dc0aeb86d56.br"
};

static const unsigned char packed_6[] = {
#embed "b67f46876fb0bfbbf2b9cc1efe36d9b1715f1416.br"
};

static const unsigned char packed_7[] = {
#embed "e8cc961b55654f050a936c166aaab81d3e9a50bd.br"
};

static const unsigned char packed_8[] = {
#embed "8fdf6cdf7623869c8af724767e2df9ed884027fc.br"
};

static const unsigned char packed_9[] = {
#embed "69f63d5cc7feb2be6498634da3b03064b0616d21.br"
};

static const unsigned char packed_10[] = {
#embed "985039df93babd599f014de0b492c6e092239ea0.br"
};

static const unsigned char packed_11[] = {
#embed "aab057ae5b79f7effcc17e8eeb2d6539df9672e5.br"
};

static const unsigned char packed_12[] = {
#embed "9aab4bc2e76c02b63e076cf0ea0e18d58458ba2a.br"
};

#define PACKED_ASSETS \
    {"packed/fb3a447e6d304eb159022cd715915700e0e4eb0a.br", packed_0, sizeof packed_0}, \
    {"packed/41e987f2fbf3eeadc6dbb27391bac093aacba1d5.br", packed_1, sizeof packed_1}, \
    {"packed/0e6f8a047a923ec2fb03087335bbc647e12da107.br", packed_2, sizeof packed_2}, \
    {"packed/1c5f22acb01c2efc4404bff5a9c445c24ab58177.br", packed_3, sizeof packed_3}, \
    {"packed/2306d39120fda7a8b0de00e3a6316419c3280201.br", packed_4, sizeof packed_4}, \
    {"packed/0d138702c378f204a59697ecbb326dc0aeb86d56.br", packed_5, sizeof packed_5}, \
    {"packed/b67f46876fb0bfbbf2b9cc1efe36d9b1715f1416.br", packed_6, sizeof packed_6}, \
    {"packed/e8cc961b55654f050a936c166aaab81d3e9a50bd.br", packed_7, sizeof packed_7}, \
    {"packed/8fdf6cdf7623869c8af724767e2df9ed884027fc.br", packed_8, sizeof packed_8}, \
    {"packed/69f63d5cc7feb2be6498634da3b03064b0616d21.br", packed_9, sizeof packed_9}, \
    {"packed/985039df93babd599f014de0b492c6e092239ea0.br", packed_10, sizeof packed_10}, \
    {"packed/aab057ae5b79f7effcc17e8eeb2d6539df9672e5.br", packed_11, sizeof packed_11}, \
    {"packed/9aab4bc2e76c02b63e076cf0ea0e18d58458ba2a.br", packed_12, sizeof packed_12},
