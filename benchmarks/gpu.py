"""Run everything that needs a GPU, in one command of ten minutes.

    python -m benchmarks gpu --data data/cifar10 --out results

1. Time a step of a ResNet18 draw (``benchmarks draw``) with each variant of precision, compilation
   and memory format; three minutes at most.
2. Run the tests marked ``gpu``; three minutes at most.
3. Draw the 10 % ticket of the strong search in ``scratchticket run cifar10-full --scale full``,
   with the fastest variant if all tests pass, else in plain bfloat16. A short draw is timed first;
   it determines how many epochs fit, at most the recipe's number.
4. Attack this ticket as in that recipe, most important attacks first.

Each result is copied into the folder as soon as it exists: at most eight small files. Stages 1 and
2 are stopped when their time is up; the time of stages 3 and 4 is only planned.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.draw import CASES, RECORDS, Way
from benchmarks.measure import ROOT, options_of
from benchmarks.rows import DrawRow, read_rows
from scratchticket.cli.settings import with_settings
from scratchticket.paper.recipes.cifar10_full import STRONG, attacks, networks
from scratchticket.paper.scale import Scale
from scratchticket.paper.scales import scale_named
from scratchticket.paper.study import evaluation_of
from scratchticket.sweeps.job import Job
from scratchticket.sweeps.store import Store
from scratchticket.sweeps.worker import work

WAYS = (  # in the order of expected speed, fastest first
    Way(precision="bfloat16", compile="reduce-overhead"),
    Way(precision="bfloat16", compile="default"),
    Way(precision="bfloat16"),
    Way(precision="bfloat16", memory_format="contiguous"),
    Way(),
)
PLAIN = Way(precision="bfloat16")
FOR_BENCHMARK, FOR_TESTS, FOR_ATTACKS = 180.0, 180.0, 90.0  # seconds
TRIAL_STEPS, SLACK = 200, 0.9  # steps per epoch of the timed draw; share of time to plan
LEAST = 5.0  # seconds; with less time left, no process is started


@dataclass(frozen=True)
class Plan:
    """Settings of the command.

    Attributes:
        device: Device for all stages but the tests.
        case: Case of ``benchmarks draw``.
        scale: Scale of the recipe, with the user's settings.
        data: Path of a local copy of CIFAR-10.
        out: Folder for the results.
    """

    device: str
    case: str
    scale: Scale
    data: str
    out: Path

    def ticket(self, **changes: object) -> Job:
        """Return the job that draws the ticket, with settings changed by dotted path."""
        chosen = replace(self.scale, changes={**self.scale.changes, **changes})
        return networks(chosen)[STRONG[10]](0)


def within(seconds: float, command: Sequence[str], log: Path) -> bool:
    """Run Python for at most ``seconds``; return whether it ended in time and without an error."""
    if seconds < LEAST:
        return False
    with log.open("a") as file:
        print("$ python", *command, file=file, flush=True)
        with subprocess.Popen(
            [sys.executable, *command],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            start_new_session=True,
        ) as process:
            try:
                return process.wait(seconds) == 0
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # with the processes that it has started
                print(f"cut off after {seconds:.0f} s", file=file)
                return False


def measured(plan: Plan, seconds: float) -> list[DrawRow]:
    """Time a step with each variant, as far as time allows; return the rows."""
    until = time.monotonic() + seconds
    known = len(lines_of(RECORDS))
    for way in WAYS:
        options = asdict(way) | {"device": plan.device}
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        command = ["-m", "benchmarks", "draw", plan.case, "--steps=12", *flags]
        within(until - time.monotonic(), command, plan.out / "draw.txt")
    new = lines_of(RECORDS)[known:]
    (plan.out / "draw.jsonl").write_text("".join(new))
    return read_rows(DrawRow, map(json.loads, new))


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file, with line ends; an empty list if there is no file."""
    return path.read_text().splitlines(keepends=True) if path.exists() else []


