/* SPDX-License-Identifier: MIT */
/* For a build against musl with Debian's archives of Lua and lua-cjson, which were built against glibc with
 * fortified calls. The calls that libsodium makes are in src/guest/fortify.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

_Noreturn void __longjmp_chk(jmp_buf to, int value);
int __fprintf_chk(FILE *file, int flag, const char *format, ...);
int __vfprintf_chk(FILE *file, int flag, const char *format, va_list args);
int __snprintf_chk(char *to, size_t len, int flag, size_t room, const char *format, ...);
int __vsnprintf_chk(char *to, size_t len, int flag, size_t room, const char *format, va_list args);

void __longjmp_chk(jmp_buf to, int value) {
    longjmp(to, value);
}

int __vfprintf_chk(FILE *file, int flag, const char *format, va_list args) {
    (void)flag;
    return vfprintf(file, format, args);
}

int __fprintf_chk(FILE *file, int flag, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = __vfprintf_chk(file, flag, format, args);
    va_end(args);
    return len;
}

int __vsnprintf_chk(char *to, size_t len, int flag, size_t room, const char *format, va_list args) {
    (void)flag;
    return vsnprintf(to, len < room ? len : room, format, args);
}

int __snprintf_chk(char *to, size_t len, int flag, size_t room, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int written = __vsnprintf_chk(to, len, flag, room, format, args);
    va_end(args);
    return written;
}
