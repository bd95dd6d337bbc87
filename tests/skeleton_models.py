"""What the tests of skeleton backbones share: joint layouts as edges, small networks, and checks of any of them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from fill import fill, index_of
from torch import Tensor, nn

from models.graph.layouts import blocks
from models.sf_head.sf_backbone import SFBackbone
from models.training.classifier import Classifier
from models.training.seeding import seeded
from pipeline.skeleton.layouts import NTU_25, UTD_20

NW_UCLA_20 = (
    (0, 1), (1, 2), (3, 2), (4, 2), (5, 4), (6, 5), (7, 6), (8, 2), (9, 8), (10, 9),
    (11, 10), (12, 0), (13, 12), (14, 13), (15, 14), (16, 0), (17, 16), (18, 17), (19, 18),
)  # fmt: skip
COCO_17 = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 5), (12, 6), (9, 7), (7, 5), (10, 8),
    (8, 6), (5, 0), (6, 0), (1, 0), (3, 1), (2, 0), (4, 2),
)  # fmt: skip
OPENPOSE_25 = (
    (0, 1), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6), (8, 1), (9, 8), (10, 9), (11, 10), (12, 8),
    (13, 12), (14, 13), (15, 0), (16, 0), (17, 15), (18, 16), (19, 14), (20, 19), (21, 14), (22, 11),
    (23, 22), (24, 11),
)  # fmt: skip

LAYOUTS = {
    "ntu_25": (NTU_25.bones, 25),
    "utd_mhad_20": (UTD_20.bones, 20),
    "nw_ucla_20": (NW_UCLA_20, 20),
    "coco_17": (COCO_17, 17),
    "openpose_25": (OPENPOSE_25, 25),
}

CHAIN = ((1, 0), (2, 1), (3, 2), (4, 3))
"""Five joints in a row."""

SMALL: dict[str, Any] = {"layout": blocks((16, 1), (32, 2))}
"""Three blocks, the second of stride 2."""

WRONG_INPUTS = (
    (torch.zeros(2, 3, 8, 6, 2), r"got \(2, 3, 8, 6, 2\)"),
    (torch.zeros(2, 2, 8, 5, 2), r"got \(2, 2, 8, 5, 2\)"),
    (torch.zeros(2, 3, 1, 5, 2), r"got \(2, 3, 1, 5, 2\)"),
    (torch.zeros(2, 3, 8, 5, 1), r"got \(2, 3, 8, 5, 1\)"),
    (torch.zeros(0, 3, 8, 5, 2), r"got \(0, 3, 8, 5, 2\)"),
    (torch.zeros(2, 3, 8, 5), r"got \(2, 3, 8, 5\)"),
    (torch.zeros(2, 3, 8, 5, 2, dtype=torch.int64), "of int64"),
)
"""For SMALL networks over CHAIN: joints, channels, frames, people, clips, axes, integers."""


def num_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def waves(*shape: int) -> Tensor:
    """sin(3 i^1.1) over the flat index, float64: no two values alike, so no two are both a maximum."""
    return torch.sin(3 * index_of(shape) ** 1.1)


def input_gradient(model: nn.Module, x: Tensor) -> Tensor:
    """d/dx of the output's dot product with cos(0.1 i), in training mode and float64, filled by rule."""
    model = fill(model).double().train()
    x = x.clone().requires_grad_()
    output = model(x)
    (output * torch.cos(0.1 * index_of(output.shape))).sum().backward()
    assert x.grad is not None
    return x.grad


def unreached(model: Classifier, x: Tensor) -> set[str]:
    """Parameters without a gradient from cross-entropy and the backbone's own loss, of rule-filled weights.

    In float64, where a gradient that is zero by formula stays below 1e-12 and none that is not does.
    """
    fill(model).double().train()
    logits = model(x.double())
    loss = nn.functional.cross_entropy(logits, torch.arange(len(x)) % logits.shape[1])
    extra = model.backbone.extra_loss()
    (loss if extra is None else loss + extra).backward()
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or parameter.grad.abs().max() < 1e-12
    }


def before_a_norm(model: nn.Module, ends: Sequence[str]) -> set[str]:
    """Biases that end so: a batch norm behind them takes any constant away again, so they can't learn."""
    return {name for name, _ in model.named_parameters() if name.endswith(tuple(ends))}


def settled(make: Callable[[], SFBackbone]) -> SFBackbone:
    """A model as it starts out, with graph convolutions switched on and norms that know a batch's statistics."""
    with seeded(0, "settled"):
        model = make()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.momentum = 1.0
                module.weight.clamp_(min=0.5)
        model.train()(waves(2, 3, 16, model.num_joints, model.num_people).float())
    return model.eval()


def relative_error(make: Callable[[], SFBackbone], dtype: torch.dtype) -> float:
    """Largest difference of a settled model's features between float32 and `dtype`, over the largest feature."""
    model = settled(make)
    x = waves(2, 3, 16, model.num_joints, model.num_people).float()
    with torch.no_grad():
        exact = model(x)
        found = model.to(dtype)(x.to(dtype))
    assert found.dtype == torch.float32
    return float((found - exact).abs().max() / exact.abs().max())
