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

/* One line of the table below: `set` gets the value with or without its holes filled. */
struct key {
    const char *name;
    bool raw;
    bool (*set)(struct parser *parser, void *field, const char *name, char *value);
    size_t field;
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
    missing[0] = '\0';
    size_t need = 1;
    char *out = NULL;
    for (int pass = 0; pass < 2; pass++) {
        size_t n = 0;
        for (const char *p = text; *p;) {
            const char *value = p, *after = p + 1;
            size_t len = 1;
            if (p[0] == '$' && p[1] == '$') {
                after = p + 2;
            } else if (p[0] == '$' && p[1] == '{') {
                value = hole(p, &after, lookup, ctx, missing);
                if (!value) {
                    free(out);
                    return NULL;
                }
                len = strlen(value);
            }
            if (out)
                memcpy(out + n, value, len);
            n += len;
            p = after;
        }
        if (out)
            out[n] = '\0';
        else if (!(out = malloc(need + n)))
            return NULL;
    }
    missing[0] = '\0';
    return out;
}

static bool read_number(const char *text, int64_t max, int64_t *out) {
    int64_t value = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (*text - '0');
        if (value > max)
            return false;
    }
    *out = value;
    return true;
}

static bool set_port(struct parser *parser, void *field, const char *name, char *value) {
    int64_t port;
    if (!read_number(value, 65535, &port) || port == 0)
        return refuse(parser, "%s wants a port from 1 to 65535, not \"%s\"", name, value);
    *(uint16_t *)field = (uint16_t)port;
    return true;
}

static bool set_short(struct parser *parser, void *field, const char *name, char *value) {
    int64_t number;
    if (!read_number(value, 65535, &number))
        return refuse(parser, "%s wants seconds from 0 to 65535, not \"%s\"", name, value);
    *(uint16_t *)field = (uint16_t)number;
    return true;
}

static bool set_seconds(struct parser *parser, void *field, const char *name, char *value) {
    return read_number(value, GUARD_MAX_SECONDS, field) ||
           refuse(parser, "%s wants whole seconds, at most ten years, not \"%s\"", name, value);
}

static bool set_time(struct parser *parser, void *field, const char *name, char *value) {
    return read_number(value, CONFIG_LAST_TIME, field) ||
           refuse(parser, "%s wants unix seconds, not \"%s\"", name, value);
}

static bool set_address(struct parser *parser, void *field, const char *name, char *value) {
    struct in_addr address;
    if (inet_pton(AF_INET, value, &address) != 1)
        return refuse(parser, "%s wants an IPv4 address, not \"%s\"", name, value);
    *(uint32_t *)field = ntohl(address.s_addr);
    return true;
}

