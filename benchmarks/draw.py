"""Time a step of a draw, against the released procedure and the machine's limit.

    python -m benchmarks draw                    # all cases but the largest: an hour
    python -m benchmarks draw small --threads 1
    python -m benchmarks draw resnet18-256 --steps 20 --device cuda --precision bfloat16

This package and the reference (benchmarks/released.py) take turns in one run, with the same random
network, images and number of threads. The machine's limit is the best rate of a matrix product in
this package's precision, measured between the turns; our share of it counts only the operations of
convolutions and linear layers. PyTorch's profiler splits the reference's time, as evidence that it
is no straw man. Peak memory is measured in a separate process for each. A row is appended to
records/draw.jsonl as soon as it is measured.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor, nn

import scratchticket as st
from benchmarks import released
from benchmarks.measure import (
    ROOT,
    append,
    between,
    circumstances,
    most_memory,
    most_memory_of,
    options_of,
    product_rate,
    ratios,
    spread,
    wait_for,
)
from benchmarks.rows import DrawRow
from scratchticket.attacks.fgsm import STEP_FROM_RANDOM
from scratchticket.attacks.method import Stepping
from scratchticket.base.accuracy import Accuracy, percent
from scratchticket.data import Data, DataRecipe, ImageSet, pixels
from scratchticket.learning import Event, LearningRecipe, Session, Validation
from scratchticket.networks import bare, maskable, random_network
from scratchticket.networks.convolutions import taps_of_one_pixel
from scratchticket.tickets import drawing
from scratchticket.tickets.draw import Task

RECORDS = ROOT / "records" / "draw.jsonl"
RATIO, EPSILON = "0.1", "8/255"
TURNS = 5


@dataclass(frozen=True)
class Case:
    """A network, its images and its inner attack.

    Attributes:
        network: Recipe of the network.
        shape: Shape of an image.
        batch: Images per step.
        attack: Name of the inner attack.
        steps: Timed steps per turn.
    """

    network: st.NetworkRecipe
    shape: tuple[int, int, int]
    batch: int
    attack: str = "pgd"
    steps: int = 2

    def recipe(self) -> st.Attack:
        """Return the inner attack."""
        return st.AttackRecipe(self.attack, EPSILON)

    def images(self) -> ImageSet:
        """Return random images for a turn and for one untimed step before and after it."""
        draws = torch.Generator().manual_seed(0)
        count = self.batch * (self.steps + 2)
        values = torch.randint(256, (count, *self.shape), generator=draws, dtype=torch.uint8)
        return ImageSet(values, torch.randint(10, (count,), generator=draws))

    def build(self) -> nn.Module:
        """Return the random network, without normalisation."""
        return bare(
            random_network(
                self.network,
                classes=10,
                image_shape=self.shape,
                seed=0,
                mean=[0.0] * self.shape[0],
                std=[1.0] * self.shape[0],
            )
        )


_CIFAR, _DIGITS, _PHOTOGRAPHS = (3, 32, 32), (1, 8, 8), (3, 224, 224)
CASES = {
    "small": Case(st.NetworkRecipe("resnet18", width=16), _DIGITS, 128, steps=10),
    "small-fgsm-rs": Case(
        st.NetworkRecipe("resnet18", width=16), _DIGITS, 128, "fgsm-rs", steps=20
    ),
    "resnet18-16": Case(st.NetworkRecipe("resnet18"), _CIFAR, 16),
    "resnet18-64": Case(st.NetworkRecipe("resnet18"), _CIFAR, 64, steps=1),
    "resnet18-64-fgsm-rs": Case(st.NetworkRecipe("resnet18"), _CIFAR, 64, "fgsm-rs"),
    "resnet18-256": Case(st.NetworkRecipe("resnet18"), _CIFAR, 256, steps=1),
    "wideresnet32-128": Case(st.NetworkRecipe("wideresnet32"), _CIFAR, 128, steps=1),
    "wideresnet32-8": Case(st.NetworkRecipe("wideresnet32"), _CIFAR, 8, steps=1),
    "imagenet_resnet50-4": Case(
        st.NetworkRecipe("imagenet_resnet50"), _PHOTOGRAPHS, 4, "fgsm-rs", steps=1
    ),
}


LARGE = ("wideresnet32-128",)  # measured only if named


@dataclass(frozen=True)
class Way:
    """How this package computes; the reference is always in float32 and not compiled.

    Attributes:
        device: Device of both.
        precision: Value of ``learning.precision``.
        compile: Value of ``learning.compile``.
        memory_format: Value of ``learning.memory_format``.
    """

    device: str = "cpu"
    precision: str = "float32"
    compile: str = "none"
    memory_format: str = "channels_last"

    @property
    def precisions(self) -> tuple[str, ...]:
        """Precisions in which a matrix product is timed; on a GPU, both."""
        return (self.precision,) if self.device == "cpu" else ("float32", "bfloat16")


def ours(case: Case, way: Way) -> Callable[[], list[float]]:
    """Return a function that runs a turn of our draw and returns the seconds of each step.

    The first step is not timed, nor the last one, which also ends the epoch.
    """
    images = case.images()
    placeholder = images[slice(0, 1)]
    data = Data(
        name="benchmark",
        classes=tuple("0123456789"),
        train=images,
        validation=placeholder,
        test=placeholder,
        mean=(0.0,) * case.shape[0],
        std=(1.0,) * case.shape[0],
        recipe=DataRecipe(),
    )
    accuracy = Validation(Accuracy(0, 1), Accuracy(0, 1))
    learning = LearningRecipe(
        epochs=1,
        batch_size=case.batch,
        augmentation="none",
        statistics="running",
        precision=way.precision,  # type: ignore[arg-type]
        compile=way.compile,  # type: ignore[arg-type]
        memory_format=way.memory_format,  # type: ignore[arg-type]
    )
    task = Task(data, case.network, case.recipe(), learning, lambda _: accuracy, device=way.device)
    job = drawing(task, RATIO)

    def turn() -> list[float]:
        stamps: list[float] = []

        def stamp(event: Event) -> None:
            wait_for(way.device)
            stamps.append(time.perf_counter())

        job.run(Session(observe=stamp))
        return [after - before for before, after in pairwise(stamps[:-1])]

    return turn


def reference(case: Case, way: Way) -> Callable[[], list[float]]:
    """Return a function that runs a turn of the reference and returns the seconds of each step."""
    step, batches = _released(case, way), _batches(case, way)
    step(*batches[0])  # a warm-up step, not timed

    def turn() -> list[float]:
        seconds = []
        for images, labels in batches[: case.steps]:
            wait_for(way.device)
            begun = time.perf_counter()
            step(images, labels)
            wait_for(way.device)
            seconds.append(time.perf_counter() - begun)
        return seconds

    return turn


def _batches(case: Case, way: Way) -> list[tuple[Tensor, Tensor]]:
    """Return the batches of the reference, in the contiguous memory format."""
    everything = case.images().to(torch.device(way.device))
    images = pixels(everything.images).contiguous()
    starts = range(0, len(images), case.batch)
    batches = [slice(start, start + case.batch) for start in starts]
    return [(images[batch], everything.labels[batch]) for batch in batches]


def _released(case: Case, way: Way) -> Callable[[Tensor, Tensor], None]:
    """Return a function that takes one step of the reference on a batch."""
    attack, one_step = case.recipe(), case.attack == "fgsm-rs"
    length = STEP_FROM_RANDOM * attack.ball.epsilon
    if isinstance(attack.method, Stepping):
        length = attack.method.length
    return released.stepper(
        released.masked(case.build(), float(RATIO)).to(way.device),
        attack.ball.epsilon,
        length,
        attack.gradients,
        one_step=one_step,
    )


_CONVOLVING = ("conv", "mm", "wgrad", "dgrad", "fprop", "cudnn", "cutlass", "xmma", "winograd")


def shares(case: Case, way: Way) -> dict[str, float]:
    """Return shares of the reference's time: convolutions and products, sorting, the rest."""
    images, labels = _batches(case, way)[0]
    step, on_cpu = _released(case, way), way.device == "cpu"
    step(images, labels)
    activity = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[activity.CPU if on_cpu else activity.CUDA]) as profiler:
        step(images, labels)
        wait_for(way.device)
    times = {"convolutions": 0.0, "sorting": 0.0, "the rest": 0.0}
    kinds = dict.fromkeys(_CONVOLVING, "convolutions") | {"sort": "sorting", "Sort": "sorting"}
    for event in profiler.key_averages():
        kind = next((kinds[word] for word in kinds if word in event.key), "the rest")
        times[kind] += event.self_cpu_time_total if on_cpu else event.self_device_time_total
    total = sum(times.values())
    return {kind: value / total for kind, value in times.items()}


