/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* The columns that UTF-8 text takes on a terminal (Unicode 14: East Asian wide and emoji 2; combining marks,
 * control characters and CSI sequences 0). A byte that is not UTF-8 counts 1, as terminals show a replacement
 * for it. */
size_t terminal_width(const char *text, size_t length);
