"""docs/fidelity.md: what stands for a paper's silence is what the page says."""

from torch import nn

from models.amfi.fusion import AMFIFusion
from models.interaction.attention import InteractionPlan
from models.interaction.two_path import TwoPath
from models.sf_head.sf_losses import SFLossOptions
from pipeline.params.params import PretrainParams


def test_the_gate_is_one_matrix() -> None:
    """512 · 512 weights and 512 biases: 262,656 numbers of the published 43.26 million."""
    gate = AMFIFusion(60).gate
    assert isinstance(gate, nn.Linear)
    assert sum(parameter.numel() for parameter in gate.parameters()) == 262_656


def test_defaults_are_the_readings() -> None:
    assert AMFIFusion(60).lambda_gate == 1.5
    assert PretrainParams.model_fields["amp"].default == "bf16"
    assert PretrainParams.model_fields["selected_on"].default == "val"
    options = SFLossOptions()
    assert (options.alpha, options.tau, options.eps, options.over_heads) == (1.0, 0.125, 0.01, "mean")
    assert InteractionPlan().lateral == "pool_eca"
    small = TwoPath(width=8, variant="sparse")
    assert small.num_features == 8 * 32  # four stages of bottlenecks, four times as wide at their end
