"""Removal of channels that are always zero: a smaller dense network with the same output.

If every weight of an output channel is masked, the channel is always zero. ReLU keeps it zero, and
so does batch norm without affine parameters if the running mean is zero, as after a search. Layers
that read the channel need no weights for it. On a residual stream, where other blocks add to the
channel, the smaller output is scattered to the full set of channels.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from scratchticket.base.errors import InputError, first_line
from scratchticket.networks import Normalise

#: Operations that keep a zero channel zero.
KEEPERS = (nn.ReLU, nn.Identity, nn.Dropout, nn.AdaptiveAvgPool2d, nn.AvgPool2d, nn.MaxPool2d)
KEEPING = (F.relu, torch.relu, F.adaptive_avg_pool2d, F.avg_pool2d)
SUMS = (operator.add, torch.add)


def compacted(network: nn.Module) -> nn.Module:
    """Return a smaller network with the same output.

    Convolutions without groups, batch norm in eval mode, ReLU, pooling, flattening, linear layers
    and sums are shrunk; for any other operation, all channels are restored first.

    Args:
        network: Network in eval mode, not changed.

    Returns:
        A plain module with fewer channels, in eval mode.

    Raises:
        InputError: If the network cannot be traced by ``torch.fx``, or no channel is always zero.

    Example:
        >>> from scratchticket import networks
        >>> network = networks.build("conv4", classes=10, image_size=8, width=4).eval()
        >>> with torch.no_grad():
        ...     network.get_parameter("conv1.weight")[:2] = 0.0
        >>> compacted(network).get_parameter("conv1.weight").shape
        torch.Size([2, 3, 3, 3])
    """
    try:
        graph = GraphModule(network, _Tracer().trace(network))
    except (torch.fx.proxy.TraceError, TypeError, RuntimeError) as error:
        raise InputError(
            f"the network cannot be compacted, because it cannot be traced: {first_line(error)}"
        ) from None
    before = sum(parameter.numel() for parameter in network.parameters())
    with torch.no_grad():
        _Compaction(graph).run()
    if sum(parameter.numel() for parameter in graph.parameters()) == before:
        raise InputError("no channel of this network is always zero, so none can be removed")
    graph.graph.lint()
    graph.recompile()
    return graph.eval().requires_grad_(False)


class _Tracer(torch.fx.Tracer):
    """A tracer that treats the image-shape check as one operation."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is traced as one operation."""
        return isinstance(m, Normalise) or super().is_leaf_module(m, module_qualified_name)


@dataclass(frozen=True)
class _Live:
    """The channels of a value that are kept; the others are zero."""

    places: Tensor  # indices of the kept channels among all channels, ascending: int64
    total: int  # number of all channels

    def union(self, other: Tensor) -> _Live:
        """Return the union with other channels."""
        return _Live(torch.unique(torch.cat([self.places, other])), self.total)


class _Spread(nn.Module):
    """Scatters channels to a wider tensor that is zero elsewhere."""

    places: Tensor

    def __init__(self, now: Tensor, wanted: Tensor) -> None:
        super().__init__()
        found = torch.searchsorted(now, wanted).clamp_max(len(now) - 1)
        self.register_buffer("places", torch.where(now[found] == wanted, found, len(now)))

    def forward(self, values: Tensor) -> Tensor:  # (batch, now, ...) -> (batch, wanted, ...)
        zero = torch.zeros_like(values[:, :1])
        return torch.cat([values, zero], dim=1).index_select(1, self.places)


