// Tells ThreadSanitizer of the locks that it cannot see. Swift's Mutex is a word that threads take and
// give back by instructions of the code that uses it, which ThreadSanitizer follows. Where two want it
// at once, functions of Swift's own library spin for it or have the kernel hand it over, and those are
// built without ThreadSanitizer: whatever went from one thread to the other under the lock would count
// as a race. Preloaded by `Tests/run tsan`; stands in front of these functions and says what they did.
// Does nothing in a program without ThreadSanitizer. For clang, which knows Swift's way of calling.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock_slow(uint32_t thread, SELF void *word) __asm__(LOCK);
SWIFT bool try_lock_slow(SELF void *word) __asm__(TRY_LOCK);
SWIFT void unlock_slow(SELF void *word) __asm__(UNLOCK);

static SWIFT void (*next_lock)(uint32_t, SELF void *);
static SWIFT bool (*next_try_lock)(SELF void *);
static SWIFT void (*next_unlock)(SELF void *);

// Before any other thread is there.
__attribute__((constructor)) static void find(void) {
    next_lock = (SWIFT void (*)(uint32_t, SELF void *))dlsym(RTLD_NEXT, LOCK);
    next_try_lock = (SWIFT bool (*)(SELF void *))dlsym(RTLD_NEXT, TRY_LOCK);
    next_unlock = (SWIFT void (*)(SELF void *))dlsym(RTLD_NEXT, UNLOCK);
}

SWIFT void lock_slow(uint32_t thread, SELF void *word) {
    next_lock(thread, word);
    if (__tsan_acquire) __tsan_acquire(word);
}

SWIFT bool try_lock_slow(SELF void *word) {
    bool is_taken = next_try_lock(word);
    if (is_taken && __tsan_acquire) __tsan_acquire(word);
    return is_taken;
}

SWIFT void unlock_slow(SELF void *word) {
    if (__tsan_release) __tsan_release(word);
    next_unlock(word);
}
