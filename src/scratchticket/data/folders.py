"""Image folders: one folder per class, in one folder per part or in none."""

from __future__ import annotations

from functools import partial
from os.path import realpath
from pathlib import Path

from scratchticket.data.source import Part, Source, files_digest, natural, part_named
from scratchticket.errors import InputError

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
)


def folder_source(root: Path) -> Source:
    """Find ``train/CLASS/*.png`` and the like, or ``CLASS/*.png``; classes are named by folders.

    A class folder may have folders in it. Hidden files are not looked at, other files that are no
    images are not read. Links are followed as long as they stay inside ``root``.

    Raises:
        InputError: If there is no class folder, a class has no image, an image has no class, or a
            link leads elsewhere.
    """
    home = _real(root)
    folders = _folders(root)
    parts = {part: folder for folder in folders if (part := part_named(folder.name))}
    skipped = [folder for folder in folders if folder not in parts.values()]
    if not ("train" in parts and _folders(parts["train"])):  # a class may be called "train"
        parts, skipped = {"train": root}, []
    found = {part: _images(folder, skipped) for part, folder in parts.items()}
    files = [path for images in found.values() for path, _ in images]
    for path in {image.parent for image in files} | {path for path in files if path.is_symlink()}:
        if not _real(path).is_relative_to(home):  # what was packed must not pick what is read
            raise InputError(f"{path} is a link out of {home}, or behind one; put a copy there")
    return Source(
        str(root),
        {part: _part(images) for part, images in found.items()},
        None,
        partial(files_digest, root, files),
        (f"not read: {len(skipped)} that are no images of a part, such as {skipped[0]}",)
        if skipped
        else (),
    )


def _real(path: Path) -> Path:
    """Return where links lead to; for a circle of links, some link in it."""
    return Path(realpath(path))


def _part(images: list[tuple[Path, str]]) -> Part:
    """Return a part of images with their classes; an image is named by its file."""
    paths = [path for path, _ in images]
    labels = [label for _, label in images]
    return Part(labels, lambda: paths, lambda index: str(paths[index]), paths.__getitem__)


def _images(folder: Path, skipped: list[Path]) -> list[tuple[Path, str]]:
    """Return the images of one part with their classes; add other files to ``skipped``."""
    for path in _visible(folder):
        if _is_image(path):
            raise InputError(f"{path} lies in no class folder; expected {folder}/CLASS/{path.name}")
    images = []
    for label in _folders(folder):
        files = [path for path in sorted(label.rglob("*")) if _is_visible(path, label)]
        chosen = [path for path in files if _is_image(path)]
        if not chosen:
            raise InputError(f"class folder {label} holds no image ({', '.join(sorted(SUFFIXES))})")
        images += [(path, label.name) for path in chosen]
        skipped += [path for path in files if not _is_image(path) and path.is_file()]
    if not images:
        raise InputError(f"{folder} holds no class folders; expected {folder}/CLASS/IMAGE.png")
    return images


def _folders(folder: Path) -> list[Path]:
    """Return the visible subfolders, sorted with numbers by value."""
    return sorted((p for p in _visible(folder) if p.is_dir()), key=lambda p: natural(p.name))


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _is_visible(path: Path, folder: Path) -> bool:
    return not any(name.startswith(".") for name in path.relative_to(folder).parts)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES
