"""Attacks on images, batch by batch: what each one fooled, how far it went, what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scratchticket import rng
from scratchticket.attacks import Attack, Network, Stage, cross_entropy, input_gradient, margin
from scratchticket.attacks.autoattack import flags, heard
from scratchticket.attacks.gradient import frozen
from scratchticket.data import ImageSet, pixels
from scratchticket.errors import InputError
from scratchticket.evaluation.journal import Finding, Journal
from scratchticket.evaluation.outcome import Evaluated, Outcome
from scratchticket.evaluation.verdict import verified

BATCH_SIZE = 256
NATURAL, GRADIENTS, FLAGS = "natural", "gradients", "flags"  # pieces that are no attack
WRONG, RIGHT = 0, 1  # marks of the images as they are
RESISTED, FOOLED, UNTRIED = 0, 1, 2  # and under an attack
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Shard:
    """A share of the work: every ``count``-th batch.

    Attributes:
        index: From 1.
        count: Number of shares.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise InputError(f"shards are numbered from 1 to {self.count}, got {self.index}")

    def __contains__(self, batch: int) -> bool:
        return batch % self.count == self.index - 1


class Evaluation:
    """A network, images, attacks: work that can be done piece by piece.

    Args:
        network: Pixels in [0, 1] to logits; a module must be in eval mode.
        images: Images and labels, on any device.
        attacks: What to try, in this order.
        seed: Of all random draws.
        batch_size: Images per piece.
        checks: Whether to look at gradients, and at AutoAttack's flags where it is among the
            attacks.

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
        batch_size: int = BATCH_SIZE,
        checks: bool = False,
    ) -> None:
        if isinstance(network, nn.Module) and network.training:
            raise InputError("the network is in training mode; call its eval() first")
        titles = [str(attack) for attack in attacks]
        if len(set(titles)) < len(titles):
            raise InputError("two attacks of a suite have the same title")
        self._network, self._images = network, images
        self._attacks = {str(attack): attack for attack in attacks}
        self._seed, self._batch_size = seed, batch_size
        self._device = device_of(network)
        self._batches = -(-len(images) // batch_size)
        self._checks: dict[str, Callable[[int, Tensor, Tensor], Finding]] = {}
        if checks:
            self._checks[GRADIENTS] = self._gradients
            if any(isinstance(attack.method, Stage) for attack in attacks):
                self._checks[FLAGS] = self._flags

    def run(
        self,
        journal: Journal,
        shard: Shard = Shard(),
        progress: Progress = lambda name, done, total: None,
    ) -> None:
        """Do the pieces of a shard that the journal lacks.

        Args:
            journal: Of what is done; results are added.
            shard: Which batches.
            progress: Called after each piece with what was done, pieces done and pieces in all.

        Raises:
            ScratchticketError: If an attack leaves its threat model.
        """
        names = [NATURAL, *self._checks, *self._attacks]
        batches = [batch for batch in range(self._batches) if batch in shard]
        done, total = 0, len(names) * len(batches)
        with frozen(self._network):
            for name in names:
                for batch in batches:
                    if (name, batch) not in journal:
                        journal.add((name, batch), self._piece(name, batch, journal))
                    done += 1
                    progress(name, done, total)

    def result(self, journal: Journal) -> Evaluated | None:
        """Put the pieces together.

        Returns:
            None if some are missing: another shard's.
        """
        names = [NATURAL, *self._checks, *self._attacks]
        if any((name, b) not in journal for name in names for b in range(self._batches)):
            return None
        right = _marks(journal, NATURAL, self._batches) == RIGHT
        return Evaluated(
            right=right,
            outcomes=tuple(self._outcome(journal, title) for title in self._attacks),
            gradients=self._faults(journal) if GRADIENTS in self._checks else None,
            flags=self._said(journal, FLAGS) if FLAGS in self._checks else None,
        )

    def _piece(self, name: str, batch: int, journal: Journal) -> Finding:
        """Do one piece."""
        start = batch * self._batch_size
        chosen = self._images[slice(start, start + self._batch_size)].to(self._device)
        images, labels = pixels(chosen.images), chosen.labels
        if name == NATURAL:
            return self._natural(images, labels)
        right = _mark(journal, NATURAL, batch) == RIGHT
        if name in self._checks:
            right = right.to(self._device)
            return self._checks[name](batch, images[right], labels[right])
        attack = self._attacks[name]
        for earlier in attack.after:
            right &= _mark(journal, earlier, batch) != FOOLED
        generator = rng.generator(self._seed, "evaluation", name, batch, device=self._device)
        return _attacked(self._network, images, labels, right, attack, generator)

    def _natural(self, images: Tensor, labels: Tensor) -> Finding:
        """Predict the images as they are.

        Raises:
            InputError: If what the network returns are no logits of these classes.
        """
        with torch.no_grad():
            logits = self._network(images)
        if logits.ndim != 2 or len(logits) != len(images):
            raise InputError(
                f"the network must return logits of shape ({len(images)}, classes), "
                f"got {tuple(logits.shape)}"
            )
        if int(self._images.labels.max()) >= logits.shape[1]:
            raise InputError(
                f"the network has {logits.shape[1]} classes, "
                f"but there are labels up to {int(self._images.labels.max())}"
            )
        right = logits.argmax(dim=1) == labels
        return {"marks": _text(torch.where(right, RIGHT, WRONG))}

    def _gradients(self, batch: int, images: Tensor, labels: Tensor) -> Finding:
        """Count the images whose gradient tells an attack nothing."""
        counted = {}
        for name, loss in (("cross-entropy", cross_entropy), ("margin", margin)):
            gradient = input_gradient(self._network, images, labels, loss)[0].flatten(1)
            finite = gradient.isfinite().all(dim=1)
            counted[f"{name} vanishing"] = int((finite & (gradient == 0).all(dim=1)).sum())
            counted[f"{name} not finite"] = int((~finite).sum())
        return {"faults": counted}

    def _flags(self, batch: int, images: Tensor, labels: Tensor) -> Finding:
        """Ask AutoAttack's own checks, once."""
        if batch > 0 or len(images) == 0:
            return {"said": []}
        return {"said": flags(self._network, images, labels)}

    def _faults(self, journal: Journal) -> dict[str, int]:
        found = [journal[GRADIENTS, batch]["faults"] for batch in range(self._batches)]
        return {name: sum(counted[name] for counted in found) for name in found[0]}

    def _said(self, journal: Journal, name: str) -> tuple[str, ...]:
        """Return the warnings of all batches, each once."""
        said = [line for b in range(self._batches) for line in journal[name, b]["said"]]
        return tuple(dict.fromkeys(said))

    def _outcome(self, journal: Journal, title: str) -> Outcome:
        """Put the pieces of one attack together."""
        found = [journal[title, batch] for batch in range(self._batches)]
        marks = _marks(journal, title, self._batches)
        fooled, tried = marks == FOOLED, marks != UNTRIED
        distance = torch.full((len(marks),), torch.inf)
        distance[fooled] = torch.tensor([d for piece in found for d in piece["distance"]])
        queries = None
        if spent := [q for piece in found for q in piece["queries"] or ()]:
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
            said=self._said(journal, title),
        )


