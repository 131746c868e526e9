/* Drives librdkafka through the contract of tests/clients/README.md. */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "records.h"

enum { TIMEOUT_MS = 60000, POLL_MS = 100, MAX_UNCOMMITTED = 1000 };

#define FAIL(...) fail(__LINE__, __VA_ARGS__)

__attribute__((noreturn, format(printf, 2, 3))) static void fail(int line, const char* format,
                                                                 ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "driver.c:%d: ", line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

static void check(rd_kafka_resp_err_t error, const char* what) {
    if (error) FAIL("%s: %s", what, rd_kafka_err2str(error));
}

static void set(rd_kafka_conf_t* conf, const char* name, const char* value) {
    char reason[256];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason)) FAIL("%s", reason);
}

static rd_kafka_t* open_client(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
    char reason[256];
    rd_kafka_t* client = rd_kafka_new(type, conf, reason, sizeof reason);
    if (!client) FAIL("%s", reason);
    return client;
}

/* ---- produce ---- */

static void create_topic(rd_kafka_t* client, const char* topic) {
    char reason[256];
    rd_kafka_NewTopic_t* wanted =
        rd_kafka_NewTopic_new(topic, PARTITIONS, 1, reason, sizeof reason);
    if (!wanted) FAIL("%s", reason);
    check(rd_kafka_NewTopic_set_config(wanted, "retention.ms", "-1"), "retention.ms");
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &wanted, 1, NULL, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    if (!event) FAIL("no answer to CreateTopics");
    check(rd_kafka_event_error(event), "CreateTopics");
    size_t count;
    const rd_kafka_topic_result_t** results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[0]);
    if (error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) check(error, "CreateTopics");
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(wanted);
}

static void on_delivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* opaque) {
    (void)client, (void)opaque;
    intptr_t index = (intptr_t)message->_private;
    check(message->err, "delivery");
    if (message->offset != index / PARTITIONS)
        FAIL("record %" PRIdPTR " got offset %" PRId64, index, message->offset);
}

static rd_kafka_headers_t* make_headers(const record_t* record) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const header_t* header = &record->headers[i];
        check(rd_kafka_header_add(headers, header->name, -1, header->value.data,
                                  (ssize_t)header->value.len),
              "header");
    }
    return headers;
}

static rd_kafka_resp_err_t send_record(rd_kafka_t* producer, const char* topic, uint32_t index,
                                       const record_t* record) {
    rd_kafka_headers_t* headers = make_headers(record);
    rd_kafka_resp_err_t error = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION((int32_t)(index % PARTITIONS)),
        RD_KAFKA_V_KEY((void*)record->key.data, record->key.len),
        RD_KAFKA_V_VALUE((void*)record->value.data, record->value.len),
        RD_KAFKA_V_TIMESTAMP(record->timestamp), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE((void*)(intptr_t)index), RD_KAFKA_V_END);
    if (error) rd_kafka_headers_destroy(headers);
    return error;
}

static void produce(const char* bootstrap, char** args) {
    const char* topic = args[0];
    uint32_t first = (uint32_t)atol(args[1]), count = (uint32_t)atol(args[2]),
             seed = (uint32_t)atol(args[4]);
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "compression.codec", args[3]);
    set(conf, "enable.idempotence", "true");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t* producer = open_client(RD_KAFKA_PRODUCER, conf);
    create_topic(producer, topic);
    for (uint32_t index = first; index < first + count; index++) {
        record_t record = make_record(seed, index);
        rd_kafka_resp_err_t error;
        while ((error = send_record(producer, topic, index, &record)) ==
               RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(producer, POLL_MS);
        }
        check(error, "produce");
        rd_kafka_poll(producer, 0);
    }
    check(rd_kafka_flush(producer, TIMEOUT_MS), "flush");
    rd_kafka_destroy(producer);
}

/* ---- consume ---- */

typedef struct {
    const char* topic;
    const char* name;
    uint32_t seed;
    int64_t first[PARTITIONS]; /* of the records that are read and not yet committed */
    int64_t next[PARTITIONS];
    size_t uncommitted;
} member_t;

static bool same(const void* data, size_t len, bytes_t expected) {
    if (!data || !expected.data) return !data && !expected.data;
    return len == expected.len && memcmp(data, expected.data, len) == 0;
}

static bool same_headers(const rd_kafka_message_t* message, const record_t* expected) {
    rd_kafka_headers_t* headers = NULL;
    rd_kafka_resp_err_t error = rd_kafka_message_headers(message, &headers);
    if (error != RD_KAFKA_RESP_ERR__NOENT) check(error, "headers");
    if ((headers ? rd_kafka_header_cnt(headers) : 0) != expected->header_count) return false;
    for (size_t i = 0; i < expected->header_count; i++) {
        const char* name;
        const void* value;
        size_t len;
        check(rd_kafka_header_get_all(headers, i, &name, &value, &len), "header");
        if (strcmp(name, expected->headers[i].name) != 0 ||
            !same(value, len, expected->headers[i].value))
            return false;
    }
    return true;
}

static void compare(const rd_kafka_message_t* message, uint32_t seed) {
    uint32_t index = (uint32_t)(message->offset * PARTITIONS + message->partition);
    record_t expected = make_record(seed, index);
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    const char* field = NULL;
    if (!same(message->key, message->key_len, expected.key)) field = "key";
    if (!same(message->payload, message->len, expected.value)) field = "value";
    if (!same_headers(message, &expected)) field = "headers";
    if (timestamp != expected.timestamp || type != RD_KAFKA_TIMESTAMP_CREATE_TIME)
        field = "timestamp";
    if (field) FAIL("mismatch: record %" PRIu32 ", %s", index, field);
}

