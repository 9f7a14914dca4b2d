/* SPDX-License-Identifier: MIT */
/* libFuzzer target: a stream of frames cut into pieces (each behind a byte that says how long it is) gives
 * the same frames as the whole, never one of a wrong length, and nothing after it was refused. */
#include "../../src/tunnel/frame.h"

enum { MOST = 4096 };

struct reading {
    struct frame frame;
    uint64_t hash;
    bool refused;
};

static void read_some(struct reading *r, const uint8_t *data, size_t len) {
    const uint8_t *out;
    int n = 0;
    while (!r->refused && (n = frame_next(&r->frame, &data, &len, &out)) > 0) {
        if (n < FRAME_LEAST || n > FRAME_MOST)
            abort();
        for (int i = 0; i < n; i++)
            r->hash = (r->hash ^ out[i]) * 0x100000001b3;
        r->hash += (uint64_t)n;
    }
    if (!r->refused && n == 0 && len > 0)
        abort();
    r->refused |= n < 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct reading pieces = {0}, whole = {0};
    uint8_t all[MOST];
    size_t total = 0;
    while (len > 1) {
        size_t n = data[0] < len - 1 ? data[0] : len - 1;
        if (total + n > MOST)
            break;
        read_some(&pieces, data + 1, n);
        memcpy(all + total, data + 1, n);
        total += n;
        data += n + 1;
        len -= n + 1;
    }
    read_some(&whole, all, total);
    if (pieces.hash != whole.hash || pieces.refused != whole.refused)
        abort();
    return 0;
}
