"""Masks keep the highest scores, and exactly the right number of them."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import Tensor

from scratchticket.base.errors import InputError
from scratchticket.masks import Mask, keep_top, kept_count, top


@pytest.mark.parametrize(
    ("count", "ratio", "kept"),
    [
        (1728, "0.01", 18),  # the released code's counts, PAPER_NOTES 1.1
        (432, 0.01, 5),
        (432, 0.05, 22),
        (10, 0.8, 8),  # floats make the released code keep 9 here or 8 there
        (100, 0.07, 7),
        (1, 0.01, 1),
        (7, 1, 7),
    ],
)
def test_kept_counts_are_exact(count: int, ratio: float | str, kept: int) -> None:
    assert kept_count(count, ratio) == kept


@given(some.integers(1, 10**9), some.integers(1, 999))
def test_kept_count_is_n_minus_floor_of_the_rest(count: int, thousandths: int) -> None:
    ratio = Fraction(thousandths, 1000)

    assert kept_count(count, thousandths / 1000) == count - floor((1 - ratio) * count)
    assert 1 <= kept_count(count, ratio) <= count


@given(
    some.lists(some.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]), min_size=1, max_size=40),
    some.integers(1, 100),
)
def test_keep_top_agrees_with_a_stable_sort(values: list[float], percent: int) -> None:
    scores = torch.tensor(values)
    ranking = scores.argsort(descending=True, stable=True)
    expected = torch.zeros(len(values), dtype=torch.bool)
    expected[ranking[: kept_count(len(values), percent / 100)]] = True

    assert torch.equal(keep_top(scores, percent / 100), expected)


def many(kind: str) -> Tensor:
    """Return a hundred thousand scores."""
    draws = torch.Generator().manual_seed(0)
    scores = torch.rand(100_003, generator=draws)
    if kind == "tied":
        scores = (scores * 50).round()
    elif kind == "infinite":
        scores[::7] = torch.inf
    elif kind == "sorted":
        scores = scores.sort().values
    elif kind == "misleading":  # the sample is of large ones only
        scores[:: top.STRIDE] += 1
    return scores


@pytest.mark.parametrize("kind", ["random", "tied", "infinite", "sorted", "misleading"])
@pytest.mark.parametrize("ratio", ["0.0001", "0.01", "0.1", "0.5", "0.995"])
def test_keep_top_of_many_agrees_with_a_stable_sort(
    kind: str, ratio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top, "SAMPLING_SIZE", 100_000)
    scores = many(kind)
    expected = torch.zeros(len(scores), dtype=torch.bool)
    ranking = scores.argsort(descending=True, stable=True)
    expected[ranking[: kept_count(len(scores), ratio)]] = True

    assert torch.equal(keep_top(scores, ratio), expected)


@given(some.lists(some.integers(0, 6).map(float), min_size=1, max_size=60), some.integers(1, 100))
def test_the_device_top_k_equals_the_cpu_top_k(values: list[float], percent: int) -> None:
    scores = torch.tensor(values)
    kept = kept_count(len(values), percent / 100)

    assert torch.equal(top._top_k_mask_on_device(scores, kept), top._top_k_mask(scores, kept))


def test_keep_top_sees_storage_order_whatever_the_memory_format() -> None:
    scores = torch.randint(0, 9, (8, 4, 3, 3)).float()  # with ties

    assert torch.equal(
        keep_top(scores, 0.3), keep_top(scores.to(memory_format=torch.channels_last), 0.3)
    )


@pytest.mark.parametrize("ratio", [0, -0.1, 1.01, "2/1", "0/3"])
def test_a_ratio_outside_zero_one_is_refused(ratio: float | str) -> None:
    with pytest.raises(InputError, match=r"must lie in \(0, 1\]"):
        keep_top(torch.rand(4), ratio)


def test_a_mask_knows_its_counts_and_compares_by_value() -> None:
    layers = {"a": torch.tensor([True, False]), "b": torch.tensor([[True], [True]])}
    mask = Mask(layers)

    assert (mask.kept, mask.total, mask.remaining_ratio) == (3, 4, 0.75)
    assert mask == Mask(layers)
    assert mask != Mask({"a": layers["a"]})
    assert mask != Mask({"b": layers["b"], "a": layers["a"]})


def test_a_mask_refuses_layers_that_are_no_masks_or_cut_off() -> None:
    with pytest.raises(InputError, match="must be boolean"):
        Mask({"a": torch.ones(2)})
    with pytest.raises(InputError, match="keeps no weight"):
        Mask({"a": torch.zeros(2, dtype=torch.bool)})


def test_masked_weights_are_plus_zero() -> None:
    masked = Mask({"a": torch.tensor([True, False])}).apply({"a": torch.tensor([-1.0, -1.0])})

    assert masked["a"].tolist() == [-1.0, 0.0]
    assert not torch.signbit(masked["a"][1])
