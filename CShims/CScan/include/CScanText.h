// Text on its way into a page, 16 bytes at a time: runs that stand for themselves are copied, the
// five characters that HTML would obey become references, the escapes of JSON become what they
// mean. And the members of a JSON object, where they stand in its text. Inline, so that a call
// costs nothing. SSE2 is part of x86-64; elsewhere the same is done byte by byte.
//
// JSON here is text that was checked before (RFC 8259); any other gives wrong values, but no read
// at or behind `end`, and no write beyond the room that is asked for.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// --- names -------------------------------------------------------------------------------------

// The ends of a name: its first eight bytes and its last eight. With its length they are all of a
// name of 16 bytes or fewer.
typedef struct {
    uint64_t first, last;
} cscan_name_ends;

// `count` bytes, at most 8, padded with zeros.
static inline __attribute__((always_inline)) uint64_t cscan_word(
    const uint8_t *at, intptr_t count) {
    uint64_t word = 0;
    if (count >= 8) {
        memcpy(&word, at, 8);
        return word;
    }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (count >= 4) {
        // Where the two overlap they agree.
        uint32_t low, high;
        memcpy(&low, at, 4);
        memcpy(&high, at + count - 4, 4);
        return low | (uint64_t)high << (8 * (count - 4));
    }
#endif
    if (count >= 4) {
        for (intptr_t index = 0; index < count; index++) word |= (uint64_t)at[index] << (8 * index);
        return word;
    }
    if (count <= 0) return 0;
    // One, two or three: the first, the middle and the last, some of them the same.
    return at[0] | (uint64_t)at[count >> 1] << (8 * (count >> 1))
        | (uint64_t)at[count - 1] << (8 * (count - 1));
}

static inline __attribute__((always_inline)) cscan_name_ends cscan_ends_of_name(
    const uint8_t *at, intptr_t count) {
    cscan_name_ends ends = {cscan_word(at, count), 0};
    if (count > 8) memcpy(&ends.last, at + count - 8, 8);
    return ends;
}

// --- copying -----------------------------------------------------------------------------------

// Copies `count` bytes. Reads and writes up to 15 more, which both sides must have.
static inline __attribute__((always_inline)) void cscan_copy_padded(
    uint8_t *to, const uint8_t *from, intptr_t count) {
#if defined(__SSE2__)
    if (count <= 128) {
        for (intptr_t done = 0; done < count; done += 16) {
            _mm_storeu_si128(
                (__m128i *)(to + done), _mm_loadu_si128((const __m128i *)(from + done)));
        }
        return;
    }
#endif
    memcpy(to, from, (size_t)count);
}

// --- escaping ----------------------------------------------------------------------------------

// What a text is, and what becomes of it.
typedef enum {
    // Plain text, for HTML.
    CSCAN_TEXT,
    // The content of a JSON string, for HTML.
    CSCAN_JSON,
    // The content of a JSON string, as it is.
    CSCAN_JSON_RAW,
} cscan_text_kind;

// Whether a byte does not stand for itself.
static inline __attribute__((always_inline)) bool cscan_is_special(
    uint8_t byte, cscan_text_kind kind) {
    if (byte == '\\') return kind != CSCAN_TEXT;
    if (kind == CSCAN_JSON_RAW) return false;
    return byte == '&' || byte == '<' || byte == '>' || byte == '"' || byte == '\'';
}

