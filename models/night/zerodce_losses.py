"""What Zero-DCE learns from instead of reference images: four losses, as the official code has them (SPEC 4.4).

N images, H × W pixels, values in [0, 1].
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.errors import ShapeError

REGION = 4
"""Sides of the regions, in pixels, whose contrast with their neighbours is to be kept."""


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each loss counts, and what well lit means; defaults are the official code's."""

    smoothness: float = 200.0
    spatial: float = 1.0
    colour: float = 5.0
    exposure: float = 10.0
    patch: int = 16
    """Sides, in pixels, of the patches that shall be well lit."""
    well_lit: float = 0.6
    """Their mean brightness, E in the paper."""


def zero_dce_loss(images: Tensor, enhanced: Tensor, curves: Tensor, weights: LossWeights) -> Tensor:
    """(N, 3, H, W), (N, 3, H, W) and (N, 24, H, W) → a scalar; H and W at least `weights.patch`."""
    if min(images.shape[2:]) < weights.patch:
        raise ShapeError(f"images must be {weights.patch} pixels or more each way, got {tuple(images.shape)}")
    return (
        weights.smoothness * illumination_smoothness(curves)
        + weights.spatial * spatial_consistency(images, enhanced)
        + weights.colour * colour_constancy(enhanced)
        + weights.exposure * exposure_control(enhanced, patch=weights.patch, well_lit=weights.well_lit)
    )


def illumination_smoothness(curves: Tensor) -> Tensor:
    """Total variation: 2 · (Σ vertical steps² / count + Σ horizontal steps² / count) / N.

    The counts are of one channel's steps, so that the loss grows with the number of channels.
    """
    n, _, h, w = curves.shape
    vertical = curves.diff(dim=2).square().sum() / max((h - 1) * w, 1)
    horizontal = curves.diff(dim=3).square().sum() / max(h * (w - 1), 1)
    return 2 * (vertical + horizontal) / n


def spatial_consistency(images: Tensor, enhanced: Tensor) -> Tensor:
    """How far each 4 × 4 region's contrast with its four neighbours has moved: the mean of Σ (change)².

    Beyond the border all is 0, as the official padding has it.
    """
    change = F.avg_pool2d((enhanced - images).mean(dim=1, keepdim=True), REGION)
    padded = F.pad(change, (1, 1, 1, 1))
    rows, columns = padded[..., 1:-1], padded[:, :, 1:-1]
    up, down = rows[:, :, :-2], rows[:, :, 2:]
    left, right = columns[..., :-2], columns[..., 2:]
    neighbours = torch.stack([up, down, left, right])
    return (change - neighbours).square().sum(dim=0).mean()


def colour_constancy(enhanced: Tensor) -> Tensor:
    """Grey world: the length of ((R - G)², (R - B)², (G - B)²) of each image's mean colour; the mean over images.

    As a norm its gradient at grey is 0; the official square root has none there.
    """
    red, green, blue = enhanced.mean(dim=(2, 3)).unbind(dim=1)
    differences = torch.stack([red - green, red - blue, green - blue], dim=1)
    lengths: Tensor = torch.linalg.vector_norm(differences.square(), dim=1)
    return lengths.mean()


def exposure_control(enhanced: Tensor, *, patch: int = 16, well_lit: float = 0.6) -> Tensor:
    """The mean of (patch's mean brightness - well_lit)²."""
    brightness = F.avg_pool2d(enhanced.mean(dim=1, keepdim=True), patch)
    return (brightness - well_lit).square().mean()
