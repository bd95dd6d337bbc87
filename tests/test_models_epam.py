"""EPAM-Net's attention, its head on cached cuts, and the whole network (SPEC 3.3, 3.6, 7 and 8)."""

from typing import Any

import pytest
import torch
from fill import digest, fill, ramp
from torch import Tensor, nn
from torch.nn import functional as F

from models.cuts import FEATURES
from models.epam.attention import NestedAttention, RivalAttention, build_attention
from models.epam.network import EPAMHead, EPAMNet, EPAMOutput, attended_mean, fuse_scores
from models.epam.xblocks import channel_pool
from models.epam.xnets import CHANNEL_POOL, MAP, STRIDED_MAP, X3DM, PoseXShiftNet, RGBXShiftNet
from models.errors import ModelParamError, ShapeError
from models.figures.counting import count, num_parameters
from models.inference import embed

NESTED = {
    "first": [0.17515, 0.186465, 0.197621, 0.207066, 0.208304, 0.205581],
    "sum": 175.44157,
    "abs_sum": 175.44157,
    "dot_cos": 22.84421,
}
"""The official attention, filled by rule, on a pose map of ramp(1, 216, 16, 7, 7): the spec's golden.json."""

ATTENTIONS: tuple[Any, ...] = ("nested", "rival", "none")

VIDEO, HEATMAPS = (3, 4, 16, 16), (5, 12, 8, 8)
"""One clip of each: four frames, and twelve that hold them at every third place."""


def small_net(**options: Any) -> EPAMNet:
    """Both trunks end in maps of 36 channels, 4 frames and 2 × 2 places."""
    rgb = RGBXShiftNet(width=8, blocks=(1, 2))
    pose = PoseXShiftNet(5, width=8, blocks=(1, 2))
    return fill(EPAMNet(4, rgb=rgb, pose=pose, **{"num_frames": 4, **options}))  # type: ignore[return-value]


def clips(count: int = 4) -> tuple[Tensor, Tensor]:
    return ramp(count, *VIDEO), ramp(count, *HEATMAPS).abs()


def cached(net: EPAMNet, video: Tensor, heatmaps: Tensor, *, as_stored: bool = False) -> list[Tensor]:
    """What a store of frozen trunks hands the head, in the head's own order."""
    trunks = {"rgb": net.rgb.eval(), "pose": net.pose.eval()}
    given = {"rgb": video, "pose": heatmaps}
    with torch.no_grad():
        rows = [
            (trunks[one.stream], one.cut, trunks[one.stream].at(given[one.stream], (one.cut,))[one.cut])
            for one in net.head.reads
        ]
    if not as_stored:
        return [values for _, _, values in rows]
    return [values.to(getattr(torch, trunk.cut(cut).dtype)) for trunk, cut, values in rows]


def test_sizes_of_the_attentions() -> None:
    assert num_parameters(NestedAttention()) == 107
    assert num_parameters(RivalAttention()) == 2_507
    assert num_parameters(RivalAttention(256)) == 2_867


def test_the_whole_network_has_the_published_two_and_a_half_millions() -> None:
    net = EPAMNet(60)
    assert num_parameters(net) == 2_006_010 + 532_600 + 107
    found = count(net, (1, 3, 16, 224, 224), (1, 17, 48, 56, 56))
    assert round(found.mmcv_flops / 1e9, 1) == 8.1


def test_nested_attention_equals_the_official_one() -> None:
    with torch.no_grad():
        found = digest(fill(NestedAttention())(channel_pool(ramp(1, 216, 16, 7, 7))))
    for name, value in NESTED.items():
        assert found[name] == pytest.approx(value, rel=1e-4), name


def test_nested_attention_is_a_place_times_its_frame() -> None:
    block = NestedAttention().eval()
    nn.init.zeros_(block.conv.weight)
    nn.init.zeros_(block.conv_time.weight)
    assert torch.equal(block(torch.randn(2, 2, 3, 4, 5)), torch.full((2, 1, 3, 4, 5), 0.25))


def test_rival_attention_by_hand_on_one_place() -> None:
    """Taps of the centre alone: A_S = σ(relu(2 x)) with x the only channel; W1 = W2 = identity."""
    block = RivalAttention(1, 2).eval()
    for layer in (block.compress, block.conv):
        nn.init.zeros_(layer.weight)
    with torch.no_grad():
        block.compress.weight[0, 0, 0, 1, 1] = 2
        block.conv.weight[0, 0, 0, 3, 3] = 1
        block.fc1.weight.copy_(torch.eye(2))
        block.fc2.weight.copy_(torch.eye(2))
    places = torch.tensor([0.5, 3.0]).sigmoid()
    found = block(torch.tensor([0.25, 1.5]).reshape(1, 1, 2, 1, 1)).flatten()
    torch.testing.assert_close(found, places * places.sigmoid())


