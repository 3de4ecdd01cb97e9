"""The classifier behaves as scikit-learn's do."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import scratchticket as st
from scratchticket.data import pixels
from scratchticket.errors import InputError

base = pytest.importorskip("sklearn.base")
model_selection = pytest.importorskip("sklearn.model_selection")
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
