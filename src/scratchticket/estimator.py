"""A scikit-learn classifier that draws and uses a ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import isnan
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from scratchticket.attacks import Attack, AttackRecipe, Norm
from scratchticket.base.errors import InputError, extra_missing
from scratchticket.base.rng import check_seed
from scratchticket.data import DataRecipe, ImageSet, gather, pixels
from scratchticket.data.decoding import decoded
from scratchticket.evaluation import robust_accuracy
from scratchticket.learning import LearningRecipe
from scratchticket.networks import NetworkRecipe
from scratchticket.runs import draw_ticket
from scratchticket.runs.records import usable_device
from scratchticket.tickets import Ticket

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import NotFittedError
    from sklearn.utils import Tags, check_random_state, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
except Exception as error:  # a package that is broken may raise anything
    raise extra_missing("RobustTicketClassifier", error, "sklearn") from None

Array = npt.NDArray[Any]
BATCH = 256  # images per batch


class RobustTicketClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose ``fit`` draws a robust scratch ticket.

    Images are all that :func:`scratchticket.data.gather` accepts: an array of uint8 (or of uint8 /
    255), ``(n, height, width)`` or with channels first or last; or a list, or a pandas ``Series``,
    of PIL images or paths. The index of a pandas object is ignored.

    Args:
        ratio: Fraction of the weights that remain, in (0, 1].
        epsilon: Radius of the ball in which the ticket shall be robust, in units of pixels in
            [0, 1], such as ``"8/255"`` or a number.
        norm: Norm of the ball: ``linf`` or ``l2``.
        network: Name of the random network.
        width: Channels of the network's first stage; its default if not given.
        attack: Inner attack: ``pgd``, ``fgsm``, ``fgsm-rs`` or ``none``.
        steps: Steps of ``pgd``.
        epochs: Passes over the training images.
        batch_size: Images per step.
        learning_rate: Learning rate of the first step.
        validation: Fraction of the images that is held out to select the epoch.
        size: Number of pixels to resize images to; needed if they differ in size.
        colour: ``rgb`` or ``grey`` converts every image; ``keep`` requires all to be of one kind.
        random_state: Seed of weights, scores, batches, the held-out images and attack starts. As
            everywhere in scikit-learn, it can be drawn from a ``RandomState``, or with None from
            NumPy's global one.
        device: Where to compute.

    Attributes:
        ticket_: The :class:`Ticket`, after fitting.
        classes_: The distinct labels, in the order of the columns of :meth:`predict_proba`.
        seed_: The seed of the ticket.

    Example:
        >>> from scratchticket import load_data
        >>> digits = load_data("digits")
        >>> images, labels = digits.train.images[:300, 0].numpy(), digits.train.labels[:300].numpy()
        >>> classifier = RobustTicketClassifier(ratio=0.3, epsilon=0.1, width=2, steps=1, epochs=1)
        >>> classifier.fit(images, labels).predict(images[:4]).shape
        (4,)
    """

    def __init__(  # noqa: PLR0913
        self,
        ratio: str | float = 0.1,
        epsilon: str | float = "8/255",
        *,
        norm: Norm = "linf",
        network: str = "resnet18",
        width: int | None = None,
        attack: str = "pgd",
        steps: int = 7,
        epochs: int = 20,
        batch_size: int = 64,
        learning_rate: float = 0.1,
        validation: str | float = "0.1",
        size: int | None = None,
        colour: Literal["keep", "rgb", "grey"] = "keep",
        random_state: int | np.random.RandomState | None = 0,
        device: str = "cpu",
    ) -> None:
        self.ratio = ratio
        self.epsilon = epsilon
        self.norm = norm
        self.network = network
        self.width = width
        self.attack = attack
        self.steps = steps
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation = validation
        self.size = size
        self.colour = colour
        self.random_state = random_state
        self.device = device

    def fit(self, X: Sequence[Any] | Array, y: Sequence[Any] | Array) -> Any:
        """Draw a ticket; return the classifier itself.

        Args:
            X: Training images.
            y: Labels of the images, ``(n,)``: whole numbers or names, at least two different ones.

        Returns:
            This object.

        Raises:
            InputError: If images, labels or a parameter cannot be used.
        """
        images, labels = self._images(X), _labels(y)
        names, numbers = np.unique(labels, return_inverse=True)
        if len(numbers) != len(images):
            raise InputError(f"{len(images)} images have {len(numbers)} labels")
        if len(names) == 1:
            raise InputError(f"a classifier needs two classes, and y has one class: {names[0]}")
        seed = self._new_seed()
        pairs = [(image, int(n)) for image, n in zip(images, numbers, strict=True)]
        # A data set needs test images; these are not used.
        data = gather(
            pairs,
            pairs[:1],
            name="images",
            classes=[str(n) for n in names],
            recipe=self._recipe(seed),
        )
        learning = LearningRecipe(
            epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate
        )
        ticket = draw_ticket(
            data,
            NetworkRecipe(self.network, self.width),
            ratio=self.ratio,
            attack=self._attack(self.attack, self.steps),
            learning=learning,
            seed=seed,
            device=self.device,
        )
        kind = {"labels": names.dtype.kind}
        return self._fitted(replace(ticket, provenance={**ticket.provenance, **kind}), names)

    @classmethod
    def from_ticket(cls, ticket: Ticket, **parameters: Any) -> RobustTicketClassifier:
        """Return a fitted classifier with an existing ticket.

        If :meth:`fit` drew the ticket, labels have the type they had then. Otherwise they are whole
        numbers if the classes are called 0, 1, 2 and so on, else names.

        Args:
            ticket: The ticket.
            parameters: Arguments of the constructor; ``size`` and ``colour`` decide how images are
                prepared.
        """
        classifier = cls(**parameters)
        return classifier._fitted(ticket, _classes(ticket))

    def predict(self, X: Sequence[Any] | Array) -> Array:
        """Return the most probable label of every image, ``(n,)``."""
        columns = self._logits(X).argmax(dim=1).numpy()
        return np.asarray(self.classes_[columns])

    def predict_proba(self, X: Sequence[Any] | Array) -> Array:
        """Return probabilities, ``(n, class)``: the softmax of the logits, not calibrated."""
        return self._logits(X).softmax(dim=1).numpy()

    def decision_function(self, X: Sequence[Any] | Array) -> Array:
        """Return logits, ``(n, class)``; for two classes, second minus first logit, ``(n,)``."""
        logits = self._logits(X)
        return (logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits).numpy()

    def _logits(self, X: Sequence[Any] | Array) -> Tensor:
        self._check_fitted()
        with torch.no_grad():
            found = [self._network(pixels(some.to(self._device))) for some in self._read(X)]
        return torch.cat(found).cpu()

    def robust_score(
        self, X: Sequence[Any] | Array, y: Sequence[Any] | Array, steps: int = 20
    ) -> float:
        """Return the accuracy under PGD inside the ball of ``epsilon``.

        It is an upper bound on the robust accuracy; ``scratchticket evaluate --suite full`` runs
        stronger attacks on the saved ticket.

        Args:
            X: Test images, not those of :meth:`fit`.
            y: Labels of the images.
            steps: Steps of PGD.
        """
        self._check_fitted()
        places = {label: place for place, label in enumerate(self.classes_.tolist())}
        try:
            numbers = torch.tensor([places[label] for label in _labels(y).tolist()])
        except KeyError as error:
            raise InputError(f"label {error.args[0]!r} was not among those of fit") from None
        images = torch.cat(list(self._read(X)))
        if len(numbers) != len(images):
            raise InputError(f"{len(images)} images have {len(numbers)} labels")
        some = ImageSet(images, numbers).to(self._device)
        attack = self._attack("pgd", steps)
        found = robust_accuracy(self._network, some, attack, seed=self.seed_)
        return found.correct / found.total

    def save(self, path: str | Path) -> None:
        """Write the ticket to a file; ``from_ticket(Ticket.load(path))`` restores the object."""
        self._check_fitted()
        self.ticket_.save(path)

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags of the estimator: X are images, never a table of features."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True  # paths or PIL images
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.non_deterministic = not isinstance(self.random_state, Integral)
        return tags

    def _new_seed(self) -> int:
        """Return the seed of a fit."""
        if isinstance(self.random_state, Integral):
            return check_seed(self.random_state)
        try:
            return int(check_random_state(self.random_state).randint(2**31 - 1))
        except ValueError:
            raise InputError(
                "random_state must be a whole number from 0, a RandomState or None, "
                f"got {self.random_state!r}"
            ) from None

    def _recipe(self, seed: int = 0) -> DataRecipe:
        return DataRecipe(
            name="images",
            size=self.size,
            colour=self.colour,
            validation=self.validation,
            seed=seed,
        )

    def _attack(self, name: str, steps: int) -> Attack:
        return AttackRecipe(name, self.epsilon, steps, norm=self.norm)

    def _fitted(self, ticket: Ticket, classes: Array) -> RobustTicketClassifier:
        self.ticket_, self.classes_, self.seed_ = ticket, classes, ticket.seed
        self._device = usable_device(str(self.device))
        self._network = ticket.build().to(self._device)
        return self

    def _check_fitted(self) -> None:
        if not hasattr(self, "ticket_"):
            raise NotFittedError("this RobustTicketClassifier has no ticket yet: call fit")

    @staticmethod
    def _images(X: Any) -> Sequence[Any]:
        """Return images as a sequence.

        Raises:
            InputError: If ``X`` is a table or no sequence.
        """
        if hasattr(X, "iloc"):  # a pandas object
            if X.ndim == 2 and X.shape[1] != 1:
                raise InputError(
                    f"a table of {X.shape[1]} columns holds no images: give an array (n, height, "
                    "width), or one column of images or paths"
                )
            column: Sequence[Any] = X.to_numpy().reshape(-1)
            return column
        if not hasattr(X, "__len__") or not hasattr(X, "__getitem__") or isinstance(X, str | dict):
            raise InputError(f"images must be an array or a list, got {type(X).__name__}")
        images: Sequence[Any] = X
        return images

    def _read(self, X: Sequence[Any] | Array) -> Iterator[Tensor]:
        """Yield batches of prepared images: uint8, ``(n, channel, height, width)``."""
        images = self._images(X)
        if len(images) == 0:
            raise InputError("there are no images")
        shape, recipe = self.ticket_.image_shape, self._recipe()
        for start in range(0, len(images), BATCH):
            some = range(start, min(start + BATCH, len(images)))
            yield torch.from_numpy(np.stack([decoded(images[i], recipe, shape) for i in some]))


