/* SPDX-License-Identifier: MIT */
/* The guest's configuration: what is taken, and the sentence for what is not. */
#include "../../src/guest/config.h"

#include <stdlib.h>
#include <string.h>

#include "guest_check.h"

#define PUBLIC "peer-public AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
#define BASE                     \
    "listen-port 51820\n" PUBLIC \
    "token cplz-h.1_A\nprivate-key-env CPLZ_KEY\nterminate-url https://cloud.example/${ID}\nstate-dir state\n"

static const char *lookup(void *ctx, const char *name) {
    (void)ctx;
    return strcmp(name, "HOME") == 0    ? "/root"
           : strcmp(name, "LINES") == 0 ? "a\nb"
           : strcmp(name, "EMPTY") == 0 ? ""
           : strcmp(name, "PORT") == 0  ? "4000"
                                        : NULL;
}

static struct config config;
static char why[256];

static bool parse(const char *text) {
    why[0] = '\0';
    return config_parse(&config, text, strlen(text), lookup, NULL, why, sizeof why);
}

static void everything(void) {
    expect(
        parse(
            "# a comment\n\n" BASE "listen-tcp 51821\n"
            "control-port 8572\nkeepalive 25\nkey-env API_KEY\naddress 10.1.2.3\n"
            "peer-address 10.1.2.4\nexpose 11434 ${PORT} counted\nexpose 11435 ${PORT} uncounted\n"
            "silence 36000\nidle 3600\nlife 43200\nlife-max 86400\n"
            "retry 7\ntime 1786000000\nterminate-method POST\nterminate-header Authorization: Bearer "
            "${KEY}\nterminate-header X-A: b\n"
            "terminate-body {\"a\": \"${ID}\"}\notherwise-method POST\n"
            "otherwise-url https://cloud.example/stop\notherwise-header X-C: d\notherwise-body {}\n"
            "find-url https://cloud.example/list\nfind-header X-B: "
            "c\nfind-token cplz-1\nfind-pause 2\npower-off-after 10\n"
            "ca-file a.pem\nca-file b.pem\nengine-arg /bin/server\nengine-arg two words\nengine-env "
            "HOME=${HOME}\n"
            "engine-inherit PORT\nengine-inherit NOWHERE\nengine-env COST=5$$"),
        "refused: %s", why);
    expect(strcmp(config.token, "cplz-h.1_A") == 0, "token");
    expect(config.listen_port == 51820 && config.listen_tcp == 51821, "both ports of the tunnel");
    expect(config.control_port == 8572 && config.keepalive == 25, "ports");
    expect(config.peer_public[0] == 1 && config.peer_public[31] == 1, "peer-public");
    expect(config.address == 0x0a010203 && config.peer_address == 0x0a010204, "addresses");
    expect(config.exposes == 2 && config.expose[0].port == 11434 && config.expose[0].local == 4000, "expose");
    expect(config.expose[0].counted, "expose counted");
    expect(config.expose[1].port == 11435 && !config.expose[1].counted, "expose uncounted");
    expect(config.limits.silence == 36000 && config.limits.idle == 3600 && config.limits.life == 43200,
           "limits");
    expect(config.life_max == 86400 && config.retry == 7 && config.time == 1786000000 &&
               config.find_pause == 2 && config.power_off == 10,
           "life-max, retry, find-pause, power-off-after");
    expect(strcmp(config.terminate.url, "https://cloud.example/${ID}") == 0, "holes of requests stay");
    expect(strcmp(config.otherwise.method, "POST") == 0 && strcmp(config.otherwise.body, "{}") == 0 &&
               config.otherwise.headers.count == 1,
           "what is sent when the end is refused");
    expect(config.terminate.headers.count == 2 && strcmp(config.terminate.headers.item[1], "X-A: b") == 0,
           "headers");
    expect(strcmp(config.terminate.body, "{\"a\": \"${ID}\"}") == 0 &&
               strcmp(config.terminate.method, "POST") == 0,
           "body");
    expect(config.ca_files.count == 2 && config.engine_argv.count == 2, "lists");
    expect(strcmp(config.engine_argv.item[1], "two words") == 0, "a word with a space");
    expect(config.engine_env.count == 3 && strcmp(config.engine_env.item[0], "HOME=/root") == 0, "holes");
    expect(strcmp(config.engine_env.item[1], "PORT=4000") == 0 &&
               strcmp(config.engine_env.item[2], "COST=5$") == 0,
           "inherited");
    config_free(&config);
}

