/* The records that every client produces and expects, as tests/clients/README.md defines them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { PARTITIONS = 4, MAX_HEADERS = 3 };

/* Bytes inside the pool; a null pointer is a null field, which is not the same as an empty one. */
typedef struct {
    const uint8_t* data;
    size_t len;
} bytes_t;

typedef struct {
    const char* name;
    bytes_t value;
} header_t;

typedef struct {
    int64_t timestamp;
    bytes_t key;
    bytes_t value;
    size_t header_count;
    header_t headers[MAX_HEADERS];
} record_t;

/* To be called once, before the first record. */
void fill_pool(void);

record_t make_record(uint32_t seed, uint32_t index);
