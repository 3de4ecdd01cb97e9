"""Evaluation of one network: each attack on each batch, and what it fooled and cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from scratchticket.attacks import Attack, Network, Stage, cross_entropy, input_gradient, margin
from scratchticket.attacks.autoattack import collected_warnings, flags
from scratchticket.attacks.verdict import verified
from scratchticket.base.errors import InputError, NoGradient
from scratchticket.base.processes import ALONE, Group
from scratchticket.data import ImageSet
from scratchticket.evaluation.answers import checked_logits, correct
from scratchticket.evaluation.journal import Finding, Journal
from scratchticket.evaluation.outcome import EvaluationResult, Outcome
from scratchticket.evaluation.work import (
    Shard,
    Work,
    are_lines,
    are_marks,
    is_amount,
    is_count,
    mark,
    marks_to_text,
    pad_batches,
)

NATURAL, GRADIENTS, FLAGS = "natural", "gradients", "flags"  # names of pieces that are no attack
WRONG, RIGHT = 0, 1  # marks of clean images
RESISTED, FOOLED, UNTRIED = 0, 1, 2  # marks of images under an attack
LOSSES = {"cross-entropy": cross_entropy, "margin": margin}
FAULTS = {f"{name} {fault}" for name in LOSSES for fault in ("vanishing", "not finite")}


class Evaluation(Work):
    """An evaluation of one network, done in pieces: every attack on every batch of images.

    Args:
        network: Pixels in [0, 1] to logits; a module must be in eval mode.
        images: Images and labels, on any device.
        attacks: The attacks, in the order they are made.
        seed: Seed of all random draws.
        batch_size: Images per piece; if not given, it depends on their size.
        checks: Whether to check the gradients, and AutoAttack's flags if it is among the attacks.

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
        """Names of the pieces: the checks, and the titles of the attacks."""
        return [NATURAL, *self._checks, *self._attacks]

    def result(self, journal: Journal) -> EvaluationResult | None:
        """Return the result of all pieces.

        Returns:
            None if pieces of other shards are missing.
        """
        if not self.finished(journal):
            return None
        right = self.marks(journal, NATURAL) == RIGHT
        return EvaluationResult(
            right=right,
            outcomes=tuple(self._outcome(journal, title) for title in self._attacks),
            gradients=self._faults(journal) if GRADIENTS in self._checks else None,
            flags=self._warnings(journal, FLAGS) if FLAGS in self._checks else None,
        )

    def _piece(self, name: str, batch: int, journal: Journal) -> Finding:
        """Return the finding of one piece."""
        images, labels = self.batch(batch)
        if name == NATURAL:
            return self._natural(images, labels)
        right = mark(journal, NATURAL, batch) == RIGHT
        if name in self._checks:
            right = right.to(self.device)
            return self._checks[name](batch, images[right], labels[right])
        attack = self._attacks[name]
        for earlier in attack.after:
            right &= mark(journal, earlier, batch) != FOOLED
        generator = self.stream(attack.stream, batch)
        return _attacked(self._network, images, labels, right, attack, generator)

    def _fits(self, name: str, count: int, finding: Finding) -> bool:
        """Whether a finding has the form of one on ``count`` images."""
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
            and is_count(finding["forwards"])
            and is_amount(finding["seconds"])
            and are_lines(finding["said"])
        )

    def _natural(self, images: Tensor, labels: Tensor) -> Finding:
        """Classify the clean images.

        Raises:
            InputError: If the output is no logits of these classes.
        """
        right = correct(self._network, images, labels, self.classes)
        return {"marks": marks_to_text(torch.where(right, RIGHT, WRONG))}

    def _gradients(self, batch: int, images: Tensor, labels: Tensor) -> Finding:
        """Count the images whose gradient vanishes or is not finite."""
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
        found = [journal[GRADIENTS, batch]["faults"] for batch in range(self.batches)]
        return {name: sum(counted[name] for counted in found) for name in found[0]}

    def _warnings(self, journal: Journal, name: str) -> tuple[str, ...]:
        """Return the warnings of all batches, without repetition."""
        said = [line for b in range(self.batches) for line in journal[name, b]["said"]]
        return tuple(dict.fromkeys(said))

    def _outcome(self, journal: Journal, title: str) -> Outcome:
        """Return the outcome of one attack from its pieces."""
        found = [journal[title, batch] for batch in range(self.batches)]
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
            forwards=sum(piece["forwards"] for piece in found),
            seconds=sum(piece["seconds"] for piece in found),
            warnings=self._warnings(journal, title),
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
    """Evaluate a network under attacks, in one go, shared by a group of processes.

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
    evaluation, journal = (
        Evaluation(network, images, attacks, seed=seed, batch_size=batch_size, checks=checks),
        Journal({}),
    )
    evaluation.run(journal, Shard(group.rank + 1, group.size))
    for findings in group.gathered(journal.findings):
        journal.update(findings)
    evaluated = evaluation.result(journal)
    assert evaluated is not None
    return evaluated


def _attacked(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    labels: Tensor,
    tried: Tensor,
    attack: Attack,
    generator: torch.Generator,
) -> Finding:
    """Run an attack on the marked images and verify what it returns."""
    begun, forwards, asked = time.monotonic(), 0, pad_batches(network)

    def counting(batch: Tensor) -> Tensor:
        nonlocal forwards
        forwards += len(batch)
        return asked(batch)

    marks = torch.where(tried, RESISTED, UNTRIED)
    distances, queries, said = torch.empty(0), None, []
    chosen = tried.to(images.device)
    if tried.any():
        clean, truth = images[chosen], labels[chosen]
        with collected_warnings() as said:
            found = attack(counting, clean, truth, generator)
        adversarial = verified(found.images, clean, attack.ball, str(attack))
        wrong = ~correct(network, adversarial, truth, int(truth.max()) + 1)
        distances = attack.ball.distance(adversarial, clean)[wrong]
        marks[tried] = torch.where(wrong.cpu(), FOOLED, RESISTED)
        queries = None if found.queries is None else found.queries.tolist()
    return {
        "marks": marks_to_text(marks),
        "distance": distances.tolist(),
        "queries": queries,
        "forwards": forwards,
        "seconds": round(time.monotonic() - begun, 4),
        "said": said,
    }
