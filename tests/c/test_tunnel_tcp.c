/* SPDX-License-Identifier: MIT */
/* The tunnel over TCP, with something between the ends that cuts and stalls streams, and with strangers at
 * the port. */
#include "tunnel/frame.h"
#include "tunnel_rig.h"

/* Passes bytes between one caller and the far end, both ways, until it is told otherwise. */
struct middle {
    int listener, fd[2];
    struct loop_watch *listening, *watch[2];
    uint16_t port;
    int streams;
};

static struct middle middle;

static void middle_cut(void) {
    for (int i = 0; i < 2; i++) {
        loop_unwatch(middle.watch[i]);
        middle.watch[i] = NULL;
        if (middle.fd[i] >= 0)
            close(middle.fd[i]);
        middle.fd[i] = -1;
    }
}

static void on_middle(void *arg, unsigned ready) {
    int from = arg == &middle.fd[1];
    static uint8_t buffer[65536];
    (void)ready;
    ssize_t n = recv(middle.fd[from], buffer, sizeof buffer, 0);
    for (ssize_t at = 0; n > 0 && at < n;) { /* its sockets block: what is behind takes all */
        ssize_t put = send(middle.fd[!from], buffer + at, (size_t)(n - at), MSG_NOSIGNAL);
        n = put < 0 ? 0 : n;
        at += put;
    }
    if (n <= 0)
        middle_cut();
}

