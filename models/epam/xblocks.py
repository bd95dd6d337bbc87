"""The parts of X3D and X-ShiftNet: shift in time, squeeze-and-excitation, inverted bottleneck (SPEC 3.1).

B clips, C channels, T frames, H × W places; tensors are (B, C, T, H, W) in channels_last_3d, so that a clip's
frames lie in memory as a batch of images do. Tensor names are the official code's, so that its weights load.
"""

from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.conv3d import every_nth

Sizes: TypeAlias = tuple[int, int, int]
"""Sizes of a kernel or stride along T, H and W."""

Temporal = Literal["shift", "conv", "none"]
"""Choice of what mixes neighbouring frames: TSM's shift, three taps in time of each depthwise kernel, or nothing.

These are X-ShiftNet, X3D, and the 2-D network that the shift is added to.
"""

EXPANSION = 2.25
"""Channels inside a bottleneck over those outside; the last layer widens by the same factor."""

SE_RATIO = 1 / 16
"""Channels of the squeezed vector over those that it weighs, before rounding."""


def shift_in_time(x: Tensor, division: int) -> Tensor:
    """Shift channels of (B, C, T, H, W) by one frame as TSM does: C // division from the next, as many from the last.

    Worked example, division 4, four channels, frames a b c: channel 0 becomes b c 0, channel 1 becomes 0 a b,
    channels 2 and 3 stay.
    """
    fold = x.shape[1] // division
    if torch.is_grad_enabled() and x.requires_grad:
        shifted: Tensor = _Shift.apply(x, fold, False)
        return shifted
    return _shift(x, fold, back=False)


def _shift(x: Tensor, fold: int, *, back: bool) -> Tensor:
    """The first `fold` channels one frame earlier, the next `fold` one later; the other way round for `back`."""
    out = x.clone()
    earlier, later = slice(0, fold), slice(fold, 2 * fold)
    if back:
        earlier, later = later, earlier
    out[:, earlier, :-1] = x[:, earlier, 1:]
    out[:, earlier, -1] = 0
    out[:, later, 1:] = x[:, later, :-1]
    out[:, later, 0] = 0
    return out


