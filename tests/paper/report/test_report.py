"""The report shows what the records say, in one page that needs nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from made_records import run_record
from scratchticket.base.errors import InputError
from scratchticket.base.record import Record
from scratchticket.paper import NAMES, SCALES, paper_recipe, studies
from scratchticket.paper.claims import Judged
from scratchticket.paper.comparison import Comparison, Verdict
from scratchticket.paper.report import Found, Records, document, found, page, section
from scratchticket.paper.report.answers import answers, counted_from_one, overview
from scratchticket.paper.report.figures import picture_of
from scratchticket.sweeps import Job, Store

QUICK = SCALES["quick"]
ROOT = Path(__file__).parents[3]
KEPT = Records.load(ROOT / "records" / "paper-quick.jsonl")


def record_of(job: Job) -> Record | None:
    """Return a made-up record: of a run, its accuracy follows from its name."""
    if job.kind != "run":
        return None
    right = int(job.id[:4], 16) % 300
    return run_record(job.recipe.task, right, natural=right + 50)


def records(*names: str) -> Records:
    jobs = [job for name in names for job in paper_recipe(name).jobs(QUICK)]
    known = {job.id: record_of(job) for job in jobs}
    return Records(
        {
            job.id: {
                "job": {**job.json(), "label": job.label},
                "seconds": 3.0,
                "record": known[job.id],
            }
            for job in jobs
            if known[job.id] is not None
        }
    )


class Outline(HTMLParser):
    """Collects ids, links and whatever would be loaded from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if facts.get("id"):
            self.ids.append(str(facts["id"]))
        if tag == "a":
            self.links.append(str(facts["href"]))
        if tag in {"img", "link", "iframe", "source"} or (tag == "script" and "src" in facts):
            self.loads.append(tag)
        if tag == "svg":
            self.images.append(facts)


def test_numbers_come_from_records_and_stand_beside_the_papers() -> None:
    known = records("figure1")
    first = found(paper_recipe("figure1"), QUICK, known)

    ticket = next(f for f in first.cells if f.cell.row == "ticket, robust")
    right = int(ticket.cell.jobs[0].id[:4], 16) % 300
    assert ticket.text() == f"{100 * right / 360:.1f}"
    low, high = ticket.interval() or (0, 0)
    assert low < 100 * right / 360 < high
    text = section(first)
    below = f"{100 * right / 360 - 37.6:+.1f} [{low:.1f}, {high:.1f}] n=1"
    assert f"{100 * right / 360:.1f} *37.60*<br><sub>{below}</sub>" in text
    assert below in page(QUICK, [first], known)
    assert "**resnet18 of width 16 on digits (*resnet18 / cifar10* in the paper)**" in text
    assert "| claim | the paper's difference | ours (points) | verdict |" in text
    assert text.index("| claim |") < text.index("| remaining ratio |")
    assert "ResNet18 is comparable to its dense network, robust (4.2) | -2.08 |" in text
    assert "swapped" in page(QUICK, [first], known)


def test_of_several_seeds_mean_and_spread_are_shown() -> None:
    three = replace(QUICK, seeds=(0, 1, 2))
    recipe = paper_recipe("figure8")
    known = Records(
        {job.id: {"record": record_of(job)} for job in recipe.jobs(three) if job.kind == "run"}
    )

    filled = found(recipe, three, known).cells[0]

    assert [value.seed for value in filled.values] == [0, 1, 2]
    last = filled.cell.jobs[2].id
    filled = found(recipe, three, Records({last: known.by_id[last]})).cells[0]
    assert [value.seed for value in filled.values] == [2]
    filled = found(recipe, three, known).cells[0]
    assert re.fullmatch(r"\d+\.\d ± \d+\.\d", filled.text())


