/* SPDX-License-Identifier: MIT */
/* Authorities out of PEM text: the system's own bundle, and text that is none. The handshake is tested by
 * tests/guest/tls.sh. */
#include "../../src/guest/store.h"
#include "../../src/guest/tls.h"

#include <stdlib.h>
#include <string.h>

#include "guest_check.h"

#define BUNDLE "/etc/ssl/certs/ca-certificates.crt"

static char *bundle;
static size_t bundle_len;

static size_t marks(const char *text) {
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, "-----BEGIN CERTIFICATE-----")) != NULL; at++)
        n++;
    return n;
}

static void whole_bundle(void) {
    struct tls_anchors *anchors = tls_anchors_new();
    size_t n = tls_anchors_add(anchors, bundle, bundle_len), all = marks(bundle);
    expect(n == all && tls_anchors_count(anchors) == all, "%zu of %zu authorities were read", n, all);
    tls_anchors_free(anchors);
}

static void in_pieces_and_dirty(void) {
    struct tls_anchors *anchors = tls_anchors_new();
    const char *end = strstr(bundle, "-----END CERTIFICATE-----");
    size_t one = (size_t)(end - bundle) + strlen("-----END CERTIFICATE-----\n");
    char *text = malloc(2 * one + 300);
    size_t n = 0;
    n += (size_t)sprintf(text + n, "prose\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    n += (size_t)sprintf(text + n, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    n += (size_t)sprintf(text + n, "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n");
    memcpy(text + n, bundle, one);
    n += one;
    expect(tls_anchors_add(anchors, text, n) == 1, "one authority among rubbish");
    expect(tls_anchors_add(anchors, text, n - 30) == 0, "half an authority was taken");
    expect(tls_anchors_add(anchors, "", 0) == 0 && tls_anchors_count(anchors) == 1, "nothing");
    free(text);
    tls_anchors_free(anchors);
}

int main(void) {
    bundle = store_slurp(BUNDLE, 4 << 20, &bundle_len);
    if (!bundle) {
        printf("skip - authorities: no %s\n", BUNDLE);
        return 0;
    }
    case_of("every authority of the system's bundle is read", whole_bundle);
    case_of("rubbish between authorities is passed over", in_pieces_and_dirty);
    free(bundle);
    return failures != 0;
}
