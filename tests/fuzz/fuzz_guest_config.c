/* SPDX-License-Identifier: MIT */
/* libFuzzer target: the guest's configuration and the guard's record. What is taken must hold what it
 * promises. */
#include <stdlib.h>
#include <string.h>

#include "../../src/guest/config.h"

static const char *lookup(void *ctx, const char *name) {
    (void)ctx;
    return name[0] == 'A'   ? "value"
           : name[0] == 'B' ? "1234"
           : name[0] == 'C' ? ""
           : name[0] == 'D' ? "two\nlines"
                            : NULL;
}

static void configuration(const char *text, size_t len) {
    struct config config;
    char why[64] = "";
    if (!config_parse(&config, text, len, lookup, NULL, why, sizeof why)) {
        if (!why[0] || config.state_dir || config.engine_argv.count)
            abort();
        return;
    }
    if (!config.listen_port || !config.retry || !config.terminate.url || !config.terminate.method ||
        !config.state_dir)
        abort();
    if (config.life_max && (config.limits.life == 0 || config.limits.life > config.life_max))
        abort();
    config_free(&config);
}

static void expansion(const char *text, size_t len) {
    char missing[64], *copy = malloc(len + 1);
    if (!copy)
        return;
    memcpy(copy, text, len);
    copy[len] = '\0';
    char *out = config_expand(copy, lookup, NULL, missing);
    if (out && !strchr(copy, '$') && strcmp(out, copy) != 0)
        abort();
    free(out);
    free(copy);
}

/* A record that is taken, stored and taken again must not have more time left. */
static void record(const char *text, size_t len) {
    struct guard guard, again;
    struct guard_now now = {.mono = 1000000, .wall = 1786000000000};
    char saved[GUARD_TEXT];
    if (!guard_load(&guard, text, len, "boot", 86400, now))
        return;
    size_t n = guard_save(&guard, "boot", now, saved, sizeof saved);
    if (n == 0)
        return;
    now.mono += 500;
    now.wall -= 3600000;
    if (!guard_load(&again, saved, n, "boot", 86400, now))
        return;
    for (int timer = GUARD_SILENCE; timer <= GUARD_LIFE; timer++)
        if (guard_left(&again, (enum guard_timer)timer, now) >
            guard_left(&guard, (enum guard_timer)timer, now))
            abort();
    if (guard.ending && !guard_check(&again, now))
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    const char *text = (const char *)data;
    configuration(text, size);
    expansion(text, size);
    record(text, size);
    return 0;
}
