/* SPDX-License-Identifier: MIT */
/* The guard's arithmetic: no clock, restart or lease makes a machine live longer than it may. */
#include "../../src/guest/guard.h"

#include <inttypes.h>
#include <string.h>

#include "guest_check.h"

#define S 1000LL
#define H (3600 * S)
#define YEARS (10LL * 365 * 24 * H)
#define EPOCH 1786000000000LL
#define UP 50000LL

static const struct guard_limits limits = {.silence = 36000, .idle = 3600, .life = 43200};
static struct guard guard;

/* `ms` after arming; the wall clock is off by `step`. */
static struct guard_now at(int64_t ms, int64_t step) {
    return (struct guard_now){.mono = UP + ms, .wall = EPOCH + ms + step};
}

static void arm(void) {
    guard_arm(&guard, &limits, 86400, at(0, 0));
}

static void left(const char *when, enum guard_timer timer, struct guard_now now, int64_t wanted) {
    int64_t got = guard_left(&guard, timer, now);
    expect(got == wanted, "%s: timer %d has %" PRId64 " ms left, not %" PRId64, when, timer, got, wanted);
}

/* Stores, forgets, takes up: `mono` is what the new boot's (or the same boot's) monotonic clock says. */
static void restart(const char *when, const char *boot_then, struct guard_now then, const char *boot_now,
                    struct guard_now now) {
    char text[GUARD_TEXT];
    size_t len = guard_save(&guard, boot_then, then, text, sizeof text);
    expect(len > 0, "%s: not saved", when);
    memset(&guard, 0x5a, sizeof guard);
    expect(guard_load(&guard, text, len, boot_now, 86400, now), "%s: not taken up: %s", when, text);
}

static void never_contact(void) {
    arm();
    left("at once", GUARD_SILENCE, at(0, 0), 36000 * S);
    left("later", GUARD_SILENCE, at(1 * H, 0), 32400 * S);
    guard.limits.idle = 0;
    expect(!guard_check(&guard, at(36000 * S - 1, 0)), "ended before silence was over");
    expect(guard_check(&guard, at(36000 * S, 0)), "silence from first boot does not count");
    expect(strcmp(guard.reason, "the client never made contact") == 0, "reason: %s", guard.reason);
}

static void lost_contact(void) {
    arm();
    guard.limits.idle = 0;
    guard_contact(&guard, at(2 * H, 0));
    left("contact", GUARD_SILENCE, at(2 * H, 0), 36000 * S);
    expect(!guard_check(&guard, at(2 * H + 36000 * S - 1, 0)), "ended too early");
    expect(guard_check(&guard, at(2 * H + 36000 * S, 0)), "lost contact does not count");
    guard.limits.silence = 0;
    left("ended by life", GUARD_LIFE, at(12 * H, 0), 0);
}

static void wall_back(void) {
    arm();
    left("back", GUARD_SILENCE, at(1 * H, -YEARS), 32400 * S);
    left("back", GUARD_LIFE, at(1 * H, -YEARS), 11 * H);
    left("back", GUARD_IDLE, at(1 * H, -YEARS), 1 * H);
    guard_contact(&guard, at(1 * H, -YEARS));
    left("contact in the past", GUARD_SILENCE, at(2 * H, -YEARS), 9 * H);
    left("put right again", GUARD_LIFE, at(2 * H, 0), 10 * H);
    expect(guard_check(&guard, at(12 * H, -YEARS)), "the wall clock stepped back lengthened a life");
}

static void wall_forward(void) {
    arm();
    expect(guard_left(&guard, GUARD_LIFE, at(1 * H, YEARS)) < 0, "forward: the stored end does not count");
    left("forward by an hour", GUARD_LIFE, at(1 * H, 1 * H), 10 * H);
    expect(guard_check(&guard, at(1 * H, YEARS)), "forward: goes on");
}

