"""X-ShiftNet and X3D against published sizes and the official code's own numbers (SPEC 3, 7 and 8)."""

from typing import Any

import pytest
import torch
from fill import digest, fill, ramp
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones import build_backbone
from models.cuts import FEATURES, Backbone, cut_shapes
from models.epam.xblocks import PlaneConv3d, channel_pool
from models.epam.xnets import CHANNEL_POOL, MAP, STRIDED_MAP, X3DM, X3DS, PoseXShiftNet, RGBXShiftNet
from models.errors import ModelParamError, ShapeError
from models.figures.counting import count, num_parameters
from models.training.classifier import Classifier

RGB_CLIP, POSE_CLIP = (3, 16, 224, 224), (17, 48, 56, 56)

POSE_MAP = {
    "first": [11.500638, 11.425466, 14.413863, 13.447549, 15.844433, 27.660963],
    "sum": 146895.29152,
    "abs_sum": 146895.29152,
    "dot_cos": -932.60647,
}
"""The official pose backbone, filled by rule, on ramp(1, 17, 8, 32, 32): the spec's golden.json."""

RGB_MAP = {
    "first": [0.0, 0.215019, 0.05921, 2.142792, 0.0, 0.0],
    "sum": 1628.16422,
    "abs_sum": 1628.16422,
    "dot_cos": 10.39273,
}
"""The official RGB backbone on ramp(1, 3, 4, 64, 64)."""


def small_rgb(**options: Any) -> RGBXShiftNet:
    """Width 8, one block and two: halves H and W three times."""
    return RGBXShiftNet(**{"width": 8, "blocks": (1, 2), **options})


def small_pose(**options: Any) -> PoseXShiftNet:
    return PoseXShiftNet(5, **{"width": 8, "blocks": (1, 2), **options})


SMALL: dict[str, tuple[Backbone, tuple[int, ...]]] = {
    "rgb": (small_rgb(), (3, 6, 16, 16)),
    "rgb_without_shift": (small_rgb(temporal="none", se="none"), (3, 6, 16, 16)),
    "pose": (small_pose(), (5, 6, 8, 8)),
    "x3d_m": (X3DM(width=8, blocks=(1, 2), hidden=12), (3, 6, 16, 16)),
    "x3d_s": (X3DS(5, width=8, blocks=(1, 2), se="all"), (5, 6, 8, 8)),
}


