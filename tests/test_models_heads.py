"""Fusion heads: AMFI-Net's switches, its faults as measured, and the plain fusions (SPEC 2.4, 2.6, 7)."""

import logging
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from models.amfi import fusion
from models.amfi.fusion import AMFIFusion, gate_loss
from models.amfi.r3d import R3D18
from models.errors import ModelParamError, ShapeError
from models.graph.agcn import AGCN
from models.graph.layouts import AGCN_LAYOUTS
from models.head import (
    HeadInput,
    HeadOutput,
    Source,
    build_head,
    decided_by_data,
    head_for,
    head_inputs,
    kind_of,
)
from models.names import HEADS, HeadKind
from pipeline.skeleton.layouts import NTU_25

SKELETON, VIDEO, LABELS = torch.rand(4, 8), torch.rand(4, 8), torch.tensor([0, 1, 2, 0])


def small_head(kind: HeadKind = "amfi", **options: Any) -> nn.Module:
    return build_head(kind, 3, **{"skeleton_dim": 8, "video_dim": 8, **options})


def num_parameters(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def test_amfi_net_has_the_papers_size() -> None:
    agcn = AGCN(NTU_25.bones, 25, layout=AGCN_LAYOUTS["paper_9_512"])
    assert num_parameters(R3D18(), agcn, AMFIFusion(60)) == 43_264_038


@pytest.mark.parametrize(("association", "expected"), [("feature_token", 8), ("modality_token", 525_568)])
def test_other_associations_have_their_size(association: Any, expected: int) -> None:
    non_local = AMFIFusion(60, association=association).non_local
    assert non_local is not None
    assert num_parameters(non_local) == expected


def gradients_of_attention(association: str) -> list[Tensor]:
    head = small_head(association=association)
    head.loss(head(SKELETON, VIDEO), LABELS).backward()
    return [p.grad for name, p in head.named_parameters() if "theta" in name or "beta" in name]


def test_single_token_attention_gets_exactly_no_gradient() -> None:
    gradients = gradients_of_attention("single_token")
    assert len(gradients) == 4
    assert all(torch.count_nonzero(gradient) == 0 for gradient in gradients)


@pytest.mark.parametrize("association", ["feature_token", "modality_token"])
def test_other_associations_do_attend(association: str) -> None:
    theta_weight = gradients_of_attention(association)[0]
    assert torch.count_nonzero(theta_weight) > 0


def test_the_inert_default_warns_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusion, "_warned", set())
    with caplog.at_level(logging.WARNING, logger="models.amfi.fusion"):
        small_head()
        small_head()
        small_head(association="none")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "theta and beta get no gradient" in caplog.text


def test_batch_token_is_refused_with_its_reason() -> None:
    with pytest.raises(ModelParamError, match=r"batch_token is refused.*depend on which clips"):
        small_head(association="batch_token")


@pytest.mark.parametrize(("sign", "raises_gate"), [("repaired", True), ("literal", False)])
def test_the_gate_loss_moves_the_gate_as_its_sign_says(sign: Any, raises_gate: bool) -> None:
    gate = torch.full((2, 3), 0.5, requires_grad=True)
    gate_loss(HeadOutput(torch.zeros(2, 3), gate), sign).backward()
    assert gate.grad is not None
    # SPEC 2.4: the gradient at G = 0.5 is 2 a cell, here over 6 cells; descent goes against it
    torch.testing.assert_close(gate.grad, torch.full((2, 3), (-2.0 if raises_gate else 2.0) / 6))


def test_a_saturated_gate_has_a_finite_loss() -> None:
    closed = HeadOutput(torch.zeros(1, 2), torch.zeros(1, 4))
    assert gate_loss(closed, "repaired").item() == pytest.approx(13.8155, abs=1e-3)  # -log 1e-6


def test_the_loss_is_cross_entropy_plus_the_weighted_gate_loss() -> None:
    head = small_head(lambda_gate=3.0)
    output = head(SKELETON, VIDEO)
    expected = nn.functional.cross_entropy(output.logits, LABELS) + 3 * gate_loss(output, "repaired")
    torch.testing.assert_close(head.loss(output, LABELS), expected)


@pytest.mark.parametrize("decision", ["skeleton", "video"])
def test_an_open_gate_lets_the_decision_modality_alone_through(decision: str) -> None:
    head = small_head(association="none", decision=decision)
    nn.init.zeros_(head.channel_attention.weight)
    nn.init.constant_(head.gate.bias, 1e4)
    alone = SKELETON if decision == "skeleton" else VIDEO
    other = head(torch.rand(4, 8), VIDEO) if decision == "video" else head(SKELETON, torch.rand(4, 8))
    weight = torch.sigmoid(head.channel_attention.bias)[: 8 if decision == "skeleton" else None]
    torch.testing.assert_close(other.logits, head.fc(alone * weight[-8:]))


def test_a_clips_logits_do_not_depend_on_its_neighbours() -> None:
    for association in ("single_token", "feature_token", "modality_token", "none"):
        head = small_head(association=association).eval()
        torch.testing.assert_close(head(SKELETON, VIDEO).logits[:1], head(SKELETON[:1], VIDEO[:1]).logits)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [("average", 8), ("multiplication", 8), ("max", 8), ("concatenation", 16), ("skeleton", 8), ("video", 8)],
)
def test_plain_fusions_are_one_linear_layer_of_what_they_combine(kind: HeadKind, inputs: int) -> None:
    head = small_head(kind)
    combined = {
        "average": (SKELETON + VIDEO) / 2,
        "multiplication": SKELETON * VIDEO,
        "max": torch.maximum(SKELETON, VIDEO),
        "concatenation": torch.cat([SKELETON, VIDEO], 1),
        "skeleton": SKELETON,
        "video": VIDEO,
    }[kind]
    assert num_parameters(head) == 3 * (inputs + 1)
    output = head(SKELETON, VIDEO)
    torch.testing.assert_close(output.logits, combined @ head.fc.weight.T + head.fc.bias)
    assert output.gate is None
    torch.testing.assert_close(head.loss(output, LABELS), nn.functional.cross_entropy(output.logits, LABELS))


def test_every_head_kind_has_its_builder() -> None:
    assert set(get_args(HeadKind)) == set(HEADS)
    with pytest.raises(ModelParamError, match=r"no head 'sum'; there are \['amfi'.*or your own"):
        build_head("sum", 3)


def test_unequal_sizes_are_refused_or_projected() -> None:
    with pytest.raises(ModelParamError, match=r"skeleton 8 and video 6.*unequal"):
        small_head(video_dim=6)
    head = small_head(video_dim=6, unequal="project")
    assert head(SKELETON, torch.rand(4, 6)).gate.shape == (4, 8)
    assert small_head("concatenation", video_dim=6)(SKELETON, torch.rand(4, 6)).logits.shape == (4, 3)


def test_heads_say_which_shape_they_want() -> None:
    with pytest.raises(ShapeError, match=r"video features must be \(B, 8\) of floats .*got \(4, 6\)"):
        small_head()(SKELETON, torch.rand(4, 6))
    with pytest.raises(ShapeError, match="same clips, got 4 and 3"):
        small_head()(SKELETON, VIDEO[:3])


PAIRED = sorted(kind for kind in HEADS if "skeleton_dim" in decided_by_data(kind))
"""Heads over one vector of each modality."""


@pytest.mark.parametrize("kind", PAIRED)
def test_heads_refuse_integers_and_empty_batches(kind: HeadKind) -> None:
    with pytest.raises(ShapeError, match=r"skeleton features must be .* got \(4, 8\) of int64"):
        small_head(kind)(SKELETON.long(), VIDEO)
    with pytest.raises(ShapeError, match=r"B of 1 or more, got \(0, 8\)"):
        small_head(kind)(SKELETON[:0], VIDEO[:0])


