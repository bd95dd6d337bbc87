"""Weights by rule, so that a module can be compared with golden numbers and no checkpoint travels.

The rule is the spec's (§8): a tensor's values depend on its kind and shape, never on its name. In float64
over the flat index i, then cast.
"""

import math

import torch
from torch import Tensor, nn

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_NORMS = (*_BATCH_NORMS, nn.GroupNorm, nn.LayerNorm)
_WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def index_of(shape: torch.Size | tuple[int, ...]) -> Tensor:
    """0, 1, 2 … in the given shape, float64."""
    return torch.arange(math.prod(shape), dtype=torch.float64).reshape(shape)


def fill(model: nn.Module) -> nn.Module:
    """Overwrite every parameter and running statistic in place; the model comes back in eval mode."""
    with torch.no_grad():
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                parameter.copy_(_values(module, name, parameter))
            if isinstance(module, _BATCH_NORMS):
                i = index_of(module.running_mean.shape)
                module.running_mean.copy_(0.05 * torch.cos(0.7 * i))
                module.running_var.copy_(1 + 0.2 * torch.sin(0.9 * i) ** 2)
    return model.eval()


def _values(module: nn.Module, name: str, parameter: Tensor) -> Tensor:
    i = index_of(parameter.shape)
    if isinstance(module, _NORMS):
        return 1 + 0.1 * torch.cos(0.5 * i) if name == "weight" else 0.1 * torch.sin(0.3 * i)
    if isinstance(module, _WEIGHTED):
        if name == "bias":
            return 0.05 * torch.sin(0.7 * i)
        fan_in = parameter[0].numel()
        return torch.cos(0.37 * i + 0.1 * fan_in) * math.sqrt(2 / fan_in)
    return 0.1 * torch.sin(0.21 * i + 1)


def ramp(*shape: int) -> Tensor:
    """The golden files' input: sin(0.013 i), float32."""
    return torch.sin(0.013 * index_of(shape)).float()


def digest(output: Tensor) -> dict[str, float | list[float]]:
    """First six values, sum, sum of absolute values, and the dot product with cos(0.01 i)."""
    flat = output.detach().double().flatten()
    wave = torch.cos(0.01 * index_of(flat.shape))
    return {
        "first": flat[:6].tolist(),
        "sum": flat.sum().item(),
        "abs_sum": flat.abs().sum().item(),
        "dot_cos": (flat * wave).sum().item(),
    }
