"""The cost of a job in multiply-accumulate operations, computed from its settings."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from functools import cache
from statistics import mean

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from scratchticket.base.errors import InputError
from scratchticket.base.files import canonical_json
from scratchticket.data import Extent, extent, pixels
from scratchticket.evaluation import Balls, balls
from scratchticket.judging.cost import evaluation_passes, switch_passes, transfer_passes
from scratchticket.networks import NetworkRecipe, fast_convolutions, outline, placed
from scratchticket.runs.cost import forward_passes, judging_share
from scratchticket.runs.recipe import BesideRecipe, Recipe
from scratchticket.sweeps.job import DENSE, START, Job
from scratchticket.sweeps.perform import attacks_in

_STEP = 3  # passes in a training step: forward, and backward to images and to weights
_MEASURED = 2e9  # operations of a measured step, which take a fraction of a second on one core
_MEASURED_SECONDS = 0.3  # duration of the measurement; the fastest step counts


def operations(job: Job) -> float | None:
    """Return an upper bound on the multiply-accumulate operations of a job.

    Attacks count with all their steps on all images; see :mod:`scratchticket.judging.cost`.

    Returns:
        None if the size of the data is unknown until they are read, the network cannot be traced,
        or the settings are invalid.
    """
    try:
        if (size := extent(job.data)) is None:
            return None
        subjects = [job] if job.kind == "run" else list(job.needs.values())
        costs = [_operations_per_image(_network(subject), size) for subject in subjects]
        known = [cost for cost in costs if cost is not None]
        return mean(known) * _image_passes(job, size) if len(known) == len(costs) else None
    except InputError:  # the job itself will fail with this error
        return None


def _image_passes(job: Job, size: Extent) -> float:
    """Return the number of forward passes of a job, each of one image through one network."""
    if job.kind == "run":
        recipe = _recipe(job)
        share = judging_share(recipe, size.train, size.test)
        return forward_passes(recipe) * size.train * (1 + share)
    settings, names = job.settings, list(job.needs)
    images = settings.get("images") or size.test
    if job.kind == "features":
        return images * len(names) * len(settings["epsilons"]) * 2  # clean and perturbed
    where = _balls(job, size)
    if job.kind == "judge":
        return images * evaluation_passes(attacks_in(settings, where, size.classes))
    if job.kind == "transfer":
        return images * transfer_passes(names, where)
    members = [name for name in names if name != DENSE]
    return images * switch_passes(
        settings.get("suite", "quick"), members, where, size.classes, dense=DENSE in names
    )


def _recipe(job: Job) -> Recipe:
    """Return the recipe of a run, including the tickets that its inner attack attacks as well."""
    others = tuple(need.id for role, need in job.needs.items() if role != START)
    return replace(job.recipe, beside=BesideRecipe(sha256=others))


def _network(job: Job) -> NetworkRecipe:
    """Return the network of a run; if it starts from another run, that run's network."""
    while START in job.needs:
        job = job.needs[START]
    return job.recipe.network


def _balls(job: Job, size: Extent) -> Balls:
    """Return the balls of an evaluation; the default is derived from its first network's attack."""
    attack, settings = next(iter(job.needs.values())).recipe.attack, job.settings
    radii = {name: tuple(settings.get(name, ())) for name in ("epsilons", "l2")}
    return balls(str(attack.epsilon), attack.norm, size.shape, **radii)


def _operations_per_image(network: NetworkRecipe, size: Extent) -> float | None:
    """Return the multiply-accumulate operations of a forward pass of one image."""
    return _traced(canonical_json(asdict(network)), size.shape, size.classes)


@cache
def _traced(network: str, shape: tuple[int, int, int], classes: int) -> float | None:
    """Return the operations of the convolutions and linear layers, computed from shapes.

    Args:
        network: Recipe of the network, as JSON.
        shape: Shape of an image.
        classes: Number of logits.

    Returns:
        None if the network, which may be a user's, cannot be traced.
    """
    recipe, counts = NetworkRecipe(**json.loads(network)), []

    def count(layer: nn.Module, given: object, output: object) -> None:
        weight = getattr(layer, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim > 1 and isinstance(output, Tensor):
            counts.append(weight.numel() * output.numel() / len(weight))

    try:
        module = outline(recipe, classes=classes, image_shape=shape).eval()
        for layer in module.modules():
            layer.register_forward_hook(count)
        with torch.no_grad():
            module(torch.empty(1, *shape, device="meta"))
    except Exception:  # user code may raise anything
        return None
    return sum(counts) or None


def seconds_per_operation(job: Job, threads: int) -> float:
    """Measure the time of an operation on this machine's CPU; takes about a second.

    Training steps of a network like the job's, on a few images, are timed.

    Args:
        job: A job whose :func:`operations` are known.
        threads: Number of threads to compute with.
    """
    while job.kind != "run":
        job = next(iter(job.needs.values()))
    network, size = _network(job), extent(job.data)
    assert size is not None
    per_image = _operations_per_image(network, size)
    assert per_image is not None
    count = int(_MEASURED / (_STEP * per_image))
    count = max(1, min(job.recipe.learning.batch_size, count))
    module = outline(network, classes=size.classes, image_shape=size.shape).to_empty(device="cpu")
    for value in (*module.parameters(), *module.buffers()):
        value.data.fill_(0.01)  # uninitialised values, such as denormals, may be much slower
    module = fast_convolutions(placed(module, "cpu"))
    images = pixels(torch.zeros(count, *size.shape, dtype=torch.uint8))
    labels = torch.zeros(count, dtype=torch.int64)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    took: list[float] = []
    try:
        while sum(took) < _MEASURED_SECONDS:
            begun = time.perf_counter()
            loss = cross_entropy(module(images.requires_grad_()), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            took.append(time.perf_counter() - begun)
    finally:
        torch.set_num_threads(before)
    return min(took) / (_STEP * per_image * count)
