"""The service behind the page, independent of gradio.

Values may come from anybody who can reach the page, so all are checked.
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
from scratchticket.page.each import EACH, try_each, with_source
from scratchticket.page.guard import delete_upload, is_upload
from scratchticket.page.pictures import MAX_BYTES, picture
from scratchticket.page.sets import MAX_TICKETS, TicketSet
from scratchticket.page.show import AttackResult, error_html, preview_html, remark_html
from scratchticket.page.trial import AttackRequest, Trial, try_attack

SAMPLE, UPLOADED = "a test image", "an upload"
UNKNOWN = "not known"
UPLOADS, ATTACKS_HELD = 16, 32  # most that are stored for all visitors; older ones are dropped
WAITING = 16  # largest number of attacks in the queue
MAX_CHOICE = 1000  # largest number of characters of a visitor's choice
CANDIDATES = 60  # number of test images tried for the opening
OPENING = "opening"  # key of the attack shown when the page opens
DROPPED = "This attack's result was dropped to make room for newer ones: attack again."
Item = TypeVar("Item")


@dataclass(frozen=True)
class Upload:
    """A file uploaded by a visitor.

    Attributes:
        content: Content of the file.
        name: Name of the file on the visitor's machine.
    """

    content: bytes
    name: str


class Image(NamedTuple):
    """An image chosen by a visitor.

    Attributes:
        pixels: uint8, ``(channel, height, width)``.
        label: Class of the image, if known.
        title: Name of the image.
        caption: Line under the image.
    """

    pixels: Tensor
    label: int | None
    title: str
    caption: str


class KeyedItems(Generic[Item]):
    """The newest items of visitors, each under a key that cannot be guessed.

    Args:
        most: Largest number of items.
    """

    def __init__(self, most: int) -> None:
        self._most, self._items = most, OrderedDict[str, Item]()
        self._lock = threading.Lock()

    def add(self, item: Item) -> str:
        """Store an item; return its key."""
        name = secrets.token_urlsafe()
        with self._lock:
            self._items[name] = item
            if len(self._items) > self._most:
                self._items.popitem(last=False)
        return name

    def get(self, name: object) -> Item | None:
        """Return an item; None if it was dropped."""
        with self._lock:
            return self._items.get(name) if isinstance(name, str) else None


class Page:
    """The service behind the page's controls, one for all visitors.

    The visitor's browser holds keys of the items stored here. Nothing depends on gradio's state for
    a visitor, which gradio drops when many others come.

    Args:
        sets: Sets of tickets.
        folder: Folder where uploads arrive.
    """

    def __init__(self, sets: Sequence[TicketSet], folder: Path) -> None:
        self._sets, self._folder = {one.name: one for one in sets}, folder
        self._uploads: KeyedItems[Upload | str] = KeyedItems(UPLOADS)
        self._answers: KeyedItems[AttackResult | str] = KeyedItems(ATTACKS_HELD)
        self._openings: dict[str, tuple[int, AttackResult] | None] = {}
        self._opening_lock, self._attack_lock = threading.Lock(), threading.Lock()
        self._places = threading.BoundedSemaphore(WAITING + 1)  # the queue and the running attack
        self._closed = threading.Event()

    def close(self) -> None:
        """Stop running and queued attacks, so that none runs while Python exits."""
        self._closed.set()
        with self._attack_lock, self._opening_lock:
            pass

    most = MAX_TICKETS  # largest number of tickets in a switch

    @property
    def names(self) -> list[str]:
        """Names of the sets."""
        return list(self._sets)

    @property
    def any_trained(self) -> bool:
        """Whether any ticket has trained weights."""
        tickets = (ticket for one in self._sets.values() for ticket in one.tickets.values())
        return any(ticket.weights is not None for ticket in tickets)

    def ticket_set(self, name: object) -> TicketSet:
        """Return a set by name.

        Raises:
            InputError: If there is no such set.
        """
        if not isinstance(name, str) or name not in self._sets:
            raise InputError("there is no such set of tickets")
        return self._sets[name]

    def opening(self, name: object) -> int:
        """Return the index of the test image that a set opens on; attack it at the first call.

        Each network is attacked separately. The image is the first one on which all networks are
        right before the attack, all naturally trained ones are wrong after it, and the best ticket
        is right at each step. If there is none among the first images, it is image 0, without an
        attack.
        """
        one = self.ticket_set(name)
        with self._opening_lock:
            if one.name not in self._openings:
                self._openings[one.name] = self._opening(one)
            found = self._openings[one.name]
        return 0 if found is None else found[0]

    def _opening(self, one: TicketSet) -> tuple[int, AttackResult] | None:
        if one.samples is None or not one.natural:
            return None
        request = AttackRequest((one.best,), EACH, epsilon=one.epsilon(one.norm), norm=one.norm)
        try:
            for number in range(min(CANDIDATES, len(one.samples))):
                image = self.image(one.name, SAMPLE, number, "", False)
                if self._unsuitable(one, image, request):
                    continue
                attacked = self._run_attack(one, image, image.label, request)
                if _is_instructive(attacked.trial, one.natural):
                    return number, attacked
        except ScratchticketError:  # the page works without an opening
            return None
        return None

    def _unsuitable(self, one: TicketSet, image: Image, request: AttackRequest) -> bool:
        """Return whether a natural network is wrong before the attack or right after it."""
        for name in one.natural:
            trial = try_attack(one, image.pixels, with_source(request, name), label=image.label)
            right = trial.dense[name].argmax(dim=1) == trial.label
            if bool(right[-1]) or not bool(right[0]):
                return True
        return False

    def upload(self, sent: object) -> str:
        """Store an upload; return its key.

        If the upload cannot be read, the error is stored, and :meth:`image` raises it.
        """
        try:
            return self._uploads.add(self._read_upload(sent))
        except InputError as error:
            return self._uploads.add(str(error))

    def _read_upload(self, sent: object) -> Upload:
        """Read and delete an upload.

        Raises:
            InputError: If the file is too large, or not an upload.
        """
        named = sent.get("path") if isinstance(sent, dict) else None
        if not is_upload(named, self._folder):
            raise InputError("this upload is no longer there; upload the image again")
        path = Path(str(named))
        try:
            if path.stat().st_size > MAX_BYTES:
                raise InputError(f"the file is too large; the limit is {MAX_BYTES:,} bytes")
            return Upload(path.read_bytes(), path.name)
        except OSError:
            raise InputError("this upload is no longer there; upload the image again") from None
        finally:
            delete_upload(path, self._folder)

    def image(
        self, name: object, kind: object, number: object, uploaded: object, invert: object
    ) -> Image:
        """Return the chosen image.

        Args:
            name: Name of the set.
            kind: :data:`SAMPLE` or :data:`UPLOADED`.
            number: Index of the test image.
            uploaded: Key from :meth:`upload`; empty if there was no upload.
            invert: Whether to invert the brightness of an upload.

        Raises:
            InputError: If there is no such image.
        """
        one = self.ticket_set(name)
        height, width = one.shape[1:]
        if kind == UPLOADED or one.samples is None:
            if not uploaded:
                raise InputError("upload an image first")
            upload = self._uploads.get(uploaded)
            if upload is None:
                raise InputError("this upload was dropped; upload the image again")
            if isinstance(upload, str):
                raise InputError(upload)
            pixels = picture(upload.content, one.shape, invert=bool(invert))
            colour = "grey" if one.shape[0] == 1 else "colour"
            how = f"cropped to its centre, resized to {width} x {height}, {colour}"
            return Image(pixels, None, upload.name, f"{upload.name}, {how}")
        index = _whole(number, "test image")
        if not 0 <= index < len(one.samples):
            raise InputError(f"test images are numbered from 0 to {len(one.samples) - 1}")
        sample = one.samples[slice(index, index + 1)]
        label = int(sample.labels[0])
        title = f"test image {index} of {one.source}"
        return Image(sample.images[0], label, title, f"{title}: {one.classes[label]}")

    def preview(self, *choice: Any) -> str:
        """Return the chosen image, see :meth:`image`, as HTML."""
        try:
            image = self.image(*choice)
        except ScratchticketError as error:
            return error_html(str(error)) if choice[3] else remark_html(str(error))
        return preview_html(image.pixels, image.caption)

    def attack(
        self, choice: Sequence[Any], truth: object, tickets: object, settings: Sequence[Any]
    ) -> str:
        """Attack the chosen image; return the key of the result.

        Args:
            choice: Choice of the image: the arguments of :meth:`image`.
            truth: Name of an upload's true class, or :data:`UNKNOWN`.
            tickets: Names of the tickets.
            settings: Source, attack, epsilon, norm and steps.
        """
        answer: AttackResult | str
        try:
            with self._in_queue():
                answer = self._requested_attack(choice, truth, tickets, settings)
        except ScratchticketError as error:
            answer = str(error)
        return f"{self._answers.add(answer)}.{_digest(choice)}"

    def key(self, held: object, choice: Sequence[Any]) -> str:
        """Return the key of the visitor's attack on the current image, or of the opening's.

        Args:
            held: Key from :meth:`attack`; empty if there was no attack.
            choice: Choice of the current image, which may not be the attacked one.
        """
        digest = _digest(choice)
        if str(held).rpartition(".")[2] == digest:
            return str(held)
        opening = self._openings.get(str(choice[0]))
        at_opening = opening and _digest((choice[0], SAMPLE, opening[0], "", False)) == digest
        return f"{OPENING}.{digest}" if at_opening else ""

    def answer(self, held: object, choice: Sequence[Any]) -> AttackResult | str | None:
        """Return the result of the attack on the current image, or an error message.

        The arguments are those of :meth:`key`. None if this image was not attacked.
        """
        key = self.key(held, choice)
        if not key:
            return None
        name = key.rpartition(".")[0]
        if name == OPENING:
            opening = self._openings.get(str(choice[0]))
            return None if opening is None else opening[1]
        answer = self._answers.get(name)
        return DROPPED if answer is None else answer

    @contextmanager
    def _in_queue(self) -> Iterator[None]:
        """Wait until no other attack runs; others wait while the context is open.

        Raises:
            InputError: If the queue is full, or the page was closed.
        """
        if not self._places.acquire(blocking=False):
            raise InputError(f"{WAITING} attacks are queued already; try again in a moment")
        try:
            with self._attack_lock:
                if self._closed.is_set():
                    raise InputError("the page was closed")
                yield
        finally:
            self._places.release()

    def _requested_attack(
        self, choice: Sequence[Any], truth: object, tickets: object, settings: Sequence[Any]
    ) -> AttackResult:
        """Return the result of an attack on the chosen image; see :meth:`attack`.

        Raises:
            InputError: If a choice is invalid.
        """
        one = self.ticket_set(choice[0])
        image = self.image(*choice)
        label = image.label
        if label is None and truth in one.classes:
            label = one.classes.index(str(truth))
        names = [name for name in one.tickets if isinstance(tickets, list) and name in tickets]
        source, attack, epsilon, norm = (str(value)[:MAX_CHOICE] for value in settings[:4])
        count = _whole(settings[4], "steps")
        request = AttackRequest(tuple(names), source, attack, epsilon, norm, count)  # type: ignore[arg-type]
        return self._run_attack(one, image, label, request)

    def _run_attack(
        self, one: TicketSet, image: Image, label: int | None, request: AttackRequest
    ) -> AttackResult:
        """Return the result of an attack; ``label`` is None if the class is unknown."""
        stopped = self._closed.is_set
        if request.source == EACH:
            trial, images = try_each(one, image.pixels, request, label=label, stopped=stopped)
            return AttackResult(trial, image.title, one.about(), images)
        trial = try_attack(one, image.pixels, request, label=label, stopped=stopped)
        return AttackResult(trial, image.title, one.about())


def _is_instructive(trial: Trial, natural: Sequence[str]) -> bool:
    """Return whether an attack fools only natural networks; see :meth:`Page.opening`."""
    rights = {name: each.argmax(dim=1) == trial.label for name, each in trial.dense.items()}
    return (
        bool((trial.answers == trial.label).all())
        and all(bool(right[0]) for right in rights.values())
        and not any(bool(rights[name][-1]) for name in natural)
    )


def _digest(choice: Sequence[Any]) -> str:
    """Return a hash of the choice of an image; see :meth:`Page.image`."""
    name, kind, number, uploaded, invert = choice
    index = float(number) if isinstance(number, int | float) else number
    what = (uploaded, bool(invert)) if kind == UPLOADED else (index,)
    return sha256(repr((name, kind, *what)).encode(errors="backslashreplace")).hexdigest()[:16]


def _whole(value: object, what: str) -> int:
    """Return a whole number chosen by a visitor.

    Raises:
        InputError: If the value is not a whole number.
    """
    if not isinstance(value, int | float) or not abs(value) < 1e9:
        raise InputError(f"{what} must be a whole number")
    return int(value)
