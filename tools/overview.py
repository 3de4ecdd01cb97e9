"""The landing page's number, and the table of all pages of measurements with what each found."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import attack_tables
import benchmark_tables
import findings
import r2s_tables
import result_tables
import searches

from scratchticket.paper.comparison import Verdict, compared

Record = dict[str, Any]
Records = list[Record]
Studies = dict[str, Records]  # name of a study to its records
RATIO = re.compile(
    r"ticket|(ticket|ratio) [\d.]+"
)  # label of a ticket that differs in its ratio alone
DOCS = Path(__file__).parents[1] / "docs"


def landing(records: Records) -> str:
    """Return what the ticket of the demo reaches, in two sentences of Markdown."""
    ticket, dense = (
        [record for record in records if record["recipe"]["task"] == task]
        for task in ("draw", "train")
    )
    first = ticket[0]
    attack = first["results"][first["selected"]]["attacks"][0]
    weights, network = first["weights"], first["recipe"]["network"]
    kept = f"{100 * weights['kept'] / weights['total']:.0f} %"
    size = [f"{mean(run['bytes'] for run in runs):,.0f}" for runs in (ticket, dense)]
    return f"""\
**{_robust(ticket)} % robust accuracy, and no weight was trained:** a ticket that keeps
{kept} of the weights of a random {network["name"]} of width {network["width"]}, {size[0]} bytes on
disk, attacked on {attack["total"]} images of handwritten digits ({attack["title"]}). The same
network trained adversarially reaches {_robust(dense)} % and takes {size[1]} bytes. Mean ± standard
deviation over {len(ticket)} seeds.
"""


def overview(records: Records) -> str:
    """Return a table of the pages: what each asks, and what was found.

    Args:
        records: All that are kept, each with its study.
    """
    by_study: Studies = defaultdict(list)
    for record in records:
        by_study[record["study"]].append(record)
    lines = ["| page and question | answer |", "|---|---|"]
    for page, (question, answer) in ROWS.items():
        title = (DOCS / f"{page}.md").read_text().splitlines()[0].removeprefix("# ")
        lines.append(f"| [{title}]({page}.md) <br> {question} | {answer(by_study)} |")
    return "\n".join(lines) + "\n"


def _robust(records: Records) -> str:
    """Return the robust accuracy of several seeds in percent."""
    return findings.spread([findings.percents(record)[1] for record in records])


def _title(records: Records) -> str:
    """Return the attack that a study's networks were judged under."""
    first = records[0]
    title: str = first["results"][first["selected"]]["attacks"][0]["title"]
    return title


def _study(name: str, of: Studies) -> str:
    """Return the best ticket of a study beside the dense network, and what holds."""
    rows = findings.complete(findings.by_label(of[name], name))
    tickets = [own for label, own in rows.items() if RATIO.fullmatch(label)]
    robust = {
        f"{100 * float(own[0]['recipe']['ratio']):g}": mean(findings.percents(r)[1] for r in own)
        for own in tickets
    }
    best, *rest = sorted(robust, key=lambda percent: -robust[percent])
    near = [percent for percent in rest if robust[best] - robust[percent] < 1]
    near.sort(key=float)
    verdicts = findings.verdicts(name, of[name])
    told, several = _robust(tickets[list(robust).index(best)]), len(rows["dense"])
    close = f" ({', '.join(near)} % within a point of it)" if near else ""
    seeds = f"{several} seeds" if several > 1 else "one seed, which decides nothing"
    return (
        f"The best of {len(robust)} ratios is {best} %{close}: {told} % under "
        f"{_title(rows['dense'])}; dense, trained: {_robust(rows['dense'])} % ({seeds}). "
        f"{_counted(verdicts)}"
    )


def _counted(verdicts: Counter[Verdict]) -> str:
    """Return how many claims have each verdict, in words."""
    said = [
        f"{verdicts[verdict]} {one if verdicts[verdict] == 1 else several}"
        for verdict, (one, several) in WORDS.items()
        if verdicts[verdict]
    ]
    return f"Of {verdicts.total()} claims {', '.join(said)}."


def _paper(scale: str, of: Studies) -> str:
    """Return how many of the paper's claims hold at a scale."""
    records = of[f"paper-{scale}"]
    verdicts = result_tables.verdicts(scale, records)
    return f"{_counted(verdicts)} ({len(records):,} jobs)"


def _attacked(study: str, of: Studies) -> str:
    """Return the best ticket and the dense network in the worst case."""
    named = {attack_tables.percent_of(record): record["worst_case"] for record in of[study]}
    shares = {name: 100 * w["correct"] / w["total"] for name, w in named.items()}
    dense = shares.pop("dense")
    best = max(shares, key=lambda name: shares[name])
    worst, (low, high) = named[best], named["dense"]["interval"]
    said = "cannot be told from" if low <= shares[best] / 100 <= high else "differs from"
    return (
        f"In the worst case of {len(worst['attacks'])} attacks at epsilon {worst['epsilon']} the "
        f"{best} ticket keeps {shares[best]:.1f} %, which {said} the {dense:.1f} % of the dense "
        f"network ({worst['total']} images)."
    )


def _r2s(of: Studies) -> str:
    """Return whether R2S is better than its best ticket."""
    records = [r for study, own in of.items() if study.startswith("paper-") for r in own]
    return r2s_tables.short(records)