static void on_middle_listener(void *arg, unsigned ready) {
    (void)arg, (void)ready;
    int fd = accept(middle.listener, NULL, NULL);
    middle_cut();
    middle.fd[0] = fd;
    middle.fd[1] = try_dial(rig_tcp);
    middle.streams++;
    if (middle.fd[1] < 0) {
        middle_cut();
        return;
    }
    for (int i = 0; i < 2; i++) {
        int size = 4 << 20;
        setsockopt(middle.fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        middle.watch[i] = loop_watch(loop, middle.fd[i], LOOP_READ, on_middle, &middle.fd[i]);
    }
}

static void middle_stall(void) {
    for (int i = 0; i < 2; i++)
        if (middle.watch[i])
            loop_interest(middle.watch[i], 0);
}

static struct tunnel_status status_of(struct tunnel *tunnel) {
    struct tunnel_status status;
    tunnel_get_status(tunnel, &status);
    return status;
}

static bool whole(const struct actor *a, const struct actor *b) {
    return !a->error && !b->error && a->received == b->size && b->received == a->size &&
           a->hash == expected(b->seed, b->size) && b->hash == expected(a->seed, a->size);
}

static void begin(struct rig *rig, uint64_t up, uint64_t down) {
    rig->pattern = (struct actor){.fd = -1, .seed = 11, .size = down};
    rig->client[0] = (struct actor){.seed = 12, .size = up};
    rig->accepted = 0;
    rig->served[0].watch = NULL;
    actor_start(&rig->client[0], dial(rig->near_port));
    WAIT_FOR(rig->accepted);
}

static void end(struct rig *rig, const char *name) {
    run_both(&rig->client[0], &rig->served[0]);
    report(rig->accepted == 1 && whole(&rig->client[0], &rig->served[0]), name, "%llu and %llu bytes",
           (unsigned long long)rig->client[0].received, (unsigned long long)rig->served[0].received);
}

static void cut(struct rig *rig) {
    uint64_t before = status_of(rig->near).wg.last_handshake;
    int streams = middle.streams;
    begin(rig, 30000000, 30000000);
    for (int i = 0; i < 3; i++) {
        WAIT_FOR(middle.streams >= streams + i && middle.fd[0] >= 0);
        uint64_t mark = rig->served[0].received + 800000, other = rig->client[0].received + 800000;
        WAIT_FOR(rig->served[0].received > mark && rig->client[0].received > other);
        middle_cut();
    }
    end(rig, "both ways at once through a stream that is cut three times");
    report(status_of(rig->near).wg.last_handshake == before && middle.streams >= streams + 3,
           "in the same session", "%d streams, handshake %s", middle.streams - streams,
           status_of(rig->near).wg.last_handshake == before ? "the same" : "another");
}

/* Only the far end has something to say: the near one calls again by itself. */
static void cut_while_listening(struct rig *rig) {
    begin(rig, 0, 6000000);
    WAIT_FOR(rig->client[0].received > 1000000);
    uint64_t at = loop_now();
    middle_cut();
    end(rig, "down alone through a stream that is cut");
    report(loop_now() - at < 5000000000u, "without waiting for a keepalive", "%llu ms",
           (unsigned long long)(loop_now() - at) / 1000000);
}

static void stalled(struct rig *rig) {
    int streams = middle.streams;
    uint64_t at = loop_now();
    begin(rig, 30000000, 0);
    WAIT_FOR(rig->served[0].received > 1000000);
    middle_stall();
    WAIT_FOR(middle.streams > streams);
    report(loop_now() - at < 15000000000u, "a stream that stalls is opened anew", "%llu ms",
           (unsigned long long)(loop_now() - at) / 1000000);
    end(rig, "and the transfer goes on");
}

static void restarted(struct rig *rig) {
    tunnel_close(rig->far);
    run_for(300);
    rig->far = open_end(rig->far_key, rig->near_key, false, 0);
    if (!tunnel_expose(rig->far, DATA_PORT, rig->server_port, true))
        abort();
    uint64_t at = loop_now();
    begin(rig, 1000, 1000);
    end(rig, "the far end restarts and forgot everything");
    report(loop_now() - at < 8000000000u, "a new handshake at once", "%llu ms",
           (unsigned long long)(loop_now() - at) / 1000000);
}

/* Whether the far end closes a stream that begins so, within `ms`. */
static bool closed_after(const void *bytes, size_t len, uint64_t ms) {
    int fd = dial(rig_tcp);
    char byte;
    ssize_t n = -1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (len > 0 && send(fd, bytes, len, MSG_NOSIGNAL) < 0)
        abort();
    for (uint64_t limit = loop_now() + ms * 1000000; n < 0 && loop_now() < limit;) {
        loop_once(loop, 10000000);
        n = recv(fd, &byte, 1, 0);
        if (n < 0 && errno == ECONNRESET)
            n = 0;
    }
    close(fd);
    return n == 0;
}

static void strangers(struct rig *rig) {
    uint8_t datagram[FRAME_MOST] = {4}, frame[FRAME_HEAD + FRAME_MOST];
    size_t data = frame_put(frame, sizeof frame, datagram, 200);
    report(closed_after("GET / HTTP/1.1\r\n\r\n", 18, 1000), "another protocol is closed at once", "open");
    report(closed_after(frame, data, 1000), "a forged packet first is closed at once", "open");
    datagram[0] = 1;
    data = frame_put(frame, sizeof frame, datagram, 148);
    report(closed_after(frame, data, 1000), "a handshake with a wrong MAC1 is closed at once", "open");
    report(closed_after(frame, 20, 8000), "half a frame is closed after a while", "open");
    begin(rig, 100, 100);
    end(rig, "the tunnel goes on meanwhile");
}

static int open_files(void) {
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void crowd(struct rig *rig) {
    int fd[200], before = open_files();
    begin(rig, 20000000, 100);
    for (int i = 0; i < 200; i++) {
        fd[i] = dial(rig_tcp);
        loop_once(loop, 0);
    }
    end(rig, "200 silent callers do not disturb the one that is known");
    middle_cut();
    begin(rig, 1000, 1000);
    end(rig, "nor a new stream of it");
    int held = open_files() - before - 200;
    report(held < 40, "few of them are kept", "%d more descriptors", held);
    for (int i = 0; i < 200; i++)
        close(fd[i]);
}

/* The same key from elsewhere: answers go to where the last word came from. */
static void two_callers(struct rig *rig) {
    struct tunnel *first = rig->near;
    uint16_t port = rig->near_port;
    run_for(50);
    rig->near = open_end(rig->near_key, rig->far_key, true, rig_tcp);
    rig->near_port = add_forward(rig, DATA_PORT);
    begin(rig, 1000000, 1000000);
    end(rig, "a second caller with the key is the one that is answered");
    tunnel_close(rig->near);
    rig->near = first;
    rig->near_port = port;
}

static void both_kinds(struct rig *rig) {
    struct tunnel_config config = {.local_ip = 0x0a0d2501, .peer_ip = 0x0a0d2502, .listen_tcp = rig_tcp};
    struct tunnel *near = rig->near;
    uint16_t tcp_port = rig->near_port;
    tunnel_close(rig->far);
    close(listen_any(&config.listen_port)); /* a number that is free for UDP as well, most likely */
    memcpy(config.private_key, rig->far_key, 32);
    crypto_scalarmult_base(config.peer_public, rig->near_key);
    rig->far = tunnel_open(loop, &config);
    if (!rig->far || !tunnel_expose(rig->far, DATA_PORT, rig->server_port, true))
        abort();
    begin(rig, 100000, 100000);
    end(rig, "an end with both kinds, reached over TCP");
    report(port_of(rig->far) == config.listen_port, "tells its UDP port", "%d", port_of(rig->far));
    uint16_t tcp = rig_tcp;
    rig_tcp = 0;
    rig->near = open_end(rig->near_key, rig->far_key, true, config.listen_port);
    rig->near_port = add_forward(rig, DATA_PORT);
    begin(rig, 100000, 100000);
    end(rig, "and over UDP");
    report(!status_of(rig->far).wg.endpoint.stream, "where its answers go", "TCP still");
    tunnel_close(rig->near);
    rig_tcp = tcp;
    rig->near = near;
    rig->near_port = tcp_port;
}

static int occupy(int type, uint16_t *port) {
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, type, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) ||
        (type == SOCK_STREAM && listen(fd, 1)) || getsockname(fd, (struct sockaddr *)&name, &size))
        abort();
    *port = ntohs(name.sin_port);
    return fd;
}

