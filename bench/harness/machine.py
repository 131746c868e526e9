"""What processes and the whole machine spend, from /proc."""

import os
import re
import resource
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
USER, SYSTEM = 11, 12  # fields of /proc/PID/stat, counted after the command's name
BUSY = (0, 1, 2, 5, 6)  # user, nice, system, irq, softirq of /proc/stat


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[USER]) + int(fields[SYSTEM])) / TICKS


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def busy_seconds() -> float:
    fields = Path("/proc/stat").read_text().split()[1:]
    return sum(int(fields[field]) for field in BUSY) / TICKS


def own_seconds() -> float:
    """This process and the loads that it has waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class Meter:
    """Measures while it is entered: the CPU seconds of a broker, and the cores that strangers used."""

    broker_seconds: float
    cores_of_others: float

    def __init__(self, pid: int):
        self.pid = pid

    def __enter__(self) -> "Meter":
        self.began, self.at_first = time.monotonic(), self._spent()
        return self

    def __exit__(self, *_: object) -> None:
        (broker, strangers), (broker_first, strangers_first) = self._spent(), self.at_first
        self.broker_seconds = broker - broker_first
        self.cores_of_others = (strangers - strangers_first) / (time.monotonic() - self.began)

    def _spent(self) -> tuple[float, float]:
        broker = cpu_seconds(self.pid)
        return broker, busy_seconds() - broker - own_seconds()
