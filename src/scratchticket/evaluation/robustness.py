"""Evaluation of one network: outcome and cost of each attack on each batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from scratchticket.attacks import Attack, Network, Stage, cross_entropy, input_gradient, margin
from scratchticket.attacks.autoattack import flags
from scratchticket.base.errors import InputError, NoGradient
from scratchticket.base.modes import usual_modes
from scratchticket.base.processes import ALONE, Group
from scratchticket.data import ImageSet
from scratchticket.evaluation.answers import checked_logits, correct
from scratchticket.evaluation.engine import (
    Meter,
    Shard,
    Work,
    all_lines,
    are_lines,
    are_marks,
    is_amount,
    is_cost,
    is_count,
    mark,
    marks_to_text,
    total_cost,
)
from scratchticket.evaluation.journal import Finding, Journal
from scratchticket.evaluation.outcome import EvaluationResult, Outcome

NATURAL, GRADIENTS, FLAGS = "natural", "gradients", "flags"  # names of pieces without an attack
WRONG, RIGHT = 0, 1  # marks of clean images
RESISTED, FOOLED, UNTRIED = 0, 1, 2  # marks of images under an attack
LOSSES = {"cross-entropy": cross_entropy, "margin": margin}
FAULTS = {f"{name} {fault}" for name in LOSSES for fault in ("vanishing", "not finite")}


class Evaluation(Work):
    """An evaluation of one network, done in pieces: every attack on every batch of images.

    Args:
        network: Pixels in [0, 1] to logits; a module must be in eval mode.
        images: Images and labels, on any device.
        attacks: The attacks, in the order of execution.
        seed: Seed of all random draws.
        batch_size: Images per piece; if not given, :func:`default_batch_size`.
        checks: Whether to check the gradients and, if AutoAttack is run, its flags.

    Raises:
        InputError: If the network is in training mode, or two attacks have the same title.
    """

    def __init__(  # noqa: PLR0913
        self,
        network: Network,
        images: ImageSet,
        attacks: Sequence[Attack],
        *,
        seed: int = 0,
        batch_size: int | None = None,
        checks: bool = False,
    ) -> None:
        titles = [str(attack) for attack in attacks]
        if len(set(titles)) < len(titles):
            raise InputError("two attacks of a suite have the same title")
        super().__init__([network], images, seed=seed, batch_size=batch_size)
        self._network = network
        names = Counter(attack.stream for attack in attacks)
        self._attacks = {str(a) if names[a.stream] > 1 else a.stream: a for a in attacks}
        self._checks: dict[str, Callable[[int, Tensor, Tensor], Finding]] = {}
        if checks:
            self._checks[GRADIENTS] = self._gradients
            if any(isinstance(attack.method, Stage) for attack in attacks):
                self._checks[FLAGS] = self._flags

    @property
    def names(self) -> list[str]:
        """Names of the pieces: natural accuracy, checks, and attacks."""
        return [NATURAL, *self._checks, *self._attacks]

    @usual_modes()
    def result(self, journal: Journal) -> EvaluationResult | None:
        """Return the result of all pieces; None if some are missing."""
        if not self.finished(journal):
            return None
        right = self.marks(journal, NATURAL) == RIGHT
        return EvaluationResult(
            right=right,
            outcomes=tuple(self._outcome(journal, title) for title in self._attacks),
            gradients=self._faults(journal) if GRADIENTS in self._checks else None,
            flags=all_lines(self.findings(journal, FLAGS)) if FLAGS in self._checks else None,
        )

    def _piece(self, name: str, batch: int, journal: Journal) -> Finding:
        stored, images = self.batches.batch(batch)
        labels = stored.labels
        if name == NATURAL:
            right = correct(self._network, images, labels, self.classes)
            return {"marks": marks_to_text(torch.where(right, RIGHT, WRONG))}
        right = mark(journal, NATURAL, batch) == RIGHT
        if name in self._checks:
            right = right.to(images.device)
            return self._checks[name](batch, images[right], labels[right])
        attack = self._attacks[name]
        for earlier in attack.after:
            right &= mark(journal, earlier, batch) != FOOLED
        return self._attacked(attack, images, labels, right, batch)

    def _fits(self, name: str, count: int, finding: Finding) -> bool:
        if name == NATURAL:
            return are_marks(finding["marks"], count, f"{WRONG}{RIGHT}")
        if name == GRADIENTS:
            faults = finding["faults"]
            return faults.keys() == FAULTS and all(map(is_count, faults.values()))
        if name == FLAGS:
            return are_lines(finding["said"])
        marks, distance, queries = (finding[key] for key in ("marks", "distance", "queries"))
        return (
            are_marks(marks, count, f"{RESISTED}{FOOLED}{UNTRIED}")
            and len(distance) == marks.count(f"{FOOLED}")
            and all(map(is_amount, distance))
            and (queries is None or len(queries) == count - marks.count(f"{UNTRIED}"))
            and all(map(is_count, queries or ()))
            and is_cost(finding)
        )

    def _attacked(
        self, attack: Attack, images: Tensor, labels: Tensor, tried: Tensor, batch: int
    ) -> Finding:
        """Attack the images in ``tried``, and classify the results."""
        marks, meter = torch.where(tried, RESISTED, UNTRIED), Meter()
        found: Finding = {"distance": [], "queries": None}
        if tried.any():
            chosen = tried.to(images.device)
            clean, truth = images[chosen], labels[chosen]
            source, stream = meter.counted(self._network), self.batches.stream(attack.stream, batch)
            adversarial, queries, _ = meter.attack_batch(attack, source, clean, truth, stream)
            wrong = ~correct(self._network, adversarial, truth, self.classes)
            marks[tried] = torch.where(wrong.cpu(), FOOLED, RESISTED)
            found["distance"] = attack.ball.distance(adversarial, clean)[wrong].tolist()
            found["queries"] = None if queries is None else queries.tolist()
        return {"marks": marks_to_text(marks), **found, **meter.cost()}

    def _gradients(self, batch: int, images: Tensor, labels: Tensor) -> Finding:
        """Count the images whose input gradient vanishes or is not finite."""
        counted, asked = {}, checked_logits(self._network)
        for name, loss in LOSSES.items():
            try:
                gradient = input_gradient(asked, images, labels, loss)[0].flatten(1)
            except NoGradient:
                gradient = torch.zeros_like(images).flatten(1)
            finite = gradient.isfinite().all(dim=1)
            counted[f"{name} vanishing"] = int((finite & (gradient == 0).all(dim=1)).sum())
            counted[f"{name} not finite"] = int((~finite).sum())
        return {"faults": counted}

    def _flags(self, batch: int, images: Tensor, labels: Tensor) -> Finding:
        """Return the warnings of AutoAttack's own checks, run once."""
        if batch > 0 or len(images) == 0:
            return {"said": []}
        return {"said": flags(checked_logits(self._network), images, labels)}

    def _faults(self, journal: Journal) -> dict[str, int]:
        found = [finding["faults"] for finding in self.findings(journal, GRADIENTS)]
        return {name: sum(counted[name] for counted in found) for name in found[0]}

    def _outcome(self, journal: Journal, title: str) -> Outcome:
        """Return the outcome of one attack from its pieces."""
        found = self.findings(journal, title)
        marks = self.marks(journal, title)
        fooled, tried = marks == FOOLED, marks != UNTRIED
        distance = torch.full((len(marks),), torch.inf)
        distance[fooled] = torch.tensor([d for piece in found for d in piece["distance"]])
        queries = None
        spent = [q for piece in found for q in piece["queries"] or ()]
        if spent and len(spent) == int(tried.sum()):
            queries = torch.zeros(len(marks), dtype=torch.int64)
            queries[tried] = torch.tensor(spent)
        return Outcome(
            attack=self._attacks[title],
            fooled=fooled,
            tried=tried,
            distance=distance,
            queries=queries,
            **total_cost(found),
        )


