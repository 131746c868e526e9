"""Transactions as clients make them: Kafka's own program for throughput, librdkafka's client for when a commit is seen."""

import json
import re
import subprocess
import sys
from pathlib import Path

from .brokers import ROOT, Broker
from .loads import LIMIT_SECONDS, CACHE

POM = ROOT / "bench" / "tools.pom.xml"
JARS = CACHE / "tools"
PYTHON = CACHE / "python"
CONFLUENT = "confluent-kafka==2.16.1"
SEEN = Path(__file__).with_name("seen.py")


def install() -> None:
    if not JARS.exists():
        goals = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={JARS}"]
        subprocess.run(["mvn", "--quiet", "--batch-mode", "--file", POM, *goals], check=True)
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", PYTHON], check=True)
        pip = [PYTHON / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, CONFLUENT], check=True)


def produce(broker: Broker, topic: str, size: int, count: int, duration_ms: int) -> float:
    """Bytes of values per second in transactions that are committed when they are so old."""
    command = ["java", "-Xmx512m", "-cp", f"{JARS}/*", "org.apache.kafka.tools.ProducerPerformance"]
    command += ["--topic", topic, "--num-records", str(count), "--record-size", str(size), "--throughput", "-1"]
    command += ["--transactional-id", topic, "--transaction-duration-ms", str(duration_ms)]
    command += ["--producer-props", f"bootstrap.servers={broker.address}", "acks=all"]
    command += ["linger.ms=5", "batch.size=262144", "buffer.memory=134217728"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS).stdout
    found = re.findall(r"([\d.]+) records/sec", said)
    if not found:
        raise RuntimeError(f"ProducerPerformance: {said[-400:]}")
    return float(found[-1]) * size


def seen(broker: Broker, topic: str, count: int) -> list[float]:
    """For each of so many commits, the milliseconds from the answer to its EndTxn until a consumer of committed
    records has its record; sorted."""
    command = [PYTHON / "bin" / "python", SEEN, broker.address, topic, str(count)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    return sorted(json.loads(said.stdout))
