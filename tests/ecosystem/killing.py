"""A broker that is killed again and again, and programs of Kafka's that have to live with it."""

import os
import random
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
THALWEG = Path(os.environ.get("THALWEG", TARGET / "release" / "thalweg"))
CACHE = Path(os.environ.get("ECOSYSTEM_CACHE", ROOT / "target" / "ecosystem"))
READY_SECONDS = 30


def install() -> None:
    jars = CACHE / "jars"
    if not jars.exists():
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        subprocess.run(["mvn", "--quiet", "--batch-mode", "--file", HERE / "pom.xml", *goal], check=True)


def java(program: str, *arguments: str, memory: str = "256m") -> list[str]:
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    return ["java", f"-Xmx{memory}", quiet, "-cp", f"{CACHE}/jars/*", program, *arguments]


def interval(text: str) -> tuple[float, float]:
    """LOW-HIGH, in seconds."""
    low, high = text.split("-")
    return float(low), float(high)


class Broker:
    """One that is killed and started again on its directory, at one address."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.address = "127.0.0.1:0"
        self.start()

    def start(self) -> None:
        log = self.directory / "log"
        before = log.read_text().count("\nready in ") if log.exists() else 0
        command = [THALWEG, "serve", "--data-dir", self.directory / "data"]
        command += [f"--kafka-listen={self.address}", "--http-listen=127.0.0.1:0"]
        command += ["--set=group.initial.rebalance.delay.ms=0", "--set=log.retention.ms=-1"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(command, stderr=output)
        deadline = time.monotonic() + READY_SECONDS
        while log.read_text().count("\nready in ") == before:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the broker did not start: {log.read_text()[-1000:]}")
            time.sleep(0.02)
        if self.address.endswith(":0"):
            self.address = re.findall(r"^kafka +(\S+)", log.read_text(), re.MULTILINE)[-1]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def tool(self, *arguments: str, **more) -> str:
        command = [THALWEG, *arguments, "--bootstrap", self.address]
        done = subprocess.run(command, check=True, capture_output=True, text=True, **more)
        return done.stdout


class Killer:
    """While it is open, something is killed and started again at random times."""

    def __init__(self, victim, every: tuple[float, float], seed: int):
        self.victim, self.every, self.random = victim, every, random.Random(seed)
        self.kills = 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self) -> "Killer":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.done.set()
        self.thread.join()

    def run(self) -> None:
        while not self.done.wait(self.random.uniform(*self.every)):
            self.victim.kill()
            self.kills += 1
            self.victim.start()