static void commit_reads(rd_kafka_t* consumer, member_t* member) {
    if (member->uncommitted == 0) return;
    rd_kafka_topic_partition_list_t* offsets = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        if (member->first[p] == member->next[p]) continue;
        printf("%s read %d %" PRId64 " %" PRId64 "\n", member->name, p, member->first[p],
               member->next[p]);
        rd_kafka_topic_partition_list_add(offsets, member->topic, p)->offset = member->next[p];
        member->first[p] = member->next[p];
    }
    /* a commit that a rebalance overtook is not claimed; the next owner then reads those records
     * again */
    if (!rd_kafka_commit(consumer, offsets, 0)) {
        for (int i = 0; i < offsets->cnt; i++) {
            printf("%s commit %d %" PRId64 "\n", member->name, offsets->elems[i].partition,
                   offsets->elems[i].offset);
        }
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    member->uncommitted = 0;
}

static void on_rebalance(rd_kafka_t* consumer, rd_kafka_resp_err_t event,
                         rd_kafka_topic_partition_list_t* partitions, void* opaque) {
    member_t* member = opaque;
    bool assigned = event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if (!assigned) commit_reads(consumer, member);
    for (int i = 0; i < partitions->cnt; i++) {
        int32_t p = partitions->elems[i].partition;
        printf("%s %s %d\n", member->name, assigned ? "assign" : "revoke", p);
        member->first[p] = member->next[p] = RD_KAFKA_OFFSET_INVALID;
    }
    check(rd_kafka_assign(consumer, assigned ? partitions : NULL), "assign");
}

static void take_message(rd_kafka_t* consumer, member_t* member,
                         const rd_kafka_message_t* message) {
    check(message->err, "poll");
    compare(message, member->seed);
    int32_t p = message->partition;
    if (member->next[p] == RD_KAFKA_OFFSET_INVALID)
        member->first[p] = member->next[p] = message->offset;
    if (message->offset != member->next[p])
        FAIL("offset %" PRId64 " in place of %" PRId64, message->offset, member->next[p]);
    member->next[p]++;
    if (++member->uncommitted == MAX_UNCOMMITTED) commit_reads(consumer, member);
}

static void print_ends(rd_kafka_t* consumer, const member_t* member) {
    rd_kafka_topic_partition_list_t* offsets = rd_kafka_topic_partition_list_new(PARTITIONS);
    rd_kafka_topic_partition_list_add_range(offsets, member->topic, 0, PARTITIONS - 1);
    check(rd_kafka_committed(consumer, offsets, TIMEOUT_MS), "committed");
    for (int32_t p = 0; p < PARTITIONS; p++) {
        int64_t start, end;
        check(
            rd_kafka_query_watermark_offsets(consumer, member->topic, p, &start, &end, TIMEOUT_MS),
            "end offset");
        printf("%s end %d %" PRId64 " %" PRId64 "\n", member->name, p, offsets->elems[p].offset,
               end);
    }
    rd_kafka_topic_partition_list_destroy(offsets);
}

static bool told_to_leave(void) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) != 0;
}

static rd_kafka_t* join(const char* bootstrap, const char* group, member_t* member) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "group.id", group);
    set(conf, "client.id", member->name);
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.commit", "false");
    set(conf, "check.crcs", "true");
    set(conf, "session.timeout.ms", "10000");
    set(conf, "heartbeat.interval.ms", "500");
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_opaque(conf, member);
    rd_kafka_t* consumer = open_client(RD_KAFKA_CONSUMER, conf);
    check(rd_kafka_poll_set_consumer(consumer), "poll_set_consumer");
    rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, member->topic, RD_KAFKA_PARTITION_UA);
    check(rd_kafka_subscribe(consumer, topics), "subscribe");
    rd_kafka_topic_partition_list_destroy(topics);
    return consumer;
}

static void consume(const char* bootstrap, char** args) {
    member_t member = {.topic = args[0], .seed = (uint32_t)atol(args[2]), .name = args[3]};
    rd_kafka_t* consumer = join(bootstrap, args[1], &member);
    while (!told_to_leave()) {
        rd_kafka_message_t* message =
            rd_kafka_consumer_poll(consumer, member.uncommitted ? 0 : POLL_MS);
        if (message) {
            take_message(consumer, &member, message);
            rd_kafka_message_destroy(message);
        } else {
            commit_reads(consumer, &member);
        }
    }
    commit_reads(consumer, &member);
    print_ends(consumer, &member);
    check(rd_kafka_consumer_close(consumer), "close");
    rd_kafka_destroy(consumer);
}

int main(int argc, char** argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    fill_pool();
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        puts(rd_kafka_version_str());
    } else if (argc == 8 && strcmp(argv[1], "produce") == 0) {
        produce(argv[2], argv + 3);
    } else if (argc == 7 && strcmp(argv[1], "consume") == 0) {
        consume(argv[2], argv + 3);
    } else {
        FAIL(
            "usage: driver version | produce BOOTSTRAP TOPIC FIRST COUNT CODEC SEED | consume "
            "BOOTSTRAP TOPIC GROUP "
            "SEED NAME");
    }
}
