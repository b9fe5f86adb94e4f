// Says which of OpenSSL's functions a process has asked the C library to call at its exit, one line
// in the file that AT_EXIT names for each: preloaded by test_manners.py.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __cxa_atexit(void (*body)(void *), void *argument, void *library) {
    static int (*real)(void (*)(void *), void *, void *);
    if (!real) real = (int (*)(void (*)(void *), void *, void *))dlsym(RTLD_NEXT, "__cxa_atexit");
    Dl_info found;
    const char *path = getenv("AT_EXIT");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        if (dladdr((void *)body, &found) && found.dli_fname && strstr(found.dli_fname, "libcrypto"))
            fprintf(file, "%s\n", found.dli_sname ? found.dli_sname : "a function of libcrypto");
        fclose(file);
    }
    return real(body, argument, library);
}
