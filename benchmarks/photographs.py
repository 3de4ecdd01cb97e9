"""What do photographs that stay encoded cost: decoding, memory, and what a step waits for them?

    python -m benchmarks photographs --photographs ../shared/data/tiny_imagenet/val.parquet

The photographs come from a Parquet file with the columns image and label. Some are laid into an
image folder, some into another Parquet file, and some are enlarged to 500x375 with noise, which
makes them as long as ImageNet's. Each case runs in a process of its own, which says how much memory
it held at most: first all training images once, cropped at random to 224x224; then some steps of a
draw with the settings of `--preset imagenet`, in batches of 16. Rows are appended to
records/photographs.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

from benchmarks.measure import ROOT, append, circumstances, most_memory, options_of
from benchmarks.rows import PhotographsRow
from scratchticket.base.errors import Interrupted
from scratchticket.base.processes import ALONE
from scratchticket.base.record import Json
from scratchticket.data import load_data
from scratchticket.learning import Session
from scratchticket.learning.batches import Batch, Batches
from scratchticket.runs.api import prepare_job
from scratchticket.runs.presets import PRESETS
from scratchticket.runs.recipe import Recipe, make_recipe

RECORDS = ROOT / "records" / "photographs.jsonl"
LARGE = (500, 375)


@dataclass(frozen=True)
class Case:
    """What is measured in a process of its own.

    Attributes:
        what: ``input``, or the network of a step.
        form: ``folder`` or ``Parquet``.
        large: Whether the photographs are enlarged.
        count: How many photographs there are; some are put aside for validation and testing.
        side: Of what is cut out of them, in pixels.
    """

    what: str
    form: str
    large: bool
    count: int
    side: int = 224


CASES = (
    Case("input", "folder", large=False, count=2_000),
    Case("input", "folder", large=False, count=8_000),
    Case("input", "Parquet", large=False, count=2_000),
    Case("input", "Parquet", large=False, count=8_000),
    Case("input", "folder", large=True, count=1_600),
    Case("imagenet_resnet18", "folder", large=True, count=1_600),
    Case("imagenet_resnet50", "folder", large=True, count=1_600),
)


def laid(case: Case, photographs: Path, home: Path) -> Path:
    """Lay the photographs of a case out as it wants them; return where."""
    from pyarrow import parquet

    table = parquet.read_table(photographs)
    table = table.take(list(range(0, len(table), len(table) // case.count))).slice(0, case.count)
    if case.form == "Parquet":
        home.mkdir()
        parquet.write_table(table, home / "0.parquet")
        return home
    draws = np.random.default_rng(0)
    for number, row in enumerate(table.to_pylist()):
        content = row["image"]["bytes"]
        if case.large:
            image = Image.open(BytesIO(content)).convert("RGB").resize(LARGE)
            noisy = np.asarray(image) + draws.normal(0, 12, (*LARGE[::-1], 3))
            enlarged = BytesIO()
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(enlarged, "JPEG", quality=90)
            content = enlarged.getvalue()
        path = home / str(row["label"]) / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return home


def recipe_of(case: Case, place: Path) -> Recipe:
    """Return the preset for ImageNet, on these photographs."""
    own: dict[str, Any] = {"data.name": str(place), "data.validation": "1/8", "seed": 0}
    own["data.size"] = case.side
    if case.what != "input":
        own |= {"network.name": case.what, "learning.batch_size": 16}
    return make_recipe(PRESETS["imagenet"] | own)


def going_through(recipe: Recipe) -> Json:
    """Go through the training images once."""
    data = load_data(recipe.data)
    batches = Batches(data.train, 0, recipe.learning, ALONE)
    steps = recipe.learning.steps_per_epoch(len(data.train))
    begun, processor = time.perf_counter(), time.process_time()
    seen = sum(len(batches.at(step).labels) for step in range(steps))
    took = {"seconds": time.perf_counter() - begun, "processor": time.process_time() - processor}
    batches.close()
    return {"images": seen} | took


def stepping(recipe: Recipe, steps: int) -> Json:
    """Do some steps of a draw; the first does not count."""
    job = prepare_job(recipe, load_data(recipe.data), "cpu")
    ends: list[float] = []
    waits: list[float] = []
    at = Batches.at

    def timed(batches: Batches, step: int) -> Batch:
        begun = time.perf_counter()
        batch = at(batches, step)
        waits.append(time.perf_counter() - begun)
        return batch

    def enough() -> bool:
        return len(ends) > steps

    with patch.object(Batches, "at", timed), suppress(Interrupted):
        job.run(Session(observe=lambda _: ends.append(time.perf_counter()), stop=enough))
    seconds = ends[-1] - ends[0]
    return {
        "images": steps * recipe.learning.batch_size,
        "seconds": seconds,
        "waiting": sum(waits[1 : steps + 1]),
        "steps": steps,
    }


def measured(case: Case, place: Path, steps: int = 3) -> Json:
    """Measure a case in this process; return what a row says of it."""
    before, recipe = most_memory(), recipe_of(case, place)
    found = going_through(recipe) if case.what == "input" else stepping(recipe, steps)
    return found | {"memory": most_memory(), "before": before}


def in_own_process(case: Case, photographs: Path, threads: int) -> Json:
    """Lay out the photographs and measure a case in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = laid(case, photographs, Path(folder) / "photographs")
        words = ["--case", json.dumps(asdict(case)), "--photographs", str(place)]
        words += ["--threads", str(threads)]
        command = [sys.executable, "-m", "benchmarks", "photographs", *words]
        cache = {"SCRATCHTICKET_CACHE": str(Path(folder) / "cache")}
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=os.environ | cache
        )
    found: Json = json.loads(done.stdout)
    return found


def main(arguments: list[str]) -> None:
    """Measure."""
    parser = options_of("photographs", __doc__)
    parser.add_argument("--photographs", type=Path, help="Parquet file to take them from")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    if options.photographs is None:
        print("photographs: left out; it needs --photographs FILE")
    elif options.case is not None:
        print(json.dumps(measured(Case(**options.case), options.photographs)))
    else:
        for case in CASES:
            where = circumstances() | asdict(case)
            found = in_own_process(case, options.photographs.resolve(), options.threads)
            row = PhotographsRow(**where, **found)
            append(RECORDS, row)
            print(f"{case}: {row.rate:.3g} images/s, {row.memory / 2**20:.0f} MiB", flush=True)
