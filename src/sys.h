/* SPDX-License-Identifier: MIT */
/* What the runtime and the guest both ask of the system: the headers of C and POSIX that nearly every file
 * needs; whole writes, durable directories, who a process is. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* All of it. Returns 0 or errno, which is set as well. */
int sys_write(int fd, const char *data, size_t len);
/* Closes; errno stays. Returns -1. */
int sys_refused(int fd);
/* Close-on-exec and non-blocking. Returns 0 or errno, which is set as well. */
int sys_private(int fd);
/* Puts on the disk what was written. Returns 0 or errno. */
int sys_sync(int fd);
/* Makes the entry of `path` in its directory durable. Returns 0 or errno. */
int sys_sync_parent(const char *path);
/* The name of this boot of the kernel, "" when the system has none. */
void sys_boot(char *out, size_t size);
/* When a process began, in the kernel's own count: with the pid it names one process for good. 0: not
 * known. */
unsigned long long sys_birth(long pid);