class ToMap(nn.Module):
    """A backbone up to its map."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, clips: Tensor) -> Tensor:
        return self.backbone.at(clips, (MAP,))[MAP]


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [
        (RGBXShiftNet(), 2_006_010),
        (RGBXShiftNet(shift_division=4), 2_006_010),
        (PoseXShiftNet(), 532_600),
        (PoseXShiftNet(se="none"), 490_182),
        (X3DM(), 3_097_662),
        (X3DS(), 586_180),
    ],
)
def test_sizes_with_sixty_classes(backbone: Backbone, expected: int) -> None:
    assert num_parameters(Classifier(backbone, 60)) == expected


def test_the_published_pose_size_is_not_reached_by_the_code_that_reaches_all_others() -> None:
    assert num_parameters(PoseXShiftNet()) == 519_580
    assert num_parameters(Classifier(PoseXShiftNet(), 60)) == pytest.approx(514_700, rel=0.04)


@pytest.mark.parametrize(("se", "millions"), [("none", 1.843), ("half", 2.006), ("all", 2.131)])
def test_only_half_of_the_blocks_with_se_give_the_published_two_millions(se: Any, millions: float) -> None:
    assert num_parameters(Classifier(RGBXShiftNet(se=se), 60)) / 1e6 == pytest.approx(millions, abs=5e-4)


@pytest.mark.parametrize(
    ("backbone", "clip", "gmacs", "gflops"),
    [(RGBXShiftNet(), RGB_CLIP, 4.2616, 4.4988), (PoseXShiftNet(), POSE_CLIP, 3.3563, 3.5757)],
)
def test_trunks_in_the_rule_of_the_papers_tables(
    backbone: Backbone, clip: tuple[int, ...], gmacs: float, gflops: float
) -> None:
    found = count(ToMap(backbone), (1, *clip))
    assert found.macs / 1e9 == pytest.approx(gmacs, abs=5e-5)
    assert found.mmcv_flops / 1e9 == pytest.approx(gflops, abs=5e-5)


@pytest.mark.parametrize(
    ("backbone", "clip", "published"),
    [
        (RGBXShiftNet(), RGB_CLIP, 4.5),
        (PoseXShiftNet(), POSE_CLIP, 3.6),
        (X3DM(), RGB_CLIP, 4.969),
        (X3DS(), POSE_CLIP, 4.042),
    ],
)
def test_whole_networks_reach_the_published_flops(
    backbone: Backbone, clip: tuple[int, ...], published: float
) -> None:
    digits = len(str(published).partition(".")[2])
    assert round(count(Classifier(backbone, 60), (1, *clip)).mmcv_flops / 1e9, digits) == published


@pytest.mark.parametrize(
    ("backbone", "clip", "expected"),
    [(PoseXShiftNet(), (17, 8, 32, 32), POSE_MAP), (RGBXShiftNet(), (3, 4, 64, 64), RGB_MAP)],
)
def test_trunks_equal_the_official_ones(
    backbone: Backbone, clip: tuple[int, ...], expected: dict[str, Any]
) -> None:
    with torch.no_grad():
        found = digest(ToMap(fill(backbone))(ramp(1, *clip)))
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-4), name


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("clips", [1, 2])
def test_no_layer_leaves_the_memory_format_that_makes_it_fast(name: str, clips: int) -> None:
    backbone, clip = SMALL[name]
    seen: list[bool] = []
    hooks = [
        module.register_forward_hook(
            lambda _module, _inputs, out: seen.append(out.is_contiguous(memory_format=torch.channels_last_3d))
        )
        for module in backbone.modules()
        if isinstance(module, PlaneConv3d)
    ]
    with torch.no_grad():
        backbone(torch.randn(clips, *clip))
    for hook in hooks:
        hook.remove()
    assert seen == [True] * len(hooks)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_every_parameter_learns(name: str) -> None:
    backbone, clip = SMALL[name]
    model = fill(Classifier(backbone, 4)).train()
    F.cross_entropy(model(ramp(4, *clip)), torch.arange(4)).backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_without_shift_no_frame_knows_its_neighbours() -> None:
    clip = ramp(1, 3, 6, 16, 16)
    for temporal, symmetric in (("none", True), ("shift", False)):
        model = fill(small_rgb(temporal=temporal))
        with torch.no_grad():
            forwards, backwards = (model.at(x, (MAP,))[MAP] for x in (clip, clip.flip(2)))
        assert torch.allclose(forwards, backwards.flip(2), atol=1e-5) is symmetric


def test_cuts_of_the_published_networks_take_the_bytes_of_the_spec() -> None:
    rgb, pose = RGBXShiftNet(), PoseXShiftNet()
    names = [cut.name for cut in pose.cuts]
    shapes = cut_shapes(rgb, RGB_CLIP, (FEATURES, MAP))
    assert shapes == {FEATURES: (432,), MAP: (432, 16, 7, 7)}
    assert [rgb.cut(name).num_bytes(shapes[name]) for name in shapes] == [1_728, 677_376]
    shapes = cut_shapes(pose, POSE_CLIP, names)
    assert shapes == {
        FEATURES: (216,),
        CHANNEL_POOL: (2, 16, 7, 7),
        STRIDED_MAP: (216, 16, 7, 7),
        MAP: (216, 48, 7, 7),
    }
    assert [pose.cut(name).num_bytes(shapes[name]) for name in names] == [864, 3_136, 338_688, 1_016_064]


@pytest.mark.parametrize("name", sorted(SMALL))
def test_cuts_have_the_axes_that_they_declare(name: str) -> None:
    backbone, clip = SMALL[name]
    shapes = cut_shapes(backbone, clip, [cut.name for cut in backbone.cuts])
    assert [len(shapes[cut.name]) for cut in backbone.cuts] == [len(cut.dims) for cut in backbone.cuts]
    assert shapes[FEATURES] == (backbone.num_features,)


def test_pose_cuts_follow_from_the_map() -> None:
    model = fill(small_pose(frame_stride=2))
    with torch.no_grad():
        found = model.at(ramp(2, 5, 6, 8, 8), (FEATURES, CHANNEL_POOL, STRIDED_MAP, MAP))
    strided = found[MAP][:, :, [0, 2, 4]]
    assert torch.equal(found[STRIDED_MAP], strided)
    assert torch.equal(found[CHANNEL_POOL][:, 0], strided.max(dim=1).values)
    assert torch.equal(found[CHANNEL_POOL][:, 1], strided.mean(dim=1))
    torch.testing.assert_close(found[FEATURES], found[MAP].mean(dim=(2, 3, 4)))
    assert torch.equal(channel_pool(strided), found[CHANNEL_POOL])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 0.005), (torch.bfloat16, 0.03)])
@pytest.mark.parametrize("name", sorted(SMALL))
def test_half_precision(name: str, dtype: torch.dtype, tolerance: float) -> None:
    """Root of the mean square difference over that of the features."""
    backbone, clip = SMALL[name]
    fill(backbone)
    x = ramp(2, *clip)
    with torch.no_grad():
        exact = backbone(x)
        with torch.autocast("cpu", dtype):
            rough = backbone(x)
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() / exact.norm() < tolerance


def test_x3d_has_its_own_hidden_layer_behind_the_mean() -> None:
    model = X3DM(width=8, blocks=(1, 2), hidden=12)
    assert model.num_features == 12
    assert model.fc1 is not None
    assert model.fc1.weight.shape == (12, 36)
    assert model(torch.randn(2, 3, 2, 8, 8)).shape == (2, 12)


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        (torch.zeros(2, 17, 48, 16, 16), r"\(B, 3, T ≥ 2, H ≥ 8, W ≥ 8\).*got \(2, 17, 48, 16, 16\)"),
        (torch.zeros(2, 3, 1, 16, 16), r"T ≥ 2.*got \(2, 3, 1, 16, 16\)"),
        (torch.zeros(2, 3, 4, 7, 16), r"H ≥ 8.*got \(2, 3, 4, 7, 16\)"),
        (torch.zeros(0, 3, 4, 16, 16), r"B of 1 or more.*got \(0, 3, 4, 16, 16\)"),
        (torch.zeros(2, 3, 4, 16, 16, dtype=torch.uint8), r"floats.*uint8"),
    ],
)
def test_wrong_clips_are_refused(clips: Tensor, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        small_rgb()(clips)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"se": "some"}, "se must be one of .*got 'some'"),
        ({"temporal": "tsm"}, "temporal must be one of .*got 'tsm'"),
        ({"shift_division": 1}, "shift_division must lie between 2 and the width, 8.*got 1"),
        ({"shift_division": 9}, "got 9"),
        ({"blocks": ()}, r"must be 1 or more.*\(\)"),
        ({"width": 0}, "must be 1 or more"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        small_rgb(**options)


def test_params_name_each_network() -> None:
    options = {"width": 8, "blocks": [1, 2]}
    for kind, network in (("rgb_xshift", RGBXShiftNet), ("x3d_m", X3DM)):
        assert type(build_backbone({"kind": kind, **options}, shape=(3, 16, 32, 32))) is network
    for kind, network in (("pose_xshift", PoseXShiftNet), ("x3d_s", X3DS)):
        built = build_backbone({"kind": kind, "frame_stride": 2, **options}, shape=(5, 48, 56, 56))
        assert type(built) is network
        assert isinstance(built, PoseXShiftNet)
        assert (built.in_channels, built.frame_stride) == (5, 2)


def test_other_refusals() -> None:
    with pytest.raises(ModelParamError, match="frame_stride must be 1 or more, got 0"):
        small_pose(frame_stride=0)
    with pytest.raises(ModelParamError, match=r"no cut 'channel_pool'.*features.*map"):
        small_rgb().at(torch.zeros(1, 3, 2, 8, 8), (CHANNEL_POOL,))