/* Opens with ports of which somebody has one or both. */
static void taken(bool udp, bool tcp, const char *name) {
    struct tunnel_config config = {.local_ip = 0x0a0d2501, .peer_ip = 0x0a0d2502};
    uint8_t other[32];
    int udp_fd = occupy(SOCK_DGRAM, &config.listen_port), tcp_fd = occupy(SOCK_STREAM, &config.listen_tcp);
    if (!udp)
        close(udp_fd);
    if (!tcp)
        close(tcp_fd);
    randombytes_buf(config.private_key, 32);
    randombytes_buf(other, 32);
    crypto_scalarmult_base(config.peer_public, other);
    struct tunnel *tunnel = tunnel_open(loop, &config);
    int error = errno;
    if (udp && tcp)
        report(!tunnel && error == EADDRINUSE, name, "error %d", error);
    else
        report(tunnel && port_of(tunnel) == (udp ? config.listen_tcp : config.listen_port), name, "port %d",
               tunnel ? port_of(tunnel) : 0);
    tunnel_close(tunnel);
    if (udp)
        close(udp_fd);
    if (tcp)
        close(tcp_fd);
}

/* Gives an end something to send. Returns the socket that waits for it. */
static int wish(struct tunnel *near) {
    uint16_t port;
    if (!tunnel_forward(near, listen_any(&port), DATA_PORT))
        abort();
    return dial(port);
}

static void nobody(void) {
    uint16_t port;
    uint8_t a[32], b[32];
    randombytes_buf(a, 32);
    randombytes_buf(b, 32);
    close(listen_any(&port));
    struct tunnel *near = open_end(a, b, true, port);
    int fd = wish(near);
    run_for(1200);
    report(status_of(near).wg.tx_bytes > 0 && !status_of(near).wg.established &&
               status_of(near).send_error == 0,
           "a machine that refuses is no fault of this computer", "error %d", status_of(near).send_error);
    close(fd);
    tunnel_close(near);
}

/* A guest that is just starting: what was sent to nobody is sent again as soon as somebody is there. */
static void late(void) {
    uint8_t a[32], b[32];
    randombytes_buf(a, 32);
    randombytes_buf(b, 32);
    close(listen_any(&rig_tcp));
    struct tunnel *near = open_end(a, b, true, rig_tcp);
    int fd = wish(near);
    run_for(400);
    struct tunnel *far = open_end(b, a, false, 0);
    uint64_t at = loop_now();
    WAIT_FOR(status_of(near).wg.established);
    report(loop_now() - at < 3000000000u, "an end that comes late is reached soon", "%llu ms",
           (unsigned long long)(loop_now() - at) / 1000000);
    close(fd);
    tunnel_close(near);
    tunnel_close(far);
}

int main(void) {
    static struct rig rig;
    loop = loop_new();
    if (!loop || sodium_init() < 0)
        return 1;
    close(listen_any(&rig_tcp));
    middle.fd[0] = middle.fd[1] = -1;
    middle.listener = listen_any(&middle.port);
    middle.listening = loop_watch(loop, middle.listener, LOOP_READ, on_middle_listener, NULL);
    rig_open_at(&rig, middle.port);
    begin(&rig, 5000000, 5000000);
    end(&rig, "both ways at once over TCP");
    cut(&rig);
    cut_while_listening(&rig);
    crowd(&rig);
    strangers(&rig);
    restarted(&rig);
    stalled(&rig);
    two_callers(&rig);
    both_kinds(&rig);
    middle_cut();
    rig_close(&rig);
    taken(true, false, "a UDP port that is taken keeps nobody from TCP");
    taken(false, true, "nor a TCP port from UDP");
    taken(true, true, "with both taken there is no tunnel");
    nobody();
    late();
    loop_unwatch(middle.listening);
    close(middle.listener);
    loop_free(loop);
    return failures > 0;
}
