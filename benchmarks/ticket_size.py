"""How large is a ticket's file, and how long does it take to load?

    python -m benchmarks ticket_size                                  # everything: half an hour
    python -m benchmarks ticket_size --network resnet18 --ratio 0.1   # one row

Three networks and five remaining ratios with masks drawn at random, which no code can make smaller
than their entropy; and tickets really drawn, of digits (``--network digits``), whose masks can be
smaller because they remember their initial scores. Each is compared with

* the checkpoint of the code the paper's authors released: weights, scores, batch-norm buffers and
  the momentum of the scores, as ``torch.save`` writes them;
* the masked dense network, ``torch.save`` of its state dict, compressed by zstd at level 19.

Times are from a file in the page cache, on one thread: of a ticket to a network in eval mode with
the random weights rebuilt and proven, of the other two to a state dict. A row is
appended to records/ticket_size.jsonl as soon as it is measured.

Needs the extra ``benchmark``: ``pip install 'scratchticket[benchmark]'``.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import zstandard
from torch import Tensor

import scratchticket as st
from benchmarks.measure import ROOT, append, circumstances, options_of, spread
from benchmarks.rows import NetworkSize, Spread, TicketSizeRow
from scratchticket.base.accuracy import percent
from scratchticket.base.record import Weights
from scratchticket.masks import keep_top
from scratchticket.networks import bare, maskable, random_network, statistics
from scratchticket.runs.records import versions
from scratchticket.tickets.coding import entropy_bits
from scratchticket.tickets.identity import fingerprint
from scratchticket.tickets.parts import compact

RECORDS = ROOT / "records" / "ticket_size.jsonl"
RATIOS = ("0.01", "0.05", "0.1", "0.2", "0.5")
DRAWN_RATIOS = ("0.05", "0.1", "0.2")
LEVEL = 19  # of zstd
PASSES = 3
FILES = ("ticket.safetensors", "released.pth", "dense.pt.zst")
SEED = 0


@dataclass(frozen=True)
class Case:
    """A network and the images it is for.

    Attributes:
        network: Which random network.
        image_size: Height and width; there are three channels.
        classes: Number of logits.
    """

    network: st.NetworkRecipe
    image_size: int = 32
    classes: int = 10


CASES = {
    "resnet18": Case(st.NetworkRecipe("resnet18", width=64)),
    "wideresnet32": Case(st.NetworkRecipe("wideresnet32")),
    "imagenet_resnet50": Case(st.NetworkRecipe("imagenet_resnet50"), 224, 1000),
}
DIGITS = st.NetworkRecipe("resnet18", width=16)


def random_ticket(case: Case, ratio: str) -> st.Ticket:
    """Return a ticket whose mask and statistics are random and the rest is as of a drawn one."""
    generator = torch.Generator().manual_seed(SEED)
    shape, mean, std = (3, case.image_size, case.image_size), (0.5,) * 3, (0.25,) * 3
    network = random_network(
        case.network, classes=case.classes, image_shape=shape, seed=SEED, mean=mean, std=std
    )
    mask = {
        name: keep_top(torch.rand(weight.shape, generator=generator), ratio)
        for name, weight in maskable(network).items()
    }
    recipe = st.Recipe(task="draw", network=case.network, ratio=ratio, seed=SEED)
    return st.Ticket(
        network=case.network,
        seed=SEED,
        image_shape=shape,
        classes=tuple(f"n{index:08d}" for index in range(case.classes)),  # as long as ImageNet's
        mean=mean,
        std=std,
        mask=st.Mask(mask),
        statistics={
            name: torch.randn(buffer.shape, generator=generator).exp()
            for name, buffer in statistics(network).items()
        },
        fingerprints={name: fingerprint(w) for name, w in bare(network).named_parameters()},
        score_seed=SEED,
        provenance={"recipe": recipe.brief(), "versions": versions(), "epoch": 1},
    )


def drawn_ticket(network: st.NetworkRecipe, ratio: str, epochs: int = 40) -> st.Ticket:
    """Return a ticket of digits, drawn as examples/demo.py draws it."""
    return st.draw_ticket(
        st.load_data("digits"),
        network,
        ratio=ratio,
        attack=st.AttackRecipe("pgd", epsilon="0.1", steps=7, step_size="0.025"),
        learning=st.LearningRecipe(epochs=epochs),
        seed=SEED,
    )


def released_checkpoint(ticket: st.Ticket) -> dict[str, Any]:
    """Return what the released code saves of the same network at the end of an epoch.

    Scores and momentum are random: their values do not change their size.
    """
    network = bare(ticket.random_network())
    scores = {name: torch.randn(mask.shape) for name, mask in ticket.mask.items()}
    groups: list[dict[str, Any]] = [
        {"params": [], "weight_decay": 5e-4},  # of batch norm, which has none to learn
        {"params": list(scores.values()), "weight_decay": 5e-4},
    ]
    for score in scores.values():
        score.grad = torch.randn(score.shape)
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    optimizer.step()
    state = network.state_dict() | dict(ticket.statistics)
    beside = {name.removesuffix("weight") + "scores": score for name, score in scores.items()}
    accuracies = ("acc1", "acc5", "train_acc1", "train_acc5")
    return {
        "epoch": 160,
        "arch": ticket.network.name,
        "state_dict": {f"module.{name}": value for name, value in {**state, **beside}.items()},
        **{f"best_{name}": 50.0 for name in accuracies},
        "optimizer": optimizer.state_dict(),
        **{f"curr_{name}": 50.0 for name in accuracies[:2]},
    }


def compressed(ticket: st.Ticket) -> bytes:
    """Return the masked dense network: its state dict, saved and compressed."""
    buffer = io.BytesIO()
    torch.save(bare(ticket.build()).state_dict(), buffer)
    return zstandard.ZstdCompressor(level=LEVEL).compress(buffer.getvalue())


def decompressed(path: Path) -> dict[str, Tensor]:
    """Undo :func:`compressed`."""
    content = zstandard.ZstdDecompressor().decompress(path.read_bytes())
    state: dict[str, Tensor] = torch.load(io.BytesIO(content), weights_only=True)
    return state


def seconds(task: Callable[[], object], passes: int) -> Spread:
    """Return median, least and most wall time of a task, after one run that is not counted."""
    task()
    times = []
    for _ in range(passes):
        begun = time.perf_counter()
        task()
        times.append(time.perf_counter() - begun)
    return spread(round(value, 4) for value in times)


def written(ticket: st.Ticket, folder: Path) -> dict[str, Any]:
    """Write the ticket's file and those it is compared with; return their sizes in bytes."""
    own, released, packed = (folder / name for name in FILES)
    ticket.save(own)
    torch.save(released_checkpoint(ticket), released)
    packed.write_bytes(compressed(ticket))
    coded = safetensors.torch.load_file(own)
    layers = [compact(mask) for mask in ticket.mask.values()]
    entropy = sum(entropy_bits(bits.numel(), int(bits.sum())) for bits in layers) / 8
    size, mask, stored = own.stat().st_size, len(coded["0/mask"]), 4 * len(coded["0/statistics"])
    return {
        "file": size,
        "mask": mask,
        "entropy": round(entropy, 1),
        "statistics": stored,
        "header": size - mask - stored,
        "released": released.stat().st_size,
        "zstd": packed.stat().st_size,
    }


