"""Compare ways in which threads wait for each other, alone and beside busy processes.

    python -m benchmarks busy                      # every way: a quarter of an hour
    python -m benchmarks busy --ways torch "one thread" --neighbours 2

OpenMP's threads spin while they wait for each other, so that the next operation starts at once.
Beside a busy process they spin for a thread that has no core to run on. Each way to wait has its
own process, because it must be set before PyTorch is loaded. The processes take turns at the same
work, a few steps of a draw and PGD-20 on digits: first alone, then beside processes that never
rest. ``torch`` is PyTorch's default. ``scratchticket`` waits that way too, with as many threads as
cores are free when it starts. A row is appended to records/busy.jsonl.
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
IMAGES, EPSILON = 3000, "0.187"  # PGD-20 with this epsilon fools half of the images
WORK = ("draw", "attack")
CHOICES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")  # the user's values are not passed on
WAYS: dict[str, dict[str, str]] = {
    "torch": {},
    **{f"spin {count}": {"GOMP_SPINCOUNT": str(count)} for count in (1000, 10_000, 100_000)},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}


def work(images: int, case: draw.Case) -> dict[str, Callable[[], object]]:
    """Return the work that a process can do, by name."""
    ticket = st.Ticket.load(attacks.TICKET)
    network, attack = ticket.build(), Attack(PGD(), EPSILON)
    selected = attacks.repeated(load_data("digits").test, images)
    return {
        "draw": draw.ours(case, draw.Way()),
        "attack": partial(evaluate, network, selected, [attack]),
    }


def serve(images: int, case: draw.Case) -> None:
    """Do the work named by each line of standard input, and answer each with ``done``."""
    actions = work(images, case)
    for line in sys.stdin:
        actions[line.strip()]()
        print("done", flush=True)


@contextmanager
def waiting(way: str, threads: int, flags: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Start a process that waits in a given way.

    Yields:
        A function that makes the process do the named work and returns when it is done.
    """
    own = {name: value for name, value in os.environ.items() if name not in CHOICES}
    environment = own | {"OMP_NUM_THREADS": str(threads)} | WAYS[way]
    command = [sys.executable, "-m", "benchmarks", "busy", "--serve", *flags]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as process:
        requests, answers = process.stdin, process.stdout
        assert requests is not None
        assert answers is not None

        def do(what: str) -> None:
            print(what, file=requests, flush=True)
            if answers.readline() != "done\n":
                raise SystemExit(f"the process of {way!r} has ended")

        try:
            yield do
        finally:
            requests.close()


@contextmanager
def neighbours(count: int) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Start busy processes, paused; yield a function that runs an action while they run."""
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
    ways: Sequence[str], threads: int, busy: int, turns: int, flags: Sequence[str] = ()
) -> BusyRow:
    """Time all work with each way to wait, alone and beside neighbours; return the row.

    Args:
        ways: Names in :data:`WAYS`; the first, ``torch``, is the baseline.
        threads: Number of threads of each way but ``one thread``.
        busy: Number of neighbours.
        turns: Number of timed turns.
        flags: Options of the processes that set the amount of work.
    """
    where, seconds = circumstances(), {}
    with ExitStack() as stack:
        do = {way: stack.enter_context(waiting(way, threads, flags)) for way in ways}
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
    """Measure the named ways to wait."""
    parser = options_of("busy", __doc__)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--neighbours", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--images", type=int, default=IMAGES, help="images of the attack")
    parser.add_argument("--steps", type=int, default=10, help="steps of the draw")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        serve(options.images, replace(draw.CASES["small"], steps=options.steps))
        return
    ways = ["torch", *(way for way in options.ways if way != "torch")]
    flags = ("--images", str(options.images), "--steps", str(options.steps))
    row = measured(ways, options.threads, options.neighbours, options.turns, flags)
    append(RECORDS, row)
    for what, places in row.ratio.items():
        for way in ways:
            alone, beside = (between(places[place][way], ".2f") for place in ("alone", "beside"))
            print(f"{what}, {way}: {alone} times torch alone, {beside} beside others", flush=True)