static void restarts(void) {
    arm();
    guard_contact(&guard, at(1 * H, 0));
    guard_traffic(&guard, UP + 90 * 60 * S, at(2 * H, 0));
    restart("same boot", "one", at(2 * H, 0), "one", at(3 * H, 0));
    left("same boot", GUARD_LIFE, at(3 * H, 0), 9 * H);
    left("traffic is contact", GUARD_SILENCE, at(3 * H, 0), 10 * H - 90 * 60 * S);
    left("same boot", GUARD_IDLE, at(3 * H, 0), -30 * 60 * S);
    expect(guard.contacted && guard.trafficked && guard.serving && !guard.ending, "flags are lost");
    /* The same boot, and the wall clock stepped back: the monotonic clock counts the time between. */
    restart("stepped back", "one", at(3 * H, 0), "one", at(4 * H, -YEARS));
    left("stepped back", GUARD_LIFE, at(4 * H, -YEARS), 8 * H);
    /* Another boot: the monotonic clock begins anew, the wall clock counts. */
    struct guard_now reboot = {.mono = 7, .wall = EPOCH + 5 * H};
    restart("reboot", "one", at(4 * H, 0), "two", reboot);
    left("reboot", GUARD_LIFE, reboot, 7 * H);
    /* Both at once: at least what was seen stays counted. */
    struct guard_now worst = {.mono = 3, .wall = EPOCH - YEARS};
    restart("reboot and back", "two", (struct guard_now){.mono = 7 + H, .wall = EPOCH + 6 * H}, "three",
            worst);
    left("reboot and back", GUARD_LIFE, worst, 6 * H);
    worst.mono += H;
    left("reboot and back, an hour on", GUARD_LIFE, worst, 5 * H);
}

/* What another boot's monotonic clock shows is no time that passed, although it is later. */
static void longer_boot(void) {
    arm();
    struct guard_now other = {.mono = UP + 9 * H, .wall = EPOCH + 2 * H};
    restart("a longer boot", "one", at(H, 0), "two", other);
    left("a longer boot", GUARD_LIFE, other, 10 * H);
}

static void unknown_boot(void) {
    arm();
    restart("no name then", "", at(1 * H, 0), "one", at(2 * H, -YEARS));
    left("no name then", GUARD_LIFE, at(2 * H, -YEARS), 10 * H);
    restart("no name now", "one", at(2 * H, 0), "", at(3 * H, -YEARS));
    left("no name now", GUARD_LIFE, at(3 * H, -YEARS), 9 * H);
    restart("monotonic clock went back", "", at(3 * H, 0), "",
            (struct guard_now){.mono = 1, .wall = EPOCH - YEARS});
    left("monotonic clock went back", GUARD_LIFE, (struct guard_now){.mono = 1, .wall = EPOCH - YEARS},
         9 * H);
}

static void ending_stays(void) {
    arm();
    guard_end(&guard, "the client\nasked", at(0, 0));
    guard_end(&guard, "another reason", at(5 * S, 0));
    restart("ending", "one", at(1, 0), "two", (struct guard_now){.mono = 1, .wall = EPOCH - YEARS});
    expect(guard.ending && strcmp(guard.reason, "the client asked") == 0, "an ending machine came back: %s",
           guard.reason);
    expect(guard_lease(&guard, &(struct guard_lease){-1, -1, 80000, 0}, at(1, 0)) != NULL,
           "a lease for an ending machine");
    expect(guard_check(&guard, at(2, 0)), "no longer ending");
    /* Since when: from the first call, on both clocks, over restarts. */
    arm();
    guard_end(&guard, "asked", at(H, 0));
    guard_end(&guard, "again", at(2 * H, 0));
    expect(guard_age(&guard.ended, at(3 * H, 0)) == 2 * H, "the end began anew");
    restart("ended, clock back", "one", at(3 * H, 0), "one", at(4 * H, -YEARS));
    expect(guard_age(&guard.ended, at(5 * H, -YEARS)) == 4 * H, "the end's age shrank");
    struct guard_now reboot = {.mono = 1, .wall = EPOCH + 8 * H};
    restart("ended, reboot", "one", at(5 * H, 0), "two", reboot);
    expect(guard_age(&guard.ended, reboot) == 7 * H, "the end's age over a reboot");
    guard_arm(&guard, &(struct guard_limits){.silence = 60}, 0, at(0, 0));
    expect(guard_check(&guard, at(61 * S, 0)) && guard_check(&guard, at(90 * S, 0)), "ended by silence");
    expect(guard_age(&guard.ended, at(91 * S, 0)) == 30 * S, "a limit's end has no time");
}

