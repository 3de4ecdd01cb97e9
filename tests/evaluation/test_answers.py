"""What a network answers is checked wherever it is judged, in whatever mode the caller is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
import torch
from torch import Tensor, nn

import scratchticket as st
from scratchticket.attacks import Attack, Noise
from scratchticket.base.errors import InputError
from scratchticket.data import ImageSet
from scratchticket.evaluation import Evaluation, Journal, feature_distance, predictions
from scratchticket.evaluation.transfer import SourcedAttack, Transfer

JUDGE = st.AttackRecipe("pgd", epsilon="0.1", steps=2)
ATTACK = Attack(Noise(1), "0.1")


class Says(nn.Module):
    """A linear network of ten classes whose logits are changed by a function."""

    def __init__(self, change: Callable[[Tensor], object] = lambda logits: logits) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 10, 8, bias=False)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            self.convolution.weight.copy_(torch.randn(10, 1, 8, 8, generator=generator))
        self.change = change

    def forward(self, images: Tensor) -> object:
        return self.change(self.convolution(images).flatten(1))


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Ten random images, labelled by a network, the third one wrongly."""
    stored = torch.randint(256, (10, 1, 8, 8), generator=torch.Generator().manual_seed(1))
    stored = stored.to(torch.uint8)
    labels = predictions(Says(), stored / 255)
    labels[2] = (labels[2] + 1) % 10
    labels[0] = 9  # so that all ten classes count
    return ImageSet(stored, labels)


def natural(network: nn.Module, images: ImageSet) -> object:
    return st.natural_accuracy(network, images)


def robust(network: nn.Module, images: ImageSet) -> object:
    return st.robust_accuracy(network, images, JUDGE)


def evaluation(network: nn.Module, images: ImageSet) -> object:
    return Evaluation(network, images, [ATTACK], checks=True).run(Journal({}))


def transfer(network: nn.Module, images: ImageSet) -> object:
    work = Transfer({"it": network}, images, [SourcedAttack(ATTACK, "it")])
    return work.run(Journal({}))


def predicted(network: nn.Module, images: ImageSet) -> object:
    return predictions(network, images.images / 255)


PLACES = [natural, robust, evaluation, transfer]


@pytest.mark.parametrize("judge", [*PLACES, predicted])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z: z * float("nan"), "returns NaN as a logit of 10 of 10 images"),
        (lambda z: z.where(z < 3, torch.nan), "returns NaN as a logit of"),
        (lambda z: (z, z), r"shape \(10, classes\), got tuple"),
        (lambda z: z[:, :, None, None], r"got \(10, 10, 1, 1\)"),
        (lambda z: z[0], r"got \(10,\)"),
        (lambda z: z.argmax(1, keepdim=True), "got torch.int64"),
    ],
)
def test_what_is_no_logit_is_refused_wherever_it_is_judged(
    judge: Callable[[nn.Module, ImageSet], object],
    change: Callable[[Tensor], object],
    message: str,
    images: ImageSet,
) -> None:
    with pytest.raises(InputError, match=message):
        judge(Says(change).eval(), images)


@pytest.mark.parametrize("judge", PLACES)
@pytest.mark.parametrize("classes", [1, 9])
def test_fewer_logits_than_classes_are_refused(
    judge: Callable[[nn.Module, ImageSet], object], classes: int, images: ImageSet
) -> None:
    with pytest.raises(InputError, match=f"has {classes} classes, but there are labels up to 9"):
        judge(Says(lambda logits: logits[:, :classes]).eval(), images)


@pytest.mark.parametrize(
    "judge", [*PLACES, lambda network, some: feature_distance(network, some, ATTACK)]
)
def test_training_mode_is_refused_and_nothing_changes(
    judge: Callable[[nn.Module, ImageSet], object], images: ImageSet
) -> None:
    network = nn.Sequential(nn.BatchNorm2d(1), Says())
    before = {name: value.clone() for name, value in network.state_dict().items()}

    with pytest.raises(InputError, match="in training mode"):
        judge(network, images)
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)
    assert network.training


def test_infinite_logits_are_logits(images: ImageSet) -> None:
    masked = Says(lambda z: z.masked_fill(z < z.amax(dim=1, keepdim=True), -torch.inf)).eval()

    assert st.natural_accuracy(masked, images) == st.natural_accuracy(Says().eval(), images)


