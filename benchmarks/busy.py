"""What does a busy neighbour cost, and what do ways to wait for a thread cost without one?

    python -m benchmarks busy                      # every way: a quarter of an hour
    python -m benchmarks busy --ways torch "one thread" --neighbours 2

OpenMP's threads spin while they wait for each other, so that the next piece of work starts at once.
Beside a busy process they spin for a thread that has no core to run on. Each way to wait is a
process of its own, for it is chosen before PyTorch is loaded. All take turns at the same work, a
few steps of a draw and PGD-20 on digits: first alone, then beside processes that never rest.
``torch`` is PyTorch's own way. ``scratchticket`` waits that way too, with as many threads as cores
are free when it starts. A row is appended to records/busy.jsonl.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import torch

import scratchticket as st
from benchmarks import attacks, draw
from benchmarks.measure import (
    ROOT,
    append,
    between,
    circumstances,
    in_turn,
    options_of,
    ratios,
    spread,
)
from benchmarks.rows import BusyRow
from scratchticket.attacks import PGD, Attack
from scratchticket.data import load_data
from scratchticket.evaluation import evaluate

RECORDS = ROOT / "records" / "busy.jsonl"
TURNS = 5
IMAGES, EPSILON = 3000, "0.187"  # at which PGD-20 fools half of them
WORK = ("draw", "attack")
CHOICES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")  # of the user, for all but which this measures
WAYS: dict[str, dict[str, str]] = {
    "torch": {},
    **{f"spin {count}": {"GOMP_SPINCOUNT": str(count)} for count in (1000, 10_000, 100_000)},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}


def work(images: int, case: draw.Case) -> dict[str, Callable[[], object]]:
    """Return what a process does when it is told to, by name."""
    ticket = st.Ticket.load(attacks.TICKET)
    network, attack = ticket.build(), Attack(PGD(), EPSILON)
    some = attacks.repeated(load_data("digits").test, images)
    return {
        "draw": draw.ours(case, draw.Way()),
        "attack": partial(evaluate, network, some, [attack]),
    }


def serve(images: int, case: draw.Case) -> None:
    """Do what is told line by line, and answer each with a line."""
    able = work(images, case)
    for line in sys.stdin:
        able[line.strip()]()
        print("done", flush=True)


@contextmanager
def waiting(way: str, threads: int, told: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Start a process that waits in a way; return what lets it do its work, and waits for that."""
    own = {name: value for name, value in os.environ.items() if name not in CHOICES}
    environment = own | {"OMP_NUM_THREADS": str(threads)} | WAYS[way]
    words = [sys.executable, "-m", "benchmarks", "busy", "--serve", *told]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as process:
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None

        def do(what: str) -> None:
            print(what, file=asked, flush=True)
            if answers.readline() != "done\n":
                raise SystemExit(f"the process that waits the way {way!r} has ended")

        try:
            yield do
        finally:
            asked.close()


@contextmanager
def neighbours(count: int) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Start processes that never rest; they are stopped except while what is given runs."""
    code = "while True: pass"
    busy = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]

    def send(number: signal.Signals) -> None:
        for process in busy:
            process.send_signal(number)

    def beside(action: Callable[[], None]) -> None:
        send(signal.SIGCONT)
        try:
            action()
        finally:
            send(signal.SIGSTOP)

    send(signal.SIGSTOP)
    try:
        yield beside
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measured(
    ways: Sequence[str], threads: int, busy: int, turns: int, told: Sequence[str] = ()
) -> BusyRow:
    """Return the row of a machine: seconds of each work by way, alone and beside neighbours.

    Args:
        ways: Of :data:`WAYS`, ``torch`` first: what the others are compared with.
        threads: Of each but ``one thread``.
        busy: How many neighbours.
        turns: How often each is measured.
        told: Further options of the processes: how much work.
    """
    where, seconds = circumstances(), {}
    with ExitStack() as stack:
        do = {way: stack.enter_context(waiting(way, threads, told)) for way in ways}
        beside = stack.enter_context(neighbours(busy))
        for what in WORK:
            alone = {way: partial(do[way], what) for way in ways}
            together = {way: partial(beside, action) for way, action in alone.items()}
            seconds[what] = {
                "alone": in_turn(alone, turns),
                "beside": in_turn(together, turns),
            }
    return BusyRow(
        threads=threads,
        neighbours=busy,
        turns=turns,
        seconds={
            what: {
                place: {way: spread(values) for way, values in taken.items()}
                for place, taken in places.items()
            }
            for what, places in seconds.items()
        },
        ratio={
            what: {
                place: {way: ratios(v, places["alone"][ways[0]]) for way, v in taken.items()}
                for place, taken in places.items()
            }
            for what, places in seconds.items()
        },
        **where,
    )


def main(arguments: list[str]) -> None:
    """Measure what is asked for."""
    parser = options_of("busy", __doc__)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--neighbours", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--images", type=int, default=IMAGES, help="of the attack")
    parser.add_argument("--steps", type=int, default=10, help="of the draw")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        serve(options.images, replace(draw.CASES["small"], steps=options.steps))
        return
    ways = ["torch", *(way for way in options.ways if way != "torch")]
    told = ("--images", str(options.images), "--steps", str(options.steps))
    row = measured(ways, options.threads, options.neighbours, options.turns, told)
    append(RECORDS, row)
    for what, places in row.ratio.items():
        for way in ways:
            alone, beside = (between(places[place][way], ".2f") for place in ("alone", "beside"))
            print(f"{what}, {way}: {alone} times as long alone, {beside} beside others", flush=True)
