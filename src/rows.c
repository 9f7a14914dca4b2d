/* SPDX-License-Identifier: MIT */
/* host.rows: the rows of a long JSON list, of which only some fields are wanted. Those become values; all
 * else is checked and passed over. What is JSON is what base.json takes for it. */
#include "host.h"

#include <math.h>

#define FIELDS "continueplz.fields"
#define EXACT 9007199254740992.0 /* 2^53 */

enum {
    MOST = 64,   /* fields */
    SLOTS = 256, /* of the table of their names */
    DEPTH = 200, /* of what is open, the list and what it lies in too */
    DIGITS = 15, /* of a number that needs no strtod: it and its power of ten are exact */
};

/* A part of the text is whole, or cut off (more may come), or no JSON. */
enum outcome { GOOD, CUT, BAD };

struct fields {
    int count;
    struct {
        const char *text; /* kept alive by the table of names */
        size_t length;
    } names[MOST + 1];          /* from 1 */
    unsigned char slots[SLOTS]; /* number of a field, 0: free */
};

struct cursor {
    lua_State *L;
    const struct fields *fields; /* NULL: none is wanted */
    const char *at, *end;
    int depth;
    bool escaped; /* the last string has a backslash */
    const char *values[MOST + 1]; /* of the row's fields; NULL: it has none */
};

static enum outcome value(struct cursor *c);

static enum outcome missing(const struct cursor *c) {
    return c->at >= c->end ? CUT : BAD;
}

