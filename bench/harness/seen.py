"""Commits one record after the other and notes when a consumer of committed records sees each.

Prints, as a list, how many milliseconds after the answer to the commit that was; 0 if it came before.
"""

import json
import sys
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

PAUSE_SECONDS = 0.02
# The first ones find coordinators that are not known yet.
SETTLE = 50


def main(address: str, topic: str, count: int) -> None:
    arrived: dict[int, float] = {}
    consumer = threading.Thread(target=consume, args=(address, topic, count, arrived))
    consumer.start()
    answered = produce(address, topic, count)
    consumer.join()
    numbers = range(SETTLE, count)
    print(json.dumps([max(0.0, arrived[number] - answered[number]) * 1000 for number in numbers]))


def produce(address: str, topic: str, count: int) -> list[float]:
    producer = Producer({"bootstrap.servers": address, "transactional.id": topic, "linger.ms": 0})
    producer.init_transactions()
    answered = []
    for number in range(count):
        producer.begin_transaction()
        producer.produce(topic, str(number), partition=0)
        producer.commit_transaction()
        answered.append(time.monotonic())
        time.sleep(PAUSE_SECONDS)
    return answered


def consume(address: str, topic: str, count: int, arrived: dict[int, float]) -> None:
    settings = {"bootstrap.servers": address, "group.id": topic, "isolation.level": "read_committed"}
    consumer = Consumer(settings)
    consumer.assign([TopicPartition(topic, 0, 0)])
    while len(arrived) < count:
        message = consumer.poll(10)
        if message is None:
            raise SystemExit(f"{len(arrived)} of {count} records were seen")
        if message.error() is None:
            arrived[int(message.value())] = time.monotonic()
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
