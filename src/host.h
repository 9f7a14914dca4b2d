/* SPDX-License-Identifier: MIT */
/* What the primitive libraries share: the table of libraries, failures, ids and events. */
#pragma once

#include <lauxlib.h>
#include <lua.h>

#include "loop.h"
#include "version.h"

/* Pushes nil, sentence, code and returns 3: what the world refused. */
int host_fail(lua_State *L, const char *code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* host_fail with the code and sentence of `err` (errno): "PATH: No such file or directory", "missing". */
int host_fail_errno(lua_State *L, int err, const char *what);

/* The process's one loop. */
struct loop *host_loop(void);
/* A fresh id, never reused in this process; 0 is the id of signals. */
lua_Integer host_next_id(void);

/* Sets a field of the table on the top. */
void host_set_integer(lua_State *L, const char *field, lua_Integer value);
void host_set_string(lua_State *L, const char *field, const char *value);
/* Pushes true and returns 1; host_done does unless `err` (errno) is set, else it is host_fail_errno. */
int host_ok(lua_State *L);
int host_done(lua_State *L, int err, const char *what);
/* Makes the class of a userdata: its methods are its metatable and what it is indexed with. */
void host_class(lua_State *L, const char *name, const luaL_Reg *methods);

/* Checked options of a table argument: raise with the field's name on a wrong type. */
const char *host_opt_string(lua_State *L, int table, const char *field, const char *fallback);
const char *host_need_string(lua_State *L, int table, const char *field, size_t *len);
lua_Number host_opt_number(lua_State *L, int table, const char *field, lua_Number fallback);
bool host_opt_bool(lua_State *L, int table, const char *field, bool fallback);

/* Set by what holds a secret that its finalizer wipes (host.c). */
extern bool host_wipes;
/* Copies the 32 private bytes of a crypto key userdata (crypto.c). */
void crypto_checkkey(lua_State *L, int index, unsigned char out[32]);
/* Registers a secret for redaction (log.c). */
void log_hide(const char *secret, size_t len);
/* Wipes and forgets the secrets (log.c). */
void log_forget(void);
/* Pushes `text` with every hidden secret replaced by [hidden] (log.c). */
void log_push_redacted(lua_State *L, const char *text, size_t len);

/* Pushes the function of the embedded script ("lua/main.lua"). Returns false with a sentence pushed
 * (script.c). */
bool script_load(lua_State *L, const char *path);
/* Pushes the host table (host.c). */
void host_open(lua_State *L);

int luaopen_host_loop(lua_State *L);
int luaopen_host_net(lua_State *L);
int luaopen_host_http(lua_State *L);
int luaopen_host_crypto(lua_State *L);
int luaopen_host_state(lua_State *L);
/* Adds the functions about locks to the table on the stack's top (lock.c). */
void lock_functions(lua_State *L);
int luaopen_host_process(lua_State *L);
int luaopen_host_rows(lua_State *L);
int luaopen_host_log(lua_State *L);
int luaopen_host_terminal(lua_State *L);
int luaopen_host_script(lua_State *L);
int luaopen_host_tunnel(lua_State *L);
