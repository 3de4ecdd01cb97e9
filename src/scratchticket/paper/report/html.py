"""The report as one self-contained HTML file, which needs no network."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, get_args

from scratchticket.base.accuracy import percent
from scratchticket.base.record import AttackFacts, Record, RunRecord, TransferRecord
from scratchticket.paper import NAMES, Scale
from scratchticket.paper.claims import Judged
from scratchticket.paper.comparison import __doc__ as rule
from scratchticket.paper.parts import OTHER_NETWORK
from scratchticket.paper.report.answers import (
    Group,
    Line,
    answers,
    counted_from_one,
    in_order,
    overview,
)
from scratchticket.paper.report.figures import description, picture_of
from scratchticket.paper.report.found import Filled, Found, Records, doubts_about, of_paper
from scratchticket.paper.report.markdown import printed_difference
from scratchticket.paper.report.tables import Grid, Name, grid, notes, published, title
from scratchticket.paper.scale import DataSet
from scratchticket.pictures.html import head
from scratchticket.runs.summary import outcome

Facts = dict[str, Any]
PAPERS = "the paper's difference"  # heading of a column
WIDE = 5  # a table with more columns takes the full width of a printed page
LONG = 10  # for curves with more rows, only the plot is printed, not the table
METHODS = (
    "ticket",
    "dense network",
    "random network",
    "fine-tuned ticket",
    "natural RTT",
    "adversarial RTT",
    "transferred RTT",
    "R2S",
)


def page(scale: Scale, founds: Sequence[Found], records: Records) -> str:
    """Return the report.

    Args:
        scale: Scale of all recipes.
        founds: Results of each recipe.
        records: The records that they come from.
    """
    script, style = (
        files(__package__).joinpath(f"page.{kind}").read_text() for kind in ("js", "css")
    )
    heading, about = _heading(scale, founds)
    first, *rest = in_order(founds)
    sections = "\n".join(map(_section, rest))
    return f"""{head(heading, "script-src 'unsafe-inline'; img-src data:", style=style)}<body>
<header>
<button type="button" id="theme" class="theme">light / dark</button>
<h1>{escape(heading)}</h1>
<p class="faint">{about}, {escape(counted_from_one(scale.seeds))}.</p>
</header>
<main>
<div class="opening">
{_answers(scale, founds)}
{_overview(founds)}
</div>
{_contents(in_order(founds))}
<div class="rest">
{_filters(scale, founds, records)}
{_section(first)}
{_verdicts(in_order(founds))}
{sections}
{_records(scale, founds, records)}
</div>
</main>
<script>
{script}</script>
</body>
</html>
"""


def _heading(scale: Scale, founds: Sequence[Found]) -> tuple[str, str]:
    """Return the heading, and the first part of the line below it, as HTML."""
    paper = "Fu et al., <i>Drawing Robust Scratch Tickets</i> (NeurIPS 2021)"
    recipes = [found.recipe for found in founds]
    if not of_paper(founds):
        titles = ", ".join(recipe.title for recipe in recipes)
        return (
            f"{titles} at scale {scale.name}: claims and our numbers",
            f"Studies beyond {paper}",
        )
    own = {recipe.name: recipe.title for recipe in recipes if recipe.name in NAMES}
    which = "every table and figure" if len(own) == len(NAMES) else ", ".join(own.values())
    heading = f"Robust scratch tickets at scale {scale.name}: the paper's claims and our numbers"
    return heading, f"{paper}, {which}"


def _answers(scale: Scale, founds: Sequence[Found]) -> str:
    """Return the three main questions with answers; nothing if there are only studies."""
    if not of_paper(founds):
        return ""
    lines = "".join(
        f"<dt>{escape(one.question)}</dt><dd><b>{escape(one.short)}</b>: {_unbroken(one.text)}"
        + (f' <span class="evidence">{escape(one.evidence)}</span>' if one.evidence else "")
        + "</dd>"
        for one in answers(scale, founds)
    )
    items = "".join(f"<li>{escape(line)}</li>" for line in scale.differences)
    summary = "All differences from the paper"
    details = f"<details><summary>{summary}</summary><ul>{items}</ul></details>"
    return f"""<section id="answers" aria-label="Answers">