def test_what_stands_for_the_papers_is_said_where_its_name_is() -> None:
    scale = SCALES["small"]
    assert scale.reduced_set_label("R2S, 5, 7, 10, 15, 20, 30 %") == "5, 10, 20 %"
    assert scale.reduced_set_label("R2S, 5, 10 % of random tickets") == ""
    assert SCALES["paper"].reduced_set_label("R2S, 5, 7, 10 %") == ""
    assert QUICK.substitutes_in("l2, 1.71") == "radius 0.787"
    assert QUICK.substitutes_in("AutoAttack, 12/255") == "epsilon 0.15"
    assert (
        QUICK.our_name("wideresnet32 / cifar100, inits") == "WideResNet-10-2 on digits 5-9, inits"
    )
    assert QUICK.our_name("AutoAttack, 12/255") == "AutoAttack, epsilon 0.15"
    assert SCALES["paper"].our_name("resnet18 / cifar10") == "resnet18 / cifar10"


def test_tables_say_what_is_doubtful_about_the_papers_numbers() -> None:
    text = section(found(paper_recipe("figure1"), QUICK, records("figure1")))

    assert (
        "Doubts about the paper's numbers: Sec. 4.2's two drops, 2.08 and 2.43, are swapped" in text
    )


def test_what_is_missing_is_said() -> None:
    nothing = found(paper_recipe("table4"), QUICK, Records({}))

    assert nothing.done == 0
    assert "Not run at this scale." in section(nothing)
    assert {claim.verdict for claim in nothing.claims} == {"not tested at this scale"}


@pytest.mark.parametrize("names", [("figure1", "figure8", "table1"), ()])
def test_the_page_is_whole_and_needs_nothing_else(names: tuple[str, ...]) -> None:
    known = records(*names)
    founds = [found(paper_recipe(name), QUICK, known) for name in NAMES]

    text = page(QUICK, founds, known)

    outline = Outline(text)
    assert outline.loads == []
    assert len(outline.ids) == len(set(outline.ids))
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.ids)
    assert set(NAMES) <= set(outline.ids)
    assert all(image.get("role") == "img" and image.get("aria-label") for image in outline.images)
    assert bool(outline.images) == bool(names)
    assert re.findall(r"https?://(?!www\.w3\.org/)", text) == []
    assert page(QUICK, founds, known) == text


def test_where_columns_are_attacks_rows_are_filtered_by_ratio() -> None:
    told = page(QUICK, kept("table6", "figure7"), KEPT)

    assert '<tr data-percent="5" data-method="ticket"><th scope="row">ticket, 5 %</th>' in told
    assert '<tr><th scope="row">5 %</th>' in told  # of a matrix, columns are
    assert '<td data-percent="5" data-label="5 %">' in told


def test_a_panel_has_the_methods_of_its_rows_and_a_matrix_its_own() -> None:
    told = page(QUICK, kept("figure6", "figure13"), KEPT)

    methods = re.findall(r'<div class="panel"[^>]*data-methods="([^"]*)"', told)
    tuned, tickets = "fine-tuned ticket|ticket", "adversarial RTT|natural RTT|ticket"
    assert methods == [tuned] * 2 + [tickets] * 2 + ["adversarial RTT"] * 4


def kept(*names: str) -> list[Found]:
    """Return what the kept records have, of three seeds."""
    return [found(paper_recipe(name), replace(QUICK, seeds=KEPT.seeds()), KEPT) for name in names]


def test_three_sentences_answer_from_the_records() -> None:
    figure, table = kept("figure1", "table5")
    values = {(f.cell.panel, f.cell.row, f.cell.column): f for f in (*figure.cells, *table.cells)}
    where = "resnet18 / cifar10"
    ticket, dense = values[where, "ticket, robust", "20"], values[where, "dense, robust", ""]
    worst = values[where, "R2S, worst case", "accuracy"]
    alone = sum(len(f.values) == 1 for f in (*figure.cells, *table.cells))

    exists, switch, cut = answers(figure.scale, [figure, table])

    assert exists.short == "Yes"
    assert "a ticket with 20 % of the weights of a random resnet18 of width 16" in exists.text
    assert f"classifies {ticket.text()} % of the test images correctly under PGD-20" in exists.text
    assert f"dense network {dense.text()} %." in exists.text
    assert exists.evidence.startswith("Tickets of 5 to 40 % match the dense network: inconclusive")
    assert figure.claims[0].comparison.text() in exists.evidence
    assert f"R2S classifies {worst.text()} % of the images correctly" in switch.text
    assert cut.text.startswith("digits of 8x8 pixels in place of CIFAR-10")
    assert f"{alone} of 124 numbers are from one seed, the paper's from 3." in cut.text


