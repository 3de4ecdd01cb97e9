"""The report as one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, get_args

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
from scratchticket.paper.report.figures import described, drawn
from scratchticket.paper.report.found import Filled, Found, Records, doubts_about, of_paper
from scratchticket.paper.report.markdown import printed
from scratchticket.paper.report.tables import Grid, Name, grid, notes, published, title
from scratchticket.paper.scale import DataSet
from scratchticket.pictures.html import head
from scratchticket.runs.summary import outcome

Facts = dict[str, Any]
PRINTED = "the paper's difference"
WIDE = 5  # columns, beyond which a table has a printed line to itself
LONG = 10  # rows, beyond which only the picture of a panel is printed
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
        scale: Of all.
        founds: What was found for each recipe.
        records: Behind them.
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
{_form(scale, founds, records)}
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
    """Return the heading, and in HTML what the report is about."""
    paper = "Fu et al., <i>Drawing Robust Scratch Tickets</i> (NeurIPS 2021)"
    recipes = [found.recipe for found in founds]
    if not of_paper(founds):
        titles = ", ".join(recipe.title for recipe in recipes)
        return (
            f"{titles} at scale {scale.name}: claims and our numbers",
            f"Beside {paper}, none of its tables",
        )
    own = {recipe.name: recipe.title for recipe in recipes if recipe.name in NAMES}
    which = "every table and figure" if len(own) == len(NAMES) else ", ".join(own.values())
    heading = f"Robust scratch tickets at scale {scale.name}: the paper's claims and our numbers"
    return heading, f"{paper}, {which}"


def _answers(scale: Scale, founds: Sequence[Found]) -> str:
    """Return the questions that a reader has first, with their answers; none of studies alone."""
    if not of_paper(founds):
        return ""
    lines = "".join(
        f"<dt>{escape(one.question)}</dt><dd><b>{escape(one.short)}</b>: {_unbroken(one.text)}"
        + (f' <span class="evidence">{escape(one.evidence)}</span>' if one.evidence else "")
        + "</dd>"
        for one in answers(scale, founds)
    )
    less = "".join(f"<li>{escape(line)}</li>" for line in scale.less)
    cuts = f"<details><summary>Everything that was cut</summary><ul>{less}</ul></details>"
    return f"""<section id="answers" aria-label="Answers">
<dl>{lines}</dl>
{cuts if less else ""}
</section>"""


def _unbroken(text: str) -> str:
    """Return text whose percent signs stay with their numbers."""
    return escape(text).replace(" %", "&nbsp;%")


def _overview(founds: Sequence[Found]) -> str:
    """Return the figure of the numbers behind the first two answers."""
    where, groups = overview(founds)
    if not groups:
        return ""
    name = founds[0].scale.here(where)
    body = "\n".join(map(_group, groups))
    return f"""<section id="overview">
<h2>Overview: accuracy of {escape(name)}</h2>
<figure class="dots">
<div class="dot axis" aria-hidden="true"><span></span>
<span class="ends"><span>0</span><span>50</span><span>100 %</span></span><span></span></div>
{body}
<figcaption>Share of test images that are right, in percent. Full: ours, with the 95 % interval that
the number of test images gives; hollow, and in italics: the paper's, of its networks and data.
± is the standard deviation over seeds.</figcaption>
</figure>
</section>"""


def _group(group: Group) -> str:
    lines = "\n".join(map(_dot, group.lines))
    source = f'<a href="#{group.recipe}">{_titled(group.recipe)}</a>'
    return f"<h3>{escape(group.title)} <small>{source}</small></h3>\n{lines}"


def _titled(recipe: str) -> str:
    return re.sub(r"([a-z]+)(\d+)", lambda m: f"{m[1].capitalize()} {m[2]}", recipe)


def _dot(line: Line) -> str:
    """Return a line of the overview: what it is, a dot with its interval, the number."""
    filled, theirs = line.filled, published(line.filled)
    at, (low, high) = 100 * (filled.mean or 0.0), filled.interval() or (0.0, 0.0)
    kind = next((k for k in ("dense", "R2S") if line.label.startswith(k)), "ticket")
    said = f"{filled.text()} %, interval {low:.1f} to {high:.1f} %"
    said += f", the paper's {theirs} %" if theirs else ""
    hollow = f'<circle class="theirs" cx="{theirs}%" cy="50%" r="4"/>' if theirs else ""
    return f"""<div class="dot {kind.lower()}"><span>{escape(line.label)}</span>
