"""Parameters and arithmetic of any module, counted from the module itself, in the conventions that papers use.

MACs are the multiply-adds of convolutions and matrix products, wherever they stand: layers, attention, graph
products, recurrent cells. "FLOPs" is twice that in most papers, the same number in some. The third convention
is that of mmcv's counter, which EPAM-Net's Tables 5 and 6 are printed in (SPEC, preamble).
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from models.errors import ModelParamError

_aten: Any = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Counts:
    """Parameters and arithmetic of one forward pass in eval mode over a given batch; use a batch of one clip."""

    parameters: int
    """Trainable numbers, each counted once however often it is used."""
    macs: int
    """Multiply-adds of convolutions and matrix products, without biases."""
    mmcv_flops: int
    """macs + 1 per output of a convolution that has a bias + 2 per input of a batch norm (1 where it has no
    weight) + 1 per output of a ReLU + 1 per input of a pooling. SiLU and sigmoid are not counted. mmcv itself
    sees only layers: of a product outside a layer it counts nothing, here it counts like any other."""

    @property
    def flops(self) -> int:
        """Floating-point operations as most papers count them: 2 × MACs."""
        return 2 * self.macs


def num_parameters(module: nn.Module) -> int:
    """Count a module's parameters, frozen ones too; buffers are not parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def count(module: nn.Module, *inputs: Sequence[int] | Tensor) -> Counts:
    """Count what `module(*inputs)` costs: `count(model, (1, 3, 16, 112, 112))`. Raises ModelParamError.

    Given shapes (batch first), no value is computed: the module, or a copy, runs on the meta device. Given
    tensors, the module itself runs on them, which also counts what depends on the values.
    """
    real = [isinstance(x, Tensor) for x in inputs]
    if not inputs or any(real) != all(real):
        raise ModelParamError(
            f"count needs the shapes of all inputs, or all of them as tensors, got {len(inputs)} inputs of "
            f"which {sum(real)} are tensors"
        )
    parameters = num_parameters(module)
    if not real[0] and not _is_meta(module):
        module = deepcopy(module).to("meta")
    given = [x if isinstance(x, Tensor) else torch.empty(*x, device="meta") for x in inputs]
    found = _run(module, given)
    return Counts(parameters, found.flops // 2, found.flops // 2 + found.others)


def _is_meta(module: nn.Module) -> bool:
    return all(values.is_meta for values in (*module.parameters(), *module.buffers()))


def _run(module: nn.Module, inputs: Sequence[Tensor]) -> "_Operations":
    """What one pass does. The mode of the module is put back."""
    training = [(part, part.training) for part in module.modules()]
    learning = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    try:
        module.requires_grad_(False)
        found = _Operations()
        with torch.no_grad(), found:  # inference_mode would hand composite operations over whole
            module.eval()(*inputs)
    finally:
        for part, mode in training:
            part.training = mode
        for parameter, wanted in learning:
            parameter.requires_grad_(wanted)
    return found


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Counts products by torch's own formulas, and what mmcv's rule counts beside them.

    At the operations, so that `F.relu` is a ReLU too. torch's FlopCounterMode, which also says which layer each
    is of, takes half as long again.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        """Two for each multiply-add."""
        self.others = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        product, rule = formula_of(func.overloadpacket), _RULES.get(func.overloadpacket)
        if product is not None:
            self.flops += int(product(*args, **kwargs, out_val=out))
        if rule is not None:
            self.others += rule(args, out)
        return out


def formula_of(packet: Any) -> Callable[..., int] | None:
    """Return torch's formula for an operation's multiply-adds; None where it has none. `baddbmm_` is `baddbmm`."""
    name = packet.__name__
    twin = getattr(_aten, name[:-1], packet) if name.endswith("_") and not name.endswith("__") else packet
    found: Callable[..., int] | None = flop_registry.get(packet) or flop_registry.get(twin)
    return found


def _conv_bias(args: tuple[Any, ...], out: Tensor) -> int:
    return 0 if args[2] is None else out.numel()


def _norm(args: tuple[Any, ...], _out: Any) -> int:
    return int(args[0].numel()) * (1 if args[1] is None else 2)


def _relu(_args: tuple[Any, ...], out: Tensor) -> int:
    return out.numel()


def _pool(args: tuple[Any, ...], _out: Any) -> int:
    return int(args[0].numel())


def _mean(args: tuple[Any, ...], _out: Any) -> int:
    """A mean is a pooling where every axis behind the channels goes: what AdaptiveAvgPool(1) becomes."""
    x, axes = args[0], args[1]
    reduced = sorted(axis % x.ndim for axis in axes or ())
    return int(x.numel()) if reduced and reduced == list(range(2, x.ndim)) else 0


_RULES: dict[Any, Callable[[tuple[Any, ...], Any], int]] = {
    _aten.convolution: _conv_bias,
    **dict.fromkeys(
        (_aten.native_batch_norm, _aten._native_batch_norm_legit_no_training, _aten.cudnn_batch_norm), _norm
    ),
    **dict.fromkeys((_aten.relu, _aten.relu_), _relu),
    **dict.fromkeys(
        (
            _aten.max_pool2d_with_indices,
            _aten.max_pool3d_with_indices,
            _aten.avg_pool3d,
            _aten.avg_pool2d,
            _aten.avg_pool3d,
            _aten._adaptive_avg_pool2d,
            _aten._adaptive_avg_pool3d,
        ),
        _pool,
    ),
    _aten.mean: _mean,
}
"""Each operation's own rule: (its arguments, its result) → what it adds."""
