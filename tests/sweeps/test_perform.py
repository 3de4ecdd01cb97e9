"""Each kind of job asks what its settings say, and nobody else does it at the same time."""

from __future__ import annotations

from typing import Any

import pytest
from test_worker import judged, ticket

import scratchticket as st
from scratchticket.attacks import Attack, Noise
from scratchticket.base.record import (
    EvaluationRecord,
    FeaturesRecord,
    SwitchRecord,
    TransferRecord,
)
from scratchticket.evaluation import Balls, feature_distance
from scratchticket.judging.evaluation import fixed_choice
from scratchticket.runs import lease
from scratchticket.sweeps import Job, Store, in_order, work
from scratchticket.sweeps.perform import attacks_in, balls_of_entry, perform
from scratchticket.sweeps.worker import do

WHERE = Balls("linf", ("0.1", "0.2"), ("0.5",), "1")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with two tickets of one network."""
    store = Store(tmp_path_factory.mktemp("performed"))
    work(store, [ticket(), ticket(ratio="0.5")])
    return store


def titles(settings: dict[str, Any], classes: int = 10) -> list[str]:
    return [str(attack) for attack in attacks_in(settings, WHERE, classes)]


def test_an_attack_of_a_list_has_its_own_ball_or_that_of_the_evaluation() -> None:
    own = {"name": "fgsm", "norm": "l2", "epsilons": ["2"]}
    listed = [{"name": "fgsm"}, own, {"name": "fgsm", "norm": "l2"}, {"name": "cw-l2"}]
    listed += [{"name": "pgd", "settings": {"steps": 3}, "epsilons": ["0.3"]}, {"name": "fgsm"}]

    assert titles({"attacks": listed}) == [
        "fgsm, linf, 0.1",
        "fgsm, linf, 0.2",
        "fgsm, l2, 2",
        "fgsm, l2, 0.5",
        "cw-l2-5x100, l2",
        "pgd-3, linf, 0.3",
    ]
    assert len(titles({"suite": "paper", "attacks": listed})) > 10
    assert balls_of_entry(WHERE, {}) == WHERE


def test_a_judgement_is_in_the_balls_of_its_settings_or_those_of_the_ticket(store: Store) -> None:
    attacks = [{"name": "fgsm"}]
    usual = Job("judge", {"attacks": attacks, "images": 20}, {"it": ticket()})
    told = Job("judge", {"attacks": attacks, "images": 20, "epsilons": ["0.3"]}, {"it": ticket()})

    work(store, in_order([usual, told]))

    first, second = (store.record(job) for job in (usual, told))
    assert isinstance(first, EvaluationRecord)
    assert isinstance(second, EvaluationRecord)
    assert [row.epsilon for row in first.attacks] == ["0.1", "0.15", "0.2"]
    assert [row.epsilon for row in second.attacks] == ["0.3"]
    assert first.natural.total == 20
    network = st.Ticket.load(store.ticket(ticket())).build()
    images = fixed_choice(st.load_data("digits").test, 20)
    assert first.natural.correct == st.natural_accuracy(network, images).correct
    assert first.plan["images"]["total"] == 20


def test_a_matrix_has_the_names_of_its_needs(store: Store) -> None:
    needs = {"b": ticket(), "a": ticket(ratio="0.5")}
    job = Job("transfer", {"images": 10}, needs)

    work(store, in_order([job]))

    record = store.record(job)
    assert isinstance(record, TransferRecord)
    assert record.networks == ("b", "a")
    assert record.matrices[0].epsilon == "0.1"
    images = fixed_choice(st.load_data("digits").test, 10)
    for name, need in needs.items():
        network = st.Ticket.load(store.ticket(need)).build()
        assert record.natural[name] == st.natural_accuracy(network, images).correct


def test_a_network_named_dense_is_compared_and_no_member(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def carry_out(task: Any, **settings: Any) -> Any:
        seen.append(task)
        return SwitchRecord.model_construct()

    monkeypatch.setattr("scratchticket.sweeps.perform.carry_out", carry_out)
    needs = {"a": ticket(), "dense": ticket(ratio="0.5")}

    perform(Job("switch", {"images": 10}, needs), store)
    perform(Job("switch", {"images": 10, "suite": "full"}, {"a": ticket()}), store)

    first, second = seen
    assert (first.names, second.names) == (("a",), ("a",))
    assert first.dense.description["kept"] > first.subjects["a"].description["kept"]
    assert second.dense is None
    assert (first.suite, second.suite) == ("quick", "full")
    assert (first.where.epsilons[0], len(first.images), first.classes) == ("0.1", 10, 10)


def test_features_are_measured_under_noise_at_every_epsilon(store: Store) -> None:
    settings = {"images": 12, "epsilons": ["0.1", "0.3"]}
    job = Job("features", settings, {"a": ticket(), "b": ticket(ratio="0.5")})

    work(store, in_order([job]))

    record = store.record(job)
    assert isinstance(record, FeaturesRecord)
    assert record.distances.keys() == {"a", "b"}
    network = st.Ticket.load(store.ticket(ticket(ratio="0.5"))).build()
    images = fixed_choice(st.load_data("digits").test, 12)
    for epsilon in ("0.1", "0.3"):
        measured = feature_distance(network, images, Attack(Noise(1), epsilon)).mean
        assert record.distances["b"][epsilon] == pytest.approx(measured)
    assert [row.epsilon for row in record.attacks] == ["0.1", "0.3"]
    assert record.data["of"] == 360


def test_progress_is_the_share_of_what_is_done(store: Store) -> None:
    told: list[float] = []
    job = Job("judge", {**judged(ticket()).settings, "images": 30}, {"it": ticket()})

    perform(job, store, observe=told.append)

    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) == 3  # natural accuracy, gradients, the attack


def test_a_job_that_another_worker_holds_is_left_to_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = judged(ticket(ratio="0.5"))
    held = store.take(job)
    assert held is not None
    monkeypatch.setattr("scratchticket.sweeps.worker.perform", lambda *_, **__: 1 / 0)

    assert not do(job, store)

    assert store.state(job) == "running"
    assert store.failure(job) is None
    held.release()


def test_who_lost_the_lease_stops_and_leaves_the_job_to_the_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = judged(ticket(ratio="0.5"))
    seen = []

    def slow(job: Job, store: Store, *, device: str, observe: Any) -> None:
        observe(0.5)
        seen.append(store.progress(job))
        monkeypatch.setattr(lease.Lease, "lost", True)
        observe(0.75)
        seen.append("went on")

    monkeypatch.setattr("scratchticket.sweeps.worker.perform", slow)

    assert not do(job, store)

    assert seen == [0.5]
    assert store.failure(job) is None
