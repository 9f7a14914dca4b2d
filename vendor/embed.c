/* SPDX-License-Identifier: MIT */
/* embed OUT.c OUT.bin [NAME FILE]...: the build's tool that puts files into the program. Scripts (NAME ends
 * in .lua) are compiled, so that a start of the program compiles nothing; other files are copied. OUT.bin
 * holds names and contents, OUT.c takes it in and holds the table `embedded_files`, sorted by name, of
 * offsets into it. */
#include <lauxlib.h>
#include <lua.h>
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

static int put_piece(lua_State *L, const void *data, size_t size, void *arg) {
    (void)L;
    put(arg, data, size);
    return 0;
}

/* Pushes what the file holds. */
static void read_file(lua_State *L, const char *path) {
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path, "cannot be read");
    size_t got;
    while ((got = fread(luaL_prepbuffer(&text), 1, LUAL_BUFFERSIZE, file)) > 0)
        luaL_addsize(&text, got);
    fclose(file);
    luaL_pushresult(&text);
}

/* A script keeps its lines and names: a mistake of ours, and one in a user's script, is found by them. */
static void put_item(lua_State *L, struct output *out, const struct item *item) {
    size_t size, name = strlen(item->name);
    read_file(L, item->file);
    const char *text = lua_tolstring(L, -1, &size);
    if (name < 4 || strcmp(item->name + name - 4, ".lua") != 0) {
        put(out, text, size);
    } else {
        if (luaL_loadbufferx(L, text, size, lua_pushfstring(L, "@%s", item->name), "t") != LUA_OK)
            die(item->file, lua_tostring(L, -1));
        lua_dump(L, put_piece, out, 0);
    }
    lua_settop(L, 0);
}

static int compare(const void *a, const void *b) {
    return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

static void write_table(const char *path, const char *blob, const struct item *items, size_t count) {
    FILE *file = fopen(path, "w");
    if (!file)
        die(path, "cannot be written");
    fprintf(
        file,
        "/* SPDX-License-Identifier: MIT */\n"
        "#include <stddef.h>\n"
        "#ifdef __APPLE__\n#define SECTION \".section __DATA,__const\"\n#define NAME \"_embedded_bytes\"\n"
        "#else\n#define SECTION \".section .rodata\"\n#define NAME \"embedded_bytes\"\n#endif\n"
        "__asm__(SECTION \"\\n.globl \" NAME \"\\n\" NAME \": .incbin \\\"%s\\\"\\n.text\\n\");\n"
        "struct embedded {\n    unsigned name, start, size;\n};\n"
        "extern const struct embedded embedded_files[];\nextern const size_t embedded_count;\n"
        "const struct embedded embedded_files[] = {\n",
        blob);
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
    lua_State *L = luaL_newstate();
    if (!items || !out.file || !L)
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
        items[i].start = out.length;
        put_item(L, &out, &items[i]);
        items[i].size = out.length - items[i].start;
    }
    if (fclose(out.file) != 0)
        die(argv[2], "cannot be written");
    write_table(argv[1], argv[2], items, count);
    lua_close(L);
    free(items);
    return 0;
}
