"""Zero-DCE's four losses without reference images, as the official code has them (SPEC 4.4).

N images, H × W pixels, values in [0, 1].
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.errors import ShapeError

REGION = 4
"""Side in pixels of the regions whose contrast with their neighbours is preserved."""


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the four losses and the target brightness; the defaults are the official code's."""

    smoothness: float = 200.0
    spatial: float = 1.0
    colour: float = 5.0
    exposure: float = 10.0
    patch: int = 16
    """Side in pixels of the patches whose mean brightness is compared with `well_lit`."""
    well_lit: float = 0.6
    """Target mean brightness in [0, 1], E in the paper."""


def zero_dce_loss(images: Tensor, enhanced: Tensor, curves: Tensor, weights: LossWeights) -> Tensor:
    """(N, 3, H, W) images and enhanced, (N, 24, H, W) curves → scalar loss; H and W at least `weights.patch`."""
    if min(images.shape[2:]) < weights.patch:
        raise ShapeError(f"images must be {weights.patch} pixels or more each way, got {tuple(images.shape)}")
    return (
        weights.smoothness * illumination_smoothness(curves)
        + weights.spatial * spatial_consistency(images, enhanced)
        + weights.colour * colour_constancy(enhanced)
        + weights.exposure * exposure_control(enhanced, patch=weights.patch, well_lit=weights.well_lit)
    )


def illumination_smoothness(curves: Tensor) -> Tensor:
    """Return the curves' total variation: 2 · (Σ vertical steps² / count + Σ horizontal steps² / count) / N.

    The counts are those of one channel's steps, so that the loss grows with the number of channels.
    """
    n, _, h, w = curves.shape
    vertical = curves.diff(dim=2).square().sum() / max((h - 1) * w, 1)
    horizontal = curves.diff(dim=3).square().sum() / max(h * (w - 1), 1)
    return 2 * (vertical + horizontal) / n


def spatial_consistency(images: Tensor, enhanced: Tensor) -> Tensor:
    """Return the mean of Σ (change of each 4 × 4 region's contrast with its four neighbours)².

    Beyond the border all is 0, as with the official padding.
    """
    change = F.avg_pool2d((enhanced - images).mean(dim=1, keepdim=True), REGION)
    padded = F.pad(change, (1, 1, 1, 1))
    rows, columns = padded[..., 1:-1], padded[:, :, 1:-1]
    up, down = rows[:, :, :-2], rows[:, :, 2:]
    left, right = columns[..., :-2], columns[..., 2:]
    neighbours = torch.stack([up, down, left, right])
    return (change - neighbours).square().sum(dim=0).mean()


def colour_constancy(enhanced: Tensor) -> Tensor:
    """Return the mean over images of the norm of ((R - G)², (R - B)², (G - B)²) of the mean colour ("grey world").

    As a norm its gradient at grey is 0; the official square root has none there.
    """
    red, green, blue = enhanced.mean(dim=(2, 3)).unbind(dim=1)
    differences = torch.stack([red - green, red - blue, green - blue], dim=1)
    lengths: Tensor = torch.linalg.vector_norm(differences.square(), dim=1)
    return lengths.mean()


def exposure_control(enhanced: Tensor, *, patch: int = 16, well_lit: float = 0.6) -> Tensor:
    """Return the mean of (patch's mean brightness - well_lit)²."""
    brightness = F.avg_pool2d(enhanced.mean(dim=1, keepdim=True), patch)
    return (brightness - well_lit).square().mean()
