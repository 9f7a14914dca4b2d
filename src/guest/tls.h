/* SPDX-License-Identifier: MIT */
/* TLS 1.2 towards a cloud, by BearSSL: chain, dates and server name are always checked. */
#pragma once

#include "../sys.h"

struct tls_anchors;

/* No authority at all. NULL without memory. */
struct tls_anchors *tls_anchors_new(void);
void tls_anchors_free(struct tls_anchors *anchors);
/* Adds every certificate authority found in PEM text. Returns how many; others in the text are passed
 * over. */
size_t tls_anchors_add(struct tls_anchors *anchors, const char *pem, size_t len);
size_t tls_anchors_count(const struct tls_anchors *anchors);

struct tls;

/* Shakes hands over a connected, blocking socket (not owned; its own time limits count). `when`: unix seconds
 * that the certificates must be valid at. NULL: refused, `why` holds a sentence; nothing of ours but the
 * handshake was sent. */
struct tls *tls_open(int fd, const struct tls_anchors *anchors, const char *name, int64_t when, char *why,
                     size_t why_size);
/* All of it, or false. */
bool tls_write(struct tls *tls, const char *data, size_t len);
/* Bytes read, 0 at a proper end, -1 on failure. */
long tls_read(struct tls *tls, char *out, size_t size);
void tls_close(struct tls *tls);