static void idle_clock(void) {
    arm();
    left("grace", GUARD_IDLE, at(0, 0), 2 * H);
    guard_contact(&guard, at(30 * 60 * S, 0));
    left("contact is no traffic", GUARD_IDLE, at(30 * 60 * S, 0), 90 * 60 * S);
    expect(guard_lease(&guard, &(struct guard_lease){-1, 1800, -1, 0}, at(H, 0)) == NULL, "lease refused");
    left("first lease starts it", GUARD_IDLE, at(H, 0), 1800 * S);
    expect(guard_lease(&guard, &(struct guard_lease){-1, 7200, -1, 0}, at(H + 600 * S, 0)) == NULL,
           "lease refused");
    left("a lease is no traffic", GUARD_IDLE, at(H + 600 * S, 0), 6600 * S);
    guard_traffic(&guard, UP + 2 * H, at(2 * H, 0));
    left("traffic", GUARD_IDLE, at(2 * H, 0), 2 * H);
    guard_traffic(&guard, UP + 9 * H, at(3 * H, 0));
    left("traffic of the future is now", GUARD_IDLE, at(3 * H, 0), 2 * H);
    left("traffic of the future, later", GUARD_IDLE, at(4 * H, 0), 1 * H);
    arm();
    guard_traffic(&guard, UP + 10 * S, at(20 * S, 0));
    left("first traffic starts it", GUARD_IDLE, at(20 * S, 0), 3590 * S);
    left("traffic is contact", GUARD_SILENCE, at(20 * S, 0), 35990 * S);
    guard.limits.silence = guard.limits.life = 0;
    guard.life_max = 0;
    expect(!guard_check(&guard, at(10 * S + H - 1, 0)) && guard_check(&guard, at(10 * S + H, 0)),
           "idle ends at the wrong time");
    expect(strcmp(guard.reason, "the model was not used") == 0, "reason: %s", guard.reason);
}

static void leases(void) {
    arm();
    expect(guard_lease(&guard, &(struct guard_lease){60, 0, 86400, 0}, at(0, 0)) == NULL, "lease refused");
    left("silence", GUARD_SILENCE, at(0, 0), 60 * S);
    left("idle off", GUARD_IDLE, at(0, 0), GUARD_OFF);
    left("life", GUARD_LIFE, at(0, 0), 24 * H);
    struct guard before = guard;
    expect(guard_lease(&guard, &(struct guard_lease){1, 1, 86401, 0}, at(0, 0)) != NULL,
           "life beyond life-max");
    expect(guard_lease(&guard, &(struct guard_lease){1, 1, 0, 0}, at(0, 0)) != NULL, "life switched off");
    expect(guard_lease(&guard, &(struct guard_lease){GUARD_MAX_SECONDS + 1, 1, 1, 0}, at(0, 0)) != NULL,
           "a lease without end");
    expect(memcmp(&before, &guard, sizeof guard) == 0, "a refused lease changed something");
    restart("leased", "one", at(H, 0), "one", at(H, 0));
    left("leases survive", GUARD_LIFE, at(H, 0), 23 * H);
    guard.life_max = 7200;
    left("life-max outranks a record", GUARD_LIFE, at(H, 0), H);
    guard.limits.life = 0;
    left("life-max outranks a record without life", GUARD_LIFE, at(H, 0), H);
}

static void bounds(void) {
    arm();
    expect(guard_lease(&guard, &(struct guard_lease){-1, -1, 90000, 90000}, at(0, 0)) == NULL, "not raised");
    left("a life beyond the first bound", GUARD_LIFE, at(H, 0), 24 * H);
    struct guard before = guard;
    expect(guard_lease(&guard, &(struct guard_lease){1, 1, 90001, 0}, at(0, 0)) != NULL,
           "beyond the new bound");
    expect(guard_lease(&guard, &(struct guard_lease){1, 1, 90001, 90000}, at(0, 0)) != NULL, "above its own");
    expect(guard_lease(&guard, &(struct guard_lease){1, 1, 1, 86400}, at(0, 0)) != NULL, "lowered");
    expect(guard_lease(&guard, &(struct guard_lease){1, 1, 1, -1}, at(0, 0)) != NULL, "taken away");
    expect(guard_lease(&guard, &(struct guard_lease){1, 1, 0, 99000}, at(0, 0)) != NULL, "life off, raised");
    expect(guard_lease(&guard, &(struct guard_lease){1, 1, 1, GUARD_MAX_SECONDS + 1}, at(0, 0)) != NULL,
           "a bound without end");
    expect(memcmp(&before, &guard, sizeof guard) == 0, "a refused lease changed something");
    restart("raised", "one", at(2 * H, 0), "one", at(2 * H, 0));
    left("a raised bound survives", GUARD_LIFE, at(2 * H, 0), 23 * H);
    expect(guard_lease(&guard, &(struct guard_lease){-1, -1, 90001, 0}, at(2 * H, 0)) != NULL,
           "the raised bound is none after a restart");
    struct guard_limits none = {0, 0, 0};
    guard_arm(&guard, &none, 0, at(0, 0));
    expect(guard_lease(&guard, &(struct guard_lease){-1, -1, 60, 60}, at(0, 0)) != NULL, "raised from none");
}

