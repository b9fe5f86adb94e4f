// OpenSSL frees what it has when a process exits, while threads that have used it may still be
// about to end: each frees what OpenSSL keeps for it, behind the last line of its own code. The two
// at once corrupt the heap. So it is told before its first use, whosever that is (libpq's, too), to
// leave that to the kernel (OPENSSL_init_crypto(3), OPENSSL_INIT_NO_ATEXIT).
#include <openssl/crypto.h>

__attribute__((constructor)) static void leave_exit_alone(void) {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}
