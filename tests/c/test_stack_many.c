/* SPDX-License-Identifier: MIT */
/* Many connections of one stack: in a row, at once, closed from both sides; what they cost; ICMP echo;
 * malformed packets. */
#if defined(__linux__)
#include <malloc.h>
#endif

#include "stack_pair.h"

enum { ROW = 10000, MANY = 100 };

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(SANITIZED)
size_t __sanitizer_get_current_allocated_bytes(void); /* gcc ships no header for it */
#endif

struct crowd {
    struct sim sim;
    struct peer client[MANY], server[MANY];
    unsigned accepted;
    uint64_t size;
    bool keep_open;
};

static void crowd_accept(void *ctx, struct flow *flow, uint16_t port) {
    struct crowd *crowd = ctx;
    struct peer *peer = &crowd->server[crowd->accepted++ % MANY];
    (void)port;
    *peer = (struct peer){
        .sim = &crowd->sim, .seed = 2, .size = crowd->size, .flow = flow, .keep_open = crowd->keep_open};
    flow_accept(flow, &peer_events, peer, crowd->sim.now);
}

static void crowd_open(struct crowd *crowd, uint64_t seed) {
    memset(crowd, 0, sizeof *crowd);
    sim_open(&crowd->sim, seed, 0, false);
    stack_listen(crowd->sim.side[1].stack, 80, crowd_accept, crowd);
}

static void crowd_connect(struct crowd *crowd, unsigned i, uint64_t size) {
    crowd->client[i] = (struct peer){
        .sim = &crowd->sim, .seed = 1, .size = size, .keep_open = crowd->keep_open};
    crowd->client[i].flow = stack_connect(crowd->sim.side[0].stack, 80, &peer_events, &crowd->client[i],
                                          crowd->sim.now);
    if (!crowd->client[i].flow)
        abort();
}

static bool first_done(void *ctx) {
    struct crowd *crowd = ctx;
    return crowd->client[0].closed;
}

static bool all_closed(void *ctx) {
    struct crowd *crowd = ctx;
    return !stack_flows(crowd->sim.side[0].stack) && !stack_flows(crowd->sim.side[1].stack);
}

/* Both ends close at the same moment here, and neither remembers the flow. */
static void in_a_row(void) {
    static struct crowd crowd;
    uint64_t hash = peer_expected(2, 300);
    unsigned good = 0;
    crowd_open(&crowd, 1);
    crowd.sim.delay = 50000;
    crowd.size = 300;
    for (unsigned i = 0; i < ROW; i++) {
        crowd_connect(&crowd, 0, i % 3 ? 100 : 0);
        sim_run(&crowd.sim, 60 * SECOND, first_done, &crowd);
        good += crowd.client[0].closed && !crowd.client[0].error && crowd.client[0].hash == hash;
    }
    sim_run(&crowd.sim, 60 * SECOND, all_closed, &crowd);
    report(good == ROW && crowd.accepted == ROW, "10000 connections in a row", "%u were right, %u accepted",
           good, crowd.accepted);
    report(all_closed(&crowd), "none of them is left", "%zu and %zu are",
           stack_flows(crowd.sim.side[0].stack), stack_flows(crowd.sim.side[1].stack));
    sim_close(&crowd.sim);
}

static void at_once(void) {
    static struct crowd crowd;
    uint64_t down = peer_expected(2, 40000), up = peer_expected(1, 30000);
    unsigned good = 0;
    crowd_open(&crowd, 2);
    crowd.sim.loss = 200;
    crowd.sim.copy = 100;
    crowd.sim.reorder = 1000;
    crowd.sim.rate = 2 << 20;
    crowd.sim.queue = 128 << 10;
    crowd.size = 40000;
    for (unsigned i = 0; i < MANY; i++)
        crowd_connect(&crowd, i, 30000);
    sim_run(&crowd.sim, 3600 * SECOND, all_closed, &crowd);
    for (unsigned i = 0; i < MANY; i++)
        good += crowd.client[i].hash == down && !crowd.client[i].error && crowd.server[i].hash == up &&
                !crowd.server[i].error;
    report(good == MANY && crowd.accepted == MANY && all_closed(&crowd),
           "100 connections at once over a bad link", "%u were right, %u accepted", good, crowd.accepted);
    sim_close(&crowd.sim);
}

#if defined(SANITIZED)
static size_t allocated(void) {
    return __sanitizer_get_current_allocated_bytes();
}
#elif defined(__GLIBC__)
static size_t allocated(void) {
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}
#endif

static void memory(void) {
#if defined(SANITIZED) || defined(__GLIBC__)
    static struct crowd crowd;
    size_t before = allocated(), after;
    crowd_open(&crowd, 3);
    crowd.size = 30000;
    crowd.keep_open = true;
    for (unsigned i = 0; i < MANY; i++)
        crowd_connect(&crowd, i, 30000);
    sim_run(&crowd.sim, 60 * SECOND, NULL, NULL);
    after = allocated();
    size_t each = (after - before) / MANY / 2;
    report(stack_flows(crowd.sim.side[0].stack) == MANY && each < 1500, "an idle connection keeps no buffers",
           "%zu bytes each", each);
    sim_close(&crowd.sim);
#else
    printf("skip - an idle connection keeps no buffers: nothing tells how much is allocated\n");
#endif
}

/* Both FINs are on their way at the same time. */
static void simultaneous(void) {
    struct pair pair;
    pair_open(&pair, 4, 0, false);
    pair.client.keep_open = pair.server.keep_open = true;
    pair_connect(&pair);
    sim_run(&pair.sim, SECOND, NULL, NULL);
    flow_shutdown(pair.client.flow, pair.sim.now);
    flow_shutdown(pair.server.flow, pair.sim.now);
    sim_run(&pair.sim, 60 * SECOND, both_closed, &pair);
    finish(&pair, "both sides close at the same moment");
}