static void all_off(void) {
    struct guard_limits none = {0, 0, 0};
    guard_arm(&guard, &none, 0, at(0, 0));
    for (int timer = GUARD_SILENCE; timer <= GUARD_LIFE; timer++)
        left("off", (enum guard_timer)timer, at(YEARS, YEARS), GUARD_OFF);
    expect(!guard_check(&guard, at(YEARS, YEARS)), "ended with every limit off");
    expect(guard_lease(&guard, &(struct guard_lease){-1, -1, GUARD_MAX_SECONDS, 0}, at(0, 0)) == NULL,
           "free lease refused");
}

#define REST "\ncontact 0 1\ntraffic 0 1\nended 0 1\nflags 0 0 0 0\nreason \nend\n"
/* Every spoiled record is refused: any cut, any byte made another kind of byte. */
static void damaged(void) {
    char text[GUARD_TEXT], copy[GUARD_TEXT];
    struct guard into;
    arm();
    guard_end(&guard, "why not", at(0, 0));
    size_t len = guard_save(&guard, "0d7e-boot", at(H, 0), text, sizeof text);
    for (size_t n = 0; n < len; n++)
        expect(!guard_load(&into, text, n, "0d7e-boot", 0, at(H, 0)), "a record cut at %zu of %zu is taken",
               n, len);
    memcpy(copy, text, len);
    copy[len] = 'x';
    expect(!guard_load(&into, copy, len + 1, "0d7e-boot", 0, at(H, 0)), "trailing bytes are taken");
    static const char *const bad[] = {
        "",
        "guard 2\n",
        "guard 1\nboot -\nmono 1\nlimits 1 1 1 1\nborn 0 1" REST,
        "guard 2\nboot -\nmono 1\nlimits 1 1 1\nborn 0 1" REST,
        "guard 2\nboot -\nmono 1\nlimits -1 1 1 1\nborn 0 1" REST,
        "guard 2\nboot -\nmono 1\nlimits 1 1 1 1\nborn -5 1" REST,
        "guard 2\nboot -\nmono 1\nlimits 1 1 999999999 1\nborn 0 1" REST,
        "guard 2\nboot -\nmono 1\nlimits 1 1 1 999999999\nborn 0 1" REST,
        "guard 2\nboot -\nmono 1\nlimits 1 1 1 -1\nborn 0 1" REST,
        "guard 2\nboot -\nmono 1\nlimits 1 1 1 1\nborn 0 999999999999999999" REST,
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect(!guard_load(&into, bad[i], strlen(bad[i]), "", 0, at(0, 0)), "bad record %zu is taken", i);
    expect(guard_load(&into, text, len, "0d7e-boot", 0, at(H, 0)), "the whole record is not taken");
}

static void estimates(void) {
    arm();
    expect(guard_estimate(&guard, at(H, -YEARS)) == EPOCH + H, "estimate after a step back");
    restart("estimate", "one", at(H, 0), "one", at(2 * H, YEARS));
    expect(guard_estimate(&guard, at(3 * H, YEARS)) == EPOCH + 3 * H, "estimate after a restart");
}

int main(void) {
    case_of("a machine that never had contact ends by silence", never_contact);
    case_of("lost contact ends it", lost_contact);
    case_of("the wall clock ten years back lengthens nothing", wall_back);
    case_of("the wall clock forward can only shorten", wall_forward);
    case_of("restarts, reboots and both with a false clock", restarts);
    case_of("a boot that is longer than the one before", longer_boot);
    case_of("a boot without a name is taken for the same", unknown_boot);
    case_of("an ending machine stays one over restarts", ending_stays);
    case_of("idle counts from lease, traffic or grace", idle_clock);
    case_of("leases within life-max, kept over restarts", leases);
    case_of("a bound on life that is raised stays, and is one", bounds);
    case_of("limits that are off", all_off);
    case_of("damaged records are refused", damaged);
    case_of("the clock for certificates", estimates);
    return failures != 0;
}
