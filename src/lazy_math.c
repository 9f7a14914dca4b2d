/* SPDX-License-Identifier: MIT */
/* The functions of libm that Lua's library of numbers needs, loaded when the first of them is called: most runs call none, and linking
 * libm in costs each start as much as a tenth of it. Only for glibc: elsewhere libm is part of the C library. Not under sanitizers, which
 * stand in for some of these themselves. */
#include <stdlib.h> /* tells which C library this is */

#if defined(__GLIBC__) && !defined(PLAIN_MEMORY)
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>

/* Resolves NAME in libm once. */
static void find(void **place, const char *name) {
    static void *library;
    if (!library)
        library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
    *place = library ? dlsym(library, name) : NULL;
    if (!*place) {
        fprintf(stderr, "continueplz: the C library has no %s: %s\n", name, dlerror());
        abort();
    }
}

#define ONE(NAME)                                                                                                                       \
    double NAME(double x) {                                                                                                             \
        static double (*real)(double);                                                                                                  \
        if (!real)                                                                                                                      \
            find((void **)&real, #NAME);                                                                                                \
        return real(x);                                                                                                                 \
    }
#define TWO(NAME)                                                                                                                       \
    double NAME(double x, double y) {                                                                                                   \
        static double (*real)(double, double);                                                                                          \
        if (!real)                                                                                                                      \
            find((void **)&real, #NAME);                                                                                                \
        return real(x, y);                                                                                                              \
    }

ONE(acos)
ONE(asin)
ONE(ceil)
ONE(cos)
ONE(cosh)
ONE(exp)
ONE(log)
ONE(log10)
ONE(log2)
ONE(sin)
ONE(sinh)
ONE(sqrt)
ONE(tan)
ONE(tanh)
TWO(atan2)
TWO(fmod)
TWO(pow)
#else
typedef int lazy_math_is_left_out;
#endif
