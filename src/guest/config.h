/* SPDX-License-Identifier: MIT */
/* The guest's configuration file, described in docs/guest.md. */
#pragma once

#include "guard.h"

#define CONFIG_MAX_BYTES 65536
#define CONFIG_FILLED_MAX 65536
#define CONFIG_LIST 32
#define CONFIG_EXPOSES 8
#define CONFIG_TOKEN_MAX 100
#define CONFIG_LAST_TIME 99999999999LL

struct config_list {
    char *item[CONFIG_LIST];
    size_t count;
};

/* A request as written: its holes are filled at every attempt, since the key may arrive later. */
struct config_request {
    char *method, *url, *body;
    struct config_list headers;
};

struct config_expose {
    uint16_t port, local;
    bool counted;
};

/* Every text of the configuration lies in one of these. */
struct config_text {
    struct config_text *next;
    char text[];
};

struct config {
    uint16_t listen_port, listen_tcp, control_port, keepalive; /* of the first two, 0: none */
    uint8_t peer_public[32];
    uint32_t address, peer_address; /* host byte order */
    char *token;                    /* of the session: what changes the guest must name it */
    char *private_key_env;
    char *key_env; /* NULL: the key can only be pushed */
    struct config_expose expose[CONFIG_EXPOSES];
    size_t exposes;
    struct guard_limits limits;
    int64_t life_max;
    int64_t retry; /* seconds */
    int64_t time;  /* unix seconds by the client's clock when it wrote this, 0: not said */
    struct config_request terminate, otherwise, find, rehearse; /* otherwise: when terminate is refused */
    char *find_token;
    int64_t find_pause; /* seconds between the two requests */
    int64_t power_off;  /* attempts after which the machine is switched off, 0: never */
    struct config_list ca_files, engine_argv, engine_env;
    char *state_dir;
    struct config_text *texts;
};

/* Looks a name up; NULL: no such value. */
typedef const char *config_lookup_fn(void *ctx, const char *name);

/* Copies `text` with every ${NAME} replaced and $$ as $. NULL when a value is missing or holds a control
 * character (`missing` gets the name), `text` has a broken hole (`missing` gets ""), or CONFIG_FILLED_MAX
 * bytes would not do. The caller frees (and wipes) it. */
char *config_expand(const char *text, config_lookup_fn *lookup, void *ctx, char missing[64]);

/* Fills *config from `text`. False: refused, `why` holds one sentence, nothing is left to free. */
bool config_parse(struct config *config, const char *text, size_t len, config_lookup_fn *lookup, void *ctx,
                  char *why, size_t why_size);
void config_free(struct config *config);
