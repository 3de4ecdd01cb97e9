"""Warning signs: reasons not to believe a robust accuracy.

After Carlini et al., 2019 (arXiv:1902.06705), Athalye et al., 2018 (1802.00420), Croce and Hein,
2020 (2003.01690), Pintor et al., 2022 (2106.09947). Each check compares attacks that were run, and
reports the numbers. Without the attacks it needs, its verdict is ``not tested``.
"""

from __future__ import annotations

from collections.abc import Mapping

from scratchticket.attacks import (
    APGD,
    FGSM,
    PGD,
    Attack,
    Method,
    Noise,
    Norm,
    Stage,
    TargetedAPGD,
)
from scratchticket.base.accuracy import Accuracy, percent
from scratchticket.base.quantities import fraction
from scratchticket.base.record import Check, Sign
from scratchticket.evaluation.outcome import EvaluationResult, Outcome

ENOUGH = 1000  # images
CONVERGED = 0.005  # largest fraction of images that more steps or restarts may still fool
AGREEING = 0.02  # largest difference between losses, as a fraction of images
STRONGER = 0.002  # largest fraction of images by which a weaker attack may beat a stronger one
RESIDUE = 0.01  # largest fraction of images that may resist an unbounded attack
STEPS, MORE_STEPS = PGD(), PGD(100)
LOSSES = tuple(PGD(100, loss=loss) for loss in ("ce", "margin", "dlr"))
SCALED, SOME_NOISE, AUTO, TARGETED = PGD(100, loss="scaled-ce"), Noise(), APGD(), TargetedAPGD()


def checks(
    evaluated: EvaluationResult,
    epsilon: str,
    norm: Norm,
    everything: str,
    classes: int | None = None,
) -> list[Check]:
    """Return the results of all checks for warning signs.

    Args:
        evaluated: Results of the attacks.
        epsilon: Radius at which the accuracy is checked.
        norm: Norm of the ball.
        everything: Radius of a ball that contains every image.
        classes: Number of classes; without it, natural accuracy is not compared with chance.
    """
    seen = _Seen(evaluated, epsilon, norm)
    return [
        _sample(seen),
        _chance(evaluated.natural, classes),
        _lower(seen, "more steps", STEPS, MORE_STEPS, CONVERGED),
        _restarts(seen),
        _losses(seen),
        _lower(seen, "logit scale", MORE_STEPS, SCALED, CONVERGED),
        _gradients(seen),
        _order(seen),
        _noise(seen),
        _black_box(seen),
        _monotone(seen),
        _unbounded(seen, everything),
        _flags(seen),
    ]


class _Seen:
    """Outcomes at the checked radius, looked up by attack settings, and counts of images."""

    def __init__(self, evaluated: EvaluationResult, epsilon: str, norm: Norm) -> None:
        self.evaluated, self.epsilon, self.norm = evaluated, epsilon, norm
        self.total = len(evaluated.right)
        self.natural = evaluated.natural.correct
        self.here = [
            outcome
            for outcome in evaluated.outcomes
            if (outcome.attack.epsilon, outcome.attack.norm) == (epsilon, norm)
        ]

    def under(self, method: Method) -> Outcome | None:
        """Return the outcome of a method with exactly these settings at the checked radius."""
        wanted = Attack(method, self.epsilon, self.norm).method
        return next((outcome for outcome in self.here if outcome.attack.method == wanted), None)

    def correct(self, outcome: Outcome) -> int:
        """Number of images classified correctly under an attack."""
        return self.evaluated.robust(outcome).correct

    def share(self, images: int) -> str:
        """Return a number of images as percentage points of accuracy."""
        return f"{percent(images, self.total):.1f} points"

    def beyond(self, images: int, share: float) -> bool:
        """Whether a difference exceeds both a fraction of all images and one image."""
        return images > share * self.total and images > 1


def _sample(seen: _Seen) -> Check:
    low, high = seen.evaluated.natural.interval()
    text = f"{seen.total} images; natural accuracy is known to {percent(high - low) / 2:.1f} points"
    if seen.total < ENOUGH:
        return Check("sample size", "warning", f"{text}; {ENOUGH} or more are usual")
    return Check("sample size", "clear", text)