<svg role="img" aria-label="{escape(said, quote=True)}">
<line class="track" x2="100%" y1="50%" y2="50%"/>
<line class="interval" x1="{low:.2f}%" x2="{high:.2f}%" y1="50%" y2="50%"/>{hollow}
<circle cx="{at:.2f}%" cy="50%" r="5"/></svg>
<span class="number">{_spread(filled)} {_italic(theirs)}</span></div>"""


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
<li><a href="#verdicts">All claims, counted</a></li>
{"".join(rest)}
<li><a href="#records">All records</a></li></ul></nav>"""


def _form(scale: Scale, founds: Sequence[Found], records: Records) -> str:
    """Return the filters: everything that panels, rows or jobs are about."""
    panels = [(found, name) for found in founds for name in found.panels]
    texts = [_about(found, name) for found, name in panels]
    texts += [str(facts["job"].get("label", "")) for facts in records.by_id.values()]
    networks, data, methods = (
        dict.fromkeys(value for text in texts for value in of(text).split("|") if value)
        for of in (lambda text: _networks(scale, text), _data, _methods)
    )
    percents = sorted({p for found, name in panels for p in _percents(found, name)}, key=int)
    choices: tuple[tuple[str, Mapping[str, str]], ...] = (
        ("network", {name: _stands(scale, name) for name in networks}),
        ("data", {name: _stands(scale, name) for name in data}),
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
    options = "".join(
        f'<option value="{escape(value)}">{escape(label)}</option>'
        for value, label in values.items()
    )
    everything = '<option value="">all</option>'
    return f'<label>{name} <select name="{name}">{everything}{options}</select></label>\n'


def _stands(scale: Scale, name: str) -> str:
    """Return how a filter calls a network or data: as run here, and as in the paper."""
    here = scale.here(name)
    return name if here.startswith(name) else f"{here} ({name})"


def _verdicts(founds: Sequence[Found]) -> str:
    """Return a line for each table and figure: its question, the answers, the verdicts counted."""
    lines = []
    for found in founds:
        counts = Counter(claim.verdict for claim in found.claims)
        said = ", ".join(f"{_verdict(text)} {count}" for text, count in counts.items())
        lines.append(
            f'<tr data-of="{found.recipe.name}"><th scope="row">'
            f'<a href="#{found.recipe.name}">{found.recipe.title}</a></th>'
            f'<td class="text" data-label="question">{escape(found.recipe.question)}</td>'
            f'<td class="text" data-label="answer">{_in_words(found)}</td>'
            f'<td class="text" data-label="claims">{said}</td>'
            f'<td data-label="numbers">{found.done} of {len(found.cells)}</td></tr>'
        )
    return f"""<section id="verdicts">
<h2>All claims, counted</h2>
<table class="cards">
<thead><tr><th></th><th class="text">question</th><th class="text">answer</th>
<th class="text">claims</th><th>numbers</th></tr></thead>
<tbody>{"".join(lines)}</tbody></table>
<details><summary>How a verdict is reached</summary><p>{escape(_rule())}</p></details>
</section>"""


def _rule() -> str:
    """Return the rule of verdicts, in words."""
    return " ".join((rule or "").split("\n\n", 1)[1].replace("*", "").split())


def _in_words(found: Found) -> str:
    """Return the answers to a recipe's question, a line each."""
    if not found.panels:
        return "not run"
    return "<br>".join(
        f"{escape(one.claim.short)}: {_verdict(one.answer)}"
        for one in found.claims
        if one.claim.short
    )


def _section(found: Found) -> str:
    """Return a table or figure: its question, the answers, the claims, then the numbers."""
    recipe = found.recipe
    begin = f"""<section id="{recipe.name}">
<h2>{recipe.title}: {escape(recipe.question)}</h2>"""
    doubts = doubts_about(recipe)
    jobs = f"{len(recipe.jobs(found.scale)):,} jobs at this scale, shared with other recipes."
    folded = {
        "Expect": recipe.part("Expect"),
        "Cost": jobs,
        "Deviations": recipe.part("Deviations"),
    }
    folded |= {"Doubts": " ".join(doubts)} if doubts else {}
    more = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in folded.items())
    and_doubts = ", doubts about the paper's numbers" if doubts else ""
    end = f"""<details><summary>Expectation, cost, deviations{and_doubts}</summary>
<dl>{more}</dl></details>
</section>"""
    if not found.panels:
        return f"{begin}\n<p>Not run at this scale.</p>\n{end}"
    panels = "\n".join(_panel(found, name) for name in found.panels)
    return f"""{begin}
<p class="answer">{_in_words(found)}</p>
{_claims(found.claims)}
<p>{escape(recipe.part("Reproduces"))} Numbers: {escape(recipe.unit)}.</p>
<div class="panels {recipe.shape}">
{panels}
</div>
{end}"""


