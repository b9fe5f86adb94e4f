// Scanning a message head where a few instructions for each byte count: the class of a byte, and
// well-formed lines in one go. Inline, so that a call costs nothing. SSE2 is part of x86-64;
// elsewhere the same is done byte by byte.
//
// What is not plainly well-formed and complete is left to the caller's slow way, which alone
// decides what is refused: these functions only say "here is a good line" or "look for yourself".
// No function reads at or behind `end`.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// A bit for each class; HTTP/ByteClass.swift says what they are.
enum { CSCAN_TOKEN = 1, CSCAN_PATH = 2, CSCAN_QUERY = 4, CSCAN_VALUE = 8, CSCAN_HOST = 16 };

static const uint8_t cscan_classes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    8, 47, 8, 41, 47, 47, 47, 47, 46, 46, 47, 47, 14, 63, 63, 46,
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 46, 14, 40, 46, 40, 46,
    46, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 46, 12, 46, 47, 63,
    47, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 46, 47, 46, 63, 0,
    8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
    8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
    8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
    8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
    8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
    8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
    8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
    8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
};

static inline __attribute__((always_inline)) uint8_t cscan_class_of(uint8_t byte) {
    return cscan_classes[byte];
}

// The first byte in [at, end) that is a control character other than HTAB, or `end`.
static inline __attribute__((always_inline)) const uint8_t *cscan_end_of_value(
    const uint8_t *at, const uint8_t *end) {
#if defined(__SSE2__)
    const __m128i tab = _mm_set1_epi8(0x09), delete = _mm_set1_epi8(0x7F);
    const __m128i last_control = _mm_set1_epi8(0x1F);
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        // min(byte, 0x1F) == byte: 0x1F or below, as unsigned bytes.
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
        control = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control);
        control = _mm_or_si128(control, _mm_cmpeq_epi8(bytes, delete));
        int found = _mm_movemask_epi8(control);
        if (found) return at + __builtin_ctz((unsigned)found);
        at += 16;
    }
#endif
    while (at < end && (cscan_classes[*at] & CSCAN_VALUE)) at++;
    return at;
}

// A field line: offsets and lengths in bytes from the head's first byte, without white space around
// the value. The layout of HTTP's FieldRange.
typedef struct {
    uint16_t name, name_count, value, value_count;
} cscan_line;

// The length of the token at `at`, which a colon ends; 0 where it is not plainly one.
static inline __attribute__((always_inline)) uint32_t cscan_name(
    const uint8_t *at, const uint8_t *end) {
#if defined(__SSE2__)
    if (end - at >= 16) {
        // Letters, digits and hyphens before a colon within 16 bytes: nearly every name there is.
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i letter = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
        __m128i digit = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
        __m128i good = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter),
                         _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit)),
            _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
        unsigned bad = ~(unsigned)_mm_movemask_epi8(good) & 0xFFFF;
        if (bad) {
            unsigned count = (unsigned)__builtin_ctz(bad);
            if (at[count] == ':') return count;
        }
    }
#endif
    const uint8_t *name = at;
    while (at < end && (cscan_classes[*at] & CSCAN_TOKEN)) at++;
    return at < end && *at == ':' ? (uint32_t)(at - name) : 0;
}

// Whether a name may be one that decides framing, by its length and first letter: host, expect,
// upgrade, connection, content-length, transfer-encoding.
static inline __attribute__((always_inline)) bool cscan_is_framing(uint8_t first, uint32_t count) {
    const uint32_t lengths = 1u << 4 | 1u << 6 | 1u << 7 | 1u << 10 | 1u << 14 | 1u << 17;
    if (count > 17 || !(lengths >> count & 1)) return false;
    first |= 0x20;
    return first == 'h' || first == 'c' || first == 'e' || first == 'u' || first == 't';
}

typedef struct {
    // Lines written, and the offset behind the last of them.
    uint32_t count, next;
    // A bit for each line whose name `cscan_is_framing`.
    uint64_t framing;
} cscan_lines_result;

// Field lines from `position` on (RFC 9112 §5), as long as they are plainly well-formed and
// complete, at most `max` and at most 64. `end` is below 65,536.
static inline cscan_lines_result cscan_lines(
    const uint8_t *base, uint32_t position, uint32_t end_offset, cscan_line *lines, uint32_t max) {
    cscan_lines_result result = {0, position, 0};
    const uint8_t *end = base + end_offset, *at = base + position;
    if (max > 64) max = 64;
    while (result.count < max) {
        uint32_t name_count = cscan_name(at, end);
        if (name_count == 0) break;
        const uint8_t *value = at + name_count + 1;
        while (value < end && (*value == ' ' || *value == '\t')) value++;
        const uint8_t *line_end = cscan_end_of_value(value, end);
        if (end - line_end < 2 || line_end[0] != '\r' || line_end[1] != '\n') break;
        const uint8_t *value_end = line_end;
        while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t')) value_end--;
        lines[result.count] = (cscan_line){
            (uint16_t)(at - base), (uint16_t)name_count, (uint16_t)(value - base),
            (uint16_t)(value_end - value)};
        if (cscan_is_framing(*at, name_count)) result.framing |= (uint64_t)1 << result.count;
        result.count++;
        at = line_end + 2;
    }
    result.next = (uint32_t)(at - base);
    return result;
}

// The first byte in [at, end) that is of none of the classes in `mask`, or `end`.
static inline __attribute__((always_inline)) const uint8_t *cscan_skip(
    const uint8_t *at, const uint8_t *end, uint8_t mask) {
    while (at < end && (cscan_classes[*at] & mask)) at++;
    return at;
}

// Whether [at, end) is unreserved characters (RFC 3986 §2.3), at least one, and perhaps a colon
// and a decimal port below 65,536: nearly every `Host` there is.
static inline __attribute__((always_inline)) bool cscan_is_plain_host(
    const uint8_t *at, const uint8_t *end) {
    const uint8_t *name = at;
    at = cscan_skip(at, end, CSCAN_HOST);
    if (at == name) return false;
    if (at == end) return true;
    if (*at++ != ':' || end - at < 1 || end - at > 5) return false;
    uint32_t port = 0;
    for (; at < end; at++) {
        uint32_t digit = (uint32_t)*at - '0';
        if (digit > 9) return false;
        port = port * 10 + digit;
    }
    return port <= 65535;
}

static inline __attribute__((always_inline)) bool cscan_equal(
    const uint8_t *left, const uint8_t *right, intptr_t count) {
    return memcmp(left, right, (size_t)count) == 0;
}

#include "CScanText.h"
