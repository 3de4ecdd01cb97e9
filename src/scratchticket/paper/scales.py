"""Scales: the same tables and figures, as large as the paper's or as small as a laptop likes."""

from __future__ import annotations

from scratchticket.base.errors import unknown
from scratchticket.paper.scale import DataSet, Network, Scale, Settings
from scratchticket.runs.presets import PRESETS


def _narrow(width: int, depth: int, widen: int) -> dict[Network, Settings]:
    """Return narrow networks in place of the paper's."""
    narrow: dict[Network, Settings] = {
        name: {"network.name": name, "network.width": width // 2} for name in _NETWORKS
    }
    narrow["resnet18"] = {"network.name": "resnet18", "network.width": width}
    narrow["wideresnet32"] = {
        "network.name": "wide_resnet",
        "network.arguments.depth": depth,
        "network.arguments.widen": widen,
    }
    return narrow


def _without_ratio(preset: Settings) -> Settings:
    return {path: value for path, value in preset.items() if path not in {"ratio", "network.name"}}


_NETWORKS: tuple[Network, ...] = (
    "resnet18",
    "wideresnet32",
    "imagenet_resnet18",
    "imagenet_resnet50",
    "imagenet_resnet101",
)
_NAMES: tuple[tuple[DataSet, str], ...] = (
    ("cifar10", "cifar"),
    ("cifar100", "cifar"),
    ("svhn", "svhn"),
    ("imagenet", "imagenet"),
)
_PAPER = Scale(
    name="paper",
    about=(),
    seeds=(0, 1, 2),
    data={name: _without_ratio(PRESETS[preset]) | {"data.name": name} for name, preset in _NAMES},
    networks={name: {"network.name": name} for name in _NETWORKS},
    epsilons={level: {"attack.epsilon": f"{level}/255"} for level in (2, 4, 8, 12, 16)},
    euclidean=("0.5", "1.71", "2"),
    elsewhere={"cifar100": "cifar10", "svhn": "cifar10", "cifar10": "svhn"},
)

_LESS: Settings = {
    "attack.steps": 3,
    "learning.epochs": 16,
    "learning.batch_size": 64,
    "learning.schedule": "cosine",
    "learning.validate_every": 16,
    "data.validation": "0.02",
    "data.train_images": 20_000,
}
_SMALL = Scale(
    name="small",
    cut="20,000 training images of each data set, networks of a quarter of the paper's width or "
    "less and 16 epochs of PGD-3",
    about=(
        "width 16 instead of 64, 8 on ImageNet; WideResNet-16-2 instead of 34-10",
        "20,000 training images, 16 epochs of batches of 64 with a cosine, PGD-3 inside",
        "ImageNet: images of 64 pixels, epsilon twice as large",
        "curves at 1, 5, 10, 20, 40 and 80 %; sets and matrices of tickets of 5, 10, 20 and 40 %, "
        "where the paper compares up to nine",
        "the slow attacks and transfer matrices meet 500 test images, Bandits has 1,000 queries",
    ),
    seeds=(0,),
    data={
        name: settings
        | _LESS
        | ({"data.size": 64, "learning.learning_rate": 0.064} if name == "imagenet" else {})
        for name, settings in _PAPER.data.items()
    },
    networks=_narrow(16, depth=16, widen=2),
    epsilons={
        2: {"attack.epsilon": "4/255"},
        4: {"attack.epsilon": "8/255"},
        8: {"attack.epsilon": "8/255", "attack.step_size": "4/255"},
        12: {"attack.epsilon": "12/255", "attack.step_size": "6/255"},
        16: {"attack.epsilon": "16/255", "attack.step_size": "8/255"},
    },
    euclidean=_PAPER.euclidean,
    elsewhere=_PAPER.elsewhere,
    percents=(5, 10, 20, 40),
    points=(1, 5, 10, 20, 40, 80),
    images=500,
    matrix_images=500,
    queries=1000,
    stands={
        "resnet18": "resnet18 of width 16",
        "wideresnet32": "WideResNet-16-2",
        "cifar10": "20,000 images of CIFAR-10",
        "cifar100": "20,000 images of CIFAR-100",
        "svhn": "20,000 images of SVHN",
        "imagenet": "20,000 images of ImageNet at 64 pixels",
        "2/255": "epsilon 4/255",
        "4/255": "epsilon 8/255",
    },
)

_QUICK = Scale(
    name="quick",
    cut="digits of 8x8 pixels in place of CIFAR-10, CIFAR-100, SVHN and ImageNet, networks of a "
    "quarter of the paper's width or less and 20 epochs",
    about=(
        "digits of 8x8 pixels: all ten classes for CIFAR-10, 5-9 for CIFAR-100, 0-4 for SVHN; "
        "of 32 pixels, blown up, for ImageNet",
        "width 16 instead of 64, 8 on ImageNet; WideResNet-10-2 instead of 34-10",
        "20 epochs of batches of 64 with a cosine, 10 epochs for ImageNet",
        "curves at 1, 5, 20 and 80 %; matrices of tickets of 3 to 40 %",
        "epsilon 0.1, 0.15 and 0.2 for 8, 12 and 16/255; 0.05 and 0.1 for ImageNet's 2 and 4/255; "
        "l2 radii of 0.23, 0.787 and 0.92 for 0.5, 1.71 and 2",
        "transferred tickets come from the other half of the digits; CIFAR-10's from 0-4, which "
        "are among the ten",
        "the slow attacks meet 100 test images, Bandits has 500 queries",
    ),
    seeds=(0,),
    data={
        "cifar10": {},
        "cifar100": {"data.classes": "5,6,7,8,9"},
        "svhn": {"data.classes": "0,1,2,3,4"},
        "imagenet": {"data.size": 32, "attack.name": "fgsm-rs", "learning.epochs": 10},
    },
    networks=_narrow(16, depth=10, widen=2),
    epsilons={
        2: {"attack.epsilon": "0.05"},
        4: {"attack.epsilon": "0.1"},
        8: {"attack.epsilon": "0.1", "attack.step_size": "0.025"},
        12: {"attack.epsilon": "0.15", "attack.step_size": "0.0375"},
        16: {"attack.epsilon": "0.2", "attack.step_size": "0.05"},
    },
    euclidean=("0.23", "0.787", "0.92"),
    elsewhere={"cifar100": "svhn", "svhn": "cifar100", "cifar10": "svhn"},
    percents=(3, 5, 7, 10, 15, 20, 30, 40),
    points=(1, 5, 20, 80),
    images=100,
    queries=500,
    stands={
        "resnet18": "resnet18 of width 16",
        "wideresnet32": "WideResNet-10-2",
        "cifar10": "digits",
        "cifar100": "digits 5-9",
        "svhn": "digits 0-4",
        "imagenet": "digits, blown up to 32 pixels",
        "2/255": "epsilon 0.05",
        "4/255": "epsilon 0.1",
        "8/255": "epsilon 0.1",
        "12/255": "epsilon 0.15",
        "16/255": "epsilon 0.2",
        "0.50": "radius 0.23",
        "1.71": "radius 0.787",
        "2.00": "radius 0.92",
    },
    common={"data.name": "digits", "learning.epochs": 20, "learning.validate_every": 4},
)

SCALES = {scale.name: scale for scale in (_PAPER, _SMALL, _QUICK)}


def scale_named(name: str) -> Scale:
    """Return a scale.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in SCALES:
        raise unknown("scale", name, SCALES)
    return SCALES[name]
