"""Everything that waits for a GPU, in one command of ten minutes.

    python -m benchmarks gpu --data data/cifar10 --out results

1. A step of a draw of ResNet18 (``benchmarks draw``) in each way to compute, for three minutes.
2. The tests marked ``gpu``, for at most three minutes.
3. The strong ticket of 10 % of ``scratchticket run cifar10-full --scale full``, drawn in the way
   that was fastest, or in plain bfloat16 if a test failed. A short draw is timed first, which tells
   how many epochs fit; the recipe's number is the most.
4. The same attacks on it as in that recipe, the most important ones first.

Each result is copied into the folder as soon as it exists: at most eight small files. A stage that
runs out of time is cut off, and the next one begins.
"""

from __future__ import annotations

import json
import shutil
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

WAYS = (  # the likeliest to be the fastest first
    Way(precision="bfloat16", compile="reduce-overhead"),
    Way(precision="bfloat16", compile="default"),
    Way(precision="bfloat16"),
    Way(precision="bfloat16", memory_format="contiguous"),
    Way(),
)
PLAIN = Way(precision="bfloat16")
FOR_BENCHMARK, FOR_TESTS, FOR_ATTACKS = 180.0, 180.0, 90.0  # seconds
TRIAL_STEPS, SLACK = 200, 0.9  # steps of an epoch of the timed draw; share of the time planned
LEAST = 5.0  # seconds under which no process is started


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        device: Where.
        case: Of ``benchmarks draw``.
        scale: Of the recipe, with the user's settings.
        data: A local copy of CIFAR-10.
        out: Folder of results.
    """

    device: str
    case: str
    scale: Scale
    data: str
    out: Path

    def ticket(self, **changes: object) -> Job:
        """Return the job of the strong ticket, with settings by dotted path changed."""
        chosen = replace(self.scale, changes={**self.scale.changes, **changes})
        return networks(chosen)[STRONG[10]](0)


def within(seconds: float, command: Sequence[str], log: Path) -> bool:
    """Run Python with a command for so long at most; return whether it ended without an error."""
    if seconds < LEAST:
        return False
    with log.open("a") as file:
        print("$ python", *command, file=file, flush=True)
        try:
            return not subprocess.run(
                [sys.executable, *command],
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                cwd=ROOT,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            print(f"cut off after {seconds:.0f} s", file=file)
            return False


def measured(plan: Plan, seconds: float) -> list[DrawRow]:
    """Measure a step in each way for which there is time; return the rows."""
    until = time.monotonic() + seconds
    known = len(lines_of(RECORDS))
    for way in WAYS:
        options = asdict(way) | {"device": plan.device}
        told = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        command = ["-m", "benchmarks", "draw", plan.case, "--steps=12", *told]
        within(until - time.monotonic(), command, plan.out / "draw.txt")
    new = lines_of(RECORDS)[known:]
    (plan.out / "draw.jsonl").write_text("".join(new))
    return read_rows(DrawRow, map(json.loads, new))


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file with their ends; none if there is no file."""
    return path.read_text().splitlines(keepends=True) if path.exists() else []


def fastest(rows: Sequence[DrawRow]) -> Mapping[str, str]:
    """Return the settings of the way with the shortest step."""
    best = min(rows, key=lambda row: row.seconds["ours"].median).way if rows else PLAIN
    names = ("precision", "compile", "memory_format")
    return {f"learning.{name}": getattr(best, name) for name in names}


def seconds_an_epoch(plan: Plan, settings: Mapping[str, str]) -> float:
    """Return how long an epoch of the draw takes, from the second epoch of a short draw."""
    recipe = plan.ticket().recipe
    with tempfile.TemporaryDirectory() as folder:
        store = _store(plan, Path(folder))
        total = len(store.data(recipe.data).train)
        some = min(total, TRIAL_STEPS * recipe.learning.batch_size)
        trial = plan.ticket(**settings, **{"learning.epochs": 2, "data.train_images": some})
        work(store, [trial], device=plan.device)
        first, second = (json.loads(line) for line in lines_of(store.folder(trial) / "log.jsonl"))
    return float(second["seconds"] - first["seconds"]) * total / some


def epochs_within(seconds: float, each: float, most: int) -> int:
    """Return how many epochs fit, of so many seconds each: at least one, and at most so many."""
    return max(1, min(most, int(SLACK * seconds / each)))


def drawn_and_judged(plan: Plan, settings: Mapping[str, str], until: float) -> None:
    """Draw the ticket and attack it; copy each result as soon as it exists."""
    each = seconds_an_epoch(plan, settings)
    most = plan.ticket().recipe.learning.epochs
    epochs = epochs_within(until - time.monotonic() - FOR_ATTACKS, each, most)
    print(f"{each:.1f} s an epoch: {epochs} of {most} epochs, {dict(settings)}", flush=True)
    ticket = plan.ticket(**settings, **{"learning.epochs": epochs})
    judged = [evaluation_of(ticket, attack) for attack, _ in attacks(plan.scale)]
    with tempfile.TemporaryDirectory() as folder:
        store = _store(plan, Path(folder))
        for number, job in enumerate([ticket, *judged]):
            work(store, list(job.chain()), device=plan.device)
            if why := store.failure(job):
                sys.exit(f"{job.label}: {why}")
            if job == ticket:
                shutil.copy(store.ticket(job), plan.out / "ticket.safetensors")
            shutil.copy(store.folder(job) / "record.json", plan.out / f"record-{number}.json")
            print(f"{job.label}: finished", flush=True)


def _store(plan: Plan, path: Path) -> Store:
    return Store(path, {plan.ticket().recipe.data.name: plan.data})


def main(arguments: list[str]) -> None:
    """Do all stages."""
    parser = options_of("gpu", __doc__)
    parser.add_argument("--data", required=True, help="a local copy of CIFAR-10")
    parser.add_argument("--out", required=True, type=Path, help="folder of results")
    parser.add_argument("--minutes", type=float, default=9.5, help="for everything (default: 9.5)")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--case", default="resnet18-256", choices=CASES, help="of the benchmark")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    options = parser.parse_args(arguments)
    until = time.monotonic() + 60 * options.minutes
    options.out.mkdir(parents=True, exist_ok=True)
    scale = replace(scale_named("full"), changes=with_settings({}, options.changes))
    plan = Plan(options.device, options.case, scale, options.data, options.out)

    rows = measured(plan, min(FOR_BENCHMARK, 20 * options.minutes))
    for row in rows:
        print(f"{row.way}: {row.seconds['ours'].median:.4f} s a step", flush=True)
    tests = ["-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests/test_gpu.py"]
    passed = within(min(FOR_TESTS, 20 * options.minutes), tests, options.out / "tests.txt")
    print("the tests passed" if passed else "a test failed: see tests.txt", flush=True)
    drawn_and_judged(plan, fastest(rows if passed else ()), until)
