"""The records that every client produces and expects, as tests/clients/README.md defines them."""

from typing import NamedTuple

PARTITIONS = 4

POOL_SIZE = 128 * 1024
LARGE_VALUE = 100_000
EPOCH_MS = 1_700_000_000_000
DAY_MS = 86_400_000
HEADER_NAMES = ("id", "größe", "trace", "")
U64 = 0xFFFF_FFFF_FFFF_FFFF


class Record(NamedTuple):
    timestamp: int | None  # none if it is not the time of creation
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class Random:
    """splitmix64"""

    def __init__(self, state: int):
        self.state = state

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & U64
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & U64
        z = (z ^ z >> 27) * 0x94D049BB133111EB & U64
        return z ^ z >> 31

    def below(self, bound: int) -> int:
        return self.next() % bound

    def take(self, size: int) -> bytes:
        start = self.below(POOL_SIZE - size + 1)
        return POOL[start : start + size]

    def take_up_to(self, max_size: int) -> bytes:
        return self.take(self.below(max_size + 1))


def make_pool() -> bytes:
    random = Random(0)
    pool = bytearray()
    for word in range(POOL_SIZE // 8):
        mask = 0x0F0F_0F0F_0F0F_0F0F if word // 8 % 2 == 0 else U64
        pool += (random.next() & mask).to_bytes(8, "little")
    return bytes(pool)


POOL = make_pool()


def make_record(seed: int, index: int) -> Record:
    random = Random(seed << 32 | index)
    all_kinds = seed % 2 == 1
    timestamp = EPOCH_MS + random.below(DAY_MS)
    key = None if random.below(8) == 0 else random.take_up_to(32)
    value = make_value(random, index, nullable=all_kinds or key is not None)
    headers = []
    name = 0
    for _ in range(random.below(4)):
        name += random.below(2)
        is_null = all_kinds and random.below(8) == 0
        headers.append((HEADER_NAMES[name], None if is_null else random.take_up_to(64)))
    return Record(timestamp, key, value, headers)


def make_value(random: Random, index: int, nullable: bool) -> bytes | None:
    if index % 5000 == 2500:
        return random.take(LARGE_VALUE)
    return None if nullable and random.below(16) == 0 else random.take_up_to(2048)