def evaluate(
    network: Network,
    images: ImageSet,
    attacks: Sequence[Attack],
    *,
    seed: int = 0,
    checks: bool = False,
) -> Evaluated:
    """Put a network under attack, in one go; see :class:`Evaluation` for the arguments.

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
        Evaluation(network, images, attacks, seed=seed, checks=checks),
        Journal({}),
    )
    evaluation.run(journal)
    evaluated = evaluation.result(journal)
    assert evaluated is not None
    return evaluated


def device_of(network: Network) -> torch.device:
    """Return where a network computes: the device of its first parameter, else the CPU."""
    if isinstance(network, nn.Module):
        for parameter in network.parameters():
            return parameter.device
    return torch.device("cpu")


def _text(marks: Tensor) -> str:
    """Write marks as digits."""
    return "".join(map(str, marks.tolist()))


def _mark(journal: Journal, name: str, batch: int) -> Tensor:
    """Return the marks of one piece."""
    return torch.tensor([int(digit) for digit in journal[name, batch]["marks"]])


def _marks(journal: Journal, name: str, batches: int) -> Tensor:
    """Return the marks of all images."""
    return torch.cat([_mark(journal, name, batch) for batch in range(batches)])


def _attacked(  # noqa: PLR0913
    network: Network,
    images: Tensor,
    labels: Tensor,
    tried: Tensor,
    attack: Attack,
    generator: torch.Generator,
) -> Finding:
    """Let an attack loose on the images marked, and see for ourselves what it found."""
    begun, forwards = time.monotonic(), 0

    def counting(batch: Tensor) -> Tensor:
        nonlocal forwards
        forwards += len(batch)
        return network(batch)

    marks = torch.where(tried, RESISTED, UNTRIED)
    distances, queries, said = torch.empty(0), None, []
    chosen = tried.to(images.device)
    if tried.any():
        clean, truth = images[chosen], labels[chosen]
        with heard() as said:
            found = attack(counting, clean, truth, generator)
        adversarial = verified(found.images, clean, attack.ball, str(attack))
        with torch.no_grad():
            wrong = network(adversarial).argmax(dim=1) != truth
        distances = attack.ball.distance(adversarial, clean)[wrong]
        marks[tried] = torch.where(wrong.cpu(), FOOLED, RESISTED)
        queries = None if found.queries is None else found.queries.tolist()
    return {
        "marks": _text(marks),
        "distance": distances.tolist(),
        "queries": queries,
        "forwards": forwards,
        "seconds": round(time.monotonic() - begun, 4),
        "said": said,
    }