@pytest.mark.parametrize(
    ("verdict", "short"),
    [
        ("holds", "It gains"),
        ("does not hold", "It loses"),
        ("inconclusive", "Inconclusive"),
    ],
)
def test_what_r2s_is_worth_follows_from_the_verdict(verdict: Verdict, short: str) -> None:
    (table,) = kept("table5")
    claims = tuple(Judged(judged.claim, Comparison(verdict)) for judged in table.claims)

    assert answers(QUICK, [replace(table, claims=claims)])[1].short == short


def test_tickets_that_only_guess_are_no_robust_tickets() -> None:
    (figure,) = kept("figure1")
    cells = tuple(
        replace(f, values=tuple(value._replace(value=0.2) for value in f.values))
        for f in figure.cells
    )

    assert answers(QUICK, [replace(figure, cells=cells)])[0].short.startswith("None that resists")


def test_what_was_not_run_has_no_answer() -> None:
    nothing = [found(paper_recipe(name), QUICK, Records({})) for name in NAMES]

    assert [one.short for one in answers(QUICK, nothing)[:2]] == ["Not run", "Not run"]
    assert answers(SCALES["paper"], [])[2].short == "Nothing at scale paper"
    assert overview(nothing) == ("", [])


def test_the_overview_has_tickets_and_r2s_beside_the_dense_network() -> None:
    where, groups = overview(kept("table3", "table5", "figure1"))

    assert where == "resnet18 / cifar10"
    assert [group.recipe for group in groups] == ["figure1", "table3", "table5"]
    assert [line.label for line in groups[0].lines] == [
        "dense network, trained adversarially",
        *(f"ticket of {percent} %, never trained" for percent in (1, 5, 20, 80)),
    ]
    assert "R2S, strongest attack on each image" in [line.label for line in groups[2].lines]
    assert all(line.filled.cell.panel == where for group in groups for line in group.lines)


def test_every_recipe_has_an_answer_in_words() -> None:
    for name in (*NAMES, *studies()):
        assert any(claim.short for claim in paper_recipe(name).claims), name


def test_attacks_on_one_ticket_do_not_fool_the_others() -> None:
    (figure,) = kept("figure7")
    short = "attacks fool other tickets as often as the attacked one"

    assert figure.claims[0].verdict == "holds"  # attacks on others leave more
    assert figure.claims[0].answer == "no"
    assert f"A{short[1:]}: no. Without early stopping" in section(figure)
    assert f'{short}: <span class="verdict no">no</span>' in page(figure.scale, [figure], KEPT)
    claim = figure.claims[0].claim
    assert Judged(claim, Comparison("does not hold")).answer == "yes"
    assert Judged(replace(claim, denied=False), Comparison("holds")).answer == "yes"
    assert Judged(claim, Comparison("not tested at this scale")).answer == "not tested"


def test_claims_stand_above_their_tables() -> None:
    told = page(QUICK, kept("figure1", "table4"), KEPT)

    for name in ("figure1", "table4"):
        own = told[told.index(f'<section id="{name}">') :]
        assert own.index('class="cards claims"') < own.index('class="panel"')


def test_the_markdown_opens_with_the_answers_and_figure_1() -> None:
    founds = kept("table5", "figure1")

    told = document(founds[0].scale, founds)

    exists, switch, _ = answers(founds[0].scale, founds)
    parts = [exists.text, switch.text, "## Figure 1: ", "## Table 5: "]
    assert told.startswith(f"## Answers\n\n**{exists.question}** Yes: ")
    assert sorted(parts, key=told.index) == parts


