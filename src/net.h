/* SPDX-License-Identifier: MIT */
/* Sockets of host.net, and addresses of unix sockets, also for paths that are longer than sun_path. */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "host.h"

/* Pushes a new socket userdata that owns `fd` (close-on-exec). */
void net_pushfd(lua_State *L, int fd);
/* Opens a private socket (sys_private), a stream of IP without delay, of IPv6 alone. Returns it, or -1 with
 * errno set. */
int net_open(int family, int type);
/* Binds to a numeric address and listens. Returns 0 or errno. */
int net_listen_at(int fd, const struct sockaddr *address, socklen_t length);

struct net_unix {
    struct sockaddr_un address;
    socklen_t length;
    int directory; /* -1, or an open directory that `address` goes through: close after use */
};

/* Fills `out` for `path`. A path that does not fit goes through its open directory where the system can
 * (Linux). Returns 0, or an errno: ENAMETOOLONG, or why the directory cannot be opened. */
int net_unix_address(struct net_unix *out, const char *path);
void net_unix_release(struct net_unix *address);

/* Binds `fd` to `path`, mode 0600, and listens. A socket file that nobody listens on is replaced. Returns 0
 * or an errno: EADDRINUSE when somebody listens, EEXIST when the path is something else. */
int net_unix_listen(int fd, const char *path);
/* Starts connecting; returns 0 also while in progress, or an errno. */
int net_unix_connect(int fd, const char *path);
