"""Drives kafka-python."""

import sys
from collections import deque
from contextlib import suppress

import contract
import kafka
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import (
    CommitFailedError,
    RebalanceInProgressError,
    TopicAlreadyExistsError,
)
from kafka.structs import OffsetAndMetadata
from records import PARTITIONS, Record, make_record

MAX_IN_FLIGHT = 2000
TIMEOUT_S = 60
CREATE_TIME = 0


def version() -> str:
    return kafka.__version__


def produce(bootstrap: str, topic: str, indexes: range, codec: str, seed: int) -> None:
    create_topic(bootstrap, topic)
    producer = kafka.KafkaProducer(
        bootstrap_servers=bootstrap,
        compression_type=None if codec == "none" else codec,
        enable_idempotence=True,
        linger_ms=10,
        batch_size=65536,
    )
    unchecked: deque = deque()
    for index in indexes:
        made = make_record(seed, index)
        answer = producer.send(
            topic,
            partition=index % PARTITIONS,
            key=made.key,
            value=made.value,
            headers=made.headers,
            timestamp_ms=made.timestamp,
        )
        unchecked.append((index, answer))
        if len(unchecked) > MAX_IN_FLIGHT:
            check_oldest(unchecked)
    producer.flush()
    while unchecked:
        check_oldest(unchecked)
    producer.close()


def check_oldest(unchecked: deque) -> None:
    index, answer = unchecked.popleft()
    contract.check_delivery(index, answer.get(TIMEOUT_S).offset)


def create_topic(bootstrap: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    wanted = NewTopic(topic, PARTITIONS, 1, topic_configs={"retention.ms": "-1"})
    with suppress(TopicAlreadyExistsError):
        admin.create_topics([wanted])
    admin.close()


class Reporter(kafka.ConsumerRebalanceListener):
    def __init__(self, name: str):
        self.name = name

    def on_partitions_assigned(self, assigned) -> None:
        for partition in assigned:
            contract.report(self.name, "assign", partition.partition)

    def on_partitions_revoked(self, revoked) -> None:
        for partition in revoked:
            contract.report(self.name, "revoke", partition.partition)


def consume(bootstrap: str, topic: str, group: str, seed: int, name: str) -> None:
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        client_id=name,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=500,
    )
    consumer.subscribe([topic], listener=Reporter(name))
    while not contract.told_to_leave():
        batches = consumer.poll(timeout_ms=100, max_records=1000)
        for partition, batch in batches.items():
            for got in batch:
                compare(seed, got)
            contract.report(
                name, "read", partition.partition, batch[0].offset, batch[-1].offset + 1
            )
        if batches:
            commit(consumer, name, batches)
    report_ends(consumer, topic, name)
    # Closing does not call the listener.
    for owned in consumer.assignment():
        contract.report(name, "revoke", owned.partition)
    consumer.close()


def compare(seed: int, got) -> None:
    timestamp = got.timestamp if got.timestamp_type == CREATE_TIME else None
    record = Record(timestamp, got.key, got.value, list(got.headers))
    contract.compare(seed, got.partition, got.offset, record)


def commit(consumer: kafka.KafkaConsumer, name: str, batches: dict) -> None:
    offsets = {
        partition: OffsetAndMetadata(batch[-1].offset + 1, "", -1)
        for partition, batch in batches.items()
    }
    try:
        consumer.commit(offsets)
    except (CommitFailedError, RebalanceInProgressError):
        return  # a rebalance overtook it: not claimed, and the next owner reads those records again
    for partition, next_offset in offsets.items():
        contract.report(name, "commit", partition.partition, next_offset.offset)


def report_ends(consumer: kafka.KafkaConsumer, topic: str, name: str) -> None:
    partitions = [kafka.TopicPartition(topic, p) for p in range(PARTITIONS)]
    ends = consumer.end_offsets(partitions)
    for partition in partitions:
        committed = consumer.committed(partition)
        committed = -1 if committed is None else committed
        contract.report(name, "end", partition.partition, committed, ends[partition])


if __name__ == "__main__":
    contract.run(sys.modules[__name__])