def _chance(natural: Accuracy, classes: int | None) -> Check:
    """Warn if natural accuracy is not above chance."""
    name = "chance"
    if classes is None:
        return Check(name, "not tested", "needs the number of classes")
    by_chance = f"{percent(1, classes):.1f} % of {classes} classes"
    if natural.interval()[0] > 1 / classes:
        return Check(name, "clear", f"natural accuracy {natural} is above chance, {by_chance}")
    return Check(
        name,
        "warning",
        f"natural accuracy {natural} is not above chance, {by_chance}: the network may number the "
        "classes in another order (--classes) or need other inputs (--normalise, --size, "
        "--colour)",
    )


def chance_signs(natural: Mapping[str, Accuracy], classes: int) -> tuple[Sign, ...]:
    """Return a warning sign for each network whose accuracy is not above chance.

    Args:
        natural: Natural accuracy by network name.
        classes: Number of classes.
    """
    found = {name: _chance(accuracy, classes) for name, accuracy in natural.items()}
    return tuple(
        Sign(name=check.name, text=f"{name}: {check.text}")
        for name, check in found.items()
        if check.verdict == "warning"
    )


def _lower(seen: _Seen, name: str, weaker: Method, stronger: Method, allowed: float) -> Check:
    """Warn if the accuracy is much lower under the stronger attack than under the weaker."""
    first, second = seen.under(weaker), seen.under(stronger)
    if first is None or second is None:
        return Check(name, "not tested", f"needs {weaker} and {stronger}")
    counts = [seen.correct(outcome) for outcome in (first, second)]
    text = f"{stronger} leaves {counts[1]} images right, {weaker} {counts[0]}"
    if seen.beyond(counts[0] - counts[1], allowed):
        return Check(name, "warning", f"{text}: {seen.share(counts[0] - counts[1])} fewer")
    return Check(name, "clear", text)


def _restarts(seen: _Seen) -> Check:
    for outcome in seen.here:
        method = outcome.attack.method
        if isinstance(method, PGD) and method.restarts > 1:
            again = PGD(100, restarts=method.restarts)
            if seen.under(again) is outcome:
                return _lower(seen, "more restarts", MORE_STEPS, again, CONVERGED)
    return Check("more restarts", "not tested", "needs pgd-100 with restarts")


def _losses(seen: _Seen) -> Check:
    known = {str(loss): o for loss in LOSSES if (o := seen.under(loss)) is not None}
    if len(known) < 2:
        return Check("agreement of losses", "not tested", "needs pgd-100 with several losses")
    counts = [seen.correct(outcome) for outcome in known.values()]
    text = ", ".join(f"{t} {c}" for t, c in zip(known, counts, strict=True)) + " images right"
    apart = max(counts) - min(counts)
    if seen.beyond(apart, AGREEING):
        return Check("agreement of losses", "warning", f"{text}: {seen.share(apart)} apart")
    return Check("agreement of losses", "clear", text)


def _gradients(seen: _Seen) -> Check:
    faults = seen.evaluated.gradients
    if faults is None:
        return Check("gradients", "not tested", "gradients were not checked")
    found = [f"{name} {count}" for name, count in faults.items() if count]
    if found:
        text = f"of {seen.natural} images, gradients: " + ", ".join(found)
        return Check("gradients", "warning", text)
    return Check("gradients", "clear", f"finite and not 0 on all {seen.natural} images")


def _order(seen: _Seen) -> Check:
    """Warn if a weaker gradient attack beats a stronger one."""
    steps, auto, targeted = (seen.under(method) for method in (STEPS, AUTO, TARGETED))
    pairs = [(seen.under(FGSM()), steps), (steps, auto), (auto, targeted)]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if not known:
        return Check(
            "order of attacks", "not tested", "needs two of fgsm, pgd-20, apgd-ce-100, apgd-t-100"
        )
    wrong = [
        f"{a.attack.method} leaves {seen.correct(a)} images right, "
        f"{b.attack.method} {seen.correct(b)}"
        for a, b in known
        if seen.beyond(seen.correct(b) - seen.correct(a), STRONGER)
    ]
    if wrong:
        return Check("order of attacks", "warning", "; ".join(wrong))
    titles = [str(known[0][0].attack.method), *(str(b.attack.method) for _, b in known)]
    return Check("order of attacks", "clear", f"from weak to strong: {', '.join(titles)}")