class _Shift(torch.autograd.Function):
    """The gradient of a shift is the shift back; autograd's own, through each slice, takes ten times as long."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, fold: int, back: bool) -> Tensor:
        ctx.fold, ctx.back = fold, back
        return _shift(x, fold, back=back)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return _Shift.apply(grads[0], ctx.fold, not ctx.back), None, None


def channel_pool(x: Tensor) -> Tensor:
    """(B, C, T, H, W) → (B, 2, T, H, W): maximum and mean over the channels (eq. 2's GMP and GAP)."""
    return torch.stack([x.amax(dim=1), x.mean(dim=1)], dim=1)


class PlaneConv3d(nn.Conv3d):
    """An nn.Conv3d without bias for kernels of one plane, H × W or T, and for depthwise ones; same parameters.

    It is computed as 2-D convolutions, which oneDNN runs up to 40 times as fast: over (B·T, C, H, W) where
    the
    kernel is one frame long, over (B, C, T, H·W) where it is one place wide. A depthwise kernel of both is
    split
    into its frames where gradients are wanted: the gradient of the whole is slow, and see models.conv3d.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, T, H, W) → (B, out_channels, T, H', W')."""
        if self.kernel_size[0] == 1:
            return self._on_frames(input, 0)
        if self.kernel_size[1:] == (1, 1):
            return self._on_places(input)
        learns = torch.is_grad_enabled() and (input.requires_grad or self.weight.requires_grad)
        if learns and input.device.type == "cpu":
            return self._split(input)
        return super().forward(input)

    def _on_frames(self, x: Tensor, tap: int) -> Tensor:
        frames = x.transpose(1, 2).flatten(0, 1)
        weight = self.weight[:, :, tap].contiguous()
        stride = _pair(self.stride)
        if weight.shape[2:] == (1, 1) and max(stride) > 1:  # see models.conv3d
            frames, stride = every_nth(frames, stride), (1, 1)
        y = F.conv2d(frames, weight, None, stride, _pair(self.padding), groups=self.groups)
        return y.view(x.shape[0], x.shape[2], *y.shape[1:]).transpose(1, 2)

    def _on_places(self, x: Tensor) -> Tensor:
        # By way of (B, T, H·W, C): flattened as it stands, one clip would lose its memory format.
        lines = x.permute(0, 2, 3, 4, 1).flatten(2, 3).permute(0, 3, 1, 2)
        padding = (self.kernel_size[0] // 2, 0)
        y = F.conv2d(lines, self.weight.squeeze(-1), padding=padding, groups=self.groups)
        return y.view(*y.shape[:3], *x.shape[3:])

    def _split(self, x: Tensor) -> Tensor:
        """Σ over taps: the frame that the tap sees, convolved with the tap. Three taps."""
        channels = x.shape[1]
        before = _Shift.apply(x, channels, True)
        after = _Shift.apply(x, channels, False)
        return self._on_frames(before, 0) + self._on_frames(x, 1) + self._on_frames(after, 2)


def _pair(sizes: object) -> tuple[int, int]:
    assert isinstance(sizes, tuple)
    return int(sizes[1]), int(sizes[2])


class ConvUnit(nn.Module):
    """Convolution, then optional batch norm and ReLU; stride in space, padding that keeps T."""

    def __init__(
        self,
        in_width: int,
        width: int,
        kernel: Sizes = (1, 1, 1),
        *,
        stride: int = 1,
        groups: int = 1,
        norm: bool = True,
        relu: bool = True,
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = PlaneConv3d(
            in_width, width, kernel, stride=(1, stride, stride), padding=padding, groups=groups, bias=False
        )
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")
        self.bn = nn.BatchNorm3d(width) if norm else None
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_width, T, H, W) → (B, width, T, H / stride, W / stride)."""
        out: Tensor = self.conv(x)
        if self.bn is not None:
            out = self.bn(out)
        return F.relu(out, inplace=True) if self.relu else out


class SqueezeExcite(nn.Module):
    """A weight in (0, 1) for each channel of a clip, from its means (Hu et al. 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        squeezed = squeezed_width(width)
        self.fc1, self.fc2 = nn.Conv3d(width, squeezed, 1), nn.Conv3d(squeezed, width, 1)
        for layer in (self.fc1, self.fc2):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) → the same shape."""
        means = x.mean(dim=(2, 3, 4), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(means))))


def squeezed_width(width: int) -> int:
    """Return width / 16 to the nearest multiple of 8, 8 at least, never under nine tenths of it.

    Widths 54, 108, 216, 432 give 8, 8, 16, 32.
    """
    wanted = width * SE_RATIO
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


class XBlock(nn.Module):
    """x + [shift → 1×1×1 → depthwise 3×3 → SE → SiLU → 1×1×1](x), then ReLU. The identity is not shifted."""

    def __init__(
        self, in_width: int, width: int, *, stride: int, se: bool, temporal: Temporal, shift_division: int
    ) -> None:
        super().__init__()
        inner = int(EXPANSION * width)
        kernel = (3 if temporal == "conv" else 1, 3, 3)
        self.shift_division = shift_division if temporal == "shift" else None
        self.conv1 = ConvUnit(in_width, inner)
        self.conv2 = ConvUnit(inner, inner, kernel, stride=stride, groups=inner, relu=False)
        self.se_module = SqueezeExcite(inner) if se else None
        self.conv3 = ConvUnit(inner, width, relu=False)
        assert self.conv3.bn is not None
        nn.init.zeros_(self.conv3.bn.weight)  # a new block is the identity
        self.downsample: nn.Module | None = None
        if stride != 1 or in_width != width:
            self.downsample = ConvUnit(in_width, width, stride=stride, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_width, T, H, W) → (B, width, T, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = x if self.shift_division is None else shift_in_time(x, self.shift_division)
        out = self.conv2(self.conv1(out))
        if self.se_module is not None:
            out = self.se_module(out)
        out = self.conv3(F.silu(out))
        return F.relu(out.add_(shortcut), inplace=True)
