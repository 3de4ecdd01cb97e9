"""The classifier behaves as scikit-learn's do."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import scratchticket as st
from scratchticket import networks
from scratchticket.base.errors import InputError
from scratchticket.data import pixels

base = pytest.importorskip("sklearn.base")
model_selection = pytest.importorskip("sklearn.model_selection")
checks = pytest.importorskip("sklearn.utils.estimator_checks")
validation = pytest.importorskip("sklearn.utils.validation")
pd = pytest.importorskip("pandas")
TINY = {"network": "conv4", "width": 2, "attack": "fgsm", "epochs": 1, "batch_size": 32}
SMALL = {"width": 2, "steps": 1, "epochs": 2, "batch_size": 64}
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


@pytest.fixture(scope="module")
def fitted(digits: st.Data) -> st.RobustTicketClassifier:
    images, labels = digits.train.images[:400, 0].numpy(), digits.train.labels[:400].numpy()
    return st.RobustTicketClassifier(0.3, "0.1", **SMALL).fit(images, NAMES[labels])


def test_it_answers_with_the_users_own_labels(
    fitted: st.RobustTicketClassifier, digits: st.Data
) -> None:
    images, labels = digits.test.images[:50], NAMES[digits.test.labels[:50].numpy()]

    logits = fitted.ticket_.build()(pixels(images)).numpy()
    assert sorted(fitted.classes_) == sorted(NAMES)
    np.testing.assert_array_equal(fitted.predict(images.numpy()), fitted.classes_[logits.argmax(1)])
    np.testing.assert_allclose(fitted.predict_proba(images.numpy()).sum(axis=1), 1, rtol=1e-6)
    assert fitted.score(images.numpy(), labels) == (fitted.predict(images.numpy()) == labels).mean()
    assert fitted.robust_score(images.numpy(), labels) <= fitted.score(images.numpy(), labels)


def test_images_may_come_in_every_form(
    fitted: st.RobustTicketClassifier, digits: st.Data, tmp_path: Path
) -> None:
    images = digits.test.images[:5].numpy()
    wanted = fitted.predict(images).tolist()

    files = [tmp_path / f"{place}.png" for place in range(5)]
    for image, file in zip(images, files, strict=True):
        Image.fromarray(image[0]).save(file)
    for given in (images[:, 0], images.transpose(0, 2, 3, 1), images / 255, files):
        assert fitted.predict(given).tolist() == wanted


def test_it_is_cloned_searched_and_pickled(digits: st.Data) -> None:
    images, labels = digits.train.images[:120, 0].numpy(), digits.train.labels[:120].numpy()
    classifier = st.RobustTicketClassifier(epsilon="0.1", **SMALL | {"epochs": 1})

    assert base.clone(classifier).get_params() == classifier.get_params()
    search = model_selection.GridSearchCV(classifier, {"ratio": [0.1, 0.5]}, cv=2)
    best = search.fit(images, labels).best_estimator_
    assert best.ratio in (0.1, 0.5)
    again = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(again.predict(images), best.predict(images))


def test_a_ticket_file_becomes_a_classifier_again(
    fitted: st.RobustTicketClassifier, digits: st.Data, tmp_path: Path
) -> None:
    images = digits.test.images[:20].numpy()
    fitted.save(tmp_path / "ticket.safetensors")

    ticket = st.Ticket.load(tmp_path / "ticket.safetensors")
    again = st.RobustTicketClassifier.from_ticket(ticket)
    assert again.predict(images).tolist() == fitted.predict(images).tolist()


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (lambda y: y, "i"),
        (lambda y: y + 3, "i"),
        (lambda y: y.astype(np.uint8), "i"),
        (lambda y: y * 1.0, "f"),
        (lambda y: y == 0, "b"),
        (lambda y: y.astype(str), "U"),
        (lambda y: (y + 1).astype(str).tolist(), "U"),
        (lambda y: pd.Series(y[::-1], index=range(len(y))[::-1])[::-1] - 1, "i"),
        (lambda y: pd.Series(y).map(str), "U"),
    ],
)
def test_labels_of_every_kind_come_back_from_a_file(
    labels: Callable[[Any], Any], kind: str, digits: st.Data, tmp_path: Path
) -> None:
    images, numbers = digits.train.images[:80, 0].numpy(), digits.train.labels[:80].numpy()
    given = labels(numbers)
    fitted = st.RobustTicketClassifier(0.5, "0.1", **TINY).fit(images, given)
    fitted.save(tmp_path / "ticket.safetensors")
    ticket = st.Ticket.load(tmp_path / "ticket.safetensors")
    again = st.RobustTicketClassifier.from_ticket(ticket, epsilon="0.1")

    for classifier in (fitted, again):
        assert set(classifier.classes_) == set(given)
        assert set(classifier.predict(images)) <= set(given)
        assert classifier.score(images, given) == fitted.score(images, given)
        assert classifier.robust_score(images, given) <= classifier.score(images, given)
    assert again.classes_.dtype.kind == kind
    assert again.seed_ == fitted.seed_ == 0


def test_a_ticket_of_numbered_classes_has_numbers_and_one_of_names_has_names(
    fitted: st.RobustTicketClassifier,
) -> None:
    ticket = st.Ticket.load("gallery:digits-seed2/ticket")
    named = replace(fitted.ticket_, provenance={})

    assert st.RobustTicketClassifier.from_ticket(ticket).classes_.tolist() == list(range(10))
    assert sorted(st.RobustTicketClassifier.from_ticket(named).classes_) == sorted(NAMES)
    for odd in ("i", "x", 7, None, ["i"]):
        changed = replace(named, provenance={"labels": odd})
        assert sorted(st.RobustTicketClassifier.from_ticket(changed).classes_) == sorted(NAMES)


def test_pandas_is_taken_by_position(fitted: st.RobustTicketClassifier, digits: st.Data) -> None:
    images, labels = digits.test.images[:40, 0].numpy(), NAMES[digits.test.labels[:40].numpy()]
    order = np.random.default_rng(0).permutation(40)
    shuffled, named = pd.Series(list(images)).iloc[order], pd.Series(labels).iloc[order]
    wanted = fitted.predict(images[order]).tolist()

    far = shuffled.set_axis(range(1000, 1040))
    for given in (shuffled, far, far.to_frame("image")):
        assert fitted.predict(given).tolist() == wanted
        assert fitted.decision_function(given).shape == (40, 10)
    assert fitted.score(shuffled, named) == fitted.score(images, labels)
    assert fitted.robust_score(shuffled, named) == fitted.robust_score(images[order], labels[order])
    arrays = st.RobustTicketClassifier(0.5, "0.1", **TINY).fit(images[order], labels[order])
    series = st.RobustTicketClassifier(0.5, "0.1", **TINY).fit(shuffled, named)
    assert arrays.ticket_.to_bytes() == series.ticket_.to_bytes()
    for method in (fitted.predict, lambda table: fitted.fit(table, labels)):
        with pytest.raises(InputError, match="a table of 64 columns holds no images"):
            method(pd.DataFrame(images.reshape(40, -1)))


def test_of_two_classes_a_decision_is_one_number(digits: st.Data) -> None:
    two = (digits.train.labels[:300] < 2).numpy()
    images, labels = digits.train.images[:300, 0].numpy()[two], digits.train.labels[:300][two]
    classifier = st.RobustTicketClassifier(0.5, "0.1", **TINY).fit(images, labels.numpy())
    logits = classifier.ticket_.build()(pixels(torch.from_numpy(images[:, None])))

    decisions, chances = classifier.decision_function(images), classifier.predict_proba(images)
    np.testing.assert_allclose(decisions, (logits[:, 1] - logits[:, 0]).numpy(), rtol=1e-6)
    np.testing.assert_array_equal(classifier.predict(images), (decisions > 0).astype(int))
    np.testing.assert_allclose(chances[:, 1], 1 / (1 + np.exp(-decisions)), rtol=1e-5)
    for scoring in ("roc_auc", "average_precision"):
        scores = model_selection.cross_val_score(
            classifier, images, labels.numpy(), cv=2, scoring=scoring, error_score="raise"
        )
        assert np.isfinite(scores).all()
    calibrated = pytest.importorskip("sklearn.calibration").CalibratedClassifierCV(classifier, cv=2)
    assert calibrated.fit(images, labels.numpy()).predict(images[:2]).shape == (2,)


def test_the_seed_may_be_drawn_as_elsewhere(digits: st.Data) -> None:
    images, labels = digits.train.images[:80, 0].numpy(), digits.train.labels[:80].numpy()

    def seed(state: object, fits: int = 1) -> int:
        classifier = st.RobustTicketClassifier(0.5, "0.1", **TINY, random_state=state)
        for _ in range(fits):
            classifier.fit(images, labels)
        assert classifier.seed_ == classifier.ticket_.seed
        return classifier.seed_

    assert seed(np.int64(3)) == seed(3) == 3
    state = np.random.RandomState
    assert seed(state(0)) == seed(state(0)) != seed(state(0), fits=2)
    before = np.random.get_state()
    try:
        np.random.seed(0)
        drawn = [seed(None), seed(None)]
        np.random.seed(0)
        assert [seed(None), seed(None)] == drawn
        assert drawn[0] != drawn[1]
    finally:
        np.random.set_state(before)
    for wrong in ("0", 1.5, np.random.default_rng(0), -1):
        with pytest.raises(InputError, match="random_state must be|seed must be an integer from 0"):
            seed(wrong)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(10)[[0, 1, 2, 3]], r"got \(4, 10\); for one-hot rows give y.argmax"),
        ([[1, 0], [0, 1], [1, 0], [0, 1]], r"got \(4, 2\)"),
        (np.zeros((4, 1, 1)), r"got \(4, 1, 1\)"),
        ([None] * 4, "NaN or None, which is no label"),
        (["a", "b", None, "a"], "NaN or None, which is no label"),
        ([0.0, 1.0, float("nan"), 1.0], "NaN"),
        (np.array([0, 1, np.nan, 1]), "NaN or infinity, which is no label"),
        (np.array([0, 1, np.inf, 1]), "NaN or infinity, which is no label"),
        (["a", 1, 2, "b"], "labels must be all numbers or all text, got int and str"),
        ([True, "a", True, "a"], "all numbers or all text, got bool and str"),
        ([object()] * 4, "all numbers or all text, got object"),
        ([0.5, 1.5, 0.25, 2.0], "Unknown label type: continuous"),
        (None, "requires y to be passed, but the target y is None"),
        ([1, 1, 1, 1], "y has one class: 1"),
        (np.array(3), r"got \(\)"),
    ],
)
def test_labels_that_are_none_are_told(labels: object, message: str, digits: st.Data) -> None:
    images = digits.train.images[:4, 0].numpy()

    with pytest.raises(InputError, match=message):
        st.RobustTicketClassifier(0.5, "0.1", **TINY).fit(images, labels)


def test_a_column_of_labels_is_taken_with_scikit_learns_warning(digits: st.Data) -> None:
    images, labels = digits.train.images[:80, 0].numpy(), digits.train.labels[:80].numpy()

    with pytest.warns(pytest.importorskip("sklearn.exceptions").DataConversionWarning):
        column = st.RobustTicketClassifier(0.5, "0.1", **TINY).fit(images, labels[:, None])
    row = st.RobustTicketClassifier(0.5, "0.1", **TINY).fit(images, labels)
    assert column.ticket_.to_bytes() == row.ticket_.to_bytes()


@pytest.mark.parametrize("images", [7, "folder", {"a": 1}, iter([])])
def test_images_that_are_no_sequence_are_told(
    images: object, fitted: st.RobustTicketClassifier
) -> None:
    for method in (fitted.predict, lambda given: fitted.fit(given, [0, 1])):
        with pytest.raises(InputError, match="images must be an array or a list, got"):
            method(images)


@pytest.mark.parametrize("device", ["cuda:77", "gpu"])
def test_a_device_that_is_not_there_is_told(device: str, digits: st.Data) -> None:
    images, labels = digits.train.images[:80, 0].numpy(), digits.train.labels[:80].numpy()

    with pytest.raises(InputError, match=f"no device '{device}' here"):
        st.RobustTicketClassifier(0.5, "0.1", **TINY, device=device).fit(images, labels)


def test_its_tags_say_that_it_takes_images() -> None:
    tags = st.RobustTicketClassifier().__sklearn_tags__()

    assert tags.estimator_type == "classifier"
    assert tags.target_tags.required
    assert tags.requires_fit
    assert (tags.input_tags.two_d_array, tags.input_tags.three_d_array) == (False, True)
    assert not tags.non_deterministic
    assert st.RobustTicketClassifier(random_state=None).__sklearn_tags__().non_deterministic
    with pytest.warns(pytest.importorskip("sklearn.exceptions").SkipTestWarning, match="requires"):
        checks.check_estimator(st.RobustTicketClassifier())


class OfTables(st.RobustTicketClassifier):
    """The classifier of images of one row: scikit-learn's checks are for tables of features."""

    def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
        return super().fit(_rows(validation.validate_data(self, X)), y)

    def _logits(self, X: Any) -> Any:  # noqa: N803
        self._check_fitted()
        return super()._logits(_rows(validation.validate_data(self, X, reset=False)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = tags.input_tags.three_d_array = False
        tags.input_tags.two_d_array = True
        return tags


def _rows(table: Any) -> Any:
    """Return each row of features as an image one pixel high."""
    return np.rint(255 / (1 + np.exp(-np.asarray(table, dtype=float) / 3))).astype(np.uint8)[
        :, None
    ]


def perceptron(*, classes: int, image_shape: tuple[int, int, int]) -> torch.nn.Module:
    inputs = image_shape[1] * image_shape[2]
    first, last = torch.nn.Linear(inputs, 64), torch.nn.Linear(64, classes)
    return torch.nn.Sequential(torch.nn.Flatten(), first, torch.nn.ReLU(), last)


networks.register("perceptron of the checks", perceptron)

#: Of scikit-learn's checks those that fail, and why they cannot apply.
EXCEPT = {
    "check_methods_subset_invariance": "a logit near 0 is compared to 1e-7, and sums in single "
    "precision round differently in batches of other sizes",
}


@checks.parametrize_with_checks(
    [
        OfTables(
            0.5,
            "1/255",
            network="perceptron of the checks",
            attack="none",
            epochs=5,
            batch_size=16,
            validation="0",
        )
    ],
    expected_failed_checks=lambda estimator: EXCEPT,
)
@pytest.mark.filterwarnings("ignore")  # of scikit-learn's own
def test_it_passes_scikit_learns_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_what_does_not_fit_is_told(
    fitted: st.RobustTicketClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.zeros((20, 8, 8), dtype=np.uint8)
    with pytest.raises(InputError, match="20 images have 3 labels"):
        st.RobustTicketClassifier().fit(images, [0, 1, 2])
    with pytest.raises(InputError, match="there are no images"):
        fitted.predict(images[:0])
    with pytest.raises(InputError, match="'ten' was not among"):
        fitted.robust_score(images[:1], ["ten"])
    with pytest.raises(InputError, match="9"):
        fitted.predict(np.zeros((1, 9, 9), dtype=np.uint8))
    with pytest.raises(pytest.importorskip("sklearn.exceptions").NotFittedError, match="call fit"):
        st.RobustTicketClassifier().predict(images)
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delitem(sys.modules, "scratchticket.estimator")
    monkeypatch.delitem(st.__dict__, "RobustTicketClassifier")
    with pytest.raises(InputError, match=r"scratchticket\[sklearn\]"):
        _ = st.RobustTicketClassifier
