"""Presets: the paper's settings (Appendix B), those of its released code, and cheaper ones.

A ``-released`` preset adds the settings in which the released code differs from the paper's text:
validation data, batches, batch-norm statistics, constants. A ``-fast`` preset reaches about the
same robust accuracy with a fifth of the operations: FGSM-RS, three quarters of the epochs, half the
batch size and few validations (see docs/fewer-steps.md). ``fast`` applies these changes to the
default settings, which are for small data. ``strong`` and ``cifar-strong`` are the searches of
docs/stronger-search.md for digits and for CIFAR-10; the first costs as much as the default
settings, the second a sixteenth of the paper's search. On the command line their budget's power
follows from the ratio (:func:`power_by_size`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from scratchticket.learning import LearningRecipe
from scratchticket.masks import Ratio, parse_ratio

Settings = dict[str, Any]

_CIFAR: Settings = {
    "network.name": "resnet18",
    "ratio": "0.1",
    "attack.name": "pgd",
    "attack.epsilon": "8/255",
    "attack.steps": 7,
    "learning.epochs": 160,
    "learning.batch_size": 256,
    "learning.learning_rate": 0.1,
    "learning.schedule": "milestones",
    "learning.milestones": "1/2,3/4",
    "learning.momentum": 0.9,
    "learning.weight_decay": 5e-4,
    "learning.augmentation": "crop-flip",
    "evaluation.steps": 20,
}
_SVHN: Settings = _CIFAR | {
    "learning.learning_rate": 0.01,
    "learning.augmentation": "none",
}
_IMAGENET: Settings = {
    "network.name": "imagenet_resnet50",
    "ratio": "0.4",
    "data.size": 224,
    "data.colour": "rgb",
    "data.lazy": True,
    "data.validation": "1/128",  # 10,000 images; PGD-20 on 10 % would take longer than the search
    "attack.name": "fgsm-rs",
    "attack.epsilon": "4/255",
    "learning.epochs": 100,
    "learning.batch_size": 256,
    "learning.learning_rate": 0.256,
    "learning.schedule": "cosine",
    "learning.momentum": 0.9,
    "learning.weight_decay": 2**-15,
    "learning.augmentation": "resized-crop-flip",
    "evaluation.steps": 20,
}
_RELEASED: Settings = {
    "attack.step_size": "2/255",  # for every epsilon
    "evaluation.step_size": "2/255",
    "data.validation": "0",  # the epoch is selected on test images
    "data.normalisation": "released",
    "pattern.mask_classifier": True,
    "learning.last_batch": True,
    "learning.statistics": "running",
    "learning.batch_norm": "train",
    "learning.validate_every": 3,
}


def _fast(preset: Settings) -> Settings:
    """Return a preset changed to cost a fifth of the operations, including validations."""
    epochs, batch_size = (
        preset.get(f"learning.{name}", getattr(LearningRecipe, name))
        for name in ("epochs", "batch_size")
    )
    return preset | {
        "attack.name": "fgsm-rs",
        "learning.epochs": epochs * 3 // 4,
        "learning.batch_size": batch_size // 2,
        "learning.validate_every": 8,
    }


def power_by_size(ratio: Ratio) -> str:
    """Return the best measured power of a budget by size for a ratio (docs/stronger-search.md).

    The fewer weights remain, the more evenly they should be spread over the layers.

    Raises:
        InputError: If the ratio lies outside (0, 1].
    """
    return "0.5" if parse_ratio(ratio) >= Fraction(1, 20) else "0.2"


_STRONG: Settings = {
    "attack.name": "n-fgsm",
    "pattern.budget": "size",
    "pattern.cap": "1/2",
    "learning.batch_size": 16,
    "learning.epochs": 57,
    "learning.validate_every": 4,
}
_CIFAR_STRONG: Settings = {
    **{name: _CIFAR[name] for name in ("network.name", "ratio", "attack.epsilon")},
    **_STRONG,
    "evaluation.steps": 20,
    "search.step": "adam",
    "learning.learning_rate": 0.01,
    "learning.augmentation": "flip",
    "learning.epochs": 40,
    "learning.validate_every": 8,
}
PRESETS: dict[str, Settings] = {
    "fast": _fast({}),
    "strong": _STRONG,
    "cifar-strong": _CIFAR_STRONG,
    "cifar-fast": _fast(_CIFAR),
    "svhn-fast": _fast(_SVHN),
    "cifar": _CIFAR,
    "svhn": _SVHN,
    "imagenet": _IMAGENET,
    "cifar-released": _CIFAR | _RELEASED,
    "svhn-released": _SVHN | _RELEASED,
    "imagenet-released": _IMAGENET
    | _RELEASED
    | {
        "network.init": "kaiming_normal",
        "attack.name": "pgd",
        "attack.steps": 2,
        "learning.epochs": 90,
        "learning.schedule": "milestones",
        "learning.milestones": "1/3,2/3",
        "learning.momentum": 0.875,
        "learning.label_smoothing": 0.1,
    },
}
