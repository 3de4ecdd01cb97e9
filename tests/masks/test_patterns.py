"""Every pattern and budget, against slow loops over plain Python numbers."""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import floor, prod, sqrt

import pytest
import torch
from torch import Tensor

from scratchticket.base.errors import InputError
from scratchticket.masks import Pattern, Selector, kept_count
from scratchticket.masks.selector import erk_ratios, size_ratios

WEIGHTS = {
    "conv1.weight": (6, 3, 3, 3),
    "conv2.weight": (8, 6, 3, 3),
    "shortcut.weight": (8, 6, 1, 1),
    "conv3.weight": (4, 8, 5),
    "hidden.weight": (12, 8),
    "fc.weight": (10, 12),
}
GRANULARITIES = ["element", "row", "kernel", "channel", "2:4"]
BUDGETS = ["uniform", "global", "erk"]


def unit(granularity: str, name: str, index: tuple[int, ...]) -> tuple[int, ...]:
    """Return the group of weights that a weight is pruned with, by its leading indices."""
    if granularity == "row":
        return index[: max(len(index) - 1, 2)]
    if granularity == "kernel":
        return index[:2]
    if granularity == "channel" and name != "fc.weight":
        return index[:1]
    return index


def expected(
    pattern: Pattern, ratio: Fraction, scores: dict[str, Tensor]
) -> dict[str, set[object]]:
    """Return the units that remain in each layer, by sorting the magnitudes of all of them."""
    ranked = {}
    for name, shape in WEIGHTS.items():
        every = itertools.product(*map(range, shape))
        units = list(dict.fromkeys(unit(pattern.granularity, name, index) for index in every))
        ranked[name] = [
            (-abs(float(score)), position, u)
            for position, (score, u) in enumerate(zip(scores[name].flatten(), units, strict=True))
        ]
    if pattern.budget == "global":
        pooled = []
        for layer, (name, rows) in enumerate(ranked.items()):
            bound = 1 / sqrt(prod(scores[name].shape[1:]))
            best = min(rows)
            for row in rows:
                value = -float("inf") if row == best else row[0] / bound
                pooled.append((value, layer, row[1], name, row[2]))
        kept = sorted(pooled)[: kept_count(len(pooled), ratio)]
        return {name: {row[4] for row in kept if row[3] == name} for name in WEIGHTS}
    ratios = dict.fromkeys(WEIGHTS, ratio)
    if pattern.budget == "erk":
        ratios = erk_ratios(WEIGHTS, ratio)
    result = {}
    for name, rows in ranked.items():
        groups: dict[object, list[tuple[float, int, tuple[int, ...]]]] = {}
        if pattern.groups and WEIGHTS[name][1] % 4 == 0:
            for row in rows:
                index = row[2]
                groups.setdefault((index[0], index[1] // 4, index[2:]), []).append(row)
        else:
            groups[0] = rows
        result[name] = {
            row[2]
            for group in groups.values()
            for row in sorted(group)[: len(group) - floor((1 - ratios[name]) * len(group))]
        }
    return result


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_a_pattern_keeps_what_a_slow_loop_keeps(granularity: str, budget: str, seed: int) -> None:
    if granularity == "2:4" and budget != "uniform":
        with pytest.raises(InputError, match="fixes the ratio"):
            Pattern(granularity, budget)  # type: ignore[arg-type]
        return
    pattern = Pattern(granularity, budget)  # type: ignore[arg-type]
    ratio = Fraction(1, 2) if pattern.groups else Fraction(3, 10)
    selector = Selector(pattern, ratio, WEIGHTS, classifier="fc.weight")
    draws = torch.Generator().manual_seed(seed)
    scores = {
        name: torch.randint(-25, 25, shape, generator=draws) / 7  # of both signs, with ties
        for name, shape in selector.shapes.items()
    }

    masks = selector({name: score.abs() for name, score in scores.items()})

    wanted = expected(pattern, ratio, scores)
    for name, shape in WEIGHTS.items():
        whole = masks[name].expand(shape)
        for index in itertools.product(*map(range, shape)):
            remains = unit(granularity, name, index) in wanted[name]
            assert bool(whole[index]) == remains, (name, index)


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("order", [(0, 2, 3, 1), (3, 2, 1, 0)], ids=["channels last", "reversed"])
def test_memory_order_of_scores_is_irrelevant(granularity: str, order: tuple[int, ...]) -> None:
    weights = {"conv2.weight": (8, 8, 3, 3)}
    selector = Selector(Pattern(granularity), 0.5, weights)
    scores = torch.randint(0, 9, selector.shapes["conv2.weight"]).float()  # with ties
    back = torch.tensor(order).argsort().tolist()

    ordered = scores.permute(order).contiguous().permute(back)

    assert torch.equal(scores, ordered)
    masks = [selector({"conv2.weight": s})["conv2.weight"] for s in (scores, ordered)]
    assert torch.equal(*masks)


def test_the_classifier_is_exempt_from_channel_masks_unless_asked() -> None:
    exempt = Selector(Pattern("channel"), 0.1, WEIGHTS, classifier="fc.weight")
    released = Selector(Pattern("channel", mask_classifier=True), 0.1, WEIGHTS, "fc.weight")

    assert exempt.shapes["fc.weight"] == (10, 12)
    assert released.shapes["fc.weight"] == (10, 1)
    kept = released({n: torch.rand(s) for n, s in released.shapes.items()})
    assert int(kept["fc.weight"].sum()) == 1  # the released code's defect: one class is left


def test_score_shapes_are_the_released_codes() -> None:
    shapes = {g: Selector(Pattern(g), 0.5, WEIGHTS).shapes for g in GRANULARITIES}

    assert shapes["row"]["conv2.weight"] == (8, 6, 3, 1)
    assert shapes["kernel"]["conv2.weight"] == (8, 6, 1, 1)
    assert shapes["channel"]["conv2.weight"] == (8, 1, 1, 1)
    assert shapes["row"]["shortcut.weight"] == shapes["kernel"]["shortcut.weight"] == (8, 6, 1, 1)
    assert shapes["row"]["hidden.weight"] == shapes["kernel"]["hidden.weight"] == (12, 8)
    assert shapes["channel"]["hidden.weight"] == (12, 1)


def test_a_global_budget_keeps_one_weight_of_a_layer_that_scores_low() -> None:
    selector = Selector(Pattern(budget="global"), 0.2, {"a": (10, 10), "b": (4, 4)})

    masks = selector({"a": torch.rand(10, 10) + 1, "b": torch.zeros(4, 4)})

    assert masks["b"].flatten().nonzero().flatten().tolist() == [0]
    assert int(masks["a"].sum()) == kept_count(116, 0.2) - 1
    with pytest.raises(InputError, match="keeps fewer weights than there are layers"):
        Selector(Pattern(budget="global"), 0.005, {"a": (10, 10), "b": (4, 4)})


def test_erk_ratios_add_up_and_none_exceeds_one() -> None:
    for percent in (1, 10, 50, 90, 100):
        ratios = erk_ratios(WEIGHTS, Fraction(percent, 100))
        kept = sum(ratio * prod(WEIGHTS[name]) for name, ratio in ratios.items())

        assert kept == Fraction(percent, 100) * sum(map(prod, WEIGHTS.values()))
        assert max(ratios.values()) <= 1
    for percent in (10, 50):  # at 50 % small layers keep everything
        ratios = erk_ratios(WEIGHTS, Fraction(percent, 100))
        free = [name for name, ratio in ratios.items() if ratio < 1]
        assert (len(free) == len(WEIGHTS)) == (percent == 10)
        for one, other in itertools.pairwise(free):
            first, second = (Fraction(sum(WEIGHTS[n]), prod(WEIGHTS[n])) for n in (one, other))
            assert ratios[one] / ratios[other] == first / second


@pytest.mark.parametrize("order", [1, -1])
def test_ratios_by_layer_take_names_and_patterns_and_the_longest_match_counts(order: int) -> None:
    layers = [("conv*", 0.5), ("conv1.weight", "1/3")][::order]
    pattern = Pattern(layers=dict(layers))
    selector = Selector(pattern, 0.1, WEIGHTS)
    masks = selector({name: torch.rand(shape) for name, shape in selector.shapes.items()})

    kept = {name: int(mask.sum()) for name, mask in masks.items()}
    assert kept["conv1.weight"] == 54
    assert kept["conv2.weight"] == 8 * 6 * 9 // 2
    assert kept["fc.weight"] == kept_count(120, 0.1)
    with pytest.raises(InputError, match="no layer is named 'cov1.weight'"):
        Selector(Pattern(layers={"cov1.weight": 0.5}), 0.1, WEIGHTS)


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_layer_with_its_own_ratio_keeps_its_top_scores_under_any_budget(budget: str) -> None:
    pattern = Pattern(budget=budget, layers={"a": 0.5})  # type: ignore[arg-type]
    selector = Selector(pattern, 0.5, {"a": (2, 2), "b": (4, 4)})

    masks = selector({"a": torch.tensor([[3.0, 1.0], [2.0, 0.5]]), "b": torch.rand(4, 4)})

    assert masks["a"].tolist() == [[True, False], [True, False]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"granularity": "rows"}, "unknown granularity 'rows'; did you mean 'row'"),
        ({"granularity": "4:4"}, "N must be smaller than M"),
        ({"granularity": "0:4"}, "unknown granularity '0:4'"),
        ({"budget": "locla"}, "unknown budget 'locla'"),
        ({"layers": {"a": 0}}, r"must lie in \(0, 1\]"),
        ({"granularity": "2:4", "layers": {"a": 0.5}}, "fixes the ratio of every layer"),
    ],
)
def test_invalid_patterns_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Pattern(**arguments)  # type: ignore[arg-type]


