// libpq for Swift: its own header, and the few things that Swift cannot say.
#pragma once
#include <postgresql/libpq-fe.h>
#include <stdint.h>

// Has the connection throw notices away, which libpq would print.
void cpostgres_ignore_notices(PGconn *connection);

// Waits until the descriptor can be read (or, if `for_write`, read or written). `milliseconds` is
// the most that it waits. Returns 0 if the time is over, else bits: 1 readable, 2 writable; -errno
// where that fails. An interrupted wait counts as one that found nothing, with time left: -EINTR.
int cpostgres_wait(int descriptor, int for_write, int64_t milliseconds);
// The same, for a bell that another thread rings as well, of which bit 4 tells. Either may be -1.
int cpostgres_wait_for_two(int descriptor, int for_write, int bell, int64_t milliseconds);
// Milliseconds of a clock that nobody sets.
int64_t cpostgres_now(void);
// The same in nanoseconds.
int64_t cpostgres_now_ns(void);
