"""Known data sets by name, against local folders in the hub's exact layout."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchticket.base.errors import InputError
from scratchticket.base.rng import Array
from scratchticket.data import DataRecipe, load_data
from scratchticket.data.known import KNOWN_SETS

datasets = pytest.importorskip("datasets")
hub = pytest.importorskip("huggingface_hub")

Parts = dict[str, tuple[Sequence[Any], dict[str, Sequence[int]]]]
SPLITS = """---
dataset_info:
- config_name: {config}
  splits:
  - name: train
    num_examples: 50000
  - name: extra
    num_examples: 531131
configs:
- config_name: {config}
  data_files:
  - split: train
    path: {config}/train-*
  default: true
---
"""


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the library stores in the test's own folder, and its progress bars quiet."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "downloads")
    datasets.disable_progress_bars()


@pytest.fixture
def clone(tmp_path: Path, write_table: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes a copy of a hub repository and lets its name mean the copy."""

    def make(name: str, config: str, parts: Parts, **options: Any) -> Path:
        home = tmp_path / name
        home.mkdir()
        (home / "README.md").write_text(SPLITS.format(config=config))
        for part, (images, columns) in parts.items():
            path = home / config / f"{part}-00000-of-00001.parquet"
            write_table(path, images, columns, **options)
        monkeypatch.setitem(KNOWN_SETS, name, replace(KNOWN_SETS[name], repository=str(home)))
        return home

    return make


def test_cifar10(clone: Any, pictures: Array) -> None:
    labels = [i % 2 for i in range(40)]
    parts: Parts = {
        "train": (pictures, {"label": labels}),
        "test": (pictures[:6], {"label": labels[:6]}),
    }
    names = {"label": ["airplane", "truck"]}
    home = clone("cifar10", "plain_text", parts, classes=names, image="img")

    data = load_data("cifar10")

    assert (data.name, data.classes) == ("cifar10", ("airplane", "truck"))
    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 6)
    np.testing.assert_array_equal(data.test.images, pictures[:6].transpose(0, 3, 1, 2))
    assert data.mean == KNOWN_SETS["cifar10"].published.mean
    assert load_data(DataRecipe("cifar10", normalisation="released")).mean == (0.491, 0.482, 0.447)
    local = load_data(home)  # the same images: the same split
    assert local.validation.images.equal(data.validation.images)


def test_cifar100_has_fine_and_coarse_labels(clone: Any, pictures: Array) -> None:
    columns = {"fine_label": [i % 4 for i in range(40)], "coarse_label": [i % 2 for i in range(40)]}
    names = {"fine_label": list("wxyz"), "coarse_label": ["u", "v"]}
    parts: Parts = {"train": (pictures, columns), "test": (pictures, columns)}
    home = clone("cifar100", "cifar100", parts, classes=names, image="img")

    data = load_data("cifar100")

    assert data.classes == tuple("wxyz")
    assert data.notes == ("columns not used: coarse_label",)
    assert load_data(DataRecipe("cifar100", label_column="coarse_label")).classes == ("u", "v")
    with pytest.raises(InputError, match="column could be fine_label or coarse_label; choose"):
        load_data(home)
    copied = load_data("cifar100", place=str(home))  # a known name says which
    assert (copied.name, copied.classes) == ("cifar100", data.classes)
    assert copied.validation.images.equal(data.validation.images)


def test_svhn_is_read_without_its_extra_part(clone: Any, pictures: Array) -> None:
    labels = {"label": [i % 10 for i in range(40)]}
    parts: Parts = {
        "train": (pictures, labels),
        "test": (pictures, labels),
        "extra": ([b"no image"], {"label": [-7]}),
    }
    names = {"label": [str(i) for i in range(10)]}
    home = clone("svhn", "cropped_digits", parts, classes=names)

    data = load_data("svhn")

    assert data.classes == tuple("0123456789")
    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 40)
    assert data.mean == (0.4377, 0.4438, 0.4728)
    local = load_data(home)
    assert local.train.images.equal(data.train.images)
    assert re.match(r"not read: 1 file, such as .*/extra-00000", local.notes[0])