#if defined(__SSE2__)
// A bit for each byte that does not stand for itself.
static inline __attribute__((always_inline)) unsigned cscan_specials(
    __m128i bytes, cscan_text_kind kind) {
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    if (kind == CSCAN_JSON_RAW) return (unsigned)_mm_movemask_epi8(backslash);
    // & and ' are 0x26 and 0x27, < and > are 0x3C and 0x3E.
    __m128i found = _mm_or_si128(
        _mm_cmpeq_epi8(_mm_or_si128(bytes, _mm_set1_epi8(1)), _mm_set1_epi8(0x27)),
        _mm_cmpeq_epi8(_mm_or_si128(bytes, _mm_set1_epi8(2)), _mm_set1_epi8(0x3E)));
    found = _mm_or_si128(found, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
    if (kind == CSCAN_JSON) found = _mm_or_si128(found, backslash);
    return (unsigned)_mm_movemask_epi8(found);
}
#endif

// `&#39;` rather than `&apos;`, which HTML 4 did not know.
static inline uint8_t *cscan_put_reference(uint8_t *to, uint8_t byte) {
    switch (byte) {
    case '&': memcpy(to, "&amp;", 5); return to + 5;
    case '<': memcpy(to, "&lt;", 4); return to + 4;
    case '>': memcpy(to, "&gt;", 4); return to + 4;
    case '"': memcpy(to, "&quot;", 6); return to + 6;
    default: memcpy(to, "&#39;", 5); return to + 5;
    }
}

static inline uint8_t *cscan_put_scalar(uint8_t *to, uint32_t scalar) {
    if (scalar < 0x80) {
        *to++ = (uint8_t)scalar;
    } else if (scalar < 0x800) {
        *to++ = (uint8_t)(0xC0 | scalar >> 6);
        *to++ = (uint8_t)(0x80 | (scalar & 0x3F));
    } else if (scalar < 0x10000) {
        *to++ = (uint8_t)(0xE0 | scalar >> 12);
        *to++ = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
        *to++ = (uint8_t)(0x80 | (scalar & 0x3F));
    } else {
        *to++ = (uint8_t)(0xF0 | scalar >> 18);
        *to++ = (uint8_t)(0x80 | (scalar >> 12 & 0x3F));
        *to++ = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
        *to++ = (uint8_t)(0x80 | (scalar & 0x3F));
    }
    return to;
}

// The 16 bits of the `\u` escape at `at`; -1 where there is none.
static inline int32_t cscan_json_unit(const uint8_t *at, const uint8_t *end) {
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return -1;
    int32_t unit = 0;
    for (int index = 2; index < 6; index++) {
        uint8_t byte = at[index], letter = byte | 0x20;
        if (byte >= '0' && byte <= '9') {
            unit = unit << 4 | (byte - '0');
        } else if (letter >= 'a' && letter <= 'f') {
            unit = unit << 4 | (letter - 'a' + 10);
        } else {
            return -1;
        }
    }
    return unit;
}

// What the escape at `at` means; moves behind it. -1 at half a surrogate pair. A lone backslash
// at the end, which no checked text has, means itself.
static inline int32_t cscan_json_escape(const uint8_t **at, const uint8_t *end) {
    const uint8_t *start = *at;
    if (end - start < 2) {
        *at = start + 1;
        return '\\';
    }
    if (start[1] != 'u') {
        *at = start + 2;
        switch (start[1]) {
        case 'b': return 0x08;
        case 'f': return 0x0C;
        case 'n': return 0x0A;
        case 'r': return 0x0D;
        case 't': return 0x09;
        default: return start[1];
        }
    }
    int32_t unit = cscan_json_unit(start, end);
    if (unit < 0 || (unit & 0xFC00) == 0xDC00) return -1;
    *at = start + 6;
    if ((unit & 0xFC00) != 0xD800) return unit;
    int32_t low = cscan_json_unit(start + 6, end);
    if (low < 0 || (low & 0xFC00) != 0xDC00) return -1;
    *at = start + 12;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

// Moves over the byte at `at` that does not stand for itself, and writes what it means. NULL at
// half a surrogate pair, which has no UTF-8 form.
static inline uint8_t *cscan_put_special(
    uint8_t *to, const uint8_t **at, const uint8_t *end, cscan_text_kind kind) {
    if (**at != '\\') return cscan_put_reference(to, *(*at)++);
    // What follows `\` may be a byte of a longer character in text that was never checked: it is
    // copied as the byte that it is.
    bool is_byte = end - *at >= 2 && (*at)[1] != 'u';
    int32_t scalar = cscan_json_escape(at, end);
    if (scalar < 0) return NULL;
    if (scalar < 0x80 && cscan_is_special((uint8_t)scalar, CSCAN_TEXT) && kind == CSCAN_JSON) {
        return cscan_put_reference(to, (uint8_t)scalar);
    }
    if (is_byte) {
        *to++ = (uint8_t)scalar;
        return to;
    }
    return cscan_put_scalar(to, (uint32_t)scalar);
}

// Writes the text in [at, end) to `to`, where there must be room for 16 bytes more than six times
// its length, or than its length and five for each byte that does not stand for itself. Returns
// the end of what is written; NULL where a JSON string holds half a surrogate pair.
static inline __attribute__((always_inline)) uint8_t *cscan_put_text(
    uint8_t *to, const uint8_t *at, const uint8_t *end, cscan_text_kind kind) {
#if defined(__SSE2__)
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        _mm_storeu_si128((__m128i *)to, bytes);
        unsigned found = cscan_specials(bytes, kind);
        unsigned count = found ? (unsigned)__builtin_ctz(found) : 16;
        at += count;
        to += count;
        if (!found) continue;
        to = cscan_put_special(to, &at, end, kind);
        if (!to) return NULL;
    }
    intptr_t rest = end - at;
    if (rest > 0) {
        uint64_t low = cscan_word(at, rest), high = 0;
        if (rest > 8) {
            memcpy(&high, end - 8, 8);
            high >>= 8 * (16 - rest);
        }
        // The zeros behind the end are none of the five.
        __m128i bytes = _mm_set_epi64x((int64_t)high, (int64_t)low);
        if (!cscan_specials(bytes, kind)) {
            _mm_storeu_si128((__m128i *)to, bytes);
            return to + rest;
        }
    }
#endif
    while (at < end) {
        if (!cscan_is_special(*at, kind)) {
            *to++ = *at++;
            continue;
        }
        to = cscan_put_special(to, &at, end, kind);
        if (!to) return NULL;
    }
    return to;
}

// One of each kind, so that the loops are compiled three times and not at each call.
uint8_t *cscan_put_html(uint8_t *to, const uint8_t *at, const uint8_t *end);
uint8_t *cscan_put_json_html(uint8_t *to, const uint8_t *at, const uint8_t *end);
uint8_t *cscan_put_json(uint8_t *to, const uint8_t *at, const uint8_t *end);

// How many bytes of [at, end) are none that stand for themselves in any kind of text.
intptr_t cscan_count_specials(const uint8_t *at, const uint8_t *end);

// --- JSON --------------------------------------------------------------------------------------

// 1 what stands between the things in a container (white space, commas, colons), 3 what else ends a
// number or a literal.
static const uint8_t cscan_json_classes[256] = {
    [' '] = 1, ['\t'] = 1, ['\n'] = 1, ['\r'] = 1, [','] = 1, [':'] = 1, [']'] = 3, ['}'] = 3,
};

static inline __attribute__((always_inline)) const uint8_t *cscan_skip_separators(
    const uint8_t *at, const uint8_t *end) {
    while (at < end && cscan_json_classes[*at] == 1) at++;
    return at;
}

// Behind the closing quote of the string whose content begins at `at`, or `end`. Sets
// `is_escaped` if a backslash stands in it. What is read lies in [base, end).
static inline __attribute__((always_inline)) const uint8_t *cscan_json_string_end(
    const uint8_t *base, const uint8_t *at, const uint8_t *end, bool *is_escaped) {
    for (;;) {
#if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
        unsigned found = 0;
        while (end - at >= 16 && !found) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)at);
            found = (unsigned)_mm_movemask_epi8(_mm_or_si128(
                _mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
            at += found ? __builtin_ctz(found) : 16;
        }
        // The last bytes are looked at together with those before them, where there are some.
        intptr_t over = 16 - (end - at);
        if (!found && at < end && at - base >= over) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(at - over));
            found = (unsigned)_mm_movemask_epi8(_mm_or_si128(
                        _mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)))
                >> over;
            at = found ? at + __builtin_ctz(found) : end;
        }