def test_a_ratio_that_contradicts_the_groups_is_refused() -> None:
    with pytest.raises(InputError, match=r"2:4 keeps 0.5 of the weights.*got 0.1"):
        Selector(Pattern("2:4"), 0.1, WEIGHTS)


@pytest.mark.parametrize("cap", [Fraction(1), Fraction(1, 2)])
@pytest.mark.parametrize("power", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("percent", [1, 10, 40])
def test_a_budget_by_size_keeps_as_many_as_a_uniform_one(
    percent: int, power: float, cap: Fraction
) -> None:
    sizes = {name: prod(shape) for name, shape in WEIGHTS.items()}
    ratio = Fraction(percent, 100)

    kept = {n: r * sizes[n] for n, r in size_ratios(sizes, ratio, power, cap).items()}

    assert all(count.denominator == 1 and count >= 1 for count in kept.values())
    assert sum(kept.values()) == sum(kept_count(size, ratio) for size in sizes.values())
    assert all(count <= kept_count(sizes[name], cap) for name, count in kept.items())
    free = [n for n, count in kept.items() if 1 < count < cap * sizes[n] - 1]
    for one, other in itertools.pairwise(free):  # proportional, to one weight a layer
        expected = (sizes[one] / sizes[other]) ** power
        low, high = (kept[one] - 1) / (kept[other] + 1), (kept[one] + 1) / (kept[other] - 1)
        assert float(low) <= expected <= float(high)


def test_a_budget_by_size_reaches_the_masks() -> None:
    pattern = Pattern(budget="size", power="1/2", cap="0.5")
    selector = Selector(pattern, 0.1, WEIGHTS)
    masks = selector({name: torch.rand(shape) for name, shape in selector.shapes.items()})

    assert {n: int(mask.sum()) for n, mask in masks.items()} == {
        n: r * prod(WEIGHTS[n])
        for n, r in size_ratios(
            {n: prod(s) for n, s in WEIGHTS.items()}, 0.1, 0.5, Fraction(1, 2)
        ).items()
    }
    assert Pattern(budget="size").power == "0.5"


def test_a_cap_leaves_something_to_search_in_every_layer() -> None:
    half = Fraction(1, 2)
    for percent in (10, 40):
        ratios = erk_ratios(WEIGHTS, Fraction(percent, 100), half)
        kept = sum(ratio * prod(WEIGHTS[name]) for name, ratio in ratios.items())
        assert kept == Fraction(percent, 100) * sum(map(prod, WEIGHTS.values()))
        assert max(ratios.values()) <= half

    selector = Selector(Pattern(budget="global", cap="0.5"), 0.3, {"a": (10, 10), "b": (4, 4)})
    masks = selector({"a": torch.rand(10, 10), "b": torch.rand(4, 4) + 100})
    assert int(masks["b"].sum()) == 8
    assert int(masks["a"].sum()) == kept_count(116, 0.3) - 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"power": "0.5"}, "pattern.power needs pattern.budget=size, got"),
        ({"budget": "size", "power": 1.5}, r"pattern.power must lie in \[0, 1\]"),
        ({"cap": "0.5"}, "pattern.cap needs pattern.budget=global, erk or size, got"),
        ({"budget": "erk", "cap": 0}, r"pattern.cap must lie in \(0, 1\]"),
    ],
)
def test_powers_and_caps_without_effect_are_refused(
    arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Pattern(**arguments)  # type: ignore[arg-type]


def test_a_cap_below_the_remaining_ratio_is_refused() -> None:
    with pytest.raises(InputError, match="a larger cap is needed"):
        Selector(Pattern(budget="size", cap="0.05"), 0.1, WEIGHTS)
