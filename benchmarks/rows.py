"""The rows of ``records/``'s benchmarks: a frozen model for each, and their one reader.

As in ``base/record.py``, a row is written back to the bytes it was read from: its fields stand in
the order of its class, unknown ones are kept, and what it lacks is not added. A field with a
default is missing in the oldest rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from scratchticket.base.record import Count, Json, Share, Stored, Weights, read_as

Amount = Annotated[float, Field(ge=0)]
Shape = Annotated[tuple[Count, ...], Field(min_length=3, max_length=3)]
Versions = dict[str, str]


class Spread(Stored):
    """Median, least and most of several measurements."""

    median: Amount
    min: Amount
    max: Amount


class Machine(Stored):
    """The machine, and its load average over one minute before the measurement."""

    device: str
    threads: Count | None = None
    cpu_capability: str = ""
    load_before: Amount = 0.0


class Way(Stored):
    """How ours computed in ``draw``."""

    device: str
    precision: str
    compile: str
    memory_format: str = "channels_last"


class DrawRow(Stored):
    """A step of a draw: seconds by ``ours`` and ``reference``, and how many times ours is faster.

    Attributes:
        operations: Floating-point operations in a step.
        product_rate: Operations a second in a matrix product.
        share: Ours, as a share of that rate.
        reference_split: How the reference's time is divided.
    """

    case: str
    way: Way
    network: str
    width: Count | None
    image_shape: Shape
    batch: Count
    attack: str
    seconds: dict[str, Spread]
    ratio: Spread
    operations: Amount
    product_rate: Amount
    product_rates: dict[str, Amount] = Field(default_factory=dict)
    share: Amount
    reference_split: dict[str, Share]
    peak_bytes: dict[str, Count]
    machine: Machine
    versions: Versions
    commit: str | None
    date: str


Part = dict[str, Spread | Count]  # seconds by way, their ratio, and the count of what was done


class PartsRow(Stored):
    """The parts around the networks."""

    machine: Machine
    versions: Versions
    commit: str | None
    date: str
    select: Part
    encode: Part = Field(default_factory=dict)
    decode: Part = Field(default_factory=dict)
    prepare: Part
    help: Part

    def count(self, part: str) -> int:
        """Return how much is done in a part."""
        count = getattr(self, part)["count"]
        assert isinstance(count, int)
        return count

    def spread(self, part: str, name: str) -> Spread:
        """Return an entry of a part that is no count."""
        spread = getattr(self, part)[name]
        assert isinstance(spread, Spread)
        return spread


class GrowthRow(Stored):
    """How costs grow: seconds and the amount of work by size, and the exponent of each."""

    name: str
    what: str
    sizes: tuple[Count, ...]
    seconds: tuple[Spread, ...]
    costs: tuple[Amount, ...] = ()
    unit: str = ""
    exponent: float
    of_operations: float
    machine: Machine
    versions: Versions
    commit: str | None
    date: str


class Timing(Spread):
    """Seconds of an attack for 1,000 images.

    Attributes:
        accuracy: What it leaves.
        ratio: How many times as long as ours it takes.
    """

    accuracy: Share
    ratio: Spread | None = None


class AttacksRow(Stored):
    """Attacks on a network, each by package.

    Attributes:
        pgd_limit: Seconds of the forward and backward passes alone.
        pgd_passes: Passes, as a share of those that would be if no image was fooled.
        pass_speedups: How many times faster one pass of ours is than one of the network as PyTorch
            makes it, forward alone and with an input gradient.
        autoattack: None (in an old row 0) if it was left out.
        autoattack_limit: Seconds of its passes alone; None in an old row.
        autoattack_stages: Seconds of each of its attacks.
        peak_bytes: Memory by number of images.
    """

    network: str
    width: Count | None
    remaining_ratio: Share
    image_shape: Shape
    data: str
    epsilon: str
    images: dict[str, Count]
    queries: Count
    pgd: dict[str, Timing]
    pgd_limit: Amount
    pgd_passes: Amount = 1.0
    pass_speedups: dict[str, Spread] = Field(default_factory=dict)
    autoattack: dict[str, Timing] | Literal[0] | None
    autoattack_limit: Amount | None = None
    autoattack_stages: dict[str, Amount] = Field(default_factory=dict)
    peak_bytes: dict[str, Count]
    machine: Machine
    versions: Versions
    commit: str | None
    date: str = ""


class SwitchingRow(Stored):
    """Memory and time of several tickets of one network."""

    network: str
    ratio: str
    tickets: Count
    bytes: dict[str, Count]
    seconds: dict[str, Spread]
    machine: Machine
    versions: Versions
    commit: str | None
    date: str = ""


class NetworkSize(Stored):
    """A network's name and width."""

    name: str
    width: Count | None


class TicketSizeRow(Stored):
    """Size and loading time of a ticket's file and of what it is compared with."""

    format: int = 1
    network: NetworkSize
    image_shape: Shape
    classes: Count
    ratio: str
    mask: str
    recipe: Json | None
    weights: Weights
    bytes: dict[str, Count | Amount]
    seconds: dict[str, Spread]
    passes: Count
    machine: Machine
    versions: Versions
    commit: str | None
    date: str = ""


class ExportRow(Stored):
    """Exported tickets: bytes by variant, seconds by batch size and variant."""

    network: str
    width: Count | None
    bytes: dict[str, Count]
    seconds: dict[str, dict[str, Spread]]
    machine: Machine
    versions: Versions
    commit: str | None
    date: str


class PhotographsRow(Stored):
    """What photographs cost that stay encoded.

    Attributes:
        images: How many were learned from.
        processor: Seconds of processor time, where nothing waits.
        waiting: Seconds in which steps waited for images.
        memory: Most bytes that the process held.
        before: The same before it loaded anything.
    """

    machine: Machine
    versions: Versions
    commit: str | None
    date: str
    what: str
    form: str
    large: bool
    count: Count
    side: Count
    images: Count
    seconds: Amount
    processor: Amount | None = None
    waiting: Amount = 0.0
    steps: Count = 0
    memory: Count
    before: Count

    @property
    def rate(self) -> float:
        """Images a second, of processor time where nothing waits."""
        return self.images / (self.processor or self.seconds)


class BusyRow(Stored):
    """Ways to wait for threads: seconds by work, place and way, and as multiples of the first."""

    threads: Count
    neighbours: Count
    turns: Count
    seconds: dict[str, dict[str, dict[str, Spread]]]
    ratio: dict[str, dict[str, dict[str, Spread]]]
    machine: Machine
    versions: Versions
    commit: str | None
    date: str


Row = (
    DrawRow
    | PartsRow
    | GrowthRow
    | AttacksRow
    | SwitchingRow
    | TicketSizeRow
    | ExportRow
    | PhotographsRow
    | BusyRow
)
R = TypeVar("R", bound=Row)


def read_rows(kind: type[R], values: Iterable[Json]) -> list[R]:
    """Return the rows of a benchmark from their JSON values.

    Raises:
        InputError: If a field is missing or impossible; the message names it.
    """
    return [read_as(kind, value, f"a {kind.__name__}") for value in values]