def _noise(seen: _Seen) -> Check:
    noise, steps = seen.under(SOME_NOISE), seen.under(STEPS)
    if noise is None or steps is None:
        return Check("noise", "not tested", "needs noise-20 and pgd-20")
    lost = [seen.natural - seen.correct(outcome) for outcome in (noise, steps)]
    text = f"noise fools {lost[0]} images, pgd-20 {lost[1]}"
    strong = seen.beyond(lost[0], STRONGER) and 2 * lost[0] >= lost[1]
    return Check("noise", "warning" if strong else "clear", text)


def _black_box(seen: _Seen) -> Check:
    """Warn if a black-box attack fools images that gradient attacks do not."""
    name = "black box"
    blind = [
        o for o in seen.here if o.attack.method.black_box and not isinstance(o.attack.method, Noise)
    ]
    sighted = [o for o in seen.here if not o.attack.method.black_box]
    if not blind or not sighted:
        return Check(name, "not tested", "needs bandits or square, and attacks with gradients")
    texts, stronger = [], False
    best = min(sighted, key=seen.correct)
    for outcome in blind:
        if outcome.attack.after:
            alone = int(outcome.fooled.sum())
            texts.append(f"{outcome.attack.label} fools {alone} that the attacks before it did not")
        else:
            alone = seen.correct(best) - seen.correct(outcome)
            texts.append(
                f"{outcome.attack.label} leaves {seen.correct(outcome)} images right, "
                f"{best.attack.label} {seen.correct(best)}"
            )
        stronger |= alone > STRONGER * seen.total
    return Check(name, "warning" if stronger else "clear", "; ".join(texts))


def _monotone(seen: _Seen) -> Check:
    name = "accuracy against epsilon"
    curve = _curve(seen)
    if len(curve) < 3:
        return Check(name, "not tested", "needs pgd-20 at three epsilons or more")
    rises = [
        f"{seen.correct(b)} images right at {b.attack.epsilon}, "
        f"{seen.correct(a)} at {a.attack.epsilon}"
        for a, b in zip(curve, curve[1:], strict=False)
        if seen.beyond(seen.correct(b) - seen.correct(a), CONVERGED)
    ]
    if rises:
        return Check(name, "warning", "pgd-20: " + "; ".join(rises))
    counts = ", ".join(str(seen.correct(outcome)) for outcome in curve)
    return Check(name, "clear", f"pgd-20 leaves {counts} images right as epsilon grows")


def _unbounded(seen: _Seen, everything: str) -> Check:
    name = "unbounded attack"
    last = [o for o in _curve(seen) if o.attack.epsilon == everything]
    if not last:
        return Check(name, "not tested", f"needs pgd-20 at epsilon {everything}")
    left = seen.correct(last[0])
    text = f"pgd-20 leaves {left} of {seen.total} images right in a ball of all images"
    return Check(name, "warning" if seen.beyond(left, RESIDUE) else "clear", text)


def _flags(seen: _Seen) -> Check:
    name = "autoattack"
    stages = [o for o in seen.evaluated.outcomes if isinstance(o.attack.method, Stage)]
    said = [*(seen.evaluated.flags or ()), *(line for o in stages for line in o.warnings)]
    if said:
        return Check(name, "warning", "; ".join(dict.fromkeys(said)))
    if seen.evaluated.flags is None:
        return Check(name, "not tested", "AutoAttack was not run")
    return Check(name, "clear", "none of its flags is raised")


def _curve(seen: _Seen) -> list[Outcome]:
    """Return the outcomes of PGD-20 at all epsilons, ascending."""
    found = [
        outcome
        for outcome in seen.evaluated.outcomes
        if outcome.attack.norm == seen.norm
        and outcome.attack.epsilon is not None
        and outcome.attack.method == Attack(STEPS, outcome.attack.epsilon, seen.norm).method
    ]
    return sorted(found, key=lambda outcome: fraction(outcome.attack.epsilon or 0, "epsilon"))