def test_channel_attention_weighs_the_original_features_unless_asked_otherwise() -> None:
    """With attention weights of exactly ½ everywhere, half of what is weighed goes on, and the gate is ½."""
    seen = {}
    for weigh in ("original", "associated"):
        head = AMFIFusion(3, skeleton_dim=8, video_dim=8, association="modality_token", weigh=weigh)  # type: ignore[arg-type]
        nn.init.zeros_(head.channel_attention.weight)
        nn.init.zeros_(head.channel_attention.bias)
        nn.init.zeros_(head.gate.weight)
        nn.init.zeros_(head.gate.bias)
        assert head.non_local is not None
        nn.init.zeros_(head.non_local.w_z.weight)
        nn.init.ones_(head.non_local.w_z.bias)  # Z = X + 1
        fused: list[Tensor] = []
        head.fc.register_forward_pre_hook(lambda _, inputs: fused.append(inputs[0]))  # noqa: B023
        head(SKELETON, VIDEO)
        seen[weigh] = fused[0]
    mean = (SKELETON + VIDEO) / 4
    torch.testing.assert_close(seen["original"], mean)
    torch.testing.assert_close(seen["associated"], mean + 0.5)
    assert AMFIFusion(3, skeleton_dim=8, video_dim=8).weigh == "original"
    with pytest.raises(ModelParamError, match="weigh must be one of"):
        small_head(weigh="both")


@pytest.mark.parametrize("kind", ["concatenation", "amfi"])
def test_a_head_smooths_labels_as_its_plan_says(kind: HeadKind) -> None:
    """Smoothing s takes s / K of each class's own loss: (1 - s) CE + s mean over classes of -log p."""
    torch.manual_seed(0)
    head = small_head(kind)
    output = head(SKELETON, VIDEO)
    plain = head.loss(output, LABELS)
    head.label_smoothing = 0.3  # type: ignore[assignment]
    logs = torch.log_softmax(output.logits, dim=1)
    own = -logs[range(4), LABELS].mean()
    expected = plain - own + 0.7 * own + 0.3 * -logs.mean()
    torch.testing.assert_close(head.loss(output, LABELS), expected)


def test_what_heads_over_vectors_declare() -> None:
    skeleton, video = HeadInput("skeleton", ("skeleton", "heatmaps")), HeadInput("video", ("video",))
    for kind in ("amfi", "average", "multiplication", "max", "concatenation"):
        assert head_inputs(kind, {}) == (skeleton, video)
    assert [one.needed for one in head_inputs("skeleton", {})] == [True, False]
    assert [one.needed for one in head_inputs("video", {})] == [False, True]
    assert head_inputs("linear", {"cut": "gap"}) == (
        HeadInput("features", ("video", "skeleton", "heatmaps"), cut="gap"),
    )


def test_a_head_is_built_for_the_sizes_of_its_inputs() -> None:
    linear = head_for("linear", 3, [Source((5,))], {})
    given = torch.rand(2, 5)
    assert num_parameters(linear) == 3 * (5 + 1)
    torch.testing.assert_close(linear(given).logits, given @ linear.fc.weight.T + linear.fc.bias)  # type: ignore[operator, union-attr]
    with pytest.raises(ShapeError, match=r"features must be \(B, 5\)"):
        linear(torch.rand(2, 4))
    unequal = head_for("average", 3, [Source((8,)), Source((6,))], {})
    assert num_parameters(unequal) == 8 * 8 + 8 + 6 * 8 + 8 + 3 * 9
    with pytest.raises(ModelParamError, match="unequal"):
        head_for("average", 3, [Source((8,)), Source((6,))], {"unequal": "refuse"})


def test_a_method_is_a_head_and_perhaps_a_word_of_its_own() -> None:
    assert [kind_of(name) for name in ("amfi", "amfi@lambda_0", "own.head:Mine@b")] == [
        "amfi",
        "amfi",
        "own.head:Mine",
    ]