static void defaults(void) {
    expect(parse("listen-tcp 1\n" PUBLIC "token t\n"
                 "private-key-env K\nterminate-url http://a/\nstate-dir s\n") &&
               config.listen_port == 0 && config.listen_tcp == 1,
           "TCP alone: %s", why);
    config_free(&config);
    expect(parse(BASE), "refused: %s", why);
    expect(config.listen_tcp == 0, "UDP alone");
    expect(config.control_port == 8571 && config.retry == 5 && config.time == 0 &&
               strcmp(config.terminate.method, "DELETE") == 0,
           "defaults");
    expect(config.address == 0x0a0d2501 && config.peer_address == 0x0a0d2502, "addresses");
    expect(config.limits.silence == 0 && config.limits.idle == 0 && config.limits.life == 0,
           "limits are off");
    config_free(&config);
}

static const struct {
    const char *text, *sentence;
} refusals[] = {
    {"", "listen-port is missing"},
    {"listen-port 1\n" PUBLIC "private-key-env K\nterminate-url http://a/\nstate-dir s\n",
     "token is missing"},
    {"listen-port 1\n" PUBLIC "token t\nprivate-key-env K\nstate-dir s\n", "terminate-url is missing"},
    {"listen-port 1\ntoken t\nprivate-key-env K\nterminate-url http://a/\nstate-dir s\n",
     "peer-public is missing"},
    {BASE "colour blue\n", "line 7: unknown key \"colour\""},
    {BASE "life\n", "line 7: \"life\" is not \"key value\""},
    {BASE "life \n", "line 7: \"life \" is not \"key value\""},
    {BASE "life 12h\n", "line 7: life wants whole seconds, at most ten years, not \"12h\""},
    {BASE "life -1\n", "line 7: life wants whole seconds, at most ten years, not \"-1\""},
    {BASE "life 99999999999999999999\n",
     "line 7: life wants whole seconds, at most ten years, not \"99999999999999999999\""},
    {BASE "control-port 0\n", "line 7: control-port wants a port from 1 to 65535, not \"0\""},
    {BASE "control-port 65536\n", "line 7: control-port wants a port from 1 to 65535, not \"65536\""},
    {BASE "keepalive 1e3\n", "line 7: keepalive wants seconds from 0 to 65535, not \"1e3\""},
    {BASE "address 10.0.0\n", "line 7: address wants an IPv4 address, not \"10.0.0\""},
    {BASE "address 10.0.0.256\n", "line 7: address wants an IPv4 address, not \"10.0.0.256\""},
    {BASE "peer-public AQE=\n", "line 7: peer-public wants 32 bytes in base64, not \"AQE=\""},
    {"token a b\n", "line 1: token wants at most 100 letters, digits and -._, not \"a b\""},
    {"token a?\n", "line 1: token wants at most 100 letters, digits and -._, not \"a?\""},
    {BASE "state-dir again\n", "line 7: state-dir is given twice"},
    {BASE "expose 1 2\n", "line 7: expose wants INNER-PORT LOCAL-PORT counted|uncounted"},
    {BASE "expose 1 2 maybe\n", "line 7: expose wants INNER-PORT LOCAL-PORT counted|uncounted"},
    {BASE "terminate-header nothing\n", "line 7: terminate-header wants \"Name: value\", not \"nothing\""},
    {BASE "terminate-header a b: c\n", "line 7: terminate-header wants \"Name: value\", not \"a b: c\""},
    {BASE "terminate-method get\n", "line 7: terminate-method wants a word in capitals, not \"get\""},
    {BASE "find-url ftp://a/\n", "line 7: find-url wants a http or https address, not \"ftp://a/\""},
    {BASE "otherwise-url https://a/\n", "otherwise-url and otherwise-method go together"},
    {BASE "find-url https://a/\n", "find-url and find-token go together"},
    {BASE "engine-env CPLZ_KEY=x\n", "the engine must not get the variable of a key"},
    {BASE "key-env PORT\nengine-inherit PORT\n", "the engine must not get the variable of a key"},
    {BASE "time soon\n", "line 7: time wants unix seconds, not \"soon\""},
    {BASE "time 100000000000\n", "line 7: time wants unix seconds, not \"100000000000\""},
    {BASE "retry 0\n", "retry must not be 0"},
    {BASE "power-off-after -1\n", "line 7: power-off-after wants attempts from 0 to 1000, not \"-1\""},
    {BASE "life-max 10\nlife 11\n", "life is longer than life-max"},
    {BASE "life-max 10\n", "life is longer than life-max"},
    {BASE "ca-file ${NOWHERE}\n", "line 7: no usable environment variable: NOWHERE"},
    {BASE "ca-file ${EMPTY}\n", "line 7: no usable environment variable: EMPTY"},
    {BASE "ca-file ${LINES}\n", "line 7: no usable environment variable: LINES"},
    {BASE "ca-file ${HOME\n", "line 7: broken ${NAME} in the value of: ca-file"},
    {BASE "ca-file a\tb\n", "line 7: a control character"},
};

