"""Attacks made on one network and judged on all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.attacks.networks import Linear
from torch import Tensor, nn

from scratchticket.attacks import FGSM, PGD, Attack, AutoAttack
from scratchticket.attacks.set_gradient import SetPGD
from scratchticket.base.errors import InputError
from scratchticket.data import ImageSet
from scratchticket.evaluation import Journal, Shard
from scratchticket.evaluation.transfer import (
    NATURAL,
    SET,
    SWITCH,
    SourcedAttack,
    Transfer,
    TransferResult,
)

EPSILON = "0.05"


class Turned(nn.Module):
    """A linear network that looks at the pixels in reverse."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = Linear(64)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(images.flip(-1, -2))


def networks() -> dict[str, nn.Module]:
    return {"one": Linear(64).eval(), "other": Turned().eval()}


def images(count: int = 40) -> ImageSet:
    """Return images whose labels the first network gives."""
    drawn = torch.randint(60, 200, (count, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    labels = Linear(64)(drawn / 255).argmax(dim=1)
    return ImageSet(drawn.to(torch.uint8), labels)


def transfer(attacks: list[SourcedAttack], **more: object) -> TransferResult:
    """Return everything in one go."""
    work, journal = Transfer(networks(), images(), attacks, **more), Journal({})  # type: ignore[arg-type]
    work.run(journal)
    result = work.result(journal)
    assert result is not None
    return result


def attacks(*methods: object, source: str = "one") -> list[SourcedAttack]:
    return [SourcedAttack(Attack(method, EPSILON), source) for method in methods]  # type: ignore[arg-type]


def test_a_strike_is_judged_on_every_network() -> None:
    result = transfer(attacks(PGD(20, keep="best")))

    (row,) = result.rows
    assert result.right["one"].all()
    assert not result.right["other"].all()
    linear = Linear(64)
    clean = images().images / 255
    room = (linear(clean).topk(2).values.diff().abs() / 2).squeeze() / linear.weight.abs().sum()
    assert torch.equal(row.right["one"], room > float(EPSILON))  # the optimum is known
    assert row.right["other"].any()
    assert row.forwards == 40 * (20 + 1)


def test_what_stops_at_the_first_success_transfers_less() -> None:
    sides = {"near": Linear(64).eval(), "far": Shifted().eval()}
    journal = Journal({})
    work = Transfer(sides, images(), attacks(PGD(20), PGD(20, keep="best"), source="near"))
    work.run(journal)
    result = work.result(journal)
    assert result is not None
    stopped, whole = result.rows

    assert torch.equal(stopped.right["near"], whole.right["near"])
    assert stopped.right["far"].sum() > whole.right["far"].sum()


class Shifted(nn.Module):
    """The same linear network with another threshold."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = Linear(64)

    def forward(self, images: Tensor) -> Tensor:
        logits = self.linear(images)
        return logits + torch.tensor([0.2, -0.2, 0.0, 0.0, 0.0])


def test_pieces_put_together_are_the_whole(tmp_path: Path) -> None:
    chosen = attacks(PGD(5)) + attacks(SetPGD(5), source=SET)
    work = Transfer(networks(), images(), chosen, members=("one", "other"), batch_size=16)
    journal = Journal({}, tmp_path / "journal.jsonl")
    work.run(journal, Shard(2, 2))
    assert work.result(journal) is None
    journal.close()

    again = Journal({}, tmp_path / "journal.jsonl")
    done = []
    work.run(again, progress=lambda name, number, total: done.append((name, number, total)))
    result = work.result(again)
    again.close()

    whole = Journal({})
    work.run(whole)
    expected = work.result(whole)
    assert result is not None
    assert expected is not None
    assert done[-1] == (f"{chosen[-1]}", 9, 9)
    for one, other in zip(result.rows, expected.rows, strict=True):
        assert all(torch.equal(one.right[name], other.right[name]) for name in networks())


def test_two_works_share_a_journal() -> None:
    journal = Journal({})
    works = [
        Transfer(networks(), images(), attacks(PGD(steps)), prefix=prefix)
        for steps, prefix in ((3, ""), (3, "again: "))
    ]
    for work in works:
        work.run(journal)

    assert works[1].names == [f"again: {NATURAL}", "again: pgd-3, linf, 0.05, on one"]
    first, second = (work.result(journal) for work in works)
    assert first is not None
    assert second is not None
    assert torch.equal(first.right["one"], second.right["one"])


def test_autoattack_believes_one_answer_of_a_random_network() -> None:
    pytest.importorskip("pyautoattack")
    result = transfer(
        attacks(AutoAttack(steps=10, queries=50), AutoAttack("rand", steps=5), source=SWITCH),
        members=("one", "other"),
    )

    for row in result.rows:
        assert row.resisted is not None
        expected = (row.right["one"].float() + row.right["other"].float()) / 2
        assert float(row.resisted.float().mean()) < float(expected.mean())


def test_unknown_sources_and_double_titles_are_refused() -> None:
    with pytest.raises(InputError, match="no network 'two'; there are one, other"):
        Transfer(networks(), images(), attacks(PGD(), source="two"))
    with pytest.raises(InputError, match="no network 'the set'"):
        Transfer(networks(), images(), attacks(SetPGD(), source=SET))
    with pytest.raises(InputError, match="same title"):
        Transfer(networks(), images(), attacks(PGD(), PGD()))


@pytest.mark.parametrize("batch_size", [7, 40])
def test_a_step_on_one_network_moves_the_other_as_far_as_their_weights_agree(
    batch_size: int,
) -> None:
    """Images that the source gets wrong are moved too, in the direction of the other class."""
    shown = images()
    labels = shown.labels.clone()
    labels[::3] = 1 - labels[::3]
    step = SourcedAttack(Attack(FGSM(), "0.01"), "other")
    work = Transfer(networks(), shown.labelled(labels), [step], batch_size=batch_size)
    journal = Journal({})
    work.run(journal)
    result = work.result(journal)
    assert result is not None

    truth, clean = 1 - 2 * labels, shown.images / 255
    own, weight = Linear(64), Linear(64).weight.detach()
    turned = weight.view(8, 8).flip(-1, -2).flatten()
    (row,) = result.rows
    for name, sees, against in (("one", clean, weight), ("other", clean.flip(-1, -2), turned)):
        room = truth * own(sees)[:, 0]
        assert torch.equal(result.right[name], room > 0)
        left = room - 0.01 * (against * turned.sign()).sum()
        assert torch.equal(row.right[name], left > 0)
    assert 0 < row.right["other"].sum() < result.right["other"].sum()


@pytest.mark.parametrize("member", [0, 1])
def test_a_switch_that_always_takes_one_member_is_that_member(member: int) -> None:
    method = PGD(5, random_start=False, keep="best")
    names = list(networks())
    certain = [float(place == member) for place in range(2)]
    chosen = attacks(method, source=SWITCH) + attacks(method, source=names[member])

    switch, alone = transfer(chosen, members=names, probabilities=certain).rows

    for name in names:
        assert torch.equal(switch.right[name], alone.right[name])
    assert switch.forwards == alone.forwards


def test_a_switch_draws_other_members_for_other_seeds_and_batches() -> None:
    """One image forty times: which member answered decides which way it is moved."""
    one = images()[slice(1)]
    same = ImageSet(one.images.repeat(40, 1, 1, 1), one.labels.repeat(40))
    method = attacks(PGD(1, "0.05", random_start=False, keep="last"), source=SWITCH)

    def moved(seed: int) -> Tensor:
        work, journal = (
            Transfer(networks(), same, method, members=("one", "other"), seed=seed, batch_size=20),
            Journal({}),
        )
        asked: list[Tensor] = []
        work.networks["watch"] = lambda points: (
            asked.append(points),
            work.networks["one"](points),
        )[1]
        work.run(journal)
        return torch.cat(asked[-2:]).flatten(1)[:, 0]

    first = moved(1)
    assert len(first.unique()) == 2
    assert torch.equal(moved(1), first)
    assert not torch.equal(moved(2), first)
    assert not torch.equal(first[:20], first[20:])


def test_every_network_of_a_set_is_asked_and_counted() -> None:
    (row,) = transfer(attacks(SetPGD(4, keep="last"), source=SET), members=("one", "other")).rows

    assert row.forwards == 2 * 4 * 40
    assert row.resisted is None


@pytest.mark.parametrize("name", [SET, SWITCH])
def test_names_with_a_meaning_are_not_for_networks(name: str) -> None:
    with pytest.raises(InputError, match=f"no network can be called '{name}'; rename its file"):
        Transfer({name: Linear(64).eval()}, images(), [])
