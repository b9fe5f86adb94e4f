// The two facts of CBuild.h: the compiler gets them as macros, and without them they are empty.

#include "CBuild.h"

#ifndef MIZU_COMMIT
#define MIZU_COMMIT ""
#endif
#ifndef MIZU_ORIGIN
#define MIZU_ORIGIN ""
#endif

const char *mizu_build_commit(void) { return MIZU_COMMIT; }
const char *mizu_build_origin(void) { return MIZU_ORIGIN; }
