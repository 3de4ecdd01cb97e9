"""Adversarial images in files: what is written, what is read back, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from linear_networks import Turned, known_data, known_images, right_under, subject

from scratchticket.attacks import FGSM, PGD, Attack, CarliniWagner, Noise, Stage
from scratchticket.attacks.method import Method
from scratchticket.base.errors import InputError, ScratchticketError
from scratchticket.data import ImageSet
from scratchticket.judging.adversarial import (
    COLUMNS,
    AdversarialImages,
    attacked_images,
    check_name,
    load,
    save,
    score,
)

FORMATS = [".npz", ".parquet"]


def mislabelled(images: ImageSet) -> ImageSet:
    """Return the images of which every fifth has a label the network does not give."""
    labels = images.labels.clone()
    labels[::5] = 1 - labels[::5]
    return images.labelled(labels)


def made(
    method: Method = FGSM(),
    epsilon: str | None = "0.02",
    norm: Any = "linf",
    images: ImageSet | None = None,
    **more: Any,
) -> AdversarialImages:
    images = mislabelled(known_images()) if images is None else images
    attack = Attack(method, epsilon, norm)
    return attacked_images(subject(), images, attack, data=known_data(), **more)


def test_every_image_is_attacked_and_described() -> None:
    images = mislabelled(known_images(300))  # two batches
    seen = []

    found = made(images=images, progress=lambda *now: seen.append(now), seed=7)

    assert torch.equal(found.originals, images.images)
    assert torch.equal(found.labels, images.labels)
    assert torch.equal(found.indices, torch.arange(300))
    network = subject().network
    assert torch.equal(found.predictions, network(found.images).argmax(dim=1))
    away = (found.images - images.images / 255).abs().flatten(1).amax(dim=1)
    torch.testing.assert_close(found.distances, away)
    assert found.fooled == 300 - int(right_under(images, 0.02).sum()) > 60
    assert seen == [("fgsm, linf, 0.02", 1, 2), ("fgsm, linf, 0.02", 2, 2)]
    assert found.metadata.attack.epsilon == "0.02"
    assert found.metadata.attack.title == "fgsm, linf, 0.02"
    assert found.metadata.subject.file == "linear.pt"
    assert found.metadata.seed == 7
    assert (found.name, found.classes, found.shape) == ("known", tuple("abcde"), (1, 8, 8))
    assert (found.mean, found.std) == ((0.5,), (0.2,))
    assert (found.metadata.data.part, found.metadata.data.of) == ("test", 40)


def test_distances_are_in_the_norm_of_the_attack() -> None:
    found = made(PGD(), "0.1", "l2")

    away = (found.images - found.originals / 255).flatten(1).norm(dim=1)
    torch.testing.assert_close(found.distances, away)
    assert float(away.max()) == pytest.approx(0.1, abs=1e-5)


def test_the_seed_is_that_of_the_random_starts() -> None:
    first, same, other = (made(Noise(1), seed=seed).images for seed in (0, 0, 1))

    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("method", "epsilon", "norm"),
    [
        (CarliniWagner(1, 5, learning_rate=0.01, constant=1.0), None, "l2"),
        (Stage("square", queries=9), "0.02", "linf"),
    ],
)
def test_images_that_an_attack_gives_back_unchanged_are_left_out(
    method: Method, epsilon: str | None, norm: str
) -> None:
    images = mislabelled(known_images(300))

    found = made(method, epsilon, norm, images)

    assert 0 < len(found) < 300
    assert (found.distances > 0).all()
    assert torch.equal(images.images[found.indices], found.originals)
    assert torch.equal(images.labels[found.indices], found.labels)
    assert int(found.indices.max()) > 255  # of the second batch too


def test_an_attack_that_fools_with_no_image_leaves_nothing_to_write() -> None:
    with pytest.raises(InputError, match="fooled the network on no image"):
        made(Stage("square", queries=2), "1/2550", images=known_images(5))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("method", "epsilon", "norm"), [(PGD(5), "0.02", "linf"), (CarliniWagner(2, 20), None, "l2")]
)
def test_what_is_written_is_read_back_to_the_bit(
    tmp_path: Path, suffix: str, method: Method, epsilon: str | None, norm: str
) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    first = made(method, epsilon, norm)

    save(first, tmp_path / f"a{suffix}")
    second = load(tmp_path / f"a{suffix}")

    assert second.metadata == first.metadata
    for name in COLUMNS:
        written, read = getattr(first, name), getattr(second, name)
        assert (read.dtype, read.shape) == (written.dtype, written.shape)
        assert torch.equal(read, written), name


def test_pixels_of_several_channels_keep_their_places_in_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    one = made()
    wide = replace(
        one,
        images=one.images.reshape(-1, 2, 4, 8),
        originals=one.originals.reshape(-1, 2, 4, 8),
        metadata=one.metadata.model_copy(
            update={"data": one.metadata.data.model_copy(update={"mean": (0, 0), "std": (1, 1)})}
        ),
    )

    save(wide, tmp_path / "a.parquet")

    assert load(tmp_path / "a.parquet").shape == (2, 4, 8)
    assert torch.equal(load(tmp_path / "a.parquet").images, wide.images)


def test_parquet_with_pixels_of_another_shape_than_it_states_is_refused(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    save(made(), path := tmp_path / "a.parquet")
    table = pq.read_table(path)
    stated = table.schema.metadata | {b"shape": b"[1, 4, 8]"}
    pq.write_table(table.replace_schema_metadata(stated), path)

    with pytest.raises(InputError, match="the images do not have the stated shape"):
        load(path)


def test_a_file_has_one_of_two_names_in_a_folder_that_exists(tmp_path: Path) -> None:
    check_name(tmp_path / "a.npz")
    with pytest.raises(InputError, match="in .npz or .parquet files, got 'a.png'"):
        check_name(tmp_path / "a.png")
    with pytest.raises(InputError, match="no such folder"):
        check_name(tmp_path / "none" / "a.npz")
    with pytest.raises(InputError, match="in .npz or .parquet files"):
        save(made(), tmp_path / "a.npy")
    with pytest.raises(InputError, match="no such file of adversarial images"):
        load(tmp_path / "a.npz")


Columns = dict[str, Any]


def moved(by: float) -> Callable[[Columns], Columns]:
    """Return a change that moves one pixel of one image."""

    def change(columns: Columns) -> Columns:
        images = columns["images"].copy()
        images[3, 0, 2, 5] += by
        return {"images": images}

    return change


def facts(part: str, **more: Any) -> Callable[[Columns], Columns]:
    def change(columns: Columns) -> Columns:
        told = json.loads(str(columns["facts"]))
        (told[part] if part else told).update(more)
        return {"facts": np.array(json.dumps(told))}

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (moved(0.05), "attack of .*a.npz left the ball: distance 0.0.*, epsilon 0.02"),
        (moved(0.9), "pixels outside"),
        (moved(np.nan), "pixels that are not finite"),
        (facts("attack", epsilon="0.019"), "left the ball"),
        (facts("attack", epsilon="0.1", norm="l2"), "left the ball: distance 0.1"),
        (facts("attack", epsilon="wide"), "must be a number"),
        (facts("", format=2), "a.npz is of another version of this program"),
        (facts("data", classes=["a"]), "damaged: a label is not one of its 1 classes"),
        (facts("data", mean=[0, 0], std=[1, 1]), "must have one value per channel, 1 in all"),
        (facts("data", std=[0]), "damaged at 'data.std.0'"),
        (facts("subject", file=None), "damaged at 'subject.file'"),
        (lambda c: {"labels": c["labels"] - 1}, "damaged: a label is not one of its 5 classes"),
        (lambda c: {"labels": c["labels"][1:]}, r"predictions are torch.int64 of shape \(40,\)"),
        (lambda c: {"labels": c["labels"].astype(np.int32)}, "damaged: labels are torch.int32"),
        (lambda c: {"images": c["images"].astype(np.float64)}, "images are torch.float64"),
        (lambda c: {"originals": c["originals"][:, :, :4]}, "originals are torch.uint8 of"),
        (lambda c: {"indices": c["indices"][1:]}, r"indices are torch.int64 of shape \(39,\)"),
        (lambda c: {name: c[name][:0] for name in COLUMNS}, "damaged: images are"),
    ],
)
def test_a_file_that_was_changed_is_refused(
    tmp_path: Path, change: Callable[[Columns], Columns], message: str
) -> None:
    save(made(), path := tmp_path / "a.npz")
    with np.load(path) as archive:
        columns = dict(archive)
    np.savez(path, **{**columns, **change(columns)})

    with pytest.raises(ScratchticketError, match=message):
        load(path)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("damage", [lambda whole: whole[:-9], lambda whole: b"words"])
def test_a_damaged_file_is_told_by_its_name(
    tmp_path: Path, suffix: str, damage: Callable[[bytes], bytes]
) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    save(made(), path := tmp_path / f"a{suffix}")
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(InputError, match=f"a{suffix} was not written by `attack`: "):
        load(path)


def test_at_any_distance_no_image_is_too_far(tmp_path: Path) -> None:
    far = made(CarliniWagner(2, 20), None, "l2")
    path = tmp_path / "a.npz"
    save(replace(far, images=1 - far.images), path)

    assert len(load(path)) == len(far)


def test_an_image_counts_only_if_its_original_is_right_too() -> None:
    images = mislabelled(known_images(300))
    found, turned = made(images=images), subject(Turned(), "turned.pt")

    own, other = score(found, subject()), score(found, turned)

    assert own.natural.correct == 240
    assert own.attacks[0].correct == int(right_under(images, 0.02).sum()) == 300 - found.fooled
    clean = turned.network(images.images / 255).argmax(dim=1) == images.labels
    attacked = turned.network(found.images).argmax(dim=1) == images.labels
    assert other.natural.correct == int(clean.sum())
    assert other.attacks[0].correct == int((clean & attacked).sum()) < int(attacked.sum())
    assert (other.natural.total, other.attacks[0].total) == (300, 300)
    row = other.attacks[0]
    assert row.title == "fgsm, linf, 0.02, made on linear.pt"
    assert (row.name, row.norm, row.epsilon) == ("fgsm", "linf", "0.02")
    assert row.made_on == {"file": "linear.pt"}
