"""Decoded pixels are stored once, whole, and never trusted blindly."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from scratchticket.base.errors import InputError
from scratchticket.data.cache import Put, cached, folder

SHAPE = (5, 1, 4, 4)
PIXELS = np.arange(80, dtype=np.uint8).reshape(SHAPE)
KEY = "0123abcd"


def fill(put: Put) -> None:
    for index in (3, 1, 0, 4, 2):
        put(index, PIXELS[index])


def never(put: Put) -> None:
    raise AssertionError("decoded again")


def get(made_by: Callable[[Put], None] = fill) -> tuple[torch.Tensor, str | None]:
    return cached(KEY, lambda: SHAPE, made_by)


def test_what_was_stored_comes_back_without_decoding(cache: Path) -> None:
    first, _ = get()
    second, note = get(never)

    assert note is None
    for pixels in (first, second):
        np.testing.assert_array_equal(pixels.numpy(), PIXELS)
    assert [path.name[:8] for path in cache.iterdir()] == [KEY]


def test_writing_to_the_tensor_leaves_the_file_alone() -> None:
    get()[0].fill_(7)

    np.testing.assert_array_equal(get(never)[0].numpy(), PIXELS)


@pytest.mark.parametrize("harm", ["byte", "truncated", "empty", "renamed"])
def test_a_damaged_file_is_made_again(cache: Path, harm: str) -> None:
    get()
    [path] = cache.iterdir()
    content = bytearray(path.read_bytes())
    if harm == "byte":
        content[-1] ^= 1
    elif harm == "renamed":
        path = path.rename(cache / f"{KEY}.npy")
    path.write_bytes({"truncated": content[:-1], "empty": b""}.get(harm, content))

    pixels, note = get()

    np.testing.assert_array_equal(pixels.numpy(), PIXELS)
    assert note is None
    np.testing.assert_array_equal(get(never)[0].numpy(), PIXELS)


def test_a_failure_on_the_way_leaves_nothing_behind(cache: Path) -> None:
    def fail(put: Put) -> None:
        put(0, PIXELS[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(fail)

    assert list(cache.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_a_note(cache: Path) -> None:
    cache.write_text("a file where the folder should be")

    pixels, note = get()

    np.testing.assert_array_equal(pixels.numpy(), PIXELS)
    assert note == f"the cache folder {cache} cannot be used (File exists): decoded into memory"


def test_a_full_disk_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    pixels, note = get()

    np.testing.assert_array_equal(pixels.numpy(), PIXELS)
    assert note is not None
    assert "No space left on device" in note


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCRATCHTICKET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert folder() == Path("/somewhere/scratchticket")

    monkeypatch.delenv("XDG_CACHE_HOME")
    assert folder() == Path.home() / ".cache" / "scratchticket"

    for name, place in (("XDG_CACHE_HOME", "scratchticket"), ("SCRATCHTICKET_CACHE", "")):
        monkeypatch.setenv(name, "~/mine")
        assert folder() == Path.home() / "mine" / place


def test_without_a_home_pixels_stay_in_memory_and_a_note_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SCRATCHTICKET_CACHE", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # of a user without an entry
    with pytest.raises(InputError, match="no home folder .*; set SCRATCHTICKET_CACHE"):
        folder()

    pixels, note = get()

    np.testing.assert_array_equal(pixels.numpy(), PIXELS)
    assert note is not None
    assert "no home folder to cache images in; set SCRATCHTICKET_CACHE" in note
