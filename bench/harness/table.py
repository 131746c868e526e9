"""Medians of the rounds, as a table."""

from dataclasses import dataclass
from statistics import median

from .loads import Case


@dataclass(frozen=True)
class Sample:
    """One case, one broker, one round."""

    case: Case
    broker: str
    produced_per_second: float
    produce_cpu_per_gb: float
    consumed_per_second: float
    consume_cpu_per_gb: float
    resident_mib: float
    cores_of_others: float


COLUMNS = (
    ("produce MB/s", "produced_per_second", 1e-6, ".0f"),
    ("cpu-s/GB", "produce_cpu_per_gb", 1, ".2f"),
    ("consume MB/s", "consumed_per_second", 1e-6, ".0f"),
    ("cpu-s/GB", "consume_cpu_per_gb", 1, ".2f"),
    ("RSS MiB", "resident_mib", 1, ".0f"),
    ("others", "cores_of_others", 1, ".2f"),
)
RATIOS = 4  # of the columns, the first ones


def table(samples: list[Sample], brokers: list[str]) -> str:
    lines = ["| case | broker | " + " | ".join(name for name, *_ in COLUMNS) + " |"]
    lines.append("|---|---|" + "---:|" * len(COLUMNS))
    for case in dict.fromkeys(sample.case for sample in samples):
        medians = {broker: medians_of(samples, case, broker) for broker in brokers}
        for broker, values in medians.items():
            texts = [format(value, style) for value, (*_, style) in zip(values, COLUMNS)]
            lines.append(row(str(case), broker, texts))
        if len(brokers) == 2:
            lines.append(row("", "ratio", ratios(*(medians[broker] for broker in brokers))))
    return "\n".join(lines)


def medians_of(samples: list[Sample], case: Case, broker: str) -> list[float]:
    mine = [sample for sample in samples if (sample.case, sample.broker) == (case, broker)]
    return [median(getattr(one, field) for one in mine) * unit for _, field, unit, _ in COLUMNS]


def ratios(peer: list[float], own: list[float]) -> list[str]:
    shares = [f"**{b / a:.2f}**" if a else "" for a, b in zip(peer[:RATIOS], own)]
    return shares + [""] * (len(COLUMNS) - RATIOS)


def row(case: str, broker: str, texts: list[str]) -> str:
    return f"| {case} | {broker} | " + " | ".join(texts) + " |"
