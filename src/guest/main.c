/* SPDX-License-Identifier: MIT */
/* The program on the rented machine: guard first, then tunnel and engine (docs/guest.md). */
#include <signal.h>
#include <sodium.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "guest.h"

#define SECOND 1000000000ULL
#define SAVE_SOON (5 * SECOND)
#define SAVE_ALWAYS (60 * SECOND)
#define REOPEN (10 * SECOND)

extern char **environ;

static const char *from_environment(void *ctx, const char *name) {
    (void)ctx;
    return getenv(name);
}

void guest_save(struct guest *guest) {
    char text[GUARD_TEXT];
    size_t len = guard_save(&guest->guard, guest->boot, clock_now(), text, sizeof text);
    guest->persisted = len > 0 && store_keep(&guest->store, "guard", text, len);
    if (!guest->persisted)
        store_log(&guest->store, "the guard's record could not be written: %s", strerror(errno));
    guest->saved = loop_now();
    guest->dirty = !guest->persisted; /* then soon again */
}

void guest_check(struct guest *guest) {
    struct tunnel_status status = {0};
    bool was = guest->guard.ending;
    if (guest->tunnel)
        tunnel_get_status(guest->tunnel, &status);
    if (status.last_data > guest->seen) {
        guest->seen = status.last_data;
        guard_traffic(&guest->guard, (int64_t)(status.last_data / 1000000), clock_now());
        guest->dirty = true;
    }
    if (!guard_check(&guest->guard, clock_now()))
        return;
    if (!was)
        guest_save(guest);
    ending_begin(guest->ending);
    engine_stop(guest->engine, loop_now());
}

/* A record that is there but unreadable is no reason to begin a new life. */
static void arm(struct guest *guest) {
    char text[GUARD_TEXT];
    const struct config *config = &guest->config;
    sys_boot(guest->boot, sizeof guest->boot);
    long n = store_read(&guest->store, "guard", text, sizeof text);
    int saved = errno;
    if (n < 0 && saved == ENOENT) {
        guard_arm(&guest->guard, &config->limits, config->life_max, clock_now());
        store_log(&guest->store, "armed: silence %lld, idle %lld, life %lld seconds",
                  (long long)config->limits.silence, (long long)config->limits.idle,
                  (long long)config->limits.life);
    } else if (n >= 0 &&
               guard_load(&guest->guard, text, (size_t)n, guest->boot, config->life_max, clock_now())) {
        store_log(&guest->store, "armed again from the record");
    } else if (guest->store.dir < 0) {
        guard_arm(&guest->guard, &config->limits, config->life_max, clock_now());
        store_log(&guest->store, "armed without a record: the state directory is not usable");
    } else {
        guard_arm(&guest->guard, &config->limits, config->life_max, clock_now());
        guard_end(&guest->guard, "the guard's record is damaged", clock_now());
    }
    guest_save(guest);
}

/* Takes the tunnel's key out of the environment and leaves no trace of it there. */
static void take_private_key(struct guest *guest) {
    const char *name = guest->config.private_key_env;
    char *value = getenv(name);
    size_t len = 0;
    if (value) {
        guest->has_key = sodium_base642bin(guest->private_key, sizeof guest->private_key, value,
                                           strlen(value), NULL, &len, NULL,
                                           sodium_base64_VARIANT_ORIGINAL) == 0 &&
                         len == sizeof guest->private_key;
        sodium_memzero(value, strlen(value));
        unsetenv(name);
    }
    if (!guest->has_key)
        store_log(&guest->store, "no tunnel: %s holds no key of 32 bytes in base64", name);
}

static bool serve(struct guest *guest) {
    const struct config *config = &guest->config;
    bool good = tunnel_serve(guest->tunnel, config->control_port, control_accept, guest->control);
    for (size_t i = 0; i < config->exposes; i++)
        good &= tunnel_expose(guest->tunnel, config->expose[i].port, config->expose[i].local,
                              config->expose[i].counted);
    return good;
}