static bool set_public(struct parser *parser, void *field, const char *name, char *value) {
    size_t len = 0;
    bool good = sodium_base642bin(field, 32, value, strlen(value), NULL, &len, NULL,
                                  sodium_base64_VARIANT_ORIGINAL) == 0;
    return (good && len == 32) || refuse(parser, "%s wants 32 bytes in base64, not \"%s\"", name, value);
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

static bool set_text(struct parser *parser, void *field, const char *name, char *value) {
    char **text = field;
    if (*text)
        return refuse(parser, "%s is given twice", name);
    *text = keep(parser, value);
    return *text != NULL;
}

static bool set_token(struct parser *parser, void *field, const char *name, char *value) {
    size_t n = 0;
    while (name_byte(value[n]) || value[n] == '-' || value[n] == '.')
        n++;
    if (value[n] || n > CONFIG_TOKEN_MAX)
        return refuse(parser, "%s wants at most %d letters, digits and -._, not \"%.40s\"", name,
                      CONFIG_TOKEN_MAX, value);
    return set_text(parser, field, name, value);
}

static bool set_list(struct parser *parser, void *field, const char *name, char *value) {
    struct config_list *list = field;
    if (list->count == CONFIG_LIST)
        return refuse(parser, "more than %d lines of %s", CONFIG_LIST, name);
    list->item[list->count] = keep(parser, value);
    return list->item[list->count] && ++list->count;
}

/* A variable of the machine for the engine; one that is not set is left out, never a reason not to start the
 * guard. */
static bool set_inherit(struct parser *parser, void *field, const char *name, char *value) {
    const char *found = parser->lookup(parser->ctx, value);
    if (!found)
        return true;
    size_t size = strlen(value) + strlen(found) + 2;
    char *pair = malloc(size);
    if (!pair)
        return refuse(parser, "out of memory");
    snprintf(pair, size, "%s=%s", value, found);
    bool good = set_list(parser, field, name, pair);
    free(pair);
    return good;
}

static bool set_header(struct parser *parser, void *field, const char *name, char *value) {
    size_t n = strcspn(value, ":");
    if (n == 0 || value[n] != ':' || strcspn(value, " \t") < n)
        return refuse(parser, "%s wants \"Name: value\", not \"%.40s\"", name, value);
    return set_list(parser, field, name, value);
}

static bool set_method(struct parser *parser, void *field, const char *name, char *value) {
    for (const char *p = value; *p; p++)
        if (*p < 'A' || *p > 'Z')
            return refuse(parser, "%s wants a word in capitals, not \"%s\"", name, value);
    return set_text(parser, field, name, value);
}

static bool set_url(struct parser *parser, void *field, const char *name, char *value) {
    if ((strncmp(value, "https://", 8) != 0 && strncmp(value, "http://", 7) != 0) || strpbrk(value, " \t"))
        return refuse(parser, "%s wants a http or https address, not \"%s\"", name, value);
    return set_text(parser, field, name, value);
}

static bool set_expose(struct parser *parser, void *field, const char *name, char *value) {
    (void)field;
    struct config *config = parser->config;
    struct config_expose *expose = &config->expose[config->exposes];
    char *save = NULL;
    char *port = strtok_r(value, " ", &save), *local = strtok_r(NULL, " ", &save),
         *kind = strtok_r(NULL, " ", &save);
    if (config->exposes == CONFIG_EXPOSES)
        return refuse(parser, "more than %d lines of %s", CONFIG_EXPOSES, name);
    if (!port || !local || !kind || strtok_r(NULL, " ", &save))
        return refuse(parser, "%s wants INNER-PORT LOCAL-PORT counted|uncounted", name);
    if (!set_port(parser, &expose->port, name, port) || !set_port(parser, &expose->local, name, local))
        return false;
    expose->counted = strcmp(kind, "counted") == 0;
    if (!expose->counted && strcmp(kind, "uncounted") != 0)
        return refuse(parser, "%s wants counted or uncounted, not \"%s\"", name, kind);
    config->exposes++;
    return true;
}

#define FIELD(member) offsetof(struct config, member)
static const struct key keys[] = {
    {"listen-port", false, set_port, FIELD(listen_port)},
    {"control-port", false, set_port, FIELD(control_port)},
    {"keepalive", false, set_short, FIELD(keepalive)},
    {"peer-public", false, set_public, FIELD(peer_public)},
    {"token", false, set_token, FIELD(token)},
    {"private-key-env", false, set_text, FIELD(private_key_env)},
    {"key-env", false, set_text, FIELD(key_env)},
    {"address", false, set_address, FIELD(address)},
    {"peer-address", false, set_address, FIELD(peer_address)},
    {"expose", false, set_expose, 0},
    {"silence", false, set_seconds, FIELD(limits.silence)},
    {"idle", false, set_seconds, FIELD(limits.idle)},
    {"life", false, set_seconds, FIELD(limits.life)},
    {"life-max", false, set_seconds, FIELD(life_max)},
    {"retry", false, set_seconds, FIELD(retry)},
    {"time", false, set_time, FIELD(time)},
    {"terminate-method", true, set_method, FIELD(terminate.method)},
    {"terminate-url", true, set_url, FIELD(terminate.url)},
    {"terminate-header", true, set_header, FIELD(terminate.headers)},
    {"terminate-body", true, set_text, FIELD(terminate.body)},
    {"rehearse-url", true, set_url, FIELD(rehearse.url)},
    {"rehearse-header", true, set_header, FIELD(rehearse.headers)},
    {"find-url", true, set_url, FIELD(find.url)},
    {"find-header", true, set_header, FIELD(find.headers)},
    {"find-token", false, set_text, FIELD(find_token)},
    {"find-pause", false, set_seconds, FIELD(find_pause)},
    {"ca-file", false, set_list, FIELD(ca_files)},
    {"engine-arg", false, set_list, FIELD(engine_argv)},
    {"engine-env", false, set_list, FIELD(engine_env)},
    {"engine-inherit", true, set_inherit, FIELD(engine_env)},
    {"state-dir", false, set_text, FIELD(state_dir)},
};

static bool parse_line(struct parser *parser, char *line) {
    char *value = strchr(line, ' ');
    if (!value || !value[1])
        return refuse(parser, "\"%.60s\" is not \"key value\"", line);
    *value++ = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i].name, line) != 0)
            continue;
        void *field = (char *)parser->config + keys[i].field;
        if (keys[i].raw)
            return keys[i].set(parser, field, line, value);
        char missing[64];
        char *filled = config_expand(value, parser->lookup, parser->ctx, missing);
        if (!filled)
            return refuse(parser, "%s: %s",
                          missing[0] ? "no usable environment variable" : "broken ${NAME} in the value of",
                          missing[0] ? missing : line);
        bool good = keys[i].set(parser, field, line, filled);
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
    const char *absent = !config->listen_port       ? "listen-port"
                         : !config->token           ? "token"
                         : !config->private_key_env ? "private-key-env"
                         : !config->terminate.url   ? "terminate-url"
                         : !config->state_dir       ? "state-dir"
                                                    : NULL;
    if (absent)
        return refuse(parser, "%s is missing", absent);
    if (sodium_is_zero(config->peer_public, 32))
        return refuse(parser, "peer-public is missing");
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
