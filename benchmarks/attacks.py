"""How long do PGD-20 and AutoAttack take, and how much memory, against foolbox and pyautoattack?

    python benchmarks/attacks.py runs/demo/ticket/ticket.safetensors --data digits

All on the same network and images in one run, turn by turn, at the epsilon where PGD-20 leaves half
of the images right. The machine's limit is the time of the forward and backward passes alone, of
as many images as the attack puts through the network, in whole batches. Memory is the peak of a
process of its own, for some images and for ten times as many. A row of records/attacks.jsonl is
rewritten as soon as it is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

import scratchticket as st
from scratchticket.attacks import PGD, Attack, cross_entropy, input_gradient
from scratchticket.attacks.autoattack import heard, undone
from scratchticket.data import ImageSet, load_data, pixels
from scratchticket.evaluation import default_batch_size, evaluate
from scratchticket.evaluation.suites import autoattack
from scratchticket.experiments.recipe import data_like
from scratchticket.experiments.records import commit, machine, versions
from scratchticket.files import write_atomically
from scratchticket.networks import placed

RECORDS = Path(__file__).parents[1] / "records" / "attacks.jsonl"
PER = 1000  # images that times are given for
PASSES = 3
Runs = dict[str, Callable[[], float]]


def repeated(images: ImageSet, count: int) -> ImageSet:
    """Return so many images, the same ones over again."""
    return images[torch.arange(count) % len(images)]


def halving(network: nn.Module, images: ImageSet) -> str:
    """Return the epsilon, to a thousandth, at which PGD-20 leaves about half the images right."""
    low, high = 0, 1000
    if st.natural_accuracy(network, images).fraction <= 0.5:
        sys.exit("the network gets less than half of the images right as they are")
    while high - low > 1:
        middle = (low + high) // 2
        left = st.robust_accuracy(network, images, st.AttackRecipe("pgd", middle / 1000, 20))
        low, high = (middle, high) if left.fraction > 0.5 else (low, middle)
    return f"{low / 1000:g}"


def share(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the fraction of images a network gets right."""
    with torch.no_grad():
        return float((network(images).argmax(dim=1) == labels).double().mean())


def pgd_runs(network: nn.Module, images: ImageSet, epsilon: str) -> Runs:
    """Return PGD-20 by this package and by foolbox: functions to the accuracy that is left."""
    import foolbox
    from foolbox.models.pytorch import PyTorchModel

    attack, radius = Attack(PGD(), epsilon), float(epsilon)
    model = PyTorchModel(network, bounds=(0, 1), device="cpu")
    theirs = foolbox.attacks.LinfPGD(abs_stepsize=2.5 * radius / 20, steps=20, random_start=True)

    def ours() -> float:
        evaluated = evaluate(network, images, [attack])
        return evaluated.robust(evaluated.outcomes[0]).fraction

    def foolboxs() -> float:
        right = 0.0
        size = default_batch_size(images)
        for start in range(0, len(images), size):
            some = images[slice(start, start + size)]
            clean, labels = pixels(some.images), some.labels
            wrong = foolbox.criteria.Misclassification(labels)
            found = theirs.run(model, clean, wrong, epsilon=radius)
            right += share(network, found, labels) * len(labels)
        return right / len(images)

    return {"scratchticket": ours, "foolbox": foolboxs}


def autoattack_runs(network: nn.Module, images: ImageSet, epsilon: str, queries: int) -> Runs:
    """Return AutoAttack by this package and by pyautoattack alone."""
    from pyautoattack import AutoAttack

    attacks = autoattack(epsilon, "linf", queries=queries)

    def ours() -> float:
        evaluated = evaluate(network, images, attacks)
        left = evaluated.right
        for outcome in evaluated.outcomes:
            left = left & ~outcome.fooled
        return float(left.double().mean())

    def theirs() -> float:
        whole = AutoAttack(network, norm="Linf", eps=float(epsilon), seed=0)
        whole.square.n_queries = queries
        clean = pixels(images.images)
        with undone(), heard():
            found, _ = whole.run_standard_evaluation(
                clean, images.labels, batch_size=default_batch_size(images)
            )
        return share(network, found, images.labels)

    return {"scratchticket": ours, "pyautoattack": theirs}


