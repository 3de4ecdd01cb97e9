"""Scales: ``paper``, ``full`` (fewer epochs), ``small`` (narrow networks), ``quick`` (digits)."""

from __future__ import annotations

from dataclasses import replace

from scratchticket.base.errors import unknown
from scratchticket.paper.scale import DataSet, Network, Scale, Settings
from scratchticket.runs.presets import PRESETS


def _narrow(width: int, depth: int, widen: int) -> dict[Network, Settings]:
    """Return narrow substitutes for the paper's networks.

    Args:
        width: Channels of the first stage of ResNet18; the ImageNet networks have half as many.
        depth: Depth of the wide residual network.
        widen: Widening factor of the wide residual network.
    """
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
    """Return the settings of a preset without ratio and network, which recipes set."""
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
    reductions=(),
    seeds=(0, 1, 2),
    data={name: _without_ratio(PRESETS[preset]) | {"data.name": name} for name, preset in _NAMES},
    networks={name: {"network.name": name} for name in _NETWORKS},
    epsilons={level: {"attack.epsilon": f"{level}/255"} for level in (2, 4, 8, 12, 16)},
    l2_radii=("0.5", "1.71", "2"),
    transfer_source={"cifar100": "cifar10", "svhn": "cifar10", "cifar10": "svhn"},
)

_FEWER_EPOCHS: Settings = {
    "attack.name": "n-fgsm",
    "learning.epochs": 40,
    "learning.batch_size": 64,
    "learning.schedule": "cosine",
    "learning.validate_every": 8,
    "learning.precision": "bfloat16",
    "data.validation": "0.02",
}
_FULL = replace(
    _PAPER,
    name="full",
    summary="the paper's networks and data with 40 epochs of a one-step attack, in bfloat16",
    reductions=(
        "40 epochs with N-FGSM as inner attack, batches of 64, cosine schedule, bfloat16",
        "2 % of the training images are held out for validation, instead of 10 %",
        "500 test images for slow attacks and transfer matrices; 1,000 queries for Bandits",
    ),
    seeds=(0,),
    data={name: settings | _FEWER_EPOCHS for name, settings in _PAPER.data.items()},
    images=500,
    matrix_images=500,
    queries=1000,
)

_SHORT_RUNS: Settings = {
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
    summary="20,000 training images of each data set, networks of a quarter of the paper's width "
    "or less and 16 epochs of PGD-3",
    reductions=(
        "width 16 instead of 64, width 8 on ImageNet; WideResNet-16-2 instead of WideResNet-34-10",
        "20,000 training images, 16 epochs, batches of 64, cosine schedule, PGD-3 as inner attack",
        "ImageNet: images of 64 x 64 pixels, epsilon twice as large",
        "curves at 1, 5, 10, 20, 40 and 80 %; sets and matrices of tickets of 5, 10, 20 and 40 %, "
        "where the paper has up to nine tickets",
        "500 test images for slow attacks and transfer matrices; 1,000 queries for Bandits",
    ),
    seeds=(0,),
    data={
        name: settings
        | _SHORT_RUNS
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
    l2_radii=_PAPER.l2_radii,
    transfer_source=_PAPER.transfer_source,
    percents=(5, 10, 20, 40),
    points=(1, 5, 10, 20, 40, 80),
    images=500,
    matrix_images=500,
    queries=1000,
    substitutes={
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
    summary="digits of 8x8 pixels in place of CIFAR-10, CIFAR-100, SVHN and ImageNet, networks of "
    "a quarter of the paper's width or less and 20 epochs",
    reductions=(
        "digits of 8x8 pixels: all ten classes in place of CIFAR-10, 5-9 in place of CIFAR-100, "
        "0-4 in place of SVHN; all ten, enlarged to 32x32 pixels, in place of ImageNet",
        "width 16 instead of 64, width 8 on ImageNet; WideResNet-10-2 instead of WideResNet-34-10",
        "20 epochs (10 for the substitute of ImageNet), batches of 64, cosine schedule",
        "curves at 1, 5, 20 and 80 %; sets and matrices of the tickets of 3 to 40 %",
        "epsilon 0.1, 0.15 and 0.2 in place of 8, 12 and 16/255; 0.05 and 0.1 in place of 2 and "
        "4/255 on ImageNet; l2 radii of 0.23, 0.787 and 0.92 in place of 0.5, 1.71 and 2",
        "transferred tickets start from a network trained on the other half of the digits; those "
        "in place of CIFAR-10 from one trained on 0-4, which are among the ten",
        "100 test images for slow attacks; 500 queries for Bandits",
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
    l2_radii=("0.23", "0.787", "0.92"),
    transfer_source={"cifar100": "svhn", "svhn": "cifar100", "cifar10": "svhn"},
    percents=(3, 5, 7, 10, 15, 20, 30, 40),
    points=(1, 5, 20, 80),
    images=100,
    queries=500,
    substitutes={
        "resnet18": "resnet18 of width 16",
        "wideresnet32": "WideResNet-10-2",
        "cifar10": "digits",
        "cifar100": "digits 5-9",
        "svhn": "digits 0-4",
        "imagenet": "digits, enlarged to 32 pixels",
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

SCALES = {scale.name: scale for scale in (_PAPER, _FULL, _SMALL, _QUICK)}


def scale_named(name: str) -> Scale:
    """Return a scale.

    Raises:
        InputError: If there is no scale of that name.
    """
    if name not in SCALES:
        raise unknown("scale", name, SCALES)
    return SCALES[name]
