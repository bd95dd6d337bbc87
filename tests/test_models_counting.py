"""Parameters and arithmetic of small networks, counted by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.errors import ModelParamError
from models.figures.counting import Counts, count, num_parameters

CONV_MACS = 8 * 3 * 27 * 2 * 4 * 4
"""Conv3d(3, 8, kernel 3, padding 1) over 2 × 4 × 4 places: 20,736."""


def conv(**options: Any) -> nn.Conv3d:
    return nn.Conv3d(3, 8, 3, **{"padding": 1, "bias": False, **options})


def test_a_convolution_by_hand() -> None:
    assert count(conv(), (1, 3, 2, 4, 4)) == Counts(8 * 3 * 27, CONV_MACS, CONV_MACS)


def test_a_bias_costs_one_an_output_in_mmcvs_rule_alone() -> None:
    found = count(conv(bias=True), (1, 3, 2, 4, 4))
    assert (found.parameters, found.macs, found.mmcv_flops) == (656, CONV_MACS, CONV_MACS + 8 * 32)


def test_a_depthwise_convolution_multiplies_each_channel_with_its_own_kernel() -> None:
    depthwise = nn.Conv3d(6, 6, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1), groups=6, bias=False)
    assert count(depthwise, (1, 6, 5, 8, 8)).macs == 6 * 9 * 5 * 4 * 4


@pytest.mark.parametrize(
    ("layer", "shape", "extra"),
    [
        (nn.BatchNorm3d(3), (1, 3, 2, 4, 4), 2 * 96),
        (nn.BatchNorm1d(3, affine=False), (1, 3, 5), 15),
        (nn.ReLU(inplace=True), (1, 3, 5), 15),
        (nn.SiLU(), (1, 3, 5), 0),
        (nn.Sigmoid(), (1, 3, 5), 0),
        (nn.MaxPool3d(2), (1, 3, 2, 4, 4), 96),
        (nn.MaxPool2d(2), (1, 3, 4, 4), 48),
        (nn.AvgPool2d(2), (1, 3, 4, 4), 48),
        (nn.AdaptiveAvgPool3d(1), (1, 3, 2, 4, 4), 96),
        (nn.AdaptiveAvgPool2d(2), (1, 3, 4, 4), 48),
    ],
)
def test_layers_that_multiply_nothing(layer: nn.Module, shape: tuple[int, ...], extra: int) -> None:
    found = count(layer, shape)
    assert (found.macs, found.mmcv_flops) == (0, extra)


class InFunctions(nn.Module):
    """conv → ReLU → mean over all places → linear, written without layers for what has no weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = conv(), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(F.relu(self.conv(x)).mean(dim=(2, 3, 4)))
        return out


def test_functions_count_like_layers() -> None:
    layers = nn.Sequential(conv(), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 5))
    expected = Counts(648 + 45, CONV_MACS + 40, CONV_MACS + 40 + 256 + 256)
    assert count(layers, (1, 3, 2, 4, 4)) == expected
    assert count(InFunctions(), (1, 3, 2, 4, 4)) == expected


def test_twice_the_macs() -> None:
    assert count(conv(), (1, 3, 2, 4, 4)).flops == 2 * CONV_MACS


class Attention(nn.Module):
    """softmax(x xᵀ) x, no layer in sight."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        weights = torch.softmax(torch.einsum("bic,bjc->bij", x, y), dim=-1)
        return weights @ y


def test_products_outside_of_layers() -> None:
    assert count(Attention(), (1, 4, 6), (1, 5, 6)).macs == 4 * 5 * 6 + 4 * 5 * 6


def test_a_recurrent_network() -> None:
    lstm = nn.LSTM(6, 4, batch_first=True)
    assert count(lstm, (1, 3, 6)).macs == 3 * (6 * 16 + 4 * 16)


def test_a_shared_weight_is_one_parameter_and_costs_each_time() -> None:
    once = nn.Linear(4, 4, bias=False)
    assert count(nn.Sequential(once, once), (1, 4)) == Counts(16, 32, 32)


def test_shapes_and_tensors_agree_and_the_module_is_left_as_it_was() -> None:
    model = nn.Sequential(conv(bias=True), nn.BatchNorm3d(8), nn.ReLU(), nn.MaxPool3d(2)).train()
    model[1].eval()
    model[0].requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert count(model, torch.randn(1, 3, 2, 4, 4)) == count(model, (1, 3, 2, 4, 4))
    assert [part.training for part in model] == [True, False, True, True]
    assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_parameters_of_a_frozen_network_count() -> None:
    assert num_parameters(nn.Linear(3, 2).requires_grad_(False)) == 8


def test_a_mean_over_channels_is_no_pooling() -> None:
    class ChannelMean(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean(dim=1)

    assert count(ChannelMean(), (1, 3, 2, 4, 4)).mmcv_flops == 0


def test_mixed_inputs_are_refused() -> None:
    with pytest.raises(ModelParamError, match="2 inputs of which 1 are tensors"):
        count(Attention(), (1, 4, 6), torch.randn(1, 5, 6))
    with pytest.raises(ModelParamError, match="got 0 inputs"):
        count(Attention())
