/* SPDX-License-Identifier: MIT */
/* libFuzzer target: requests at the guest's control, answers of clouds, addresses, JSON and PEM. The first
 * byte chooses. */
#include <stdlib.h>
#include <string.h>

#include "../../src/guest/tls.h"
#include "../../src/guest/wire.h"

static void request(const char *data, size_t len) {
    struct wire_request out;
    char value[16];
    int got = wire_parse_request(data, len, &out);
    if (got == 1 && (out.body < data || out.body_len > WIRE_BODY_MAX || out.body + out.body_len > data + len))
        abort();
    if (got == 1 && out.path[0] != '/')
        abort();
    if (got == 0 && len >= WIRE_HEAD_MAX + WIRE_BODY_MAX)
        abort();
    if (got == 1 && wire_query(&out, "name", value, sizeof value) && strlen(value) >= sizeof value)
        abort();
}

static void answer(char *data, size_t len, bool final) {
    int status;
    char *body;
    size_t body_len;
    bool complete;
    if (!wire_parse_answer(data, len, final, &status, &body, &body_len, &complete))
        return;
    if (body < data || body + body_len > data + len || status < 200 || status > 999)
        abort();
    int edge = wire_edge_code(status, body, body_len);
    if (edge && (status != 403 || edge < 1000 || edge > 1099))
        abort();
}

static void json(const char *data, size_t len) {
    char out[24] = "";
    int64_t number = 0;
    static const struct json_own own = {.text = {"own", "10.0.0.1"}, .count = 2};
    struct json_ids ids;
    int found = json_find_ids(data, len, "tok", &own, &ids);
    if (found > JSON_IDS || (found >= 0 && (size_t)found != ids.count))
        abort();
    for (int i = 0; i < found; i++)
        if (!ids.id[i][0] || !memchr(ids.id[i], 0, sizeof ids.id[i]))
            abort();
    json_object(data, len);
    if (json_number(data, len, "life", &number) == 1 && number < 0)
        abort();
    if (json_string(data, len, "reason", out, sizeof out) == 1 && !memchr(out, 0, sizeof out))
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    struct wire_url url;
    if (size < 1)
        return 0;
    size_t len = size - 1;
    char *text = malloc(len + 1);
    if (!text)
        return 0;
    memcpy(text, data + 1, len);
    text[len] = '\0';
    switch (data[0] % 6) {
    case 0:
        request(text, len);
        break;
    case 1:
    case 2:
        answer(text, len, data[0] % 6 == 1);
        break;
    case 3:
        json(text, len);
        break;
    case 4:
        if (wire_parse_url(text, &url) && (!url.host[0] || url.path[0] != '/' || url.port == 0))
            abort();
        break;
    default: {
        struct tls_anchors *anchors = tls_anchors_new();
        if (anchors)
            tls_anchors_add(anchors, text, len);
        tls_anchors_free(anchors);
    }
    }
    free(text);
    return 0;
}
