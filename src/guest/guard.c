/* SPDX-License-Identifier: MIT */
#include "guard.h"

static struct guard_event event_now(struct guard_now now) {
    struct guard_event event = {.age = 0, .mono = now.mono, .wall = now.wall};
    return event;
}

int64_t guard_age(const struct guard_event *event, struct guard_now now) {
    int64_t by_mono = event->age + (now.mono - event->mono);
    int64_t by_wall = now.wall - event->wall;
    int64_t age = by_mono > by_wall ? by_mono : by_wall;
    return age > 0 ? age : 0;
}

void guard_arm(struct guard *guard, const struct guard_limits *limits, int64_t life_max,
               struct guard_now now) {
    memset(guard, 0, sizeof *guard);
    guard->limits = *limits;
    guard->life_max = life_max;
    guard->born = guard->contact = guard->traffic = guard->ended = event_now(now);
}

void guard_contact(struct guard *guard, struct guard_now now) {
    guard->contact = event_now(now);
    guard->contacted = true;
}

void guard_traffic(struct guard *guard, int64_t at, struct guard_now now) {
    if (at > now.mono)
        at = now.mono;
    struct guard_now then = {.mono = at, .wall = now.wall - (now.mono - at)};
    guard->traffic = event_now(then);
    guard->serving = guard->trafficked = true;
    if (!guard->contacted || guard_age(&guard->contact, now) > now.mono - at)
        guard_contact(guard, then);
}

void guard_serve(struct guard *guard, struct guard_now now) {
    if (guard->serving)
        return;
    guard->serving = true;
    guard->traffic = event_now(now);
}

/* The longest life that a lease leaves. */
static int64_t bound_of(const struct guard *guard, const struct guard_lease *lease) {
    return lease->life_max > 0 ? lease->life_max : guard->life_max;
}

static const char *lease_refusal(const struct guard *guard, const struct guard_lease *lease) {
    if (guard->ending)
        return "the machine is ending";
    if (lease->silence > GUARD_MAX_SECONDS || lease->idle > GUARD_MAX_SECONDS ||
        lease->life > GUARD_MAX_SECONDS || lease->life_max > GUARD_MAX_SECONDS)
        return "a limit is longer than ten years";
    if (guard->life_max > 0 && lease->life == 0)
        return "life cannot be switched off: the configuration has a life-max";
    if (lease->life_max != 0 && (guard->life_max == 0 || lease->life_max < guard->life_max))
        return "life-max can only be raised";
    if (guard->life_max > 0 && lease->life > bound_of(guard, lease))
        return "life is longer than the configuration's life-max";
    return NULL;
}

const char *guard_lease(struct guard *guard, const struct guard_lease *lease, struct guard_now now) {
    const char *why = lease_refusal(guard, lease);
    if (why)
        return why;
    if (lease->silence >= 0)
        guard->limits.silence = lease->silence;
    if (lease->idle >= 0)
        guard->limits.idle = lease->idle;
    if (lease->life >= 0)
        guard->limits.life = lease->life;
    guard->life_max = bound_of(guard, lease);
    guard_serve(guard, now);
    return NULL;
}

int64_t guard_left(const struct guard *guard, enum guard_timer timer, struct guard_now now) {
    int64_t limit = 0, age = 0;
    switch (timer) {
    case GUARD_SILENCE:
        limit = guard->limits.silence;
        age = guard_age(&guard->contact, now);
        break;
    case GUARD_IDLE:
        limit = guard->serving ? guard->limits.idle : 2 * guard->limits.idle;
        age = guard_age(guard->serving ? &guard->traffic : &guard->born, now);
        break;
    case GUARD_LIFE:
        limit = guard->limits.life;
        if (guard->life_max > 0 && (limit == 0 || limit > guard->life_max))
            limit = guard->life_max;
        age = guard_age(&guard->born, now);
        break;
    }
    return limit == 0 ? GUARD_OFF : limit * 1000 - age;
}

void guard_end(struct guard *guard, const char *reason, struct guard_now now) {
    if (guard->ending)
        return;
    guard->ending = true;
    guard->ended = event_now(now);
    size_t n = 0;
    for (; reason[n] && n + 1 < sizeof guard->reason; n++)
        guard->reason[n] = (unsigned char)reason[n] < ' ' || reason[n] == 127 ? ' ' : reason[n];
    guard->reason[n] = '\0';
}

bool guard_check(struct guard *guard, struct guard_now now) {
    if (guard_left(guard, GUARD_LIFE, now) <= 0)
        guard_end(guard, "the machine reached the end of its life", now);
    if (guard_left(guard, GUARD_SILENCE, now) <= 0)
        guard_end(guard,
                  guard->contacted ? "contact with the client was lost" : "the client never made contact",
                  now);
    if (guard_left(guard, GUARD_IDLE, now) <= 0)
        guard_end(guard, "the model was not used", now);
    return guard->ending;
}

int64_t guard_estimate(const struct guard *guard, struct guard_now now) {
    return guard->born.wall + guard->born.age + (now.mono - guard->born.mono);
}

