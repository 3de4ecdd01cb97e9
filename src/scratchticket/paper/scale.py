"""A scale: substitutes for the paper's networks, data and epsilons, and jobs that use them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scratchticket.sweeps.job import START, Job

Settings = dict[str, Any]
SEEDS = 3  # number of seeds in the paper
_WORDS = re.compile(r"[a-z0-9.]+(?:/255)?")  # words of the paper's names: resnet18, 8/255
Network = Literal[
    "resnet18", "wideresnet32", "imagenet_resnet18", "imagenet_resnet50", "imagenet_resnet101"
]
DataSet = Literal["cifar10", "cifar100", "svhn", "imagenet"]
NATURAL: Settings = {"attack.name": "none"}  # natural training; evaluated at the same epsilon


@dataclass(frozen=True)
class Scale:
    """The size of all experiments.

    Recipes are written in the paper's terms: its networks, data sets and epsilons in 255ths. A
    scale substitutes others for them.

    Attributes:
        name: ``paper``, ``full``, ``small`` or ``quick``.
        reductions: What is smaller than in the paper, apart from the number of seeds: one line
            each.
        seeds: Seeds of the runs.
        data: Settings of runs on a data set, by the paper's name of the data set.
        networks: Settings of a network, by the paper's name of the network.
        epsilons: Settings of the inner attack, by the paper's epsilon in 255ths.
        l2_radii: Substitutes for the radii of Table 2.
        percents: Remaining percents to which sets and matrices of tickets are restricted; all of
            the paper's if empty.
        points: Remaining percents to which curves are restricted; all of the paper's if empty.
        transfer_source: For each data set, the data set to train on before transfer to it.
        images: Number of test images for the slow attacks; all if None.
        matrix_images: Number of test images for transfer matrices; all if None.
        queries: Query budget of Bandits.
        common: Settings of all runs; those of data, epsilon and network take precedence.
        substitutes: Display names of the substitutes for the paper's networks, data, epsilons and
            radii, by the paper's names.
        changes: Settings of the user, which override all others.
        summary: The reductions in one sentence, without full stop.
    """

    name: str
    reductions: tuple[str, ...]
    seeds: tuple[int, ...]
    data: Mapping[DataSet, Settings]
    networks: Mapping[Network, Settings]
    epsilons: Mapping[int, Settings]
    l2_radii: tuple[str, str, str]
    transfer_source: Mapping[DataSet, DataSet]
    percents: tuple[int, ...] = ()
    points: tuple[int, ...] = ()
    images: int | None = None
    matrix_images: int | None = None
    queries: int = 10_000
    common: Settings = field(default_factory=dict)
    substitutes: Mapping[str, str] = field(default_factory=dict)
    changes: Settings = field(default_factory=dict)
    summary: str = ""

    @property
    def differences(self) -> tuple[str, ...]:
        """What is smaller than in the paper, and what the user has set: one line each."""
        count = len(self.seeds)
        seeds = (f"{count} seed{'s' * (count > 1)} instead of {SEEDS}",) if count < SEEDS else ()
        own = tuple(f"set by you, overriding the above: {p}={v}" for p, v in self.changes.items())
        return seeds + self.reductions + own

    def restricted(self, percents: Iterable[int]) -> tuple[int, ...]:
        """Return the paper's percents restricted to those of sets and matrices at this scale."""
        return tuple(p for p in percents if not self.percents or p in self.percents)

    def on_curves(self, percents: Iterable[int]) -> tuple[int, ...]:
        """Return the paper's percents restricted to those of curves at this scale."""
        return tuple(p for p in percents if not self.points or p in self.points)

    def substitutes_in(self, name: str) -> str:
        """Return the substitutes for the paper's networks, data, epsilons and radii in a name.

        Example:
            ``wideresnet32 / cifar10`` gives ``WideResNet-10-2, digits`` at scale quick.
        """
        words = _WORDS.findall(name)
        return ", ".join(dict.fromkeys(self.substitutes[w] for w in words if w in self.substitutes))

    def our_name(self, name: str) -> str:
        """Return a name with the paper's networks, data, epsilons and radii substituted.

        Example:
            ``wideresnet32 / cifar10`` gives ``WideResNet-10-2 on digits`` at scale quick. A name
            in which nothing is substituted is returned unchanged.
        """
        ours = _WORDS.sub(lambda word: self.substitutes.get(word[0], word[0]), name)
        return name if ours == name else ours.replace(" / ", " on ")

    def reduced_set_label(self, name: str) -> str:
        """Return the percents of a set listed in a name at this scale; empty if all remain.

        Example:
            ``R2S, 5, 7, 10 %`` gives ``5, 10 %`` at scale small.
        """
        listed = re.search(r"\d+(?:, \d+)+(?= %)", name)
        percents = tuple(map(int, listed[0].split(", "))) if listed else ()
        remaining = self.restricted(percents)
        return "" if remaining == percents else f"{', '.join(map(str, remaining))} %"

    def epsilon(self, level: int) -> str:
        """Return the substitute for one of the paper's epsilons, given in 255ths."""
        return str(self.epsilons[level]["attack.epsilon"])

    def dense(
        self,
        network: Network,
        data: DataSet,
        seed: int,
        level: int = 8,
        *,
        natural: bool = False,
        **more: Any,
    ) -> Job:
        """Return the job that trains a dense network, adversarially or naturally.

        Args:
            network: The paper's name of the network.
            data: The paper's name of the data set.
            seed: Seed of the run.
            level: Epsilon in 255ths.
            natural: Whether to train without an attack.
            more: Further settings, as for :meth:`ticket`.
        """
        settings, suffix = _further(more)
        own = {"task": "train"} | (NATURAL if natural else {}) | settings
        how = "naturally" if natural else "adversarially"
        label = f"dense {network}, {how} trained{suffix}"
        return self._run(network, data, seed, level, own, label)

    def ticket(
        self, network: Network, data: DataSet, percent: int, seed: int, level: int = 8, **more: Any
    ) -> Job:
        """Return the job that draws a ticket.

        Args:
            network: The paper's name of the network.
            data: The paper's name of the data set.
            percent: Remaining percent of the weights.
            seed: Seed of the run.
            level: Epsilon in 255ths.
            more: Further settings; a keyword has ``__`` for the dot:
                ``network__init="xavier_normal"``.
        """
        settings, suffix = _further(more)
        own = {"task": "draw", "ratio": _ratio(percent)} | settings
        return self._run(network, data, seed, level, own, f"ticket {network} {percent} %{suffix}")

    def fine_tuned(
        self,
        ticket: Job,
        data: DataSet,
        seed: int,
        weights: Literal["inherited", "new"],
        level: int = 8,
    ) -> Job:
        """Return the job that trains a ticket's remaining weights, inherited or new."""
        own = {"task": "train", "start.weights": weights}
        return self._run_from(ticket, data, seed, level, own, f"{ticket.label}, tuned {weights}")

    def trained_ticket(
        self, start: Job, data: DataSet, percent: int, seed: int, level: int = 8
    ) -> Job:
        """Return the job that draws a ticket from a trained network (RTT)."""
        own = {"task": "draw", "ratio": _ratio(percent)}
        return self._run_from(start, data, seed, level, own, f"RTT {percent} % of {start.label}")

    def _run(  # noqa: PLR0917
        self,
        network: Network,
        data: DataSet,
        seed: int,
        level: int,
        own: Settings,
        label: str,
    ) -> Job:
        """Return a run that starts from a random network."""
        settings = self._settings(data, seed, level) | self.networks[network] | own
        return Job("run", settings | self.changes, label=f"{label}, {data}")

    def _run_from(  # noqa: PLR0917
        self, start: Job, data: DataSet, seed: int, level: int, own: Settings, label: str
    ) -> Job:
        """Return a run that starts from another run and has its network."""
        settings = self._settings(data, seed, level) | own | self.changes
        kept = {p: v for p, v in settings.items() if not p.startswith("network.")}
        return Job("run", kept, {START: start}, label)

    def _settings(self, data: DataSet, seed: int, level: int) -> Settings:
        """Return the settings shared by all runs on a data set; those of the epsilon come last."""
        return self.common | self.data[data] | self.epsilons[level] | {"seed": seed}


def _further(more: Settings) -> tuple[Settings, str]:
    """Return settings given with ``__`` for the dot, and the end of a label that names them."""
    settings = {path.replace("__", "."): value for path, value in more.items()}
    return settings, "".join(f", {value}" for value in more.values())


def _ratio(percent: int) -> str:
    """Return a percent as a decimal fraction, such as ``0.05``."""
    return f"{percent / 100:g}"
