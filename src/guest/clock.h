/* SPDX-License-Identifier: MIT */
/* The real clocks behind struct guard_now. */
#pragma once

#include <stddef.h>

#include "guard.h"

/* Milliseconds of loop_now() and of unix time. */
struct guard_now clock_now(void);
/* The name of this boot of the kernel, "" when the system has none. */
void clock_boot(char *out, size_t size);
