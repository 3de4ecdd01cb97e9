"""Files of adversarial images, made on one network and evaluated on any other."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from scratchticket.attacks import Attack, L2Ball, LinfBall, Stage
from scratchticket.base.accuracy import Accuracy
from scratchticket.base.errors import InputError, ScratchticketError, first_line
from scratchticket.base.files import parsed_json, read_bytes, write_atomically
from scratchticket.base.quantities import fraction
from scratchticket.base.record import (
    Accuracies,
    AdversarialMetadata,
    AttackedNetwork,
    AttackRow,
    BallAttack,
    DataFacts,
    read_as,
    to_json,
)
from scratchticket.data import Data, ImageSet, pixels
from scratchticket.evaluation import check_ready, counts, predictions, verified
from scratchticket.evaluation.answers import correct
from scratchticket.evaluation.engine import BATCH_SIZE, Batches, attacked_batches, device_of
from scratchticket.judging.formats import COLUMNS, arrow, read_npz, read_parquet, write_parquet
from scratchticket.judging.subject import Subject

FORMAT = 1
FORMATS = (".npz", ".parquet")


@dataclass(frozen=True, eq=False)
class AdversarialImages:
    """Adversarial images with everything needed to verify and evaluate them.

    Attributes:
        images: float32 in [0, 1], ``(n, channel, height, width)``.
        originals: uint8, of the same shape.
        labels: int64, ``(n,)``.
        predictions: Predictions of the attacked network: int64, ``(n,)``.
        distances: Distances from the originals, in the attack's norm: float32, ``(n,)``.
        indices: Index of each original among the images that were attacked: int64, ``(n,)``.
        metadata: The attack, the attacked network, the data, the seed.
    """

    images: Tensor
    originals: Tensor
    labels: Tensor
    predictions: Tensor
    distances: Tensor
    indices: Tensor
    metadata: AdversarialMetadata

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.metadata.data.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self.metadata.data.classes

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channel, height, width)`` of one image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def mean(self) -> tuple[float, ...]:
        """Per-channel mean of the data's training pixels."""
        return self.metadata.data.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Per-channel standard deviation of the data's training pixels."""
        return self.metadata.data.std

    @property
    def fooled(self) -> int:
        """Number of images that the attacked network misclassifies."""
        return int((self.predictions != self.labels).sum())


