/* SPDX-License-Identifier: MIT */
#include "wire.h"

#define JSON_DEPTH 64

enum kind { STRING, NUMBER, OTHER };

/* A strict reader over text; strings are compared and copied with their escapes undone (beyond ASCII:
 * "?"). */
struct json {
    const char *at, *end;
    unsigned depth;
    enum kind kind;    /* of the last value that was read */
    char text[1024];   /* it, unless its kind is OTHER */
    bool whole;        /* all of it */
    const char *token; /* looked for in every string; NULL: nothing is */
    const struct json_own *own;
    struct json_ids *ids;
    size_t mine;         /* index of the asker's own object, JSON_IDS: not seen */
    int hits;            /* claims so far */
    const char *wanted;  /* a top-level key */
    struct json *member; /* the reader as it was after its value */
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
        int v = wire_hex(*json->at++);
        if (v < 0)
            return -1;
        value = value * 16 + v;
    }
    return value > 0 && value < 128 ? value : '?';
}

/* What a string shows of the object that it is in. */
enum { HOLDS_TOKEN = 1, HOLDS_OWN = 2 };

static unsigned found_in(const struct json *json) {
    unsigned found = 0;
    if (!json->token)
        return 0;
    if (strstr(json->text, json->token))
        found |= HOLDS_TOKEN;
    for (size_t i = 0; i < json->own->count; i++)
        if (strcmp(json->text, json->own->text[i]) == 0)
            found |= HOLDS_OWN;
    return found;
}

static bool string(struct json *json) {
    size_t n = 0;
    json->kind = STRING;
    json->whole = true;
    if (!eat(json, '"'))
        return false;
    while (json->at < json->end) {
        int c = (unsigned char)*json->at++;
        if (c == '"') {
            json->text[n] = '\0';
            return true;
        }
        if (c < ' ')
            return false;
        if (c == '\\' && (c = escape(json)) < 0)
            return false;
        if (n + 1 < sizeof json->text)
            json->text[n++] = (char)c;
        else
            json->whole = false;
    }
    return false;
}

/* true, false, null or a number. */
static bool word(struct json *json) {
    size_t n = 0;
    static const char some[] = "+-.0123456789abcdefghijklmnopqrstuvwxyzE";
    while (json->at < json->end && *json->at && strchr(some, *json->at)) {
        if (n + 1 == sizeof json->text)
            return false;
        json->text[n++] = *json->at++;
    }
    json->text[n] = '\0';
    const char *text = json->text + (json->text[0] == '-');
    bool number = *text >= '0' && *text <= '9' && !text[strspn(text, "+-.0123456789eE")];
    json->kind = number ? NUMBER : OTHER;
    json->whole = true;
    return number || strcmp(json->text, "true") == 0 || strcmp(json->text, "false") == 0 ||
           strcmp(json->text, "null") == 0;
}

static bool value(struct json *json, unsigned *holds);

/* Takes the object as one of the token's. */
static void claim(struct json *json, const char *id, unsigned holds) {
    struct json_ids *ids = json->ids;
    json->hits++;
    if (ids->count == JSON_IDS)
        return;
    if (holds & HOLDS_OWN)
        json->mine = ids->count;
    strcpy(ids->id[ids->count++], id);
}

static bool object(struct json *json, unsigned *holds) {
    char id[JSON_ID] = "";
    unsigned inside = 0;
    int before = json->hits;
    if (eat(json, '}'))
        return true;
    do {
        if (!string(json))
            return false;
        bool is_id = json->whole && strcmp(json->text, "id") == 0;
        bool wanted = json->wanted && json->depth == 1 && json->whole &&
                      strcmp(json->text, json->wanted) == 0;
        if (!eat(json, ':') || !value(json, &inside))
            return false;
        if (wanted)
            *json->member = *json;
        bool fits = is_id && strlen(json->text) < sizeof id;
        if (fits && json->kind != OTHER && json->text[0] != '-')
            strcpy(id, json->text);
    } while (eat(json, ','));
    if (!eat(json, '}'))
        return false;
    /* An inner object with an id has claimed the token: the outer one is only its container. */
    if ((inside & HOLDS_TOKEN) && id[0] && json->hits == before)
        claim(json, id, inside);
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

static bool value(struct json *json, unsigned *holds) {
    blanks(json);
    if (json->at == json->end || json->depth == JSON_DEPTH)
        return false;
    if (*json->at == '"') {
        bool good = string(json);
        *holds |= good ? found_in(json) : 0;
        return good;
    }
    if (*json->at != '{' && *json->at != '[')
        return word(json);
    json->depth++;
    bool good = *json->at++ == '{' ? object(json, holds) : array(json, holds);
    json->depth--;
    json->kind = OTHER;
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

/* Reads the value of a top-level key: 1; 0 when there is none, -1 when the text is no object. */
static int member(const char *text, size_t len, const char *wanted, struct json *out) {
    struct json json = {.at = text, .end = text + len, .wanted = wanted, .member = out};
    unsigned holds = 0;
    out->at = NULL;
    blanks(&json);
    if (json.at == json.end || *json.at != '{' || !value(&json, &holds) || !at_end(&json))
        return -1;
    return out->at ? 1 : 0;
}

int json_number(const char *text, size_t len, const char *name, int64_t *out) {
    struct json found;
    int got = member(text, len, name, &found);
    if (got != 1)
        return got;
    size_t digits = strspn(found.text, "0123456789"), size = strlen(found.text);
    if (found.kind != NUMBER || size > 15 || digits == 0 || (digits < size && found.text[digits] != '.') ||
        strpbrk(found.text, "eE"))
        return -1;
    *out = strtoll(found.text, NULL, 10); /* fractions of a second are cut off */
    return 1;
}

int json_string(const char *text, size_t len, const char *name, char *out, size_t size) {
    struct json found;
    int got = member(text, len, name, &found);
    if (got != 1)
        return got;
    snprintf(out, size, "%s", found.text);
    return found.kind == STRING ? 1 : -1;
}

bool json_object(const char *text, size_t len) {
    struct json found;
    return member(text, len, "", &found) >= 0;
}
