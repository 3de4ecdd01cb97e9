"""Catastrophic overfitting is detected where it happens, and chance is not mistaken for it."""

from __future__ import annotations

from scratchticket.base.accuracy import Accuracy
from scratchticket.learning import Epoch, Validation, catastrophic_overfitting


def log(*judged: tuple[int, int | None]) -> list[Epoch]:
    """Return a log with these percentages under PGD and FGSM, of 1,000 images."""
    return [
        Epoch(
            number,
            1.0,
            0.1,
            0.0,
            Validation(
                natural=Accuracy(900, 1000),
                robust=Accuracy(10 * robust, 1000),
                fgsm=None if fgsm is None else Accuracy(10 * fgsm, 1000),
            ),
        )
        for number, (robust, fgsm) in enumerate(judged, start=1)
    ]


def test_a_collapse_under_pgd_while_fgsm_rises_is_found_where_it_happens() -> None:
    found = catastrophic_overfitting(log((30, 35), (40, 48), (12, 70), (0, 95)))

    assert found is not None
    assert found.epoch == 3


def test_what_is_no_catastrophic_overfitting() -> None:
    for epochs in (
        log((30, 35), (40, 48), (38, 49)),  # chance
        log((30, 35), (40, 48), (10, 20)),  # both fall: the run is bad, not overfitted
        log((40, None), (0, None)),  # the inner attack makes more than one step
        log(),
    ):
        assert catastrophic_overfitting(epochs) is None


def test_few_images_are_not_significant() -> None:
    def few(robust: int, fgsm: int) -> Epoch:
        judged = Validation(Accuracy(9, 10), Accuracy(robust, 10), Accuracy(fgsm, 10))
        return Epoch(1, 1.0, 0.1, 0.0, judged)

    assert catastrophic_overfitting([few(5, 6), few(2, 8)]) is None
