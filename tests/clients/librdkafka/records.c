#include "records.h"

#include <stdbool.h>

enum {
    POOL_SIZE = 128 * 1024,
    LARGE_VALUE = 100000,
    DAY_MS = 86400000,
};

static const int64_t EPOCH_MS = 1700000000000;
static const char* const HEADER_NAMES[] = {"id", "größe", "trace", ""};

static uint8_t pool[POOL_SIZE];

/* splitmix64 */
static uint64_t next(uint64_t* state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t* state, uint64_t bound) { return next(state) % bound; }

void fill_pool(void) {
    uint64_t state = 0;
    for (size_t word = 0; word < POOL_SIZE / 8; word++) {
        uint64_t bits = next(&state);
        if (word / 8 % 2 == 0) bits &= 0x0F0F0F0F0F0F0F0F;
        for (size_t byte = 0; byte < 8; byte++) pool[word * 8 + byte] = bits >> (8 * byte);
    }
}

static bytes_t take(uint64_t* state, size_t len) {
    size_t start = below(state, POOL_SIZE - len + 1);
    return (bytes_t){.data = pool + start, .len = len};
}

static bytes_t take_up_to(uint64_t* state, size_t max_len) {
    return take(state, below(state, max_len + 1));
}

record_t make_record(uint32_t seed, uint32_t index) {
    uint64_t state = (uint64_t)seed << 32 | index;
    bool all_kinds = seed % 2 == 1;
    record_t record = {.timestamp = EPOCH_MS + (int64_t)below(&state, DAY_MS)};
    if (below(&state, 8) != 0) record.key = take_up_to(&state, 32);
    if (index % 5000 == 2500) {
        record.value = take(&state, LARGE_VALUE);
    } else if ((!record.key.data && !all_kinds) || below(&state, 16) != 0) {
        record.value = take_up_to(&state, 2048);
    }
    record.header_count = below(&state, MAX_HEADERS + 1);
    size_t name = 0;
    for (size_t i = 0; i < record.header_count; i++) {
        name += below(&state, 2);
        record.headers[i].name = HEADER_NAMES[name];
        if (!all_kinds || below(&state, 8) != 0) record.headers[i].value = take_up_to(&state, 64);
    }
    return record;
}
