"""What the page answers to what a visitor chose. Nothing here knows gradio.

Every value may come from anybody who can reach the page: all are checked.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from torch import Tensor

from scratchticket.base.errors import InputError, ScratchticketError
from scratchticket.page.each import EACH, aimed, try_each
from scratchticket.page.guard import delete_upload, is_upload
from scratchticket.page.pictures import MAX_BYTES, picture
from scratchticket.page.sets import MAX_TICKETS, TicketSet
from scratchticket.page.show import Attacked, complaint, hint, preview
from scratchticket.page.trial import Question, Trial, try_attack

SAMPLE, UPLOADED = "a test image", "an upload"
UNKNOWN = "not known"
UPLOADS, ATTACKS_HELD = 16, 32  # of all visitors together; of more, the oldest are forgotten
WAITING = 16  # attacks that wait for their turn
LONGEST = 1000  # characters of what a visitor has chosen
CANDIDATES = 60  # test images among which the one to open on is looked for
OPENING = "opening"  # what the attack is held under that the page opens on
FORGOTTEN = "This attack is no longer held, since others came after it: attack again."
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Upload:
    """What a visitor uploaded.

    Attributes:
        content: The file.
        name: As the visitor's machine calls it.
    """

    content: bytes
    name: str


class Image(NamedTuple):
    """An image that a visitor has chosen.

    Attributes:
        pixels: uint8, ``(channel, height, width)``.
        label: Its class, if that is known.
        title: What it is called.
        caption: What is said of it besides.
    """

    pixels: Tensor
    label: int | None
    title: str
    caption: str


class Held(Generic[Thing]):
    """The newest of the things that visitors have left, each under a name that nobody can guess.

    Args:
        most: How many.
    """

    def __init__(self, most: int) -> None:
        self._most, self._things = most, OrderedDict[str, Thing]()
        self._lock = threading.Lock()

    def add(self, thing: Thing) -> str:
        """Hold a thing; return its name."""
        name = secrets.token_urlsafe()
        with self._lock:
            self._things[name] = thing
            if len(self._things) > self._most:
                self._things.popitem(last=False)
        return name

    def get(self, name: object) -> Thing | None:
        """Return a thing; none if it is no longer held."""
        with self._lock:
            return self._things.get(name) if isinstance(name, str) else None


class Page:
    """What the page's controls do; one for all visitors.

    The page in a visitor's browser holds names of what is held here, and nothing here depends on
    what gradio remembers of a visitor, which it forgets when others come.

    Args:
        sets: The tickets.
        folder: Where uploads arrive.
    """

    def __init__(self, sets: Sequence[TicketSet], folder: Path) -> None:
        self._sets, self._folder = {one.name: one for one in sets}, folder
        self._uploads: Held[Upload | str] = Held(UPLOADS)
        self._answers: Held[Attacked | str] = Held(ATTACKS_HELD)
        self._openings: dict[str, tuple[int, Attacked] | None] = {}
        self._looking = threading.Lock()
        self._room, self._turn = threading.BoundedSemaphore(WAITING + 1), threading.Lock()
        self._closed = threading.Event()

    def close(self) -> None:
        """Stop the attack that is made and those that wait: none may run while Python ends."""
        self._closed.set()
        with self._turn, self._looking:
            pass

    most = MAX_TICKETS  # tickets that can be asked at a time

    @property
    def names(self) -> list[str]:
        """Of the sets."""
        return list(self._sets)

    @property
    def any_trained(self) -> bool:
        """Whether the weights of any ticket are not its random network's."""
        tickets = (ticket for one in self._sets.values() for ticket in one.tickets.values())
        return any(ticket.weights is not None for ticket in tickets)

    def chosen(self, name: object) -> TicketSet:
        """Return a set by its name.

        Raises:
            InputError: If there is none.
        """
        if not isinstance(name, str) or name not in self._sets:
            raise InputError("there is no such set of tickets")
        return self._sets[name]

    def opening(self, name: object) -> tuple[int, str]:
        """Return the test image that a set opens on, and what the attack on it is held under.

        Each network is under an attack made on itself. The image is the first on which every
        network is right before the attack, every naturally trained one is wrong after it, and the
        best ticket is right at each step. If there is none among the first images: image 0, and
        no attack.
        """
        one = self.chosen(name)
        with self._looking:
            if one.name not in self._openings:
                self._openings[one.name] = self._opening(one)
            found = self._openings[one.name]
        if found is None:
            return 0, ""
        return found[0], f"{OPENING}.{_digest((one.name, SAMPLE, found[0], '', False))}"

    def _opening(self, one: TicketSet) -> tuple[int, Attacked] | None:
        if one.samples is None or not one.natural:
            return None
        question = Question((one.best,), EACH, epsilon=one.epsilon(one.norm), norm=one.norm)
        try:
            for number in range(min(CANDIDATES, len(one.samples))):
                image = self.image(one.name, SAMPLE, number, "", False)
                if self._stands(one, image, question):
                    continue
                attacked = self._tried(one, image, image.label, question)
                if _shows_the_point(attacked.trial, one.natural):
                    return number, attacked
        except ScratchticketError:  # the page works without
            return None
        return None

    def _stands(self, one: TicketSet, image: Image, question: Question) -> bool:
        """Whether a naturally trained network stands, or is wrong before the attack."""
        for name in one.natural:
            trial = try_attack(one, image.pixels, aimed(question, name), label=image.label)
            right = trial.dense[name].argmax(dim=1) == trial.label
            if bool(right[-1]) or not bool(right[0]):
                return True
        return False

    def upload(self, sent: object) -> str:
        """Take an upload out of its folder; return the name it is held under.

        Of one that cannot be read the reason is held: :meth:`image` tells it.
        """
        try:
            return self._uploads.add(self._taken(sent))
        except InputError as error:
            return self._uploads.add(str(error))

    def _taken(self, sent: object) -> Upload:
        """Read and delete an upload.

        Raises:
            InputError: If it is too large, or no upload.
        """
        named = sent.get("path") if isinstance(sent, dict) else None
        if not is_upload(named, self._folder):
            raise InputError("this upload is no longer there; upload the image again")
        path = Path(str(named))
        try:
            if path.stat().st_size > MAX_BYTES:
                raise InputError(f"the file is too large; at most {MAX_BYTES:,} bytes are read")
            return Upload(path.read_bytes(), path.name)
        except OSError:
            raise InputError("this upload is no longer there; upload the image again") from None
        finally:
            delete_upload(path, self._folder)

    def image(
        self, name: object, kind: object, number: object, uploaded: object, invert: object
    ) -> Image:
        """Return the image that is chosen.

        Args:
            name: Of the set.
            kind: :data:`SAMPLE` or :data:`UPLOADED`.
            number: Of the test image.
            uploaded: What :meth:`upload` returned; empty if there was no upload.
            invert: Whether dark and light are exchanged in an upload.

        Raises:
            InputError: If there is none.
        """
        one = self.chosen(name)
        height, width = one.shape[1:]
        if kind == UPLOADED or one.samples is None:
            if not uploaded:
                raise InputError("upload an image first")
            upload = self._uploads.get(uploaded)
            if upload is None:
                raise InputError("this upload is no longer held; upload the image again")
            if isinstance(upload, str):
                raise InputError(upload)
            pixels = picture(upload.content, one.shape, invert=bool(invert))
            colour = "grey" if one.shape[0] == 1 else "colour"
            how = f"cut to its middle, resized to {width} x {height}, {colour}"
            return Image(pixels, None, upload.name, f"{upload.name}, {how}")
        index = _whole(number, "test image")
        if not 0 <= index < len(one.samples):
            raise InputError(f"test images are numbered from 0 to {len(one.samples) - 1}")
        sample = one.samples[slice(index, index + 1)]
        label = int(sample.labels[0])
        title = f"test image {index} of {one.source}"
        return Image(sample.images[0], label, title, f"{title}: {one.classes[label]}")

    def preview(self, *choice: Any) -> str:
        """Return the chosen image as the page shows it; see :meth:`image`."""
        try:
            image = self.image(*choice)
        except ScratchticketError as error:
            return complaint(str(error)) if choice[3] else hint(str(error))
        return preview(image.pixels, image.caption)

    def attack(
        self, choice: Sequence[Any], truth: object, tickets: object, settings: Sequence[Any]
    ) -> str:
        """Attack the chosen image; return the name that the answer is held under.

        Args:
            choice: Of the image; see :meth:`image`.
            truth: Name of an upload's right class, or :data:`UNKNOWN`.
            tickets: Names of the tickets.
            settings: Source, attack, epsilon, norm and steps.
        """
        answer: Attacked | str
        try:
            with self._one_at_a_time():
                answer = self._trial(choice, truth, tickets, settings)
        except ScratchticketError as error:
            answer = str(error)
        return f"{self._answers.add(answer)}.{_digest(choice)}"

    def answer(self, held: object, choice: Sequence[Any]) -> Attacked | str | None:
        """Return what came of an attack, or why it came to nothing.

        Args:
            held: What :meth:`attack` or :meth:`opening` returned; empty if there was no attack.
            choice: Of the image that is chosen now; if it is another one, nothing is returned.
        """
        name, _, digest = str(held).rpartition(".")
        if digest != _digest(choice):
            return None
        if name == OPENING:
            opening = self._openings.get(str(choice[0]))
            return None if opening is None else opening[1]
        answer = self._answers.get(name)
        return FORGOTTEN if answer is None else answer

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Wait for one's turn.

        Raises:
            InputError: If too many wait already, or the page was closed.
        """
        if not self._room.acquire(blocking=False):
            raise InputError(f"{WAITING} attacks wait for their turn; try again in a moment")
        try:
            with self._turn:
                if self._closed.is_set():
                    raise InputError("the page was closed")
                yield
        finally:
            self._room.release()

    def _trial(
        self, choice: Sequence[Any], truth: object, tickets: object, settings: Sequence[Any]
    ) -> Attacked:
        """Attack the chosen image; see :meth:`attack`.

        Raises:
            InputError: If something of it cannot be used.
        """
        one = self.chosen(choice[0])
        image = self.image(*choice)
        label = image.label
        if label is None and truth in one.classes:
            label = one.classes.index(str(truth))
        names = [name for name in one.tickets if isinstance(tickets, list) and name in tickets]
        source, attack, epsilon, norm = (str(value)[:LONGEST] for value in settings[:4])
        count = _whole(settings[4], "steps")
        question = Question(tuple(names), source, attack, epsilon, norm, count)  # type: ignore[arg-type]
        return self._tried(one, image, label, question)

    def _tried(
        self, one: TicketSet, image: Image, label: int | None, question: Question
    ) -> Attacked:
        """Attack an image; of an unknown class the label is none."""
        stopped = self._closed.is_set
        if question.source == EACH:
            trial, images = try_each(one, image.pixels, question, label=label, stopped=stopped)
            return Attacked(trial, image.title, one.about(), images)
        trial = try_attack(one, image.pixels, question, label=label, stopped=stopped)
        return Attacked(trial, image.title, one.about())


def _shows_the_point(trial: Trial, natural: Sequence[str]) -> bool:
    """Whether naturally trained networks fall and the tickets stand; see :meth:`Page.opening`."""
    rights = {name: each.argmax(dim=1) == trial.label for name, each in trial.dense.items()}
    return (
        bool((trial.answers == trial.label).all())
        and all(bool(right[0]) for right in rights.values())
        and not any(bool(rights[name][-1]) for name in natural)
    )


def _digest(choice: Sequence[Any]) -> str:
    """Return what tells images apart, from what is chosen of them; see :meth:`Page.image`."""
    name, kind, number, uploaded, invert = choice
    index = float(number) if isinstance(number, int | float) else number
    what = (uploaded, bool(invert)) if kind == UPLOADED else (index,)
    return sha256(repr((name, kind, *what)).encode(errors="backslashreplace")).hexdigest()[:16]


def _whole(value: object, what: str) -> int:
    """Return a whole number that a visitor chose.

    Raises:
        InputError: If it is none.
    """
    if not isinstance(value, int | float) or not abs(value) < 1e9:
        raise InputError(f"{what} must be a whole number")
    return int(value)
