/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <arpa/inet.h>
#include <sodium.h>

struct parser {
    struct config *config;
    config_lookup_fn *lookup;
    void *ctx;
    char *why;
    size_t why_size;
    unsigned line;
};

/* One line of the table below: `set` gets the value with its holes filled, or as written (`raw`); when it
 * does not take it and says nothing itself, the sentence is what the key wants. */
struct key {
    const char *name;
    bool raw;
    bool (*set)(struct parser *parser, const struct key *key, char *value);
    size_t field;
    const char *wants;
    int64_t least, most; /* of a number */
};

static bool __attribute__((format(printf, 2, 3))) refuse(struct parser *parser, const char *fmt, ...) {
    va_list args;
    int n = parser->line ? snprintf(parser->why, parser->why_size, "line %u: ", parser->line) : 0;
    if (n < 0 || (size_t)n >= parser->why_size)
        return false;
    va_start(args, fmt);
    vsnprintf(parser->why + n, parser->why_size - (size_t)n, fmt, args);
    va_end(args);
    return false;
}

static bool name_byte(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* At "${": the value of the hole, and *after behind its "}". */
static const char *hole(const char *at, const char **after, config_lookup_fn *lookup, void *ctx,
                        char missing[64]) {
    size_t n = 0;
    for (at += 2; name_byte(*at) && n < 63; at++)
        missing[n++] = *at;
    missing[n] = '\0';
    if (*at != '}' || n == 0) {
        missing[0] = '\0';
        return NULL;
    }
    *after = at + 1;
    const char *value = lookup(ctx, missing);
    if (!value || !value[0])
        return NULL;
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            return NULL;
    return value;
}

char *config_expand(const char *text, config_lookup_fn *lookup, void *ctx, char missing[64]) {
    size_t n = 0;
    char *out = malloc(CONFIG_FILLED_MAX);
    missing[0] = '\0';
    for (const char *p = text, *after, *value; out && *p; p = after) {
        size_t len = 1;
        value = p;
        after = p + 1;
        if (p[0] == '$' && p[1] == '$') {
            after = p + 2;
        } else if (p[0] == '$' && p[1] == '{') {
            value = hole(p, &after, lookup, ctx, missing);
            len = value ? strlen(value) : 0;
        }
        if (!value || len >= CONFIG_FILLED_MAX - n) {
            sodium_memzero(out, n);
            free(out);
            return NULL;
        }
        memcpy(out + n, value, len);
        n += len;
    }
    missing[0] = '\0';
    if (out)
        out[n] = '\0';
    return out;
}

static void *field_of(const struct parser *parser, const struct key *key) {
    return (char *)parser->config + key->field;
}

static bool read_number(const char *text, int64_t least, int64_t most, int64_t *out) {
    char *end;
    if (strspn(text, "0123456789") != strlen(text) || !*text)
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return !errno && *out >= least && *out <= most;
}

static bool set_number(struct parser *parser, const struct key *key, char *value) {
    return read_number(value, key->least, key->most, field_of(parser, key));
}

static bool set_short(struct parser *parser, const struct key *key, char *value) {
    int64_t number = 0;
    bool good = read_number(value, key->least, key->most, &number);
    *(uint16_t *)field_of(parser, key) = (uint16_t)number;
    return good;
}

static bool set_address(struct parser *parser, const struct key *key, char *value) {
    struct in_addr address;
    bool good = inet_pton(AF_INET, value, &address) == 1;
    *(uint32_t *)field_of(parser, key) = good ? ntohl(address.s_addr) : 0;
    return good;
}

static bool set_public(struct parser *parser, const struct key *key, char *value) {
    size_t len = 0;
    return sodium_base642bin(field_of(parser, key), 32, value, strlen(value), NULL, &len, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           len == 32;
}

/* A copy that lives as long as the configuration. */
static char *keep(struct parser *parser, const char *text) {
    size_t size = strlen(text) + 1;
    struct config_text *kept = malloc(sizeof *kept + size);
    if (!kept) {
        refuse(parser, "out of memory");
        return NULL;
    }
    kept->next = parser->config->texts;
    parser->config->texts = kept;
    return memcpy(kept->text, text, size);
}

static bool set_text(struct parser *parser, const struct key *key, char *value) {
    char **text = field_of(parser, key);
    if (*text)
        return refuse(parser, "%s is given twice", key->name);
    *text = keep(parser, value);
    return *text != NULL;
}

static bool set_token(struct parser *parser, const struct key *key, char *value) {
    size_t n = 0;
    while (name_byte(value[n]) || value[n] == '-' || value[n] == '.')
        n++;
    return !value[n] && n <= CONFIG_TOKEN_MAX && set_text(parser, key, value);
}

static bool set_method(struct parser *parser, const struct key *key, char *value) {
    for (const char *p = value; *p; p++)
        if (*p < 'A' || *p > 'Z')
            return false;
    return set_text(parser, key, value);
}

static bool set_url(struct parser *parser, const struct key *key, char *value) {
    bool good = strncmp(value, "https://", 8) == 0 || strncmp(value, "http://", 7) == 0;
    return good && !strpbrk(value, " \t") && set_text(parser, key, value);
}

static bool set_list(struct parser *parser, const struct key *key, char *value) {
    struct config_list *list = field_of(parser, key);
    if (list->count == CONFIG_LIST)
        return refuse(parser, "more than %d lines of %s", CONFIG_LIST, key->name);
    list->item[list->count] = keep(parser, value);
    return list->item[list->count] && ++list->count;
}

static bool set_header(struct parser *parser, const struct key *key, char *value) {
    size_t n = strcspn(value, ": \t");
    return n > 0 && value[n] == ':' && set_list(parser, key, value);
}

/* A variable of the machine for the engine; one that is not set is left out, never a reason not to start the
 * guard. */
static bool set_inherit(struct parser *parser, const struct key *key, char *value) {
    const char *found = parser->lookup(parser->ctx, value);
    char *pair = NULL;
    if (!found)
        return true;
    bool good = asprintf(&pair, "%s=%s", value, found) >= 0 && set_list(parser, key, pair);
    free(pair);
    return good;
}

static bool set_expose(struct parser *parser, const struct key *key, char *value) {
    struct config *config = parser->config;
    int64_t port, local;
    char *save = NULL, *inner = strtok_r(value, " ", &save), *outer = strtok_r(NULL, " ", &save);
    const char *kind = save ? save : ""; /* musl leaves NULL there at the end */
    bool counted = strcmp(kind, "counted") == 0;
    if (config->exposes == CONFIG_EXPOSES)
        return refuse(parser, "more than %d lines of %s", CONFIG_EXPOSES, key->name);
    if (!inner || !outer || !read_number(inner, 1, 65535, &port) || !read_number(outer, 1, 65535, &local) ||
        (!counted && strcmp(kind, "uncounted") != 0))
        return refuse(parser, "%s wants %s", key->name, key->wants);
    config->expose[config->exposes++] = (struct config_expose){(uint16_t)port, (uint16_t)local, counted};
    return true;
}

#define FIELD(member) offsetof(struct config, member)
#define PORT "a port from 1 to 65535", 1, 65535
#define SECONDS "whole seconds, at most ten years", 0, GUARD_MAX_SECONDS
#define URL "a http or https address", 0, 0
#define HEADER "\"Name: value\"", 0, 0
#define ADDRESS "an IPv4 address", 0, 0
#define TEXT "a text", 0, 0
static const struct key keys[] = {
    {"listen-port", false, set_short, FIELD(listen_port), PORT},
    {"listen-tcp", false, set_short, FIELD(listen_tcp), PORT},
    {"control-port", false, set_short, FIELD(control_port), PORT},
    {"keepalive", false, set_short, FIELD(keepalive), "seconds from 0 to 65535", 0, 65535},
    {"peer-public", false, set_public, FIELD(peer_public), "32 bytes in base64", 0, 0},
    {"token", false, set_token, FIELD(token), "at most 100 letters, digits and -._", 0, 0},
    {"private-key-env", false, set_text, FIELD(private_key_env), TEXT},
    {"key-env", false, set_text, FIELD(key_env), TEXT},
    {"address", false, set_address, FIELD(address), ADDRESS},
    {"peer-address", false, set_address, FIELD(peer_address), ADDRESS},
    {"expose", false, set_expose, 0, "INNER-PORT LOCAL-PORT counted|uncounted", 0, 0},
    {"silence", false, set_number, FIELD(limits.silence), SECONDS},
    {"idle", false, set_number, FIELD(limits.idle), SECONDS},
    {"life", false, set_number, FIELD(limits.life), SECONDS},
    {"life-max", false, set_number, FIELD(life_max), SECONDS},
    {"retry", false, set_number, FIELD(retry), SECONDS},
    {"time", false, set_number, FIELD(time), "unix seconds", 0, CONFIG_LAST_TIME},
    {"terminate-method", true, set_method, FIELD(terminate.method), "a word in capitals", 0, 0},
    {"terminate-url", true, set_url, FIELD(terminate.url), URL},
    {"terminate-header", true, set_header, FIELD(terminate.headers), HEADER},
    {"terminate-body", true, set_text, FIELD(terminate.body), TEXT},
    {"otherwise-method", true, set_method, FIELD(otherwise.method), "a word in capitals", 0, 0},
    {"otherwise-url", true, set_url, FIELD(otherwise.url), URL},
    {"otherwise-header", true, set_header, FIELD(otherwise.headers), HEADER},
    {"otherwise-body", true, set_text, FIELD(otherwise.body), TEXT},
    {"rehearse-url", true, set_url, FIELD(rehearse.url), URL},
    {"rehearse-header", true, set_header, FIELD(rehearse.headers), HEADER},
    {"find-url", true, set_url, FIELD(find.url), URL},
    {"find-header", true, set_header, FIELD(find.headers), HEADER},
    {"find-token", false, set_text, FIELD(find_token), TEXT},
    {"find-pause", false, set_number, FIELD(find_pause), SECONDS},
    {"power-off-after", false, set_number, FIELD(power_off), "attempts from 0 to 1000", 0, 1000},
    {"ca-file", false, set_list, FIELD(ca_files), TEXT},
    {"engine-arg", false, set_list, FIELD(engine_argv), TEXT},
    {"engine-env", false, set_list, FIELD(engine_env), TEXT},
    {"engine-inherit", true, set_inherit, FIELD(engine_env), TEXT},
    {"state-dir", false, set_text, FIELD(state_dir), TEXT},
};

static bool set(struct parser *parser, const struct key *key, char *value) {
    return key->set(parser, key, value) ||
           (!parser->why[0] && refuse(parser, "%s wants %s, not \"%.40s\"", key->name, key->wants, value));
}

static bool parse_line(struct parser *parser, char *line) {
    char *value = strchr(line, ' ');
    if (!value || !value[1])
        return refuse(parser, "\"%.60s\" is not \"key value\"", line);
    *value++ = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i].name, line) != 0)
            continue;
        if (keys[i].raw)
            return set(parser, &keys[i], value);
        char missing[64];
        char *filled = config_expand(value, parser->lookup, parser->ctx, missing);
        if (!filled)
            return refuse(parser, "%s: %s",
                          missing[0] ? "no usable environment variable" : "broken ${NAME} in the value of",
                          missing[0] ? missing : line);
        bool good = set(parser, &keys[i], filled);
        free(filled);
        return good;
    }
    return refuse(parser, "unknown key \"%.60s\"", line);
}

