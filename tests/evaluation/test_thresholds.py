"""Warning signs at their thresholds: one image more is a warning."""

from __future__ import annotations

import pytest
from outcomes import with_counts

from scratchticket.attacks import APGD, FGSM, PGD, Attack, Bandits, Noise, Stage, TargetedAPGD
from scratchticket.base.accuracy import Accuracy
from scratchticket.evaluation import chance_signs, checks
from scratchticket.evaluation.suites import autoattack

HERE, FAR, FARTHER, EVERYTHING = "0.1", "0.15", "0.2", "1"
PGD20, PGD100 = Attack(PGD(), HERE), Attack(PGD(100), HERE)


def verdicts(left: dict[Attack, int], **more: object) -> dict[str, str]:
    """Return the verdict of every check, at radius 0.1."""
    evaluated = with_counts(left, **more)  # type: ignore[arg-type]
    return {check.name: check.verdict for check in checks(evaluated, HERE, "linf", EVERYTHING, 10)}


@pytest.mark.parametrize(
    ("name", "first", "attack", "bound", "step"),
    [
        ("more steps", {PGD20: 500}, PGD100, 495, -1),
        ("more restarts", {PGD100: 500}, Attack(PGD(100, restarts=4), HERE), 495, -1),
        ("logit scale", {PGD100: 500}, Attack(PGD(100, loss="scaled-ce"), HERE), 495, -1),
        ("agreement of losses", {PGD100: 500}, Attack(PGD(100, loss="dlr"), HERE), 480, -1),
        ("agreement of losses", {PGD100: 500}, Attack(PGD(100, loss="margin"), HERE), 520, 1),
        ("order of attacks", {Attack(FGSM(), HERE): 500}, PGD20, 502, 1),
        ("order of attacks", {PGD20: 500}, Attack(APGD(), HERE), 502, 1),
        ("order of attacks", {Attack(APGD(), HERE): 500}, Attack(TargetedAPGD(), HERE), 502, 1),
        ("black box", {PGD20: 500, PGD100: 505}, Attack(Bandits(9), HERE), 498, -1),
        (
            "accuracy against epsilon",
            {Attack(PGD(), FARTHER): 405, PGD20: 500},
            Attack(PGD(), FAR),
            400,
            -1,
        ),
        ("unbounded attack", {}, Attack(PGD(), EVERYTHING), 10, 1),
        ("noise", {PGD20: 890}, Attack(Noise(), HERE), 896, -1),  # 10 fooled, and 4 or 5
        ("noise", {PGD20: 898}, Attack(Noise(), HERE), 898, -1),  # 2 fooled, and 2 or 3
    ],
)
def test_a_sign_is_raised_one_image_after_its_threshold(
    name: str, first: dict[Attack, int], attack: Attack, bound: int, step: int
) -> None:
    assert verdicts(first | {attack: bound})[name] == "clear"
    assert verdicts(first | {attack: bound + step})[name] == "warning"
    assert verdicts({attack: bound + step})[name] == "not tested" or not first


@pytest.mark.parametrize(
    ("name", "weaker", "stronger"),
    [
        ("more steps", PGD20, PGD100),
        ("logit scale", PGD100, Attack(PGD(100, loss="scaled-ce"), HERE)),
    ],
)
def test_a_stronger_attack_that_fools_fewer_is_another_matter(
    name: str, weaker: Attack, stronger: Attack
) -> None:
    assert verdicts({weaker: 400, stronger: 500})[name] == "clear"


def test_a_single_image_of_a_few_is_no_sign() -> None:
    for count, verdict in ((49, "clear"), (48, "warning")):
        assert verdicts({PGD20: 50, PGD100: count}, total=100, natural=90)["more steps"] == verdict


def test_a_thousand_images_are_enough() -> None:
    assert verdicts({}, total=999)["sample size"] == "warning"
    assert verdicts({}, total=1000)["sample size"] == "clear"


def test_gradients_are_clear_only_without_any_fault() -> None:
    assert verdicts({})["gradients"] == "not tested"
    assert verdicts({}, gradients={"margin vanishing": 0})["gradients"] == "clear"
    faults = {"margin vanishing": 0, "margin not finite": 1}
    assert verdicts({}, gradients=faults)["gradients"] == "warning"


def test_autoattacks_square_is_judged_by_what_it_fools_itself() -> None:
    *climbing, square = autoattack(HERE, "linf")
    before = dict.fromkeys(climbing, 900)

    assert verdicts(before | {square: 898})["black box"] == "clear"
    assert verdicts(before | {square: 897})["black box"] == "warning"
    alone = Attack(Stage("square"), HERE)
    assert verdicts({PGD20: 800, alone: 850})["black box"] == "clear"


def test_attacks_at_other_radii_or_in_another_norm_are_not_compared() -> None:
    elsewhere = {Attack(PGD(100), FAR): 100, Attack(PGD(100, step_size="0.0125"), HERE, "l2"): 100}

    assert verdicts({PGD20: 500, **elsewhere})["more steps"] == "not tested"
    curve = {PGD20: 500, Attack(PGD(), FAR): 400, Attack(PGD(), FARTHER, "l2"): 450}
    assert verdicts(curve)["accuracy against epsilon"] == "not tested"


def test_autoattack_is_clear_if_its_flags_were_looked_for_and_none_was_raised() -> None:
    assert verdicts({})["autoattack"] == "not tested"
    assert verdicts({}, flags=())["autoattack"] == "clear"
    assert verdicts({}, flags=("randomized",))["autoattack"] == "warning"


def test_chance_is_compared_with_the_lower_end_of_the_interval() -> None:
    natural = {"lucky": Accuracy(118, 1000), "better": Accuracy(121, 1000)}

    signs = chance_signs(natural, 10)

    assert natural["lucky"].interval()[0] < 0.1 < natural["better"].interval()[0]
    assert [(sign.name, sign.text.split(":")[0]) for sign in signs] == [("chance", "lucky")]
