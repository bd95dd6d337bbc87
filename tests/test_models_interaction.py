"""Cross dual-attention interaction: the paper's equations written out anew, and what joins which path."""

import itertools
import math

import pytest
import torch
from fill import fill, ramp
from torch import Tensor

from models.errors import ShapeError
from models.figures.counting import num_parameters
from models.interaction.attention import (
    AxisAttention,
    AxisQKV,
    ChannelAttention,
    Interaction,
    InteractionPlan,
    LastInteraction,
    eca_kernel,
)


@pytest.mark.parametrize(("channels", "kernel"), [(32, 3), (64, 3), (128, 5), (256, 5)])
def test_eca_kernels_are_the_official_ones(channels: int, kernel: int) -> None:
    assert eca_kernel(channels) == kernel
    assert ChannelAttention(channels).conv.weight.shape == (1, 1, kernel)


def test_channel_attention_by_hand() -> None:
    """Means 1, 2, 3 and taps 1, 10, 100: 210, 321, 32 hundredths before the sigmoid; the input is added."""
    module, x = ChannelAttention(3), torch.arange(1.0, 4).view(1, 3, 1, 1, 1).expand(1, 3, 2, 1, 2)
    assert module.conv.weight.numel() == 1  # of so few channels, eq. 4 leaves each alone
    module = ChannelAttention(32)
    x = torch.cat([x, torch.zeros(1, 29, 2, 1, 2)], dim=1)
    with torch.no_grad():
        module.conv.weight.copy_(torch.tensor([0.01, 0.1, 1.0]))
        out = module(x)
    weights = [
        1 / (1 + math.exp(-z)) for z in (0.1 * 1 + 1.0 * 2, 0.01 * 1 + 0.1 * 2 + 1.0 * 3, 0.01 * 2 + 0.1 * 3)
    ]
    for channel, weight in enumerate(weights):
        assert out[0, channel, 0, 0, 0].item() == pytest.approx((channel + 1) * (1 + weight))


def literal_round(module: AxisAttention, x: Tensor) -> Tensor:
    """Eqs 1 and 2 place by place: (C, T, H, W) → the same."""
    _, frames, height, width = x.shape
    out = x.clone()
    triples = [*module.qkv] * (3 if len(module.qkv) == 1 else 1)
    for t in range(frames):
        for i in range(height):
            for j in range(width):
                lines = (x[:, t, i, :], x[:, t, :, j], x[:, :, i, j])
                for line, qkv in zip(lines, triples, strict=True):
                    q = qkv.query(x[:, t, i, j])
                    k, v = qkv.key(line.T), qkv.value(line.T)
                    out[:, t, i, j] += torch.softmax(k @ q / math.sqrt(len(q)), dim=0) @ v
    return out