def read(folder: Path, passes: int) -> dict[str, Spread]:
    """Return how long it takes to read what :func:`written` wrote."""
    own, released, packed = (folder / name for name in FILES)
    return {
        "ticket": seconds(lambda: st.Ticket.load(own).build(), passes),
        "released": seconds(lambda: torch.load(released, weights_only=True), passes),
        "zstd": seconds(lambda: decompressed(packed), passes),
    }


def row(ticket: st.Ticket, ratio: str, mask: str, passes: int = PASSES) -> TicketSizeRow:
    """Return the record of one ticket."""
    network, where = ticket.network, circumstances()
    with tempfile.TemporaryDirectory() as folder:
        sizes = written(ticket, Path(folder))
        times = read(Path(folder), passes)
    where["versions"] |= {
        "safetensors": safetensors.__version__,
        "zstandard": zstandard.__version__,
    }
    return TicketSizeRow(
        format=1,
        network=NetworkSize(name=network.name, width=network.width),
        image_shape=ticket.image_shape,
        classes=len(ticket.classes),
        ratio=ratio,
        mask=mask,
        recipe=ticket.provenance["recipe"] if mask == "drawn" else None,
        weights=Weights(kept=ticket.mask.kept, total=ticket.mask.total),
        bytes=sizes,
        seconds=times,
        passes=passes,
        **where,
    )


def tickets(networks: Iterable[str], ratios: Sequence[str]) -> Iterable[tuple[st.Ticket, str, str]]:
    """Yield each wanted ticket with its ratio and kind of mask."""
    for name in networks:
        if name == "digits":
            for ratio in ratios or DRAWN_RATIOS:
                yield drawn_ticket(DIGITS, ratio), ratio, "drawn"
        else:
            for ratio in ratios or RATIOS:
                yield random_ticket(CASES[name], ratio), ratio, "random"


def main(arguments: list[str]) -> None:
    """Measure what the command line asks for."""
    parser = options_of("ticket_size", __doc__)
    parser.add_argument("--network", nargs="+", choices=[*CASES, "digits"], help="default: all")
    parser.add_argument("--ratio", nargs="+", default=[], help="default: all, such as 0.1")
    parser.add_argument("--records", type=Path, default=RECORDS, help="file to write to")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for ticket, ratio, mask in tickets(options.network or [*CASES, "digits"], options.ratio):
        record = row(ticket, ratio, mask)
        append(options.records, record)
        size, took = record.bytes, record.seconds["ticket"].median
        print(
            f"{ticket.network.name} {ratio} {mask}: {size['file']:,} bytes, mask "
            f"{percent(size['mask'] / size['entropy'] - 1):+.2f} % of entropy, {took:.2f} s",
            flush=True,
        )
