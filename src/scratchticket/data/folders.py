"""Image folders: one folder per class, optionally inside one folder per part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from functools import partial
from os.path import realpath
from pathlib import Path

from scratchticket.base.errors import InputError
from scratchticket.base.files import MAX_JSON, read_bytes
from scratchticket.data.source import (
    PARTS,
    Part,
    Source,
    check_one_each,
    files_digest,
    is_visible,
    natural,
    part_named,
    part_within,
    unread_note,
)

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
)
# Folder of all images in Tiny-ImageNet's validation part, where a file lists their classes.
ANNOTATED = "images"


def folder_source(root: Path) -> Source:
    """Return the source of a folder with ``CLASS/IMAGE.png``, or ``PART/CLASS/IMAGE.png``.

    Class folders may have subfolders. Hidden and system files are ignored; a note counts all other
    files that are not read. Links are followed if they stay inside ``root``.

    Raises:
        InputError: If there is no class folder, a class has no image, an image has no class, two
            folders may be the same part, or a link leads out of ``root``.
    """
    home, parts = _real(root), _parts(root)
    found: dict[str, list[tuple[Path, str]]] = {}
    for part, folder in parts.items():
        train = {label for _, label in found.get("train", ())}
        if images := _images(folder, train):
            found[part] = images
    by_name = sorted(found, key=lambda part: natural(parts[part].name))
    files = [path for part in by_name for path, _ in found[part]]
    for path in {image.parent for image in files} | {path for path in files if path.is_symlink()}:
        if not _real(path).is_relative_to(home):  # a downloaded archive may contain such links
            raise InputError(
                f"{path} is, or is reached through, a link that leads out of {home}; replace the "
                "link by a copy"
            )
    return Source(
        str(root),
        {part: _part(images) for part, images in found.items()},
        None,
        partial(files_digest, root, files),
        unread_note(root, files, SUFFIXES),
    )


def _parts(root: Path) -> dict[str, Path]:
    """Return the folder of each part, the training part first.

    A folder is a part if its name is a part's, such as ``train`` or ``test``. If no folder is, the
    folders whose names contain a part's name are parts, provided that they include a training part
    and at least one other. If there are no parts, ``root`` is the training part and its folders are
    classes, which may have any name. Ambiguous names are an error.
    """
    folders = [folder for folder in _folders(root) if any(_images_below(folder))]
    named = _grouped(folders, part_named)
    alone = all(part_named(folder.name) and _folders(folder) for folder in folders)
    if any(map(_folders, named.get("train", ()))):
        others = [folder.name for folder in folders if not part_within(folder.name)]
        if len(named) == 1 and others:
            raise InputError(
                f"{root}: train could be the training part or a class like {', '.join(others)}; "
                f"if it is the part, give {root / 'train'}; if it is a class, put its images "
                "directly into it, without subfolders"
            )
    elif not (folders and alone):
        named = _grouped([folder for folder in folders if _folders(folder)], part_within)
        if not ("train" in named and len(named) > 1):
            return {"train": root}
    check_one_each(root, {part: [folder.name for folder in some] for part, some in named.items()})
    if len(named) == 1:
        return {"train": next(iter(named.values()))[0]}
    return {part: named[part][0] for part in PARTS if part in named}


def _grouped(folders: list[Path], part_of: Callable[[str], str | None]) -> dict[str, list[Path]]:
    """Return the folders that belong to a part, by part."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        if (part := part_of(folder.name)) is not None:
            found.setdefault(part, []).append(folder)
    return found


def _real(path: Path) -> Path:
    """Return a path with all links resolved; for a cycle of links, one of them."""
    return Path(realpath(path))


def _part(images: list[tuple[Path, str]]) -> Part:
    """Return a part from image files with their classes."""
    paths = [path for path, _ in images]
    labels = [label for _, label in images]
    return Part(labels, lambda: paths, lambda index: str(paths[index]), paths.__getitem__)


def _images(folder: Path, train: Set[str]) -> list[tuple[Path, str]]:
    """Return the images of one part with their classes.

    ``train`` holds the classes of the training part, and is empty for the training part itself. A
    part without classes, such as Tiny-ImageNet's test part, has no images.
    """
    for path in _visible(folder):
        if _is_image(path):
            raise InputError(f"{path} lies in no class folder; expected {folder}/CLASS/{path.name}")
    labels = _folders(folder)
    if [label.name for label in labels] == [ANNOTATED] and ANNOTATED not in train:
        for path in _visible(folder):
            if path.name.endswith("_annotations.txt"):
                return _annotated(labels[0], path)
        if train:
            return []
    images = []
    for label in labels:
        chosen = sorted(_images_below(label))
        if not chosen:
            if table := next(label.rglob("*.parquet"), None):
                raise InputError(f"{folder} holds no images; for Parquet data, give {table.parent}")
            raise InputError(f"class folder {label} holds no image ({', '.join(sorted(SUFFIXES))})")
        images += [(path, label.name) for path in chosen]
    if not images:
        raise InputError(f"{folder} holds no class folders; expected {folder}/CLASS/IMAGE.png")
    return images


def _annotated(folder: Path, listing: Path) -> list[tuple[Path, str]]:
    """Return images with the classes that a file lists, as in Tiny-ImageNet's validation part.

    Each line of ``listing`` starts with an image's name, a tab and its class.
    """
    if listing.is_symlink():
        raise InputError(f"{listing} is a link; replace it by a copy of the file")
    text = read_bytes(listing, "list of classes", MAX_JSON).decode(errors="replace")
    lines = (line.split("\t") for line in text.splitlines())
    classes = {line[0]: line[1].strip() for line in lines if len(line) > 1}
    images = sorted(_images_below(folder))
    for path in images:
        if path.name not in classes:
            raise InputError(f"{listing} has no class for {path.name}")
    return [(path, classes[path.name]) for path in images]


def _images_below(folder: Path) -> Iterator[Path]:
    """Yield the visible images of a folder and its subfolders, in any order."""
    for path in folder.rglob("*"):
        if _is_image(path) and all(map(is_visible, path.relative_to(folder).parts)):
            yield path


def _folders(folder: Path) -> list[Path]:
    """Return the visible subfolders, sorted with numbers by value."""
    return sorted((p for p in _visible(folder) if p.is_dir()), key=lambda p: natural(p.name))


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if is_visible(path.name)]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES
