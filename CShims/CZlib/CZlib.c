// The calls behind CZlib.h, over zlib(3); nothing here keeps state beyond the streams it hands out.

#include "CZlib.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

struct cz_stream {
    z_stream z;
};

cz_stream *cz_deflate_open(int level, int window_bits, int memory_level) {
    cz_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return NULL;
    if (deflateInit2(&stream->z, level, Z_DEFLATED, window_bits, memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

cz_stream *cz_inflate_open(int window_bits) {
    cz_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return NULL;
    if (inflateInit2(&stream->z, window_bits) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

int cz_deflate_reset(cz_stream *stream) { return deflateReset(&stream->z); }
int cz_inflate_reset(cz_stream *stream) { return inflateReset(&stream->z); }

// Keeps the window, which inflateReset would forget. In zlib's header since 1.2.6, without a
// paragraph of its own.
int cz_inflate_go_on(cz_stream *stream) { return inflateResetKeep(&stream->z); }

// zlib.h, inflate(): 128 is set in data_type right behind a block or the header.
int cz_inflate_is_between_blocks(const cz_stream *stream) {
    return (stream->z.data_type & 128) != 0;
}

void cz_deflate_close(cz_stream *stream) {
    deflateEnd(&stream->z);
    free(stream);
}

void cz_inflate_close(cz_stream *stream) {
    inflateEnd(&stream->z);
    free(stream);
}

size_t cz_deflate_bound(cz_stream *stream, size_t count) {
    return deflateBound(&stream->z, count);
}

static uInt cut(size_t count) { return count > UINT_MAX ? UINT_MAX : (uInt)count; }

static void lend(z_stream *z, const uint8_t *input, size_t input_count, uint8_t *output,
                 size_t output_count) {
    z->next_in = (Bytef *)input;
    z->avail_in = cut(input_count);
    z->next_out = output;
    z->avail_out = cut(output_count);
}

// Takes the pointers back, so that none outlives the call.
static cz_step settle(z_stream *z, size_t input_count, size_t output_count, int code) {
    cz_step step = {
        .consumed = cut(input_count) - z->avail_in,
        .produced = cut(output_count) - z->avail_out,
        .status = code == Z_STREAM_END ? 1 : code,
    };
    z->next_in = NULL;
    z->next_out = NULL;
    z->avail_in = 0;
    z->avail_out = 0;
    return step;
}

cz_step cz_deflate_step(cz_stream *stream, const uint8_t *input, size_t input_count,
                             uint8_t *output, size_t output_count, cz_flush flush) {
    static const int codes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
    lend(&stream->z, input, input_count, output, output_count);
    return settle(&stream->z, input_count, output_count, deflate(&stream->z, codes[flush]));
}

cz_step cz_inflate_step(cz_stream *stream, const uint8_t *input, size_t input_count,
                             uint8_t *output, size_t output_count) {
    lend(&stream->z, input, input_count, output, output_count);
    return settle(&stream->z, input_count, output_count, inflate(&stream->z, Z_SYNC_FLUSH));
}
