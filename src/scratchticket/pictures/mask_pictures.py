"""A page of pictures of tickets: masks, signs, first filters and overlaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt
from torch import Tensor

from scratchticket.base.accuracy import percent
from scratchticket.networks import bare
from scratchticket.pictures.html import head, png_url
from scratchticket.tickets import Ticket, check_one_network
from scratchticket.tickets.facts import facts, summary

Pixels = npt.NDArray[np.uint8]
PLUS, MINUS = np.array((26, 134, 205)), np.array((213, 94, 0))  # 0 is transparent
LINE = np.array((128, 128, 128, 64), dtype="u1")  # between tiles
SIDE = 360  # smallest size of a picture, in pixels
MAX_DRAWN = 1024  # largest number of rows and columns of a mask that are drawn
STYLE = """
img { image-rendering: pixelated; max-width: 100%; border: 1px solid var(--line); }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
body { max-width: 84rem; }
main > div { min-width: 0; }
aside h2 { margin: 0 0 .5rem; padding: 0; border: 0; }
aside { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .75rem 1rem; }
th[scope="col"] { white-space: normal; vertical-align: bottom; }
dl { margin: 0; font-size: .9rem; }
dt { font-weight: 600; }
dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
h1, h3, p, summary { overflow-wrap: anywhere; }
@media (min-width: 64rem) {
  main { display: grid; grid-template-columns: minmax(0, 1fr) 17rem; gap: 2rem; }
  aside { grid-column: 2; grid-row: 1; align-self: start; position: sticky; top: 1rem; }
  main > div { grid-column: 1; grid-row: 1; }
  section:first-child h2 { margin-top: 0; border: 0; padding: 0; } }
"""


def ticket_page(tickets: Mapping[str, Ticket]) -> str:
    """Return a self-contained HTML page that shows tickets of one network.

    Args:
        tickets: Tickets by name, verified when they were read; the first is shown in full.

    Raises:
        InputError: If the tickets are of different networks.
    """
    check_one_network(list(tickets.values()))
    (name, first), *_ = tickets.items()
    parts = [_filters(tickets), _layers(first), _overlaps(tickets), _masks(first)]
    ratio = f"{first.mask.kept:,} of {first.mask.total:,} weights"
    return f"""{head(f"{name}: mask and weights", "img-src data:", style=STYLE)}<body>
