"""What is done with each client: a scenario raises when something is not as it should be."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from runner.drivers import CODECS, Driver, Failure, last_line
from runner.members import Members

KCAT_LINES = 1000
KCAT_TIMEOUT_S = 60


class Seen(NamedTuple):
    records: int  # compared
    note: str = ""


@dataclass(frozen=True)
class Bench:
    bootstrap: str
    run_id: str  # part of every topic's and group's name
    count: int  # of records in a codec run

    def topic(self, *parts: str) -> str:
        return "-".join((self.run_id, *parts))


def own_codec(bench: Bench, driver: Driver, codec: str) -> Seen:
    """The client writes a topic and reads it back."""
    topic = bench.topic(driver.name, codec)
    driver.produce(bench.bootstrap, topic, 0, bench.count, codec, codec_seed(driver, codec))
    return read_back(bench, driver, topic, codec_seed(driver, codec))


def cross_codec(bench: Bench, writer: Driver, reader: Driver, codec: str) -> Seen:
    """Another client reads what this one wrote in `own_codec`."""
    return read_back(bench, reader, bench.topic(writer.name, codec), codec_seed(writer, codec))


def codec_seed(driver: Driver, codec: str) -> int:
    return driver.seed(CODECS.index(codec))


def read_back(bench: Bench, reader: Driver, topic: str, seed: int) -> Seen:
    group = f"{topic}-{reader.name}"
    with Members(reader, bench.bootstrap, topic, group, seed) as members:
        members.join("A")
        members.wait_until("read everything", lambda state: state.has_committed(bench.count))
        members.leave("A")
        members.state.check_ends(bench.count)
        if members.state.duplicates:
            raise Failure(f"{members.state.duplicates} duplicates without a rebalance")
        return Seen(members.state.read)


def wrong_seed(bench: Bench, driver: Driver) -> Seen:
    """The comparison can fail: against another seed's records, it does."""
    topic = bench.topic(driver.name, "none")
    other_seed = codec_seed(driver, "none") + 2
    with Members(driver, bench.bootstrap, topic, f"{topic}-wrong-seed", other_seed) as members:
        try:
            members.join("A")
            members.wait_until("find a mismatch", lambda state: state.has_committed(bench.count))
        except Failure as failure:
            if "mismatch" in str(failure):
                return Seen(0)
            raise
    raise Failure("records of another seed pass the comparison")


def rebalance(bench: Bench, driver: Driver) -> Seen:
    """Members join late, leave and are killed, while records keep coming."""
    topic = bench.topic(driver.name, "rebalance")
    seed = driver.seed(len(CODECS))
    step = bench.count // 6
    driver.produce(bench.bootstrap, topic, 0, step, "none", seed)
    written = step
    with (
        Members(driver, bench.bootstrap, topic, f"{topic}-group", seed) as members,
        ThreadPoolExecutor(1) as producer,
    ):
        stages = (
            (lambda: members.join("A"), "A"),
            (lambda: members.join("B"), "AB"),
            (lambda: members.join("C"), "ABC"),
            (lambda: members.leave("A"), "BC"),
            (lambda: members.kill("B"), "C"),
        )
        for codec, (change, names) in zip(CODECS, stages, strict=True):
            sending = producer.submit(
                driver.produce, bench.bootstrap, topic, written, step, codec, seed
            )
            change()
            members.wait_until(
                f"share among {names}", lambda state, names=names: state.is_shared_by(*names)
            )
            sending.result()
            written += step
            members.wait_until(
                "read everything", lambda state, count=written: state.has_committed(count)
            )
        members.leave("C")
        members.state.check_ends(written)
        return Seen(members.state.read, f"{members.state.duplicates} read twice")


def kcat(bench: Bench, codec: str) -> Seen:
    """kcat writes to a topic that it does not create, lists it, and reads it back in a group."""
    topic = bench.topic("kcat", codec)
    lines = sorted(f"key-{i}:a line with the number {i}" for i in range(KCAT_LINES))
    call_kcat(bench, "-P", "-t", topic, "-z", codec, "-K", ":", text="\n".join(lines))
    listing = call_kcat(bench, "-L", "-t", topic)
    if f'topic "{topic}"' not in listing:
        raise Failure(f"the topic is not listed: {listing}")
    from_start = ["-X", "auto.offset.reset=earliest", "-f", "%k:%s\\n", "-e"]
    got = call_kcat(bench, "-G", f"{topic}-group", *from_start, topic)
    if sorted(got.splitlines()) != lines:
        raise Failure("what is read is not what was written")
    return Seen(KCAT_LINES)


def call_kcat(bench: Bench, *args: str, text: str = "") -> str:
    done = subprocess.run(
        ["kcat", "-b", bench.bootstrap, *args],
        input=text,
        capture_output=True,
        text=True,
        timeout=KCAT_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise Failure(f"kcat {args[0]}: {last_line(done.stderr)}")
    return done.stdout
