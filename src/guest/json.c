/* SPDX-License-Identifier: MIT */
#include "wire.h"

#define JSON_DEPTH 64

/* A strict reader over text; strings are compared and copied with their escapes undone (beyond ASCII:
 * "?"). */
struct json {
    const char *at, *end;
    unsigned depth;
    const char *token; /* looked for in every string; NULL: nothing is */
    const struct json_own *own;
    struct json_ids *ids;
    const char *wanted, *found; /* a top-level key, and where its value is */
    size_t mine;                /* index of the asker's own object, JSON_IDS: not seen */
    int hits;
};

static void blanks(struct json *json) {
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
        json->at++;
}

static bool eat(struct json *json, char c) {
    blanks(json);
    if (json->at == json->end || *json->at != c)
        return false;
    json->at++;
    return true;
}

static int escape(struct json *json) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (json->at == json->end)
        return -1;
    char c = *json->at++;
    const char *known = c ? strchr(from, c) : NULL;
    if (known)
        return (unsigned char)to[known - from];
    if (c != 'u' || json->end - json->at < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char h = *json->at++;
        int v = h >= '0' && h <= '9'                 ? h - '0'
                : (h | 32) >= 'a' && (h | 32) <= 'f' ? (h | 32) - 'a' + 10
                                                     : -1;
        if (v < 0)
            return -1;
        value = value * 16 + v;
    }
    return value > 0 && value < 128 ? value : '?';
}

/* Reads a string; the first size-1 bytes go to `out`. *whole: all of it did. */
static bool string(struct json *json, char *out, size_t size, bool *whole) {
    size_t n = 0;
    *whole = true;
    if (!eat(json, '"'))
        return false;
    while (json->at < json->end) {
        int c = (unsigned char)*json->at++;
        if (c == '"') {
            out[n] = '\0';
            return true;
        }
        if (c < ' ')
            return false;
        if (c == '\\' && (c = escape(json)) < 0)
            return false;
        if (n + 1 < size)
            out[n++] = (char)c;
        else
            *whole = false;
    }
    return false;
}

