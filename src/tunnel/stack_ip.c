/* SPDX-License-Identifier: MIT */
/* IPv4 in and out: header checks, checksums, ICMP echo, TCP headers and options. */

#include "tcp.h"

enum { IP_HEADER = 20, TCP_HEADER = 20, PROTO_ICMP = 1, PROTO_TCP = 6, SHIFT_MOST = 14 };
enum { OPT_END, OPT_NOP, OPT_MSS, OPT_SHIFT, OPT_SACK_OK, OPT_SACK };

static uint16_t get16(const uint8_t *p) {
    return (uint16_t)(p[0] << 8 | p[1]);
}
static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static void put16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static void put32(uint8_t *p, uint32_t v) {
    put16(p, v >> 16);
    put16(p + 2, v);
}

/* One's complement sum in the machine's own byte order (RFC 1071 §2B), added to `sum`. */
uint32_t ip_sum(const uint8_t *bytes, size_t len, uint32_t sum) {
    uint64_t wide = sum, word;
    uint32_t half;
    for (; len >= 8; bytes += 8, len -= 8) {
        memcpy(&word, bytes, 8);
        wide += (word >> 32) + (word & 0xffffffff);
    }
    if (len >= 4) {
        memcpy(&half, bytes, 4);
        wide += half;
        bytes += 4;
        len -= 4;
    }
    if (len) {
        uint8_t rest[4] = {0};
        memcpy(rest, bytes, len);
        memcpy(&half, rest, 4);
        wide += half;
    }
    wide = (wide >> 32) + (wide & 0xffffffff);
    wide = (wide >> 32) + (wide & 0xffffffff);
    return (uint32_t)wide;
}

/* The checksum field's value for a sum, in memory order. */
uint16_t ip_fold(uint32_t sum) {
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)~sum;
}

static void put_checksum(uint8_t *field, uint32_t sum) {
    uint16_t value = ip_fold(sum);
    memcpy(field, &value, sizeof value);
}

static void put_ip_header(struct stack *stack, uint8_t *ip, uint8_t protocol, size_t len) {
    memset(ip, 0, IP_HEADER);
    ip[0] = 0x45;
    put16(ip + 2, (uint32_t)len);
    ip[6] = 0x40; /* don't fragment */
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, stack->config.local_ip);
    put32(ip + 16, stack->config.peer_ip);
    put_checksum(ip + 10, ip_sum(ip, IP_HEADER, 0));
}

void tcp_emit_packet(struct stack *stack, size_t tcp_header, size_t payload) {
    uint8_t *tcp = stack->packet + IP_HEADER, pseudo[4] = {0, PROTO_TCP, 0, 0};
    size_t len = tcp_header + payload;
    put_ip_header(stack, stack->packet, PROTO_TCP, IP_HEADER + len);
    tcp[12] = (uint8_t)(tcp_header / 4 << 4);
    put16(tcp + 16, 0);
    put16(pseudo + 2, (uint32_t)len);
    uint32_t sum = ip_sum(pseudo, sizeof pseudo, 0);
    sum = ip_sum(stack->packet + 12, 8, sum);
    put_checksum(tcp + 16, ip_sum(tcp, len, sum));
    stack->stats.segments_out++;
    stack->config.output(stack->config.ctx, stack->packet, IP_HEADER + len);
}

void tcp_put_header(struct stack *stack, const struct header *header) {
    uint8_t *tcp = stack->packet + IP_HEADER;
    put16(tcp, header->from);
    put16(tcp + 2, header->to);
    put32(tcp + 4, (uint32_t)header->seq);
    put32(tcp + 8, header->flags & TCP_ACK ? (uint32_t)header->ack : 0);
    tcp[13] = header->flags;
    put16(tcp + 14, header->window);
    put16(tcp + 18, 0);
}

uint8_t *tcp_payload(struct stack *stack) {
    return stack->packet + IP_HEADER + TCP_HEADER;
}

size_t tcp_put_syn_options(struct stack *stack, int shift, bool sack_ok) {
    uint8_t *start = tcp_payload(stack), *p = start;
    *p++ = OPT_MSS;
    *p++ = 4;
    put16(p, (uint32_t)(stack->config.mtu - IP_HEADER - TCP_HEADER));
    p += 2;
    if (sack_ok) {
        *p++ = OPT_NOP;
        *p++ = OPT_NOP;
        *p++ = OPT_SACK_OK;
        *p++ = 2;
    }
    if (shift >= 0) {
        *p++ = OPT_NOP;
        *p++ = OPT_SHIFT;
        *p++ = 3;
        *p++ = (uint8_t)shift;
    }
    return (size_t)(p - start);
}

size_t tcp_put_sack_option(struct stack *stack, const struct gap *blocks, unsigned count) {
    uint8_t *start = tcp_payload(stack), *p = start;
    if (!count)
        return 0;
    *p++ = OPT_NOP;
    *p++ = OPT_NOP;
    *p++ = OPT_SACK;
    *p++ = (uint8_t)(2 + 8 * count);
    for (unsigned i = 0; i < count; i++, p += 8) {
        put32(p, (uint32_t)blocks[i].start);
        put32(p + 4, (uint32_t)blocks[i].end);
    }
    return (size_t)(p - start);
}