def _labels(y: Any) -> Array:
    """Return labels as an array, ``(n,)``, all numbers, all booleans or all text.

    Raises:
        InputError: If ``y`` is None, is not one-dimensional, or holds other or mixed values.
    """
    if y is None:
        raise InputError("fit requires y to be passed, but the target y is None")
    given = np.asarray(y) if hasattr(y, "__array__") else np.asarray(y, dtype=object)
    if given.ndim != 1 and given.shape[1:] != (1,):
        hint = "; for one-hot rows give y.argmax(axis=1)" if given.ndim == 2 else ""
        raise InputError(
            f"y should be a 1d array, one label for each image, got {given.shape}{hint}"
        )
    column = column_or_1d(given, warn=True)
    if column.dtype == object:
        column = _of_one_kind(column.tolist())
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        raise InputError("Input y contains NaN or infinity, which is no label")
    try:
        check_classification_targets(column)
    except ValueError as error:  # fractional numbers
        raise InputError(" ".join(str(error).split())) from None
    return np.asarray(column)


def _of_one_kind(labels: list[Any]) -> Array:
    """Return an array of labels, all text, all booleans or all numbers."""
    if any(label is None or (isinstance(label, float) and isnan(label)) for label in labels):
        raise InputError("Input y contains NaN or None, which is no label")
    for kind in (str, bool | np.bool_, Real):
        if all(isinstance(label, kind) for label in labels):
            return np.asarray(labels)
    kinds = sorted({type(label).__name__ for label in labels})
    raise InputError(f"labels must be all numbers or all text, got {' and '.join(kinds)}")


def _classes(ticket: Ticket) -> Array:
    """Return the classes of a ticket as labels, in their original type if it is recorded."""
    convert: dict[str, Callable[[str], Any]]
    convert = {"b": lambda name: name == "True", "i": int, "u": int, "f": float}
    kind = ticket.provenance.get("labels")
    if kind is None and ticket.classes == tuple(map(str, range(len(ticket.classes)))):
        kind = "i"
    try:
        return np.asarray([convert[str(kind)](name) for name in ticket.classes])
    except (KeyError, ValueError):  # text, or an invalid record
        return np.asarray(ticket.classes)
