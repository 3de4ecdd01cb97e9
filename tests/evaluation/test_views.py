"""Accuracy, transfer matrix, adversarial file and features show the same attacked images.

With an attack that draws nothing they agree whatever the images are. Of one that draws, accuracy,
file and features take the numbers from a stream named after the attack, a transfer matrix from one
named after attack and source, so that networks of a matrix do not share their starts. And accuracy
attacks only the images that the network gets right: with some wrong, it draws for fewer.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import scratchticket as st
from scratchticket.attacks import FGSM, PGD, Attack, Noise, without_early_stopping
from scratchticket.data import ImageSet
from scratchticket.evaluation import Journal, evaluate, feature_distance, natural_accuracy
from scratchticket.evaluation.engine import Batches, attack_batch
from scratchticket.evaluation.transfer import SourcedAttack, Transfer, TransferResult
from scratchticket.judging.adversarial import AdversarialImages, attacked_images, score
from scratchticket.judging.subject import Subject

SEED = 5
PIXELS = "0"  # the layer whose features are the pixels
RANDOM = Attack(PGD(5), "0.05")


def linear(seed: int) -> nn.Module:
    network = nn.Sequential(nn.Identity(), nn.Conv2d(1, 10, 8, bias=False), nn.Flatten())
    drawn = torch.randn(10, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    network.load_state_dict({"1.weight": drawn})
    return network.eval()


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return linear(seed=0)


@pytest.fixture(scope="module")
def images(network: nn.Module, digits: st.Data) -> ImageSet:
    """Thirty digits, labelled as the network sees them: few enough for one unpadded batch."""
    test = digits.test[slice(30)]
    return test.labelled(network(test.images / 255).argmax(dim=1))


def matrix(network: nn.Module, images: ImageSet, attack: Attack) -> TransferResult:
    sides = {"own": network, "other": linear(seed=1)}
    work, journal = Transfer(sides, images, [SourcedAttack(attack, "own")], seed=SEED), Journal({})
    work.run(journal)
    result = work.result(journal)
    assert result is not None
    return result


def file(network: nn.Module, images: ImageSet, attack: Attack, data: st.Data) -> AdversarialImages:
    return attacked_images(Subject(network, {"file": "own"}), images, attack, data=data, seed=SEED)


@pytest.mark.parametrize("method", [FGSM(), PGD(5, random_start=False)])
def test_without_random_draws_all_accuracies_are_the_same(
    method: FGSM | PGD, network: nn.Module, images: ImageSet, digits: st.Data
) -> None:
    attack, labels = Attack(method, "0.05"), images.labels.clone()
    labels[::4] = (labels[::4] + 1) % 10
    some = images.labelled(labels)

    evaluated = evaluate(network, some, [attack], seed=SEED)
    crossed = matrix(network, some, attack)
    scored = score(file(network, some, attack, digits), Subject(network, {"file": "own"}))

    robust = evaluated.right & ~evaluated.outcomes[0].fooled
    assert torch.equal(crossed.right["own"] & crossed.rows[0].right["own"], robust)
    assert 0 < scored.attacks[0].correct == int(robust.sum()) < 22
    assert scored.natural.correct == natural_accuracy(network, some).correct == 22


def test_accuracy_and_file_draw_the_same_numbers(
    network: nn.Module, images: ImageSet, digits: st.Data
) -> None:
    (outcome,) = evaluate(network, images, [RANDOM], seed=SEED).outcomes
    made = file(network, images, RANDOM, digits)

    fooled = made.predictions != made.labels
    assert 0 < int(fooled.sum()) < 30
    assert torch.equal(outcome.fooled, fooled)
    assert torch.equal(outcome.distance[fooled], made.distances[fooled])


def test_a_matrix_draws_for_its_source(network: nn.Module, images: ImageSet) -> None:
    noise, batches = Attack(Noise(1), "0.3"), Batches(images, torch.device("cpu"), SEED)
    stored, clean = batches.batch(0)

    def right(stream: str) -> Tensor:
        found = attack_batch(noise, network, clean, stored.labels, batches.stream(stream, 0))
        return network(found.images).argmax(dim=1) == stored.labels

    (row,) = matrix(network, images, noise).rows
    assert torch.equal(row.right["own"], right(f"{noise.stream}, on own"))
    assert not torch.equal(row.right["own"], right(noise.stream))


def test_features_move_as_the_images_of_the_file(
    network: nn.Module, images: ImageSet, digits: st.Data
) -> None:
    found = feature_distance(network, images, RANDOM, layer=PIXELS, seed=SEED)
    made = file(network, images, without_early_stopping(RANDOM), digits)

    clean = (made.originals / 255).flatten(1)
    moved = (made.images.flatten(1) - clean).norm(dim=1) / clean.norm(dim=1)
    torch.testing.assert_close(found.distances, moved)
