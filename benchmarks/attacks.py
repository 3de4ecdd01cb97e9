"""Time and peak memory of PGD-20 and AutoAttack, against other implementations.

    python -m benchmarks attacks                       # a ticket of the gallery: half an hour
    python -m benchmarks attacks runs/demo/ticket/ticket.safetensors --data digits
    python -m benchmarks attacks TICKET --data ./cifar10 --images 300 --autoattack-images 0

PGD-20 is compared with foolbox and with the paper's released procedure, AutoAttack with
pyautoattack. All use the same network and images and take turns in one run, at the epsilon where
PGD-20 fools half of the images that are classified correctly without an attack. pyautoattack gets
the network and the images as PyTorch makes them, channels first. The machine's limit is the time
of the forward and backward passes alone, for as many images as the attack passes through the
network, in whole batches. Peak memory is measured in a separate process, for the images and for ten
times as many. A row is appended to records/attacks.jsonl.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import scratchticket as st
from benchmarks import released
from benchmarks.measure import (
    ROOT,
    append,
    between,
    circumstances,
    in_turn,
    most_memory,
    most_memory_of,
    options_of,
    ratios,
    spread,
)
from benchmarks.rows import AttacksRow, Spread, Timing
from scratchticket.attacks import PGD, Attack, cross_entropy, input_gradient
from scratchticket.attacks.autoattack import collected_warnings, restored_globals
from scratchticket.attacks.gradient import frozen
from scratchticket.data import ImageSet, load_data, pixels
from scratchticket.evaluation import default_batch_size, evaluate
from scratchticket.evaluation.suites import autoattack
from scratchticket.gallery import path_of
from scratchticket.networks import folded, placed
from scratchticket.runs.recipe import data_like

RECORDS = ROOT / "records" / "attacks.jsonl"
TICKET = path_of("digits-seed2/ticket")
PER = 1000  # times are given per this many images
PASSES = {"pgd": 9, "autoattack": 3}  # timed turns
Runs = dict[str, Callable[[], float]]


def repeated(images: ImageSet, count: int) -> ImageSet:
    """Return ``count`` images, repeating the given ones as often as needed."""
    return images[torch.arange(count) % len(images)]


def halving(network: nn.Module, images: ImageSet) -> str:
    """Return the epsilon, to a thousandth, at which PGD-20 about halves the accuracy."""
    low, high = 0, 1000
    half = st.natural_accuracy(network, images).fraction / 2
    while high - low > 1:
        middle = (low + high) // 2
        robust = st.robust_accuracy(network, images, st.AttackRecipe("pgd", middle / 1000, 20))
        low, high = (middle, high) if robust.fraction > half else (low, middle)
    return f"{low / 1000:g}"


def share(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the fraction of images that a network classifies correctly."""
    with torch.no_grad():
        return float((network(images).argmax(dim=1) == labels).double().mean())


def pgd_runs(ticket: st.Ticket, images: ImageSet, epsilon: str) -> Runs:
    """Return functions that run PGD-20 with this package, foolbox and the released procedure.

    Each returns the robust accuracy.
    """
    import foolbox
    from foolbox.models.pytorch import PyTorchModel

    network = placed(ticket.build(), "cpu")
    attack, radius = Attack(PGD(), epsilon), float(epsilon)
    step_size, size = 2.5 * radius / 20, default_batch_size(images)
    released_network = released.of_ticket(ticket.build(), ticket.mask)
    model = PyTorchModel(network, bounds=(0, 1), device="cpu")
    foolbox_pgd = foolbox.attacks.LinfPGD(abs_stepsize=step_size, steps=20, random_start=True)

    def ours() -> float:
        evaluated = evaluate(network, images, [attack])
        return evaluated.robust(evaluated.outcomes[0]).fraction

    def by_batches(attacked: Callable[[Tensor, Tensor], Tensor], judge: nn.Module) -> float:
        correct = 0.0
        for start in range(0, len(images), size):
            batch = images[slice(start, start + size)]
            adversarial = attacked(pixels(batch.images), batch.labels)
            correct += share(judge, adversarial, batch.labels) * len(batch.labels)
        return correct / len(images)

    def by_foolbox() -> float:
        def attacked(clean: Tensor, labels: Tensor) -> Tensor:
            criterion = foolbox.criteria.Misclassification(labels)
            adversarial: Tensor = foolbox_pgd.run(model, clean, criterion, epsilon=radius)
            return adversarial

        return by_batches(attacked, network)

    def reference() -> float:
        def attacked(clean: Tensor, labels: Tensor) -> Tensor:
            clean = clean.contiguous()
            return released.attacked(released_network, clean, labels, radius, step_size, 20)

        return by_batches(attacked, released_network)

    return {"scratchticket": ours, "foolbox": by_foolbox, "reference": reference}


