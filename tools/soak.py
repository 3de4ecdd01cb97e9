"""Kill two sweeps on a shared store at random moments for an hour, then check the store.

    python tools/soak.py --minutes 60 --seed 0 --out runs/soak --json records/soak.json

Two `scratchticket run` commands draw, train and evaluate in one store. At random moments SIGKILL,
SIGTERM or SIGINT is sent to a command, its worker, or both, and the command is started again. When
the jobs of a seed are done, another seed is added. Meanwhile one undisturbed worker does the same
jobs in a store of its own; its memory and its open files are measured after each job. At the end
every job must have one record, equal to the undisturbed one except for times, and no lease,
temporary file or process may be left. If any of this fails, the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scratchticket.base.files import write_atomically
from scratchticket.base.record import to_json
from scratchticket.executors import Sweep
from scratchticket.runs.records import commit, machine, versions
from scratchticket.sweeps import Job
from scratchticket.sweeps.worker import do

NAMES = ("figure4", "table2")
TINY = {
    "network.width": "2",
    "data.train_images": "64",
    "learning.epochs": "2",
    "learning.batch_size": "16",
    "attack.steps": "1",
    "evaluation.steps": "1",
}
HITS = [
    *(("command", s) for s in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)),
    *(("worker", s) for s in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)),
    ("both", signal.SIGINT),  # what Ctrl-C in a terminal does
]
LIVES = (0.2, 30.0)  # seconds from a start, or from the last hit, to the next
#: Allowed exit codes; the last two only before Python has begun or after it has ended.
CODES = {0, 2, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT}
MORE_MEMORY, MORE_FILES = 64.0, 2  # MiB and handles that a worker may gain after its first jobs
WARM = 10  # jobs after which a worker has loaded what it needs; a third of all if there are few
MARK = "SCRATCHTICKET_SOAK"


def sweep(store: Path, names: tuple[str, ...], seeds: int) -> Sweep:
    """Return the sweep that a store is filled with."""
    return Sweep(names, "quick", str(store), seeds=tuple(range(seeds)), changes=tuple(TINY.items()))


def undisturbed(store: Path, names: tuple[str, ...]) -> None:
    """Work undisturbed, seed after seed, up to the number in the store's file ``wanted``."""
    seeds = 0
    while not (store / "wanted").exists() or seeds < int((store / "wanted").read_text()):
        seeds += 1
        whole = sweep(store, names, seeds)
        for job in whole.jobs():
            if do(job, whole.open()):
                line = json.dumps({"mib": _resident(), "files": len(list(_own("fd").iterdir()))})
                with (store / "samples.jsonl").open("a") as samples:
                    samples.write(line + "\n")


def _own(name: str) -> Path:
    return Path("/proc/self") / name


