// Nearly everything is inline in the headers. Here is what would be too large at each call.
#include "CScan.h"

uint8_t *cscan_put_html(uint8_t *to, const uint8_t *at, const uint8_t *end) {
    return cscan_put_text(to, at, end, CSCAN_TEXT);
}

uint8_t *cscan_put_json_html(uint8_t *to, const uint8_t *at, const uint8_t *end) {
    return cscan_put_text(to, at, end, CSCAN_JSON);
}

uint8_t *cscan_put_json(uint8_t *to, const uint8_t *at, const uint8_t *end) {
    return cscan_put_text(to, at, end, CSCAN_JSON_RAW);
}

intptr_t cscan_count_specials(const uint8_t *at, const uint8_t *end) {
    intptr_t count = 0;
    for (; at < end; at++) {
        count += cscan_is_special(*at, CSCAN_JSON);
    }
    return count;
}