def evaluate(
    network: Network,
    images: ImageSet,
    attacks: Sequence[Attack],
    *,
    seed: int = 0,
    batch_size: int | None = None,
    checks: bool = False,
    group: Group = ALONE,
) -> EvaluationResult:
    """Evaluate a network under attacks in memory, shared by a group of processes.

    See :class:`Evaluation` for the other arguments.

    Example:
        >>> from scratchticket.attacks import FGSM, PGD
        >>> from scratchticket.data import load_data
        >>> from scratchticket.networks import build
        >>> network = build("resnet18", classes=10, channels=1, width=2).eval()
        >>> attacks = [Attack(FGSM(), "0.1"), Attack(PGD(5), "0.1")]
        >>> evaluated = evaluate(network, load_data("digits").test[slice(50)], attacks)
        >>> [str(outcome.attack) for outcome in evaluated.outcomes]
        ['fgsm, linf, 0.1', 'pgd-5, linf, 0.1']
    """
    evaluation = Evaluation(
        network, images, attacks, seed=seed, batch_size=batch_size, checks=checks
    )
    journal = Journal({})
    evaluation.run(journal, Shard(group.rank + 1, group.size))
    for findings in group.gathered(journal.findings):
        journal.update(findings)
    evaluated = evaluation.result(journal)
    assert evaluated is not None
    return evaluated
