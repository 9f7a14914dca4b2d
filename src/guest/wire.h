/* SPDX-License-Identifier: MIT */
/* The bytes of HTTP/1.1 and JSON, as far as the guest speaks them. Pure functions over bounded buffers. */
#pragma once

#include "../sys.h"

#define WIRE_HEAD_MAX 4096
#define WIRE_BODY_MAX 4096

/* A request at the guest's own control; the pointers look into the buffer. */
struct wire_request {
    char method[8];
    char path[32];
    const char *query; /* behind "?", "" without */
    size_t query_len;
    const char *body;
    size_t body_len;
};

/* 0: more bytes are needed; 1: complete; 400, 413, 431, 501: refused with this status. */
int wire_parse_request(const char *data, size_t len, struct wire_request *out);
/* The value of `name` in a query of unreserved characters, copied. False: absent or longer than `size` -
 * 1. */
bool wire_query(const struct wire_request *request, const char *name, char *out, size_t size);

struct wire_url {
    bool tls;
    char host[254];
    uint16_t port;
    const char *path; /* "/" at least; points into the text or a constant */
};

/* Splits http(s)://host[:port]/path. False: not such an address (user names and numeric IPv6 hosts are
 * none). */
bool wire_parse_url(const char *text, struct wire_url *out);

/* An answer of a cloud: false until the head is complete or when it is none; *body points behind the head.
 * Chunks are joined in place, so only when it is `final`. *complete: by its length, no more bytes are to come
 * (else the connection's end does). Interim answers (1xx) before it are passed over. */
bool wire_parse_answer(char *data, size_t len, bool final, int *status, char **body, size_t *body_len,
                       bool *complete);

/* What stands before a cloud ("the edge") let nothing through to it: the number of its "error code: 1010", 0
 * when it is no such answer. */
int wire_edge_code(int status, const char *body, size_t len);

/* The value of a hexadecimal digit, -1 for another byte. */
int wire_hex(char c);

/* JSON: the number at the top-level key `name`. 1 found, 0 absent, -1 the text is no JSON object or the value
 * no number ≥ 0. */
int json_number(const char *text, size_t len, const char *name, int64_t *out);
/* The string at the top-level key `name`, shortened to fit. Same results. */
int json_string(const char *text, size_t len, const char *name, char *out, size_t size);
/* Whether the text is one JSON object. */
bool json_object(const char *text, size_t len);

#define JSON_ID 128
#define JSON_IDS 8
#define JSON_OWN 16

/* Strings by which the asker's own object is known. */
struct json_own {
    char text[JSON_OWN][16];
    size_t count;
};

struct json_ids {
    char id[JSON_IDS][JSON_ID];
    size_t count;
};

/* The "id"s (string, or number as written) of the innermost objects that have one and hold a string with
 * `token` in it, at any depth, at most JSON_IDS; the object that also holds a string of `own` comes last. How
 * many, or -1: not JSON. */
int json_find_ids(const char *text, size_t len, const char *token, const struct json_own *own,
                  struct json_ids *out);