static bool parse_lines(struct parser *parser, char *text, size_t len) {
    for (char *line = text, *end = text + len; line < end;) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop)
            stop = end;
        *stop = '\0';
        parser->line++;
        for (const char *p = line; p < stop; p++)
            if ((unsigned char)*p < ' ' || *p == 127)
                return refuse(parser, "a control character");
        if (line[0] && line[0] != '#' && !parse_line(parser, line))
            return false;
        line = stop + 1;
    }
    parser->line = 0;
    return true;
}

/* Whether the engine would get this variable. */
static bool leaks(const struct config *config, const char *name) {
    size_t len = strlen(name);
    for (size_t i = 0; i < config->engine_env.count; i++)
        if (strncmp(config->engine_env.item[i], name, len) == 0 && config->engine_env.item[i][len] == '=')
            return true;
    return false;
}

static bool complete(struct parser *parser) {
    const struct config *config = parser->config;
    const char *absent = !config->listen_port && !config->listen_tcp ? "listen-port"
                         : !config->token           ? "token"
                         : !config->private_key_env ? "private-key-env"
                         : !config->terminate.url   ? "terminate-url"
                         : !config->state_dir       ? "state-dir"
                                                    : NULL;
    if (absent)
        return refuse(parser, "%s is missing", absent);
    if (sodium_is_zero(config->peer_public, 32))
        return refuse(parser, "peer-public is missing");
    if (!config->otherwise.url != !config->otherwise.method)
        return refuse(parser, "otherwise-url and otherwise-method go together");
    if (!config->find.url != !config->find_token)
        return refuse(parser, "find-url and find-token go together");
    if (config->retry == 0)
        return refuse(parser, "retry must not be 0");
    if (leaks(config, config->private_key_env) || leaks(config, config->key_env ? config->key_env : "KEY"))
        return refuse(parser, "the engine must not get the variable of a key");
    if (config->life_max > 0 && (config->limits.life == 0 || config->limits.life > config->life_max))
        return refuse(parser, "life is longer than life-max");
    return true;
}

bool config_parse(struct config *config, const char *text, size_t len, config_lookup_fn *lookup, void *ctx,
                  char *why, size_t why_size) {
    struct parser parser = {.config = config, .lookup = lookup, .ctx = ctx, .why = why, .why_size = why_size};
    why[0] = '\0';
    memset(config, 0, sizeof *config);
    config->control_port = 8571;
    config->address = 0x0a0d2501;
    config->peer_address = 0x0a0d2502;
    config->retry = 5;
    if (len > CONFIG_MAX_BYTES)
        return refuse(&parser, "the configuration is longer than %d bytes", CONFIG_MAX_BYTES);
    char *copy = malloc(len + 1); /* the last byte is for the end of the last line */
    if (!copy)
        return refuse(&parser, "out of memory");
    memcpy(copy, text, len);
    bool good = parse_lines(&parser, copy, len) && complete(&parser);
    free(copy);
    if (good && !config->terminate.method)
        good = (config->terminate.method = keep(&parser, "DELETE")) != NULL;
    if (!good)
        config_free(config);
    return good;
}

void config_free(struct config *config) {
    while (config->texts) {
        struct config_text *text = config->texts;
        config->texts = text->next;
        free(text);
    }
    memset(config, 0, sizeof *config);
}