/* Random segments to random ports while a connection runs. */
static void stray_segments(void) {
    struct pair pair;
    struct stack_stats stats;
    uint8_t packet[60];
    pair_open(&pair, 5, 0, false);
    pair.client.size = pair.server.size = 100000;
    pair_connect(&pair);
    uint64_t dice = 99;
    for (int i = 0; i < 3000 && !both_closed(&pair);
         i++) { /* noise with right addresses between the segments */
        sim_run(&pair.sim, 100000, both_closed, &pair);
        for (size_t k = 0; k < sizeof packet; k++)
            packet[k] = (uint8_t)(dice = sim_mix(dice));
        packet[0] = 0x45;
        packet[2] = 0;
        packet[3] = sizeof packet;
        packet[6] = packet[7] = 0;
        packet[9] = 6;
        memcpy(packet + 12, (uint8_t[]){10, 13, 37, 2, 10, 13, 37, 1}, 8);
        stack_input(pair.sim.side[1].stack, packet, dice % sizeof packet, pair.sim.now);
        stack_input(pair.sim.side[1].stack, packet, sizeof packet, pair.sim.now);
    }
    sim_run(&pair.sim, 60 * SECOND, both_closed, &pair);
    stack_get_stats(pair.sim.side[1].stack, &stats);
    report(stats.resets_out > 100, "segments without a flow are answered by RST", "%llu were",
           (unsigned long long)stats.resets_out);
    finish(&pair, "noise does not disturb a connection");
}

struct capture {
    unsigned count;
    size_t len;
    uint8_t packet[1420];
};

static void capture_output(void *ctx, const uint8_t *packet, size_t len) {
    struct capture *capture = ctx;
    capture->count++;
    capture->len = len;
    memcpy(capture->packet, packet, len);
}

static void no_random(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    memset(out, 7, len);
}

/* The right one's complement sum over big-endian words, written independently of the stack's. */
static unsigned sum16(const uint8_t *bytes, size_t len) {
    unsigned long sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += (unsigned long)bytes[i] << (i % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (unsigned)sum;
}

static void echo(void) {
    struct capture got = {0};
    struct stack_config config = {.local_ip = 0x0a0d2501,
                                  .peer_ip = 0x0a0d2502,
                                  .mtu = 1420,
                                  .ctx = &got,
                                  .output = capture_output,
                                  .random = no_random};
    struct stack *stack = stack_new(&config);
    uint8_t ping[] = {0x45, 0, 0, 37, 0, 0, 0x40, 0, 64, 1,   0,   0,   10,  13,  37,  2,   10,  13, 37,
                      1,    8, 0, 0,  0, 1, 2,    0, 9,  'c', 'o', 'n', 't', 'i', 'n', 'u', 'e', 'z'};
    stack_input(stack, ping, sizeof ping, 1);
    bool right = got.count == 1 && got.len == sizeof ping && got.packet[20] == 0 &&
                 !memcmp(got.packet + 24, ping + 24, sizeof ping - 24) &&
                 !memcmp(got.packet + 12, ping + 16, 4) && !memcmp(got.packet + 16, ping + 12, 4);
    report(right, "an echo request is answered", "%u packets, %zu bytes", got.count, got.len);
    report(sum16(got.packet, 20) == 0xffff && sum16(got.packet + 20, sizeof ping - 20) == 0xffff,
           "with right checksums", "%x %x", sum16(got.packet, 20), sum16(got.packet + 20, sizeof ping - 20));
    ping[15] = 9;
    stack_input(stack, ping, sizeof ping, 2);
    ping[15] = 2;
    ping[6] = 0x20; /* more fragments follow */
    stack_input(stack, ping, sizeof ping, 3);
    report(got.count == 1, "a foreign source and a fragment are not", "%u answers", got.count);
    stack_free(stack);
}

struct checker {
    unsigned bad, too_long, seen;
};

static bool check_segments(struct sim *sim, int from, const uint8_t *packet, size_t len) {
    struct checker *check = sim->user;
    uint8_t copy[1500];
    (void)from;
    memcpy(copy, packet + 12, 8);
    memcpy(copy + 8, (uint8_t[]){0, 6, (uint8_t)((len - 20) >> 8), (uint8_t)(len - 20)}, 4);
    memcpy(copy + 12, packet + 20, len - 20);
    check->seen++;
    check->bad += sum16(packet, 20) != 0xffff || sum16(copy, len - 8) != 0xffff;
    check->too_long += len > 1420 || len - 20 - (size_t)(packet[32] >> 4) * 4 > 1380;
    return false;
}

static void checksums(void) {
    struct pair pair;
    struct checker check = {0};
    pair_open(&pair, 6, 0, false);
    pair.sim.user = &check;
    pair.sim.drop = check_segments;
    pair.sim.loss = 300;
    pair.client.size = 300001;
    pair.server.size = 200003;
    pair.server.piece = 77;
    pair_connect(&pair);
    sim_run(&pair.sim, 600 * SECOND, both_closed, &pair);
    report(!check.bad && !check.too_long && check.seen > 300, "every segment has right checksums and fits",
           "%u bad, %u too long of %u", check.bad, check.too_long, check.seen);
    finish(&pair, "and the streams are whole");
}

int main(void) {
    echo();
    checksums();
    simultaneous();
    stray_segments();
    in_a_row();
    at_once();
    memory();
    return test_failures > 0;
}
