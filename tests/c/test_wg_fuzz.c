/* SPDX-License-Identifier: MIT */
/* The fuzz target on random inputs of a fixed seed, for builds without libFuzzer; with file names it replays
 * those. ROUNDS sets how many. */
#include "../fuzz/fuzz_wireguard.c"

static int replay(const char *path) {
    static uint8_t data[1 << 20];
    FILE *file = fopen(path, "rb");
    if (!file)
        return 1;
    size_t len = fread(data, 1, sizeof data, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, len);
    return 0;
}

int main(int argc, char **argv) {
    const char *wanted = getenv("ROUNDS");
    unsigned long rounds = wanted ? strtoul(wanted, NULL, 10) : 5000;
    uint64_t seed = 1;
    uint8_t data[200];
    unsigned delivered = 0, answered = 0;
    for (int i = 1; i < argc; i++)
        if (replay(argv[i]) != 0)
            return 1;
    for (unsigned long i = 0; i < rounds && argc < 2; i++) {
        size_t len = test_random(&seed) % sizeof data;
        test_fill(&seed, data, len);
        LLVMFuzzerTestOneInput(data, len);
        for (int state = 0; state < STATES && worlds[0]; state++) {
            answered += worlds[state]->node[GUEST].sent[WG_RESPONSE];
            delivered += worlds[state]->node[CLIENT].sent[WG_DATA] > 0;
        }
    }
    for (int state = 0; state < STATES && worlds[0]; state++)
        sim_free(worlds[state]);
    test_report(argc > 1 || (answered > 0 && delivered > 0),
                "hostile inputs in every state leave the core sound", "they did not reach it");
    return test_failures != 0;
}