def _resident() -> float:
    """Return how many MiB this process has in memory."""
    pages = int(_own("statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


@dataclass
class Command:
    """A `scratchticket run` that is started again and again.

    Attributes:
        words: The command line without the number of seeds.
        log: File for all output.
        process: The running process, or the one that ran last.
        fate: Time, target and signal of the next hit.
        codes: Counts of the exit codes of its processes.
        seeds: Number of seeds of ``process``.
        last: Exit code of the very last process.
    """

    words: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    fate: tuple[float, str, signal.Signals] | None = None
    codes: Counter[int] = field(default_factory=Counter)
    seeds: int = 0
    last: int | None = None

    def start(self, seeds: int) -> None:
        """Start a process that does the jobs of this number of seeds."""
        self.seeds = seeds
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.words, "--seeds", str(seeds)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def hit(self) -> str | None:
        """If its time has come, send the signal and return what was hit; else return None."""
        if self.process is None or self.fate is None or time.monotonic() < self.fate[0]:
            return None
        _, target, number = self.fate
        self.fate = None
        workers = [self.process.pid] if target == "command" else _workers(self.process.pid)
        if target == "both":
            workers.append(self.process.pid)
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return f"{number.name} to {target}" if workers else "too early for a worker"

    def ended(self) -> int | None:
        """Return the exit code of the process once it has ended, None before."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.codes[code] += 1
        self.process = self.fate = None
        return code


def _workers(pid: int) -> list[int]:
    """Return the worker processes of a command."""
    found = []
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def disturb(
    commands: list[Command], minutes: float, rng: random.Random
) -> tuple[int, Counter[str]]:
    """Start and hit commands until the time is over, then let them finish.

    Returns:
        The number of seeds whose jobs are done, and counts of the hits by kind.
    """
    deadline, seeds, hits = time.monotonic() + 60 * minutes, 1, Counter[str]()
    while time.monotonic() < deadline:
        for command in commands:
            if happened := command.hit():
                hits[happened] += 1
            if command.ended() == 0:
                seeds = max(seeds, command.seeds + 1)
            if command.process is None:
                command.start(seeds)
            if command.fate is None:
                command.fate = (time.monotonic() + rng.uniform(*LIVES), *rng.choice(HITS))
        time.sleep(0.1)
    for command in commands:
        if command.process is not None:
            command.process.wait()
            command.ended()
        command.start(seeds)
    for command in commands:
        assert command.process is not None
        command.last = command.process.wait()
        command.ended()
    return seeds, hits


def alike(record: Any, store: Path) -> Any:
    """Return a record without times and without the path of its store."""
    if isinstance(record, dict):
        return {k: alike(v, store) for k, v in record.items() if k not in {"seconds", "finished"}}
    if isinstance(record, list):
        return [alike(value, store) for value in record]
    return record.replace(str(store), "STORE") if isinstance(record, str) else record


def differing(jobs: list[Job], ours: Sweep, theirs: Sweep) -> list[str]:
    """Return the differences from the undisturbed store, one line each."""
    found, stores = [], (ours.open(), theirs.open())
    for job in jobs:
        kept = [store.record(job) for store in stores]
        records = [
            None if record is None else alike(to_json(record), store.path)
            for record, store in zip(kept, stores, strict=True)
        ]
        if records[0] is None or records[1] is None:
            found.append(f"no record: {job.label}")
        elif records[0] != records[1]:
            found.append(f"the record differs from the undisturbed one: {job.label}")
        elif job.kind == "run":
            tickets = [store.ticket(job).read_bytes() for store in stores]
            if tickets[0] != tickets[1]:
                found.append(f"the ticket differs from the undisturbed one: {job.label}")
    return found


def left_over(store: Path, jobs: int, temporary: Path) -> list[str]:
    """Return the files and processes that should not be left, one line each."""
    found = [str(f) for f in store.rglob("*") if f.name.startswith((".", "lease-", "checkpoint"))]
    # PyTorch's cache of compiled code is one folder, the same for all processes.
    found += [str(f) for f in temporary.iterdir() if not f.name.startswith("torchinductor")]
    if (count := len(list(store.glob("*/record.json")))) != jobs:
        found.append(f"{count} records of {jobs} jobs")
    mark = f"{MARK}={os.getpid()}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.name != str(os.getpid()) and mark in (process / "environ").read_bytes():
                found.append(f"process {process.name}: {(process / 'cmdline').read_bytes()!r}")
    return found


def grown(samples: list[dict[str, float]]) -> tuple[dict[str, Any], list[str]]:
    """Return the memory and open files of the undisturbed worker, and lines on their growth."""
    warm = max(1, min(WARM, len(samples) // 3))
    early, late = samples[warm - 1 : 2 * warm], samples[-warm:]
    facts: dict[str, Any] = {"jobs": len(samples)}
    problems = []
    for name, bound in (("mib", MORE_MEMORY), ("files", MORE_FILES)):
        first, last = (max(sample[name] for sample in some) for some in (early, late))
        facts[name] = {"early": first, "late": last, "may gain": bound}
        if last > first + bound:
            problems.append(f"a worker has grown: {name} from {first} to {last}")
    return facts, problems


def soak(out: Path, minutes: float, seed: int, names: tuple[str, ...]) -> dict[str, Any]:
    """Run the soak test; return the summary."""
    store, calm, temporary = out / "store", out / "undisturbed", out / "tmp"
    for folder in (store, calm, temporary):
        folder.mkdir(parents=True)
    os.environ |= {MARK: str(os.getpid()), "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    own = [sys.executable, __file__, "--undisturbed", "--out", str(calm), *names]
    witness = subprocess.Popen(own)
    words = [sys.executable, "-m", "scratchticket", "run", *names, "--store", str(store)]
    words += [word for pair in TINY.items() for word in ("--set", "=".join(pair))]
    commands = [Command(words, out / f"{name}.log") for name in ("first", "second")]
    begun = time.monotonic()
    seeds, hits = disturb(commands, minutes, random.Random(seed))
    lasted = time.monotonic() - begun
    write_atomically(calm / "wanted", str(seeds))
    ends = witness.wait()

    ours, theirs = (sweep(folder, names, seeds) for folder in (store, calm))
    jobs, codes = ours.jobs(), sum((command.codes for command in commands), Counter[int]())
    samples = [json.loads(line) for line in (calm / "samples.jsonl").read_text().splitlines()]
    worker, problems = grown(samples)
    problems += differing(jobs, ours, theirs) + left_over(store, len(jobs), temporary)
    problems += [f"exit code {code}" for code in codes.keys() - CODES]
    problems += [f"the last call ended with {c.last}" for c in commands if c.last != 0]
    problems += [f"the undisturbed worker ended with {ends}"] if ends else []
    said = "".join(command.log.read_text() for command in commands)
    problems += [w for w in ("Traceback", "Exception ignored", "Fatal") if w in said]
    return {
        "minutes": minutes,
        "seed": seed,
        "recipes": list(names),
        "settings": TINY,
        "seconds": round(lasted),
        "jobs": len(jobs),
        "seeds": seeds,
        "starts": sum(codes.values()),
        "hits": dict(sorted(hits.items())),
        "exit codes": {str(code): count for code, count in sorted(codes.items())},
        "undisturbed worker": worker,
        "problems": problems,
        "machine": machine("cpu") | {"cores": os.cpu_count(), "load": os.getloadavg()[2]},
        "versions": versions(),
        "commit": commit(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def main() -> int:
    """Run the soak test as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "names", nargs="*", default=NAMES, help="recipes to run (default: figure4 table2)"
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the random moments and signals"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/soak"),
        help="folder for stores and logs, emptied first",
    )
    parser.add_argument("--json", type=Path, help="where to write the summary")
    parser.add_argument("--undisturbed", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    out, names = told.out.resolve(), tuple(told.names)
    if told.undisturbed:
        undisturbed(out, names)
        return 0
    shutil.rmtree(out, ignore_errors=True)
    summary = soak(out, told.minutes, told.seed, names)
    text = json.dumps(summary, indent=2) + "\n"
    print(text, end="")
    if told.json:
        write_atomically(told.json, text)
    return 1 if summary["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