def autoattack_runs(ticket: st.Ticket, images: ImageSet, epsilon: str, queries: int) -> Runs:
    """Return functions that run AutoAttack with this package and with pyautoattack alone.

    Each returns the robust accuracy. pyautoattack gets the network and the images as PyTorch makes
    them, channels first.
    """
    from pyautoattack import AutoAttack

    attacks = autoattack(epsilon, "linf", queries=queries)
    network, plain = placed(ticket.build(), "cpu"), ticket.build()

    def ours() -> float:
        evaluated = evaluate(network, images, attacks)
        resisted = evaluated.right
        for outcome in evaluated.outcomes:
            resisted = resisted & ~outcome.fooled
        return float(resisted.double().mean())

    def theirs() -> float:
        suite = AutoAttack(plain, norm="Linf", eps=float(epsilon), seed=0)
        suite.square.n_queries = queries
        clean = pixels(images.images).contiguous()
        with restored_globals(), collected_warnings():
            adversarial, _ = suite.run_standard_evaluation(
                clean, images.labels, batch_size=default_batch_size(images)
            )
        return share(plain, adversarial, images.labels)

    return {"scratchticket": ours, "pyautoattack": theirs}


def timed(runs: Runs, count: int, turns: int) -> dict[str, Timing]:
    """Time functions in turn.

    Returns:
        For each: median, minimum and maximum of its seconds per 1,000 images, its robust accuracy,
        and its time as a multiple of ours.
    """
    accuracy = {name: run() for name, run in runs.items()}
    taken = in_turn(runs, turns)
    return {
        name: Timing(
            **dict(spread(value * PER / count for value in seconds)),
            accuracy=accuracy[name],
            ratio=ratios(seconds, taken["scratchticket"]),
        )
        for name, seconds in taken.items()
    }


