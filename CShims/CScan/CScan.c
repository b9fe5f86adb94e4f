// Everything is inline in CScan.h; SwiftPM wants a source file in each target.
#include "CScan.h"
