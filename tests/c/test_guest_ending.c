/* SPDX-License-Identifier: MIT */
/* The end of the machine over many attempts: clock, child processes, network and disk are stood in for
 * here. */
#include "ending_rig.h"
#include "guest_check.h"

static struct config config;
static struct guard guard;
static struct ending *ending;
static struct ending_status status;
static const struct store store = {.dir = -1};
#define LIST \
    "{\"data\":[{\"id\":\"mine\",\"ip\":\"10.19.60.24\",\"n\":\"cplz-7f\"}," \
    "{\"id\":\"twin\",\"n\":\"cplz-7f\"},{\"id\":\"x\",\"n\":\"y\"}]}"
#define BASE \
    "listen-port 1\npeer-public AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\ntoken t\nprivate-key-env " \
    "K\nstate-dir s\nkey-env TEST_KEY\n" \
    "terminate-url http://cloud.example/end\nterminate-method POST\nterminate-header Authorization: " \
    "Bearer ${KEY}\n"
#define FIND \
    "terminate-body ${ID}\nfind-url http://cloud.example/list\nfind-header X: ${KEY}\nfind-token cplz-7f\n"

static const char *environment(void *ctx, const char *name) {
    (void)ctx, (void)name;
    return NULL;
}

static void open_with(const char *text) {
    char why[200] = "";
    now = 1000 * SECOND;
    timer_count = attempt_count = steps = sent_count = script_count = slept = 0;
    no_process = cut = false;
    list_status = 200;
    listing = LIST;
    refusal = "error code: 1010";
    setenv("TEST_KEY", "own", 1);
    kept[0] = logged[0] = '\0';
    expect(config_parse(&config, text, strlen(text), environment, NULL, why, sizeof why), "configuration: %s",
           why);
    /* Born with a true wall clock, which was stepped since. */
    guard_arm(&guard, &config.limits, 0,
              (struct guard_now){.mono = (int64_t)(now / 1000000), .wall = WALL * 1000LL});
    ending = ending_new(NULL, &config, &store, &guard);
}

static void close_all(void) {
    ending_free(ending);
    config_free(&config);
}

/* Lets what runs do its work and tell of it. */
static void work(struct attempt *attempt) {
    char said[ATTEMPT_TEXT] = "";
    expect(attempt->runs, "nothing runs");
    attempt->work(attempt->ctx, said, sizeof said);
    attempt->runs = false;
    attempt->done(attempt->ctx, said);
    ending_get_status(ending, &status);
}

/* Waits for the timer. → seconds that it took */
static uint64_t wait_for(struct loop_timer *timer) {
    expect(timer->deadline > now, "there is no next time");
    uint64_t took = timer->deadline - now;
    now = timer->deadline;
    timer->deadline = 0;
    timer->fn(timer->arg);
    return took / SECOND;
}

static void for_ever(void) {
    static const int refusals[] = {404, 404, 401, 403, 500, 429, 0, 200};
    open_with(BASE);
    memcpy(script, refusals, sizeof script);
    script_count = 8;
    ending_begin(ending);
    uint64_t pause = 5;
    for (uint64_t i = 1; i <= 150; i++) {
        work(&attempts[0]);
        expect(status.attempts == i && sent_count == i, "attempt %llu sent %zu", (unsigned long long)i,
               sent_count);
        uint64_t took = wait_for(&timers[0]);
        expect(took == pause, "after attempt %llu it waits %llu s", (unsigned long long)i,
               (unsigned long long)took);
        pause = pause * 2 < 60 ? pause * 2 : 60;
    }
    close_all();
    open_with(BASE "retry 90\n");
    ending_begin(ending);
    for (int i = 0; i < 4; i++) {
        work(&attempts[0]);
        expect(wait_for(&timers[0]) == 90, "a cloud that wants 90 s is asked at another pace");
    }
    ending_begin(ending);
    expect(sent_count == 4 && timers[0].deadline == 0, "a second begin");
    close_all();
}

