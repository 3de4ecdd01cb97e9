"""A ticket as an estimator of scikit-learn: ``fit``, ``predict``, ``score``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from scratchticket.attacks import AttackRecipe, Norm
from scratchticket.attacks.recipe import AttackName
from scratchticket.data import DataRecipe, ImageSet, gather, pixels
from scratchticket.data.pictures import decoded
from scratchticket.errors import InputError, extra_missing
from scratchticket.evaluation import robust_accuracy
from scratchticket.experiments import draw_ticket
from scratchticket.learning import LearningRecipe
from scratchticket.networks import NetworkRecipe
from scratchticket.tickets import Ticket

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import NotFittedError
except ImportError as error:
    raise extra_missing("RobustTicketClassifier", error, "sklearn") from None

Array = npt.NDArray[Any]
BATCH = 256  # images at a time


class RobustTicketClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Draws a robust scratch ticket when fitted, and answers with it.

    Images are whatever :func:`scratchticket.data.gather` takes: an array of uint8 (or of uint8 /
    255), ``(n, height, width)`` or with channels first or last; or a list of PIL images or paths.

    Args:
        ratio: Fraction of the weights that remain, in (0, 1].
        epsilon: Radius of the ball in which the ticket shall be robust, in units of pixels in
            [0, 1]: ``8/255`` as text, or a number.
        norm: Of the ball: ``linf`` or ``l2``.
        network: Name of the random network.
        width: Channels of its first stage; the network's own if not given.
        attack: Inner attack: ``pgd``, ``fgsm``, ``fgsm-rs`` or ``none``.
        steps: Of ``pgd``.
        epochs: Passes over the training images.
        batch_size: Images per step.
        learning_rate: Of the first step.
        validation: Fraction of the images that is held out to choose the epoch.
        size: Resize images to so many pixels; needed where they differ in size.
        colour: ``rgb`` or ``grey`` converts every image; ``keep`` refuses a mixture.
        random_state: Seed of weights, scores, batches, the held-out images and attack starts.
        device: Where to compute.

    Attributes:
        ticket_: The :class:`Ticket`, once fitted.
        classes_: The distinct labels, in the order of the columns of :meth:`predict_proba`.

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
        attack: AttackName = "pgd",
        steps: int = 7,
        epochs: int = 20,
        batch_size: int = 64,
        learning_rate: float = 0.1,
        validation: str | float = "0.1",
        size: int | None = None,
        colour: Literal["keep", "rgb", "grey"] = "keep",
        random_state: int = 0,
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

    def fit(self, images: Sequence[Any] | Array, labels: Sequence[Any] | Array) -> Any:
        """Draw the ticket.

        Args:
            images: Training images.
            labels: One of each: numbers or names.

        Returns:
            This object.

        Raises:
            InputError: If images, labels or a parameter cannot be used.
        """
        names, numbers = np.unique(np.asarray(labels), return_inverse=True)
        if len(numbers) != len(images):
            raise InputError(f"{len(images)} images have {len(numbers)} labels")
        pairs = [(image, int(n)) for image, n in zip(images, numbers, strict=True)]
        # A data set has test images; nobody looks at these.
        data = gather(
            pairs, pairs[:1], name="images", classes=[str(n) for n in names], recipe=self._recipe()
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
            seed=self.random_state,
            device=self.device,
        )
        return self._fitted(ticket, names)

    @classmethod
    def from_ticket(cls, ticket: Ticket, **parameters: Any) -> RobustTicketClassifier:
        """Return a fitted classifier of a ticket that is there already.

        Args:
            ticket: Any.
            parameters: Of the constructor; ``size`` and ``colour`` say how images are prepared.
        """
        made = cls(**parameters)
        return made._fitted(ticket, np.asarray(ticket.classes))

    def predict(self, images: Sequence[Any] | Array) -> Array:
        """Return the most probable label of every image, ``(n,)``."""
        columns = self.decision_function(images).argmax(axis=1)
        return np.asarray(self.classes_[columns])

    def predict_proba(self, images: Sequence[Any] | Array) -> Array:
        """Return probabilities, ``(n, class)``: the softmax of the logits, not calibrated."""
        return torch.from_numpy(self.decision_function(images)).softmax(dim=1).numpy()

    def decision_function(self, images: Sequence[Any] | Array) -> Array:
        """Return logits, ``(n, class)``."""
        self._check_fitted()
        with torch.no_grad():
            logits = [
                self._network(pixels(some.to(self.device))).cpu() for some in self._read(images)
            ]
        return torch.cat(logits).numpy()

    def robust_score(
        self, images: Sequence[Any] | Array, labels: Sequence[Any] | Array, steps: int = 20
    ) -> float:
        """Return the accuracy under PGD inside the ball of ``epsilon``.

        It is an upper bound: ``scratchticket evaluate --suite full`` on the saved ticket finds what
        PGD does not.

        Args:
            images: Test images, not those of :meth:`fit`.
            labels: One of each.
            steps: Of PGD.
        """
        self._check_fitted()
        places = {label: place for place, label in enumerate(self.classes_.tolist())}
        try:
            numbers = torch.tensor([places[label] for label in np.asarray(labels).tolist()])
        except KeyError as error:
            raise InputError(f"label {error.args[0]!r} was not among those of fit") from None
        some = ImageSet(torch.cat(list(self._read(images))), numbers).to(self.device)
        attack = self._attack("pgd", steps)
        found = robust_accuracy(self._network, some, attack, seed=self.random_state)
        return found.correct / found.total

    def save(self, path: str | Path) -> None:
        """Write the ticket file; :meth:`from_ticket` of what ``Ticket.load`` reads is as before."""
        self._check_fitted()
        self.ticket_.save(path)

    def _recipe(self) -> DataRecipe:
        return DataRecipe(
            name="images",
            size=self.size,
            colour=self.colour,
            validation=self.validation,
            seed=self.random_state,
        )

    def _attack(self, name: AttackName, steps: int) -> AttackRecipe:
        return AttackRecipe(name, self.epsilon, steps, norm=self.norm)

    def _fitted(self, ticket: Ticket, classes: Array) -> RobustTicketClassifier:
        self.ticket_, self.classes_ = ticket, classes
        self._network = ticket.build().to(self.device)
        return self

    def _check_fitted(self) -> None:
        if not hasattr(self, "ticket_"):
            raise NotFittedError("this RobustTicketClassifier has no ticket yet: call fit")

    def _read(self, images: Sequence[Any] | Array) -> Iterator[Tensor]:
        """Yield batches as the network takes them: uint8, ``(n, channel, height, width)``."""
        if len(images) == 0:
            raise InputError("there are no images")
        shape, recipe = self.ticket_.image_shape, self._recipe()
        for start in range(0, len(images), BATCH):
            some = range(start, min(start + BATCH, len(images)))
            yield torch.from_numpy(np.stack([decoded(images[i], recipe, shape) for i in some]))
