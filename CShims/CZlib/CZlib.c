// The calls behind CZlib.h, over zlib(3); nothing here keeps state beyond the streams it hands out.

#include "CZlib.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

struct mizu_zstream {
    z_stream z;
};

mizu_zstream *mizu_deflate_open(int level, int window_bits, int memory_level) {
    mizu_zstream *stream = calloc(1, sizeof *stream);
    if (!stream) return NULL;
    if (deflateInit2(&stream->z, level, Z_DEFLATED, window_bits, memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

mizu_zstream *mizu_inflate_open(int window_bits) {
    mizu_zstream *stream = calloc(1, sizeof *stream);
    if (!stream) return NULL;
    if (inflateInit2(&stream->z, window_bits) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

int mizu_deflate_reset(mizu_zstream *stream) { return deflateReset(&stream->z); }
int mizu_inflate_reset(mizu_zstream *stream) { return inflateReset(&stream->z); }

// Keeps the window, which inflateReset would forget. In zlib's header since 1.2.6, without a
// paragraph of its own.
int mizu_inflate_go_on(mizu_zstream *stream) { return inflateResetKeep(&stream->z); }

// zlib.h, inflate(): 128 is set in data_type right behind a block or the header.
int mizu_inflate_is_between_blocks(const mizu_zstream *stream) {
    return (stream->z.data_type & 128) != 0;
}

void mizu_deflate_close(mizu_zstream *stream) {
    deflateEnd(&stream->z);
    free(stream);
}

void mizu_inflate_close(mizu_zstream *stream) {
    inflateEnd(&stream->z);
    free(stream);
}

size_t mizu_deflate_bound(mizu_zstream *stream, size_t count) {
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
static mizu_zstep settle(z_stream *z, size_t input_count, size_t output_count, int code) {
    mizu_zstep step = {
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

mizu_zstep mizu_deflate_step(mizu_zstream *stream, const uint8_t *input, size_t input_count,
                             uint8_t *output, size_t output_count, mizu_zflush flush) {
    static const int codes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
    lend(&stream->z, input, input_count, output, output_count);
    return settle(&stream->z, input_count, output_count, deflate(&stream->z, codes[flush]));
}

mizu_zstep mizu_inflate_step(mizu_zstream *stream, const uint8_t *input, size_t input_count,
                             uint8_t *output, size_t output_count) {
    lend(&stream->z, input, input_count, output, output_count);
    return settle(&stream->z, input_count, output_count, inflate(&stream->z, Z_SYNC_FLUSH));
}