<header>
<h1>{escape(name)}: mask and weights</h1>
<p>{escape(first.network.name)}, {ratio} ({percent(first.remaining_ratio):.3g}&nbsp;%),
{"never trained" if first.weights is None else "weights stored in the file"}. Positive weights are
blue, negative weights orange, pruned weights blank. <i>By chance</i> is the expected value for
random masks with the same ratios.</p>
</header>
<main>
{_facts_box(tickets)}
<div>
{chr(10).join(parts)}
</div>
</main>
</body>
</html>
"""


def _facts_box(tickets: Mapping[str, Ticket]) -> str:
    """Return a summary of each ticket: accuracy, size, seed, verification, and more."""
    parts = []
    for name, ticket in tickets.items():
        lines = summary(facts(ticket)) | {"seed": str(ticket.seed)}
        lines.setdefault("accuracy", "not recorded in the file")
        first = {topic: lines.pop(topic) for topic in ("accuracy", "file", "seed", "proof")}
        title = f"<h3>{escape(name)}</h3>" if len(tickets) > 1 else ""
        more = f"<details><summary>More</summary>{_definitions(lines)}</details>"
        parts.append(f"{title}{_definitions(first)}{more}")
    return f'<aside aria-label="Facts"><h2>Facts</h2>{"".join(parts)}</aside>'


def _definitions(lines: Mapping[str, str]) -> str:
    """Return a definition list, with no line break before a percent sign."""
    items = (
        f"<dt>{topic}</dt><dd>{escape(line).replace(' %', '&nbsp;%')}</dd>"
        for topic, line in lines.items()
    )
    return f"<dl>{''.join(items)}</dl>"


def _weights(ticket: Ticket) -> dict[str, Tensor]:
    """Return the masked weights, by parameter name."""
    parameters = dict(bare(ticket.build()).named_parameters())
    return {name: parameters[name].detach() for name in ticket.mask}


def _matrix(layer: Tensor) -> Tensor:
    """Return a layer reshaped to (output, input, kernel elements)."""
    return layer.reshape(len(layer), layer.shape[1] if layer.ndim > 1 else 1, -1)


def _image(pixels: Pixels, alternative: str, caption: str = "") -> str:
    """Return the HTML of an embedded picture, enlarged if it has few pixels."""
    scale = max(1, ceil(SIDE / max(pixels.shape[:2])))
    height, width = (scale * size for size in pixels.shape[:2])
    text = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><img width="{width}" height="{height}" alt="{escape(alternative)}" '
        f'src="{png_url(pixels)}">{text}</figure>'
    )


def _signed(values: Tensor) -> Pixels:
    """Return a colour for each value in [-1, 1]: orange below 0, transparent at 0, blue above.

    The opacity is the square root of the magnitude, so that small values are visible.
    """
    shares = values.clamp(-1, 1).numpy()[..., None]
    colours = np.where(shares > 0, PLUS, MINUS)
    opacity = np.rint(255 * np.sqrt(np.abs(shares)))
    return np.asarray(np.concatenate((colours, opacity), -1), dtype=np.uint8)


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column names the rows."""
    top = f'<th scope="col" class="text">{escape(heads[0])}</th>'
    top += "".join(f'<th scope="col">{escape(head)}</th>' for head in heads[1:])
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    head = f"<thead><tr>{top}</tr></thead>"
    scroll = f'<div class="scroll" role="region" tabindex="0" aria-label="{title}">'
    return f"{scroll}<table>{head}<tbody>{body}</tbody></table></div>"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _percent(share: float) -> str:
    return f"{percent(share):.1f} %"


def _layers(ticket: Ticket) -> str:
    """Return a table with a row per layer: remaining weights, empty kernels and outputs, signs."""
    rows, whole = [], _whole(ticket)
    for name, left in _weights(ticket).items():
        mask = _matrix(ticket.mask[name])
        share, size = mask.double().mean().item(), mask.shape[2]
        empty = (~mask.any(dim=2)).double().mean().item()
        silent = (~mask.flatten(1).any(dim=1)).double().mean().item()
        kept = left[ticket.mask[name]]
        rows.append(
            (
                name,
                f"{int(mask.sum()):,}",
                f"{mask.numel():,}",
                _percent(share),
                _percent(empty) if size > 1 else "–",
                _percent((1 - share) ** size) if size > 1 else "–",
                _percent(silent),
                _percent((kept > 0).double().mean().item()),
                _percent((whole[name] > 0).double().mean().item()),
            )
        )
    heads = ["layer", "kept", "of", "share", "kernels empty", "by chance", "outputs empty"]
    heads += ["positive, kept", "positive, all"]
    return _section("Layer by layer", _table("Layer by layer", heads, rows))


def _whole(ticket: Ticket) -> dict[str, Tensor]:
    """Return the masked layers' weights before masking, if the ticket has them."""
    if ticket.weights is not None:
        return {name: ticket.weights[name][mask] for name, mask in ticket.mask.items()}
    parameters = dict(bare(ticket.random_network()).named_parameters())
    return {name: parameters[name].detach() for name in ticket.mask}


def _filters(tickets: Mapping[str, Ticket]) -> str:
    """Return the kernels of the first convolution of every ticket."""
    pictures = []
    for called, ticket in tickets.items():
        weights = _weights(ticket)
        first = next((w for w in weights.values() if w.ndim == 4), None)
        if first is not None:
            pictures.append(_image(_tiled(first), f"First filters of {called}", called))
    if not pictures:
        return ""
    text = "<p>One tile per output channel, with the kernels of all input channels in a row.</p>"
    joined = "".join(pictures)
    return _section("First filters", f'{text}<div class="pictures">{joined}</div>')


