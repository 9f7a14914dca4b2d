/* SPDX-License-Identifier: MIT */
/* What the primitive libraries share: the table of libraries, failures, ids and events. */
#pragma once

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

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

/* To be called from loop callbacks only (that is, inside host.loop.wait): pushes {id=, kind=} on the waiting
 * state, which is returned so that the caller can set more fields; host_event_end appends it to the events of
 * this wait. */
lua_State *host_event_begin(lua_Integer id, const char *kind);
void host_event_end(lua_State *L);

/* Checked options of a table argument: raise with the field's name on a wrong type. */
const char *host_opt_string(lua_State *L, int table, const char *field, const char *fallback);
const char *host_need_string(lua_State *L, int table, const char *field, size_t *len);
lua_Number host_opt_number(lua_State *L, int table, const char *field, lua_Number fallback);
bool host_opt_bool(lua_State *L, int table, const char *field, bool fallback);

/* The file descriptor of a net socket userdata at `index`, raising on anything else or a closed one
 * (net.c). */
int net_checkfd(lua_State *L, int index);
/* Pushes a new socket userdata that owns `fd` (already non-blocking, close-on-exec) (net.c). */
void net_pushfd(lua_State *L, int fd);
/* Copies the 32 private bytes of a crypto key userdata (crypto.c). */
void crypto_checkkey(lua_State *L, int index, unsigned char out[32]);
/* Registers a secret for redaction (log.c). */
void log_hide(const char *secret, size_t len);
/* Wipes and forgets the secrets (log.c). */
void log_forget(void);
/* Pushes `text` with every hidden secret replaced by [hidden] (log.c). */
void log_push_redacted(lua_State *L, const char *text, size_t len);
/* To be called just before a descriptor that loop.watch may know is closed: its watches fire, so that no task
 * sleeps for ever and a reused number wakes nobody (loop_lua.c). */
void wait_fd_closing(int fd);
/* Collects ended children and appends their exit events; called inside host.loop.wait after SIGCHLD
 * (process.c). */
void process_reap(void);
/* The name of a signal without SIG ("INT"), or NULL; and the number of such a name, or -1 (process.c). */
const char *process_signal_name(int number);

/* Gives the terminal its modes back, if they were changed. Safe in a signal handler. */
void terminal_restore(void);
int process_signal_number(const char *name);

/* Pushes the function of the script NAME ("main.lua"): from the directories of $CONTINUEPLZ_SCRIPTS, else the
 * embedded lua/NAME. Returns false with a sentence pushed (script.c). */
bool script_load(lua_State *L, const char *name);
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
int luaopen_host_log(lua_State *L);
int luaopen_host_terminal(lua_State *L);
int luaopen_host_script(lua_State *L);
int luaopen_host_tunnel(lua_State *L);
