/* SPDX-License-Identifier: MIT */
/* HTTP and JSON as the guest reads them. */
#include "../../src/guest/wire.h"

#include <stdlib.h>
#include <string.h>

#include "guest_check.h"

static int parse(const char *text, struct wire_request *out) {
    return wire_parse_request(text, strlen(text), out);
}

static void requests(void) {
    struct wire_request r;
    const char *post = "POST /lease HTTP/1.1\r\nHost: guest\r\nCONTENT-length:  11 \r\n\r\n{\"idle\": 5}";
    size_t len = strlen(post);
    expect(parse(post, &r) == 1 && strcmp(r.method, "POST") == 0 && strcmp(r.path, "/lease") == 0, "a POST");
    expect(r.body_len == 11 && memcmp(r.body, "{\"idle\": 5}", 11) == 0, "its body");
    for (size_t n = 0; n < len; n++)
        expect(wire_parse_request(post, n, &r) == 0, "complete after %zu of %zu bytes", n, len);
    char text[16];
    expect(parse("GET /log?name=engine&bytes=77 HTTP/1.0\r\n\r\n", &r) == 1 && strcmp(r.path, "/log") == 0,
           "a GET");
    expect(wire_query(&r, "name", text, sizeof text) && strcmp(text, "engine") == 0, "name");
    expect(wire_query(&r, "bytes", text, sizeof text) && strcmp(text, "77") == 0, "bytes");
    expect(!wire_query(&r, "byte", text, sizeof text) && !wire_query(&r, "name", text, 6),
           "an absent name, a value too long");
}

