"""How large a table or figure is, and the jobs it is made of at that size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scratchticket.sweeps.job import START, Job

Settings = dict[str, Any]
SEEDS = 3  # of the paper
_WORDS = re.compile(r"[a-z0-9.]+(?:/255)?")  # that the paper's names are made of
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
        about: What is less than in the paper beyond the seeds, in words.
        cut: The same in one sentence without its full stop.
        seeds: Of the runs.
        data: Data set to the settings of its runs.
        networks: Network to its settings.
        epsilons: Epsilon in 255ths to the settings of the inner attack.
        euclidean: The radii of Table 2.
        percents: Which remaining percents of the paper's are done; all if none are given.
        points: Which of these the curves have; all if none are given.
        elsewhere: Data set to the one that networks transferred to it were trained on.
        images: How many test images meet the slow attacks; all if None.
        matrix_images: How many meet the attacks of transfer matrices; all if None.
        queries: Budget of Bandits.
        common: Settings of all runs.
        stands: What is run where the paper's names are written, by these names.
        changes: Settings of the user's own, which win over all others.
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
    matrix_images: int | None = None
    queries: int = 10_000
    common: Settings = field(default_factory=dict)
    stands: Mapping[str, str] = field(default_factory=dict)
    changes: Settings = field(default_factory=dict)
    cut: str = ""

    @property
    def less(self) -> tuple[str, ...]:
        """What is less than in the paper, and what the user has set, in words."""
        count = len(self.seeds)
        seeds = (f"{count} seed{'s' * (count > 1)} instead of {SEEDS}",) if count < SEEDS else ()
        own = tuple(f"set by you, whatever is said here: {p}={v}" for p, v in self.changes.items())
        return seeds + self.about + own

    def some(self, percents: Iterable[int]) -> tuple[int, ...]:
        """Return those of the paper's percents that are done at this scale."""
        return tuple(p for p in percents if not self.percents or p in self.percents)

    def on_curves(self, percents: Iterable[int]) -> tuple[int, ...]:
        """Return those of the paper's percents that curves have at this scale."""
        return tuple(p for p in percents if not self.points or p in self.points)

    def called(self, name: str) -> str:
        """Return what stands here for the networks, data, epsilons and radii a name mentions."""
        words = _WORDS.findall(name)
        return ", ".join(dict.fromkeys(self.stands[w] for w in words if w in self.stands))

    def here(self, name: str) -> str:
        """Return a name with what was run in place of the paper's: ``WideResNet-10-2 on digits``.

        The name itself where nothing stands for anything that it mentions.
        """
        own = _WORDS.sub(lambda word: self.stands.get(word[0], word[0]), name)
        return name if own == name else own.replace(" / ", " on ")

    def left_of(self, name: str) -> str:
        """Return what is left here of the set of percents that a name lists, if it is less."""
        listed = re.search(r"\d+(?:, \d+)+(?= %)", name)
        percents = tuple(map(int, listed[0].split(", "))) if listed else ()
        some = self.some(percents)
        return "" if some == percents else f"{', '.join(map(str, some))} %"

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


def _ratio(percent: int) -> str:
    return f"{percent / 100:g}"