def _panel(found: Found, name: str) -> str:
    """Return a panel: its picture, if it has one, and its table."""
    about = _about(found, name)
    picture = drawn(found, name)
    figure = ""
    if picture is not None:
        said = escape(described(found, name), quote=True)
        figure = (
            "<figure>"
            + picture.replace("<svg", f'<svg role="img" aria-label="{said}"', 1)
            + "</figure>"
        )
    return f"""<div class="panel" data-network="{_networks(found.scale, about)}"
 data-data="{_data(about)}" data-methods="{_methods(about)}">
<h3>{_name(title(found, name), " in the paper")}</h3>
{figure}
{_table(found, grid(found, name))}
</div>"""


def _about(found: Found, panel: str) -> str:
    """Return everything that a panel is about, a line each: itself with each of its rows."""
    rows = dict.fromkeys(filled.cell.row for filled in found.panels[panel])
    return "\n".join(f"{panel}: {row}" for row in rows)


def _networks(scale: Scale, text: str) -> str:
    known = {word for name in scale.networks for word in name.split("_")} - set(get_args(DataSet))
    return _those(known, text)


def _data(text: str) -> str:
    return _those(get_args(DataSet), text)


def _those(known: Iterable[str], text: str) -> str:
    """Return those of some words that a text has, with bars between them."""
    words = set(re.findall(r"[a-z0-9]+", text.lower()))
    return "|".join(sorted(word for word in known if word in words))


def _methods(text: str) -> str:
    return "|".join(sorted({_method(line) for line in text.splitlines()}))


def _method(text: str) -> str:
    """Return which of :data:`METHODS` a row, a panel or a job is about."""
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
    """Return the remaining percents that a panel has columns or rows of."""
    numbers = grid(found, panel)
    names = [*numbers.columns, *(name for name, _ in numbers.rows)]
    return [p for name in names if (p := _percent(name))]


def _percent(name: Name) -> str:
    """Return the percent that a column or row is about, if it is about one ticket."""
    named = re.fullmatch(r"(?:ticket, )?(\d+) %", name.ours)
    return named[1] if named else ""


def _mark(found: Found, name: Name, percents: bool = True) -> str:
    """Return the attributes by which the page filters a column or row."""
    percent = _percent(name)
    marks = f' data-percent="{percent}"' if percents and percent else ""
    rows = {filled.cell.row for filled in found.cells}
    own = name.theirs or name.ours
    methods = found.recipe.shape != "matrix" and own in rows
    return f'{marks} data-method="{_method(f": {own}")}"' if methods else marks


def _name(name: Name, after: str = "") -> str:
    """Return a name, the paper's in italics beside it; breakable at underscores."""
    theirs = f" <small><i>{escape(name.theirs)}</i>{after}</small>" if name.theirs else ""
    return escape(name.ours).replace("_", "_<wbr>") + theirs


