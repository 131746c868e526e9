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


class Member:
    def __init__(self, bootstrap: str, topic: str, group: str, seed: int, name: str):
        self.topic, self.seed, self.name = topic, seed, name
        # the next offset of each partition that is owned and not committed
        self.uncommitted: dict[int, int] = {}
        self.consumer = Consumer(
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

    def run(self) -> None:
        self.consumer.subscribe(
            [self.topic], on_assign=self.on_assign, on_revoke=self.on_revoke, on_lost=self.on_revoke
        )
        while not contract.told_to_leave():
            self.read(self.consumer.consume(MAX_BATCH, timeout=0.1))
            self.commit()
        self.report_ends()
        self.consumer.close()

    def on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            contract.report(self.name, "assign", partition.partition)

    def on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            contract.report(self.name, "revoke", partition.partition)
            self.uncommitted.pop(partition.partition, None)

    def read(self, messages: list[Message]) -> None:
        offsets: dict[int, list[int]] = {}
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            compare(message, self.seed)
            offsets.setdefault(message.partition(), []).append(message.offset())
        for partition, read in offsets.items():
            contract.report(self.name, "read", partition, read[0], read[-1] + 1)
            self.uncommitted[partition] = read[-1] + 1

    def commit(self) -> None:
        """Claims nothing when a rebalance overtakes it: what stays owned is tried again later,
        and the next owner of what does not reads those records again."""
        if not self.uncommitted:
            return
        offsets = [TopicPartition(self.topic, *offset) for offset in self.uncommitted.items()]
        try:
            self.consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException:
            return
        for partition, offset in self.uncommitted.items():
            contract.report(self.name, "commit", partition, offset)
        self.uncommitted.clear()

    def report_ends(self) -> None:
        partitions = [TopicPartition(self.topic, p) for p in range(PARTITIONS)]
        for committed in self.consumer.committed(partitions, TIMEOUT_S):
            _, end = self.consumer.get_watermark_offsets(committed, TIMEOUT_S)
            contract.report(self.name, "end", committed.partition, committed.offset, end)


def consume(bootstrap: str, topic: str, group: str, seed: int, name: str) -> None:
    Member(bootstrap, topic, group, seed, name).run()


def compare(message: Message, seed: int) -> None:
    timestamp_type, timestamp = message.timestamp()
    record = Record(
        timestamp=timestamp if timestamp_type == TIMESTAMP_CREATE_TIME else None,
        key=message.key(),
        value=message.value(),
        headers=message.headers() or [],
    )
    contract.compare(seed, message.partition(), message.offset(), record)


if __name__ == "__main__":
    contract.run(sys.modules[__name__])