def fastest(rows: Sequence[DrawRow]) -> Mapping[str, str]:
    """Return the settings with the shortest step; without rows, plain bfloat16."""
    best = min(rows, key=lambda row: row.seconds["ours"].median).way if rows else PLAIN
    names = ("precision", "compile", "memory_format")
    return {f"learning.{name}": getattr(best, name) for name in names}


def seconds_an_epoch(plan: Plan, settings: Mapping[str, str]) -> float:
    """Estimate the seconds per epoch of the draw from the second epoch of a short draw."""
    recipe = plan.ticket().recipe
    with tempfile.TemporaryDirectory() as folder:
        store = _store(plan, Path(folder))
        total = len(store.data(recipe.data).train)
        images = min(total, TRIAL_STEPS * recipe.learning.batch_size)
        trial = plan.ticket(**settings, **{"learning.epochs": 2, "data.train_images": images})
        _do(trial, store, plan.device)
        first, second = (json.loads(line) for line in lines_of(store.folder(trial) / "log.jsonl"))
    return float(second["seconds"] - first["seconds"]) * total / images


def epochs_within(seconds: float, per_epoch: float, most: int) -> int:
    """Return how many epochs fit into 90 % of the time: at least one, at most ``most``."""
    return max(1, min(most, int(SLACK * seconds / per_epoch)))


def drawn_and_judged(plan: Plan, settings: Mapping[str, str], until: float) -> None:
    """Draw the ticket and attack it; copy each result as soon as it exists."""
    per_epoch = seconds_an_epoch(plan, settings)
    most = plan.ticket().recipe.learning.epochs
    epochs = epochs_within(until - time.monotonic() - FOR_ATTACKS, per_epoch, most)
    print(f"{per_epoch:.1f} s per epoch: {epochs} of {most} epochs, {dict(settings)}", flush=True)
    ticket = plan.ticket(**settings, **{"learning.epochs": epochs})
    evaluations = [evaluation_of(ticket, attack) for attack, _ in attacks(plan.scale)]
    with tempfile.TemporaryDirectory() as folder:
        store = _store(plan, Path(folder))
        for number, job in enumerate([ticket, *evaluations]):
            _do(job, store, plan.device)
            if job == ticket:
                shutil.copy(store.ticket(job), plan.out / "ticket.safetensors")
            shutil.copy(store.folder(job) / "record.json", plan.out / f"record-{number}.json")
            print(f"{job.label}: finished", flush=True)


def _do(job: Job, store: Store, device: str) -> None:
    """Do a job and the jobs that it needs; exit if it fails."""
    work(store, list(job.chain()), device=device)
    if failure := store.failure(job):
        sys.exit(f"{job.label}: {failure}")


def _store(plan: Plan, path: Path) -> Store:
    return Store(path, {plan.ticket().recipe.data.name: plan.data})


def main(arguments: list[str]) -> None:
    """Run all stages."""
    parser = options_of("gpu", __doc__)
    parser.add_argument("--data", required=True, help="a local copy of CIFAR-10")
    parser.add_argument("--out", required=True, type=Path, help="folder for the results")
    parser.add_argument("--minutes", type=float, default=9.5, help="planned total (default: 9.5)")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--case", default="resnet18-256", choices=CASES, help="of benchmarks draw")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    options = parser.parse_args(arguments)
    until = time.monotonic() + 60 * options.minutes
    options.out.mkdir(parents=True, exist_ok=True)
    scale = replace(scale_named("full"), changes=with_settings({}, options.changes))
    plan = Plan(options.device, options.case, scale, options.data, options.out)

    rows = measured(plan, min(FOR_BENCHMARK, 20 * options.minutes))
    for row in rows:
        print(f"{row.way}: {row.seconds['ours'].median:.4f} s per step", flush=True)
    tests = ["-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests/test_gpu.py"]
    passed = within(min(FOR_TESTS, 20 * options.minutes), tests, options.out / "tests.txt")
    print("the tests passed" if passed else "the tests did not pass: see tests.txt", flush=True)
    drawn_and_judged(plan, fastest(rows if passed else ()), until)
