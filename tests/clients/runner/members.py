"""The members of a group as processes whose events are judged as they come."""

import os
import select
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable
from typing import IO

from runner.drivers import Driver, Failure, last_line
from runner.group import GroupState, Violation

STALL_S = 90  # without any event
TICK_S = 0.2
TOLD_EVENTS = 24  # what led to a violation


class Members:
    def __init__(self, driver: Driver, bootstrap: str, topic: str, group: str, seed: int):
        self.state = GroupState()
        self.driver = driver
        self.args = ["consume", bootstrap, topic, group, str(seed)]
        self.members: dict[str, tuple[subprocess.Popen, IO[str]]] = {}
        self.events, self.events_in = os.pipe()
        self.partial = b""
        self.latest: deque[str] = deque(maxlen=TOLD_EVENTS)

    def __enter__(self) -> "Members":
        return self

    def __exit__(self, *_) -> None:
        for process, errors in self.members.values():
            process.kill()
            process.wait()
            process.stdin.close()
            errors.close()
        os.close(self.events)
        os.close(self.events_in)

    def join(self, name: str) -> None:
        errors = tempfile.TemporaryFile("w+")  # a pipe that nobody reads would stop the member
        process = subprocess.Popen(
            [*self.driver.argv, *self.args, name],
            stdin=subprocess.PIPE,
            stdout=self.events_in,
            stderr=errors,
        )
        self.members[name] = process, errors

    def leave(self, name: str) -> None:
        """Ends the member's input, upon which it reports the ends, leaves the group and exits."""
        process, errors = self.members[name]
        process.stdin.close()
        self.wait_until("leave", lambda _: process.poll() is not None, leaving=name)
        del self.members[name]
        with errors:
            self.require_success(name, process, errors)

    def kill(self, name: str) -> None:
        process, errors = self.members.pop(name)
        process.kill()
        process.wait()
        process.stdin.close()
        errors.close()
        self.apply_events(0)
        self.state.forget(name)

    def wait_until(
        self, what: str, reached: Callable[[GroupState], bool], leaving: str | None = None
    ) -> None:
        last_event = time.monotonic()
        while not reached(self.state):
            if self.apply_events(TICK_S):
                last_event = time.monotonic()
            elif time.monotonic() - last_event > STALL_S:
                raise Failure(f"nothing happens while waiting to {what}: {self.state}")
            for name, (process, errors) in self.members.items():
                if name != leaving and process.poll() is not None:
                    self.require_success(name, process, errors)
                    raise Failure(f"{name} left by itself")
        self.apply_events(0)

    def apply_events(self, timeout_s: float) -> bool:
        """Applies the events that are there; waits for the first one."""
        any_event = False
        while select.select([self.events], [], [], 0 if any_event else timeout_s)[0]:
            *lines, self.partial = (self.partial + os.read(self.events, 1 << 16)).split(b"\n")
            for line in lines:
                self.apply(line.decode())
            any_event = True
        return any_event

    def apply(self, line: str) -> None:
        self.latest.append(line)
        try:
            self.state.apply(line)
        except Violation as violation:
            raise Violation(f"{violation}; events: {', '.join(self.latest)}") from None

    @staticmethod
    def require_success(name: str, process: subprocess.Popen, errors: IO[str]) -> None:
        if process.returncode != 0:
            errors.seek(0)
            raise Failure(f"{name} exits with {process.returncode}: {last_line(errors.read())}")