static bool word(struct json *json, const char **start, size_t *len) {
    blanks(json);
    *start = json->at;
    while (json->at < json->end && *json->at && strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", *json->at))
        json->at++;
    *len = (size_t)(json->at - *start);
    if (*len == 4 && (memcmp(*start, "true", 4) == 0 || memcmp(*start, "null", 4) == 0))
        return true;
    if (*len == 5 && memcmp(*start, "false", 5) == 0)
        return true;
    size_t i = *len && **start == '-';
    if (i == *len || (*start)[i] < '0' || (*start)[i] > '9')
        return false;
    for (; i < *len; i++)
        if (!strchr("+-.0123456789eE", (*start)[i]))
            return false;
    return true;
}

/* What a string shows of the object that it is in. */
enum { HOLDS_TOKEN = 1, HOLDS_OWN = 2 };

static unsigned found_in(const struct json *json, const char *text) {
    unsigned found = 0;
    if (!json->token)
        return 0;
    if (strstr(text, json->token))
        found |= HOLDS_TOKEN;
    for (size_t i = 0; i < json->own->count; i++)
        if (strcmp(text, json->own->text[i]) == 0)
            found |= HOLDS_OWN;
    return found;
}

static bool value(struct json *json, unsigned *holds);

/* A member called "id" with a string or number. */
static bool id_value(struct json *json, char *id, size_t size, unsigned *holds) {
    bool whole;
    const char *start = json->at;
    if (start < json->end && *start == '"') {
        if (!string(json, id, size, &whole))
            return false;
        *holds |= found_in(json, id);
        if (!whole)
            id[0] = '\0';
        return true;
    }
    if (!value(json, holds))
        return false;
    size_t len = (size_t)(json->at - start);
    if (len < size && *start >= '0' && *start <= '9') {
        memcpy(id, start, len);
        id[len] = '\0';
    }
    return true;
}

static bool object(struct json *json, unsigned *holds) {
    char name[64], id[JSON_ID] = "";
    unsigned inside = 0;
    bool whole;
    int before = json->hits;
    if (eat(json, '}'))
        return true;
    do {
        if (!string(json, name, sizeof name, &whole) || !eat(json, ':'))
            return false;
        blanks(json);
        if (json->wanted && json->depth == 1 && whole && strcmp(name, json->wanted) == 0)
            json->found = json->at;
        if (whole && strcmp(name, "id") == 0 ? !id_value(json, id, sizeof id, &inside)
                                             : !value(json, &inside))
            return false;
    } while (eat(json, ','));
    if (!eat(json, '}'))
        return false;
    /* An inner object with an id has claimed the token: the outer one is only its container. */
    if ((inside & HOLDS_TOKEN) && id[0] && json->hits == before) {
        struct json_ids *ids = json->ids;
        json->hits++;
        if (ids->count < JSON_IDS) {
            if (inside & HOLDS_OWN)
                json->mine = ids->count;
            strcpy(ids->id[ids->count++], id);
        }
    }
    *holds |= inside;
    return true;
}

static bool array(struct json *json, unsigned *holds) {
    if (eat(json, ']'))
        return true;
    do {
        if (!value(json, holds))
            return false;
    } while (eat(json, ','));
    return eat(json, ']');
}

static bool text_value(struct json *json, unsigned *holds) {
    char text[1024];
    bool whole;
    if (!string(json, text, sizeof text, &whole))
        return false;
    *holds |= found_in(json, text);
    return true;
}

static bool value(struct json *json, unsigned *holds) {
    const char *start;
    size_t len;
    blanks(json);
    if (json->at == json->end || json->depth == JSON_DEPTH)
        return false;
    bool good;
    json->depth++;
    switch (*json->at) {
    case '{':
        json->at++;
        good = object(json, holds);
        break;
    case '[':
        json->at++;
        good = array(json, holds);
        break;
    case '"':
        good = text_value(json, holds);
        break;
    default:
        good = word(json, &start, &len);
    }
    json->depth--;
    return good;
}

static bool at_end(struct json *json) {
    blanks(json);
    return json->at == json->end;
}

int json_find_ids(const char *text, size_t len, const char *token, const struct json_own *own,
                  struct json_ids *out) {
    struct json json = {
        .at = text, .end = text + len, .token = token, .own = own, .ids = out, .mine = JSON_IDS};
    unsigned holds = 0;
    memset(out, 0, sizeof *out);
    if (!value(&json, &holds) || !at_end(&json))
        return -1;
    if (json.mine < out->count) {
        char mine[JSON_ID];
        size_t last = out->count - 1;
        memcpy(mine, out->id[json.mine], sizeof mine);
        memmove(out->id[json.mine], out->id[json.mine + 1], (last - json.mine) * sizeof mine);
        memcpy(out->id[last], mine, sizeof mine);
    }
    return (int)out->count;
}

/* Puts json->at on the value of a top-level key: 1; 0 when there is none, -1 when the text is no object. */
static int member(struct json *json, const char *wanted) {
    unsigned holds = 0;
    json->wanted = wanted;
    blanks(json);
    if (json->at == json->end || *json->at != '{' || !value(json, &holds) || !at_end(json))
        return -1;
    json->at = json->found;
    return json->found ? 1 : 0;
}

int json_number(const char *text, size_t len, const char *name, int64_t *out) {
    struct json json = {.at = text, .end = text + len};
    const char *start;
    size_t size;
    int got = member(&json, name);
    if (got != 1)
        return got;
    if (!word(&json, &start, &size) || size > 15 || memchr(start, 'e', size) || memchr(start, 'E', size))
        return -1;
    int64_t number = 0;
    for (size_t i = 0; i < size; i++) {
        if (start[i] == '.' && i > 0)
            break; /* fractions of a second are cut off */
        if (start[i] < '0' || start[i] > '9')
            return -1;
        number = number * 10 + (start[i] - '0');
    }
    *out = number;
    return 1;
}

int json_string(const char *text, size_t len, const char *name, char *out, size_t size) {
    struct json json = {.at = text, .end = text + len};
    bool whole;
    int got = member(&json, name);
    if (got != 1)
        return got;
    return string(&json, out, size, &whole) ? 1 : -1;
}

bool json_object(const char *text, size_t len) {
    struct json json = {.at = text, .end = text + len};
    return member(&json, "") >= 0;
}
