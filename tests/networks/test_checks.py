"""Errors of a user's network are reported in one line before a search, not after it."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm

import scratchticket as st
from scratchticket import networks
from scratchticket.base.errors import InputError

NAME = "one-of-ones-own"
LEARNING = st.LearningRecipe(epochs=1, batch_size=128)
ATTACK = st.AttackRecipe("fgsm", epsilon="0.1")
Shape = tuple[int, int, int]


def layers(classes: int = 10) -> list[nn.Module]:
    return [nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, classes)]


def head(features: int) -> list[nn.Module]:
    return [nn.Flatten(), nn.Linear(features, 10)]


class Wrapped(nn.Module):
    """Some layers, whose logits are changed by a function of the module and the logits."""

    def __init__(self, change: Callable[[nn.Module, Tensor], object]) -> None:
        super().__init__()
        self.layers, self.change = nn.Sequential(*layers()), change

    def forward(self, images: Tensor) -> object:
        return self.change(self, self.layers(images))


@pytest.fixture
def known() -> Iterator[Callable[[Callable[[], nn.Module]], st.NetworkRecipe]]:
    """Make a function that makes a module known, for one test."""

    def register(make: Callable[[], nn.Module]) -> st.NetworkRecipe:
        networks.register(NAME, lambda **_: make())
        return st.NetworkRecipe(NAME)

    yield register
    networks.NETWORKS.pop(NAME, None)


def draw(data: st.Data, recipe: st.NetworkRecipe) -> st.Ticket:
    return st.draw_ticket(data, recipe, ratio=0.3, attack=ATTACK, learning=LEARNING)


def without_gradient(module: nn.Module, logits: Tensor) -> Tensor:
    return logits.detach()


class WithParameter(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers())
        self.order = nn.Parameter(torch.arange(4).to(dtype), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def failing() -> nn.Module:
    raise AssertionError("needs 32x32")


def importing() -> nn.Module:
    import a_package_that_is_not_there  # type: ignore[import-not-found] # noqa: F401

    return nn.Identity()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Sequential(*layers(1000)), "has 1000 classes, but the data have 10"),
        (lambda: nn.Sequential(*layers(9)), "has 9 classes, but the data have 10"),
        (lambda: Wrapped(lambda _, z: z[:, :, None].squeeze()), r"for 1 image, got \(10,\)"),
        (lambda: Wrapped(lambda m, z: (z, z) if m.training else z), "got tuple in training mode"),
        (lambda: Wrapped(lambda _, z: z.argmax(1, keepdim=True)), "got torch.int64"),
        (lambda: Wrapped(without_gradient), "with respect to its images in eval mode"),
        (
            lambda: Wrapped(lambda m, z: z.detach() if m.training else z),
            "with respect to its images in training mode",
        ),
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), "1.weight is lazy"),
        (failing, "cannot be built: needs 32x32"),
        (importing, "cannot be built: No module named 'a_package_that_is_not_there'"),
        (lambda: WithParameter(torch.int64), "parameter order is torch.int64"),
        (lambda: WithParameter(torch.float64), "parameter order is torch.float64"),
    ],
)
def test_bad_networks_are_refused_before_the_search(
    make: Callable[[], nn.Module],
    message: str,
    known: Callable[..., st.NetworkRecipe],
    few_digits: st.Data,
) -> None:
    recipe = known(make)

    for work in (draw, lambda data, net: st.train_network(data, net, learning=LEARNING)):
        with pytest.raises(InputError, match=message):
            work(few_digits, recipe)


def test_weights_without_a_gradient_are_refused(
    known: Callable[..., st.NetworkRecipe], few_digits: st.Data
) -> None:
    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 10)

        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1) @ self.layer.weight.detach().T

    with pytest.raises(InputError, match="with respect to its weights in eval mode"):
        draw(few_digits, known(Detached))


def test_logits_in_double_precision_are_drawn_like_single_ones(
    known: Callable[..., st.NetworkRecipe], few_digits: st.Data
) -> None:
    double = draw(few_digits, known(lambda: Wrapped(lambda _, z: z.double())))
    networks.NETWORKS.pop(NAME)
    single = draw(few_digits, known(lambda: Wrapped(lambda _, z: z)))

    assert double.mask == single.mask


COMPUTED = {
    "old weight norm": (old_weight_norm, "WeightNorm"),
    "new weight norm": (parametrizations.weight_norm, "WeightNorm"),
    "old spectral norm": (old_spectral_norm, "SpectralNorm"),
    "new spectral norm": (parametrizations.spectral_norm, "SpectralNorm"),
    "orthogonal": (parametrizations.orthogonal, "Orthogonal"),
    "prune": (lambda layer: prune.l1_unstructured(layer, "weight", 0.5), "L1Unstructured"),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of the old weight norm
@pytest.mark.parametrize("kind", COMPUTED)
@pytest.mark.parametrize("convolution", [False, True])
def test_a_weight_that_is_computed_is_refused_by_name(
    kind: str, convolution: bool, known: Callable[..., st.NetworkRecipe], few_digits: st.Data
) -> None:
    normed, name = COMPUTED[kind]

    def make() -> nn.Module:
        first, second = nn.Conv2d(1, 4, 3), nn.Linear(144, 10)
        if convolution:
            return nn.Sequential(normed(first), nn.Flatten(), second)
        return nn.Sequential(first, nn.Flatten(), normed(second))

    place = "0" if convolution else "2"
    with pytest.raises(InputError, match=rf"{place}.weight is computed .*\({name}\)"):
        draw(few_digits, known(make))


def test_a_computed_projection_of_attention_is_refused_by_name(
    known: Callable[..., st.NetworkRecipe], few_digits: st.Data
) -> None:
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            parametrizations.weight_norm(self.attention, "in_proj_weight")
            self.head = nn.Linear(8, 10)

        def forward(self, images: Tensor) -> Tensor:
            rows = images.squeeze(1)
            return self.head(self.attention(rows, rows, rows, need_weights=False)[0].mean(dim=1))

    with pytest.raises(InputError, match="attention.in_proj_weight is computed"):
        draw(few_digits, known(Attending))


class Standardised(nn.Conv2d):
    """Weights of mean 0 and variance 1 in each filter, as in timm's ``StdConv2d``."""

    def forward(self, images: Tensor) -> Tensor:
        mean, std = (f(self.weight, (1, 2, 3), keepdim=True) for f in (torch.mean, torch.std))
        return self._conv_forward(images, (self.weight - mean) / (std + 1e-6), self.bias)