class _Compaction:
    """A forward pass over a traced network that shrinks its nodes in place."""

    def __init__(self, graph: GraphModule) -> None:
        self._graph = graph
        self._live: dict[Node, _Live] = {}  # values that are not in it have all their channels
        self._calls = [node.target for node in graph.graph.nodes if node.op == "call_module"]

    def run(self) -> None:
        """Shrink every node that can be shrunk."""
        for node in list(self._graph.graph.nodes):
            if not self._shrunk(node):
                for value in node.all_input_nodes:
                    if value in self._live:
                        self._spread(node, value, torch.arange(self._live[value].total))

    def _shrunk(self, node: Node) -> bool:
        """Shrink a node; return False if it cannot work with fewer input channels."""
        if node.op == "call_function" and node.target in SUMS:
            return self._sum(node)
        module = self._module(node)
        keeps = isinstance(module, KEEPERS) or (
            node.op == "call_function" and node.target in KEEPING
        )
        live = self._live.get(node.all_input_nodes[0]) if node.all_input_nodes else None
        if isinstance(module, nn.Conv2d) and module.groups == 1:
            self._replace(node, module, live)
        elif live is None:
            return False
        elif isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            self._norm(node, module, live)
        elif isinstance(module, nn.Linear):
            self._replace(node, module, live)
        elif keeps or self._flattens(node, module):
            self._live[node] = live
        else:
            return False
        return True

    def _module(self, node: Node) -> nn.Module | None:
        """Return the module that a node calls; None if other nodes call it too."""
        if node.op != "call_module" or self._calls.count(node.target) > 1:
            return None
        return self._graph.get_submodule(str(node.target))

    def _flattens(self, node: Node, module: nn.Module | None) -> bool:
        """Whether a node flattens channels and pixels, and only linear layers read it."""
        flat = isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1)
        return flat and all(isinstance(self._module(user), nn.Linear) for user in node.users)

    def _replace(self, node: Node, layer: nn.Conv2d | nn.Linear, live: _Live | None) -> None:
        """Replace a layer by one with fewer inputs and outputs."""
        weight, bias = layer.weight, layer.bias
        if live is not None:
            pixels = weight.shape[1] // live.total  # more than one after flattening
            columns = live.places[:, None] * pixels + torch.arange(pixels)
            weight = weight[:, columns.flatten()]
        used = weight.flatten(1).any(dim=1)
        if bias is not None:
            used |= bias != 0
        rows = used.nonzero().flatten() if bool(used.any()) else torch.zeros(1, dtype=torch.int64)
        weight = weight[rows]
        smaller: nn.Conv2d | nn.Linear
        if isinstance(layer, nn.Conv2d):
            smaller = nn.Conv2d(
                weight.shape[1],
                len(rows),
                layer.kernel_size,  # type: ignore[arg-type]
                stride=layer.stride,  # type: ignore[arg-type]
                padding=layer.padding,  # type: ignore[arg-type]
                dilation=layer.dilation,  # type: ignore[arg-type]
                bias=bias is not None,
                padding_mode=layer.padding_mode,
            )
        else:
            smaller = nn.Linear(weight.shape[1], len(rows), bias=bias is not None)
        smaller.weight.copy_(weight)
        if bias is not None:
            smaller.bias.copy_(bias[rows])  # type: ignore[union-attr]
        self._put(node, smaller)
        self._live[node] = _Live(rows, layer.weight.shape[0])

    def _norm(self, node: Node, norm: nn.BatchNorm2d, live: _Live) -> None:
        """Shrink a batch norm, after restoring the channels that it shifts away from zero."""
        assert norm.running_mean is not None
        assert norm.running_var is not None
        moved = norm.running_mean != 0
        if norm.bias is not None:
            moved |= norm.bias != 0
        wanted = live.union(moved.nonzero().flatten())
        self._spread(node, node.all_input_nodes[0], wanted.places)
        smaller = nn.BatchNorm2d(len(wanted.places), norm.eps, affine=norm.affine)
        for name, value in norm.state_dict().items():
            mine = smaller.get_parameter(name) if name in ("weight", "bias") else None
            target = smaller.get_buffer(name) if mine is None else mine
            target.copy_(value[wanted.places] if value.ndim else value)
        self._put(node, smaller)
        self._live[node] = wanted

    def _sum(self, node: Node) -> bool:
        """Shrink a sum to the union of its terms' channels."""
        values = [value for value in node.args if isinstance(value, Node)]
        known = [self._live[value] for value in values if value in self._live]
        if len(values) != 2 or len(known) != 2 or node.kwargs or known[0].total != known[1].total:
            return False
        both = known[0].union(known[1].places)
        for value in values:
            self._spread(node, value, both.places)
        self._live[node] = both
        return True

    def _put(self, node: Node, module: nn.Module) -> None:
        """Replace the module that a node calls."""
        parent, _, name = str(node.target).rpartition(".")
        self._graph.get_submodule(parent).add_module(name, module.eval())

    def _spread(self, node: Node, value: Node, wanted: Tensor) -> None:
        """Restore the wanted channels between a value and one node that reads it."""
        now = self._live[value].places
        if torch.equal(now, wanted):
            return
        name = f"spread{sum(1 for child, _ in self._graph.named_children() if 'spread' in child)}"
        self._graph.add_submodule(name, _Spread(now, wanted))
        with self._graph.graph.inserting_before(node):
            node.replace_input_with(value, self._graph.graph.call_module(name, (value,)))
