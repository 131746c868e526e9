"""A broker that is killed again and again, and whatever else has to live with that."""

import os
import random
import re
import subprocess
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
THALWEG = Path(os.environ.get("THALWEG", TARGET / "release" / "thalweg"))
READY_SECONDS = 120
SETTINGS = ["group.initial.rebalance.delay.ms=0", "log.retention.ms=-1"]


class Victim:
    """A process that is killed and started again. It has started when its log says `ready`."""

    def __init__(self, log: Path, ready: str = ""):
        self.log, self.ready = log, ready
        self.start()

    def command(self) -> list:
        raise NotImplementedError

    def start(self) -> None:
        with self.log.open("ab") as output:
            began = output.tell()
            self.process = subprocess.Popen(self.command(), stdout=output, stderr=output)
        deadline = time.monotonic() + READY_SECONDS
        while self.ready not in (said := self.log.read_bytes()[began:].decode()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.log}: it did not start: {said[-1000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> "Victim":
        return self

    def __exit__(self, *_) -> None:
        self.kill()


class Broker(Victim):
    """One on a directory of its own, always at the same address."""

    def __init__(self, directory: Path, settings: tuple[str, ...] = ()):
        self.directory, self.settings = directory, settings
        self.address = "127.0.0.1:0"
        super().__init__(directory / "log", "\nready in ")
        self.address = re.findall(r"^kafka +(\S+)", self.log.read_text(), re.MULTILINE)[0]

    def command(self) -> list:
        command = [THALWEG, "serve", "--data-dir", self.directory / "data"]
        command += [f"--kafka-listen={self.address}", "--http-listen=127.0.0.1:0"]
        return command + [f"--set={setting}" for setting in [*SETTINGS, *self.settings]]

    def metric(self, name: str) -> float:
        page = re.findall(r"^http +(\S+)", self.log.read_text(), re.MULTILINE)[-1]
        with urllib.request.urlopen(page, timeout=10) as answer:
            value = re.search(rf"^thalweg_{name} (\S+)$", answer.read().decode(), re.MULTILINE)
        return float(value[1])

    def tool(self, *arguments: str, **more) -> str:
        command = [THALWEG, *arguments, "--bootstrap", self.address]
        done = subprocess.run(command, check=True, capture_output=True, text=True, **more)
        return done.stdout


class Killer:
    """While it is open, its victim is killed and started again at random times."""

    def __init__(self, victim: Victim, every: tuple[float, float], seed: int):
        self.victim, self.every, self.random = victim, every, random.Random(seed)
        self.kills = 0
        self.done = threading.Event()
        self.thread = ThreadPoolExecutor(1)

    def __enter__(self) -> "Killer":
        self.killing = self.thread.submit(self.run)
        return self

    def __exit__(self, *_) -> None:
        self.done.set()
        self.killing.result()

    def run(self) -> None:
        while not self.done.wait(self.random.uniform(*self.every)):
            self.victim.kill()
            self.kills += 1
            self.victim.start()
