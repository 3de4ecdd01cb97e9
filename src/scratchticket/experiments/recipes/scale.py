"""Scales: the same tables and figures, as large as the paper's or as small as a laptop likes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scratchticket.errors import unknown
from scratchticket.experiments.presets import PRESETS
from scratchticket.experiments.sweeps.job import START, Job

Settings = dict[str, Any]
Network = Literal[
    "resnet18", "wideresnet32", "imagenet_resnet18", "imagenet_resnet50", "imagenet_resnet101"
]
DataSet = Literal["cifar10", "cifar100", "svhn", "imagenet"]
NATURAL: Settings = {"attack.name": "none"}  # judged at the same epsilon


@dataclass(frozen=True)
class Scale:
    """How large everything is.

    Tables and figures are written in the paper's terms: its networks, data sets and epsilons in
    255ths. A scale says what stands for them.

    Attributes:
        name: ``paper``, ``small`` or ``quick``.
        about: What is less than in the paper, in words.
        seeds: Of the runs.
        data: Data set to the settings of its runs.
        networks: Network to its settings.
        epsilons: Epsilon in 255ths to the settings of the inner attack.
        euclidean: The radii of Table 2.
        percents: Which remaining percents of the paper's are done; all if none are given.
        points: Which of these the curves have; all if none are given.
        elsewhere: Data set to the one that networks transferred to it were trained on.
        images: How many test images meet the slow attacks; all if None.
        queries: Budget of Bandits.
        common: Settings of all runs.
        stands: What is run where the paper's names are written, by these names.
        changes: Settings of the user's own, which win over all others.
        costs: Seconds of a job by its kind, as far as it was measured, on one core of a
            shared machine.
    """

    name: str
    about: tuple[str, ...]
    seeds: tuple[int, ...]
    data: Mapping[DataSet, Settings]
    networks: Mapping[Network, Settings]
    epsilons: Mapping[int, Settings]
    euclidean: tuple[str, str, str]
    elsewhere: Mapping[DataSet, DataSet]
    percents: tuple[int, ...] = ()
    points: tuple[int, ...] = ()
    images: int | None = None
    queries: int = 10_000
    common: Settings = field(default_factory=dict)
    stands: Mapping[str, str] = field(default_factory=dict)
    changes: Settings = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)

    def some(self, percents: Iterable[int]) -> tuple[int, ...]:
        """Return those of the paper's percents that are done at this scale."""
        return tuple(p for p in percents if not self.percents or p in self.percents)

    def on_curves(self, percents: Iterable[int]) -> tuple[int, ...]:
        """Return those of the paper's percents that curves have at this scale."""
        return tuple(p for p in percents if not self.points or p in self.points)

    def called(self, name: str) -> str:
        """Return what stands here for the networks, data and epsilons that a name mentions."""
        words = re.findall(r"[a-z0-9]+(?:/255)?", name)
        return ", ".join(dict.fromkeys(self.stands[w] for w in words if w in self.stands))

    def epsilon(self, level: int) -> str:
        """Return the epsilon that stands for some 255ths."""
        return str(self.epsilons[level]["attack.epsilon"])

    def dense(
        self, network: Network, data: DataSet, seed: int, level: int = 8, *, natural: bool = False
    ) -> Job:
        """Return the training of a dense network, adversarial or natural."""
        more = {"task": "train"} | (NATURAL if natural else {})
        how = "naturally" if natural else "adversarially"
        return self._run(network, data, seed, level, more, f"dense {network}, {how} trained")

    def ticket(
        self, network: Network, data: DataSet, percent: int, seed: int, level: int = 8, **more: Any
    ) -> Job:
        """Return the drawing of a ticket.

        Args:
            network: From which network.
            data: On which data.
            percent: Remaining.
            seed: Of everything.
            level: Epsilon in 255ths.
            more: Settings with ``__`` for the dot: ``network__init="xavier_normal"``.
        """
        settings = {path.replace("__", "."): value for path, value in more.items()}
        said = "".join(f", {value}" for value in more.values())
        own = {"task": "draw", "ratio": _ratio(percent)} | settings
        return self._run(network, data, seed, level, own, f"ticket {network} {percent} %{said}")

    def tuned(
        self,
        ticket: Job,
        data: DataSet,
        seed: int,
        weights: Literal["inherited", "new"],
        level: int = 8,
    ) -> Job:
        """Return the fine-tuning of a ticket."""
        more = {"task": "train", "start.weights": weights}
        return self._from(ticket, data, seed, level, more, f"{ticket.label}, tuned {weights}")

    def trained_ticket(
        self, start: Job, data: DataSet, percent: int, seed: int, level: int = 8
    ) -> Job:
        """Return the drawing of a ticket from a trained network: an RTT."""
        more = {"task": "draw", "ratio": _ratio(percent)}
        return self._from(start, data, seed, level, more, f"RTT {percent} % of {start.label}")

    def _run(  # noqa: PLR0917
        self,
        network: Network,
        data: DataSet,
        seed: int,
        level: int,
        more: Settings,
        label: str,
    ) -> Job:
        settings = self._settings(data, seed, level) | self.networks[network] | more
        return Job("run", settings | self.changes, label=f"{label}, {data}")

    def _from(  # noqa: PLR0917
        self, start: Job, data: DataSet, seed: int, level: int, more: Settings, label: str
    ) -> Job:
        settings = self._settings(data, seed, level) | more | self.changes
        own = {p: v for p, v in settings.items() if not p.startswith("network.")}
        return Job("run", own, {START: start}, label)

    def _settings(self, data: DataSet, seed: int, level: int) -> Settings:
        """Return what all runs on some data have in common; the epsilon wins."""
        return self.common | self.data[data] | self.epsilons[level] | {"seed": seed}


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


def _ratio(percent: int) -> str:
    return f"{percent / 100:g}"


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
    about=(
        "one seed instead of three",
        "width 16 instead of 64, 8 on ImageNet; WideResNet-16-2 instead of 34-10",
        "20,000 training images, 16 epochs of batches of 64 with a cosine, PGD-3 inside",
        "ImageNet: images of 64 pixels, epsilon twice as large",
        "the slow attacks meet 200 test images, Bandits has 1,000 queries",
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
    percents=(3, 5, 7, 10, 15, 20, 30, 40),
    points=(1, 5, 10, 20, 40, 80),
    images=200,
    queries=1000,
    stands={
        "resnet18": "resnet18 of width 16",
        "wideresnet32": "WideResNet-16-2",
        "cifar10": "20,000 images",
        "cifar100": "20,000 images",
        "2/255": "epsilon 4/255",
        "4/255": "epsilon 8/255",
    },
)

_QUICK = Scale(
    name="quick",
    about=(
        "digits of 8x8 pixels: all ten classes for CIFAR-10, 5-9 for CIFAR-100, 0-4 for SVHN; "
        "of 32 pixels, blown up, for ImageNet",
        "one seed instead of three",
        "width 16 instead of 64, 8 on ImageNet; WideResNet-10-2 instead of 34-10",
        "20 epochs of batches of 64 with a cosine",
        "epsilon 0.1, 0.15 and 0.2 for 8, 12 and 16/255; 0.05 and 0.1 for ImageNet's 2 and 4/255",
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
        "2/255": "epsilon 0.05",
        "4/255": "epsilon 0.1",
        "12/255": "epsilon 0.15",
        "16/255": "epsilon 0.2",
    },
    common={"data.name": "digits", "learning.epochs": 20, "learning.validate_every": 4},
    costs={"run": 50, "transfer": 50, "features": 2},
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