<dl>{lines}</dl>
{details if items else ""}
</section>"""


def _unbroken(text: str) -> str:
    """Return escaped text without line breaks before percent signs and around ±."""
    return escape(text).replace(" %", "&nbsp;%").replace(" ± ", "&nbsp;±&nbsp;")


def _overview(founds: Sequence[Found]) -> str:
    """Return the overview: a figure of the numbers behind the first two answers."""
    where, groups = overview(founds)
    if not groups:
        return ""
    name = founds[0].scale.our_name(where)
    body = "\n".join(map(_group, groups))
    return f"""<section id="overview">
<h2>Overview: accuracy of {escape(name)}</h2>
<figure class="dots">
<div class="dot axis" aria-hidden="true"><span></span>
<span class="ends"><span>0</span><span>50</span><span>100 %</span></span><span></span></div>
{body}
<figcaption>Accuracy on the test images, in percent. Filled: ours, with the 95 % interval for the
number of test images; hollow and in italics: the paper's, with its networks and data. ± is the
standard deviation over seeds.</figcaption>
</figure>
</section>"""


def _group(group: Group) -> str:
    """Return a group of the overview: its title, a link to its recipe, and its lines."""
    lines = "\n".join(map(_overview_line, group.lines))
    source = f'<a href="#{group.recipe}">{_recipe_title(group.recipe)}</a>'
    return f"<h3>{escape(group.title)} <small>{source}</small></h3>\n{lines}"


def _recipe_title(recipe: str) -> str:
    """Return the title of a table or figure, such as ``Table 1``."""
    return re.sub(r"([a-z]+)(\d+)", lambda m: f"{m[1].capitalize()} {m[2]}", recipe)


def _overview_line(line: Line) -> str:
    """Return a line of the overview: label, dot with interval, and number."""
    filled, theirs = line.filled, published(line.filled)
    at, (low, high) = percent(filled.mean or 0.0), filled.interval() or (0.0, 0.0)
    kind = next((k for k in ("dense", "R2S") if line.label.startswith(k)), "ticket")
    spoken = f"{filled.text()} %, interval {low:.1f} to {high:.1f} %"
    spoken += f", the paper's {theirs} %" if theirs else ""
    hollow = f'<circle class="theirs" cx="{theirs}%" cy="50%" r="4"/>' if theirs else ""
    return f"""<div class="dot {kind.lower()}"><span>{escape(line.label)}</span>
<svg role="img" aria-label="{escape(spoken, quote=True)}">
<line class="track" x2="100%" y1="50%" y2="50%"/>
<line class="interval" x1="{low:.2f}%" x2="{high:.2f}%" y1="50%" y2="50%"/>{hollow}
<circle cx="{at:.2f}%" cy="50%" r="5"/></svg>
<span class="number">{_number_text(filled)} {_italic(theirs)}</span></div>"""


def _contents(founds: Sequence[Found]) -> str:
    """Return the table of contents."""
    answers = '<li><a href="#answers">Answers</a></li>' if of_paper(founds) else ""
    first, *rest = (
        f'''<li data-of="{recipe.name}"><a href="#{recipe.name}">{recipe.title}</a>
<span>{escape(recipe.question)}</span></li>'''
        for recipe in (found.recipe for found in founds)
    )
    return f"""<nav aria-label="Contents"><h2>Contents</h2><ul>
{answers}
{first}
<li><a href="#verdicts">Verdicts of all claims</a></li>
{"".join(rest)}
<li><a href="#records">All records</a></li></ul></nav>"""


def _filters(scale: Scale, founds: Sequence[Found], records: Records) -> str:
    """Return the form of filters by network, data, method and ratio, with a search field."""
    panels = [(found, name) for found in founds for name in found.panels]
    texts = [_panel_text(found, name) for found, name in panels]
    texts += [str(facts["job"].get("label", "")) for facts in records.by_id.values()]
    networks, data, methods = (
        dict.fromkeys(value for text in texts for value in of(text).split("|") if value)
        for of in (lambda text: _networks(scale, text), _data, _methods)
    )
    percents = sorted({p for found, name in panels for p in _percents(found, name)}, key=int)
    choices: tuple[tuple[str, Mapping[str, str]], ...] = (
        ("network", {name: _filter_label(scale, name) for name in networks}),
        ("data", {name: _filter_label(scale, name) for name in data}),
        ("method", {name: name for name in METHODS if name in methods}),
        ("ratio", {percent: f"{percent} %" for percent in percents}),
    )
    return f"""<form aria-label="Filters">