static inline void blanks(struct cursor *c) {
    while (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t')
        c->at++;
}

/* One character and the blanks around it. */
static enum outcome expect(struct cursor *c, char wanted) {
    blanks(c);
    if (*c->at != wanted)
        return missing(c);
    c->at++;
    blanks(c);
    return GOOD;
}

/* Sets the high bit of each zero byte; those above the first may be wrong. */
static uint64_t zeros(uint64_t word) {
    return (word - 0x0101010101010101) & ~word & 0x8080808080808080;
}

/* The next quote, backslash or zero byte, of which there is one behind every text. */
static const char *special(const char *at, const char *end) {
    for (uint64_t word; end - at >= (ptrdiff_t)sizeof word; at += sizeof word) {
        memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        uint64_t found = zeros(word) | zeros(word ^ 0x2222222222222222) | zeros(word ^ 0x5c5c5c5c5c5c5c5c);
        if (found)
            return at + __builtin_ctzll(found) / 8;
    }
    while (*at && *at != '"' && *at != '\\')
        at++;
    return at;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Half of a surrogate pair is let pass, as base.json does. */
static enum outcome string(struct cursor *c) {
    for (c->escaped = false, c->at++;; c->escaped = true) {
        c->at = special(c->at, c->end);
        if (*c->at++ == '"')
            return GOOD;
        if (c->at[-1] != '\\' || !*c->at || !strchr("\"\\/bfnrtu", *c->at))
            return missing(c);
        const char *hex = ++c->at;
        for (; hex[-1] == 'u' && c->at < hex + 4; c->at++)
            if (!is_digit(*c->at) && ((*c->at | 32) < 'a' || (*c->at | 32) > 'f'))
                return missing(c);
    }
}

static bool digits(struct cursor *c) {
    const char *at = c->at;
    while (is_digit(*at))
        at++;
    bool some = at > c->at;
    c->at = at;
    return some;
}

/* What cjson takes for one: behind the point there may be nothing, and before it nothing but a minus. */
static enum outcome number(struct cursor *c) {
    bool minus = *c->at == '-';
    const char *whole = c->at += minus;
    bool some = digits(c);
    if (*whole == '0' && c->at > whole + 1)
        return BAD;
    if (*c->at == '.' && (minus || some)) {
        c->at++;
        some = digits(c) || some;
    }
    if (!some)
        return missing(c);
    if (*c->at == 'e' || *c->at == 'E') {
        c->at++;
        c->at += *c->at == '+' || *c->at == '-';
        if (!digits(c))
            return missing(c);
    }
    return c->at == c->end ? CUT : GOOD;
}

static enum outcome word(struct cursor *c, const char *wanted) {
    for (; *wanted; wanted++, c->at++)
        if (*c->at != *wanted)
            return missing(c);
    return GOOD;
}

/* The slot of a name: where it is, or the free one where it would be. */
static unsigned slot_of(const struct fields *fields, const char *text, size_t length) {
    unsigned slot = (unsigned)length * 31;
    if (length)
        slot += (unsigned char)*text * 7u + (unsigned char)text[length / 2] +
                (unsigned char)text[length - 1] * 3u;
    for (slot %= SLOTS; fields->slots[slot]; slot = (slot + 1) % SLOTS) {
        int field = fields->slots[slot];
        if (fields->names[field].length == length && memcmp(fields->names[field].text, text, length) == 0)
            break;
    }
    return slot;
}

/* Pushes what the decoder makes of a part of the text. */
static void push_decoded(lua_State *L, const char *from, size_t length) {
    lua_getiuservalue(L, 1, 2);
    lua_pushlstring(L, from, length);
    lua_call(L, 1, 1);
}

/* A key and its colon. → the number of the field that it names, 0 for none */
static enum outcome key(struct cursor *c, bool wanted, int *field) {
    const char *from = c->at;
    enum outcome outcome = *from == '"' ? string(c) : missing(c);
    size_t length = (size_t)(c->at - from);
    if (outcome == GOOD && wanted && !c->escaped) {
        *field = c->fields->slots[slot_of(c->fields, from + 1, length - 2)];
    } else if (outcome == GOOD && wanted) {
        push_decoded(c->L, from, length);
        const char *name = luaL_checklstring(c->L, -1, &length);
        *field = c->fields->slots[slot_of(c->fields, name, length)];
        lua_pop(c->L, 1);
    }
    return outcome == GOOD ? expect(c, ':') : outcome;
}

/* An object or an array from its bracket on. row: notes where the values of its fields are. */
static enum outcome items(struct cursor *c, char close, bool row) {
    enum outcome outcome = ++c->depth > DEPTH ? BAD : GOOD;
    c->at++;
    blanks(c);
    if (outcome == GOOD && *c->at != close)
        do {
            int field = 0;
            outcome = close == '}' ? key(c, row, &field) : GOOD;
            if (field)
                c->values[field] = c->at;
            if (outcome == GOOD)
                outcome = value(c);
        } while (outcome == GOOD && expect(c, ',') == GOOD);
    c->depth--;
    return outcome == GOOD ? expect(c, close) : outcome;
}

static enum outcome value(struct cursor *c) {
    switch (*c->at) {
    case '{':
        return items(c, '}', false);
    case '[':
        return items(c, ']', false);
    case '"':
        return string(c);
    case 't':
        return word(c, "true");
    case 'f':
        return word(c, "false");
    case 'n':
        return word(c, "null");
    default:
        return number(c);
    }
}

/* The number at the cursor, as base.json has it: an integer where that is exact, none beyond a double. */
static void push_number(struct cursor *c) {
    static const double powers[DIGITS + 1] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                              1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char *at = c->at + (*c->at == '-');
    uint64_t whole = 0;
    int count = 0, behind = 0;
    for (bool point = false; count <= DIGITS && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            point = true;
        } else {
            whole = whole * 10 + (uint64_t)(*at - '0');
            count++, behind += point;
        }
    }
    bool plain = count <= DIGITS && *at != 'e' && *at != 'E';
    double n = plain ? (double)whole / powers[behind] * (*c->at == '-' ? -1 : 1) : strtod(c->at, NULL);
    if (n >= -EXACT && n <= EXACT && n == (double)(lua_Integer)n)
        lua_pushinteger(c->L, (lua_Integer)n);
    else if (isfinite(n))
        lua_pushnumber(c->L, n);
    else
        lua_pushnil(c->L);
}

/* Pushes the value at the cursor: a plain one is what it is at once, others are by the decoder. */
static void push_value(struct cursor *c) {
    const char *from = c->at, *at = from + 1;
    while (*from == '"' && *at >= ' ' && *at < 127 && *at != '"' && *at != '\\')
        at++;
    if (*from == '"' && *at == '"')
        lua_pushlstring(c->L, from + 1, (size_t)(at - from) - 1);
    else if (*from == '-' || is_digit(*from))
        push_number(c);
    else if (*from == 't' || *from == 'f')
        lua_pushboolean(c->L, *from == 't');
    else if (*from == 'n' || value(c) != GOOD)
        lua_pushnil(c->L);
    else
        push_decoded(c->L, from, (size_t)(c->at - from));
}

/* Sets the fields in the caller's table; what the row has not is nil. */
static void set_fields(struct cursor *c) {
    const char *at = c->at;
    lua_getiuservalue(c->L, 1, 1);
    for (int i = 1; i <= c->fields->count; i++) {
        lua_rawgeti(c->L, -1, i);
        c->at = c->values[i];
        if (c->at)
            push_value(c);
        else
            lua_pushnil(c->L);
        lua_rawset(c->L, 4);
    }
    lua_pop(c->L, 1);
    c->at = at;
}

/* A cursor at place `at` of a text, and what lies there. */
static struct cursor cursor_of(lua_State *L, int index, const struct fields *fields) {
    size_t length;
    const char *text = luaL_checklstring(L, index, &length);
    lua_Integer at = luaL_checkinteger(L, index + 1);
    luaL_argcheck(L, at >= 1 && (size_t)at <= length + 1, index + 1, "outside of the text");
    return (struct cursor){
        .L = L, .fields = fields, .at = text + at - 1, .end = text + length, .depth = fields ? 2 : 1};
}

/* Pushes the place that was read up to, or nil where the text is cut off, false where it is no JSON. */
static void push_place(const struct cursor *c, enum outcome outcome, const char *text) {
    if (outcome == GOOD)
        lua_pushinteger(c->L, c->at - text + 1);
    else if (outcome == CUT)
        lua_pushnil(c->L);
    else
        lua_pushboolean(c->L, false);
}

static int rows_skip(lua_State *L) {
    struct cursor c = cursor_of(L, 1, NULL);
    enum outcome outcome = value(&c);
    if (outcome == GOOD)
        blanks(&c);
    push_place(&c, outcome, lua_tostring(L, 1));
    return 1;
}

/* A row with the comma behind it; the bracket that ends the list is left. */
static int fields_read(lua_State *L) {
    struct cursor c = cursor_of(L, 2, luaL_checkudata(L, 1, FIELDS));
    luaL_checktype(L, 4, LUA_TTABLE);
    bool object = *c.at == '{', holds = object || *c.at == '[';
    enum outcome outcome = object ? items(&c, '}', true) : value(&c);
    bool last = outcome == GOOD && expect(&c, ',') != GOOD;
    if (last && *c.at != ']')
        outcome = missing(&c);
    if (outcome == GOOD && holds)
        set_fields(&c);
    push_place(&c, outcome, lua_tostring(L, 2));
    lua_pushboolean(L, holds);
    lua_pushboolean(L, last);
    return 3;
}

static int rows_fields(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_Unsigned count = lua_rawlen(L, 1);
    luaL_argcheck(L, count <= MOST, 1, "too many fields");
    struct fields *fields = lua_newuserdatauv(L, sizeof *fields, 2);
    memset(fields, 0, sizeof *fields);
    luaL_setmetatable(L, FIELDS);
    lua_createtable(L, (int)count, 0);
    for (int i = 1; i <= (int)count; i++) {
        size_t length;
        luaL_argcheck(L, lua_rawgeti(L, 1, i) == LUA_TSTRING, 1, "names are texts");
        const char *text = lua_tolstring(L, -1, &length);
        fields->slots[slot_of(fields, text, length)] = (unsigned char)i;
        fields->names[i].text = text;
        fields->names[i].length = length;
        lua_rawseti(L, -2, i);
    }
    fields->count = (int)count;
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 2);
    return 1;
}

int luaopen_host_rows(lua_State *L) {
    static const luaL_Reg methods[] = {{"read", fields_read}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"fields", rows_fields}, {"skip", rows_skip}, {NULL, NULL}};
    host_class(L, FIELDS, methods);
    luaL_newlib(L, functions);
    return 1;
}
