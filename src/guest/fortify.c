/* SPDX-License-Identifier: MIT */
#include "../sys.h"
/* Debian's libsodium.a and libbearssl.a were built against glibc with fortified calls, which musl does not
 * have. */

void *__memcpy_chk(void *to, const void *from, size_t len, size_t room);
void *__memmove_chk(void *to, const void *from, size_t len, size_t room);
void *__memset_chk(void *to, int byte, size_t len, size_t room);
void __explicit_bzero_chk(void *to, size_t len, size_t room);

#if defined(__linux__) && !defined(__GLIBC__)
void *__memcpy_chk(void *to, const void *from, size_t len, size_t room) {
    if (len > room)
        abort();
    return memcpy(to, from, len);
}

void *__memmove_chk(void *to, const void *from, size_t len, size_t room) {
    if (len > room)
        abort();
    return memmove(to, from, len);
}

void *__memset_chk(void *to, int byte, size_t len, size_t room) {
    if (len > room)
        abort();
    return memset(to, byte, len);
}

void __explicit_bzero_chk(void *to, size_t len, size_t room) {
    if (len > room)
        abort();
    explicit_bzero(to, len);
}
#endif
