"""Recomputation of batch-norm statistics for evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@contextmanager
def recomputed_statistics(network: nn.Module, batches: Iterable[Tensor]) -> Iterator[None]:
    """Within the context, set batch-norm statistics to their average over some batches.

    Running statistics average over about the last ten forward passes. In a search these are attack
    steps on only one or two batches, so the average is noisy, which on small images costs many
    points of accuracy. An average over many batches (PreciseBN, Wu and Johnson, 2021,
    arXiv:2105.07576) removes the noise. On exit, running statistics and mode are restored.

    Args:
        network: Any module; one without batch norm is left unchanged.
        batches: Batches of pixels in [0, 1].
    """
    norms = [module for module in network.modules() if isinstance(module, BATCH_NORMS)]
    norms = [module for module in norms if module.track_running_stats]
    saved = [{name: b.clone() for name, b in norm.named_buffers()} for norm in norms]
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # PyTorch then averages over all batches equally
            norm.train()
        with torch.no_grad():
            for batch in batches if norms else ():
                network(batch)
        for norm in norms:
            norm.train(network.training)
        yield
    finally:
        for norm, buffers, momentum in zip(norms, saved, momenta, strict=True):
            norm.momentum = momentum
            norm.train(network.training)
            for name, buffer in buffers.items():
                norm.get_buffer(name).copy_(buffer)
