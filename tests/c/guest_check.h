/* SPDX-License-Identifier: MIT */
/* How the guest's C tests report. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int failures;
static bool case_bad;
static const char *case_name = "before the first case";

static inline void expect(bool good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints the first wrong thing of a case. */
static inline void expect(bool good, const char *fmt, ...) {
    va_list args;
    if (good || case_bad)
        return;
    case_bad = true;
    failures++;
    va_start(args, fmt);
    printf("not ok - %s: ", case_name);
    vprintf(fmt, args);
    putchar('\n');
    va_end(args);
}

static inline void case_of(const char *name, void (*fn)(void)) {
    case_bad = false;
    case_name = name;
    fn();
    if (!case_bad)
        printf("ok - %s\n", name);
}