<details id="filters"><summary>Filters <span id="shown" role="status"></span></summary>
<div class="filters">
{"".join(_select(name, values) for name, values in choices)}
<label>search <input name="text" type="search" placeholder="attack, init, job"></label>
<label class="check"><input name="more" type="checkbox"> intervals and seeds</label>
<button type="reset">show all</button>
</div></details>
</form>"""


def _select(name: str, values: Mapping[str, str]) -> str:
    """Return the menu of a filter, given its labels by value."""
    options = "".join(
        f'<option value="{escape(value)}">{escape(label)}</option>'
        for value, label in values.items()
    )
    everything = '<option value="">all</option>'
    return f'<label>{name} <select name="{name}">{everything}{options}</select></label>\n'


def _filter_label(scale: Scale, name: str) -> str:
    """Return the label of a network or data set in a filter: our name, and the paper's."""
    ours = scale.our_name(name)
    return name if ours.startswith(name) else f"{ours} ({name})"


def _verdicts(founds: Sequence[Found]) -> str:
    """Return a line per recipe: its question, its answers, and its number of claims by verdict."""
    lines = []
    for found in founds:
        counts = Counter(claim.verdict for claim in found.claims)
        verdicts = ", ".join(f"{_verdict(text)} {count}" for text, count in counts.items())
        lines.append(
            f'<tr data-of="{found.recipe.name}"><th scope="row">'
            f'<a href="#{found.recipe.name}">{found.recipe.title}</a></th>'
            f'<td class="text" data-label="question">{escape(found.recipe.question)}</td>'
            f'<td class="text" data-label="answer">{_short_answers(found)}</td>'
            f'<td class="text" data-label="claims">{verdicts}</td>'
            f'<td data-label="numbers">{found.done} of {len(found.cells)}</td></tr>'
        )
    return f"""<section id="verdicts">
<h2>Verdicts of all claims</h2>
<table class="cards">
<thead><tr><th></th><th class="text">question</th><th class="text">answer</th>
<th class="text">claims</th><th>numbers</th></tr></thead>
<tbody>{"".join(lines)}</tbody></table>
<details><summary>How a verdict is reached</summary><p>{escape(_rule())}</p></details>
</section>"""


def _rule() -> str:
    """Return the rule of verdicts, which is the docstring of the comparison module."""
    return " ".join((rule or "").split("\n\n", 1)[1].replace("*", "").split())


def _short_answers(found: Found) -> str:
    """Return the short answers of a recipe, one line each."""
    if not found.panels:
        return "not run"
    return "<br>".join(
        f"{escape(one.claim.short)}: {_verdict(one.answer)}"
        for one in found.claims
        if one.claim.short
    )