static void told(void) {
    open_with(BASE);
    script[0] = 404, script_count = 1;
    ending_begin(ending);
    work(&attempts[0]);
    expect(strcmp(status.last, "terminate answered HTTP 404") == 0, "404: %s", status.last);
    static const char edge[] =
        "terminate was turned away by the protection in front of the cloud (HTTP 403, error code: 1010)";
    script[0] = 403;
    wait_for(&timers[0]);
    work(&attempts[0]);
    expect(strncmp(status.last, edge, sizeof edge - 1) == 0, "the edge: %s", status.last);
    refusal = "{\"error\":\"forbidden\"}";
    wait_for(&timers[0]);
    work(&attempts[0]);
    expect(strcmp(status.last, "terminate answered HTTP 403") == 0, "the cloud: %s", status.last);
    script[0] = 0;
    wait_for(&timers[0]);
    work(&attempts[0]);
    expect(strcmp(status.last, "terminate failed: the name cloud.example does not resolve") == 0,
           "no name: %s", status.last);
    wait_for(&timers[0]);
    attempts[0].done(attempts[0].ctx, ""); /* it hung or died */
    ending_get_status(ending, &status);
    expect(strstr(status.last, "gave no answer within 60 seconds"), "hung: %s", status.last);
    expect(status.attempts == 5 && strstr(logged, "attempt 5: "), "logged: %s", logged);
    no_process = true;
    wait_for(&timers[0]);
    for (int i = 0; i < 3; i++)
        expect(wait_for(&timers[0]) == 1, "without a process it tries again in a second");
    no_process = false;
    wait_for(&timers[0]);
    script[0] = 200;
    work(&attempts[0]);
    expect(strcmp(status.last, "terminate answered HTTP 200") == 0, "in the end: %s", status.last);
    close_all();
}

/* Whatever clock and whatever key is wrong, some attempt has both right. */
static void beliefs(void) {
    static const char *const texts[] = {BASE "time 1785999000\n", BASE};
    for (size_t t = 0; t < 2; t++) {
        unsigned seen = 0;
        open_with(texts[t]);
        expect(ending_key(ending, "pushed", 6), "no key");
        ending_begin(ending);
        for (size_t i = 0; i < 6; i++) {
            int64_t since = (int64_t)(now / SECOND) - 1000;
            work(&attempts[0]);
            int64_t when = sent[i].when - since;
            unsigned clock = when == WALL + STEPPED ? 1 : when == WALL ? 2 : when == CLIENT ? 4 : 0;
            expect(clock != 0, "attempt %zu believes %lld", i, (long long)when);
            bool own = strcmp(sent[i].auth, "Authorization: Bearer own") == 0;
            expect(own || strcmp(sent[i].auth, "Authorization: Bearer pushed") == 0, "attempt %zu: %s", i,
                   sent[i].auth);
            expect(i > 0 || (own && clock == 1),
                   "the first attempt believes the wall clock and the machine's own key");
            seen |= clock << (own ? 0 : 3);
            wait_for(&timers[0]);
        }
        expect(seen == (t == 0 ? 077 : 033), "clocks with keys that met: %o", seen);
        close_all();
    }
}

static void every_machine(void) {
    open_with(BASE FIND "find-pause 2\n");
    ending_begin(ending);
    work(&attempts[0]);
    expect(sent_count == 3 && strcmp(sent[0].method, "GET") == 0, "%zu requests", sent_count);
    expect(strcmp(sent[1].body, "twin") == 0 && strcmp(sent[2].body, "mine") == 0, "%s, then %s",
           sent[1].body, sent[2].body);
    expect(strcmp(status.last, "terminate answered HTTP 200; terminate answered HTTP 200") == 0, "told: %s",
           status.last);
    expect(slept == 4 && steps == 2, "pauses of %u s, and %zu times new time for a machine", slept, steps);
    script[0] = 0, script_count = 1;
    wait_for(&timers[0]);
    work(&attempts[0]);
    expect(sent_count == 6, "a twin that cannot be ended keeps the own machine");
    static const struct {
        int status;
        const char *text, *sentence;
        bool cut;
    } bad[] = {
        {200, "{\"data\":[]}", "find answered HTTP 200, but nothing in it holds the token", false},
        {200, "<html>", "find answered HTTP 200, but no JSON", false},
        {200, "{\"data\":[", "find answered HTTP 200, but more than a megabyte", true},
        {401, LIST, "find answered HTTP 401", false},
        {0, LIST, "find failed: the name cloud.example does not resolve", false},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        list_status = bad[i].status, listing = bad[i].text, cut = bad[i].cut;
        wait_for(&timers[0]);
        work(&attempts[0]);
        expect(strcmp(status.last, bad[i].sentence) == 0, "told: %s", status.last);
    }
    expect(sent_count == 6 + 5, "something was ended by a list that is none");
    close_all();
    open_with(BASE FIND "find-pause 600\n");
    ending_begin(ending);
    work(&attempts[0]);
    expect(slept == 40, "pauses of %u s", slept);
    close_all();
}