def operations(case: Case) -> float:
    """Return the floating-point operations of convolutions and linear layers in one step.

    A forward pass takes two operations per multiplication, and so does each gradient: that of the
    input, which the update does not need in the first layer, and that of the weights. If the output
    of a convolution is one pixel, weights that cover only padding are not counted.
    """
    network, counted = case.build().eval(), list[float]()

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        if isinstance(module, nn.Conv2d) and (taps := taps_of_one_pixel(module, inputs[0])):
            weight = weight[..., *taps]
        positions = output.numel() // output.shape[1] if output.ndim == 4 else output.shape[0]
        counted.append(2.0 * positions * weight.numel())

    layers = [network.get_submodule(name.removesuffix(".weight")) for name in maskable(network)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        network(torch.zeros(1, *case.shape))
    for handle in handles:
        handle.remove()
    forward = sum(counted)
    attack = case.recipe().gradients * 2 * forward
    return case.batch * (attack + 3 * forward - counted[0])


def once(which: str, case: Case, way: Way) -> list[float]:
    """Run a turn of either implementation; both take the same number of steps.

    The number matters for peak memory, because the first step has no momentum yet.
    """
    if which == "ours":
        return ours(case, way)()  # plus two untimed steps
    return reference(replace(case, steps=case.steps + 1), way)()  # plus the warm-up step


def peak(name: str, which: str, steps: int, threads: int, way: Way) -> int:
    """Return the peak memory, in bytes, of a process that runs one turn."""
    flags = [f"--{setting.replace('_', '-')}={value}" for setting, value in asdict(way).items()]
    flags += ["--threads", str(threads), "--steps", str(steps)]
    return most_memory_of("draw", name, "--peak", which, *flags)


def measured(name: str, case: Case, threads: int, way: Way = Way()) -> DrawRow:
    """Measure a case and return its row."""
    where = circumstances(way.device)
    turns = {"ours": ours(case, way), "reference": reference(case, way)}
    seconds: dict[str, list[float]] = {which: [] for which in turns}
    rates = dict.fromkeys(way.precisions, 0.0)
    for _ in range(TURNS):
        taken = {which: median(turn()) for which, turn in turns.items()}
        for precision, best in rates.items():
            rates[precision] = max(best, product_rate(way.device, precision))
        for which, value in taken.items():
            seconds[which].append(value)
    limit, count = rates[way.precision], operations(case)
    return DrawRow(
        case=name,
        way=asdict(way),  # type: ignore[arg-type]
        network=case.network.name,
        width=case.network.width,
        image_shape=case.shape,
        batch=case.batch,
        attack=str(case.recipe()),
        seconds={which: spread(values) for which, values in seconds.items()},
        ratio=ratios(seconds["reference"], seconds["ours"]),
        operations=count,
        product_rate=limit,
        product_rates=rates,
        share=count / median(seconds["ours"]) / limit,
        reference_split=shares(case, way),
        peak_bytes={which: peak(name, which, case.steps, threads, way) for which in turns},
        **where,
    )


def main(arguments: list[str]) -> None:
    """Measure the named cases, or all but the largest."""
    parser = options_of("draw", __doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, help="timed steps per turn")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--compile", default="none", choices=["none", "default", "reduce-overhead"])
    parser.add_argument(
        "--memory-format", default="channels_last", choices=["channels_last", "contiguous"]
    )
    parser.add_argument("--peak", choices=["ours", "reference"], help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.cases if name not in CASES]:
        parser.error(f"unknown case {unknown[0]!r}; the cases are {', '.join(CASES)}")
    torch.set_num_threads(options.threads)
    way = Way(options.device, options.precision, options.compile, options.memory_format)
    if way.device != "cpu":  # TF32 in all float32 products, as in convolutions by default
        torch.set_float32_matmul_precision("high")
    for name in options.cases or [name for name in CASES if name not in LARGE]:
        case = CASES[name]
        case = case if options.steps is None else replace(case, steps=options.steps)
        if options.peak:
            once(options.peak, case, way)
            print(most_memory() if way.device == "cpu" else torch.cuda.max_memory_allocated())
            return
        row = measured(name, case, options.threads, way)
        append(RECORDS, row)
        seconds, ratio = between(row.seconds["ours"], ".3f"), between(row.ratio, ".1f")
        print(
            f"{name}: {seconds} s per step, {ratio} times the speed of the reference, "
            f"{percent(row.share):.0f} % of the limit",
            flush=True,
        )
