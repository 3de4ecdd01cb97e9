"""Pieces of work: the same counts in one go, interrupted, in shards; what a journal refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import scratchticket as st
from patience import PATIENCE
from scratchticket.attacks import FGSM, PGD, Attack, Bandits, CarliniWagner, Noise, Stage
from scratchticket.base.errors import InputError, ScratchticketError
from scratchticket.base.record import AttackRow, EvaluationRecord, to_json
from scratchticket.data import ImageSet
from scratchticket.evaluation import (
    Balls,
    Evaluation,
    EvaluationResult,
    Journal,
    Shard,
    balls,
    evaluate,
    possible,
    report,
    suite,
)
from scratchticket.evaluation.engine import pad_batches
from scratchticket.evaluation.report import autoattacked
from scratchticket.evaluation.suites import autoattack
from scratchticket.judging.evaluation import EvaluationTask
from scratchticket.judging.subject import Subject

ATTACKS = [
    Attack(Noise(3), "0.1"),
    Attack(PGD(3), "0.1"),
    Attack(CarliniWagner(1, 5), None, "l2"),
    Attack(Bandits(30), "0.1"),
    *autoattack("0.1", "linf", steps=3, queries=20),
]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return st.networks.build("resnet18", classes=10, channels=1, width=4, seed=1).eval()


@pytest.fixture(scope="module")
def images(network: nn.Module) -> ImageSet:
    """Fifty digits, labelled as the network sees them, but for some."""
    test = st.load_data("digits").test[slice(50)]
    labels = network(test.images / 255).argmax(dim=1)
    labels[::9] = (labels[::9] + 1) % 10
    return ImageSet(test.images, labels)


def work(network: nn.Module, images: ImageSet) -> Evaluation:
    return Evaluation(network, images, ATTACKS, seed=3, batch_size=16, checks=True)


def record_of(evaluated: EvaluationResult, where: Balls) -> EvaluationRecord:
    return report(evaluated, where, subject={}, data={})


def facts(evaluated: EvaluationResult | None) -> object:
    """Return everything but times."""
    assert evaluated is not None
    told = record_of(evaluated, balls("0.1", "linf", (1, 8, 8)))
    text = json.dumps(to_json(told), sort_keys=True)
    return json.loads(text, object_hook=lambda d: {k: v for k, v in d.items() if k != "seconds"})


@pytest.fixture(scope="module")
def whole(network: nn.Module, images: ImageSet) -> object:
    journal = Journal({})
    evaluation = work(network, images)
    evaluation.run(journal)
    return facts(evaluation.result(journal))


def test_an_attack_is_tried_on_what_the_network_gets_right(
    network: nn.Module, images: ImageSet
) -> None:
    evaluated = evaluate(network, images, ATTACKS, seed=3)

    assert evaluated.natural == st.Accuracy(44, 50)
    for outcome in evaluated.outcomes:
        assert not (outcome.fooled & ~outcome.tried).any()
        assert (outcome.distance[outcome.fooled] < torch.inf).all()
        assert (outcome.distance[~outcome.fooled] == torch.inf).all()
        assert outcome.forwards > 0 or not outcome.tried.any()
    stages = evaluated.outcomes[-4:]
    left = evaluated.right
    for stage in stages:
        assert torch.equal(stage.tried, left)
        left = left & ~stage.fooled
    noise, steps, nearest, bandits, *_ = evaluated.outcomes
    assert noise.fooled.any()
    assert 44 * 3 - int(noise.fooled.sum()) * 2 <= noise.forwards < 44 * 3  # the fooled leave
    assert steps.forwards < 44 * 3
    assert bandits.queries is not None
    assert int(bandits.queries.sum()) == bandits.forwards
    assert nearest.queries is None


def test_the_worst_case_is_that_of_every_image(network: nn.Module, images: ImageSet) -> None:
    evaluated = evaluate(network, images, ATTACKS, seed=3)
    told = record_of(evaluated, balls("0.1", "linf", (1, 8, 8), l2=("0.05", "3")))

    assert told.worst_case is not None
    fooled = torch.zeros(50, dtype=torch.bool)
    for outcome in evaluated.outcomes:
        if outcome.attack.norm == "linf":
            fooled |= outcome.fooled
    assert told.worst_case.correct == int((evaluated.right & ~fooled).sum())
    assert told.worst_case.correct <= min(row.correct for row in told.attacks if row.norm == "linf")
    near, far = (w for w in told.worst_cases if w.norm == "l2")
    assert near.correct >= far.correct
    rows = {row.title: row for row in told.attacks}
    assert rows["cw-l2-1x5, l2, 0.05"].correct >= rows["cw-l2-1x5, l2, any distance"].correct
    whole = rows["autoattack (steps 3; queries 20), linf, 0.1"]
    assert whole.name == "autoattack"
    assert whole.stages is not None
    assert whole.correct == whole.stages[-1]["correct"]
    assert [s["title"].split("-")[0] for s in whole.stages] == ["apgd", "apgd", "fab", "square"]


def test_only_all_four_attacks_with_the_usual_settings_are_called_autoattack(
    network: nn.Module, images: ImageSet
) -> None:
    where = balls("0.1", "linf", (1, 8, 8))

    def row(*attacks: Attack) -> AttackRow:
        (told,) = record_of(evaluate(network, images[slice(4)], attacks), where).attacks
        return told

    alone = row(Attack(Stage("square", queries=5), "0.1"))
    assert (alone.name, alone.title) == ("square", "square-5 of autoattack, linf, 0.1")
    assert alone.settings == {"stage": "square", "steps": 100, "queries": 5}
    usual = row(*autoattack("0.1", "linf"))
    assert (usual.name, usual.title) == ("autoattack", "autoattack, linf, 0.1")
    assert autoattacked(usual, "linf", "0.1")
    assert not autoattacked(usual, "linf", "0.15")
    weak = row(*autoattack("0.1", "linf", queries=5))
    assert weak.title == "autoattack (queries 5), linf, 0.1"
    assert not autoattacked(weak, "linf", "0.1")
    first, *others = autoattack("0.1", "linf", queries=5)
    first = Attack(Stage("apgd-ce", 7, 5), "0.1")
    mixed = [first, *(replace(one, after=(first.stream, *one.after[1:])) for one in others)]
    assert row(*mixed).title == "autoattack (apgd-ce 7 steps; queries 5), linf, 0.1"
    less = row(*possible(autoattack("0.1", "linf"), classes=3))
    assert less.title == "autoattack (without apgd-t), linf, 0.1"
    assert not autoattacked(less, "linf", "0.1")


def test_journals_call_attacks_what_they_always_did(network: nn.Module, images: ImageSet) -> None:
    """Folders of earlier versions go on, to the same bits."""
    attacks = suite("paper", balls("0.1", "linf", (1, 8, 8)), 10)
    names = Evaluation(network, images, attacks).names

    assert "cw-l2-1x100, l2" in names
    assert {str(attack) for attack in attacks} - set(names) == {
        "cw-l2-1x100 (learning rate 0.01; constant 0.1), l2"
    }
    source = {"name": "digits", "part": "test", "of": 360}
    where = balls("0.1", "linf", (1, 8, 8))
    subject = Subject(network, {"file": "x"}, "0.1", "linf")
    plan = EvaluationTask(subject, images, source, attacks, where).plan()
    known = [(attack["title"], attack["name"]) for attack in plan["attacks"]]
    assert ("cw-l2-1x100, l2", "cw-l2") in known
    assert ("square-5000 of autoattack, linf, 0.1", "autoattack") in known


def test_attacks_that_differ_in_what_no_short_name_shows_are_told_apart(
    network: nn.Module, images: ImageSet
) -> None:
    attacks = [Attack(PGD(2, step), "0.1") for step in ("0.1", "0.000001")]

    evaluated = evaluate(network, images, attacks)

    assert [o.attack for o in evaluated.outcomes] == attacks
    assert evaluated.outcomes[0].fooled.sum() > evaluated.outcomes[1].fooled.sum()
    with pytest.raises(InputError, match="same title"):
        evaluate(network, images, [attacks[0], attacks[0]])


def test_there_is_no_worst_case_where_no_attack_searched(
    network: nn.Module, images: ImageSet
) -> None:
    where = balls("0.1", "linf", (1, 8, 8), l2=("1",))  # radii 0.1, 0.15, 0.2 and, in l2, 1
    near, far = Attack(FGSM(), "0.1"), Attack(FGSM(), "3/20")
    nearest = Attack(CarliniWagner(1, 5), None, "l2")

    def radii(*attacks: Attack) -> list[tuple[str, str]]:
        cases = record_of(evaluate(network, images, attacks), where).worst_cases
        return [(case.norm, case.epsilon) for case in cases]

    assert radii(near) == [("linf", "0.1")]
    assert radii(near, far) == [("linf", "0.1"), ("linf", "0.15")]
    assert radii(near, nearest) == [("linf", "0.1"), ("l2", "1")]
    assert radii() == []


@pytest.mark.parametrize("stop_after", [0, 1, 5, 12, 25])
def test_an_evaluation_goes_on_where_it_was_left(
    stop_after: int, network: nn.Module, images: ImageSet, whole: object, tmp_path: Path
) -> None:
    path, evaluation = tmp_path / "journal.jsonl", work(network, images)

    class Stop(Exception):
        pass

    def stop(name: str, done: int, total: int) -> None:
        if done > stop_after:
            raise Stop

    journal = Journal({"a": 1}, path)
    with pytest.raises(Stop):
        evaluation.run(journal, progress=stop)
    journal.close()
    torn = path.read_bytes() + b'{"piece":["pgd-3, linf'  # killed while it wrote
    path.write_bytes(torn)

    again, done_anew = Journal({"a": 1}, path), []
    evaluation.run(again, progress=lambda name, done, total: done_anew.append(name))
    again.close()

    assert facts(evaluation.result(again)) == whole
    pieces = [json.loads(line)["piece"] for line in path.read_text().splitlines()[1:]]
    assert len(pieces) == len({tuple(piece) for piece in pieces}) == 4 * (3 + len(ATTACKS))


def test_shards_together_are_the_whole(
    network: nn.Module, images: ImageSet, whole: object, tmp_path: Path
) -> None:
    evaluation = work(network, images)
    paths = [tmp_path / f"{i}.jsonl" for i in (1, 2, 3)]
    for i, path in zip((3, 1, 2), paths, strict=True):
        journal = Journal({}, path)
        evaluation.run(journal, Shard(i, 3))
        journal.close()
        assert evaluation.result(journal) is None

    assert facts(evaluation.result(Journal({}, None, paths))) == whole


def test_the_batch_size_changes_no_verdict_of_a_deterministic_attack(
    network: nn.Module, images: ImageSet
) -> None:
    attacks = [Attack(FGSM(), "0.1"), Attack(PGD(5, random_start=False), "0.1")]
    counts = []
    for batch_size in (7, 50):
        evaluation, journal = (
            Evaluation(network, images, attacks, batch_size=batch_size),
            Journal({}),
        )
        evaluation.run(journal)
        evaluated = evaluation.result(journal)
        assert evaluated is not None
        counts.append([evaluated.robust(outcome).correct for outcome in evaluated.outcomes])

    assert counts[0] == counts[1]


def test_a_journal_of_another_plan_or_none_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal({"seed": 1, "attacks": ["pgd"]}, path).close()

    with pytest.raises(InputError, match="to another evaluation, with seed 1 instead of 2"):
        Journal({"seed": 2, "attacks": ["pgd"]}, path)
    path.write_text("no journal\n")
    with pytest.raises(InputError, match="is damaged: not a journal"):
        Journal({"seed": 1}, path)
    with pytest.raises(InputError, match="cannot write"):
        Journal({}, tmp_path / "none" / "journal.jsonl")


def test_two_processes_do_not_write_one_journal(tmp_path: Path) -> None:
    journal = Journal({}, tmp_path / "journal.jsonl")

    with pytest.raises(InputError, match="another process is writing"):
        Journal({}, tmp_path / "journal.jsonl")
    journal.close()
    Journal({}, tmp_path / "journal.jsonl").close()


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (lambda x: x.mean((1, 2, 3)), "must return logits of shape"),
        (lambda x: x.flatten(1)[:, :3], "has 3 classes, but there are labels up to"),
    ],
)
def test_what_returns_no_logits_is_refused(
    candidate: object, message: str, images: ImageSet
) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(candidate, images, [])  # type: ignore[arg-type]


def test_a_network_in_training_mode_is_refused(images: ImageSet) -> None:
    network = st.networks.build("resnet18", classes=10, channels=1, width=2)

    with pytest.raises(InputError, match="in training mode"):
        evaluate(network, images, [])


def test_an_attack_that_cheats_is_an_error_with_its_name(
    network: nn.Module, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cheat(*target: Tensor, **settings: object) -> Tensor:
        return (target[1] + 0.5).clamp(0, 1)

    monkeypatch.setattr(sys.modules["scratchticket.attacks.pgd"], "pgd", cheat)
    with pytest.raises(ScratchticketError, match=r"pgd-20, linf, 0.1 left the ball: distance 0.5"):
        evaluate(network, images, [Attack(PGD(), "0.1")])


def test_a_network_keeps_its_gradients_to_itself(network: nn.Module, images: ImageSet) -> None:
    network.requires_grad_(True)
    evaluate(network, images[slice(4)], ATTACKS, checks=True)

    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    network.requires_grad_(False)


KILLED = """
import sys, time
from pathlib import Path
import torch
import scratchticket as st
from scratchticket.attacks import PGD, Attack
from scratchticket.evaluation import Evaluation, Journal
torch.set_num_threads(1)
network = st.networks.build("resnet18", classes=10, channels=1, width=4, seed=1).eval()
attacks = [Attack(PGD(steps), "0.1") for steps in (5, 6, 7, 8)]
evaluation = Evaluation(network, st.load_data("digits").test, attacks, batch_size=8)
evaluation.run(Journal({}, Path(sys.argv[1])))
print("finished")
"""


def test_an_evaluation_survives_kill_9(tmp_path: Path, network: nn.Module) -> None:
    words = [sys.executable, "-c", KILLED, tmp_path / "journal.jsonl"]
    path = tmp_path / "journal.jsonl"
    lines = 0
    for _ in range(3):
        process = subprocess.Popen(words)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            now = len(path.read_bytes().splitlines()) if path.exists() else 0
            if now > lines + 5:
                break
            time.sleep(0.02)
        process.kill()
        process.wait()
        lines = len(path.read_bytes().splitlines())
    subprocess.run(words, check=True, capture_output=True)

    attacks = [Attack(PGD(steps), "0.1") for steps in (5, 6, 7, 8)]
    evaluation = Evaluation(network, st.load_data("digits").test, attacks, batch_size=8)
    survived = evaluation.result(Journal({}, None, [path]))
    journal = Journal({})
    evaluation.run(journal)
    assert facts(survived) == facts(evaluation.result(journal))


def test_a_network_is_asked_about_few_sizes_of_batch_and_says_the_same() -> None:
    asked, network = set(), torch.nn.Linear(3, 2)

    def watched(images: torch.Tensor) -> torch.Tensor:
        asked.add(len(images))
        return network(images)

    for count in range(1, 300):
        images = torch.rand(count, 3, requires_grad=True)
        logits = pad_batches(watched)(images)
        torch.testing.assert_close(logits, network(images))
        (gradient,) = torch.autograd.grad(logits.sum(), images)
        torch.testing.assert_close(gradient, network.weight.sum(dim=0).expand(count, 3))
    assert asked >= set(range(1, 33))
    assert len(asked) <= 32 + 16 * 4
    assert pad_batches(watched)(torch.empty(0, 3)).shape == (0, 2)
