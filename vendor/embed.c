/* SPDX-License-Identifier: MIT */
/* embed OUT.c OUT.bin [NAME FILE]...: the build's tool that puts files into the program. Scripts (NAME ends in .lua) are compiled, with
 * their line numbers but without the names of their locals, so that a start of the program compiles nothing; other files are copied. OUT.bin holds names and contents, OUT.c
 * takes it in and holds the table `embedded_files`, sorted by name, of offsets into it. */
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
    const char *name, *file;
    size_t name_at, start, size;
};

struct output {
    FILE *file;
    const char *path;
    size_t length;
};

static void die(const char *what, const char *why) {
    fprintf(stderr, "embed: %s: %s\n", what, why);
    exit(1);
}

static void put(struct output *out, const void *data, size_t size) {
    if (size && fwrite(data, 1, size, out->file) != size)
        die(out->path, "cannot be written");
    out->length += size;
}

/* A compiled script that is copied without the names of local variables and upvalues. Layout: ldump.c of Lua 5.4. */
struct chunk {
    unsigned char *data, *kept;
    size_t size, at, kept_size;
    bool bad;
};

static int collect(lua_State *L, const void *data, size_t size, void *arg) {
    struct chunk *chunk = arg;
    (void)L;
    chunk->data = realloc(chunk->data, chunk->size + size);
    if (!chunk->data)
        die("embed", "no memory");
    memcpy(chunk->data + chunk->size, data, size);
    chunk->size += size;
    return 0;
}

static void copy(struct chunk *chunk, size_t size, bool keep) {
    if (size > chunk->size - chunk->at) {
        chunk->bad = true;
        return;
    }
    if (keep)
        memcpy(chunk->kept + chunk->kept_size, chunk->data + chunk->at, size);
    chunk->kept_size += keep ? size : 0;
    chunk->at += size;
}

/* Seven bits a byte, the highest first; the last byte has its top bit set. */
static size_t number(struct chunk *chunk, bool keep) {
    size_t value = 0, begin = chunk->at;
    while (begin < chunk->size && !(chunk->data[begin] & 0x80))
        value = value << 7 | chunk->data[begin++];
    if (begin < chunk->size)
        value = value << 7 | (chunk->data[begin] & 0x7f);
    copy(chunk, begin + 1 - chunk->at, keep);
    return chunk->bad ? 0 : value;
}

static void string(struct chunk *chunk, bool keep) {
    size_t length = number(chunk, keep);
    copy(chunk, length ? length - 1 : 0, keep);
}

static void constants(struct chunk *chunk) {
    for (size_t left = number(chunk, true); left && !chunk->bad; left--) {
        unsigned type = chunk->at < chunk->size ? chunk->data[chunk->at] : 0;
        copy(chunk, 1, true);
        if ((type & 0x0f) == LUA_TNUMBER)
            copy(chunk, sizeof(lua_Number), true);
        else if ((type & 0x0f) == LUA_TSTRING)
            string(chunk, true);
    }
}

static void names(struct chunk *chunk, bool with_lines) {
    for (size_t left = number(chunk, false); left && !chunk->bad; left--) {
        string(chunk, false);
        if (with_lines) {
            number(chunk, false);
            number(chunk, false);
        }
    }
    chunk->kept[chunk->kept_size++] = 0x80; /* none */
}

static void function(struct chunk *chunk) {
    string(chunk, true); /* the source */
    number(chunk, true);
    number(chunk, true);
    copy(chunk, 3, true);
    copy(chunk, 4 * number(chunk, true), true);
    constants(chunk);
    copy(chunk, 3 * number(chunk, true), true); /* upvalues */
    for (size_t left = number(chunk, true); left && !chunk->bad; left--)
        function(chunk);
    copy(chunk, number(chunk, true), true); /* lines */
    for (size_t left = number(chunk, true); left && !chunk->bad; left--) {
        number(chunk, true);
        number(chunk, true);
    }
    names(chunk, true);
    names(chunk, false);
}