def test_the_attended_mean_is_eq_4s_residual() -> None:
    maps, attention = torch.randn(3, 5, 4, 2, 2), torch.rand(3, 1, 4, 2, 2)
    expected = (maps + maps * attention).mean(dim=(2, 3, 4))
    torch.testing.assert_close(attended_mean(maps, 1 + attention), expected)


@pytest.mark.parametrize("attention", ["nested", "rival"])
def test_the_rgb_logits_are_those_of_the_map_and_its_attended_self(attention: Any) -> None:
    net = small_net(attention=attention)
    maps, pose, view = cached(net, *clips())
    with torch.no_grad():
        found = net.head(maps, pose, view)
        attended = maps + maps * net.head.attention(view)
        torch.testing.assert_close(found.rgb, net.head.fc_rgb(attended.mean(dim=(2, 3, 4))))
        torch.testing.assert_close(found.pose, net.head.fc_pose(pose))
        torch.testing.assert_close(found.logits, found.rgb + found.pose)


def test_score_fusion_by_hand() -> None:
    rgb, pose = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 3.0]]).log1p()
    assert fuse_scores(rgb, pose, "logits").tolist() == pose.tolist()
    mean = torch.tensor([[(0.5 + 0.2) / 2, (0.5 + 0.8) / 2]])
    torch.testing.assert_close(fuse_scores(rgb, pose, "softmax").exp(), mean)


def test_the_two_fusions_can_disagree() -> None:
    rgb, pose = torch.tensor([[9.0, 0.0, 0.0]]), torch.tensor([[-20.0, 0.0, -1.0]])
    assert fuse_scores(rgb, pose, "logits").argmax() == 1
    assert fuse_scores(rgb, pose, "softmax").argmax() == 0


def test_the_loss_is_the_sum_of_both_streams() -> None:
    head = EPAMHead(2, attention="none", rgb_channels=3, pose_channels=3)
    rgb, pose = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 3.0]]).log1p()
    output = EPAMOutput(rgb + pose, rgb=rgb, pose=pose)
    expected = -torch.tensor(0.5).log() - torch.tensor(0.8).log()
    torch.testing.assert_close(head.loss(output, torch.tensor([1])), expected)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_every_parameter_learns_end_to_end(attention: Any) -> None:
    net = small_net(attention=attention, dropout=0.0).train()
    net.loss(net(*clips()), torch.arange(4)).backward()
    still = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_the_pose_trunk_learns_from_the_rgb_loss_through_the_attention() -> None:
    net = small_net().train()
    F.cross_entropy(net(*clips()).rgb, torch.arange(4)).backward()
    assert net.pose.conv1_s.conv.weight.grad.abs().sum() > 0
    assert net.head.fc_pose.weight.grad is None


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_training_on_cached_cuts_is_training_behind_frozen_trunks(attention: Any) -> None:
    whole, alone = small_net(attention=attention, frozen_trunks=True), small_net(attention=attention)
    rows = cached(alone, *clips())
    for model, inputs in ((whole, clips()), (alone.head, rows)):
        optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1, momentum=0.9)
        model.train()
        for step in range(3):
            torch.manual_seed(step)  # the same dropout
            optimiser.zero_grad()
            model.loss(model(*inputs), torch.arange(4)).backward()
            optimiser.step()
    for name, value in alone.head.state_dict().items():
        assert torch.equal(value, whole.head.state_dict()[name]), name
    with torch.no_grad():
        assert torch.equal(whole.eval()(*clips()).logits, alone.head.eval()(*rows).logits)


