"""Two learners: one learns scores of frozen weights, the other the weights themselves.

A learner connects the optimiser to a plain module (decision 1). Before each step it writes the
module's weights; after the backward pass it turns the module's weight gradients into gradients of
the learned tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import sha256
from math import sqrt
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from scratchticket.attacks import Attack
from scratchticket.base.typed import changed
from scratchticket.learning.checkpoint import prefixed
from scratchticket.learning.descent import Descent
from scratchticket.learning.moment import Moment
from scratchticket.learning.recipe import LearningRecipe
from scratchticket.learning.searches import Search, SearchRecipe
from scratchticket.masks import Selector, score_bound


class Learner(Protocol):
    """The methods of a learner that the learning loop calls."""

    def parameters(self) -> list[nn.Parameter]:
        """Return the module's parameters whose gradients the learner needs."""

    def tensors(self) -> dict[str, Tensor]:
        """Return the learned tensors, by parameter name."""

    def attack(self, attack: Attack, moment: Moment) -> Attack:
        """Return the inner attack for a step, derived from the recipe's attack."""

    def write(self) -> None:
        """Compute the weights from the learned tensors and write them into the module."""

    def collect(self) -> None:
        """Turn the module's weight gradients into ``.grad`` of the learned tensors."""

    def climb(self, moment: Moment) -> bool:
        """Perturb tensors and weights for a second gradient; return False if none is needed."""

    def step(self, moment: Moment) -> None:
        """Undo the perturbation of :meth:`climb` and update the tensors from their gradients."""

    def clear(self) -> None:
        """Set all gradients to None."""

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Return a context in which the module has the weights of :meth:`result`."""

    def result(self) -> dict[str, Tensor]:
        """Return the tensors a ticket stores, by parameter name: bool masks or float weights."""

    def state(self) -> dict[str, Tensor]:
        """Return the tensors that a checkpoint stores."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load the tensors of :meth:`state`, and write the weights.

        Raises:
            LookupError: If a tensor is missing.
            RuntimeError: If a shape differs.
        """

    def identity(self) -> dict[str, Any]:
        """Return JSON values that must be equal for a run to resume from a checkpoint."""


def magnitude_scores(weights: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return scores proportional to the weights' magnitudes, on the scale of random scores.

    A score that covers several weights is the sum of their magnitudes. As in HYDRA (Sehwag et al.,
    2020, arXiv:2002.10509), the largest score of a layer is sqrt(6) times the bound of the
    random scores of :func:`.searches.initial_scores`.

    Returns:
        float32 of the given shape.
    """
    sums = weights.detach().abs().sum_to_size(shape)
    return sums * (sqrt(6) * score_bound(shape) / sums.max().clamp_min(1e-12))