@contextmanager
def float64_by_default() -> object:
    torch.set_default_dtype(torch.float64)
    try:
        yield
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def other_device_by_default() -> object:
    torch.set_default_device("meta")
    try:
        yield
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_default_device(None)


MODES = [torch.no_grad, torch.inference_mode, float64_by_default, other_device_by_default]


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_logits_of_other_precision_are_judged(kind: torch.dtype, images: ImageSet) -> None:
    network = Says(lambda logits: logits.to(kind)).eval()

    same = [predictions(network, images.images / 255), predictions(Says(), images.images / 255)]
    natural, robust = (
        st.natural_accuracy(network, images),
        st.robust_accuracy(network, images, JUDGE),
    )
    assert int((same[0] == same[1]).sum()) >= 9
    assert robust.correct <= natural.correct
    if kind == torch.float64:
        assert robust == st.robust_accuracy(Says().eval(), images, JUDGE)


@pytest.mark.parametrize("mode", MODES)
def test_the_callers_modes_change_no_accuracy(
    mode: Callable[[], AbstractContextManager[None]], images: ImageSet
) -> None:
    network = Says().eval()
    wanted = st.natural_accuracy(network, images), st.robust_accuracy(network, images, JUDGE)

    with mode():
        there = ImageSet(images.images, images.labels)
        assert st.natural_accuracy(network, there) == wanted[0]
        assert st.robust_accuracy(network, there, JUDGE) == wanted[1]
        assert feature_distance(network, there, ATTACK).mean > 0


def test_autocast_around_is_the_precision_of_the_network(images: ImageSet) -> None:
    seen = set()
    network = Says(lambda logits: (seen.add(logits.dtype), logits)[1]).eval()

    with torch.autocast("cpu", torch.bfloat16):
        assert st.robust_accuracy(network, images, JUDGE).total == 10
    assert seen == {torch.bfloat16}


@pytest.mark.parametrize("mode", [nullcontext, *MODES, lambda: torch.autocast("cpu")])
def test_the_callers_modes_change_no_ticket(
    mode: Callable[[], AbstractContextManager[None]], few_digits: st.Data
) -> None:
    network = st.NetworkRecipe("conv4", width=2)
    learning = st.LearningRecipe(epochs=1, batch_size=64)
    attack = st.AttackRecipe("fgsm", epsilon="0.1")

    def draw() -> bytes:
        ticket = st.draw_ticket(few_digits, network, ratio=0.5, attack=attack, learning=learning)
        return ticket.to_bytes()

    wanted = draw()
    with mode():
        drawn = draw()
        built = st.Ticket.from_bytes(drawn).build()
        natural = st.robust_accuracy(built, few_digits.test[slice(9)], JUDGE)
    assert drawn == wanted
    assert all(p.dtype == torch.float32 for p in built.parameters())
    assert natural == st.robust_accuracy(built, few_digits.test[slice(9)], JUDGE) or (
        mode not in (nullcontext, *MODES)
    )


def test_a_network_made_in_inference_mode_is_refused_by_name(images: ImageSet) -> None:
    with torch.inference_mode():
        network = Says().eval()

    with pytest.raises(InputError, match="made inside torch.inference_mode"):
        st.robust_accuracy(network, images, JUDGE)


@pytest.mark.parametrize("stop", [torch.no_grad, nullcontext])
def test_a_network_without_gradients_is_refused_by_those_who_need_them(
    stop: Callable[[], AbstractContextManager[None]], images: ImageSet
) -> None:
    class Silent(Says):
        def forward(self, given: Tensor) -> object:
            with stop():
                return super().forward(given.detach())

    network = Silent().eval()
    with pytest.raises(InputError, match="no gradient of the network's logits reaches its images"):
        st.robust_accuracy(network, images, JUDGE)
    work, journal = Evaluation(network, images, [ATTACK], checks=True), Journal({})
    work.run(journal)  # noise needs none
    found = work.result(journal)
    assert found is not None
    assert found.gradients == {
        "cross-entropy vanishing": found.natural.correct,
        "cross-entropy not finite": 0,
        "margin vanishing": found.natural.correct,
        "margin not finite": 0,
    }


def test_a_ticket_takes_no_stored_pixels() -> None:
    network = st.networks.build("conv4", classes=3, channels=1, image_size=8, width=2)

    with pytest.raises(InputError, match="float pixels in .0, 1., got torch.uint8: divide by 255"):
        network(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))
