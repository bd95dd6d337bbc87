"""Short clips: where oneDNN's own weight gradient is wrong, ours equals float64's."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.conv3d import Conv3d, folded_conv3d

SHAPES = [
    # channels in and out, T, kernel, stride: R3D-18's stages on 16 and 8 frames, stems on up to 7
    (8, 8, 2, 3, 1),
    (8, 16, 2, 3, 2),
    (8, 8, 1, 3, 1),
    (8, 16, 1, 3, 2),
    (1, 8, 5, 7, 2),
    (3, 8, 4, 7, 2),
    (3, 8, 7, 7, 2),
    (8, 8, 3, 3, 1),
    (8, 8, 4, 3, 1),
    (8, 16, 4, 3, 2),
    (1, 8, 16, 7, 2),
    # kernels of one place with a stride, over few channels: shortcuts of narrow networks
    (4, 8, 1, 1, 2),
    (4, 8, 4, 1, 2),
    (2, 16, 5, 1, 2),
]


def gradients(conv: nn.Module, clips: Tensor, upstream: Tensor) -> list[Tensor]:
    own = clips.clone().requires_grad_()
    y = conv(own)
    conv.zero_grad()
    y.backward(upstream.to(y.dtype))
    return [y.detach(), own.grad, next(conv.parameters()).grad.clone()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("inside", "outside", "t", "kernel", "stride"), SHAPES)
def test_output_and_gradients_equal_float64s(
    inside: int, outside: int, t: int, kernel: int, stride: int, dtype: Any
) -> None:
    generator = torch.Generator().manual_seed(t)
    conv = Conv3d(inside, outside, kernel, stride=stride, padding=kernel // 2, bias=False).to(dtype)
    clips = torch.randn(2, inside, t, 8, 8, generator=generator).to(dtype)
    exact = nn.Conv3d(inside, outside, kernel, stride=stride, padding=kernel // 2, bias=False).double()
    exact.load_state_dict(conv.state_dict())
    upstream = torch.randn(exact(clips.double()).shape, generator=generator).to(dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 0.02
    expected = gradients(exact, clips.double(), upstream.double())
    for found, wanted in zip(gradients(conv, clips, upstream), expected, strict=True):
        assert (found.double() - wanted).abs().max() <= tolerance * wanted.abs().max()


def test_folding_by_hand() -> None:
    # T = 2, taps 1, 10, 100: output 0 = 10·a + 100·b, output 1 = 1·a + 10·b
    weight = torch.tensor([1.0, 10.0, 100.0]).view(1, 1, 3, 1, 1)
    a, b = 2.0, 3.0
    y = folded_conv3d(torch.tensor([a, b]).view(1, 1, 2, 1, 1), weight, (1, 1, 1), (1, 0, 0))
    assert y.flatten().tolist() == [320.0, 32.0]
