"""What the page answers to what a visitor chose. Nothing here knows gradio.

Every value may come from anybody who can reach the page: all are checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from scratchticket.errors import InputError, ScratchticketError
from scratchticket.page.guard import is_upload
from scratchticket.page.pictures import MAX_BYTES, picture
from scratchticket.page.sets import MAX_TICKETS, TicketSet
from scratchticket.page.show import complaint, hint, preview
from scratchticket.page.trial import Question, Trial, try_attack

SAMPLE, UPLOADED = "a test image", "an upload"
UNKNOWN = "what the tickets say of it"


@dataclass(frozen=True)
class Upload:
    """What a visitor uploaded.

    Attributes:
        content: The file.
        name: As the visitor's machine calls it.
    """

    content: bytes
    name: str


class Page:
    """What the page's controls do; one for all visitors, so it keeps nothing of any.

    Args:
        sets: The tickets.
        folder: Where uploads arrive.
    """

    def __init__(self, sets: Sequence[TicketSet], folder: Path) -> None:
        self._sets, self._folder = {one.name: one for one in sets}, folder

    most = MAX_TICKETS  # tickets that can be asked at a time

    @property
    def names(self) -> list[str]:
        """Of the sets."""
        return list(self._sets)

    def chosen(self, name: object) -> TicketSet:
        """Return a set by its name.

        Raises:
            InputError: If there is none.
        """
        if not isinstance(name, str) or name not in self._sets:
            raise InputError("there is no such set of tickets")
        return self._sets[name]

    def upload(self, sent: object) -> Upload:
        """Take an upload out of its folder.

        Raises:
            InputError: If it is too large, or no upload.
        """
        named = sent.get("path") if isinstance(sent, dict) else None
        if not is_upload(named, self._folder):
            raise InputError("nothing was uploaded")
        path = Path(str(named))
        try:
            if path.stat().st_size > MAX_BYTES:
                raise InputError(f"the file is too large; at most {MAX_BYTES:,} bytes are read")
            return Upload(path.read_bytes(), path.name)
        finally:
            path.unlink()

    def image(
        self, name: object, kind: object, number: object, upload: Upload | None, invert: object
    ) -> tuple[Tensor, int | None, str]:
        """Return the image that is chosen, its class if that is known, and what it is.

        Raises:
            InputError: If there is none.
        """
        one = self.chosen(name)
        height, width = one.shape[1:]
        if kind == UPLOADED or one.samples is None:
            if upload is None:
                raise InputError("upload an image first")
            pixels = picture(upload.content, one.shape, invert=bool(invert))
            colour = "grey" if one.shape[0] == 1 else "colour"
            what = f"{upload.name}, cut to its middle, resized to {width} x {height}, {colour}"
            return pixels, None, what
        index = _whole(number, "test image")
        if not 0 <= index < len(one.samples):
            raise InputError(f"test images are numbered from 0 to {len(one.samples) - 1}")
        sample = one.samples[slice(index, index + 1)]
        label = int(sample.labels[0])
        return sample.images[0], label, f"test image {index} of {one.source}: {one.classes[label]}"

    def preview(self, *choice: Any) -> str:
        """Return the chosen image as the page shows it; see :meth:`image`."""
        try:
            pixels, _, what = self.image(*choice)
        except ScratchticketError as error:
            return hint(str(error)) if choice[3] is None else complaint(str(error))
        return preview(pixels, what)

    def attack(
        self, choice: Sequence[Any], truth: object, tickets: object, settings: Sequence[Any]
    ) -> Trial:
        """Attack the chosen image.

        Args:
            choice: Of the image; see :meth:`image`.
            truth: Name of an upload's right class, or :data:`UNKNOWN`.
            tickets: Names of the tickets.
            settings: Source, attack, epsilon, norm and steps.

        Raises:
            InputError: If something of it cannot be used.
        """
        one = self.chosen(choice[0])
        pixels, label, _ = self.image(*choice)
        if label is None and truth in one.classes:
            label = one.classes.index(str(truth))
        names = [name for name in one.tickets if isinstance(tickets, list) and name in tickets]
        source, attack, epsilon, norm, steps = settings
        count = _whole(steps, "steps")
        question = Question(tuple(names), source, attack, str(epsilon), norm, count)
        return try_attack(one, pixels, question, label=label)


def _whole(value: object, what: str) -> int:
    """Return a whole number that a visitor chose.

    Raises:
        InputError: If it is none.
    """
    if not isinstance(value, int | float) or not abs(value) < 1e9:
        raise InputError(f"{what} must be a whole number")
    return int(value)