def test_a_report_is_headed_by_what_is_in_it() -> None:
    def heading(*names: str) -> str:
        told = page(QUICK, kept(*names), KEPT).split("<header>")[1].split("</header>")[0]
        return told.replace("&#x27;", "'")

    study = heading("precision", "searches")
    assert "<h1>Precision, Searches at scale quick: claims and our numbers</h1>" in study
    assert "paper's" not in study
    assert "the paper's claims and our numbers</h1>" in heading("table5", "precision")
    assert "(NeurIPS 2021), Table 5, seed" in heading("table5")
    assert "every table and figure" in heading(*NAMES)
    assert "## Answers" not in document(QUICK, kept("searches"))


def test_long_tables_beside_a_picture_are_marked_not_to_be_printed() -> None:
    scale, recipe = SCALES["paper"], paper_recipe("figure5")
    jobs = [job for job in recipe.jobs(scale) if job.kind == "run"]
    known = Records(
        {job.id: {"job": job.json(), "seconds": 3.0, "record": record_of(job)} for job in jobs}
    )

    assert '<table class="long">' in page(scale, [found(recipe, scale, known)], known)
    assert '<table class="long">' not in page(QUICK, kept("figure5"), KEPT)


def test_seeds_are_counted_from_one() -> None:
    assert counted_from_one((0, 1, 2)) == "seeds 1, 2, 3 (0, 1, 2 in settings and records)"
    assert counted_from_one((2,)) == "seed 3 (2 in settings and records)"
    told = page(replace(QUICK, seeds=KEPT.seeds()), kept("table3"), KEPT)
    seeds = set(re.findall(r'<td data-label="seed">(.*?)</td>', told)) - {
        ""
    }  # of jobs of other recipes it is not known
    assert seeds - {""} == {"1", "2", "3"} | {f"{n}, another network" for n in (1, 2, 3)}


def test_legends_name_every_line_and_what_is_the_papers() -> None:
    for one in kept("figure1", "figure4", "figure5"):
        for name, cells in one.panels.items():
            picture = picture_of(one, name)
            assert picture is not None
            for row in {filled.cell.row for filled in cells}:
                assert f">{row}</text>" in picture
            known = any(f.cell.published is not None for f in cells)
            assert (">the paper's</text>" in picture) == known


def test_text_from_records_cannot_become_markup() -> None:
    known = records("figure8")
    for facts in known.by_id.values():
        facts["job"]["label"] = "<script>alert(1)</script>"

    text = page(QUICK, [found(paper_recipe("figure8"), QUICK, known)], known)

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_pictures_repeat_and_take_the_pages_colour() -> None:
    one = found(paper_recipe("figure1"), QUICK, records("figure1"))
    panel = next(iter(one.panels))

    picture = picture_of(one, panel)

    assert picture is not None
    assert picture == picture_of(one, panel)
    assert "currentColor" in picture
    assert "#010203" not in picture
    assert (
        picture_of(found(paper_recipe("table1"), QUICK, records("table1")), "imagenet, 2/255")
        is None
    )


def test_records_survive_a_file(tmp_path: Path) -> None:
    known = records("figure8")

    known.save(tmp_path / "records.jsonl")

    assert Records.load(tmp_path / "records.jsonl").by_id == known.by_id
    (tmp_path / "bad.jsonl").write_text('{"id": "x"}\n[1]\n')
    with pytest.raises(InputError, match="line 1 is not a record"):
        Records.load(tmp_path / "bad.jsonl")


def test_a_damaged_record_in_a_store_counts_as_missing(tmp_path: Path) -> None:
    store, jobs = Store(tmp_path), paper_recipe("figure8").jobs(QUICK)
    folder = store.folder(jobs[0])
    folder.mkdir()
    (folder / "record.json").write_text("{")
    store.ticket(jobs[0]).write_bytes(b"")

    assert Records.of(store, jobs).by_id == {}
