"""The report as one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from scratchticket.paper import Scale
from scratchticket.paper.claims import Judged
from scratchticket.paper.comparison import __doc__ as rule
from scratchticket.paper.report.figures import described, drawn
from scratchticket.paper.report.found import Filled, Found, Records
from scratchticket.paper.report.markdown import printed
from scratchticket.paper.report.tables import Grid, about_numbers, grid, notes, published
from scratchticket.pictures.html import head
from scratchticket.runs.summary import outcome

Facts = dict[str, Any]
NETWORKS = ("resnet18", "wideresnet32", "resnet50", "resnet101")
DATA = ("cifar10", "cifar100", "svhn", "imagenet")


def page(scale: Scale, founds: Sequence[Found], records: Records) -> str:
    """Return the report.

    Args:
        scale: Of all.
        founds: What was found for each recipe.
        records: Behind them.
    """
    script = files(__package__).joinpath("page.js").read_text()
    title = f"Robust scratch tickets at scale {scale.name}"
    about = "".join(f"<li>{escape(line)}</li>" for line in scale.less)
    less = f"<p>Less than in the paper:</p><ul>{about}</ul>" if about else ""
    sections = "\n".join(_section(found) for found in founds)
    return f"""{head(title, "script-src 'unsafe-inline'; img-src data:")}<body>
<header>
<h1>Robust scratch tickets: the paper beside our records</h1>
<p>Every table and figure of Fu et al., <i>Drawing Robust Scratch Tickets</i> (NeurIPS 2021), at
scale <b>{escape(scale.name)}</b>, seeds {escape(", ".join(map(str, scale.seeds)))}. Numbers are
ours; the paper's stand beside them in italics, and hollow and dotted in pictures. On demand each
number also shows its difference to the paper's, its 95 % interval over the test images and the
number of seeds (n).</p>
{less}
</header>
{_form(founds)}
<main>
{_overview(founds)}
{sections}
{_records(founds, records)}
</main>
<script>
{script}</script>
</body>
</html>
"""


def _form(founds: Sequence[Found]) -> str:
    """Return the filters."""
    panels = [name for found in founds for name in found.panels]
    percents = sorted(
        {p for found in founds for panel in found.panels for p in _percents(found, panel)}, key=int
    )
    choices = (
        ("network", [n for n in NETWORKS if any(n in panel for panel in panels)]),
        ("data", [d for d in DATA if any(d in _words(panel) for panel in panels)]),
        ("ratio", percents),
    )
    return f"""<form aria-label="Filters">
{"".join(_select(name, values) for name, values in choices)}
<label>records that contain <input name="text" type="search"></label>
<label class="check"><input name="more" type="checkbox"> differences, intervals, seeds</label>
<button type="reset">all</button>
<button type="button" id="theme" class="theme">light / dark</button>
</form>"""


def _select(name: str, values: Iterable[str]) -> str:
    unit = " %" if name == "ratio" else ""
    options = "".join(
        f'<option value="{escape(value)}">{escape(value)}{unit}</option>' for value in values
    )
    everything = '<option value="">all</option>'
    return f'<label>{name} <select name="{name}">{everything}{options}</select></label>\n'


def _overview(founds: Sequence[Found]) -> str:
    """Return the table of contents with the verdicts counted."""
    lines = []
    for found in founds:
        counts = Counter(claim.verdict for claim in found.claims)
        said = ", ".join(f"{_verdict(text)} {count}" for text, count in counts.items())
        lines.append(
            f'<tr data-of="{found.recipe.name}"><th scope="row">'
            f'<a href="#{found.recipe.name}">{found.recipe.title}</a></th>'
            f'<td class="text">{escape(found.recipe.question)}</td>'
            f'<td class="text">{said}</td><td>{found.done} of {len(found.cells)}</td></tr>'
        )
    return f"""<div class="scroll"><table>
<thead><tr><th class="text">recipe</th><th class="text">question</th><th class="text">verdicts</th>
<th>numbers</th></tr></thead>
<tbody>{"".join(lines)}</tbody></table></div>
<details><summary>How a verdict is reached</summary><p>{escape(_rule())}</p></details>"""


def _rule() -> str:
    """Return the rule of verdicts, in words."""
    return " ".join((rule or "").split("\n\n", 1)[1].replace("*", "").split())


def _section(found: Found) -> str:
    """Return a table or figure."""
    recipe = found.recipe
    begin = f"""<section id="{recipe.name}">
<h2>{recipe.title}: {escape(recipe.question)}</h2>
<p>{escape(recipe.part("Reproduces"))}</p>
<p class="faint">Expected: {escape(recipe.part("Expect"))} Cost: {escape(recipe.part("Cost"))}
Deviations: {escape(recipe.part("Deviations"))}</p>"""
    if not found.panels:
        return f"{begin}\n<p>Not run at this scale.</p>\n{_claims(found.claims)}\n</section>"
    wide = "" if recipe.shape in {"curves", "bars"} else " wide"
    panels = "\n".join(_panel(found, name) for name in found.panels)
    return f"""{begin}
