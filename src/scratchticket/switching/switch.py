"""R2S: a random switch between the tickets of one network (Sec. 6.2 of the paper)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from scratchticket.attacks.sets import answer, chances
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.rng import check_seed
from scratchticket.switching.shared import SharedNetwork
from scratchticket.tickets import Ticket, check_one_network

Mode = Literal["resident", "packed"]
Per = Literal["image", "batch"]


class RandomSwitch(nn.Module):
    """A module that answers with a ticket drawn at random.

    The module draws from its own generator, so that seeding PyTorch, as attack libraries do, has no
    effect. It is always in eval mode.

    Args:
        tickets: Tickets of one network.
        probabilities: Probability of each ticket; uniform if not given.
        mode: ``resident`` holds all weights of every ticket, and switching costs almost nothing.
            ``packed`` holds one network and a bit per weight for every ticket, and unpacks the
            drawn ticket; it cannot be differentiated.
        per: Whether a ticket is drawn for each ``image`` or for each ``batch``.
        seed: Seed of the draws, for repeatable experiments. Without one, draws are unpredictable.
        device: Device of the networks.

    Raises:
        InputError: If there is no ticket, the tickets are of different networks, or the
            probabilities are invalid.

    Example:
        >>> from scratchticket import LearningRecipe, NetworkRecipe, draw_ticket, load_data
        >>> data, small = load_data("digits"), NetworkRecipe(width=2)
        >>> quick = LearningRecipe(epochs=1, batch_size=256)
        >>> tickets = [draw_ticket(data, small, ratio=r, learning=quick) for r in (0.1, 0.3)]
        >>> switch = RandomSwitch(tickets, probabilities=[0.25, 0.75])
        >>> switch(torch.rand(5, 1, 8, 8)).shape
        torch.Size([5, 10])
    """

    def __init__(  # noqa: PLR0913
        self,
        tickets: Sequence[Ticket],
        probabilities: Sequence[float] | None = None,
        *,
        mode: Mode = "resident",
        per: Per = "image",
        seed: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        if not tickets:
            raise InputError("a switch needs at least one ticket")
        for kind, value, choices in (("mode", mode, get_args(Mode)), ("per", per, get_args(Per))):
            if value not in choices:
                raise unknown(kind, value, choices)
        self.probabilities = chances(probabilities, len(tickets))
        self._per = per
        self._generator = torch.Generator()
        self._generator.manual_seed(secrets.randbits(63) if seed is None else check_seed(seed))
        self._shared: SharedNetwork | None = None
        if mode == "packed":
            self._shared = SharedNetwork(tickets, device)
            self._members = nn.ModuleList([self._shared.switch(0)])
        else:
            check_one_network(tickets)
            self._members = nn.ModuleList(ticket.build().to(device) for ticket in tickets)
        self.eval()

    def __len__(self) -> int:
        """Return the number of tickets."""
        return len(self.probabilities)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """The network of every ticket, for adaptive attacks.

        Raises:
            InputError: In packed mode, which has one network at a time.
        """
        if self._shared is not None:
            raise InputError("a packed switch has one network at a time; use mode='resident'")
        return tuple(self._members)

    def train(self, mode: bool = True) -> RandomSwitch:
        """Stay in eval mode, whatever the argument."""
        return super().train(False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> RandomSwitch:
        """Move or convert the module; a packed one refuses.

        Raises:
            InputError: In packed mode, if a tensor would change.
        """
        if self._shared is None:
            super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
            return self
        weight = next(self._members.parameters())[:0].detach()
        if (moved := fn(weight)).dtype != weight.dtype or moved.device != weight.device:
            raise InputError(
                "a packed switch cannot be moved or converted; pass device=... when making it, "
                "or use mode='resident'"
            )
        return self

    def draw(self, count: int) -> Tensor:
        """Return the indices of tickets drawn at random: int64, ``(count,)``."""
        return torch.multinomial(
            self.probabilities.float(), count, replacement=True, generator=self._generator
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of tickets drawn at random.

        Args:
            images: Pixels in [0, 1], ``(batch, channel, height, width)``.

        Returns:
            ``(batch, class)``.

        Raises:
            InputError: In packed mode, if the images require a gradient.
        """
        if self._shared is not None and images.requires_grad and torch.is_grad_enabled():
            raise InputError("a packed switch cannot be differentiated; use mode='resident'")
        if self._per == "batch" or len(images) <= 1:
            logits: Tensor = self._member(int(self.draw(1)))(images)
            return logits
        return answer(self._member, self.draw(len(images)), images)

    def logits(self, images: Tensor) -> Tensor:
        """Return the logits of every ticket: ``(batch, ticket, class)``."""
        return torch.stack([self._member(index)(images) for index in range(len(self))], dim=1)

    @torch.no_grad()
    def expected_accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Return the expected accuracy on images, exact over the random choice of tickets.

        Args:
            images: Pixels in [0, 1], ``(batch, channel, height, width)``.
            labels: int64, ``(batch,)``.
        """
        right = self.logits(images).argmax(dim=2) == labels[:, None]
        return float((right.double() @ self.probabilities.to(right.device)).mean())

    def memory(self) -> int:
        """Return the memory of all tensors in bytes."""
        if self._shared is not None:
            return sum(self._shared.memory().values())
        held = [*self._members.parameters(), *self._members.buffers()]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    def _member(self, index: int) -> nn.Module:
        """Return the network of a ticket."""
        return self._members[index] if self._shared is None else self._shared.switch(index)
