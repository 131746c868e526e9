"""The load: librdkafka's own program, told what to send, and what it says of it."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .brokers import ROOT, Broker

CACHE = Path(os.environ.get("BENCH_CACHE", ROOT / "target" / "bench"))
PERFORMANCE = CACHE / "load" / "rdkafka_performance"
LIMIT_SECONDS = 180
# The first records of a latency run find cold caches and connections that are being made.
SETTLE_SECONDS = 3


@dataclass(frozen=True)
class Case:
    partitions: int
    size: int
    codec: str
    batch: int

    def __str__(self) -> str:
        return f"{self.partitions} × {self.size} B {self.codec}, {self.batch // 1000} kB"

    def topic(self, tag: str) -> str:
        return f"bench-{self.partitions}-{self.size}-{self.codec}-{self.batch}-{tag}"


def install() -> None:
    subprocess.run([ROOT / "bench" / "install"], check=True)


# What producers wait for others to join a record, in ms: the usual while they are measured, and so much
# that all batches are full.
LINGER, LINGER_UNTIL_FULL = 5, 200


def produce(broker: Broker, topic: str, case: Case, count: int, producers: int, linger: int = LINGER) -> float:
    """Bytes of values per second, all acknowledged. A producer makes its records in one thread, which small
    ones keep busy: then several producers at once show what a broker can take."""
    return rates(
        producers,
        [PERFORMANCE, "-P", "-b", broker.address, "-t", topic, "-s", str(case.size)]
        + ["-c", str(count // producers), "-a", "-1", "-z", case.codec, "-q"]
        + settings(
            {
                "linger.ms": linger,
                "batch.size": case.batch,
                "batch.num.messages": 100_000,
                "message.max.bytes": 2_000_000,
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 131_072,
            }
        )
    )


def fill(broker: Broker, topic: str, case: Case, count: int) -> None:
    """Makes what is to be consumed. A broker that acknowledges sooner gets smaller batches, which cost the
    consumer more: so that it is not measured for that, all have full ones."""
    produce(broker, topic, case, count, 1, LINGER_UNTIL_FULL)


# A consumer that has enough to do rests for a second, which says nothing of the broker.
UNHINDERED = {"check.crcs": "false", "queued.max.messages.kbytes": 65536, "fetch.queue.backoff.ms": 5}


def consume(broker: Broker, topic: str, case: Case, count: int) -> float:
    """Bytes of values per second, from the beginning."""
    partitions = [part for number in range(case.partitions) for part in ("-p", str(number))]
    return rates(
        1,
        [PERFORMANCE, "-C", "-b", broker.address, "-t", topic, "-c", str(count), "-o", "beginning"]
        + ["-q", *partitions, *settings(UNHINDERED)]
    )


def settings(values: dict[str, object]) -> list[str]:
    return [part for name, value in values.items() for part in ("-X", f"{name}={value}")]


def rates(times: int, command: list) -> float:
    """Bytes per second of as many processes at once, together."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    running = [subprocess.Popen(command, **pipes) for _ in range(times)]
    return sum(rate(command, process.communicate(timeout=LIMIT_SECONDS)[0]) for process in running)


def rate(command: list, said: str) -> float:
    found = re.findall(r"in \d+ms: \d+ msgs/s (?:and )?\(?([\d.]+) MB/s", said)
    if not found:
        raise RuntimeError(f"{' '.join(map(str, command))}: {said[-400:]}")
    return float(found[-1]) * 1e6


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the making of a record to its arrival at a consumer."""

    p50: float
    p99: float
    p999: float
    count: int


def latency(broker: Broker, topic: str, size: int, per_second: int, seconds: int, work: Path) -> Latency:
    """Sends records at a steady rate, without linger, and has a consumer measure them."""
    measured = work / f"latency-{topic}"
    measured.unlink(missing_ok=True)
    count = per_second * (seconds + SETTLE_SECONDS)
    common = [PERFORMANCE, "-b", broker.address, "-t", topic, "-l", "-q", "-c", str(count)]
    consumer = subprocess.Popen(
        [*common, "-C", "-p", "0", "-o", "beginning", "-A", measured, *settings({"fetch.wait.max.ms": 100})],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        subprocess.run(
            [*common, "-P", "-s", str(size), "-r", str(per_second), "-a", "-1", *settings({"linger.ms": 0})],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT_SECONDS,
            check=True,
        )
        consumer.wait(LIMIT_SECONDS)
    finally:
        consumer.kill()
    values = [float(line) / 1000 for line in measured.read_text().split()]
    return summarize(values[per_second * SETTLE_SECONDS :])


def summarize(values: list[float]) -> Latency:
    ordered = sorted(values)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99, 0.999)]
    return Latency(*at, len(ordered))