/* An answer to a segment that has no flow (RFC 9293 §3.10.7.1). */
void tcp_refuse(struct stack *stack, const struct segment *seg) {
    struct header header = {.from = seg->to, .to = seg->from, .flags = TCP_RST};
    if (seg->flags & TCP_RST)
        return;
    if (seg->flags & TCP_ACK) {
        header.seq = seg->ack;
    } else {
        header.flags |= TCP_ACK;
        header.ack = seg->seq + seg->len + !!(seg->flags & TCP_SYN) + !!(seg->flags & TCP_FIN);
    }
    stack->stats.resets_out++;
    tcp_put_header(stack, &header);
    tcp_emit_packet(stack, TCP_HEADER, 0);
}

static void read_option(struct segment *seg, const uint8_t *option, size_t len) {
    switch (option[0]) {
    case OPT_MSS:
        if (len == 4)
            seg->mss = get16(option + 2);
        break;
    case OPT_SHIFT:
        if (len == 3)
            seg->shift = option[2] > SHIFT_MOST ? SHIFT_MOST : option[2];
        break;
    case OPT_SACK_OK:
        seg->sack_ok = true;
        break;
    case OPT_SACK:
        for (size_t at = 2; at + 8 <= len && seg->sacks < TCP_SACK_MAX; at += 8) {
            seg->sack[seg->sacks].start = get32(option + at);
            seg->sack[seg->sacks++].end = get32(option + at + 4);
        }
        break;
    default:
        break;
    }
}

static bool read_segment(struct segment *seg, const uint8_t *tcp, size_t len) {
    if (len < TCP_HEADER)
        return false;
    size_t header = (size_t)(tcp[12] >> 4) * 4;
    if (header < TCP_HEADER || header > len)
        return false;
    *seg = (struct segment){.from = get16(tcp),
                            .to = get16(tcp + 2),
                            .seq = get32(tcp + 4),
                            .ack = get32(tcp + 8),
                            .flags = tcp[13],
                            .window = get16(tcp + 14),
                            .shift = -1,
                            .data = tcp + header,
                            .len = len - header};
    for (size_t at = TCP_HEADER; at < header && tcp[at] != OPT_END;) {
        if (tcp[at] == OPT_NOP) {
            at++;
            continue;
        }
        if (at + 2 > header || tcp[at + 1] < 2 || at + tcp[at + 1] > header)
            break; /* the rest cannot be read */
        read_option(seg, tcp + at, tcp[at + 1]);
        at += tcp[at + 1];
    }
    return seg->from && seg->to;
}

static void input_tcp(struct stack *stack, const uint8_t *tcp, size_t len, uint64_t now) {
    struct segment seg;
    if (!read_segment(&seg, tcp, len))
        return;
    stack->stats.segments_in++;
    struct flow *flow = tcp_flow_find(stack, seg.to, seg.from);
    if (flow) {
        tcp_input(flow, &seg, now);
        return;
    }
    if ((seg.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN)
        for (unsigned i = 0; i < stack->listener_count; i++)
            if (stack->listeners[i].port == seg.to) {
                tcp_input_syn(stack, &seg, &stack->listeners[i], now);
                return;
            }
    tcp_refuse(stack, &seg);
}

static void input_icmp(struct stack *stack, const uint8_t *icmp, size_t len) {
    enum { ECHO_REPLY = 0, ECHO = 8, ICMP_HEADER = 8 };
    if (len < ICMP_HEADER || icmp[0] != ECHO || icmp[1] || len + IP_HEADER > stack->config.mtu)
        return;
    uint8_t *reply = stack->packet + IP_HEADER;
    memcpy(reply, icmp, len);
    reply[0] = ECHO_REPLY;
    put16(reply + 2, 0);
    put_checksum(reply + 2, ip_sum(reply, len, 0));
    put_ip_header(stack, stack->packet, PROTO_ICMP, IP_HEADER + len);
    stack->config.output(stack->config.ctx, stack->packet, IP_HEADER + len);
}

void stack_input(struct stack *stack, const uint8_t *packet, size_t len, uint64_t now) {
    if (len < IP_HEADER || packet[0] >> 4 != 4)
        return;
    size_t header = (size_t)(packet[0] & 15) * 4, total = get16(packet + 2);
    if (header < IP_HEADER || total < header || total > len)
        return;
    if (get16(packet + 6) & 0x3fff) /* a fragment: the tunnel's MTU makes none */
        return;
    if (get32(packet + 12) != stack->config.peer_ip || get32(packet + 16) != stack->config.local_ip)
        return;
    now = tcp_clock(stack, now);
    if (packet[9] == PROTO_TCP)
        input_tcp(stack, packet + header, total - header, now);
    else if (packet[9] == PROTO_ICMP)
        input_icmp(stack, packet + header, total - header);
}