def _digest(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the weights' names and values."""
    total = sha256()
    for name, weight in weights.items():
        total.update(name.encode() + weight.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


class ScoreLearner:
    """Learns scores that select which weights remain; the weights never change.

    The mask is the top-k of the importances, which in the paper are the scores' magnitudes
    (Ramanujan et al., 2020). The backward pass hands the mask's gradient to the scores unchanged
    (straight-through estimator, Bengio et al., 2013). In the paper's search, therefore, ``d loss /
    d score = d loss / d weight * random weight * sign(score)``, summed over the weights that one
    score covers, including pruned weights.

    Args:
        parameters: The maskable parameters of the module, holding the frozen weights.
        selector: Computes masks from importances.
        seed: Seed of the initial scores; if None, they are the weights' magnitudes, rescaled.
        learning: Settings of the outer minimisation.
        search: Initial scores, ranking of weights and step rule.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        selector: Selector,
        seed: int | None,
        learning: LearningRecipe = LearningRecipe(),
        search: Search = Search(SearchRecipe()),
    ) -> None:
        self._parameters = dict(parameters)
        self._select, self._learning, self._search = selector, learning, search
        #: The frozen weights.
        self.weights = {
            name: p.detach().clone(memory_format=torch.contiguous_format)
            for name, p in parameters.items()
        }
        self._scores: dict[str, Tensor] = {}
        for name, weight in self.weights.items():
            shape, of_channels = selector.shapes[name], name in selector.of_channels
            self._scores[name] = (
                magnitude_scores(weight, shape)
                if seed is None
                else search.start(seed, name, shape, of_channels=of_channels).to(weight)
            )
        self._descent = search.descent(self._scores, learning.momentum)
        self._average: dict[str, Tensor] | None = None
        if search.recipe.average:
            self._average = {n: values.clone() for n, values in self._importance().items()}
        self._unperturbed: dict[str, Tensor] = {}

    def parameters(self) -> list[nn.Parameter]:
        """Return the masked parameters."""
        return list(self._parameters.values())

    def tensors(self) -> dict[str, Tensor]:
        """Return the scores."""
        return self._scores

    def attack(self, attack: Attack, moment: Moment) -> Attack:
        """Return the inner attack that the search uses at a step."""
        return self._search.attack(attack, moment)

    def write(self) -> None:
        """Write ``weight * mask`` into the module."""
        self._write(self._select(self._importance()))

    def _write(self, masks: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, mask in masks.items():
                weight = self.weights[name]
                torch.where(mask, weight, weight.new_zeros(()), out=self._parameters[name])

    def collect(self) -> None:
        """Give each score its straight-through gradient; layers outside the graph get none."""
        for name, parameter in self._parameters.items():
            if parameter.grad is None:
                continue
            score = self._scores[name]
            gradient = (self.weights[name] * parameter.grad).sum_to_size(score.shape)
            score.grad = self._search.gradient(score, gradient).contiguous()
            parameter.grad = None

    @torch.no_grad()
    def climb(self, moment: Moment) -> bool:
        """Move each layer's scores along their gradient.

        The distance is :meth:`Search.climb` times the norm of the layer's scores.
        """
        share = self._search.climb(moment)
        if not share:
            return False
        for name, score in self._scores.items():
            if score.grad is None:
                continue
            self._unperturbed[name] = score.clone()
            tiny = torch.finfo(score.dtype).tiny
            length = share * score.norm() / score.grad.norm().clamp_min(tiny)
            score.addcmul_(score.grad, length)
        self.clear()
        self.write()
        return True

    @torch.no_grad()
    def step(self, moment: Moment) -> None:
        """Update the scores and the averaged importance."""
        for name, before in self._unperturbed.items():
            self._scores[name].copy_(before)
        self._unperturbed.clear()
        weight_decay = self._search.weight_decay(self._learning, moment)
        self._descent.step(moment.learning_rate, weight_decay)
        for name, score in self._scores.items():
            self._search.constrain(score, self._descent.velocity[name])
        decay = self._search.average_decay(moment)
        if self._average is not None and decay is not None:
            for name, importance in self._importance().items():
                self._average[name].lerp_(importance, 1 - decay)

    def clear(self) -> None:
        """Set all gradients to None."""
        self._descent.clear()

    def _importance(self) -> dict[str, Tensor]:
        """Return the current importance of the weights, in the shapes of the scores."""
        return {n: self._search.importance(score.detach()) for n, score in self._scores.items()}

    def _masks(self) -> dict[str, Tensor]:
        """Return the masks for evaluation and tickets, in the shapes of the scores."""
        return self._select(self._importance() if self._average is None else self._average)

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Within the context, apply the masks of the averaged importances to the module."""
        if self._average is None:
            yield
            return
        self._write(self._masks())
        try:
            yield
        finally:
            self.write()

    def result(self) -> dict[str, Tensor]:
        """Return the mask of each layer, in the shape of its weight."""
        return {n: mask.expand_as(self.weights[n]) for n, mask in self._masks().items()}

    def state(self) -> dict[str, Tensor]:
        """Return scores, velocities and averages."""
        return (
            prefixed("learned", self._scores)
            | self._descent.state()
            | prefixed("average", self._average or {})
        )

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load scores, velocities and averages."""
        with torch.no_grad():
            for name, score in self._scores.items():
                score.copy_(state[f"learned/{name}"])
            for name, average in (self._average or {}).items():
                average.copy_(state[f"average/{name}"])
        self._descent.restore(state)
        self.write()

    def identity(self) -> dict[str, Any]:
        """Return the settings of the selector and the search, and a hash of the frozen weights."""
        return {
            "scores": self._select.facts(),
            "search": changed(self._search.recipe),
            "of": _digest(self.weights),
        }


class WeightLearner:
    """Learns weights: all of a dense network, or the remaining weights of a ticket.

    Args:
        parameters: The parameters of the module, holding the initial weights.
        mask: Masks of the weights to learn, by parameter name; pruned weights are set to +0.0 and
            stay there. All weights of a parameter without a mask are learned.
        learning: Settings of the outer minimisation.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        mask: Mapping[str, Tensor] = MappingProxyType({}),
        learning: LearningRecipe = LearningRecipe(),
    ) -> None:
        self._parameters, self._learning = dict(parameters), learning
        self._mask = {name: layer.to(parameters[name].device) for name, layer in mask.items()}
        self.write()
        self._start = _digest(self._parameters)
        self._descent = Descent(self._parameters, learning.momentum)

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters."""
        return list(self._parameters.values())

    def tensors(self) -> dict[str, Tensor]:
        """Return the parameters themselves."""
        return dict(self._parameters)

    def attack(self, attack: Attack, moment: Moment) -> Attack:
        """Return the recipe's attack unchanged."""
        return attack

    def write(self) -> None:
        """Set the pruned weights to +0.0."""
        with torch.no_grad():
            for name, mask in self._mask.items():
                self._parameters[name].masked_fill_(~mask, 0.0)

    def collect(self) -> None:
        """Set the gradients of pruned weights to 0."""
        for name, mask in self._mask.items():
            gradient = self._parameters[name].grad
            if gradient is not None:
                gradient.masked_fill_(~mask, 0.0)

    def climb(self, moment: Moment) -> bool:
        """Return False: there is no perturbation."""
        return False

    def step(self, moment: Moment) -> None:
        """Update the weights."""
        self._descent.step(moment.learning_rate, self._learning.weight_decay)

    def clear(self) -> None:
        """Set all gradients to None."""
        self._descent.clear()

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Change nothing: the module already has the weights of :meth:`result`."""
        return nullcontext()

    def result(self) -> dict[str, Tensor]:
        """Return the weights."""
        return {name: parameter.detach() for name, parameter in self._parameters.items()}

    def state(self) -> dict[str, Tensor]:
        """Return weights and velocities."""
        return prefixed("learned", self.tensors()) | self._descent.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load weights and velocities."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(state[f"learned/{name}"])
        self._descent.restore(state)
        self.write()

    def identity(self) -> dict[str, Any]:
        """Return hashes of the initial weights and of the mask."""
        return {"weights": self._start, "mask": _digest(self._mask)}
