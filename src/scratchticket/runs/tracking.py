"""TensorBoard logs of a run's losses and accuracies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scratchticket.base.errors import Unwritable, extra_missing
from scratchticket.learning import Event


def check_tensorboard() -> None:
    """Raise an InputError if TensorBoard is not installed."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing("TensorBoard", error, "track") from None


@contextmanager
def tracked(folder: Path | None) -> Iterator[Callable[[Event], None]]:
    """Log finished epochs to TensorBoard's event files.

    A resumed run replaces the epochs that an interrupted process has written.

    Args:
        folder: Folder of the files; None writes none. Requires TensorBoard, see
            :func:`check_tensorboard`.

    Yields:
        A function that the run calls with the event of every step.

    Raises:
        Unwritable: If the folder cannot be written.
    """
    if folder is None:
        yield lambda event: None
        return
    from torch.utils.tensorboard import SummaryWriter

    try:
        writer, written = SummaryWriter(folder, purge_step=0), 0
    except OSError as error:
        raise Unwritable(f"cannot write {folder}: {error.strerror}") from None

    def write(event: Event) -> None:
        nonlocal written
        for epoch in event.epochs[written:]:
            scalars = {"loss": epoch.loss, "learning rate": epoch.learning_rate}
            if (judged := epoch.validation) is not None:
                scalars["validation/natural"] = judged.natural.fraction
                scalars["validation/robust"] = judged.robust.fraction
            if (watch := epoch.watch) is not None:
                scalars["watch/fgsm"], scalars["watch/pgd"] = (
                    watch.fgsm.fraction,
                    watch.pgd.fraction,
                )
            for name, value in scalars.items():
                writer.add_scalar(name, value, epoch.epoch)
            writer.flush()
        written = len(event.epochs)

    with writer:
        yield write