def _draw_speed(of: Studies) -> str:
    """Return how many times faster a step is, by precision."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for record in benchmark_tables.newest_draws(of["draw"]):
        ratios[record["precision"]].append(record["ratio"]["median"])
    return (
        "A step of a draw is "
        + " and ".join(
            f"{min(own):.1f} to {max(own):.1f} times as fast in {precision}"
            for precision, own in ratios.items()
        )
        + "."
    )


def _attack_speed(of: Studies) -> str:
    """Return how many times faster attacks are than other libraries'."""
    times: dict[str, list[float]] = defaultdict(list)
    for record in benchmark_tables.newest_attacks(of["attacks"]):
        for name, rival in benchmark_tables.ATTACKS:
            if record[name]:
                times[rival].append(record[name][rival]["ratio"]["median"])
    pgd = " and ".join(
        f"{min(times[rival]):.1f} to {max(times[rival]):.1f} times as fast as {name}"
        for rival, name in {"foolbox": "foolbox", "reference": "the released code"}.items()
    )
    (auto,) = times["pyautoattack"]
    return f"PGD-20 is {pgd}; AutoAttack {auto:.2f} times as fast as its authors' code."


def _parts(of: Studies) -> str:
    """Return what selecting and starting take."""
    record = of["parts"][-1]
    select, started = record["select"], record["help"]["ours"]["median"]
    return (
        f"The highest of {select['count'] / 1e6:.0f} million scores are found "
        f"{select['ratio']['median']:.0f} times as fast as by sorting; `--help` takes "
        f"{started:.2f} s."
    )


def _growth(of: Studies) -> str:
    """Return the exponents."""
    told = [
        f"{record['name']} {record['exponent']:.2f} (operations: {record['of_operations']:.2f})"
        for record in benchmark_tables.newest(of["growth"], "name")
    ]
    return f"Exponent of time: {', '.join(told)}."


def _fewer(of: Studies) -> str:
    """Return what the cheap search reaches beside the whole one, study by study."""
    told = []
    for study, name in searches.STUDIES.items():
        rows = findings.by_label(of[study], study)
        whole, cheap = next(iter(rows.values())), rows[searches.SHIPPED[study]]
        share = searches.cost(cheap[0]) / searches.cost(whole[0])
        told.append(f"{_robust(cheap)} % at {share:.2f} of the cost of {_robust(whole)} % ({name})")
    return f"`--preset fast` reaches {'; '.join(told)}."


def _precision(of: Studies) -> str:
    """Return what lower precision changes."""
    rows = findings.by_label(of["precision-digits"], "precision-digits")
    told = [f"{label} {_robust(own)} %" for label, own in rows.items()]
    whole = findings.measured(rows.pop("float32"))
    pairs = [(findings.measured(own), whole) for own in rows.values()]
    verdicts = Counter(compared("~", [pair]).verdict for pair in pairs)
    return f"{'; '.join(told)}. Comparable to float32? {_counted(verdicts)}"


def _size(of: Studies) -> str:
    """Return the size of one file beside the released checkpoint."""
    record = next(
        r for r in reversed(of["ticket_size"])
        if (r["network"], r["ratio"]) == ({"name": "resnet18", "width": 64}, "0.1")
    )  # fmt: skip
    size = record["bytes"]
    return (
        f"ResNet18 at 10 %: {size['file']:,} bytes, {size['released'] / size['file']:.0f} times "
        f"smaller than the released code's checkpoint; the mask's code is "
        f"{100 * (size['mask'] / size['entropy'] - 1):.1f} % over its entropy."
    )


def _memory(of: Studies) -> str:
    """Return the memory of the largest switch."""
    records = benchmark_tables.newest(of["switching"], "network", "tickets")
    most = max(record["tickets"] for record in records)
    shares = [r["bytes"]["packed"] / r["bytes"]["dense"] for r in records if r["tickets"] == most]
    return (
        f"{most} tickets of a network take {min(shares):.2f} to {max(shares):.2f} times the memory "
        "of the dense network."
    )


def _nothing(_: Studies) -> str:
    return "A list: none of it has been measured."


WORDS: dict[Verdict, tuple[str, str]] = {  # of one claim, of several
    "holds": ("holds", "hold"),
    "does not hold": ("does not hold", "do not hold"),
    "cannot be told": ("cannot be told", "cannot be told"),
    "not tested at this scale": ("was not tested", "were not tested"),
}
Answer = Callable[[Studies], str]
ROWS: dict[str, tuple[str, Answer]] = {  # page: what it asks, what it found
    "findings": (
        "Do robust scratch tickets exist, and which is the best?",
        partial(_study, "digits"),
    ),
    "findings-cifar10": ("The same on CIFAR-10", partial(_study, "cifar10")),
    "results-quick": (
        "Do the paper's tables and figures hold on digits?",
        partial(_paper, "quick"),
    ),
    "results-small": ("Do they hold on CIFAR-10?", partial(_paper, "small")),
    "attacks": (
        "Do tickets resist attacks that they were not drawn with?",
        partial(_attacked, "digits-attacks"),
    ),
    "attacks-cifar10": ("The same on CIFAR-10", partial(_attacked, "cifar10-attacks")),
    "r2s-findings": ("Does a random switch between tickets (R2S) add robustness?", _r2s),
    "fewer-steps": ("Does a search need PGD-7?", _fewer),
    "precision": ("Do bfloat16 and `torch.compile` cost robustness?", _precision),
    "ticket-size": ("How small is the file?", _size),
    "switching": ("What does a switch cost in memory?", _memory),
    "draw-speed": ("How fast is a draw, beside the released code?", _draw_speed),
    "attack-speed": ("How fast are attacks, beside other libraries?", _attack_speed),
    "part-speed": ("How fast are selection and start-up?", _parts),
    "cost-growth": ("How does time grow with size?", _growth),
    "gpu-queue": ("What has to wait for a GPU?", _nothing),
}