static void rehearsals(void) {
    open_with(BASE FIND);
    unsetenv("TEST_KEY");
    ending_rehearse(ending);
    ending_get_status(ending, &status);
    expect(!attempts[1].runs && status.rehearses && !status.rehearsed && !status.key && !status.ready,
           "without a key");
    expect(strcmp(status.missing, "there is no usable value for ${KEY}") == 0, "missing: %s", status.missing);
    expect(!ending_key(ending, "", 0) && !ending_key(ending, "a b", 3) && !ending_key(ending, "a\nb", 3),
           "no keys");
    char text[KEY_MAX + 1];
    memset(text, 'k', sizeof text);
    expect(!ending_key(ending, text, KEY_MAX + 1) && ending_key(ending, text, KEY_MAX), "the longest key");
    expect(strlen(kept) == KEY_MAX && ending_key(ending, "pushed", 6) && strcmp(kept, "pushed") == 0,
           "kept: %s", kept);
    listing = "[]";
    work(&attempts[1]);
    expect(!status.rehearsed && strstr(status.rehearsal, "nothing in it holds the token"), "told: %s",
           status.rehearsal);
    expect(strcmp(sent[0].auth, "X: pushed") == 0, "with %s", sent[0].auth);
    for (uint64_t i = 0, pause = 5; i < 8; i++, pause = pause * 2 < 60 ? pause * 2 : 60) {
        expect(wait_for(&timers[1]) == pause, "rehearsed at another pace");
        work(&attempts[1]);
    }
    listing = LIST;
    wait_for(&timers[1]);
    work(&attempts[1]);
    expect(status.rehearsed && !status.rehearsal[0] && timers[1].deadline == 0, "rehearsed again: %s",
           status.rehearsal);
    for (size_t i = 0; i < sent_count; i++)
        expect(strcmp(sent[i].method, "GET") == 0, "a rehearsal sent %s", sent[i].method);
    expect(ending_key(ending, "other", 5), "no key");
    ending_get_status(ending, &status);
    expect(!status.rehearsed && attempts[1].runs, "another key is not rehearsed");
    ending_begin(ending);
    expect(!attempts[1].runs && attempts[0].runs && timers[1].deadline == 0,
           "the rehearsal goes on beside the end");
    close_all();
}

static void kept_key(void) {
    open_with(BASE);
    unsetenv("TEST_KEY");
    close_all();
    open_with(BASE);
    unsetenv("TEST_KEY");
    expect(ending_key(ending, "pushed", 6), "no key");
    struct ending *later = ending_new(NULL, &config, &store, &guard);
    ending_get_status(later, &status);
    expect(status.key && status.ready, "a restarted guest has lost the pushed key: %s", status.missing);
    ending_free(later);
    close_all();
    open_with(
        "listen-port 1\npeer-public AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\ntoken "
        "t\nprivate-key-env K\nstate-dir s\n"
        "terminate-url https://cloud.example/end\n");
    ending_get_status(ending, &status);
    expect(!status.ready && strcmp(status.missing, "no certificate authority was found") == 0,
           "https without any: %s", status.missing);
    close_all();
}

int main(void) {
    case_of("no answer ends the attempts, their pauses grow to a minute", for_ever);
    case_of("what an attempt heard is told", told);
    case_of("each clock meets each key", beliefs);
    case_of("every machine of the token, its own last, only by a good list", every_machine);
    case_of("the harmless half, with each key, until it is answered well", rehearsals);
    case_of("a pushed key outlives the process; https wants authorities", kept_key);
    return failures != 0;
}
