"""What do exported tickets cost in onnxruntime: bytes, and time of a forward pass?

    python -m benchmarks export                        # two minutes

ResNet18 for images of 32x32 with random masks, each exported to ONNX: the dense network, a ticket
of a tenth of its elements, the same with integer weights, a ticket of half of its output channels
as it is and compacted, and three tickets as one graph. All take turns on one thread. What masks do
to the time does not depend on what they were learned from.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import scratchticket as st
from benchmarks.measure import ROOT, append, circumstances, in_turn, options_of, spread
from benchmarks.rows import ExportRow
from benchmarks.switching import tickets
from scratchticket.export import export

RECORDS = ROOT / "records" / "export.jsonl"
BATCHES = (1, 32)
TURNS = 7


def of_channels(ticket: st.Ticket) -> st.Ticket:
    """Return a ticket of half of the output channels of every layer but the classifier."""
    draws = torch.Generator().manual_seed(0)

    def half(weight: Tensor) -> Tensor:
        kept = torch.zeros(len(weight), dtype=torch.bool)
        kept[torch.randperm(len(weight), generator=draws)[: len(weight) // 2]] = True
        return kept.view(-1, *[1] * (weight.ndim - 1)).expand_as(weight)

    masks = {name: half(mask) for name, mask in ticket.mask.items()}
    last = next(reversed(masks))
    return replace(ticket, mask=st.Mask(masks | {last: torch.ones_like(ticket.mask[last])}))


def exported(width: int, folder: Path) -> dict[str, Path]:
    """Return the files of all variants, by what they are."""
    three = tickets(st.NetworkRecipe("resnet18", width=width), 3)
    whole = st.Mask({name: torch.ones_like(mask) for name, mask in three[0].mask.items()})
    channels = of_channels(three[0])
    variants: dict[str, tuple[list[st.Ticket], dict[str, Any]]] = {
        "dense": ([replace(three[0], mask=whole)], {}),
        "elements": (three[:1], {}),
        "elements, integer": (three[:1], {"integer": True}),
        "channels": ([channels], {}),
        "channels, compact": ([channels], {"compact": True}),
        "switch of three": (three, {}),
    }
    return {
        name: export(given, folder / f"{place}.onnx", "onnx", **more).path
        for place, (name, (given, more)) in enumerate(variants.items())
    }


def measured(width: int) -> ExportRow:
    """Return the row of a network's width."""
    import onnxruntime

    where = circumstances()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        files = exported(width, Path(folder))
        sizes = {name: path.stat().st_size for name, path in files.items()}
        sessions = {n: onnxruntime.InferenceSession(str(p), options) for n, p in files.items()}
    seconds = {}
    for batch in BATCHES:
        images = torch.rand(batch, 3, 32, 32).numpy()
        fed = {
            name: {"images": images, "ticket": torch.tensor(1).numpy()}
            if len(session.get_inputs()) > 1
            else {"images": images}
            for name, session in sessions.items()
        }
        passes = {n: partial(session.run, None, fed[n]) for n, session in sessions.items()}
        taken = in_turn(passes, TURNS)
        seconds[str(batch)] = {name: spread(values) for name, values in taken.items()}
    where["versions"] |= {"onnxruntime": onnxruntime.__version__}
    return ExportRow(network="resnet18", width=width, bytes=sizes, seconds=seconds, **where)


def main(arguments: list[str]) -> None:
    """Measure what is asked for."""
    parser = options_of("export", __doc__)
    parser.add_argument("--width", type=int, nargs="+", default=[16, 64])
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for width in options.width:
        row = measured(width)
        append(RECORDS, row)
        for name, size in row.bytes.items():
            times = [f"{1e3 * row.seconds[str(b)][name].median:.1f} ms" for b in BATCHES]
            print(f"width {width}, {name}: {size:,} bytes, {' and '.join(times)}", flush=True)
