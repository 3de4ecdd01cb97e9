"""The parts of a search against closed forms and slow references, and resumed together."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import scratchticket as st
from scratchticket.base import plugins
from scratchticket.base.errors import InputError, Interrupted
from scratchticket.learning import (
    SEARCHES,
    LearningRecipe,
    NamedSearch,
    ScoreLearner,
    Search,
    SearchRecipe,
    Session,
)
from scratchticket.learning.descent import NormalisedDescent
from scratchticket.learning.moment import Moment
from scratchticket.learning.searches import initial_scores
from scratchticket.masks import Pattern, Selector, keep_top
from scratchticket.runs.api import validator
from scratchticket.runs.recipe import make_recipe
from scratchticket.tickets import drawing
from scratchticket.tickets.draw import Finished, Task

ATTACK = st.AttackRecipe(epsilon=0.1, steps=1)
LEARNING = LearningRecipe(epochs=2, batch_size=64)


def moment(step: int = 0, learning_rate: float = 0.1, steps: int = 100) -> Moment:
    return Moment(step, steps, 10, learning_rate)


def linear(seed: int = 0) -> nn.Linear:
    network = nn.Linear(6, 4, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.randn(4, 6, generator=torch.Generator().manual_seed(seed)))
    return network


def learner(network: nn.Linear, recipe: SearchRecipe, **learning: float) -> ScoreLearner:
    parameters = {"weight": network.weight}
    selector = Selector(Pattern(), 0.5, {"weight": (4, 6)})
    outer = replace(LEARNING, **learning)  # type: ignore[arg-type]
    return ScoreLearner(parameters, selector, 0, outer, Search(recipe))


def backward(network: nn.Linear, learned: ScoreLearner, images: Tensor, labels: Tensor) -> None:
    network.weight.requires_grad_(True)
    F.cross_entropy(network(images), labels).backward()
    network.weight.requires_grad_(False)
    learned.collect()


def gradient_at(weights: Tensor, scores: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """The gradient of a mask of the largest magnitudes: slow, obvious, in the graph."""
    mask = keep_top(scores.abs(), 0.5).float().requires_grad_(True)
    F.cross_entropy(images @ (weights * mask).T, labels).backward()
    assert mask.grad is not None
    return mask.grad * scores.sign()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    return torch.rand(8, 6), torch.arange(8) % 4


def test_a_flat_start_is_uniform_within_a_hundredth_in_every_layer() -> None:
    search = Search(SearchRecipe(start="flat"))
    wide, narrow = search.start(0, "a", (64, 256)), search.start(0, "b", (64, 4))

    for scores in (wide, narrow):
        assert 0.009 < float(scores.abs().max()) <= 0.01
        assert float(scores.std()) == pytest.approx(0.01 / 3**0.5, rel=0.1)
    # The same order as the paper's start, so that masks are coded as well.
    assert torch.equal(wide.argsort(), initial_scores(0, "a", (64, 256)).argsort())


def test_the_papers_scores_step_as_sgd_does(batch: tuple[Tensor, Tensor]) -> None:
    network = linear()
    weights = network.weight.detach().clone()
    learned = learner(network, SearchRecipe(), weight_decay=0.01, momentum=0.9)
    scores = initial_scores(0, "weight", (4, 6))
    velocity = torch.zeros_like(scores)

    for step in range(3):
        learned.write()
        backward(network, learned, *batch)
        assert not learned.climb(moment(step))
        learned.step(moment(step))
        velocity = 0.9 * velocity + gradient_at(weights, scores, *batch) + 0.01 * scores
        scores = scores - 0.1 * velocity

        torch.testing.assert_close(learned.tensors()["weight"], scores)


def test_one_sided_scores_start_at_magnitudes_and_stop_at_zero(
    batch: tuple[Tensor, Tensor],
) -> None:
    network = linear()
    weights = network.weight.detach().clone()
    learned = learner(network, SearchRecipe(ranking="one-sided"), weight_decay=0.0, momentum=0.9)
    scores = initial_scores(0, "weight", (4, 6)).abs()
    velocity, stopped = torch.zeros_like(scores), 0

    for step in range(12):
        learned.write()
        backward(network, learned, *batch)
        learned.step(moment(step, learning_rate=1.0))
        mask = keep_top(scores, 0.5).float().requires_grad_(True)
        F.cross_entropy(batch[0] @ (weights * mask).T, batch[1]).backward()
        assert mask.grad is not None
        velocity = 0.9 * velocity + mask.grad  # no sign: a score of 0 still learns
        scores = scores - velocity
        velocity[scores < 0] = 0
        stopped += int((scores < 0).sum())
        scores = scores.clamp(min=0)

        torch.testing.assert_close(learned.tensors()["weight"], scores)
    assert stopped > 0
    assert torch.equal(learned.result()["weight"], keep_top(scores, 0.5))


def test_signed_scores_keep_the_largest_of_either_sign() -> None:
    learned = learner(linear(), SearchRecipe(ranking="signed"))

    mask = learned.result()["weight"]
    scores = learned.tensors()["weight"]

    assert scores[mask].min() > scores[~mask].max()
    assert (scores < 0).any()


def test_a_normalised_step_has_the_length_of_the_rate_and_keeps_the_size() -> None:
    scores = {"small": torch.randn(5, 7), "large": torch.randn(3, 4) * 100}
    before = {name: score.clone() for name, score in scores.items()}
    descent = NormalisedDescent(scores, momentum=0.5)
    velocity = dict.fromkeys(scores, torch.zeros(()))

    for _ in range(3):
        for name, score in scores.items():
            score.grad = torch.randn_like(score) * (1e-6 if name == "small" else 1e3)
            velocity[name] = 0.5 * velocity[name] + score.grad
            size, was = before[name].square().mean().sqrt(), score.clone()
            moved = was - 0.02 * size * velocity[name] / velocity[name].square().mean().sqrt()
            before[f"{name} expected"] = moved * size / moved.square().mean().sqrt()
        descent.step(0.02, weight_decay=5e-4)

        for name, score in scores.items():
            torch.testing.assert_close(score, before[f"{name} expected"])
            assert score.square().mean().sqrt() == pytest.approx(
                float(before[name].square().mean().sqrt()), rel=1e-5
            )


def test_a_layer_without_a_gradient_takes_no_normalised_step() -> None:
    scores = {"a": torch.ones(3)}
    descent = NormalisedDescent(scores, momentum=0.9)
    descent.step(0.1, 0.0)
    assert torch.equal(scores["a"], torch.ones(3))
    scores["a"].grad = torch.zeros(3)  # of a layer whose masks make no difference
    descent.step(0.1, 0.0)
    assert torch.isfinite(scores["a"]).all()


def test_memory_is_the_weight_decay_that_forgets_within_a_share_of_the_run() -> None:
    outer = LearningRecipe(learning_rate=0.2, weight_decay=5e-4)

    assert Search(SearchRecipe()).weight_decay(outer, moment(steps=1000)) == 5e-4
    decay = Search(SearchRecipe(memory=5)).weight_decay(outer, moment(steps=1000))
    assert decay == pytest.approx(5 / (0.2 * 1000))
    assert (1 - 0.2 * decay) ** 200 == pytest.approx(2.718281828**-1, rel=0.01)


def test_averaged_scores_judge_while_the_search_goes_on_with_its_own(
    batch: tuple[Tensor, Tensor],
) -> None:
    network = linear()
    learned = learner(network, SearchRecipe(average=0.5))  # of an epoch of 10 steps
    average = initial_scores(0, "weight", (4, 6)).abs()

    for step in range(8):
        learned.write()
        backward(network, learned, *batch)
        learned.step(moment(step, learning_rate=2.0))
        average = average * 0.8 + learned.tensors()["weight"].abs() * 0.2
    learned.write()

    mask = learned.result()["weight"]
    assert torch.equal(mask, keep_top(average, 0.5))
    own = keep_top(learned.tensors()["weight"].abs(), 0.5)
    assert not torch.equal(mask, own)  # the case is worth testing
    assert torch.equal(network.weight != 0, own)
    with learned.evaluation_weights():
        assert torch.equal(network.weight != 0, mask)
    assert torch.equal(network.weight != 0, own)


def test_sharpness_takes_the_gradient_uphill_and_steps_from_below(
    batch: tuple[Tensor, Tensor],
) -> None:
    network = linear()
    weights = network.weight.detach().clone()
    recipe = SearchRecipe(sharpness=0.8, sharpness_from="1/2")
    learned = learner(network, recipe, weight_decay=0.0, momentum=0.0)
    scores = initial_scores(0, "weight", (4, 6))
    learned.write()
    backward(network, learned, *batch)

    assert not learned.climb(moment(49))
    assert learned.climb(moment(50))

    first = gradient_at(weights, scores, *batch)
    above = scores + 0.8 * scores.norm() * first / first.norm()
    torch.testing.assert_close(learned.tensors()["weight"], above)
    assert torch.equal(network.weight != 0, keep_top(above.abs(), 0.5))
    backward(network, learned, *batch)
    learned.step(moment(50))
    second = gradient_at(weights, above, *batch)
    torch.testing.assert_close(learned.tensors()["weight"], scores - 0.1 * second)


ALL = SearchRecipe(
    start="flat",
    ranking="one-sided",
    step="normalised",
    average=0.5,
    sharpness=0.01,
    sharpness_from="1/4",
)


def task(data: st.Data, **learning: object) -> Task:
    outer = replace(LEARNING, **learning)  # type: ignore[arg-type]
    return Task(data, st.NetworkRecipe(width=4), ATTACK, outer, validator(data, ATTACK, 0), seed=1)


def draw(whole: Task, search: SearchRecipe, session: Session = Session()) -> Finished:
    return drawing(whole, 0.3, search=search).run(session)


@pytest.mark.parametrize(
    "search",
    [ALL, SearchRecipe(memory=5.0, average=2.0), SearchRecipe(step="adam")],
    ids=["all", "memory", "adam"],
)
def test_a_search_of_any_parts_goes_on_to_the_same_bits(
    few_digits: st.Data, tmp_path: Path, search: SearchRecipe
) -> None:
    whole = task(few_digits, attacks="1/4:n-fgsm,3/4:pgd-2@0.05")
    checkpoint, steps = tmp_path / "checkpoint.safetensors", 0

    def count(event: object) -> None:
        nonlocal steps
        steps += 1

    with pytest.raises(Interrupted):
        draw(whole, search, Session(checkpoint, observe=count, stop=lambda: steps >= 5))
    resumed = draw(whole, search, Session(checkpoint))

    assert resumed.chosen.to_bytes() == draw(whole, search).chosen.to_bytes()
    with pytest.raises(InputError, match="belongs to a run with other settings"):
        draw(whole, replace(search, average=0.75), Session(checkpoint))


def test_the_inner_attack_changes_with_the_run(
    few_digits: st.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def spy(recipe: st.AttackRecipe, network: object, images: Tensor, *_: object, **__: object):  # type: ignore[no-untyped-def]
        seen.append(f"{recipe.name}-{recipe.gradients} {getattr(recipe.method, 'step_size', None)}")
        return images

    monkeypatch.setattr("scratchticket.learning.loop.perturb", spy)
    draw(task(few_digits, attacks="1/4:none,1/2:n-fgsm,0.75:pgd-3@1/50"), SearchRecipe())

    assert seen == [
        *["pgd-1 0.25"] * 2,
        *["none-0 None"] * 2,
        *["n-fgsm-1 None"] * 2,
        *["pgd-3 0.02"] * 2,
    ]


@pytest.mark.parametrize(
    ("attacks", "message"),
    [
        ("n-fgsm", "must look like 1/8:n-fgsm"),
        ("1/2:n-fgsm,1/4:pgd", "increasing fractions"),
        ("1:n-fgsm", "increasing fractions"),
        ("1/2:n-fgms", "did you mean 'n-fgsm'"),
        ("1/2:pgd-0", "steps must be above 0"),
    ],
)
def test_attacks_that_cannot_take_over_are_refused(attacks: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LearningRecipe(attacks=attacks)


def test_the_scheduled_attacks_keep_norm_and_epsilon() -> None:
    schedule = LearningRecipe(attacks="1/3:pgd-20").schedule_of(
        st.AttackRecipe("pgd", "1.5", norm="l2", steps=2)
    )

    assert schedule[1] == (Fraction(1, 3), st.AttackRecipe("pgd", "1.5", norm="l2", steps=20))


class Ascending(Search):
    """Ranks weights by their position, whatever is learned."""

    def importance(self, scores: Tensor) -> Tensor:
        return torch.arange(scores.numel(), dtype=torch.float32).view_as(scores)


def test_a_plug_in_adds_a_search(few_digits: st.Data, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = NamedSearch(Ascending, {"ratio": "0.3", "search.average": 0.5})
    monkeypatch.setattr(
        "scratchticket.learning.searches.registry.plugin",
        lambda kind, name: mine if (kind, name) == ("searches", "mine") else None,
    )

    recipe = make_recipe({"search.name": "mine", "search.arguments.depth": "3"})
    ticket = draw(task(few_digits, epochs=1), recipe.search).chosen

    assert (recipe.ratio, recipe.search.average) == ("0.3", 0.5)
    assert recipe.search.arguments == {"depth": 3}
    assert make_recipe({"search.name": "mine", "ratio": "0.2"}).ratio == "0.2"
    for layer in ticket.mask.values():
        kept = int(layer.sum())
        assert bool(layer.flatten()[-kept:].all())


def test_an_unknown_search_is_refused_by_name() -> None:
    plugins._points.cache_clear()
    with pytest.raises(InputError, match="unknown search 'papr'; did you mean 'paper'"):
        make_recipe({"search.name": "papr"})
    with pytest.raises(InputError, match="training searches for no mask"):
        make_recipe({"task": "train", "search.average": 1.0})


@pytest.mark.parametrize("wrong", [{"average": -1.0}, {"memory": float("nan")}, {"step": "adams"}])
def test_parts_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"search\."):
        SearchRecipe(**wrong)  # type: ignore[arg-type]


def test_every_search_of_the_registry_makes_a_recipe() -> None:
    for name in SEARCHES:
        assert make_recipe({"search.name": name}).search.name == name
    assert make_recipe({"search.name": "paper"}).id == make_recipe({}).id
