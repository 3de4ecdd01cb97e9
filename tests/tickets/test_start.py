"""Runs that start from a file: fine-tuned, trained (RTT) and transferred tickets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.conftest import ATTACK, LEARNING, SMALL

import scratchticket as st
from scratchticket.base.errors import InputError
from scratchticket.masks import keep_top
from scratchticket.networks import bare, maskable
from scratchticket.runs.start import load_start, make_recipe_from_file
from scratchticket.tickets import Start, check_one_network, load_tickets, save_tickets

ONE = replace(LEARNING, epochs=1)


def weights(ticket: st.Ticket) -> dict[str, torch.Tensor]:
    return {name: p.detach() for name, p in maskable(ticket.build()).items()}


@pytest.fixture(scope="module")
def five(few_digits: st.Data) -> st.Data:
    """Digits 0 to 4 alone: another task with another classifier."""
    parts = {}
    for name in ("train", "validation", "test"):
        images: st.ImageSet = getattr(few_digits, name)
        parts[name] = images[images.labels < 5]
    return replace(few_digits, name="five", classes=tuple("01234"), **parts)


@pytest.mark.parametrize("choice", ["inherited", "new"])
def test_fine_tuning_trains_what_remains_and_keeps_the_mask(
    ticket: st.Ticket, few_digits: st.Data, tmp_path: Path, choice: str
) -> None:
    start = Start(ticket, choice)  # type: ignore[arg-type]
    learning = replace(ONE, learning_rate=1e-4)
    tuned = st.train_network(few_digits, start=start, attack=ATTACK, learning=learning, seed=9)

    assert tuned.mask == ticket.mask
    assert tuned.weights is not None
    before, after = weights(ticket), weights(tuned)
    for name, mask in ticket.mask.items():
        moved = (after[name] - before[name])[mask].abs()
        assert moved.max() > 0
        assert (moved.max() < 0.01) == (choice == "inherited")
        assert after[name][~mask].count_nonzero() == 0
    tuned.save(tmp_path / "tuned")
    assert st.Ticket.load(tmp_path / "tuned").to_bytes() == tuned.to_bytes()
    size = (tmp_path / "tuned").stat().st_size
    ticket.save(tmp_path / "ticket")
    assert size - (tmp_path / "ticket").stat().st_size < 4 * ticket.mask.kept + 2000


def test_new_weights_are_kaiming_normal_unless_another_init_is_named(
    ticket: st.Ticket, few_digits: st.Data
) -> None:
    still = replace(ONE, learning_rate=0.0)
    for network, init in ((None, "kaiming_normal"), (SMALL, SMALL.init)):
        tuned = st.train_network(
            few_digits, network, start=Start(ticket, "new"), attack=ATTACK, learning=still, seed=9
        )
        random = st.networks.build("resnet18", classes=10, channels=1, width=4, seed=9, init=init)

        assert tuned.network.init == init
        for name, weight in maskable(random).items():
            mask = ticket.mask[name]
            assert torch.equal(weights(tuned)[name][mask], weight[mask])


def test_batch_norm_statistics_are_not_inherited(ticket: st.Ticket, few_digits: st.Data) -> None:
    still = replace(ONE, learning_rate=0.0, statistics="running", batch_norm="eval")
    odd = replace(ticket, statistics={n: s + 100 for n, s in ticket.statistics.items()})

    tuned = st.train_network(few_digits, start=odd, attack=ATTACK, learning=still)

    assert all(s.abs().max() < 50 for s in tuned.statistics.values())


def test_a_trained_ticket_keeps_trained_weights_and_stores_only_those(
    dense: st.Ticket, few_digits: st.Data, tmp_path: Path
) -> None:
    rtts = [
        st.draw_ticket(few_digits, start=dense, ratio=r, attack=ATTACK, learning=ONE)
        for r in (0.1, 0.3)
    ]

    for rtt in rtts:
        for name, weight in weights(rtt).items():
            mask = rtt.mask[name]
            assert torch.equal(weight[mask], weights(dense)[name][mask])
        assert rtt.fingerprints == dense.fingerprints
        rtt.save(tmp_path / "rtt")
        loaded = st.Ticket.load(tmp_path / "rtt")
        images = torch.rand(2, 1, 8, 8)
        assert torch.equal(loaded.build()(images), rtt.build()(images))
        assert not loaded.ternary
    save_tickets(rtts, tmp_path / "both")  # of one network, as fingerprints tell
    assert [t.mask for t in load_tickets(tmp_path / "both")] == [t.mask for t in rtts]


def test_a_transferred_ticket_replaces_the_classifier_alone(
    dense: st.Ticket, five: st.Data
) -> None:
    rtt = st.draw_ticket(five, start=dense, ratio=0.3, attack=ATTACK, learning=ONE, seed=3)
    random = st.networks.build("resnet18", classes=5, channels=1, width=4, seed=3)

    for name, weight in weights(rtt).items():
        mask = rtt.mask[name]
        origin = maskable(random)[name] if name == "fc.weight" else weights(dense)[name]
        assert torch.equal(weight[mask], origin[mask])
    shared = {n for n in rtt.fingerprints if rtt.fingerprints[n] == dense.fingerprints[n]}
    assert shared == rtt.fingerprints.keys() - {"fc.weight"}
    check_one_network([rtt, dense])


def test_tickets_of_two_tasks_share_one_random_network(
    ticket: st.Ticket, five: st.Data, tmp_path: Path
) -> None:
    other = st.draw_ticket(five, SMALL, ratio=0.1, attack=ATTACK, learning=ONE, seed=5)
    save_tickets([ticket, other], tmp_path / "tasks")

    loaded = load_tickets(tmp_path / "tasks")

    assert [len(one.classes) for one in loaded] == [10, 5]
    assert loaded[1].mask == other.mask


def test_starts_that_cannot_be_used_are_refused(
    ticket: st.Ticket, dense: st.Ticket, few_digits: st.Data, five: st.Data
) -> None:
    arguments = {"attack": ATTACK, "learning": ONE}
    with pytest.raises(InputError, match="its weights are random; give seed 5 instead"):
        st.draw_ticket(few_digits, start=ticket, **arguments)  # type: ignore[arg-type]
    tuned = st.train_network(few_digits, start=ticket, **arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a dense network; here 30"):
        st.draw_ticket(few_digits, start=tuned, **arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="mask does not fit this network"):
        st.train_network(five, start=ticket, **arguments)  # type: ignore[arg-type]
    wider = st.NetworkRecipe("resnet18", width=8)
    with pytest.raises(InputError, match="the network to start from has a different conv1.weight"):
        st.draw_ticket(few_digits, wider, start=dense, **arguments)  # type: ignore[arg-type]
    colour = st.networks.build("resnet18", classes=10, channels=3, seed=0, width=4)
    with pytest.raises(InputError, match=r"images of shape \(1, 8, 8\), not \(3, 8, 8\)"):
        Start(dense).copy_weights(colour, dense.classes, (3, 8, 8))
    with pytest.raises(InputError, match="unknown choice of weights 'old'"):
        Start(ticket, "old")  # type: ignore[arg-type]


def test_scores_that_start_at_the_weights_prune_by_magnitude(
    dense: st.Ticket, few_digits: st.Data
) -> None:
    still = replace(ONE, learning_rate=0.0)
    pruned = st.draw_ticket(
        few_digits, start=dense, scores="weights", ratio=0.1, attack=ATTACK, learning=still
    )

    for name, weight in weights(dense).items():
        assert torch.equal(pruned.mask[name], keep_top(weight.abs(), 0.1))
    with pytest.raises(InputError, match="needs a trained network to start from"):
        st.draw_ticket(few_digits, SMALL, scores="weights", attack=ATTACK, learning=still)


def test_a_recipe_takes_the_network_from_the_file_and_knows_its_content(
    ticket: st.Ticket, tmp_path: Path
) -> None:
    path = tmp_path / "ticket"
    ticket.save(path)
    base = {"task": "train", "start.file": str(path)}

    recipe = make_recipe_from_file(base)
    assert recipe.network == ticket.network
    assert recipe.start.sha256 is not None
    new = make_recipe_from_file(base | {"start.weights": "new"})
    assert new.network == replace(ticket.network, init="kaiming_normal")
    assert make_recipe_from_file(base | {"network.width": "4"}) == recipe
    with pytest.raises(InputError, match=r"has network.width=4, not 8"):
        make_recipe_from_file(base | {"network.width": 8})
    with pytest.raises(InputError, match="has network.init=signed_kaiming_constant, not xavier"):
        make_recipe_from_file(base | {"network.init": "xavier_normal"})

    origin = load_start(recipe.start)
    assert origin is not None
    assert origin.ticket.mask == ticket.mask
    replace(ticket, provenance={}).save(path)
    with pytest.raises(InputError, match="has changed since the run began"):
        load_start(recipe.start)


def test_names_of_buffers_and_parameters_are_the_bare_modules(dense: st.Ticket) -> None:
    network = bare(dense.build())

    assert dense.weights is not None
    assert list(dense.weights) == [name for name, _ in network.named_parameters()]
    assert set(dense.statistics) <= set(network.state_dict())