<div class="panels{wide}">
{panels}
</div>
<p class="faint">{escape(about_numbers(recipe))}</p>
{_claims(found.claims)}
</section>"""


def _panel(found: Found, name: str) -> str:
    """Return a panel: its picture, if it has one, and its table."""
    network = " ".join(n for n in NETWORKS if n in name or _mentions(found, name, n))
    data = " ".join(d for d in DATA if d in _words(name))
    if found.recipe.name == "table1":
        data = "imagenet"
    picture = drawn(found, name)
    figure = ""
    if picture is not None:
        said = escape(described(found, name), quote=True)
        figure = (
            "<figure>"
            + picture.replace("<svg", f'<svg role="img" aria-label="{said}"', 1)
            + "</figure>"
        )
    return f"""<div class="panel" data-network="{network}" data-data="{data}">
<h3>{escape(name)}{_here(found.scale.called(name))}</h3>
{figure}
{_table(grid(found, name))}
</div>"""


def _here(stands: str) -> str:
    """Return what is shown in place of the paper's networks and data."""
    return f' <small class="faint">here {escape(stands)}</small>' if stands else ""


def _mentions(found: Found, panel: str, network: str) -> bool:
    """Whether a row of a panel is about a network that its name does not mention."""
    return any(network in filled.cell.row for filled in found.panels[panel])


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text)


def _percents(found: Found, panel: str) -> list[str]:
    """Return the remaining percents that a panel has columns or rows of."""
    numbers = grid(found, panel)
    return [p for name in (*numbers.columns, *numbers.rows) if (p := _percent(name))]


def _percent(name: str) -> str:
    """Return the percent that a column or row is about, if it is about one ticket."""
    named = re.fullmatch(r"(?:ticket, )?(\d+) %", name)
    return named[1] if named else ""


def _mark(name: str) -> str:
    """Return the attribute by which the page filters a column or row."""
    return f' data-percent="{percent}"' if (percent := _percent(name)) else ""


def _table(numbers: Grid) -> str:
    """Return a panel's table; of tickets its columns can be filtered, or else its rows."""
    marks = [_mark(column) for column in numbers.columns]
    heads = "".join(
        f"<th{mark}>{escape(column)}</th>"
        for column, mark in zip(numbers.columns, marks, strict=True)
    )
    body = "".join(
        f'<tr{"" if any(marks) else _mark(row)}><th scope="row">{escape(row)}</th>'
        + "".join(_number(filled, mark) for filled, mark in zip(cells, marks, strict=True))
        + "</tr>"
        for row, cells in numbers.rows.items()
    )
    return f"""<div class="scroll"><table>
<thead><tr><th></th>{heads}</tr></thead><tbody>{body}</tbody></table></div>"""


def _number(filled: Filled | None, mark: str) -> str:
    """Return one number, the paper's beside it; difference and interval on demand."""
    if filled is None:
        return f"<td{mark}></td>"
    theirs, said = published(filled), notes(filled)
    beside = f"<i>{theirs}</i>" if theirs else ""
    more = f'<small class="more">{" ".join(said)}</small>' if said else ""
    ours = filled.text()
    if filled.values:  # of several seeds, the first that is done
        job = filled.cell.jobs[filled.values[0].seed]
        ours = f'<a href="#job-{job.id[:16]}">{ours}</a>'
    return f"<td{mark}>{ours}{beside}{more}</td>"


def _claims(claims: Sequence[Judged]) -> str:
    """Return the verdicts."""
    lines = "".join(
        f'<tr><td class="text">{escape(judged.claim.text)}</td><td><i>{printed(judged)}</i></td>'
        f"<td>{escape(judged.comparison.text())}</td><td>{_verdict(judged.verdict)}</td></tr>"
        for judged in claims
    )
    return f"""<div class="scroll"><table><thead><tr><th class="text">claim</th>
<th>the paper's difference</th><th>ours (points)</th><th>here it</th></tr></thead>
<tbody>{lines}</tbody></table></div>"""


def _verdict(text: str) -> str:
    kind = "not-tested" if text.startswith("not") else text.replace(" ", "-")
    return f'<span class="verdict {kind}">{escape(text)}</span>'


def _records(founds: Sequence[Found], records: Records) -> str:
    """Return the table of all jobs, each with its configuration."""
    used: dict[str, list[str]] = {}
    for found in founds:
        for job in found.jobs():
            used.setdefault(job.id, []).append(found.recipe.title)
    rows = "".join(
        _record(name, facts, used.get(name, [])) for name, facts in records.by_id.items()
    )
    return f"""<section id="records">
<h2>All records</h2>
<p id="shown" class="faint"></p>
<div class="scroll"><table><thead><tr><th class="text">job</th><th class="text">what</th>
<th class="text">result</th><th>seconds</th><th class="text">on</th><th class="text">used in</th>
</tr></thead><tbody>{rows}</tbody></table></div>
</section>"""


def _record(name: str, facts: Facts, used: list[str]) -> str:
    """Return the line of a job."""
    record, job = facts["record"], facts["job"]
    label, said = str(job.get("label", "")), outcome(record)
    where = str(record.get("machine", {}).get("device", ""))
    configuration = escape(json.dumps(job, indent=1))
    links = ", ".join(f'<a href="#{title.lower().replace(" ", "")}">{title}</a>' for title in used)
    short = escape(name[:8])
    text = escape(f"{name} {label} {job.get('kind')} {said}".lower(), quote=True)
    return f"""<tr data-record="{text}" id="job-{escape(name[:16], quote=True)}">
<td class="text"><details><summary>{short}</summary><pre>{configuration}</pre></details></td>
<td class="text">{escape(label)}</td><td class="text">{escape(said)}</td>
<td>{facts.get("seconds", 0):.0f}</td><td class="text">{escape(where)}</td>
<td class="text">{links}</td></tr>
"""
