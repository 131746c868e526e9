"""What the Python drivers share of the contract in tests/clients/README.md."""

import select
import sys
from typing import Protocol

from records import PARTITIONS, Record, make_record

USAGE = """usage: version
       produce BOOTSTRAP TOPIC FIRST COUNT CODEC SEED
       consume BOOTSTRAP TOPIC GROUP SEED NAME"""


class Client(Protocol):
    def version(self) -> str: ...

    def produce(
        self, bootstrap: str, topic: str, indexes: range, codec: str, seed: int
    ) -> None: ...

    def consume(self, bootstrap: str, topic: str, group: str, seed: int, name: str) -> None: ...


def run(client: Client) -> None:
    match sys.argv[1:]:
        case ["version"]:
            print(client.version())
        case ["produce", bootstrap, topic, first, count, codec, seed]:
            indexes = range(int(first), int(first) + int(count))
            client.produce(bootstrap, topic, indexes, codec, int(seed))
        case ["consume", bootstrap, topic, group, seed, name]:
            client.consume(bootstrap, topic, group, int(seed), name)
        case _:
            sys.exit(USAGE)


def told_to_leave() -> bool:
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable)


def report(name: str, event: str, partition: int, *offsets: int) -> None:
    # one write, since the members of a group share a pipe
    line = " ".join(map(str, (name, event, partition, *offsets)))
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def check_delivery(index: int, offset: int) -> None:
    if offset != index // PARTITIONS:
        sys.exit(f"record {index} got offset {offset}")


def compare(seed: int, partition: int, offset: int, got: Record) -> None:
    index = offset * PARTITIONS + partition
    expected = make_record(seed, index)
    if got != expected:
        fields = [
            field for field in Record._fields if getattr(got, field) != getattr(expected, field)
        ]
        sys.exit(f"mismatch: record {index}, {' '.join(fields)}")
