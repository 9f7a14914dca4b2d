/* SPDX-License-Identifier: MIT */
/* What the control does with requests: whose contact counts, what is written at once, what is refused. */
#include "../../src/guest/guest.h"

#include <stdlib.h>
#include <string.h>

#include "guest_check.h"

#define CONFIG \
    "listen-port 1\npeer-public AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\ntoken " \
    "cplz-a-1\nprivate-key-env K\nstate-dir s\n" \
    "terminate-url http://127.0.0.1:9/${KEY}\nsilence 100\nidle 100\nlife 1000\nlife-max 2000\n"

static struct guest guest;
static struct control_reply reply;
static int saves, checks;

/* Stand in for main.c. */
void guest_save(struct guest *of) {
    (void)of;
    saves++;
}

void guest_check(struct guest *of) {
    checks += of == &guest;
}

static const char *environment(void *ctx, const char *name) {
    (void)ctx, (void)name;
    return NULL;
}

static void open_guest(void) {
    char why[100] = "";
    memset(&guest, 0, sizeof guest);
    guest.store.dir = -1;
    expect(config_parse(&guest.config, CONFIG, sizeof CONFIG - 1, environment, NULL, why, sizeof why),
           "configuration: %s", why);
    guest.loop = loop_new();
    guest.started = loop_now();
    struct guard_now then = clock_now();
    then.mono -= 50000;
    then.wall -= 50000;
    guard_arm(&guest.guard, &guest.config.limits, guest.config.life_max, then);
    guest.ending = ending_new(guest.loop, &guest.config, &guest.store, &guest.guard);
    guest.engine = engine_new(&guest.config, &guest.store);
}

static void close_guest(void) {
    ending_free(guest.ending);
    free(guest.engine);
    loop_free(guest.loop);
    config_free(&guest.config);
}

static int ask(const char *method, const char *path, const char *body) {
    char text[600];
    struct wire_request request;
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", method, path, strlen(body),
             body);
    saves = checks = 0;
    guest.dirty = false;
    free(reply.data);
    memset(&reply, 0, sizeof reply);
    if (wire_parse_request(text, strlen(text), &request) != 1)
        return 0;
    guest_answer(&guest, &request, &reply);
    return reply.status;
}

static bool says(const char *words) {
    return reply.data && memmem(reply.data, reply.len, words, strlen(words));
}

static void strangers(void) {
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "{\"token\":5}",
        "{\"token\":\"\"}",
        "{\"token\":\"cplz-a-\"}",
        "{\"token\":\"cplz-a-12\"}",
        "{\"token\":\"cplz-b-1\",\"silence\":1,\"reason\":\"x\",\"key\":\"k\"}",
        "{\"token\":\"CPLZ-A-1\"}"};
    static const char *const paths[][2] = {
        {"POST", "/heartbeat"}, {"POST", "/lease"}, {"POST", "/end"}, {"PUT", "/key"}};
    open_guest();
    for (size_t p = 0; p < 4; p++)
        for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
            int wanted = i < 4 ? 400 : 409;
            expect(ask(paths[p][0], paths[p][1], bodies[i]) == wanted, "%s with %s: %d", paths[p][1],
                   bodies[i], reply.status);
            expect(wanted == 400 || says("this machine belongs to another session: cplz-a-1"), "%s",
                   reply.data);
            expect(!guest.dirty && saves == 0 && !guest.guard.contacted, "%s with %s counts as contact",
                   paths[p][1], bodies[i]);
        }
    expect(ask("GET", "/nothing", "") == 404 && ask("POST", "/status", "") == 405 &&
               ask("GET", "/end", "") == 405,
           "paths and methods");
    expect(!guest.guard.contacted && !guest.guard.ending && !guest.guard.serving &&
               guest.guard.limits.silence == 100,
           "something changed");
    close_guest();
}

static void contact(void) {
    open_guest();
    expect(ask("GET", "/status", "") == 200 && guest.guard.contacted && guest.dirty && checks == 1,
           "a look is contact");
    expect(says("\"state\":\"armed\"") && says("\"ending_age\":null") && says("\"traffic_age\":null"), "%s",
           reply.data);
    guest.guard.contacted = false;
    expect(ask("POST", "/heartbeat", "{\"token\":\"cplz-a-1\"}") == 200 && guest.guard.contacted,
           "a heartbeat is contact");
    expect(!guest.guard.serving && guard_left(&guest.guard, GUARD_LIFE, clock_now()) <= 950000,
           "a heartbeat is no use, and no life");
    close_guest();
}

static void leases(void) {
    open_guest();
    expect(ask("POST", "/lease", "{\"token\":\"cplz-a-1\",\"life\":1500,\"silence\":7}") == 200 && saves == 1,
           "a lease is not written at once");
    expect(guest.guard.limits.life == 1500 && guest.guard.limits.silence == 7 &&
               guest.guard.limits.idle == 100,
           "limits");
    expect(ask("POST", "/lease", "{\"token\":\"cplz-a-1\",\"life\":2001}") == 400 &&
               says("longer than the configuration's life-max"),
           "too long");
    expect(ask("POST", "/lease", "{\"token\":\"cplz-a-1\",\"life\":0}") == 400 &&
               says("life cannot be switched off"),
           "off");
    expect(ask("POST", "/lease", "{\"token\":\"cplz-a-1\",\"life\":\"9\"}") == 400 && says("in seconds"),
           "no number");
    expect(guest.guard.limits.life == 1500, "a refused lease changed something");
    expect(ask("POST", "/lease", "{\"token\":\"cplz-a-1\",\"life\":2001,\"life_max\":\"9\"}") == 400 &&
               says("in seconds") &&
               ask("POST", "/lease", "{\"token\":\"cplz-b-1\",\"life_max\":9000}") == 409,
           "another's, or no number");
    expect(guest.guard.life_max == 2000, "a refused bound is one");
    expect(ask("POST", "/lease", "{\"token\":\"cplz-a-1\",\"life\":2400,\"life_max\":2400}") == 200 &&
               saves == 1 && says("\"life\":2400,\"life_max\":2400"),
           "a longer life is not taken, or not written at once");
    close_guest();
}

static void the_end(void) {
    open_guest();
    expect(ask("POST", "/end", "{\"token\":\"cplz-a-1\",\"reason\":5}") == 400 && !guest.guard.ending,
           "a reason that is none");
    expect(ask("POST", "/end", "{\"token\":\"cplz-a-1\",\"reason\":\"enough\\n\"}") == 200 &&
               guest.guard.ending,
           "not ending");
    expect(saves == 1 && checks == 2, "written %d times, begun %d times", saves, checks);
    expect(says("\"state\":\"ending\",\"reason\":\"the client asked for it: enough \""), "%s", reply.data);
    expect(ask("POST", "/end", "{\"token\":\"cplz-a-1\",\"reason\":\"again\"}") == 200 &&
               says("asked for it: enough"),
           "another reason");
    expect(ask("POST", "/lease", "{\"token\":\"cplz-a-1\",\"life\":1800}") == 409 &&
               says("the machine is ending"),
           "a lease while ending");
    expect(guest.guard.ending && guest.guard.limits.life == 1000, "the end was called off");
    close_guest();
}

int main(void) {
    case_of("requests for another session change nothing and are no contact", strangers);
    case_of("looks and heartbeats are contact, and nothing else", contact);
    case_of("leases are written at once, within life-max", leases);
    case_of("the end is written and begun, and stays", the_end);
    free(reply.data);
    return failures != 0;
}