def timed(runs: Runs, count: int) -> dict[str, Any]:
    """Run each in turn, several times.

    Returns:
        Of each: median, least and most seconds for 1,000 images, and the accuracy that is left.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    accuracy = {}
    for _ in range(PASSES):
        for name, run in runs.items():
            begun = time.perf_counter()
            accuracy[name] = run()
            seconds[name].append((time.perf_counter() - begun) * PER / count)
    return {
        name: {
            "median": median(taken),
            "min": min(taken),
            "max": max(taken),
            "accuracy": accuracy[name],
        }
        for name, taken in seconds.items()
    }


def limit(network: nn.Module, images: ImageSet, passed: int) -> float:
    """Return the seconds that so many images take to go forward and backward, in whole batches."""
    size = default_batch_size(images)
    some = repeated(images, size)
    clean, labels = pixels(some.images), some.labels
    rounds = max(3, min(20, passed // size))
    input_gradient(network, clean, labels, cross_entropy)
    begun = time.perf_counter()
    for _ in range(rounds):
        input_gradient(network, clean, labels, cross_entropy)
    return (time.perf_counter() - begun) / (rounds * size) * passed


def peak(ticket: Path, data: str, count: int, epsilon: str) -> int:
    """Return the most memory a process takes that attacks so many images, in bytes."""
    words = [sys.executable, __file__, str(ticket), "--data", data]
    words += ["--peak", str(count), "--epsilon", epsilon]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(done.stdout)


def measured(
    ticket: Path, data: str, count: int, queries: int, autoattack_count: int
) -> dict[str, Any]:
    """Return the row of a ticket."""
    loaded = st.Ticket.load(ticket)
    test = load_data(data_like(loaded.provenance, data, None)).test
    network = placed(loaded.build(), "cpu")
    images, few = repeated(test, count), repeated(test, autoattack_count)
    epsilon = halving(network, test[slice(count)])
    evaluated = evaluate(network, images, [Attack(PGD(), epsilon)])
    passed = evaluated.outcomes[0].forwards
    return {
        "network": loaded.network.name,
        "width": loaded.network.width,
        "remaining_ratio": loaded.remaining_ratio,
        "image_shape": list(loaded.image_shape),
        "data": Path(data).name,
        "epsilon": epsilon,
        "images": {"pgd": count, "autoattack": autoattack_count},
        "queries": queries,
        "pgd": timed(pgd_runs(network, images, epsilon), count),
        "pgd_limit": limit(network, images, passed) * PER / count,
        "autoattack": timed(autoattack_runs(network, few, epsilon, queries), autoattack_count),
        "peak_bytes": {str(n): peak(ticket, data, n, epsilon) for n in (count, 10 * count)},
        "machine": machine("cpu") | {"load_before": load()},
        "versions": versions(),
        "commit": commit(),
    }


def load() -> float:
    """Return the load average over a minute."""
    return os.getloadavg()[0]


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ticket", type=Path)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--images", type=int, default=PER)
    parser.add_argument("--autoattack-images", type=int, default=100)
    parser.add_argument("--queries", type=int, default=5000)
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--epsilon", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        loaded = st.Ticket.load(options.ticket)
        test = load_data(data_like(loaded.provenance, options.data, None)).test
        attack = [Attack(PGD(), options.epsilon)]
        evaluate(loaded.build(), repeated(test, options.peak), attack)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return
    row = measured(
        options.ticket, options.data, options.images, options.queries, options.autoattack_images
    )
    rows = (
        [json.loads(line) for line in RECORDS.read_text().splitlines()] if RECORDS.exists() else []
    )
    same = ("network", "width", "data", "image_shape", "remaining_ratio")
    rows = [r for r in rows if any(r[name] != row[name] for name in same)]
    write_atomically(RECORDS, "".join(json.dumps(r) + "\n" for r in [*rows, row]))
    for kind in ("pgd", "autoattack"):
        print(kind, {name: f"{told['median']:.2f} s" for name, told in row[kind].items()})


if __name__ == "__main__":
    main()