/* The record that a restarted process takes up, as it is written. */
struct record {
    char boot[64], reason[sizeof((struct guard *)0)->reason];
    long long mono, limits[4], age[4], wall[4];
    int flags[4];
};

/* Returns the length, 0 when `size` would not do. */
static size_t write_record(const struct record *r, char *out, size_t size) {
    int n = snprintf(out, size,
                     "guard 2\nboot %s\nmono %lld\nlimits %lld %lld %lld %lld\nborn %lld %lld\n"
                     "contact %lld %lld\ntraffic %lld %lld\nended %lld %lld\nflags %d %d %d %d\n"
                     "reason %s\nend\n",
                     r->boot, r->mono, r->limits[0], r->limits[1], r->limits[2], r->limits[3], r->age[0],
                     r->wall[0], r->age[1], r->wall[1], r->age[2], r->wall[2], r->age[3], r->wall[3],
                     r->flags[0], r->flags[1], r->flags[2], r->flags[3], r->reason);
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

static bool plausible(long long milliseconds) {
    return milliseconds > -(1LL << 56) && milliseconds < 1LL << 56;
}

/* False when it is not written just as write_record does, or of impossible times. */
static bool read_record(struct record *r, const char *text, size_t len) {
    char copy[GUARD_TEXT + 1], again[GUARD_TEXT + 1];
    memset(r, 0, sizeof *r);
    if (len > GUARD_TEXT)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    int found = sscanf(copy,
                       "guard 2 boot %63s mono %lld limits %lld %lld %lld %lld born %lld %lld "
                       "contact %lld %lld traffic %lld %lld ended %lld %lld flags %d %d %d %d "
                       "reason%*1[ ]%159[^\n]",
                       r->boot, &r->mono, &r->limits[0], &r->limits[1], &r->limits[2], &r->limits[3],
                       &r->age[0], &r->wall[0], &r->age[1], &r->wall[1], &r->age[2], &r->wall[2],
                       &r->age[3], &r->wall[3], &r->flags[0], &r->flags[1], &r->flags[2],
                       &r->flags[3], r->reason);
    bool good = found >= 18 && write_record(r, again, sizeof again) == len && memcmp(again, copy, len) == 0;
    good &= plausible(r->mono);
    for (int i = 0; i < 4; i++)
        good &= r->age[i] >= 0 && plausible(r->age[i]) && plausible(r->wall[i]);
    for (int i = 0; i < 4; i++)
        good &= r->limits[i] >= 0 && r->limits[i] <= GUARD_MAX_SECONDS;
    if (!good)
        memset(r, 0, sizeof *r);
    return good;
}

/* The age is stored as the larger opinion, so that it cannot shrink over a restart, whatever the clocks then
 * say. */
static struct guard_event stored(const struct guard_event *event, struct guard_now now) {
    struct guard_event out = {.age = guard_age(event, now), .mono = now.mono, .wall = event->wall};
    return out;
}

size_t guard_save(const struct guard *guard, const char *boot, struct guard_now now, char *out, size_t size) {
    const struct guard_event *const events[] = {&guard->born, &guard->contact, &guard->traffic,
                                                &guard->ended};
    struct record r = {.mono = now.mono,
                       .limits = {guard->limits.silence, guard->limits.idle, guard->limits.life,
                                  guard->life_max},
                       .flags = {guard->contacted, guard->serving, guard->trafficked, guard->ending}};
    snprintf(r.boot, sizeof r.boot, "%s", boot[0] ? boot : "-");
    memcpy(r.reason, guard->reason, sizeof r.reason);
    for (int i = 0; i < 4; i++) {
        struct guard_event event = stored(events[i], now);
        r.age[i] = event.age;
        r.wall[i] = event.wall;
    }
    return write_record(&r, out, size);
}

bool guard_load(struct guard *guard, const char *text, size_t len, const char *boot, int64_t life_max,
                struct guard_now now) {
    struct guard_event *const events[] = {&guard->born, &guard->contact, &guard->traffic, &guard->ended};
    struct record r;
    memset(guard, 0, sizeof *guard);
    bool good = read_record(&r, text, len);
    /* Another boot: its monotonic readings mean nothing here. Unknown: taking them for ours can only
     * shorten. */
    bool other = r.boot[0] != '-' && boot[0] && strcmp(r.boot, boot) != 0;
    int64_t since = other || now.mono < r.mono ? 0 : now.mono - r.mono;
    for (int i = 0; i < 4; i++)
        *events[i] = (struct guard_event){.age = r.age[i] + since, .mono = now.mono, .wall = r.wall[i]};
    guard->limits = (struct guard_limits){r.limits[0], r.limits[1], r.limits[2]};
    guard->life_max = life_max > 0 && r.limits[3] > life_max ? r.limits[3] : life_max;
    guard->contacted = r.flags[0] != 0;
    guard->serving = r.flags[1] != 0;
    guard->trafficked = r.flags[2] != 0;
    guard->ending = r.flags[3] != 0;
    memcpy(guard->reason, r.reason, sizeof guard->reason);
    return good;
}
