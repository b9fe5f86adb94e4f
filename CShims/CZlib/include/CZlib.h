// zlib for Swift: `deflateInit2` and `inflateInit2` are macros, and `z_stream` is zlib's own
// business, so it stays behind an opaque pointer. For HTTP (gzip) and WebSocket (raw deflate).
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct cz_stream cz_stream;

// `window_bits`: 9 to 15, plus 16 for a gzip wrapper, negative for raw deflate (zlib.h).
// NULL where memory or a parameter is wrong.
cz_stream *cz_deflate_open(int level, int window_bits, int memory_level);
cz_stream *cz_inflate_open(int window_bits);

// Forget the stream, keep the memory. 0 or a negative zlib code.
int cz_deflate_reset(cz_stream *stream);
int cz_inflate_reset(cz_stream *stream);

// Behind the end of a stream: what follows is another one, which may look back into its window.
// 0 or a negative zlib code.
int cz_inflate_go_on(cz_stream *stream);
// Whether the input so far ended where a block ends: 1 or 0.
int cz_inflate_is_between_blocks(const cz_stream *stream);

void cz_deflate_close(cz_stream *stream);
void cz_inflate_close(cz_stream *stream);

// An upper bound of what `count` bytes deflate to in one go.
size_t cz_deflate_bound(cz_stream *stream, size_t count);

typedef enum { cz_flush_none, cz_flush_sync, cz_flush_finish } cz_flush;

typedef struct {
    size_t consumed;
    size_t produced;
    // 0: go on; 1: the stream has ended; negative: a zlib error (Z_BUF_ERROR, -5: no progress).
    int status;
} cz_step;

// One step from `input` to `output`; neither pointer is kept. Counts beyond 4 GiB are cut.
cz_step cz_deflate_step(
    cz_stream *stream, const uint8_t *input, size_t input_count, uint8_t *output,
    size_t output_count, cz_flush flush);
cz_step cz_inflate_step(
    cz_stream *stream, const uint8_t *input, size_t input_count, uint8_t *output,
    size_t output_count);