def _table(found: Found, numbers: Grid) -> str:
    """Return a panel's table; of tickets its columns can be filtered, or else its rows."""
    marks = [_mark(found, column) for column in numbers.columns]
    by_column = any("data-percent" in mark for mark in marks)
    heads = "".join(
        f'<th scope="col"{mark}>{_name(column)}</th>'
        for column, mark in zip(numbers.columns, marks, strict=True)
    )
    body = "".join(
        f'<tr{_mark(found, row, not by_column)}><th scope="row">{_name(row)}</th>'
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
    """Return one number, the paper's beside it; difference and interval on demand."""
    if filled is None:
        return f"<td{mark}></td>"
    theirs, said = published(filled), notes(filled)
    beside = f" {_italic(theirs)}"
    more = f'<small class="more">{" ".join(said)}</small>' if said else ""
    ours = _spread(filled)
    if filled.values:  # of several seeds, the first that is done
        job = filled.cell.jobs[filled.values[0].seed]
        ours = f'<a href="#job-{job.id[:16]}">{ours}</a>'
    return f'<td{mark} data-label="{escape(column.ours, quote=True)}">{ours}{beside}{more}</td>'


def _spread(filled: Filled) -> str:
    """Return a number, its spread over seeds in one piece."""
    text, sign, spread = filled.text().partition(" ± ")
    return f'{text} <span class="spread">±&nbsp;{spread}</span>' if sign else text


def _italic(theirs: str) -> str:
    """Return what the paper has, as everything of its is set."""
    return f"<i>{theirs}</i>" if theirs else ""


def _claims(claims: Sequence[Judged]) -> str:
    """Return the claims with their verdicts."""
    theirs = any(judged.claim.printed for judged in claims)
    lines = "".join(
        f'<tr><th scope="row">{escape(judged.claim.text)}</th>'
        + (f'<td data-label="{PRINTED}">{_italic(printed(judged))}</td>' if theirs else "")
        + f'<td data-label="ours (points)">{escape(judged.comparison.text())}</td>'
        f'<td data-label="verdict">{_verdict(judged.verdict)}</td></tr>'
        for judged in claims
    )
    return f"""<table class="cards claims"><thead><tr><th class="text">claim</th>
{f"<th>{PRINTED}</th>" if theirs else ""}<th>ours (points)</th><th>verdict</th></tr></thead>
<tbody>{lines}</tbody></table>"""


def _verdict(text: str) -> str:
    kind = "not-tested" if text.startswith("not") else text.replace(" ", "-")
    return f'<span class="verdict {kind}">{escape(text)}</span>'


def _records(scale: Scale, founds: Sequence[Found], records: Records) -> str:
    """Return the table of all jobs, each with its configuration."""
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
<p class="paper">They are in the file that this was printed from, like tables of more than
{LONG} rows of what is in a picture.</p>
<table class="cards"><thead><tr><th class="text">job</th><th class="text">what</th><th>seed</th>
<th class="text">attacks</th><th class="text">result</th><th>seconds</th><th class="text">on</th>
<th class="text">used in</th></tr></thead><tbody>{rows}</tbody></table>
</section>"""


def _record(scale: Scale, name: str, facts: Facts, used: list[str], seed: int | None) -> str:
    """Return the line of a job."""
    record, job = facts["record"], facts["job"]
    label, said = str(job.get("label", "")), outcome(record)
    where = str(record.get("machine", {}).get("device", ""))
    configuration = escape(json.dumps(job, indent=1))
    links = ", ".join(f'<a href="#{title.lower().replace(" ", "")}">{title}</a>' for title in used)
    short = escape(name[:8])
    networks = escape(_networks(scale, label), quote=True)
    return f"""<tr data-record="{escape(name, quote=True)}" id="job-{escape(name[:16], quote=True)}"
 data-network="{networks}" data-data="{_data(label)}" data-methods="{_method(label)}">
<td class="text"><details><summary>{short}</summary>
<pre>{configuration}</pre></details></td>
<td class="text" data-label="what">{escape(label)}</td>
<td data-label="seed">{_seed(job, seed)}</td>
<td class="text" data-label="attacks">{escape(", ".join(_attacks(record)))}</td>
<td class="text" data-label="result">{escape(said)}</td>
<td data-label="seconds">{facts.get("seconds", 0):.0f}</td>
<td class="text" data-label="on">{escape(where)}</td>
<td class="text" data-label="used in">{links}</td></tr>
"""


def _seed(job: Facts, seed: int | None) -> str:
    """Return the seed of a job, counted from 1."""
    settings = job.get("settings")
    own = (
        settings.get("seed", 0) if isinstance(settings, dict) and job.get("kind") == "run" else seed
    )
    if not isinstance(own, int):
        return ""
    other = own // OTHER_NETWORK
    return f"{own - other * OTHER_NETWORK + 1}{', another network' * (other > 0)}"


def _attacks(record: Facts) -> list[str]:
    """Return the names of the attacks that a record has numbers of."""
    result = record["results"][record["selected"]] if "results" in record else {}
    rows = [
        row
        for part in (record, result)
        for key in ("attacks", "matrices")
        for row in _rows(part, key)
    ]
    return list(dict.fromkeys(str(row.get("title", "")).split(",")[0] for row in rows))


def _rows(part: Facts, key: str) -> list[Facts]:
    rows = part.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