def _tiled(weights: Tensor) -> Pixels:
    """Return kernels, (output, input, height, width), as a picture with a tile per output."""
    outputs, inputs, height, width = weights.shape
    columns = ceil(sqrt(outputs * height / (inputs * width)))
    rows = ceil(outputs / columns)
    largest = float(weights.abs().max()) or 1.0
    picture = np.tile(LINE, (rows * (height + 1) + 1, columns * (inputs * width + 1) + 1, 1))
    for place, kernels in enumerate(weights / largest):
        top = place // columns * (height + 1) + 1
        left = place % columns * (inputs * width + 1) + 1
        tile = _signed(kernels.permute(1, 0, 2).reshape(height, inputs * width))
        picture[top : top + height, left : left + inputs * width] = tile
    return picture


def _overlaps(tickets: Mapping[str, Ticket]) -> str:
    """Return a table of the overlap of each pair of tickets, measured and expected by chance."""
    if len(tickets) < 2:
        return ""
    rows = []
    pairs = list(tickets.items())
    for place, (called, one) in enumerate(pairs):
        for other_called, other in pairs[place + 1 :]:
            shared = [n for n in one.mask if n in other.mask and _same(one, other, n)]
            both = sum(int((one.mask[n] & other.mask[n]).sum()) for n in shared)
            sizes = [sum(int(t.mask[n].sum()) for n in shared) for t in (one, other)]
            chance = sum(
                float(one.mask[n].double().mean() * other.mask[n].double().mean())
                * one.mask[n].numel()
                for n in shared
            )
            rows.append(
                (
                    f"{called} and {other_called}",
                    f"{both:,}",
                    _percent(both / min(sizes)),
                    _percent(chance / min(sizes)),
                )
            )
    heads = ("tickets", "weights in both", "of the smaller", "by chance")
    begun = len({ticket.score_seed for ticket in tickets.values()} - {None}) < len(tickets)
    text = (
        "<p>Some of these searches began with the same initial scores, so that their masks "
        "overlapped before anything was learned.</p>"
        if begun
        else ""
    )
    return _section("Overlap", text + _table("Overlap", heads, rows))


def _same(one: Ticket, other: Ticket, name: str) -> bool:
    """Return whether the masks of a layer have the same shape in two tickets."""
    return one.mask[name].shape == other.mask[name].shape


def _masks(ticket: Ticket) -> str:
    """Return two pictures per layer: the remaining ratio of each kernel, and its mean sign."""
    text = (
        "<p>A row per output channel, a column per input channel. Left: the remaining ratio of "
        "each kernel, from blank (0) to full blue (1). Right: the sum of the signs of its "
        "remaining weights, divided by the kernel's size.</p>"
    )
    parts = []
    for name, left in _weights(ticket).items():
        mask, signs = _matrix(ticket.mask[name]), _matrix(left.sign())
        if max(mask.shape[:2]) > MAX_DRAWN:
            mask, signs = mask[:MAX_DRAWN, :MAX_DRAWN], signs[:MAX_DRAWN, :MAX_DRAWN]
        full = _image(_signed(mask.double().mean(dim=2)), f"Remaining ratio of kernels of {name}")
        signed = _image(_signed(signs.mean(dim=2)), f"Sum of signs of each kernel of {name}")
        shape = " x ".join(map(str, ticket.mask[name].shape))
        cut = (
            f"; the first {MAX_DRAWN} are drawn"
            if max(ticket.mask[name].shape[:2]) > MAX_DRAWN
            else ""
        )
        title = f"<h3>{escape(name)} <small>{shape}{cut}</small></h3>"
        parts.append(f'{title}<div class="pictures">{full}{signed}</div>')
    return _section("Masks", text + "".join(parts))