def limit(network: nn.Module, images: ImageSet, passed: int, *, backward: bool = True) -> float:
    """Return the seconds that ``passed`` images take through the network, in whole batches.

    Args:
        network: The network.
        images: Images to use, repeated to fill a batch.
        passed: Number of images.
        backward: Whether to include the backward pass.
    """
    size = default_batch_size(images)
    batch = repeated(images, size)
    clean, labels = pixels(batch.images), batch.labels
    rounds = max(3, min(20, passed // size))

    def once() -> None:
        if backward:
            input_gradient(network, clean, labels, cross_entropy)
        else:
            network(clean)

    with frozen(network), folded(network), torch.set_grad_enabled(backward):
        once()
        begun = time.perf_counter()
        for _ in range(rounds):
            once()
        return (time.perf_counter() - begun) / (rounds * size) * passed


def pass_speedups(ticket: st.Ticket, images: ImageSet, turns: int) -> dict[str, Spread]:
    """Return how many times faster a pass of ours is than one of the network as PyTorch makes it.

    Args:
        ticket: The ticket.
        images: Images to use, repeated to fill a batch.
        turns: Number of timed turns.

    Returns:
        For a forward pass alone, and for a forward pass with an input gradient.
    """
    network, plain = placed(ticket.build(), "cpu"), ticket.build()
    batch = repeated(images, default_batch_size(images))
    clean, labels = pixels(batch.images), batch.labels
    first = clean.contiguous()
    passes: dict[str, dict[str, Callable[[], object]]] = {
        "forward": {"ours": lambda: network(clean), "plain": lambda: plain(first)},
        "with gradient": {
            "ours": lambda: input_gradient(network, clean, labels, cross_entropy),
            "plain": lambda: input_gradient(plain, first, labels, cross_entropy),
        },
    }
    found = {}
    with frozen(network), folded(network), torch.no_grad():
        for name, runs in passes.items():
            taken = in_turn(runs, turns)
            found[name] = ratios(taken["plain"], taken["ours"])
    return found


def autoattack_parts(
    network: nn.Module, images: ImageSet, epsilon: str, queries: int
) -> tuple[float, dict[str, float]]:
    """Return AutoAttack's seconds per 1,000 images: of its passes alone, and of each attack."""
    passed = {True: 0, False: 0}

    def count(_: nn.Module, inputs: tuple[Tensor]) -> None:
        passed[inputs[0].requires_grad] += len(inputs[0])

    with network.register_forward_pre_hook(count):
        outcomes = evaluate(network, images, autoattack(epsilon, "linf", queries=queries)).outcomes
    alone = sum(
        limit(network, images, number, backward=backward) for backward, number in passed.items()
    )
    stages = {each.attack.method.name: each.seconds * PER / len(images) for each in outcomes}
    return alone * PER / len(images), stages


def peak(ticket: Path, data: str, count: int, epsilon: str) -> int:
    """Return the peak memory, in bytes, of a process that attacks ``count`` images."""
    threads = str(torch.get_num_threads())
    flags = ("--peak", str(count), "--epsilon", epsilon, "--threads", threads)
    return most_memory_of("attacks", str(ticket), "--data", data, *flags)


def measured(
    ticket: Path, data: str, count: int, queries: int, autoattack_count: int
) -> AttacksRow:
    """Measure the attacks on a ticket and return the row."""
    where = circumstances()
    loaded = st.Ticket.load(ticket)
    test = load_data(data_like(loaded, data, None)).test
    network = placed(loaded.build(), "cpu")
    images = repeated(test, count)
    epsilon = halving(network, test[slice(count)])
    evaluated = evaluate(network, images, [Attack(PGD(), epsilon)])
    passed = evaluated.outcomes[0].forwards
    selected = repeated(test, autoattack_count)
    alone, stages = (
        autoattack_parts(network, selected, epsilon, queries) if autoattack_count else (None, {})
    )
    return AttacksRow(
        network=loaded.network.name,
        width=loaded.network.width,
        remaining_ratio=loaded.remaining_ratio,
        image_shape=loaded.image_shape,
        data=Path(data).name,
        epsilon=epsilon,
        images={"pgd": count, "autoattack": autoattack_count},
        queries=queries,
        pgd=timed(pgd_runs(loaded, images, epsilon), count, PASSES["pgd"]),
        pgd_limit=limit(network, images, passed) * PER / count,
        pgd_passes=passed / (count * PGD().steps),
        pass_speedups=pass_speedups(loaded, images, PASSES["pgd"]),
        autoattack=timed(
            autoattack_runs(loaded, selected, epsilon, queries),
            autoattack_count,
            PASSES["autoattack"],
        )
        if autoattack_count
        else None,
        autoattack_limit=alone,
        autoattack_stages=stages,
        peak_bytes={str(n): peak(ticket, data, n, epsilon) for n in (count, 10 * count)},
        **where,
    )


def main(arguments: list[str]) -> None:
    """Measure the attacks on the given ticket."""
    parser = options_of("attacks", __doc__)
    parser.add_argument("ticket", type=Path, nargs="?", default=TICKET)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--images", type=int, default=PER)
    parser.add_argument("--autoattack-images", type=int, default=100, help="0: no AutoAttack")
    parser.add_argument("--queries", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--epsilon", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    if options.peak:
        loaded = st.Ticket.load(options.ticket)
        test = load_data(data_like(loaded, options.data, None)).test
        attack = [Attack(PGD(), options.epsilon)]
        evaluate(loaded.build(), repeated(test, options.peak), attack)
        print(most_memory())
        return
    row = measured(
        options.ticket, options.data, options.images, options.queries, options.autoattack_images
    )
    append(RECORDS, row)
    for kind, taken in {"pgd": row.pgd, "autoattack": row.autoattack or {}}.items():
        for name, timing in taken.items():
            assert timing.ratio is not None
            seconds, ratio = between(timing, ".2f"), between(timing.ratio, ".2f")
            print(f"{kind}, {name}: {seconds} s per {PER} images, {ratio} times ours")
