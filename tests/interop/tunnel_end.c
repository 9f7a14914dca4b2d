/* SPDX-License-Identifier: MIT */
/* One tunnel end as a program, for the interoperation tests and the bench. tunnel_end --key FILE --peer
 * BASE64 [--psk FILE] --local A.B.C.D --remote A.B.C.D [--endpoint IP:PORT | --endpoint-tcp IP:PORT]
 * [--listen PORT] [--listen-tcp PORT] [--keepalive N]
 * [--forward PORT:REMOTE] [--forward-unix PATH:REMOTE] [--expose PORT:LOCAL] [--echo PORT] Prints "ready
 * PORT". Commands on stdin: "status", "endpoint IP:PORT", "quit". */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tunnel/tunnel.h"

static struct tunnel *tunnel;
static bool quit;

static void die(const char *what) {
    fprintf(stderr, "tunnel_end: %s\n", what);
    exit(1);
}

static void decode_key(uint8_t out[32], const char *text) {
    size_t len;
    if (sodium_base642bin(out, 32, text, strlen(text), " \n", &len, NULL, sodium_base64_VARIANT_ORIGINAL) ||
        len != 32)
        die("not a key");
}

static void read_key(uint8_t out[32], const char *path) {
    char text[128];
    FILE *file = fopen(path, "r");
    if (!file || !fgets(text, sizeof text, file))
        die(path);
    fclose(file);
    decode_key(out, text);
}

static uint32_t inner(const char *text) {
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        die(text);
    return ntohl(address.s_addr);
}

static struct wg_address outer(const char *text) {
    struct wg_address out = {.ip_len = 4};
    char host[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host)
        die(text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    if (inet_pton(AF_INET, host, out.ip) != 1)
        die(text);
    out.port = (uint16_t)atoi(colon + 1);
    return out;
}

static int listen_tcp(uint16_t port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) || listen(fd, 1024) ||
        fcntl(fd, F_SETFL, O_NONBLOCK))
        die("cannot listen");
    return fd;
}

static int listen_unix(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) || listen(fd, 64) ||
        fcntl(fd, F_SETFL, O_NONBLOCK))
        die("cannot listen");
    return fd;
}

/* An echo inside the process, for tunnel_serve. */
static void echo_more(struct flow *flow, void *arg) {
    const uint8_t *data;
    bool end;
    size_t len, put;
    (void)arg;
    while ((len = flow_peek(flow, &data, &end)) > 0) {
        put = flow_write(flow, data, len, loop_now());
        if (!put)
            return;
        flow_consume(flow, put, loop_now());
    }
    if (end)
        flow_shutdown(flow, loop_now());
}

static void echo_closed(struct flow *flow, void *arg, int error) {
    (void)flow, (void)arg, (void)error;
}

static const struct flow_events echo_events = {NULL, echo_more, echo_more, echo_closed};

static void echo_accept(void *ctx, struct flow *flow, uint16_t port) {
    (void)ctx, (void)port;
    flow_accept(flow, &echo_events, NULL, loop_now());
}

static void print_status(void) {
    struct tunnel_status s;
    tunnel_get_status(tunnel, &s);
    const struct wg_address *to = &s.wg.endpoint;
    printf(
        "status established=%d rx=%llu tx=%llu dropped=%llu flows=%zu last_data=%d endpoint=%u.%u.%u.%u:%u",
        s.wg.established, (unsigned long long)s.wg.rx_bytes, (unsigned long long)s.wg.tx_bytes,
        (unsigned long long)s.wg.rx_dropped, s.flows, s.last_data > 0, to->ip[0], to->ip[1], to->ip[2],
        to->ip[3], to->port);
    printf(" out=%llu again=%llu timeouts=%llu probes=%llu undone=%llu\n",
           (unsigned long long)s.stack.segments_out, (unsigned long long)s.stack.retransmits,
           (unsigned long long)s.stack.timeouts, (unsigned long long)s.stack.probes,
           (unsigned long long)s.stack.undone);
}

