/* SPDX-License-Identifier: MIT */
/* Datagrams behind their length: whole, in pieces of every size, and what is no frame. */
#include "../../src/tunnel/frame.h"
#include "wg_util.h"

enum { FRAMES = 200, STREAM = FRAMES * (FRAME_HEAD + FRAME_MOST) };

static uint8_t stream[STREAM];

static size_t size_of(unsigned i) {
    return i == 0 ? FRAME_LEAST : i == 1 ? FRAME_MOST : FRAME_LEAST + i * 37 % (FRAME_MOST - FRAME_LEAST);
}

static size_t make(void) {
    uint8_t datagram[FRAME_MOST];
    size_t end = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        memset(datagram, (int)i, sizeof datagram);
        end += frame_put(stream + end, STREAM - end, datagram, size_of(i));
    }
    return end;
}

/* Feeds the stream in pieces of `piece` bytes. Returns how many frames came out right before the first that
 * did not. */
static unsigned feed(size_t end, size_t piece) {
    struct frame frame = {0};
    unsigned right = 0;
    for (size_t at = 0; at < end; at += piece) {
        size_t len = end - at < piece ? end - at : piece;
        uint8_t *copy = malloc(len); /* of exactly this size, so that a sanitizer sees a byte too many */
        memcpy(copy, stream + at, len);
        const uint8_t *data = copy, *out;
        int n;
        while ((n = frame_next(&frame, &data, &len, &out)) > 0) {
            bool good = (size_t)n == size_of(right);
            for (int i = 0; i < n; i++)
                good &= out[i] == (uint8_t)right;
            right += good;
        }
        free(copy);
        if (n < 0 || len > 0)
            break;
    }
    return right;
}

static int first(const char *bytes, size_t len) {
    struct frame frame = {0};
    const uint8_t *data = (const uint8_t *)bytes, *out;
    return frame_next(&frame, &data, &len, &out);
}

int main(void) {
    size_t end = make();
    unsigned good = 0;
    test_report(feed(end, end) == FRAMES, "200 frames at once", "not all");
    for (size_t piece = 1; piece < 3000; piece += piece < 20 ? 1 : 97)
        good += feed(end, piece) != FRAMES;
    test_report(good == 0, "the same in pieces of 1 to 3000 bytes", "not all");
    test_report(first("\x00\x1f", 2) < 0 && first("\x00\x00", 2) < 0, "shorter than any message is refused",
                "taken");
    test_report(first("\x05\xad", 2) < 0 && first("GET / HTTP/1.1", 14) < 0 && first("\x16\x03\x01", 3) < 0,
                "longer than any message is refused before it has come", "taken");
    test_report(first("\x05", 1) == 0 && first("\x05\xac", 2) == 0, "the longest is waited for", "refused");
    uint8_t out[FRAME_HEAD + FRAME_MOST], in[FRAME_MOST + 1] = {0};
    test_report(frame_put(out, sizeof out, in, FRAME_LEAST - 1) == 0 &&
                    frame_put(out, sizeof out, in, FRAME_MOST + 1) == 0 &&
                    frame_put(out, FRAME_HEAD + 99, in, 100) == 0,
                "what does not fit is not written", "it was");
    return test_failures != 0;
}
