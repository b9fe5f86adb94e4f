// What `mizu new` writes: the files below Assets/Templates and Assets/Licenses, embedded in the
// binary's read-only data. Sorted by name (bytes compared), names relative to Assets:
// "Licenses/MIT", "Templates/sync/Assets/static/css/app.css". The bytes live as long as the process
// and are followed by one zero byte that `count` leaves out.

#pragma once
#include <stddef.h>

typedef struct {
    const char *name;
    const unsigned char *bytes;
    size_t count;
} mizu_template;

extern const mizu_template mizu_templates[];
extern const size_t mizu_templates_count;

// Swift does not see arrays of unknown length.
static inline mizu_template mizu_template_at(size_t index) { return mizu_templates[index]; }
