"""The brokers that are compared, each started on a fresh directory."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
THALWEG = Path(os.environ.get("THALWEG", TARGET / "release" / "thalweg"))
START_SECONDS = 60
SETTLE_SECONDS = 0.5


class Broker:
    """One that runs. Topics are made through Kafka's protocol, with the same tool for all."""

    name: str
    durability: str
    address: str
    pid: int

    @contextmanager
    def topic(self, tag: str, partitions: int) -> Iterator[str]:
        """A topic for a while."""
        name = f"{tag}-{os.getpid()}"
        self._tool("topic", "create", name, "--partitions", str(partitions))
        time.sleep(SETTLE_SECONDS)
        yield name
        self._tool("topic", "delete", name)

    def _tool(self, *arguments: str) -> None:
        command = [THALWEG, *arguments, "--bootstrap", self.address]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Thalweg(Broker):
    name = "thalweg"

    def __init__(self, directory: Path, settings: list[str]):
        log = directory / "log"
        directory.mkdir(parents=True)
        command = [THALWEG, "serve", "--data-dir", directory / "data"]
        command += ["--kafka-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0"]
        command += [f"--set={setting}" for setting in settings]
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, stderr=output)
        self.pid = self.process.pid
        said = self._wait_until_ready(log)
        self.address = re.findall(r"^kafka +(\S+)", said, re.MULTILINE)[0]
        self.durability = re.findall(r"^durability +(.+)", said, re.MULTILINE)[0]

    def _wait_until_ready(self, log: Path) -> str:
        for _ in range(START_SECONDS * 10):
            said = log.read_text()
            if "\nready in " in said:
                return said
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"thalweg did not start: {log.read_text()}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Kafka(Broker):
    name = "kafka"
    durability = "page cache: an acknowledged record survives: process kill yes · power cut no"
    script = ROOT / "tests" / "peers" / "kafka"
    port = 19392

    def __init__(self, directory: Path, settings: list[str]):
        self.directory = directory
        subprocess.run([self.script, "start", str(self.port), directory], check=True)
        self.address = f"127.0.0.1:{self.port}"
        self.pid = int((directory / "pid").read_text())

    def stop(self) -> None:
        subprocess.run([self.script, "stop", self.directory], check=True)


BROKERS = {broker.name: broker for broker in (Kafka, Thalweg)}


@contextmanager
def running(names: list[str], under: str | None, settings: list[str]) -> Iterator[tuple[Path, list[Broker]]]:
    """The brokers, each on a fresh directory, and a directory to work in, all gone afterwards."""
    with TemporaryDirectory(prefix="bench-", dir=under) as directory, ExitStack() as stack:
        started = []
        for name in names:
            started.append(BROKERS[name](Path(directory, name), settings))
            stack.callback(started[-1].stop)
        yield Path(directory), started
