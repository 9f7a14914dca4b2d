/* SPDX-License-Identifier: MIT */
/* Private files in the guest's state directory. Every file is born 0600. */
#pragma once

#include "../sys.h"

struct store {
    int dir; /* descriptor of the directory, -1 when it cannot be opened: then nothing is kept */
};

/* Makes the directory (0700, its parents too) and opens it. False with errno set. */
bool store_open(struct store *store, const char *path);
/* Whether this process is the only one that uses the directory; the claim ends with the process. */
bool store_claim(const struct store *store);
/* Replaces a file at once: temporary file, fsync, rename, fsync of the directory. */
bool store_write(const struct store *store, const char *name, const void *data, size_t len);
/* The same, and reads it back: true only when the file now holds just that. */
bool store_keep(const struct store *store, const char *name, const void *data, size_t len);
/* Reads at most `size` bytes. -1 with errno set (ENOENT: there is none, EFBIG: it is longer). */
long store_read(const struct store *store, const char *name, char *out, size_t size);
/* The last bytes of a file and its predecessor NAME.1, at most `size`. 0 when there is none. */
size_t store_tail(const struct store *store, const char *name, char *out, size_t size);
/* A descriptor for appending (close-on-exec). -1 with errno set. */
int store_append(const struct store *store, const char *name);
/* Moves the contents of a log that outgrew `limit` bytes to NAME.1 and empties it; writers keep their
 * descriptor. */
void store_trim(const struct store *store, const char *name, size_t limit);
void store_remove(const struct store *store, const char *name);
/* Reads a whole file anywhere, at most `max` bytes, into malloc'ed memory with a NUL behind it. NULL with
 * errno set. */
char *store_slurp(const char *path, size_t max, size_t *len);

/* One line "2026-08-01T10:00:00Z text" at the end of guard.log, also on stderr. Text must hold no secret. */
void store_log(const struct store *store, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
