"""The shift, the convolutions in planes and the bottleneck of X-ShiftNet, by hand and beside torch's own (SPEC 3.1)."""

from typing import Any

import pytest
import torch
from fill import fill, ramp
from torch import nn

from models.epam.xblocks import PlaneConv3d, XBlock, shift_in_time, squeezed_width


def test_squeezed_widths_of_the_networks() -> None:
    assert [squeezed_width(width) for width in (54, 108, 216, 432)] == [8, 8, 16, 32]


def test_a_shift_by_hand() -> None:
    frames = torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]]).reshape(1, 4, 3, 1, 1)
    found = shift_in_time(frames, 4).reshape(4, 3).tolist()
    assert found == [[2, 3, 0], [0, 4, 5], [7, 8, 9], [10, 11, 12]]


@pytest.mark.parametrize("division", [2, 3, 8])
def test_a_shifts_gradient_is_right(division: int) -> None:
    x = torch.randn(2, 8, 3, 2, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: shift_in_time(x, division), x)
    assert torch.autograd.gradgradcheck(lambda x: shift_in_time(x, division), x)
    with torch.no_grad():
        without_gradient = shift_in_time(x, division)
    assert torch.equal(shift_in_time(x, division), without_gradient)


CONVOLUTIONS: list[dict[str, Any]] = [
    {"out_channels": 6, "kernel_size": 1},
    {"out_channels": 6, "kernel_size": 1, "stride": (1, 2, 2)},
    {"out_channels": 6, "kernel_size": (1, 3, 3), "padding": (0, 1, 1)},
    {"out_channels": 4, "kernel_size": (1, 3, 3), "padding": (0, 1, 1), "stride": (1, 2, 2), "groups": 4},
    {"out_channels": 4, "kernel_size": (5, 1, 1), "padding": (2, 0, 0), "groups": 4},
    {"out_channels": 4, "kernel_size": (3, 3, 3), "padding": 1, "stride": (1, 2, 2), "groups": 4},
]


@pytest.mark.parametrize("num_frames", [2, 5])
@pytest.mark.parametrize("clips", [1, 2])
@pytest.mark.parametrize("options", CONVOLUTIONS)
def test_planes_convolve_as_volumes(options: dict[str, Any], clips: int, num_frames: int) -> None:
    ours = fill(PlaneConv3d(4, bias=False, **options)).double()
    theirs = nn.Conv3d(4, bias=False, **options).double()
    theirs.load_state_dict(ours.state_dict())
    x = ramp(clips, 4, num_frames, 6, 5).double().contiguous(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))
    x.requires_grad_()
    expected = theirs(x)
    wave = torch.cos(0.1 * torch.arange(expected.numel()).reshape(expected.shape)).double()
    found = torch.autograd.grad(ours(x), (x, ours.weight), wave)
    for value, right in zip(found, torch.autograd.grad(expected, (x, theirs.weight), wave), strict=True):
        torch.testing.assert_close(value, right)


def test_a_fresh_block_is_the_identity_whose_last_scale_learns_first() -> None:
    block = XBlock(8, 8, stride=1, se=True, temporal="shift", shift_division=4)
    x = torch.rand(2, 8, 4, 6, 6)
    out = block(x)
    torch.testing.assert_close(out, x)
    out.square().sum().backward()
    moved = {name for name, p in block.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert moved == {"conv3.bn.weight", "conv3.bn.bias"}