def _section(found: Found) -> str:
    """Return the section of a recipe: question, answers, claims, numbers, then details."""
    recipe = found.recipe
    opening = f"""<section id="{recipe.name}">
<h2>{recipe.title}: {escape(recipe.question)}</h2>"""
    doubts = doubts_about(recipe)
    jobs = f"{len(recipe.jobs(found.scale)):,} jobs at this scale, some shared with other recipes."
    details = {
        "Expect": recipe.part("Expect"),
        "Cost": jobs,
        "Deviations": recipe.part("Deviations"),
    }
    details |= {"Doubts": " ".join(doubts)} if doubts else {}
    more = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in details.items())
    and_doubts = ", doubts about the paper's numbers" if doubts else ""
    closing = f"""<details><summary>Expectation, cost, deviations{and_doubts}</summary>
<dl>{more}</dl></details>
</section>"""
    if not found.panels:
        return f"{opening}\n<p>Not run at this scale.</p>\n{closing}"
    panels = "\n".join(_panel(found, name) for name in found.panels)
    return f"""{opening}
<p class="answer">{_short_answers(found)}</p>
{_claims(found.claims)}
<p>{escape(recipe.part("Reproduces"))} Numbers: {escape(recipe.unit)}.</p>
<div class="panels {recipe.shape}">
{panels}
</div>
{closing}"""


def _panel(found: Found, name: str) -> str:
    """Return a panel: its plot, if any, and its table."""
    about = _panel_text(found, name)
    picture = picture_of(found, name)
    figure = ""
    if picture is not None:
        alternative = escape(description(found, name), quote=True)
        figure = (
            "<figure>"
            + picture.replace("<svg", f'<svg role="img" aria-label="{alternative}"', 1)
            + "</figure>"
        )
    return f"""<div class="panel" data-network="{_networks(found.scale, about)}"
 data-data="{_data(about)}" data-methods="{_panel_methods(found, name)}">
<h3>{_name(title(found, name), " in the paper")}</h3>
{figure}
{_table(found, grid(found, name))}
</div>"""


def _panel_methods(found: Found, panel: str) -> str:
    """Return the methods of a panel: its own in a matrix, those of its rows elsewhere."""
    if found.recipe.shape == "matrix":
        return _methods(panel)
    return _methods("\n".join(f": {filled.cell.row}" for filled in found.panels[panel]))


def _panel_text(found: Found, panel: str) -> str:
    """Return the names of a panel and each of its rows, one row per line, for the filters."""
    rows = dict.fromkeys(filled.cell.row for filled in found.panels[panel])
    return "\n".join(f"{panel}: {row}" for row in rows)


def _networks(scale: Scale, text: str) -> str:
    """Return the names of networks in a text, separated by bars."""
    known = {word for name in scale.networks for word in name.split("_")} - set(get_args(DataSet))
    return _words_in(known, text)


def _data(text: str) -> str:
    """Return the names of data sets in a text, separated by bars."""
    return _words_in(get_args(DataSet), text)


def _words_in(known: Iterable[str], text: str) -> str:
    """Return the known words that occur in a text, separated by bars."""
    words = set(re.findall(r"[a-z0-9]+", text.lower()))
    return "|".join(sorted(word for word in known if word in words))


def _methods(text: str) -> str:
    """Return the methods in the lines of a text, separated by bars."""
    return "|".join(sorted({_method(line) for line in text.splitlines()}))


def _method(text: str) -> str:
    """Return the method, of :data:`METHODS`, of a row, panel or job."""
    text = text.lower()
    if "r2s" in text:
        return "R2S"
    if "rtt" in text:
        return next(
            (f"{k} RTT" for k in ("transferred", "natural") if k in text), "adversarial RTT"
        )
    if "tuned" in text:
        return "fine-tuned ticket"
    if "dense" in text or "trained" in text or "features" in text:
        return "dense network"
    return "random network" if text.endswith(": random") else "ticket"


def _percents(found: Found, panel: str) -> list[str]:
    """Return the remaining percents among the columns and rows of a panel."""
    numbers = grid(found, panel)
    names = [*numbers.columns, *(name for name, _ in numbers.rows)]
    return [p for name in names if (p := _percent(name))]