class Padded(nn.Conv2d):
    """A convolution of one's own whose mask means what it says."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(nn.functional.pad(images, (0, 1, 0, 1)))


def test_a_layer_that_standardises_its_weight_is_refused_by_name(
    known: Callable[..., st.NetworkRecipe], few_digits: st.Data
) -> None:
    with pytest.raises(InputError, match=r"0 \(Standardised\) is not linear in its weight"):
        draw(few_digits, known(lambda: nn.Sequential(Standardised(1, 4, 3), *head(144))))
    assert draw(few_digits, known(lambda: nn.Sequential(Padded(1, 4, 3), *head(196)))).mask.kept


class Permuted(nn.Module):
    """Pixels in another order: a structure of which no parameter or buffer tells."""

    def __init__(self, order: object) -> None:
        super().__init__()
        self.order = torch.as_tensor(order)
        self.layers = nn.Sequential(*layers())

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images.flatten(1)[:, self.order])


def shuffled() -> list[int]:
    order = list(range(64))
    random.shuffle(order)
    return order


@pytest.mark.parametrize("order", [lambda: np.random.permutation(64), shuffled])
def test_a_structure_drawn_from_global_generators_is_rebuilt(
    order: Callable[[], object], known: Callable[..., st.NetworkRecipe], few_digits: st.Data
) -> None:
    made: list[Tensor] = []

    def make() -> nn.Module:
        module = Permuted(order())
        made.append(module.order)
        return module

    recipe = known(make)
    states = random.getstate(), np.random.get_state()[1].copy()
    ticket = draw(few_digits, recipe)
    loaded = st.Ticket.from_bytes(ticket.to_bytes())

    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()
    for network in (loaded.build(), ticket.build()):
        assert torch.equal(networks.bare(network).order, made[0])
    assert not torch.equal(made[0], torch.arange(64))


class WithBuffer(nn.Module):
    def __init__(self, value: Tensor, persistent: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers())
        self.register_buffer("value", value, persistent=persistent)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images * self.value)


def unseeded(size: int = 64) -> Tensor:
    return torch.from_numpy(np.random.default_rng().permutation(size))


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: Permuted(unseeded()), "its logits differ"),
        (lambda: WithBuffer(unseeded(8) + 1, persistent=True), "its buffer value differs"),
        (lambda: WithBuffer(1.0 + unseeded(8), persistent=False), "its buffer value differs"),
    ],
)
def test_a_network_that_is_another_each_time_is_refused(
    make: Callable[[], nn.Module],
    what: str,
    known: Callable[..., st.NetworkRecipe],
    few_digits: st.Data,
) -> None:
    with pytest.raises(InputError, match=rf"differs each time it is built \({what}\)"):
        draw(few_digits, known(make))


def test_a_network_of_other_layers_each_time_is_refused(
    known: Callable[..., st.NetworkRecipe], few_digits: st.Data
) -> None:
    sizes = iter(range(10, 20))

    def make() -> nn.Module:
        size = next(sizes)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, size), nn.Linear(size, 10))

    with pytest.raises(InputError, match="its parameters differ"):
        draw(few_digits, known(make))


def test_a_random_statistic_is_stored_and_so_no_obstacle(
    known: Callable[..., st.NetworkRecipe], few_digits: st.Data
) -> None:
    recipe = known(lambda: WithBuffer(1.0 + unseeded(8), persistent=True))
    ticket = draw(few_digits, recipe)
    images = torch.rand(3, 1, 8, 8)

    assert torch.equal(
        ticket.build()(images), st.Ticket.from_bytes(ticket.to_bytes()).build()(images)
    )


def test_dropout_and_batch_norm_are_no_other_network_and_change_by_no_check(
    known: Callable[..., st.NetworkRecipe], few_digits: st.Data
) -> None:
    def make() -> nn.Module:
        first, *rest = layers()
        return nn.Sequential(first, nn.BatchNorm1d(64), nn.Dropout(0.5), *rest)

    recipe = known(make)
    torch.manual_seed(5)
    ticket = draw(few_digits, recipe)
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3))
    assert ticket.remaining_ratio == pytest.approx(0.3, abs=0.01)


def test_a_sequential_module_keeps_what_is_its_own() -> None:
    module = nn.Sequential(*layers())
    module.register_parameter("scale", nn.Parameter(torch.ones(3)))
    hooked = nn.Sequential(*layers())
    hooked.register_forward_hook(lambda module, given, said: said + 7)
    images = torch.rand(2, 1, 8, 8)

    for own in (module, hooked):
        wrapped = networks.normalised(own, networks.Normalise([0.0], [1.0]))
        assert networks.bare(wrapped) is own
        assert torch.equal(wrapped(images), own(images))
    assert "scale" in networks.unmasked(networks.normalised(module, nn.Identity()))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise RuntimeError('broken')", "broken"),
        ("def net(:", "invalid syntax"),
        ("import this_is_no_package", "No module named 'this_is_no_package'"),
        ("1 / 0", "division by zero"),
    ],
)
def test_code_that_cannot_be_imported_says_why(
    code: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_networks.py").write_text(code + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        with pytest.raises(InputError, match=f"cannot import 'broken_networks' .*{why}"):
            networks.import_factory("broken_networks:net")
    finally:
        sys.modules.pop("broken_networks", None)
