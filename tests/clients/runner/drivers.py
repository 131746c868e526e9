"""The client drivers, and how to start them."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("CLIENTS_CACHE") or ROOT.parent.parent / "target/clients").resolve()

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
PRODUCE_TIMEOUT_S = 300


class Failure(Exception):
    """A client said no."""


@dataclass(frozen=True)
class Driver:
    name: str
    argv: tuple[str, ...]
    sends_every_kind: (
        bool  # of record; the others cannot send a null header value, or neither key nor value
    )

    def seed(self, seed: int) -> int:
        """Odd seeds make every kind of record, even ones what all clients can send."""
        return 2 * seed + self.sends_every_kind

    def version(self) -> str:
        return self.call("version").strip()

    def produce(
        self, bootstrap: str, topic: str, first: int, count: int, codec: str, seed: int
    ) -> None:
        self.call("produce", bootstrap, topic, str(first), str(count), codec, str(seed))

    def call(self, *args: str) -> str:
        done = subprocess.run(
            [*self.argv, *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PRODUCE_TIMEOUT_S,
        )
        if done.returncode != 0:
            raise Failure(f"{args[0]}: {last_line(done.stderr)}")
        return done.stdout


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no word"


def java(*flags: str) -> tuple[str, ...]:
    class_path = f"{CACHE}/java/classes:{CACHE}/java/jars/*"
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    return ("java", *flags, quiet, "-cp", class_path, "clients.Driver")


def python(module: str) -> tuple[str, ...]:
    return (f"{CACHE}/python/bin/python", "-B", f"{ROOT}/python/{module}.py")


DRIVERS = (
    Driver("librdkafka", (f"{CACHE}/librdkafka/driver",), True),
    Driver("java", java("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"), True),
    Driver("franz-go", (f"{CACHE}/go/driver",), True),
    Driver("kafka-python", python("kafka_python"), False),
    Driver("confluent-kafka", python("confluent"), True),
    Driver("kafkajs", ("node", f"{CACHE}/node/driver.js"), False),
)
