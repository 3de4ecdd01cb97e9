"""Journals: what is read back, by whom, and what a finding must look like."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from scratchticket.attacks import FGSM, Attack, Bandits
from scratchticket.base.errors import InputError, OtherEvaluation
from scratchticket.data import ImageSet
from scratchticket.evaluation import Evaluation, Journal, Shard
from scratchticket.evaluation.transfer import SourcedAttack, Transfer

EPSILON = "0.1"
STEP, QUERIES = Attack(FGSM(), EPSILON), Attack(Bandits(6), EPSILON)


def network(images: Tensor) -> Tensor:
    """Tell dark images from bright ones."""
    bright = images.mean((1, 2, 3)) - 0.5
    return torch.stack([-bright, bright], dim=1)


def images() -> ImageSet:
    """Return five grey images, dark to bright, the last one labelled wrongly."""
    levels = torch.tensor([0, 110, 140, 255, 250], dtype=torch.uint8)
    return ImageSet(levels.view(5, 1, 1, 1).repeat(1, 1, 4, 4), torch.tensor([0, 0, 1, 1, 0]))


def work(*attacks: Attack, checks: bool = True) -> Evaluation:
    chosen = attacks or (STEP, QUERIES)
    return Evaluation(network, images(), chosen, batch_size=2, checks=checks)


def finished() -> Journal:
    journal = Journal({})
    work().run(journal)
    return journal


def test_findings_are_the_same_after_a_trip_through_a_file(tmp_path: Path) -> None:
    journal = Journal({"seed": 1}, tmp_path / "journal")
    work().run(journal)
    journal.close()

    again = Journal({"seed": 1}, None, [tmp_path / "journal"])

    assert again.findings == journal.findings
    assert work().finished(again)
    assert again.origin(("natural", 0)) == str(tmp_path / "journal")
    assert journal.origin(("natural", 0)) == "the journal"


def test_an_unfinished_line_is_cut_off_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with_one = Journal({}, path)
    with_one.add(("a", 0), {"n": 1})
    with_one.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"piece":["b",0],"n"')

    reader = Journal({}, None, [path])
    assert dict(reader.findings) == {("a", 0): {"n": 1}}
    assert path.read_bytes() != whole  # a reader changes nothing
    Journal({}, path).close()

    assert path.read_bytes() == whole


def test_a_piece_that_two_shards_did_is_counted_once(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path, shard in zip(paths, (Shard(1, 2), Shard(2, 2), Shard()), strict=True):
        journal = Journal({}, path)
        work().run(journal, shard)
        journal.close()

    together, alone = (work().result(j) for j in (Journal({}, None, paths), finished()))

    assert together is not None
    assert alone is not None
    assert together.natural == alone.natural
    assert together.gradients == alone.gradients
    for one, other in zip(together.outcomes, alone.outcomes, strict=True):
        assert (one.forwards, one.fooled.tolist()) == (other.forwards, other.fooled.tolist())


def test_what_is_known_is_not_replaced_and_what_others_found_is_not_written(tmp_path: Path) -> None:
    journal = Journal({}, tmp_path / "journal")
    journal.add(("a", 0), {"n": 1})

    journal.update({("a", 0): {"n": 2}, ("b", 0): {"n": 3}})
    journal.close()

    assert dict(journal.findings) == {("a", 0): {"n": 1}, ("b", 0): {"n": 3}}
    assert ("b", 0) in journal
    assert ("b", 1) not in journal
    assert dict(Journal({}, None, [tmp_path / "journal"]).findings) == {("a", 0): {"n": 1}}


def test_findings_of_others_are_read_while_they_work(tmp_path: Path) -> None:
    ours, theirs = (Journal({}, tmp_path / name) for name in ("ours", "theirs"))
    theirs.add(("a", 0), {"n": 1})
    ours.add(("b", 0), {"n": 2})

    ours.read([tmp_path / "ours", tmp_path / "theirs"])

    assert dict(ours.findings) == {("a", 0): {"n": 1}, ("b", 0): {"n": 2}}
    assert ours.origin(("a", 0)) == str(tmp_path / "theirs")
    ours.close()
    theirs.close()


def test_findings_of_another_attack_or_batch_are_not_taken_for_these() -> None:
    journal = Journal({})
    work(STEP).run(journal)

    assert work(STEP).finished(journal)
    for other in (Attack(FGSM(), "0.2"), Attack(FGSM(), EPSILON, "l2"), Attack(FGSM(True), "0.1")):
        assert not work(other).finished(journal)
        assert work(other).result(journal) is None
    half = Journal({})
    work(STEP).run(half, Shard(1, 2))
    assert not work(STEP).finished(half)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"seed": 2, "images": {"total": 9, "sha256": "ab" * 32}}, ", with seed 1 instead of 2"),
        ({"seed": 1, "images": {"total": 8, "sha256": "ab" * 32}}, r"images 9 \(hash abababab\)"),
        ({"seed": 1}, "with other settings or of another version"),
    ],
)
def test_another_plan_is_refused_with_the_first_difference(
    plan: dict[str, Any], said: str, tmp_path: Path
) -> None:
    before = {"seed": 1, "images": {"total": 9, "sha256": "ab" * 32}}
    Journal(before, tmp_path / "journal").close()
    kept = (tmp_path / "journal").read_bytes()

    with pytest.raises(OtherEvaluation, match=said):
        Journal(plan, tmp_path / "journal")
    with pytest.raises(OtherEvaluation, match=said):
        Journal(plan, None, [tmp_path / "journal"])
    assert (tmp_path / "journal").read_bytes() == kept
    Journal(before, tmp_path / "journal").close()  # the lock is gone


@pytest.mark.parametrize(
    "line",
    ["[]", '{"n": 1}', '{"piece": ["a"]}', '{"piece": ["a", true]}', '{"piece": [1, 0]}', "{"],
)
def test_a_line_that_is_no_finding_is_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "journal").write_text(f'{{"plan": {{}}}}\n{line}\n')

    with pytest.raises(InputError, match="is damaged: not a journal of an evaluation"):
        Journal({}, None, [tmp_path / "journal"])


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "journal").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InputError, match="is a link"):
        Journal({}, tmp_path / "journal")
    assert not (tmp_path / "elsewhere").exists()


STREAM = QUERIES.stream
DAMAGES: list[tuple[str, int, str, Any]] = [
    ("natural", 0, "marks", "1"),
    ("natural", 2, "marks", "11"),  # the last batch has one image
    ("natural", 0, "marks", "12"),
    ("natural", 0, "marks", 11),
    ("gradients", 0, "faults", {"margin vanishing": 0}),
    (STREAM, 0, "marks", "13"),
    (STREAM, 0, "distance", [0.1]),  # of two images that were fooled, or of none
    (STREAM, 0, "distance", ["0.1"]),
    (STREAM, 0, "queries", [6]),
    (STREAM, 0, "queries", [6, -3]),
    (STREAM, 0, "queries", [6, 3.0]),
    (STREAM, 0, "forwards", True),
    (STREAM, 0, "forwards", 2**53),
    (STREAM, 0, "seconds", -1.0),
    (STREAM, 0, "seconds", float("nan")),
    (STREAM, 0, "said", "text"),
    (STREAM, 0, "said", [1]),
]


@pytest.mark.parametrize(("name", "batch", "key", "value"), DAMAGES)
def test_a_finding_of_the_wrong_form_is_refused_by_name(
    name: str, batch: int, key: str, value: Any
) -> None:
    journal = finished()
    assert len(journal[STREAM, 0]["queries"]) == 2

    journal.add((name, batch), {**journal[name, batch], key: value})

    with pytest.raises(InputError, match=f"damaged: its entry for {name}, batch {batch}, is"):
        work().finished(journal)
    journal.add((name, batch), {k: v for k, v in finished()[name, batch].items() if k != key})
    with pytest.raises(InputError, match="damaged"):
        work().result(journal)


@pytest.mark.parametrize(
    "damage",
    [
        lambda right: {"right": {**right, "two": "1" * 5}},
        lambda right: {"right": {"one": "1" * 4}},
        lambda right: {"right": {"one": "2" * 5}},
        lambda right: {"resisted": "1" * 4},
        lambda right: {"resisted": "2" * 5},
        lambda right: {"forwards": -1},
    ],
)
def test_a_transfer_refuses_findings_of_other_networks_or_other_counts(
    damage: Callable[[dict[str, str]], dict[str, Any]],
) -> None:
    transfer, journal = (
        Transfer({"one": network}, images(), [SourcedAttack(STEP, "one")]),
        Journal({}),
    )
    transfer.run(journal)
    piece = (transfer.names[1], 0)
    assert transfer.finished(journal)

    journal.add(piece, journal[piece] | damage(journal[piece]["right"]))

    with pytest.raises(InputError, match="damaged"):
        transfer.finished(journal)


def test_every_line_of_a_journal_is_one_finding_on_disk_at_once(tmp_path: Path) -> None:
    path, seen = tmp_path / "journal", []
    journal = Journal({"seed": 3}, path)

    work().run(journal, progress=lambda *done: seen.append(len(path.read_bytes().splitlines())))

    assert seen == list(range(2, 2 + 3 * 4))  # the plan, then one line for each piece
    first, *others = map(json.loads, path.read_text().splitlines())
    assert first == {"plan": {"seed": 3}}
    assert [tuple(line["piece"]) for line in others] == list(journal.findings)
    journal.close()
