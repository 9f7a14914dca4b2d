/* SPDX-License-Identifier: MIT */
/* What the runtime and the guest both ask of the system: whole writes, durable directories, who a process
 * is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* All of it. Returns 0 or errno, which is set as well. */
int sys_write(int fd, const char *data, size_t len);
/* Puts on the disk what was written. Returns 0 or errno. */
int sys_sync(int fd);
/* Makes the entry of `path` in its directory durable. Returns 0 or errno. */
int sys_sync_parent(const char *path);
/* The name of this boot of the kernel, "" when the system has none. */
void sys_boot(char *out, size_t size);
/* When a process began, in the kernel's own count: with the pid it names one process for good. 0: not
 * known. */
unsigned long long sys_birth(long pid);
