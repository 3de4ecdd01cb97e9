"""How long does a step of a draw take, against the released procedure and the machine's limit?

    python -m benchmarks draw                    # all but the largest: an hour
    python -m benchmarks draw small --threads 1
    python -m benchmarks draw resnet18-256 --steps 20 --device cuda --precision bfloat16

Ours and the reference (benchmarks/released.py) take turns in one run, on the same random network,
the same images and the same number of threads. The machine's limit is the best rate of a matrix
product in the precision of ours, measured in between; our share of it counts the multiplications of
convolutions and linear layers alone. The reference's time is split by PyTorch's profiler, so that
it can be seen to be no straw man. Memory is the peak of a process of its own. A row is appended to
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
    """What is measured.

    Attributes:
        network: The recipe.
        shape: Of an image.
        batch: Images a step.
        attack: The inner one.
        steps: Steps in a turn.
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
        """Return images for a turn, and for the steps before and after it."""
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


LARGE = ("wideresnet32-128",)  # measured where it is named


@dataclass(frozen=True)
class Way:
    """How ours computes; the reference computes in float32, uncompiled.

    Attributes:
        device: Of both.
        precision: ``learning.precision``.
        compile: ``learning.compile``.
        memory_format: ``learning.memory_format``.
    """

    device: str = "cpu"
    precision: str = "float32"
    compile: str = "none"
    memory_format: str = "channels_last"

    @property
    def precisions(self) -> tuple[str, ...]:
        """In which products are timed: on a GPU in both."""
        return (self.precision,) if self.device == "cpu" else ("float32", "bfloat16")


def ours(case: Case, way: Way) -> Callable[[], list[float]]:
    """Return what takes a turn of our draw: the seconds of each step.

    The first step is not counted, nor the last, after which an epoch is ended.
    """
    images = case.images()
    nothing = images[slice(0, 1)]
    data = Data(
        name="benchmark",
        classes=tuple("0123456789"),
        train=images,
        validation=nothing,
        test=nothing,
        mean=(0.0,) * case.shape[0],
        std=(1.0,) * case.shape[0],
        recipe=DataRecipe(),
    )
    unknown = Validation(Accuracy(0, 1), Accuracy(0, 1))
    learning = LearningRecipe(
        epochs=1,
        batch_size=case.batch,
        augmentation="none",
        statistics="running",
        precision=way.precision,  # type: ignore[arg-type]
        compile=way.compile,  # type: ignore[arg-type]
        memory_format=way.memory_format,  # type: ignore[arg-type]
    )
    task = Task(data, case.network, case.recipe(), learning, lambda _: unknown, device=way.device)
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
    """Return what takes a turn of the released procedure."""
    step, batches = _released(case, way), _batches(case, way)
    step(*batches[0])  # not counted: the first one prepares

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
    chosen = [slice(start, start + case.batch) for start in starts]
    return [(images[some], everything.labels[some]) for some in chosen]


def _released(case: Case, way: Way) -> Callable[[Tensor, Tensor], None]:
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
    """Return how the reference's time is divided: convolutions and products, sorting, the rest."""
    images, labels = _batches(case, way)[0]
    step, here = _released(case, way), way.device == "cpu"
    step(images, labels)
    kind_of = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[kind_of.CPU if here else kind_of.CUDA]) as profiler:
        step(images, labels)
        wait_for(way.device)
    times = {"convolutions": 0.0, "sorting": 0.0, "the rest": 0.0}
    words = dict.fromkeys(_CONVOLVING, "convolutions") | {"sort": "sorting", "Sort": "sorting"}
    for event in profiler.key_averages():
        kind = next((words[word] for word in words if word in event.key), "the rest")
        times[kind] += event.self_cpu_time_total if here else event.self_device_time_total
    total = sum(times.values())
    return {kind: value / total for kind, value in times.items()}


def operations(case: Case) -> float:
    """Return the floating-point operations of convolutions and linear layers in one step.

    A forward pass costs two for every multiplication, its gradient with respect to the input the
    same (but for the first layer in the update), that with respect to the weights again the same.
    Where one pixel comes out of a convolution, weights that meet padding alone count for nothing.
    """
    network, counted = case.build().eval(), list[float]()

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        if isinstance(module, nn.Conv2d) and (seen := taps_of_one_pixel(module, inputs[0])):
            weight = weight[..., *seen]
        places = output.numel() // output.shape[1] if output.ndim == 4 else output.shape[0]
        counted.append(2.0 * places * weight.numel())

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
    """Take one turn of either, of equally many steps: in the first there is no momentum yet."""
    if which == "ours":
        return ours(case, way)()  # and the steps before and after that nobody measures
    return reference(replace(case, steps=case.steps + 1), way)()  # and the one that prepares


def peak(name: str, which: str, steps: int, threads: int, way: Way) -> int:
    """Return the most memory that a process takes that does one turn, in bytes."""
    told = [f"--{setting.replace('_', '-')}={value}" for setting, value in asdict(way).items()]
    told += ["--threads", str(threads), "--steps", str(steps)]
    return most_memory_of("draw", name, "--peak", which, *told)


def measured(name: str, case: Case, threads: int, way: Way = Way()) -> DrawRow:
    """Return the row of a case."""
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
    limit, done = rates[way.precision], operations(case)
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
        operations=done,
        product_rate=limit,
        product_rates=rates,
        share=done / median(seconds["ours"]) / limit,
        reference_split=shares(case, way),
        peak_bytes={which: peak(name, which, case.steps, threads, way) for which in turns},
        **where,
    )


def main(arguments: list[str]) -> None:
    """Measure what is asked for."""
    parser = options_of("draw", __doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, help="in a turn, besides those that are not counted")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--compile", default="none", choices=["none", "default", "reduce-overhead"])
    parser.add_argument(
        "--memory-format", default="channels_last", choices=["channels_last", "contiguous"]
    )
    parser.add_argument("--peak", choices=["ours", "reference"], help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.cases if name not in CASES]:
        parser.error(f"no case {unknown[0]!r}; there are {', '.join(CASES)}")
    torch.set_num_threads(options.threads)
    way = Way(options.device, options.precision, options.compile, options.memory_format)
    if way.device != "cpu":  # float32 is TF32 everywhere, as it is in convolutions by default
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
        took, ratio = between(row.seconds["ours"], ".3f"), between(row.ratio, ".1f")
        print(
            f"{name}: {took} s a step, {ratio} times the reference's speed, "
            f"{percent(row.share):.0f} % of the limit",
            flush=True,
        )