@pytest.mark.parametrize("axis_qkv", ["shared", "separate"])
def test_axis_attention_is_the_papers_formula_twice(axis_qkv: AxisQKV) -> None:
    module = fill(AxisAttention(4, axis_qkv=axis_qkv))
    if axis_qkv == "separate":
        with torch.no_grad():  # the filling rule made the three alike
            module.qkv[1].query.weight.mul_(-1)
            module.qkv[2].value.weight.mul_(2)
    x = ramp(1, 4, 2, 3, 5)
    with torch.no_grad():
        expected = literal_round(module, literal_round(module, x[0]))
        torch.testing.assert_close(module(x)[0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("rounds", "coordinates"), [(1, 2), (2, 1), (3, 0)])
def test_how_far_a_change_in_one_corner_comes(rounds: int, coordinates: int) -> None:
    """As many rounds, as many coordinates may differ: two rounds do not reach the opposite corner, as the text says."""
    module, x = fill(AxisAttention(4, rounds=rounds)), ramp(1, 4, 2, 2, 2)
    changed = x.clone()
    changed[0, :, 0, 0, 0] += 1
    with torch.no_grad():
        moved = (module(changed) - module(x)).abs().amax(dim=1)[0]
    for place in itertools.product((0, 1), repeat=3):
        assert (moved[place].item() > 1e-6) == (place.count(0) >= coordinates), place


@pytest.mark.parametrize(("axis_qkv", "expected"), [("shared", 959_376), ("separate", 1_484_496)])
def test_four_interactions_have_the_specs_size(axis_qkv: AxisQKV, expected: int) -> None:
    plan = InteractionPlan(axis_qkv=axis_qkv)
    with torch.device("meta"):
        modules = [Interaction(256 * 2**stage, 32 * 2**stage, plan) for stage in range(4)]
    assert sum(num_parameters(module) for module in modules) == expected


def small_maps() -> tuple[Tensor, Tensor]:
    """16 channels of 2 frames, and 4 of 4: α = 2, β = 1/4."""
    return ramp(2, 16, 2, 3, 3), torch.cos(ramp(2, 4, 4, 3, 3))


PLAN = InteractionPlan(alpha=2)


def test_each_path_keeps_its_own_and_gets_the_others() -> None:
    module = fill(Interaction(16, 4, PLAN))
    sparse, dense = small_maps()
    with torch.no_grad():
        joined_sparse, joined_dense = module(sparse, dense)
        from_sparse = module.to_dense(sparse)
    assert module.out_channels == (20, 8) == (joined_sparse.shape[1], joined_dense.shape[1])
    assert torch.equal(joined_sparse[:, :16], sparse)
    assert torch.equal(joined_dense[:, :4], dense)
    strongest = dense.view(2, 4, 2, 2, 3, 3).amax(dim=3)
    with torch.no_grad():
        assert torch.allclose(joined_sparse[:, 16:], module.to_sparse[1](strongest))
    assert torch.equal(joined_dense[:, 4:, 0], joined_dense[:, 4:, 1])
    assert torch.equal(joined_dense[:, 4:, ::2], from_sparse[:, :, ::2])
    assert not torch.allclose(joined_dense[:, 4:, 1], joined_dense[:, 4:, 2])


@pytest.mark.parametrize("axis_qkv", ["shared", "separate"])
def test_every_parameter_learns_but_the_keys_bias(axis_qkv: AxisQKV) -> None:
    """Softmax takes no notice of what all keys share, so that by eq. 1 a bias of the keys has no gradient."""
    module = fill(LastInteraction(16, 4, InteractionPlan(alpha=2, axis_qkv=axis_qkv))).train()
    module(*small_maps()).square().sum().backward()
    still = {n for n, p in module.named_parameters() if p.grad is None or not p.grad.abs().max() > 1e-4}
    assert still == {n for n, _ in module.named_parameters() if n.endswith("key.bias")}
    assert len(still) == (1 if axis_qkv == "shared" else 3)


def test_half_precision_stays_near() -> None:
    """bfloat16 within 2 %, float16 within 0.3 % of the largest feature."""
    module = fill(LastInteraction(16, 4, PLAN))
    with torch.no_grad():
        exact = module(*small_maps())
        for kind, tolerance in ((torch.bfloat16, 0.02), (torch.float16, 0.003)):
            with torch.autocast("cpu", dtype=kind):
                found = module(*small_maps())
            assert found.dtype == torch.float32
            assert (found - exact).abs().max() < tolerance * exact.abs().max()
            stored = module(*(x.to(kind) for x in small_maps()))
            assert (stored - exact).abs().max() < tolerance * exact.abs().max()


def test_maps_that_do_not_belong_together_are_refused() -> None:
    module, (sparse, dense) = LastInteraction(16, 4, PLAN), small_maps()
    with pytest.raises(ShapeError, match=r"sparse_map must be \(B, 16, T ≥ 1.*got \(2, 15, 2, 3, 3\)"):
        module(sparse[:, 1:], dense)
    with pytest.raises(ShapeError, match=r"dense_map must be \(2, 4, 4, 3, 3\).*got \(2, 4, 3, 3, 3\)"):
        module(sparse, dense[:, :, 1:])
    with pytest.raises(ShapeError, match=r"dense_map must be .*got \(1, 4, 4, 3, 3\)"):
        module(sparse, dense[:1])
