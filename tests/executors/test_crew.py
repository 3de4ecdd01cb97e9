"""Workers are replaced, dismissed and stopped, on an executor that exists in memory alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from scratchticket.base.errors import InputError, Interrupted
from scratchticket.executors import crew
from scratchticket.executors.crew import MAX_RESTARTS, Ended, run_workers

DONE, KILLED = Ended("done"), Ended("killed")
CANCELLED, BROKEN = Ended("cancelled"), Ended("broken", "disk full")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "POLL_SECONDS", 0.0)


@dataclass
class Scripted:
    """A worker that is asked so many times before it ends."""

    number: int
    end: Ended
    looks: int = 0

    def ended(self) -> Ended | None:
        self.looks -= 1
        return self.end if self.looks < 0 else None


@dataclass
class Memory:
    """An executor whose workers end as is written; each line is for one number.

    Attributes:
        ends: For each number of a worker, how it and its replacements end, and after how many
            looks.
        started: The numbers of each call.
        dismissed: The numbers of each call.
        stopped: The numbers of each call.
    """

    ends: list[list[tuple[Ended, int]]]
    started: list[list[int]] = field(default_factory=list)
    dismissed: list[list[int]] = field(default_factory=list)
    stopped: list[list[int]] = field(default_factory=list)

    def start(self, numbers: Sequence[int]) -> list[Scripted]:
        self.started.append(list(numbers))
        return [Scripted(number, *self.ends[number].pop(0)) for number in numbers]

    def dismiss(self, workers: Sequence[Scripted]) -> None:
        self.dismissed.append([worker.number for worker in workers])

    def stop(self, workers: Sequence[Scripted]) -> str:
        self.stopped.append([worker.number for worker in workers])
        return "they have saved"


def run(executor: Memory, observe: object = lambda: None) -> None:
    run_workers(executor, len(executor.ends), observe)  # type: ignore[arg-type]


def test_workers_run_until_each_has_ended() -> None:
    executor, looks = Memory([[(DONE, 2)], [(DONE, 0)], [(DONE, 4)]]), []

    run(executor, lambda: looks.append(1))

    assert executor.started == [[0, 1, 2]]
    assert len(looks) == 5 + 1  # once more at the end
    assert executor.dismissed == [[0, 2], [2]]  # who still runs when another finds no job
    assert executor.stopped == []


def test_a_killed_worker_is_replaced_and_a_cancelled_one_is_not() -> None:
    executor = Memory([[(KILLED, 0), (KILLED, 1), (DONE, 0)], [(CANCELLED, 0)], [(DONE, 5)]])

    run(executor)

    assert executor.started == [[0, 1, 2], [0], [0]]
    assert executor.dismissed == [[2]]


def test_a_broken_worker_is_told_when_the_others_have_ended() -> None:
    executor = Memory([[(BROKEN, 0)], [(KILLED, 1), (DONE, 1)]])

    with pytest.raises(InputError, match="a worker could not continue: disk full"):
        run(executor)

    assert executor.started == [[0, 1], [1]]
    assert executor.ends == [[], []]


def test_workers_that_die_again_and_again_are_given_up() -> None:
    executor = Memory([[(KILLED, 0)] * 50])

    with pytest.raises(InputError, match=f"died {MAX_RESTARTS + 1} times without an error"):
        run(executor)

    assert executor.started == [[0]] * (1 + MAX_RESTARTS)


def test_an_error_of_the_observer_stops_the_workers() -> None:
    executor = Memory([[(DONE, 9)], [(DONE, 9)]])

    def fail() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(executor, fail)

    assert executor.stopped == [[0, 1]]


def test_a_signal_stops_the_workers_that_still_run() -> None:
    executor = Memory([[(DONE, 0)], [(DONE, 9)]])
    looks = []

    def interrupt() -> None:
        looks.append(1)
        if len(looks) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="they have saved") as stopped:
        run(executor, interrupt)

    assert stopped.value.signal == signal.SIGTERM
    assert executor.stopped == [[1]]
