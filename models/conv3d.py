"""A 3-D convolution that stays right where oneDNN's, which torch uses on a CPU, does not.

Its weight gradient is wrong where a clip is hardly longer than the kernel, and writes outside its memory. Found
with torch 2.15 on AVX-512: kernel 3 at T = 2 in bfloat16; kernel 7 at T = 2 to 6 in bfloat16, and with stride 2
at T = 5 to 7 in float32; nothing beyond. R3D-18 comes to T = 2 and T = 1 in its later stages. There the
convolution is done in 2-D, with time folded into the channels: at T = 2 and T = 1 no tap is idle, so that it
costs no more.

On AVX2 the gradient of a kernel of one place with a stride writes outside its memory too, where fewer than
eight channels enter (torch 2.14). Such a kernel sees none of what the stride leaves out: it is left out before.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Conv3d(nn.Conv3d):
    """An nn.Conv3d without bias that is right for short clips; same parameters, same result."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, T, H, W) → (B, out_channels, T', H', W')."""
        if input.device.type != "cpu":
            return super().forward(input)
        stride = _three(self.stride)
        if self.kernel_size == (1, 1, 1) and max(stride) > 1:
            input, stride = every_nth(input, stride), (1, 1, 1)
        if input.shape[2] > self.kernel_size[0]:
            return F.conv3d(input, self.weight, None, stride, self.padding)
        return folded_conv3d(input, self.weight, stride, _three(self.padding))


def every_nth(x: Tensor, stride: tuple[int, ...]) -> Tensor:
    """(B, C, *lengths) → the places that a kernel of one place with that stride sees, its memory format kept."""
    dense = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
    kept = dense if x.is_contiguous(memory_format=dense) else torch.contiguous_format
    places = (slice(None), slice(None), *(slice(None, None, step) for step in stride))
    return x[places].contiguous(memory_format=kept)


def folded_conv3d(
    x: Tensor, weight: Tensor, stride: tuple[int, int, int], padding: tuple[int, int, int]
) -> Tensor:
    """Compute a 3-D convolution as one 2-D convolution over (B, T·C, H, W)."""
    b, c, t, h, w = x.shape
    frames = x.transpose(1, 2).reshape(b, t * c, h, w).contiguous(memory_format=torch.channels_last)
    matrix = _fold_weight(weight, t, stride[0], padding[0])
    y = F.conv2d(frames, matrix, None, stride[1:], padding[1:])
    y = y.view(b, -1, weight.shape[0], *y.shape[2:]).transpose(1, 2)
    return y.contiguous(memory_format=torch.channels_last_3d)


def _fold_weight(weight: Tensor, t: int, stride: int, padding: int) -> Tensor:
    """(O, C, K, kh, kw) → (T'·O, T·C, kh, kw): block (i, j) is the tap by which frame j enters output i.

    Worked example: T = 2, K = 3, stride 1, padding 1: output 0 sees frames -1, 0, 1 through taps 0, 1, 2,
    output 1 sees frames 0, 1, 2: so the blocks are [[tap 1, tap 2], [tap 0, tap 1]].
    """
    kernel = weight.shape[2]
    none = torch.zeros_like(weight[:, :, 0])
    num_outputs = (t + 2 * padding - kernel) // stride + 1
    rows = [
        torch.cat([weight[:, :, tap] if 0 <= tap < kernel else none for tap in taps], dim=1)
        for taps in ([j + padding - i * stride for j in range(t)] for i in range(num_outputs))
    ]
    return torch.cat(rows)


def _three(sizes: object) -> tuple[int, int, int]:
    assert isinstance(sizes, tuple)
    first, second, third = sizes
    return int(first), int(second), int(third)