/* Writes the function at the top of the stack. */
static void put_compiled(lua_State *L, struct output *out) {
    enum { HEADER = 16 + sizeof(lua_Integer) + sizeof(lua_Number) };
    struct chunk chunk = {NULL, NULL, 0, 0, 0, false};
    lua_dump(L, collect, &chunk, 0);
    chunk.kept = malloc(chunk.size + 1);
    if (!chunk.kept)
        die(out->path, "no memory");
    copy(&chunk, HEADER, true);
    function(&chunk);
    if (chunk.bad || chunk.at != chunk.size || luaL_loadbufferx(L, (char *)chunk.kept, chunk.kept_size, "check", "b") != LUA_OK)
        die(out->path, "this Lua writes its bytecode in an unknown way");
    put(out, chunk.kept, chunk.kept_size);
    free(chunk.data);
    free(chunk.kept);
}

static void put_script(struct output *out, const struct item *item) {
    lua_State *L = luaL_newstate();
    if (!L)
        die(item->file, "no memory");
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    FILE *file = fopen(item->file, "rb");
    if (!file)
        die(item->file, "cannot be read");
    size_t got;
    while ((got = fread(luaL_prepbuffer(&text), 1, LUAL_BUFFERSIZE, file)) > 0)
        luaL_addsize(&text, got);
    fclose(file);
    luaL_pushresult(&text);
    size_t length;
    const char *source = lua_tolstring(L, -1, &length);
    if (luaL_loadbufferx(L, source, length, lua_pushfstring(L, "@%s", item->name), "t") != LUA_OK)
        die(item->file, lua_tostring(L, -1));
    put_compiled(L, out);
    lua_close(L);
}

static void put_file(struct output *out, const struct item *item) {
    char buffer[4096];
    size_t got;
    FILE *file = fopen(item->file, "rb");
    if (!file)
        die(item->file, "cannot be read");
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0)
        put(out, buffer, got);
    fclose(file);
}

static int compare(const void *a, const void *b) {
    return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

static void write_table(const char *path, const char *blob, const struct item *items, size_t count) {
    FILE *file = fopen(path, "w");
    if (!file)
        die(path, "cannot be written");
    fprintf(file, "/* SPDX-License-Identifier: MIT */\n"
                  "#include <stddef.h>\n"
                  "#ifdef __APPLE__\n#define SECTION \".section __DATA,__const\"\n#define NAME \"_embedded_bytes\"\n"
                  "#else\n#define SECTION \".section .rodata\"\n#define NAME \"embedded_bytes\"\n#endif\n"
                  "__asm__(SECTION \"\\n.globl \" NAME \"\\n\" NAME \": .incbin \\\"%s\\\"\\n.text\\n\");\n"
                  "struct embedded {\n    unsigned name, start, size;\n};\n"
                  "extern const struct embedded embedded_files[];\nextern const size_t embedded_count;\n"
                  "const struct embedded embedded_files[] = {\n", blob);
    for (size_t i = 0; i < count; i++)
        fprintf(file, "    {%zu, %zu, %zu},\n", items[i].name_at, items[i].start, items[i].size);
    fprintf(file, "    {0, 0, 0},\n};\nconst size_t embedded_count = %zu;\n", count);
    if (ferror(file) || fclose(file) != 0)
        die(path, "cannot be written");
}

int main(int argc, char **argv) {
    if (argc < 3 || argc % 2 == 0)
        die(argv[0], "needs OUT.c OUT.bin [NAME FILE]...");
    size_t count = (size_t)(argc - 3) / 2;
    struct item *items = calloc(count + 1, sizeof *items);
    struct output out = {fopen(argv[2], "wb"), argv[2], 0};
    if (!items || !out.file)
        die(argv[2], "cannot be written");
    for (size_t i = 0; i < count; i++) {
        items[i].name = argv[3 + 2 * i];
        items[i].file = argv[4 + 2 * i];
    }
    qsort(items, count, sizeof *items, compare);
    for (size_t i = 0; i < count; i++) {
        items[i].name_at = out.length;
        put(&out, items[i].name, strlen(items[i].name) + 1);
    }
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(items[i].name);
        items[i].start = out.length;
        if (length > 4 && strcmp(items[i].name + length - 4, ".lua") == 0)
            put_script(&out, &items[i]);
        else
            put_file(&out, &items[i]);
        items[i].size = out.length - items[i].start;
    }
    if (fclose(out.file) != 0)
        die(argv[2], "cannot be written");
    write_table(argv[1], argv[2], items, count);
    free(items);
    return 0;
}