def attacked_images(  # noqa: PLR0913
    subject: Subject,
    images: ImageSet,
    attack: Attack,
    *,
    data: Data,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> AdversarialImages:
    """Attack images, including those that the network misclassifies.

    An image is left out if the attack fails and returns it unchanged, as CW-L2 and the four attacks
    of AutoAttack do.

    Args:
        subject: The attacked network.
        images: Images to attack.
        attack: The attack, with its ball.
        data: Data set of the images.
        seed: Seed of all random draws.
        progress: Called after each batch.

    Raises:
        InputError: If no image is left.
        ScratchticketError: If the attack returns an image outside its ball or outside [0, 1].
    """
    found: dict[str, list[Tensor]] = {name: [] for name in COLUMNS}
    indices = torch.split(torch.arange(len(images)), BATCH_SIZE)
    attacked = attacked_batches(attack, subject.network, images, seed)
    for done, (stored, clean, adversarial) in enumerate(attacked, start=1):
        moved = torch.ones_like(stored.labels, dtype=torch.bool)
        if attack.method.nearest or isinstance(attack.method, Stage):
            moved = (adversarial != clean).flatten(1).any(dim=1)
        values = (
            adversarial,
            stored.images,
            stored.labels,
            predictions(subject.network, adversarial),
            attack.ball.distance(adversarial, clean),
            indices[done - 1].to(moved.device),
        )
        for name, value in zip(COLUMNS, values, strict=True):
            found[name].append(value[moved].cpu())
        progress(str(attack), done, len(indices))
    metadata = AdversarialMetadata(
        attack=BallAttack(**attack.facts()),
        subject=AttackedNetwork(**subject.description),
        data=DataFacts(**data.judged, classes=data.classes, mean=data.mean, std=data.std),
        seed=seed,
    )
    together = {name: torch.cat(parts).contiguous() for name, parts in found.items()}
    if len(together["labels"]) == 0:
        raise InputError(f"{attack} fooled the network on no image, so there is none to write")
    return AdversarialImages(**together, metadata=metadata)


def save(adversarial: AdversarialImages, path: Path) -> None:
    """Write an ``.npz`` or ``.parquet`` file, by its suffix.

    Raises:
        InputError: If the suffix is another one, or the file cannot be written.
    """
    check_name(path)
    columns = {name: getattr(adversarial, name).numpy() for name in COLUMNS}
    metadata = json.dumps({"format": FORMAT} | to_json(adversarial.metadata))
    content = io.BytesIO()
    if path.suffix == ".npz":
        np.savez_compressed(content, facts=np.array(metadata), **columns)
    else:
        write_parquet(columns, metadata, content)
    write_atomically(path, content.getvalue())


def check_name(path: Path) -> None:
    """Raise an error for an unusable file name, before anything is computed.

    Raises:
        InputError: If it ends in neither ``.npz`` nor ``.parquet``, or its folder or pyarrow is
            missing.
    """
    if path.suffix not in FORMATS:
        raise InputError(f"adversarial images are in .npz or .parquet files, got {path.name!r}")
    if not path.parent.is_dir():
        raise InputError(f"no such folder: {path.parent}")
    if path.suffix == ".parquet":
        arrow()


def load(path: Path) -> AdversarialImages:
    """Load and verify a file written by :func:`save`.

    Raises:
        InputError: If the file is damaged or of another version.
        ScratchticketError: If images lie outside the ball that the file states.
    """
    check_name(path)
    content = io.BytesIO(read_bytes(path, "file of adversarial images"))
    try:
        columns, metadata = (read_npz if path.suffix == ".npz" else read_parquet)(content)
        stored = parsed_json(metadata)
        if stored.pop("format") != FORMAT:
            raise InputError(
                f"{path} is of another version of this program; make it again with `attack`"
            )
        adversarial = AdversarialImages(
            **{name: torch.from_numpy(columns[name]) for name in COLUMNS},
            metadata=read_as(AdversarialMetadata, stored, path),
        )
        _check(adversarial, path)
    except ScratchticketError:
        raise
    except Exception as error:  # a damaged file may make NumPy and Arrow raise anything
        raise InputError(f"{path} was not written by `attack`: {first_line(error)[:80]}") from None
    return adversarial


def score(adversarial: AdversarialImages, subject: Subject) -> Accuracies:
    """Return the accuracies of a network on the originals and on the adversarial images.

    An adversarial image counts as correct only if its original is classified correctly, too.
    """
    network, classes = subject.network, int(adversarial.labels.max()) + 1
    check_ready(network)
    originals = ImageSet(adversarial.originals, adversarial.labels)
    batches, natural, robust = Batches(originals, device_of(network)), 0, 0
    for batch, attacked in enumerate(torch.split(adversarial.images, batches.size)):
        stored, clean = batches.batch(batch)
        right = correct(network, clean, stored.labels, classes)
        natural += int(right.sum())
        right &= correct(network, attacked.to(batches.device), stored.labels, classes)
        robust += int(right.sum())
    attack, made_on = adversarial.metadata.attack, adversarial.metadata.subject
    facts = to_json(attack) | {"title": f"{attack.title}, made on {made_on.file}"}
    accuracy = counts(Accuracy(robust, len(adversarial)))
    row = AttackRow(**facts, made_on=to_json(made_on), **dict(accuracy))
    return Accuracies(natural=counts(Accuracy(natural, len(adversarial))), attacks=(row,))


def _check(adversarial: AdversarialImages, path: Path) -> None:
    """Raise an error unless all columns are valid and all images lie inside the stated ball."""
    shape, n = adversarial.images.shape, len(adversarial)
    types = (torch.float32, torch.uint8, torch.int64, torch.int64, torch.float32, torch.int64)
    for name, kind in zip(COLUMNS, types, strict=True):
        value = getattr(adversarial, name)
        wanted = shape if name in ("images", "originals") else (n,)
        if value.dtype != kind or value.shape != wanted or len(shape) != 4 or n == 0:
            raise InputError(
                f"{path} is damaged: {name} are {value.dtype} of shape {tuple(value.shape)}"
            )
    channels, classes = shape[1], len(adversarial.classes)
    if not len(adversarial.mean) == len(adversarial.std) == channels:
        raise InputError(
            f"{path} is damaged: mean and std must have one value per channel, {channels} in all"
        )
    if not 0 <= int(adversarial.labels.min()) <= int(adversarial.labels.max()) < classes:
        raise InputError(f"{path} is damaged: a label is not one of its {classes} classes")
    attack = adversarial.metadata.attack
    radius = float("inf") if attack.epsilon is None else float(fraction(attack.epsilon, "epsilon"))
    ball = LinfBall(radius) if attack.norm == "linf" else L2Ball(radius)
    verified(adversarial.images, pixels(adversarial.originals), ball, f"of {path}")