def test_frozen_trunks_stay_what_they_were() -> None:
    net = small_net(frozen_trunks=True)
    before = {name: value.clone() for name, value in net.state_dict().items() if not name.startswith("head")}
    net.train()
    net.loss(net(*clips()), torch.arange(4)).backward()
    assert all(p.grad is None for p in (*net.rgb.parameters(), *net.pose.parameters()))
    assert net.head.training
    for name, value in before.items():
        assert torch.equal(net.state_dict()[name], value), name


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_half_precision_of_the_cache_moves_the_logits_by_less_than_a_thousandth(attention: Any) -> None:
    net = small_net(attention=attention)
    with torch.no_grad():
        exact = net(*clips()).logits
        rows = cached(net, *clips(), as_stored=True)
        assert {row.dtype for row in rows[1:2]} == {torch.float32}
        found = net.head(*rows).logits
    assert (found - exact).norm() / exact.norm() < 1e-3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_of_the_arithmetic(dtype: torch.dtype) -> None:
    net = small_net()
    with torch.no_grad():
        exact = net(*clips()).logits
        with torch.autocast("cpu", dtype):
            rough = net(*clips()).logits.float()
    assert (rough - exact).norm() / exact.norm() < 0.05


def test_what_each_head_reads() -> None:
    def reads(attention: Any) -> tuple[tuple[str, str], ...]:
        return tuple((one.stream, one.cut) for one in EPAMHead.inputs(attention=attention))

    assert reads("nested") == (("rgb", MAP), ("pose", FEATURES), ("pose", CHANNEL_POOL))
    assert reads("rival") == (("rgb", MAP), ("pose", FEATURES), ("pose", STRIDED_MAP))
    assert reads("none") == (("rgb", FEATURES), ("pose", FEATURES))


def test_the_head_predicts_like_any_fusion_head() -> None:
    net = small_net()
    rows = cached(net, *clips(3))
    (found,) = embed(net.head, [tuple(rows)], batch_size=2)
    with torch.no_grad():
        torch.testing.assert_close(found, net.head(*rows).logits)


def test_an_x3d_trunk_is_attended_before_its_hidden_layer() -> None:
    trunk, pose = X3DM(width=8, blocks=(1, 2), hidden=12), PoseXShiftNet(5, width=8, blocks=(1, 2))
    for attention, width in (("nested", 36), ("none", 12)):
        net = EPAMNet(4, rgb=trunk, pose=pose, attention=attention)  # type: ignore[arg-type]
        assert net.head.fc_rgb.in_features == width
        assert net(*clips(2)).logits.shape == (2, 4)


def test_streams_that_do_not_fit_are_refused() -> None:
    net = small_net()
    video, heatmaps = clips()
    with pytest.raises(
        ShapeError, match=r"frames and places.*\(4, 36, 4, 2, 2\) and \(4, 2, 3, 2, 2\).*stride"
    ):
        net(video, heatmaps[:, :, :9])
    with pytest.raises(ShapeError, match="same clips, got 4 and 3"):
        net(video, heatmaps[:3])


def test_wrong_rows_are_refused() -> None:
    head = EPAMHead(4, rgb_channels=6, pose_channels=3, num_frames=4)
    rgb, pose, view = torch.zeros(2, 6, 4, 2, 2), torch.zeros(2, 3), torch.zeros(2, 2, 4, 2, 2)
    with pytest.raises(ShapeError, match=r"rgb map must be \(B, 6, T, H, W\).*got \(2, 5, 4, 2, 2\)"):
        head(rgb[:, :5], pose, view)
    with pytest.raises(ShapeError, match=r"pose features must be \(B, 3\).*got \(2, 4\)"):
        head(rgb, torch.zeros(2, 4), view)
    with pytest.raises(ShapeError, match=r"takes .*pose channel_pool.*got 2 tensors"):
        head(rgb, pose)
    with pytest.raises(ShapeError, match=r"pooled pose must be \(B, 2, T, H, W\).*int64"):
        NestedAttention()(view.long())
    with pytest.raises(ShapeError, match="same clips, got 2 and 1"):
        head(rgb, pose[:1], view)
    with pytest.raises(ShapeError, match=r"pose must be \(B, 216, 16, H, W\).*got \(2, 216, 15, 7, 7\)"):
        RivalAttention()(torch.zeros(2, 216, 15, 7, 7))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "self"}, "attention must be nested, rival or none, got 'self'"),
        ({"fusion": "max"}, "fusion must be logits or softmax, got 'max'"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"rgb_channels": 0}, "must be 1 or more, got 0 and 216"),
        ({"num_classes": 1}, "num_classes must be 2 or more, got 1"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        EPAMHead(**{"num_classes": 4, **options})


def test_a_rival_over_no_frames_is_refused() -> None:
    with pytest.raises(ModelParamError, match="got 216 and 0"):
        build_attention("rival", channels=216, num_frames=0)
