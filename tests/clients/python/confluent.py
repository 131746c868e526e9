"""Drives confluent-kafka, which carries the newest librdkafka."""

import sys

import confluent_kafka
import contract
from confluent_kafka import (
    TIMESTAMP_CREATE_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic
from records import PARTITIONS, Record, make_record

TIMEOUT_S = 60
MAX_BATCH = 1000


def version() -> str:
    return f"{confluent_kafka.version()} (librdkafka {confluent_kafka.libversion()[0]})"


def produce(bootstrap: str, topic: str, indexes: range, codec: str, seed: int) -> None:
    create_topic(bootstrap, topic)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.codec": codec,
            "enable.idempotence": True,
        }
    )
    for index in indexes:
        send(producer, topic, seed, index)
        producer.poll(0)
    if producer.flush(TIMEOUT_S):
        sys.exit("records are left after the flush")


def send(producer: Producer, topic: str, seed: int, index: int) -> None:
    def on_delivery(error: KafkaError | None, message: Message) -> None:
        if error:
            raise KafkaException(error)
        contract.check_delivery(index, message.offset())

    made = make_record(seed, index)
    while True:
        try:
            return producer.produce(
                topic,
                value=made.value,
                key=made.key,
                partition=index % PARTITIONS,
                timestamp=made.timestamp,
                headers=made.headers,
                on_delivery=on_delivery,
            )
        except BufferError:
            producer.poll(0.1)


def create_topic(bootstrap: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = NewTopic(topic, PARTITIONS, 1, config={"retention.ms": "-1"})
    try:
        admin.create_topics([wanted])[topic].result(TIMEOUT_S)
    except KafkaException as e:
        if e.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def consume(bootstrap: str, topic: str, group: str, seed: int, name: str) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "client.id": name,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "check.crcs": True,
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 10_000,
            "heartbeat.interval.ms": 500,
        }
    )
    consumer.subscribe(
        [topic],
        on_assign=reporter(name, "assign"),
        on_revoke=reporter(name, "revoke"),
        on_lost=reporter(name, "revoke"),
    )
    while not contract.told_to_leave():
        messages = consumer.consume(MAX_BATCH, timeout=0.1)
        if messages:
            read(messages, seed, name)
            commit(consumer, messages, name)
    report_ends(consumer, topic, name)
    consumer.close()


def reporter(name: str, event: str):
    def report(_consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            contract.report(name, event, partition.partition)

    return report


def read(messages: list[Message], seed: int, name: str) -> None:
    for message in messages:
        if message.error():
            raise KafkaException(message.error())
        compare(message, seed)
    for partition, offsets in by_partition(messages).items():
        contract.report(name, "read", partition, offsets[0], offsets[-1] + 1)


def by_partition(messages: list[Message]) -> dict[int, list[int]]:
    offsets: dict[int, list[int]] = {}
    for message in messages:
        offsets.setdefault(message.partition(), []).append(message.offset())
    return offsets


def compare(message: Message, seed: int) -> None:
    timestamp_type, timestamp = message.timestamp()
    assert timestamp_type == TIMESTAMP_CREATE_TIME
    record = Record(timestamp, message.key(), message.value(), message.headers() or [])
    contract.compare(seed, message.partition(), message.offset(), record)


def commit(consumer: Consumer, messages: list[Message], name: str) -> None:
    topic = messages[0].topic()
    offsets = [
        TopicPartition(topic, partition, read[-1] + 1)
        for partition, read in by_partition(messages).items()
    ]
    try:
        consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException:
        return  # a rebalance overtook it, so it is not claimed; the next owner reads those records again
    for partition in offsets:
        contract.report(name, "commit", partition.partition, partition.offset)


def report_ends(consumer: Consumer, topic: str, name: str) -> None:
    partitions = [TopicPartition(topic, p) for p in range(PARTITIONS)]
    for committed in consumer.committed(partitions, TIMEOUT_S):
        _, end = consumer.get_watermark_offsets(committed, TIMEOUT_S)
        contract.report(name, "end", committed.partition, committed.offset, end)


if __name__ == "__main__":
    contract.run(sys.modules[__name__])
