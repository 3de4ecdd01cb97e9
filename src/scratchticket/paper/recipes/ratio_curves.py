"""Accuracy by remaining ratio: Figures 1 and 9."""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper import published
from scratchticket.paper.cells import EVERY, Cell, Read, curve, level, natural, robust
from scratchticket.paper.claims import Claim, columns, rows, single_pair
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.parts import (
    CIFAR,
    FEWER,
    PERCENTS,
    PLATEAU,
    dense_accuracy,
    panel,
    tickets,
)
from scratchticket.paper.scale import DataSet, Scale

INITS = (
    "signed_kaiming_constant",
    "kaiming_normal",
    "kaiming_uniform",
    "xavier_normal",
)
PATTERNS = ("element", "row", "kernel", "channel")
INNER = ("pgd", "fgsm-rs", "fgsm")
TICKET, DENSE = "ticket, robust", "dense, robust"
MATCH = "tickets of 5 to 40 % match the dense network"
READ: dict[str, Read] = {"robust": robust, "natural": natural}


def by_init(scale: Scale, data: DataSet, measure: str) -> Iterator[Cell]:
    """Return the curves of ResNet18's tickets for each init, for Figures 1 and 9."""
    name = panel("resnet18", data) + ", inits"
    for init in INITS:
        yield from curve(
            scale,
            name,
            init,
            FEWER,
            lambda p, s, i=init: scale.ticket("resnet18", data, p, s, network__init=i),  # type: ignore[misc]
            READ[measure],
        )


def _figure1(scale: Scale) -> Iterator[Cell]:
    """Do robust scratch tickets exist? Natural and robust accuracy by remaining ratio.

    Reproduces  Figure 1: (a-d) two networks on CIFAR-10 and CIFAR-100 and their adversarially
                trained dense networks; (e, f) inits; (g) sparsity patterns; (h) inner attacks.
                Robust accuracy is that under PGD-20.
    Expect      low accuracy at both ends and a plateau from 5 to 40 % close to the dense network;
                signed constants best, rows and kernels worse than elements, channels near chance.
                At scale quick, WideResNet's plateau begins above 5 %, and accuracy is still high at
                80 %.
    Deviations  the epoch is selected on validation images (a tenth of the training images), never
                on test images; batch-norm statistics are recomputed after learning; the last,
                incomplete batch of an epoch is dropped; ResNet18 is the post-activation network
                of the released code, not the PreActResNet18 of the paper's text; WideResNet32 is
                WRN-34-10, as in the released code; channel masks do not cover the classifier, while
                the released code masks most of its classes.
    """
    known = published.curves("figure1")
    for network, data in CIFAR:
        name, dense = panel(network, data), dense_accuracy(network, data)
        drawn = tickets(scale, network, data)
        for measure, read in READ.items():
            theirs = known[network] if (data, measure) == ("cifar10", "robust") else None
            yield from curve(scale, name, f"ticket, {measure}", PERCENTS, drawn, read, theirs)
            yield level(
                scale,
                name,
                f"dense, {measure}",
                lambda s, n=network, d=data: scale.dense(n, d, s),  # type: ignore[misc]
                read,
                dense[measure],
            )
    yield from by_init(scale, "cifar10", "robust")
    yield from by_init(scale, "cifar100", "robust")
    name = panel("resnet18", "cifar10")
    for pattern in PATTERNS:
        yield from curve(
            scale,
            f"{name}, patterns",
            pattern,
            FEWER,
            lambda p, s, g=pattern: scale.ticket(  # type: ignore[misc]
                "resnet18", "cifar10", p, s, pattern__granularity=g
            ),
            robust,
            known.get(pattern),
        )
    for inner in INNER:
        yield from curve(
            scale,
            f"{name}, inner attacks",
            inner,
            FEWER,
            lambda p, s, a=inner: scale.ticket("resnet18", "cifar10", p, s, attack__name=a),  # type: ignore[misc]
            robust,
            known.get(inner),
        )


_SMALL, _LARGE = panel("resnet18", "cifar10"), panel("wideresnet32", "cifar10")
FIGURE1 = PaperRecipe(
    "figure1",
    "curves",
    _figure1,
    (
        Claim(
            "Tickets of 5 to 40 % are comparable to the dense network (4.2)",
            "~",
            rows(TICKET, DENSE, percents=PLATEAU),
            short=MATCH,
        ),
        *(
            Claim(
                f"A ticket of 20 % of ResNet18 is comparable to its dense network, {measure} (4.2)",
                "~",
                single_pair(
                    (_SMALL, f"ticket, {measure}", "20"), (_SMALL, f"dense, {measure}", EVERY)
                ),
                ("4.2, ResNet18", measure),
            )
            for measure in READ
        ),
        *(
            Claim(
                f"A ticket of 10 % of WideResNet32 beats the dense ResNet18, {measure} (4.2)",
                ">",
                single_pair(
                    (_LARGE, f"ticket, {measure}", "10"), (_SMALL, f"dense, {measure}", EVERY)
                ),
                ("4.2, WideResNet32", measure),
            )
            for measure in READ
        ),
        Claim(
            "Tickets of 10 and 20 % are more robust than those of 1 to 3 % (4.2)",
            ">",
            columns(TICKET, (10, 20), (1, 2, 3)),
            short="tickets of 1 to 3 % are less robust",
        ),
        Claim(
            "Tickets of 10 and 20 % are more robust than those of 80 and 90 % (4.2)",
            ">",
            columns(TICKET, (10, 20), (80, 90)),
        ),
        *(
            Claim(
                f"Signed constants give more robust tickets than {init} (4.4)",
                ">",
                rows(INITS[0], init),
            )
            for init in INITS[1:]
        ),
        Claim(
            "Masks of elements are more robust than masks of rows (4.5)",
            ">",
            rows("element", "row"),
            short="elements beat rows",
        ),
        Claim(
            "Masks of rows are more robust than masks of kernels (4.5)", ">", rows("row", "kernel")
        ),
        Claim(
            "Masks of kernels are more robust than masks of channels (4.5)",
            ">",
            rows("kernel", "channel"),
        ),
        Claim(
            "PGD-7 as inner attack gives more robust tickets than FGSM (4.6)",
            ">",
            rows("pgd", "fgsm"),
        ),
        Claim(
            "PGD-7 as inner attack gives more robust tickets than FGSM-RS (4.6)",
            ">",
            rows("pgd", "fgsm-rs"),
        ),
    ),
    "accuracy (%)",
)


def _figure9(scale: Scale) -> Iterator[Cell]:
    """Which init gives the tickets of highest natural accuracy?

    Reproduces  Figure 9: natural accuracy of ResNet18's tickets by init, on CIFAR-10 and CIFAR-100.
    Expect      in the paper, the order of Figure 1 (e, f), with signed Kaiming constants highest;
                at scale quick, no significant differences.
    Deviations  those of Figure 1.
    """
    yield from by_init(scale, "cifar10", "natural")
    yield from by_init(scale, "cifar100", "natural")


FIGURE9 = PaperRecipe(
    "figure9",
    "curves",
    _figure9,
    tuple(
        Claim(
            f"Signed constants give tickets of higher natural accuracy than {init} (App. D)",
            ">",
            rows(INITS[0], init),
            short=f"signed constants beat {init}",
        )
        for init in INITS[1:]
    ),
    "natural accuracy (%)",
)
