"""From a T × d matrix to classes: CSSIModel's peak-valley reasoning module and its rivals (SPEC 1.4).

B clips, T segments, d numbers a segment: the matrix is (B, T, d), "treated as an image" (section 3.5).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input
from models.conv3d import Conv3d
from models.errors import ModelParamError

KERNELS = (3, 5, 7)

EXTREMUM_WINDOW = 5
"""Segments over which a maximum or minimum is sought.

Of 128 segments of about 70 frames, neighbours are often one frame twice: a window of 3 would find
plateaus instead of peaks.
"""


class MatrixHead(nn.Module):
    """(B, T, d) → (B, num_classes). Subclasses implement `vector`, and set `fc` on its `num_features`."""

    min_segments: int
    """Least T that the head accepts."""

    def __init__(self, num_classes: int, dim: int, num_features: int) -> None:
        super().__init__()
        if num_classes < 2 or dim < 1:
            raise ModelParamError(f"num_classes must be 2 or more and dim 1, got {num_classes} and {dim}")
        self.dim, self.num_features = dim, num_features
        self.fc = nn.Linear(num_features, num_classes)

    def vector(self, matrix: Tensor) -> Tensor:
        """(B, T, d) → (B, num_features), the input of the classifier."""
        raise NotImplementedError

    def forward(self, matrix: Tensor) -> Tensor:
        """(B, T, d) → (B, num_classes) logits."""
        check_input("matrix", matrix, ("B", ("T", self.min_segments), f"d={self.dim}"))
        logits: Tensor = self.fc(self.vector(matrix))
        return logits


class PVRM(MatrixHead):
    """Three multi-scale blocks, the mean over the map, a linear layer. 926,844 parameters at 60 classes.

    The paper defines no operator for peaks and valleys. `extremum_channels` is our reading of its words, off
    by default: the matrix's local maxima and minima over time become channels 2 and 3 of the image.
    """

    def __init__(
        self,
        num_classes: int,
        dim: int = 256,
        *,
        widths: Sequence[int] = (32, 64, 128),
        stride: int = 2,
        extremum_channels: bool = False,
    ) -> None:
        if len(widths) < 1 or min(widths) < 1 or stride < 1:
            raise ModelParamError(f"widths and stride must be 1 or more, got {tuple(widths)} and {stride}")
        super().__init__(num_classes, dim, widths[-1])
        self.min_segments = least_side(stride, len(widths))
        if dim < self.min_segments:
            raise ModelParamError(f"dim must be {self.min_segments} or more at stride {stride}, got {dim}")
        self.extremum_channels = extremum_channels
        inputs = (3 if extremum_channels else 1, *widths)
        self.blocks = nn.Sequential(
            *(_MultiScale(i, o, stride) for i, o in zip(inputs, widths, strict=False))
        )

    def vector(self, matrix: Tensor) -> Tensor:
        """Return the mean over the last block's map, (B, num_features)."""
        image = extrema(matrix) if self.extremum_channels else matrix[:, None]
        found: Tensor = self.blocks(image)
        return found.mean(dim=(2, 3))


class _MultiScale(nn.Module):
    """Kernels 3, 5 and 7 side by side, the coarser maps drawn up to the finest, each through 1×1, summed."""

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(in_width, width, kernel, stride=stride, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
            for kernel in KERNELS
        )
        self.align = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in KERNELS)

    def forward(self, image: Tensor) -> Tensor:
        """(B, in_width, H, W) → (B, width, H', W'), H' = (H - 3) // stride + 1."""
        maps = [scale(image) for scale in self.scales]
        size = maps[0].shape[2:]
        drawn = [maps[0], *(F.interpolate(m, size=size, mode="bilinear") for m in maps[1:])]
        return torch.stack([one(m) for one, m in zip(self.align, drawn, strict=True)]).sum(dim=0)


class LSTMHead(MatrixHead):
    """An LSTM, its last step, a linear layer: 541,756 parameters at 60 classes (Tables 4 to 6)."""

    min_segments = 1

    def __init__(self, num_classes: int, dim: int = 256, *, hidden: int = 256) -> None:
        if hidden < 1:
            raise ModelParamError(f"hidden must be 1 or more, got {hidden}")
        super().__init__(num_classes, dim, hidden)
        self.lstm = nn.LSTM(dim, hidden, batch_first=True)

    def vector(self, matrix: Tensor) -> Tensor:
        """Return the hidden state after the last segment, (B, num_features)."""
        steps, _ = self.lstm(matrix)
        last: Tensor = steps[:, -1]
        return last


class Conv3dHead(MatrixHead):
    """The "3D CNN" of Tables 4 to 6: each segment's d numbers as a √d × √d picture, three strided convolutions."""

    min_segments = 1

    def __init__(self, num_classes: int, dim: int = 256, *, widths: Sequence[int] = (32, 64, 128)) -> None:
        if math.isqrt(dim) ** 2 != dim:
            raise ModelParamError(f"dim must be a square number, as 256 = 16 · 16 is, got {dim}")
        if len(widths) < 1 or min(widths) < 1:
            raise ModelParamError(f"widths must be 1 or more, got {tuple(widths)}")
        super().__init__(num_classes, dim, widths[-1])
        self.side = math.isqrt(dim)
        self.layers = nn.Sequential(*(_conv3d(i, o) for i, o in zip((1, *widths), widths, strict=False)))

    def vector(self, matrix: Tensor) -> Tensor:
        """Return the mean over time and picture, (B, num_features)."""
        found: Tensor = self.layers(matrix.reshape(matrix.shape[0], 1, -1, self.side, self.side))
        return found.mean(dim=(2, 3, 4))


def extrema(matrix: Tensor) -> Tensor:
    """(B, T, d) → (B, 3, T, d): the matrix, its local maxima, and its local minima over EXTREMUM_WINDOW segments."""
    image = matrix[:, None]
    window, padding = (EXTREMUM_WINDOW, 1), (EXTREMUM_WINDOW // 2, 0)
    highest = F.max_pool2d(image, window, stride=1, padding=padding)
    lowest = -F.max_pool2d(-image, window, stride=1, padding=padding)
    none = torch.zeros_like(image)
    peaks, valleys = torch.where(image == highest, image, none), torch.where(image == lowest, image, none)
    return torch.cat([image, peaks, valleys], dim=1)


def least_side(stride: int, num_blocks: int) -> int:
    """Return the least T and d for which the last block's 7×7 kernel still fits.

    Worked example, stride 2: the last block needs 7, the one before (7 - 1) · 2 + 3 = 15, the first 31.
    """
    side = max(KERNELS)
    for _ in range(num_blocks - 1):
        side = (side - 1) * stride + min(KERNELS)
    return side


def _conv3d(in_width: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        Conv3d(in_width, width, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm3d(width),
        nn.ReLU(inplace=True),
    )