static void refused(void) {
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        bool good = parse(refusals[i].text);
        expect(!good, "taken: %s", refusals[i].sentence);
        expect(strcmp(why, refusals[i].sentence) == 0, "wanted \"%s\", got \"%s\"", refusals[i].sentence,
               why);
        if (good)
            config_free(&config);
    }
}

static void bounded(void) {
    static char text[CONFIG_MAX_BYTES + 2];
    strcpy(text, BASE);
    for (int i = 0; i <= CONFIG_LIST; i++)
        strcat(text, "engine-arg x\n");
    expect(!parse(text) && strstr(why, "more than 32 lines of engine-arg"), "a long list: %s", why);
    strcpy(text, BASE);
    for (int i = 0; i <= CONFIG_EXPOSES; i++)
        strcat(text, "expose 1 2 counted\n");
    expect(!parse(text) && strstr(why, "more than 8 lines of expose"), "a long list: %s", why);
    memset(text, '#', sizeof text - 1);
    expect(!parse(text) && strstr(why, "longer than 65536 bytes"), "a long file: %s", why);
    expect(!config_parse(&config, "a\0b c\n", 6, lookup, NULL, why, sizeof why), "a zero byte");
}

static void expansion(void) {
    char missing[64];
    char *text = config_expand("$ $$ ${HOME}x$${HOME}$", lookup, NULL, missing);
    expect(text && strcmp(text, "$ $ /rootx${HOME}$") == 0, "expanded to %s", text ? text : "nothing");
    free(text);
    expect(!config_expand("${KEY}", lookup, NULL, missing) && strcmp(missing, "KEY") == 0, "a missing value");
    expect(!config_expand("${}", lookup, NULL, missing) && missing[0] == '\0', "an empty hole");
    expect(!config_expand("${HO ME}", lookup, NULL, missing) && missing[0] == '\0', "a broken hole");
}

int main(void) {
    case_of("every key is read", everything);
    case_of("what is left out has its default", defaults);
    case_of("every refusal is a sentence", refused);
    case_of("lists and the file are bounded", bounded);
    case_of("holes are filled", expansion);
    return failures != 0;
}
