/* SPDX-License-Identifier: MIT */
#include "carrier.h"

#include <netinet/in.h>

socklen_t carrier_to_socket(int family, const struct wg_address *to, struct sockaddr_storage *out) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (family == AF_INET && to->ip_len == 4) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(to->port);
        memcpy(&v4->sin_addr, to->ip, 4);
        return sizeof *v4;
    }
    if (family != AF_INET6 || (to->ip_len != 4 && to->ip_len != 16))
        return 0;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(to->port);
    if (to->ip_len == 16) {
        memcpy(&v6->sin6_addr, to->ip, 16);
    } else {
        memset(v6->sin6_addr.s6_addr + 10, 0xff, 2);
        memcpy(v6->sin6_addr.s6_addr + 12, to->ip, 4);
    }
    return sizeof *v6;
}

struct wg_address carrier_from_socket(const struct sockaddr_storage *in) {
    struct wg_address a = {.ip_len = 0};
    if (in->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)in;
        memcpy(a.ip, &v4->sin_addr, 4);
        a.ip_len = 4;
        a.port = ntohs(v4->sin_port);
    } else if (in->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)in;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        a.ip_len = mapped ? 4 : 16;
        memcpy(a.ip, v6->sin6_addr.s6_addr + (mapped ? 12 : 0), a.ip_len);
        a.port = ntohs(v6->sin6_port);
    }
    return a;
}

int carrier_socket(int family, int type) {
    int off = 0, fd = socket(family, type, 0);
    if (fd < 0)
        return -1;
    if (sys_private(fd) == 0 &&
        (family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0))
        return fd;
    return sys_refused(fd);
}

static int bind_family(int family, int type, uint16_t port) {
    struct wg_address any = {.ip_len = family == AF_INET6 ? 16 : 4, .port = port};
    struct sockaddr_storage name;
    socklen_t size = carrier_to_socket(family, &any, &name);
    int on = 1, fd = carrier_socket(family, type);
    if (fd < 0)
        return -1;
    if (type == SOCK_STREAM) /* connections of an earlier program may linger */
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&name, size) == 0 ? fd : sys_refused(fd);
}

int carrier_bind(int type, uint16_t port, int *family) {
    *family = AF_INET6;
    int fd = bind_family(AF_INET6, type, port);
    if (fd < 0 && errno != EADDRINUSE && errno != EACCES) { /* IPv6 is off */
        *family = AF_INET;
        fd = bind_family(AF_INET, type, port);
    }
    return fd;
}

uint16_t carrier_bound(int fd) {
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    memset(&name, 0, sizeof name);
    return getsockname(fd, (struct sockaddr *)&name, &size) == 0 ? carrier_from_socket(&name).port : 0;
}