static void open_tunnel(struct guest *guest) {
    const struct config *config = &guest->config;
    struct tunnel_config want = {.local_ip = config->address,
                                 .peer_ip = config->peer_address,
                                 .listen_port = config->listen_port,
                                 .listen_tcp = config->listen_tcp,
                                 .keepalive = config->keepalive};
    if (!guest->has_key || loop_now() < guest->reopen)
        return;
    memcpy(want.private_key, guest->private_key, sizeof want.private_key);
    memcpy(want.peer_public, config->peer_public, sizeof want.peer_public);
    guest->tunnel = tunnel_open(guest->loop, &want);
    int saved = errno;
    sodium_memzero(&want, sizeof want);
    if (guest->tunnel && !serve(guest)) {
        saved = errno;
        tunnel_close(guest->tunnel);
        guest->tunnel = NULL;
    }
    if (!guest->tunnel) {
        store_log(&guest->store, "the tunnel does not open on UDP port %u, TCP port %u (0: none): %s",
                  config->listen_port, config->listen_tcp, strerror(saved));
        guest->reopen = loop_now() + REOPEN;
        return;
    }
    store_log(&guest->store, "tunnel on UDP port %u, TCP port %u (0: none)", config->listen_port,
              config->listen_tcp);
    sodium_memzero(guest->private_key, sizeof guest->private_key);
}

/* When to look again: soon enough for the next deadline, and once a second for everything else. */
static uint64_t next_look(const struct guest *guest) {
    struct guard_now now = clock_now();
    int64_t wait = 1000;
    for (int timer = GUARD_SILENCE; !guest->guard.ending && timer <= GUARD_LIFE; timer++) {
        int64_t left = guard_left(&guest->guard, (enum guard_timer)timer, now);
        if (left < wait)
            wait = left > 0 ? left : 0;
    }
    return loop_now() + (uint64_t)wait * 1000000 + 1;
}

static void on_timer(void *arg) {
    struct guest *guest = arg;
    uint64_t now = loop_now();
    guest_check(guest);
    engine_tick(guest->engine, now);
    if (!guest->tunnel)
        open_tunnel(guest);
    else if (control_expire(guest->control, now))
        tunnel_kick(guest->tunnel);
    if ((guest->dirty && now - guest->saved >= SAVE_SOON) || now - guest->saved >= SAVE_ALWAYS)
        guest_save(guest);
    loop_timer_set(guest->timer, next_look(guest));
}

static void be_stubborn(void) {
    static const int casual[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGXFSZ};
    for (size_t i = 0; i < sizeof casual / sizeof casual[0]; i++)
        signal(casual[i], SIG_IGN);
#ifdef __linux__
    engine_score(0, "-900"); /* when memory runs out, this goes last; not every container allows it */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

static bool configure(struct config *config, const char *path) {
    char why[256];
    size_t len;
    char *text = store_slurp(path, CONFIG_MAX_BYTES, &len);
    if (!text) {
        fprintf(stderr, "continueplz-guest: %s: %s\n", path, strerror(errno));
        return false;
    }
    bool good = config_parse(config, text, len, from_environment, NULL, why, sizeof why);
    free(text);
    if (!good)
        fprintf(stderr, "continueplz-guest: %s: %s\n", path, why);
    return good;
}

static bool assemble(struct guest *guest) {
    guest->loop = loop_new();
    if (!guest->loop)
        return false;
    guest->started = loop_now();
    guest->ending = ending_new(guest->loop, &guest->config, &guest->store, &guest->guard);
    guest->timer = loop_timer(guest->loop, on_timer, guest);
    guest->engine = engine_new(&guest->config, &guest->store);
    guest->control = control_new(guest_answer, guest);
    return guest->ending && guest->timer && guest->engine && guest->control;
}

int main(int argc, char **argv) {
    static struct guest guest;
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("continueplz-guest " CPLZ_VERSION) < 0;
    if (argc != 2) {
        fprintf(stderr, "usage: continueplz-guest CONFIG\n");
        return 2;
    }
    if (sodium_init() < 0 || !configure(&guest.config, argv[1]))
        return 2;
    be_stubborn();
    if (!store_open(&guest.store, guest.config.state_dir))
        fprintf(stderr, "continueplz-guest: %s: %s\n", guest.config.state_dir, strerror(errno));
    if (!store_claim(&guest.store)) {
        fprintf(stderr, "continueplz-guest: another guest runs in %s\n", guest.config.state_dir);
        return 1;
    }
    arm(&guest);
    take_private_key(&guest);
    if (!assemble(&guest)) {
        fprintf(stderr, "continueplz-guest: out of memory\n");
        return 1;
    }
    ending_rehearse(guest.ending);
    loop_timer_set(guest.timer, 1);
    for (;;)
        if (loop_once(guest.loop, -1) < 0)
            usleep(100000);
}
