/* SPDX-License-Identifier: MIT */
/* host.loop for the libraries whose events it hands to Lua. It knows none of them: each registers what it
 * has. */
#pragma once

#include "host.h"

/* To be called from loop callbacks only (that is, inside host.loop.wait): pushes {id=, kind=} on the waiting
 * state, which is returned so that the caller can set more fields; host_event_end puts it among the events of
 * this wait. */
lua_State *host_event_begin(lua_Integer id, const char *kind);
void host_event_end(lua_State *L);

/* What loop.watch accepts: `descriptor` gives that of the userdata at an index, or raises. */
void loop_lua_watchable(int (*descriptor)(lua_State *L, int index));
/* `ended` is called inside host.loop.wait after a child of the process has ended. */
void loop_lua_on_child(void (*ended)(void));
/* `restore` is called, in a signal handler, before the program gives up. */
void loop_lua_at_death(void (*restore)(void));
/* To be called just before a descriptor that may be watched is closed: its watches fire, so that no task
 * sleeps for ever and a reused number wakes nobody. */
void loop_lua_closing(int fd);