#endif
        while (at < end && *at != '"' && *at != '\\') at++;
        if (at == end) return end;
        if (*at == '"') return at + 1;
        *is_escaped = true;
        at = end - at < 2 ? end : at + 2;
    }
}

// Behind the value that begins at `at`, or `end`.
static inline const uint8_t *cscan_json_value_end(const uint8_t *at, const uint8_t *end) {
    const uint8_t *base = at;
    intptr_t depth = 0;
    bool is_escaped;
    while (at < end) {
        switch (*at) {
        case '"': at = cscan_json_string_end(base, at + 1, end, &is_escaped); break;
        case '{': case '[': depth++; at++; break;
        case '}': case ']': depth--; at++; break;
        default:
            at++;
            if (depth > 0) break;
            while (at < end && !cscan_json_classes[*at]) at++;
        }
        if (depth <= 0) break;
    }
    return at;
}

// A member of an object: where its key stands, between the quotes, and its value.
typedef struct {
    const uint8_t *key, *value;
    intptr_t key_count, value_count;
    bool key_is_escaped;
} cscan_json_member;

// Reads the member at or behind `at` of the object whose text begins at `base`; moves behind it.
// False at the object's end.
static inline __attribute__((always_inline)) bool cscan_next_json_member(
    const uint8_t *base, const uint8_t **at, const uint8_t *end, cscan_json_member *member) {
    const uint8_t *key = cscan_skip_separators(*at, end);
    if (key == end || *key != '"') return false;
    member->key_is_escaped = false;
    const uint8_t *key_end =
        cscan_json_string_end(base, key + 1, end, &member->key_is_escaped);
    const uint8_t *value = cscan_skip_separators(key_end, end);
    const uint8_t *value_end;
    if (value < end && *value == '"') {
        bool is_escaped;
        value_end = cscan_json_string_end(base, value + 1, end, &is_escaped);
    } else {
        value_end = cscan_json_value_end(value, end);
    }
    *at = value_end;
    // Only text that was never checked can end before a closing quote or a value.
    if (key_end - key < 2 || value_end == value) return false;
    member->key = key + 1;
    member->key_count = key_end - key - 2;
    member->value = value;
    member->value_count = value_end - value;
    return true;
}

// The element of an array at or behind `*at`: returns its start and moves `*at` behind it. NULL at
// the array's end.
static inline const uint8_t *cscan_next_json_element(const uint8_t **at, const uint8_t *end) {
    const uint8_t *element = cscan_skip_separators(*at, end);
    if (element == end || *element == ']') return NULL;
    *at = cscan_json_value_end(element, end);
    return element;
}