def _percent(name: Name) -> str:
    """Return the percent of a column or row of one ticket; empty for others."""
    named = re.fullmatch(r"(?:ticket, )?(\d+) %", name.ours)
    return named[1] if named else ""


def _filter_attributes(found: Found, name: Name, percents: bool = True) -> str:
    """Return the HTML attributes by which the page filters a column or row."""
    kept = _percent(name)
    marks = f' data-percent="{kept}"' if percents and kept else ""
    rows = {filled.cell.row for filled in found.cells}
    own = name.theirs or name.ours
    methods = found.recipe.shape != "matrix" and own in rows
    return f'{marks} data-method="{_method(f": {own}")}"' if methods else marks


def _name(name: Name, after: str = "") -> str:
    """Return our name, followed by the paper's in italics; lines may break after underscores."""
    theirs = f" <small><i>{escape(name.theirs)}</i>{after}</small>" if name.theirs else ""
    return escape(name.ours).replace("_", "_<wbr>") + theirs


def _table(found: Found, numbers: Grid) -> str:
    """Return a panel's table; if its columns are percents, these are filtered, else its rows."""
    marks = [_filter_attributes(found, column) for column in numbers.columns]
    by_column = any("data-percent" in mark for mark in marks)
    heads = "".join(
        f'<th scope="col"{mark}>{_name(column)}</th>'
        for column, mark in zip(numbers.columns, marks, strict=True)
    )
    body = "".join(
        f'<tr{_filter_attributes(found, row, not by_column)}><th scope="row">{_name(row)}</th>'
        + "".join(map(_number, cells, marks, numbers.columns))
        + "</tr>"
        for row, cells in numbers.rows
    )
    kinds = ["cards"] * (not numbers.corner) + ["wide"] * (len(numbers.columns) > WIDE)
    kinds += ["long"] * (len(numbers.rows) > LONG and found.recipe.shape == "curves")
    kind = f' class="{" ".join(kinds)}"' if kinds else ""
    return f"""<table{kind}>
<thead><tr><td>{escape(numbers.corner)}</td>{heads}</tr></thead><tbody>{body}</tbody></table>"""


def _number(filled: Filled | None, mark: str, column: Name) -> str:
    """Return a cell with our number and the paper's; details are shown on demand."""
    if filled is None:
        return f"<td{mark}></td>"
    small = notes(filled)
    italic = f" {_italic(published(filled))}"
    more = f'<small class="more">{" ".join(small)}</small>' if small else ""
    ours = _number_text(filled)
    if filled.values:  # a link to the first seed that was run
        job = filled.cell.jobs[filled.values[0].seed]
        ours = f'<a href="#job-{job.id[:16]}">{ours}</a>'
    return f'<td{mark} data-label="{escape(column.ours, quote=True)}">{ours}{italic}{more}</td>'


def _number_text(filled: Filled) -> str:
    """Return a number, without line breaks in its spread over seeds."""
    text, sign, spread = filled.text().partition(" ± ")
    return f'{text} <span class="spread">±&nbsp;{spread}</span>' if sign else text


def _italic(theirs: str) -> str:
    """Return one of the paper's numbers, in italics."""
    return f"<i>{theirs}</i>" if theirs else ""


def _claims(claims: Sequence[Judged]) -> str:
    """Return the table of claims with their verdicts."""
    theirs = any(judged.claim.printed for judged in claims)
    lines = "".join(
        f'<tr><th scope="row">{escape(judged.claim.text)}</th>'
        + (
            f'<td data-label="{PAPERS}">{_italic(printed_difference(judged))}</td>'
            if theirs
            else ""
        )
        + f'<td data-label="ours (points)">{escape(judged.comparison.text())}</td>'
        f'<td data-label="verdict">{_verdict(judged.verdict)}</td></tr>'
        for judged in claims
    )
    return f"""<table class="cards claims"><thead><tr><th class="text">claim</th>
{f"<th>{PAPERS}</th>" if theirs else ""}<th>ours (points)</th><th>verdict</th></tr></thead>
<tbody>{lines}</tbody></table>"""