static void bad_requests(void) {
    struct wire_request r;
    static const struct {
        int status;
        const char *text;
    } bad[] = {
        {400, "\r\n\r\n"},
        {400, "GET /\r\n\r\n"},
        {400, "GET / HTTP/2.0\r\n\r\n"},
        {400, "GET status HTTP/1.1\r\n\r\n"},
        {400, "METHODICAL / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nA: \001\r\n\r\n"},
        {400, "PUT /key HTTP/1.1\r\nContent-Length: 1x\r\n\r\n"},
        {400, "PUT /key HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"},
        {400, "PUT /key HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
        {413, "PUT /key HTTP/1.1\r\nContent-Length: 4097\r\n\r\n"},
        {501, "PUT /key HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect(parse(bad[i].text, &r) == bad[i].status, "request %zu: %d, not %d", i, parse(bad[i].text, &r),
               bad[i].status);
    char long_head[WIRE_HEAD_MAX + 1];
    memset(long_head, 'a', sizeof long_head);
    expect(wire_parse_request(long_head, WIRE_HEAD_MAX - 1, &r) == 0, "given up too early");
    expect(wire_parse_request(long_head, WIRE_HEAD_MAX, &r) == 431, "an endless head");
}

static void urls(void) {
    struct wire_url u;
    expect(wire_parse_url("https://cloud.example/api/v0/?a=b", &u) && u.tls && u.port == 443, "https");
    expect(strcmp(u.host, "cloud.example") == 0 && strcmp(u.path, "/api/v0/?a=b") == 0, "host and path");
    expect(wire_parse_url("http://127.0.0.1:8080", &u) && !u.tls && u.port == 8080 &&
               strcmp(u.path, "/") == 0,
           "http");
    static const char *const bad[] = {"ftp://a/",
                                      "https:///a",
                                      "https://",
                                      "https://u@h/",
                                      "https://[::1]/",
                                      "https://a:0/",
                                      "https://a:65536/",
                                      "https://a:/",
                                      "https://a:1x/",
                                      "https://a?b",
                                      "https://a/ b",
                                      "https://a/\r\nX: y",
                                      "a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect(!wire_parse_url(bad[i], &u), "taken: %s", bad[i]);
}

static bool answer(const char *text, bool final, int *status, char *body, bool *complete) {
    static char data[4096];
    char *at;
    size_t len;
    strcpy(data, text);
    body[0] = '\0';
    if (!wire_parse_answer(data, strlen(text), final, status, &at, &len, complete))
        return false;
    expect(len <= strlen(text), "the body is longer than the answer");
    memcpy(body, at, len < 255 ? len : 255);
    body[len < 255 ? len : 255] = '\0';
    return true;
}

static void answers(void) {
    int status;
    char body[256];
    bool complete;
    expect(answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", false, &status, body, &complete),
           "refused");
    expect(status == 200 && complete && strcmp(body, "{}") == 0, "with a length");
    expect(answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", false, &status, body, &complete),
           "refused");
    expect(!complete, "complete too early");
    expect(answer("HTTP/1.1 404 \r\n\r\ngone", true, &status, body, &complete) && status == 404, "refused");
    expect(strcmp(body, "gone") == 0, "until the end");
    expect(answer("HTTP/1.1 204 No Content\r\n\r\n", false, &status, body, &complete) && complete,
           "without a body");
    const char *chunks =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
    expect(answer(chunks, true, &status, body, &complete) && complete && strcmp(body, "abc0123456789") == 0,
           "chunks: %s", body);
    chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\nabc";
    expect(answer(chunks, true, &status, body, &complete) && !complete && strcmp(body, "abc") == 0,
           "a chunk that is cut off");
    chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0000000003\r\nabc\r\n00000\r\n\r\n";
    expect(answer(chunks, true, &status, body, &complete) && complete && strcmp(body, "abc") == 0,
           "long lengths: %s", body);
    chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc";
    expect(answer(chunks, true, &status, body, &complete) && !complete && strcmp(body, "abc") == 0,
           "a length without end: %s", body);
    const char *early =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 "
        "No\r\nContent-Length: 2\r\n\r\nno";
    expect(answer(early, false, &status, body, &complete) && status == 404 && complete &&
               strcmp(body, "no") == 0,
           "interim answers: %d", status);
    expect(!answer("HTTP/1.1 100 Continue\r\n\r\n", true, &status, body, &complete),
           "nothing but an interim answer");
    static const char *const bad[] = {"",
                                      "HTTP/1.1 200 OK\r\n",
                                      "HTTP/2 200 OK\r\n\r\n",
                                      "HTTP/1.1 2x0 OK\r\n\r\n",
                                      "<html>\r\n\r\n</html>",
                                      "\r\n\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect(!answer(bad[i], true, &status, body, &complete), "answer %zu is taken", i);
}

static int edge(int status, const char *body) {
    return wire_edge_code(status, body, strlen(body));
}

static void edges(void) {
    expect(edge(403, "error code: 1010") == 1010 && edge(403, "error code: 1020\n") == 1020,
           "the edge's own words");
    expect(edge(403, "<html><title>Access denied</title>Error code 1005</html>") == 1005,
           "a page of the edge");
    expect(edge(403, "{\"error\":\"error code: 1010\"}") == 0 && edge(403, " [\"error code: 1010\"]") == 0,
           "JSON is the cloud's");
    expect(edge(403, "forbidden") == 0 && edge(403, "error code: 9010") == 0 &&
               edge(403, "error code: 10101") == 0,
           "other refusals");
    expect(edge(403, "error code: 101") == 0 && edge(403, "error code") == 0 && edge(403, "") == 0,
           "cut off");
    expect(edge(401, "error code: 1010") == 0 && edge(200, "error code: 1010") == 0, "another status");
    expect(wire_edge_code(403, NULL, 0) == 0, "no body");
}

static struct json_ids found;
static const struct json_own own = {.text = {"127.0.0.1", "10.19.60.24"}, .count = 2};

static const char *const out = found.id[0];

static int id_of(const char *text) {
    return json_find_ids(text, strlen(text), "cplz-7f", &own, &found);
}

static void ids(void) {
    const char *list =
        "{\"data\":[{\"id\":\"a1\",\"name\":\"x\"},{\"id\":\"b2\",\"name\":\"cplz-7f\",\"at\":{\"in"
        "\":\"eu\"}}]}";
    expect(id_of(list) == 1 && strcmp(out, "b2") == 0, "by name: %s", out);
    expect(id_of("[{\"id\":17,\"tags\":[\"u\",\"cplz-7f\"]}]") == 1 && strcmp(out, "17") == 0,
           "a number, by tag: %s", out);
    list = "{\"id\":\"account\",\"list\":[{\"id\":\"m\",\"meta\":{\"label\":\"my cplz-7f\"}}]}";
    expect(id_of(list) == 1 && strcmp(out, "m") == 0, "the innermost: %s", out);
    list = "{\"list\":[{\"name\":\"cplz-7f\",\"id\":\"\\u0041\\/b\"}]}";
    expect(id_of(list) == 1 && strcmp(out, "A/b") == 0, "escapes: %s", out);
    expect(id_of("{\"list\":[{\"id\":\"a\"},{\"id\":\"b\"}]}") == 0, "nobody holds the token");
    expect(id_of("{\"list\":[{\"name\":\"cplz-7f\"}]}") == 0, "no id");
    char text[400];
    snprintf(text, sizeof text, "[{\"id\":\"%0127d\",\"n\":\"cplz-7f\"}]", 5);
    expect(id_of(text) == 1 && strlen(out) == 127, "the longest id");
    snprintf(text, sizeof text, "[{\"id\":\"%0128d\",\"n\":\"cplz-7f\"}]", 5);
    expect(id_of(text) == 0, "an id too long");
    static const char *const bad[] = {"",           "{",     "[1,]", "{\"a\":1,}", "{\"a\" 1}",
                                      "[1] x",      "nul",   "\"a",  "\"\\x\"",    "\"\\u12g4\"",
                                      "[\"a\nb\"]", "{a:1}", "--1",  "<html>"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect(id_of(bad[i]) == -1, "taken: %s", bad[i]);
    char deep[400];
    memset(deep, '[', sizeof deep);
    expect(json_find_ids(deep, sizeof deep, "x", &own, &found) == -1, "endless depth");
}

/* Every machine of the token, the asker's own last, whatever their order is. */
static void twins(void) {
    static const char *const rows[] = {"{\"id\":\"a\",\"n\":\"cplz-7f\",\"private_ip\":\"10.19.60.24\"}",
                                       "{\"id\":\"b\",\"n\":\"cplz-7f\",\"private_ip\":\"10.19.60.240\"}",
                                       "{\"id\":\"c\",\"n\":\"cplz-7f\",\"at\":{\"ips\":[\"10.9.9.9\"]}}",
                                       "{\"id\":\"d\",\"n\":\"other\",\"private_ip\":\"127.0.0.1\"}"};
    static const int orders[][4] = {{0, 1, 2, 3}, {1, 0, 2, 3}, {3, 2, 1, 0}};
    char text[600];
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        const int *o = orders[i];
        snprintf(text, sizeof text, "{\"data\":[%s,%s,%s,%s]}", rows[o[0]], rows[o[1]], rows[o[2]],
                 rows[o[3]]);
        expect(id_of(text) == 3, "order %zu: %zu found", i, found.count);
        expect(strcmp(found.id[2], "a") == 0, "order %zu: its own is not the last, but %s", i, found.id[2]);
        expect(found.id[0][0] + found.id[1][0] == 'b' + 'c', "order %zu: %s and %s", i, found.id[0],
               found.id[1]);
    }
    expect(id_of("[{\"id\":\"b\",\"n\":\"cplz-7f\"},{\"id\":\"c\",\"n\":\"cplz-7f\"}]") == 2,
           "its own is not seen");
    size_t n = 0;
    for (int i = 0; i < 12; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%c{\"id\":%d,\"n\":\"cplz-7f\"}", i ? ',' : '[', i);
    snprintf(text + n, sizeof text - n, "]");
    expect(id_of(text) == JSON_IDS && strcmp(found.id[JSON_IDS - 1], "7") == 0,
           "more than there is room for");
}

static int number(const char *text, int64_t *out) {
    *out = -7;
    return json_number(text, strlen(text), "idle", out);
}

static void members(void) {
    int64_t n;
    char text[8];
    expect(number("{\"idle\": 3600}", &n) == 1 && n == 3600, "a number");
    expect(number(" {\"life\":[{\"idle\":9}], \"idle\" : 3600.9 } ", &n) == 1 && n == 3600,
           "only the top level, fractions cut");
    expect(number("{\"life\": 1}", &n) == 0 && number("{}", &n) == 0 && n == -7, "absent");
    expect(number("{\"idle\": -1}", &n) == -1 && number("{\"idle\": \"1\"}", &n) == -1, "no such number");
    expect(number("{\"idle\": 1e3}", &n) == -1, "an exponent");
    expect(number("{\"idle\": null}", &n) == -1 && number("{\"idle\": 9999999999999999}", &n) == -1,
           "null, too long");
    expect(number("[]", &n) == -1 && number("{\"idle\": 1", &n) == -1 && number("{\"idle\": 1} x", &n) == -1,
           "no object");
    const char *json = "{\"reason\": \"a \\\"long\\\" one\"}";
    expect(json_string(json, strlen(json), "reason", text, sizeof text) == 1, "a string");
    expect(strcmp(text, "a \"long") == 0, "shortened: %s", text);
    expect(json_object("{}", 2) && json_object(" {\"a\":[1]} ", 11), "objects");
    expect(!json_object("[]", 2) && !json_object("<html>", 6) && !json_object("{} x", 4) &&
               !json_object("", 0),
           "no objects");
    expect(json_string("{\"reason\": 5}", 13, "reason", text, sizeof text) == -1, "not a string");
}

int main(void) {
    case_of("requests, whole and in pieces", requests);
    case_of("bad requests have their status", bad_requests);
    case_of("addresses", urls);
    case_of("answers of clouds", answers);
    case_of("what the edge of a cloud turns away", edges);
    case_of("the id of the object with our token", ids);
    case_of("every machine of the token, its own last", twins);
    case_of("members of objects", members);
    return failures != 0;
}