def test_imagenet_is_resized_converted_and_judged_on_its_validation_part(
    clone: Any, pictures: Array, encode: Callable[..., bytes]
) -> None:
    photographs = [np.kron(pictures[i], np.ones((30 + i, 28, 1), np.uint8)) for i in range(20)]
    photographs[3] = photographs[3][:, :, 0]
    images = [encode(photograph, "jpeg") for photograph in photographs]
    columns = {"label": [i % 2 for i in range(20)]}
    parts: Parts = {
        "train": (images, columns),
        "validation": (images[:4], {"label": [0, 1, 0, 1]}),
        "test": (images[:2], {"label": [-1, -1]}),
    }
    home = clone("imagenet", "data", parts, classes={"label": ["tench", "tissue"]})

    data = load_data("imagenet")

    assert data.shape == (3, 224, 224)
    assert data.recipe == DataRecipe("imagenet")
    assert (len(data.train), len(data.validation), len(data.test)) == (18, 2, 4)
    local = load_data(DataRecipe(str(home), size=224, colour="rgb", lazy=True))
    assert local.notes[0] == "no labelled test part: the validation part is used for testing"
    assert local.test.images.equal(data.test.images)


def test_a_local_imagenet_is_recognised(tmp_path: Path, write_table: Callable[..., Path]) -> None:
    mean = np.array(KNOWN_SETS["imagenet"].published.mean) * 255
    image = np.broadcast_to(mean.round().astype(np.uint8), (9, 8, 3))
    [(_, first, last), _] = KNOWN_SETS["imagenet"].classes
    names = [first, *map(str, range(998)), last]
    labels = [*range(1000), *range(1000)]
    for part in ("train", "validation"):
        path = tmp_path / "data" / f"{part}-00000-of-00001.parquet"
        write_table(path, [image] * 2000, {"label": labels}, classes={"label": names})

    data = load_data(DataRecipe(str(tmp_path), size=8))

    assert data.mean == (0.485, 0.456, 0.406)
    assert data.notes[-1] == "recognised as imagenet by its classes and its mean pixel"


def test_a_hub_out_of_reach_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(self: Any, repository: str, *, timeout: float) -> None:
        assert (repository, timeout) == ("ILSVRC/imagenet-1k", 10)
        raise ConnectionError("[Errno -2] Name or service\nnot known")

    def nothing(repository: str, **options: Any) -> None:
        raise hub.errors.LocalEntryNotFoundError("no earlier download")

    monkeypatch.setattr(hub.HfApi, "dataset_info", unreachable)
    monkeypatch.setattr(hub, "snapshot_download", nothing)

    with pytest.raises(InputError) as caught:
        load_data("imagenet")

    assert str(caught.value) == (
        "cannot get imagenet from the hub (ILSVRC/imagenet-1k): [Errno -2] Name or service not "
        "known; accept its terms on its page and run `hf auth login`, or give the path of a local "
        "copy (--data PATH; for the verb run, --data imagenet=PATH)"
    )


def test_without_the_hub_an_earlier_download_is_used(
    clone: Any, pictures: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {"label": [i % 2 for i in range(40)]}
    parts: Parts = {"train": (pictures, columns), "test": (pictures, columns)}
    home = clone("cifar10", "plain_text", parts, classes={"label": ["a", "b"]}, image="img")
    known = replace(KNOWN_SETS["cifar10"], repository="uoft-cs/cifar10")
    monkeypatch.setitem(KNOWN_SETS, "cifar10", known)
    monkeypatch.setattr(hub.HfApi, "dataset_info", None)  # fails however it is called
    asked = []

    def earlier(*arguments: Any, **options: Any) -> str:
        asked.append((arguments, options))
        return str(home)

    monkeypatch.setattr(hub, "snapshot_download", earlier)

    assert len(load_data("cifar10").test) == 40
    assert asked == [(("uoft-cs/cifar10",), {"repo_type": "dataset", "local_files_only": True})]

    train = home / "plain_text/train-00000-of-00001.parquet"
    train.rename(train.with_name("train-00000-of-00002.parquet"))  # interrupted half-way
    with pytest.raises(InputError, match="train-00001-of-00002.parquet is missing"):
        load_data("cifar10")


@pytest.mark.parametrize("module", ["datasets", "pyarrow"])
def test_a_missing_package_is_one_line(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hub", "parquet", "tables", "columns"):
        monkeypatch.delitem(sys.modules, f"scratchticket.data.{name}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "train.parquet").write_bytes(b"")
    source = "cifar10" if module == "datasets" else tmp_path

    with pytest.raises(
        InputError, match=rf"needs the package {module}: pip install 'scratchticket"
    ):
        load_data(source)
