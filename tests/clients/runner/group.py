"""What a consumer group may do, judged from the events of its members.

All members write to one pipe, and a member says what it gives up before the broker can know it.
The order of the lines is therefore an order in which the events can have happened.
"""

from dataclasses import dataclass, field

PARTITIONS = 4


class Violation(Exception):
    """A member did what no correct group would do."""


@dataclass
class PartitionState:
    owner: str | None = None
    position: int | None = None  # of the owner; none before its first read
    read: int = 0  # every record below it was read by some member
    committed: int = 0
    end: tuple[int, int] | None = None  # committed and end offset, as a member saw them at last
    duplicates: int = 0

    def assign(self, name: str) -> None:
        require(self.owner is None, f"assigned to {name} while {self.owner} owns it")
        self.owner, self.position = name, None

    def revoke(self, name: str) -> None:
        self.require_owner(name)
        self.owner = None

    def take(self, name: str, first: int, following: int) -> None:
        self.require_owner(name)
        if self.position is None:
            # A commit can be stored without its member living to say so, hence a range.
            allowed = self.committed <= first <= self.read
            require(allowed, f"{name} starts at {first}, outside {self.committed}..{self.read}")
        else:
            require(first == self.position, f"{name} reads {first} in place of {self.position}")
        self.duplicates += max(0, min(following, self.read) - first)
        self.position = following
        self.read = max(self.read, following)

    def commit(self, name: str, offset: int) -> None:
        self.require_owner(name)
        # Who has read nothing yet may commit where it begins.
        position = self.committed if self.position is None else self.position
        require(offset == position, f"{name} commits {offset} at position {position}")
        self.committed = offset

    def require_owner(self, name: str) -> None:
        require(self.owner == name, f"{name} acts on what {self.owner} owns")


@dataclass
class GroupState:
    partitions: list[PartitionState] = field(
        default_factory=lambda: [PartitionState() for _ in range(PARTITIONS)]
    )

    def apply(self, line: str) -> None:
        name, event, number, *offsets = line.split()
        partition = self.partitions[int(number)]
        try:
            match event, [int(offset) for offset in offsets]:
                case "assign", []:
                    partition.assign(name)
                case "revoke", []:
                    partition.revoke(name)
                case "read", [first, following]:
                    partition.take(name, first, following)
                case "commit", [offset]:
                    partition.commit(name, offset)
                case "end", [committed, end]:
                    partition.end = committed, end
                case _:
                    raise Violation("no such event")
        except Violation as violation:
            raise Violation(f"partition {number}: {violation} ({line})") from None

    def forget(self, name: str) -> None:
        """A member that was killed has no chance to give up what it owns."""
        for partition in self.partitions:
            if partition.owner == name:
                partition.owner = None

    def is_shared_by(self, *names: str) -> bool:
        """Whether every partition has an owner, and each of the names owns some."""
        return {partition.owner for partition in self.partitions} == set(names)

    def has_committed(self, count: int) -> bool:
        return all(
            p.committed == end_offset(number, count) for number, p in enumerate(self.partitions)
        )

    def check_ends(self, count: int) -> None:
        for number, partition in enumerate(self.partitions):
            expected = end_offset(number, count)
            require(
                partition.end == (expected, expected),
                f"partition {number}: (committed, end) is {partition.end}, not {expected}",
            )

    @property
    def duplicates(self) -> int:
        return sum(partition.duplicates for partition in self.partitions)

    @property
    def read(self) -> int:
        return sum(partition.read for partition in self.partitions)


def end_offset(partition: int, count: int) -> int:
    """Record i goes to partition i mod PARTITIONS."""
    return (count - partition + PARTITIONS - 1) // PARTITIONS


def require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Violation(otherwise)
