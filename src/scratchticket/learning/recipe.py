"""Settings of the outer minimisation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import cos, isfinite, pi
from typing import Literal

from scratchticket.attacks import Attack, AttackRecipe, inner_attack
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.quantities import fraction, fraction_text
from scratchticket.base.typed import check_types
from scratchticket.data.augmentation import AUGMENTATIONS, Augmentation

_ATTACK = re.compile(r"(.+?)(?:-(\d{1,6}))?(?:@(.+))?")  # name, steps, step size
_CHOICES = {
    "schedule": ("cosine", "milestones", "constant"),
    "batch_norm": ("train", "eval"),
    "statistics": ("recomputed", "running"),
    "select": ("best", "last"),
    "augmentation": AUGMENTATIONS,
    "precision": ("float32", "bfloat16"),
    "compile": ("none", "default", "reduce-overhead"),
    "memory_format": ("channels_last", "contiguous"),
    "on_overfitting": ("warn", "stop", "recover"),
}


@dataclass(frozen=True)
class LearningRecipe:
    """The outer minimisation: SGD with momentum.

    The paper's CIFAR settings (Appendix B) are 160 epochs, batch 256, learning rate 0.1 with
    ``milestones``, momentum 0.9; its released code adds weight decay 5e-4 on the scores. The
    defaults here are for small data.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images per step.
        last_batch: Whether to train on an epoch's last, smaller batch, as the released code does;
            otherwise it is dropped.
        learning_rate: Initial learning rate; with a warmup, the rate at its end.
        schedule: Learning-rate schedule. ``cosine`` decays to 0 step by step; ``milestones``
            divides by 10 at each milestone; ``constant``.
        milestones: Increasing fractions of the run: ``1/2,3/4`` means epochs 80 and 120 of 160.
        warmup: Epochs over which the learning rate rises linearly from 0, step by step.
        momentum: Momentum of SGD, without dampening or Nesterov.
        weight_decay: Weight decay of what is learned: the scores or the weights.
        label_smoothing: Probability taken from the label and spread over all classes, in the outer
            loss only.
        augmentation: ``none``, ``flip``, ``crop-flip`` or ``resized-crop-flip`` of training images.
        batch_norm: Mode of batch norm during the inner attack: ``train``, as in the released code,
            which uses batch statistics and updates the running ones at each attack step; or
            ``eval``.
        statistics: Batch-norm statistics for evaluation and the ticket: ``recomputed`` as an
            average over training batches (decision 16), or ``running`` statistics, as in the
            released code.
        validate_every: Epochs between validations; the last epoch is always validated.
        select: Which epoch becomes the ticket: ``best``, with the highest robust accuracy on
            validation images, never test images (ties: the latest); or ``last``.
        precision: Precision of convolutions and matrix products while learning: ``float32``, or
            ``bfloat16``, which some devices compute faster. Scores, weights and validation stay
            float32.
        compile: Mode of ``torch.compile`` while learning; ``reduce-overhead`` replays CUDA graphs.
            Needs a C++ compiler; compiling takes about half a minute.
        attacks: Schedule of inner attacks that replace the recipe's own, each with the fraction of
            the run where it begins: ``1/8:n-fgsm,3/4:pgd-3@4/255`` is N-FGSM after an eighth of the
            run, and PGD with three steps of 4/255 in the last quarter. Norm and epsilon carry
            over; so do the other settings if the method is the same.
        on_overfitting: What to do on catastrophic overfitting to a one-step attack, checked after
            every epoch: ``warn``; ``stop`` and keep the last epoch whose accuracy under PGD had not
            dropped significantly; or ``recover``: return to that epoch and continue with PGD-2.
        memory_format: Memory format of images and convolution weights while learning;
            ``channels_last`` is the fastest on CPUs and GPUs.
    """

    epochs: int = 20
    batch_size: int = 64
    last_batch: bool = False
    learning_rate: float = 0.1
    schedule: Literal["cosine", "milestones", "constant"] = "cosine"
    milestones: str = "1/2,3/4"
    warmup: int = 0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    augmentation: Augmentation = "none"
    batch_norm: Literal["train", "eval"] = "train"
    statistics: Literal["recomputed", "running"] = "recomputed"
    validate_every: int = 1
    select: Literal["best", "last"] = "best"
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: Literal["none", "default", "reduce-overhead"] = "none"
    memory_format: Literal["channels_last", "contiguous"] = "channels_last"
    attacks: str = ""
    on_overfitting: Literal["warn", "stop", "recover"] = "warn"

    def __post_init__(self) -> None:
        check_types(self, "learning.")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise unknown(f"learning.{name}", str(getattr(self, name)), known)
        for name in ("epochs", "batch_size", "validate_every"):
            if getattr(self, name) < 1:
                raise InputError(f"learning.{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "momentum", "weight_decay"):
            if not (isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"learning.{name} must be 0 or more, got {getattr(self, name)}")
        if not 0 <= self.label_smoothing < 1:
            raise InputError(
                f"learning.label_smoothing must be in [0, 1), got {self.label_smoothing}"
            )
        if not 0 <= self.warmup <= self.epochs:
            raise InputError(f"learning.warmup must be from 0 to {self.epochs}, got {self.warmup}")
        passed = [fraction(part, "learning.milestones") for part in self.milestones.split(",")]
        if passed != sorted(set(passed)) or not 0 < passed[0] <= passed[-1] < 1:
            raise InputError(
                "learning.milestones must be increasing fractions of the run such as 1/2,3/4, "
                f"got {self.milestones!r}"
            )
        object.__setattr__(self, "milestones", ",".join(map(fraction_text, passed)))
        self.schedule_of(AttackRecipe())  # raises if the schedule is invalid

    def schedule_of(self, attack: Attack) -> tuple[tuple[Fraction, Attack], ...]:
        """Return the inner attacks of a run, each with the fraction of the run where it begins.

        Args:
            attack: The attack from the start of the run.

        Raises:
            InputError: If :attr:`attacks` is not a valid schedule.
        """
        schedule = [(Fraction(0), attack)]
        for entry in filter(None, self.attacks.split(",")):
            begins, colon, title = entry.partition(":")
            match = _ATTACK.fullmatch(title)
            if not colon or match is None:
                raise InputError(
                    "learning.attacks must look like 1/8:n-fgsm,3/4:pgd-3@4/255, "
                    f"got {self.attacks!r}"
                )
            part = fraction(begins, "learning.attacks")
            if not schedule[-1][0] <= part < 1:
                raise InputError(
                    "learning.attacks must list increasing fractions of the run in [0, 1), "
                    f"got {self.attacks!r}"
                )
            name, steps, step_size = match.groups()
            own = {"name": name, "steps": steps, "step_size": step_size}
            kept = attack.json()
            if name != kept["name"]:  # settings of another method do not carry over
                kept = {"epsilon": kept["epsilon"], "norm": kept["norm"]}
            schedule.append((part, inner_attack(kept | {k: v for k, v in own.items() if v})))
        return tuple(schedule)

    def steps_per_epoch(self, images: int) -> int:
        """Return the number of steps per epoch, at least one."""
        if self.last_batch:
            return -(-images // self.batch_size)
        return max(1, images // self.batch_size)

    def smallest_batch(self, images: int) -> int:
        """Return the size of an epoch's smallest batch."""
        last = images % self.batch_size if self.last_batch else 0
        return last or min(self.batch_size, images)

    def learning_rate_at(self, step: int, steps_per_epoch: int) -> float:
        """Return the learning rate of a step.

        Args:
            step: Counted from 0 over the whole run.
            steps_per_epoch: See :meth:`steps_per_epoch`.
        """
        warm = self.warmup * steps_per_epoch
        if step < warm:
            return self.learning_rate * (step + 1) / warm
        if self.schedule == "cosine":
            progress = (step - warm) / (self.epochs * steps_per_epoch - warm)
            return self.learning_rate * 0.5 * (1 + cos(pi * progress))
        if self.schedule == "milestones":
            epoch = step // steps_per_epoch
            milestones = map(Fraction, self.milestones.split(","))
            return self.learning_rate * 0.1 ** sum(epoch >= m * self.epochs for m in milestones)
        return self.learning_rate
