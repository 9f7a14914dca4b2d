/* SPDX-License-Identifier: MIT */
#include "guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

static const char *lease_refusal(const struct guard *guard, const struct guard_lease *lease) {
    if (guard->ending)
        return "the machine is ending";
    if (lease->silence > GUARD_MAX_SECONDS || lease->idle > GUARD_MAX_SECONDS ||
        lease->life > GUARD_MAX_SECONDS)
        return "a limit is longer than ten years";
    if (guard->life_max > 0 && lease->life == 0)
        return "life cannot be switched off: the configuration has a life-max";
    if (guard->life_max > 0 && lease->life > guard->life_max)
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

/* The age is stored as the larger opinion, so that it cannot shrink over a restart, whatever the clocks then
 * say. */
static struct guard_event stored(const struct guard_event *event, struct guard_now now) {
    struct guard_event out = {.age = guard_age(event, now), .mono = now.mono, .wall = event->wall};
    return out;
}

size_t guard_save(const struct guard *guard, const char *boot, struct guard_now now, char *out, size_t size) {
    const struct guard_limits *limits = &guard->limits;
    struct guard_event born = stored(&guard->born, now), contact = stored(&guard->contact, now);
    struct guard_event traffic = stored(&guard->traffic, now), ended = stored(&guard->ended, now);
    int n = snprintf(out, size,
                     "guard 1\nboot %s\nmono %" PRId64 "\nlimits %" PRId64 " %" PRId64 " %" PRId64
                     "\nborn %" PRId64 " %" PRId64 "\ncontact %" PRId64 " %" PRId64 "\ntraffic %" PRId64
                     " %" PRId64 "\nended %" PRId64 " %" PRId64 "\nflags %d %d %d %d\nreason %s\nend\n",
                     boot[0] ? boot : "-", now.mono, limits->silence, limits->idle, limits->life, born.age,
                     born.wall, contact.age, contact.wall, traffic.age, traffic.wall, ended.age, ended.wall,
                     guard->contacted, guard->serving, guard->trafficked, guard->ending, guard->reason);
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

/* Reading goes line by line: the name, then `want` integers. */
struct reader {
    const char *at, *end;
    bool bad;
};

static size_t take_line(struct reader *reader, const char *name, const char **rest) {
    size_t named = strlen(name), left = (size_t)(reader->end - reader->at);
    const char *stop = left ? memchr(reader->at, '\n', left) : NULL;
    *rest = "";
    if (reader->bad || !stop || (size_t)(stop - reader->at) < named || memcmp(reader->at, name, named) != 0) {
        reader->bad = true;
        return 0;
    }
    *rest = reader->at + named;
    reader->at = stop + 1;
    return (size_t)(stop - *rest);
}

static bool take_digits(const char **at, const char *end, int64_t *out) {
    bool negative = *at < end && **at == '-';
    const char *p = *at + negative;
    int64_t value = 0;
    int digits = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++, digits++) {
        if (digits == 17)
            return false;
        value = value * 10 + (*p - '0');
    }
    *at = p;
    *out = negative ? -value : value;
    return digits > 0;
}

static void take_numbers(struct reader *reader, const char *name, size_t want, int64_t *out) {
    const char *at;
    size_t len = take_line(reader, name, &at);
    const char *end = at + len;
    for (size_t i = 0; i < want; i++) {
        if (reader->bad || at >= end || *at++ != ' ' || !take_digits(&at, end, &out[i])) {
            reader->bad = true;
            out[i] = 0;
        }
    }
    if (at != end)
        reader->bad = true;
}

static void take_event(struct reader *reader, const char *name, int64_t since, int64_t mono,
                       struct guard_event *out) {
    int64_t v[2] = {0, 0};
    take_numbers(reader, name, 2, v);
    if (v[0] < 0)
        reader->bad = true;
    out->age = v[0] + since;
    out->mono = mono;
    out->wall = v[1];
}

bool guard_load(struct guard *guard, const char *text, size_t len, const char *boot, int64_t life_max,
                struct guard_now now) {
    struct reader reader = {.at = text, .end = text + len, .bad = false};
    const char *line;
    int64_t mono = 0, limits[3] = {0, 0, 0}, flags[4] = {0, 0, 0, 0};
    memset(guard, 0, sizeof *guard);
    take_numbers(&reader, "guard", 1, &mono);
    if (mono != 1)
        reader.bad = true;
    size_t n = take_line(&reader, "boot ", &line);
    /* Another boot: its monotonic readings mean nothing here. Unknown: taking them for ours can only
     * shorten. */
    bool other = n > 0 && line[0] != '-' && boot[0] && (n != strlen(boot) || memcmp(line, boot, n) != 0);
    take_numbers(&reader, "mono", 1, &mono);
    int64_t since = other || now.mono < mono ? 0 : now.mono - mono;
    take_numbers(&reader, "limits", 3, limits);
    take_event(&reader, "born", since, now.mono, &guard->born);
    take_event(&reader, "contact", since, now.mono, &guard->contact);
    take_event(&reader, "traffic", since, now.mono, &guard->traffic);
    take_event(&reader, "ended", since, now.mono, &guard->ended);
    take_numbers(&reader, "flags", 4, flags);
    n = take_line(&reader, "reason ", &line);
    if (n >= sizeof guard->reason)
        reader.bad = true;
    else
        memcpy(guard->reason, line, n);
    if (take_line(&reader, "end", &line) != 0 || reader.at != reader.end)
        reader.bad = true;
    for (int i = 0; i < 3; i++)
        reader.bad |= limits[i] < 0 || limits[i] > GUARD_MAX_SECONDS;
    guard->limits = (struct guard_limits){.silence = limits[0], .idle = limits[1], .life = limits[2]};
    guard->life_max = life_max;
    guard->contacted = flags[0] != 0;
    guard->serving = flags[1] != 0;
    guard->trafficked = flags[2] != 0;
    guard->ending = flags[3] != 0;
    return !reader.bad;
}
