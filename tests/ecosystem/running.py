"""What the scripts of this folder have in common: Kafka's programs, arguments, and runs that are counted."""

import argparse
import collections
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, NamedTuple

from killing import ROOT, Broker

NAME = Path(sys.argv[0]).name
KAFKA = Path(__file__).resolve().parent / "kafka"
CACHE = Path(os.environ.get("ECOSYSTEM_CACHE", ROOT / "target" / "ecosystem"))
TEMPORARY = Path(tempfile.gettempdir())
# Flink's master says when it starts a job.
LOGGING = ["defaultLogLevel=error", "log.org.apache.flink.runtime.jobmaster.JobMaster=info"]
LOGGING += ["showDateTime=true", "dateTimeFormat=HH:mm:ss.SSS"]


class Outcome(NamedTuple):
    ok: bool
    words: str


Run = Callable[[Broker, argparse.Namespace, int], Outcome]


def repeat(run: Run, options: argparse.Namespace, *settings: str) -> None:
    """Carries out a run as often as asked for, each with a broker and a seed of its own; exits with the verdict."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    failed = 0
    for number in range(options.runs):
        began = time.monotonic()
        outcome = run_once(run, options, options.seed + number, settings)
        verdict = "ok" if outcome.ok else "FAILED"
        print(f"run {number}: {verdict}: {outcome.words}, {time.monotonic() - began:.0f} s", flush=True)
        failed += not outcome.ok
    print(f"summary: {NAME}: {options.runs - failed} passed, {failed} failed")
    sys.exit(failed > 0)


def run_once(run: Run, options: argparse.Namespace, seed: int, settings: tuple[str, ...]) -> Outcome:
    """The directory of a run that fails stays, with the data and what everybody logged."""
    directory = Path(tempfile.mkdtemp(prefix=f"{NAME}-"))
    with Broker(directory, settings) as broker:
        outcome = run(broker, options, seed)
    if not outcome.ok:
        return Outcome(False, f"{outcome.words}; see {directory}")
    shutil.rmtree(directory)
    return outcome


def one_of_each(values: list[str], records: int) -> Outcome:
    """Whether `values` are the numbers below `records`, each once."""
    copies = collections.Counter(values)
    wanted = {str(number) for number in range(records)}
    lost = wanted - copies.keys()
    twice = [value for value, count in copies.items() if count > 1]
    invented = copies.keys() - wanted
    words = f"{len(copies)} records, {len(lost)} lost, {len(twice)} twice, {len(invented)} invented"
    return Outcome(not (lost or twice or invented), words)


def arguments(description: str, kill_every: tuple[float, float], seconds_max: float) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds-max", type=float, default=seconds_max, help="for one run")
    parser.add_argument("--kill-every", type=interval, default=kill_every, metavar="LOW-HIGH", help="seconds")
    return parser


def interval(text: str) -> tuple[float, float]:
    """LOW-HIGH, in seconds."""
    low, high = text.split("-")
    return float(low), float(high)


@functools.cache
def class_path(project: Path) -> str:
    """Has Maven fetch and compile what a project names, again when it has changed."""
    target = CACHE / project.name
    sources = b"".join(path.read_bytes() for path in sorted(project.glob("*.java")) + [project / "pom.xml"])
    built = target / "built"
    if not built.exists() or built.read_bytes() != sources:
        shutil.rmtree(target, ignore_errors=True)
        goals = ["compile", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        goals += [f"-Dbuild.folder={target}", f"-DoutputDirectory={target}/jars"]
        subprocess.run(["mvn", "--quiet", "--batch-mode", "--file", project / "pom.xml", *goals], check=True)
        built.write_bytes(sources)
    return f"{target}/classes:{target}/jars/*"


def java(
    program: str, *arguments: str, memory: str = "256m", temporary: Path = TEMPORARY, project: Path = KAFKA
) -> list[str]:
    logging = [f"-Dorg.slf4j.simpleLogger.{setting}" for setting in LOGGING]
    options = [f"-Xmx{memory}", f"-Djava.io.tmpdir={temporary}", *logging]
    return ["java", *options, "-cp", class_path(project), program, *arguments]
