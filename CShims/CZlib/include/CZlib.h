// zlib for Swift: `deflateInit2` and `inflateInit2` are macros, and `z_stream` is zlib's own
// business, so it stays behind an opaque pointer. For HTTP (gzip) and WebSocket (raw deflate).
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct mizu_zstream mizu_zstream;

// `window_bits`: 9 to 15, plus 16 for a gzip wrapper, negative for raw deflate (zlib.h).
// NULL where memory or a parameter is wrong.
mizu_zstream *mizu_deflate_open(int level, int window_bits, int memory_level);
mizu_zstream *mizu_inflate_open(int window_bits);

// Forget the stream, keep the memory. 0 or a negative zlib code.
int mizu_deflate_reset(mizu_zstream *stream);
int mizu_inflate_reset(mizu_zstream *stream);

// Behind the end of a stream: what follows is another one, which may look back into its window.
// 0 or a negative zlib code.
int mizu_inflate_go_on(mizu_zstream *stream);
// Whether the input so far ended where a block ends: 1 or 0.
int mizu_inflate_is_between_blocks(const mizu_zstream *stream);

void mizu_deflate_close(mizu_zstream *stream);
void mizu_inflate_close(mizu_zstream *stream);

// An upper bound of what `count` bytes deflate to in one go.
size_t mizu_deflate_bound(mizu_zstream *stream, size_t count);

typedef enum { mizu_zflush_none, mizu_zflush_sync, mizu_zflush_finish } mizu_zflush;

typedef struct {
    size_t consumed;
    size_t produced;
    // 0: go on; 1: the stream has ended; negative: a zlib error (Z_BUF_ERROR, -5: no progress).
    int status;
} mizu_zstep;

// One step from `input` to `output`; neither pointer is kept. Counts beyond 4 GiB are cut.
mizu_zstep mizu_deflate_step(
    mizu_zstream *stream, const uint8_t *input, size_t input_count, uint8_t *output,
    size_t output_count, mizu_zflush flush);
mizu_zstep mizu_inflate_step(
    mizu_zstream *stream, const uint8_t *input, size_t input_count, uint8_t *output,
    size_t output_count);
