"""How long do the parts around the networks take: selection, coding, data, the command's start?

    python -m benchmarks parts

The selection of the highest of 46 million scores stands beside sorting them, as the released code
does, and beside copying them, the least any program can do. A mask of as many weights as ResNet18
has, a tenth of them kept at random, is coded and decoded as in a ticket's file, beside zlib at its
highest level and beside copying its bits. Images are prepared as for CIFAR-10: taken in random
order, padded, cropped and flipped, turned into pixels; beside it stands doing so image by image, as
data loaders do, and copying as many float32 pixels. A row is appended to records/parts.jsonl.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from collections.abc import Callable

import numpy as np
import torch

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
from benchmarks.rows import Part, PartsRow
from scratchticket.base import rng
from scratchticket.data import ImageSet, augmented, pixels
from scratchticket.masks import keep_top
from scratchticket.tickets import coding

RECORDS = ROOT / "records" / "parts.jsonl"
SCORES, RATIO = 46_000_000, "0.05"  # about those of WideResNet-34-10
IMAGES, BATCH = 20_000, 256
WEIGHTS = 11_164_352  # of ResNet18 that are masked
NO_TIMES = ("count", "ratio")
Actions = dict[str, Callable[[], object]]


def selecting(count: int) -> Actions:
    """Return what selects the highest scores."""
    scores = torch.rand(count, generator=torch.Generator().manual_seed(0))
    return {
        "ours": lambda: keep_top(scores, RATIO),
        "reference": scores.sort,
        "limit": scores.clone,
    }


def encoding(count: int) -> Actions:
    """Return what codes a mask with a tenth of its bits set."""
    bits = np.random.default_rng(0).random(count) < 0.1
    packed = np.packbits(bits)
    return {
        "ours": lambda: coding.encode([bits], [None]),
        "reference": lambda: zlib.compress(np.packbits(bits).tobytes(), 9),
        "limit": packed.copy,
    }


def decoding(count: int) -> Actions:
    """Return what decodes it."""
    bits = np.random.default_rng(0).random(count) < 0.1
    code, plan = coding.encode([bits], [None])
    rival = zlib.compress(np.packbits(bits).tobytes(), 9)

    def others() -> object:
        return np.unpackbits(np.frombuffer(zlib.decompress(rival), np.uint8))

    return {
        "ours": lambda: coding.decode(code, plan, [None]),
        "reference": others,
        "limit": bits.copy,
    }


def preparing(count: int) -> Actions:
    """Return what prepares an epoch of images."""
    draws = torch.Generator().manual_seed(0)
    values = torch.randint(256, (count, 3, 32, 32), generator=draws, dtype=torch.uint8)
    images = ImageSet(values, torch.zeros(count, dtype=torch.int64))
    batch = pixels(values[:BATCH])

    def epoch() -> None:
        order = rng.permutation(count, 0, "batches", 0)
        for step, chosen in enumerate(torch.split(order, BATCH)):
            random = rng.generator(0, "augmentation", step)
            pixels(augmented(images[chosen].images, "crop-flip", random))

    def one_by_one() -> None:
        for chosen in torch.split(torch.randperm(count), BATCH):
            several = []
            for number in chosen.tolist():
                top, left, flipped = torch.randint(9, (3,)).tolist()
                padded = torch.nn.functional.pad(values[number], (4, 4, 4, 4))
                image = padded[:, top : top + 32, left : left + 32]
                several.append(image.flip(2) if flipped % 2 else image)
            pixels(torch.stack(several))

    def copies() -> None:
        for _ in range(count // BATCH):
            batch.clone()

    return {"ours": epoch, "reference": one_by_one, "limit": copies}


def starting() -> Actions:
    """Return what starts the command line."""

    def call(*words: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *words], capture_output=True, check=True)

    return {
        "ours": call("-m", "scratchticket", "--help"),
        "limit": call("-c", ""),
        "import torch": call("-c", "import torch"),
    }


def measured(
    scores: int = SCORES, weights: int = WEIGHTS, images: int = IMAGES, turns: int = 5
) -> PartsRow:
    """Return the row."""
    where, rows = circumstances(), dict[str, Part]()
    parts = {
        "select": (selecting(scores), scores),
        "encode": (encoding(weights), weights),
        "decode": (decoding(weights), weights),
        "prepare": (preparing(images), images),
        "help": (starting(), 1),
    }
    for name, (actions, count) in parts.items():
        taken = in_turn(actions, turns)
        rival = taken.get("reference") or taken["import torch"]
        rows[name] = {which: spread(seconds) for which, seconds in taken.items()}
        rows[name] |= {"count": count, "ratio": ratios(rival, taken["ours"])}
    return PartsRow(**where | rows)


def main(arguments: list[str]) -> None:
    """Measure."""
    parser = options_of("parts", __doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    torch.set_num_threads(parser.parse_args(arguments).threads)
    row = measured()
    append(RECORDS, row)
    for name in ("select", "encode", "decode", "prepare", "help"):
        ways = [way for way in getattr(row, name) if way not in NO_TIMES]
        took = {way: f"{row.spread(name, way).median:.3f} s" for way in ways}
        print(f"{name}: {took}, {between(row.spread(name, 'ratio'), '.2g')} times faster")