static void move_endpoint(const char *text) {
    struct wg_address to = outer(text);
    tunnel_set_endpoint(tunnel, &to);
}

static void on_command(void *arg, unsigned ready) {
    static char line[256];
    static size_t len;
    struct loop_watch **watch = arg;
    (void)ready;
    ssize_t got = read(0, line + len, sizeof line - 1 - len);
    if (got <= 0) {
        loop_unwatch(*watch);
        return;
    }
    len += (size_t)got;
    line[len] = 0;
    for (char *end; (end = strchr(line, '\n'));) {
        *end = 0;
        if (!strcmp(line, "status"))
            print_status();
        else if (!strcmp(line, "quit"))
            quit = true;
        else if (!strncmp(line, "endpoint ", 9))
            move_endpoint(line + 9);
        len -= (size_t)(end + 1 - line);
        memmove(line, end + 1, len + 1);
    }
    fflush(stdout);
}

static void on_signal(int number) {
    (void)number;
    quit = true;
}

static bool configure(struct tunnel_config *config, const char *option, const char *value) {
    if (!strcmp(option, "--key"))
        read_key(config->private_key, value);
    else if (!strcmp(option, "--peer"))
        decode_key(config->peer_public, value);
    else if (!strcmp(option, "--psk"))
        read_key(config->psk, value);
    else if (!strcmp(option, "--local"))
        config->local_ip = inner(value);
    else if (!strcmp(option, "--remote"))
        config->peer_ip = inner(value);
    else if (!strcmp(option, "--endpoint"))
        config->endpoint = outer(value);
    else if (!strcmp(option, "--endpoint-tcp")) {
        config->endpoint = outer(value);
        config->endpoint.stream = true;
    } else if (!strcmp(option, "--listen"))
        config->listen_port = (uint16_t)atoi(value);
    else if (!strcmp(option, "--listen-tcp"))
        config->listen_tcp = (uint16_t)atoi(value);
    else if (!strcmp(option, "--keepalive"))
        config->keepalive = (uint16_t)atoi(value);
    else
        return false;
    return true;
}

static void use(const char *option, char *value) {
    char *colon = strrchr(value, ':');
    uint16_t second = (uint16_t)(colon ? atoi(colon + 1) : 0), first = (uint16_t)atoi(value);
    bool good = true;
    if (!strcmp(option, "--forward")) {
        good = tunnel_forward(tunnel, listen_tcp(first), second);
    } else if (!strcmp(option, "--forward-unix") && colon) {
        *colon = 0;
        good = tunnel_forward(tunnel, listen_unix(value), second);
    } else if (!strcmp(option, "--expose")) {
        good = tunnel_expose(tunnel, first, second, true);
    } else if (!strcmp(option, "--echo")) {
        good = tunnel_serve(tunnel, first, echo_accept, NULL);
    }
    if (!good)
        die(option);
}

int main(int argc, char **argv) {
    struct tunnel_config config = {0};
    struct tunnel_status status;
    struct loop_watch *commands;
    struct loop *loop = loop_new();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    if (!loop || sodium_init() < 0)
        die("cannot start");
    for (int i = 1; i + 1 < argc; i += 2)
        configure(&config, argv[i], argv[i + 1]);
    tunnel = tunnel_open(loop, &config);
    if (!tunnel)
        die("cannot open the tunnel");
    for (int i = 1; i + 1 < argc; i += 2)
        use(argv[i], argv[i + 1]);
    commands = loop_watch(loop, 0, LOOP_READ, on_command, &commands);
    tunnel_get_status(tunnel, &status);
    printf("ready %u\n", status.port);
    fflush(stdout);
    while (!quit && loop_once(loop, 200000000) >= 0)
        ;
    tunnel_close(tunnel);
    loop_free(loop);
    return 0;
}