def _verdict(text: str) -> str:
    """Return a verdict or answer, with the CSS class of its colour."""
    kind = "not-tested" if text.startswith("not") else text.replace(" ", "-")
    return f'<span class="verdict {kind}">{escape(text)}</span>'


def _records(scale: Scale, founds: Sequence[Found], records: Records) -> str:
    """Return the table of all jobs, each with its settings."""
    used: dict[str, list[str]] = {}
    seeds: dict[str, int] = {}
    for found in founds:
        for job in found.jobs():
            used.setdefault(job.id, []).append(found.recipe.title)
        for filled in found.cells:
            seeds |= {
                job.id: seed for seed, job in zip(scale.seeds, filled.cell.jobs, strict=False)
            }
    rows = "".join(
        _record(scale, name, facts, used.get(name, []), seeds.get(name))
        for name, facts in records.by_id.items()
    )
    return f"""<section id="records">
<h2>All records</h2>
<p class="paper">This table is left out in print, as are tables of more than {LONG} rows next to a
plot of curves; the HTML file has them.</p>
<table class="cards"><thead><tr><th class="text">job</th><th class="text">description</th>
<th>seed</th><th class="text">attacks</th><th class="text">result</th><th>seconds</th>
<th class="text">device</th><th class="text">used in</th></tr></thead><tbody>{rows}</tbody></table>
</section>"""


def _record(scale: Scale, name: str, facts: Facts, used: list[str], seed: int | None) -> str:
    """Return the row of a job."""
    record, job = facts["record"], facts["job"]
    label, result = str(job.get("label", "")), outcome(record)
    where = str(record.machine.get("device", ""))
    configuration = escape(json.dumps(job, indent=1))
    links = ", ".join(f'<a href="#{title.lower().replace(" ", "")}">{title}</a>' for title in used)
    settings = escape(f"settings-{name[:16]}", quote=True)
    networks = escape(_networks(scale, label), quote=True)
    return f"""<tr data-record="{escape(name, quote=True)}" id="job-{escape(name[:16], quote=True)}"
 data-network="{networks}" data-data="{_data(label)}" data-methods="{_method(label)}">
<td class="text"><button popovertarget="{settings}">{escape(name[:8])}</button>
<div popover id="{settings}"><pre>{configuration}</pre></div></td>
<td class="text" data-label="description">{escape(label)}</td>
<td data-label="seed">{_seed(job, seed)}</td>
<td class="text" data-label="attacks">{escape(", ".join(_attacks(record)))}</td>
<td class="text" data-label="result">{escape(result)}</td>
<td data-label="seconds">{facts.get("seconds", 0):.0f}</td>
<td class="text" data-label="device">{escape(where)}</td>
<td class="text" data-label="used in">{links}</td></tr>
"""


def _seed(job: Facts, seed: int | None) -> str:
    """Return the seed of a job, counted from 1, as text."""
    settings = job.get("settings")
    own = (
        settings.get("seed", 0) if isinstance(settings, dict) and job.get("kind") == "run" else seed
    )
    if not isinstance(own, int):
        return ""
    other = own // OTHER_NETWORK
    return f"{own - other * OTHER_NETWORK + 1}{', another network' * (other > 0)}"


def _attacks(record: Record) -> list[str]:
    """Return the names of the attacks in a record."""
    rows: Sequence[AttackFacts]
    if isinstance(record, RunRecord):
        rows = record.chosen.attacks
    else:
        rows = record.matrices if isinstance(record, TransferRecord) else record.attacks
    return list(dict.fromkeys(row.title.split(",")[0] for row in rows))
