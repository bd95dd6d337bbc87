"""Heads on cached maps, frames and joints: what they make of frozen cuts is what the whole networks make of clips."""

from collections.abc import Mapping
from typing import Any, get_args

import pytest
import torch
from skeleton_models import CHAIN, SMALL
from torch import Tensor, nn

from models.backbones import build_backbone
from models.cssi.dinet import DINetR
from models.cssi.network import CSSIModel
from models.cssi.pvrm import LSTMHead
from models.cssi.resnet import FrameResNet
from models.cuts import Backbone
from models.errors import ModelParamError, ShapeError
from models.graph.stgcn import STGCN
from models.head import (
    KIND_DIMS,
    CutHead,
    HeadOutput,
    Source,
    decided_by_data,
    head_for,
    head_inputs,
    is_trained,
)
from models.interaction.laterals import Lateral
from models.interaction.two_path import TwoPath
from pipeline.skeleton.layouts import NTU_25

LABELS = torch.tensor([0, 2])


def shapes(*inputs: Tensor) -> list[Source]:
    return [Source(tuple(x.shape[1:])) for x in inputs]


def stored(backbone: Backbone, clips: Tensor, *cuts: str) -> list[Tensor]:
    """As features.zarr has them: of a frozen network, each cut in its own number type."""
    with torch.no_grad():
        found = backbone.eval().at(clips, cuts)
    return [found[name].to(getattr(torch, backbone.cut(name).dtype)) for name in cuts]


def part(head: CutHead, name: str) -> nn.Module:
    return head.get_submodule(name)


def test_the_interaction_head_goes_on_where_the_network_was_cut() -> None:
    torch.manual_seed(0)
    network, clips = TwoPath(width=8, tau=4, alpha=4), 0.01 * torch.randn(2, 3, 8, 32, 32)
    maps = stored(network, clips, "sparse_map", "dense_map")
    head = head_for("interaction", 3, shapes(*maps), {}).eval()
    part(head, "last").load_state_dict(network.get_submodule("last").state_dict())
    with torch.no_grad():
        expected = part(head, "fc")(network(clips))
        torch.testing.assert_close(head(*maps).logits, expected, rtol=5e-3, atol=5e-3)  # maps are float16
    assert float(part(head, "fc").weight.detach().std()) == pytest.approx(0.01, rel=0.1)  # type: ignore[operator, union-attr]


def test_the_interactions_lateral_connection_is_an_option_of_the_head() -> None:
    sparse, dense = torch.zeros(2, 16, 2, 1, 1), torch.zeros(2, 4, 8, 1, 1)
    widths = {
        lateral: head_for("interaction", 3, shapes(sparse, dense), {"lateral": lateral})(
            sparse, dense
        ).logits.shape
        for lateral in get_args(Lateral)
    }
    assert set(widths.values()) == {(2, 3)}
    with pytest.raises(
        ModelParamError, match=r"multiple of its frames, got \(4, 7, 1, 1\) beside \(16, 2, 1, 1\)"
    ):
        head_for("interaction", 3, shapes(sparse, dense[:, :, :7]), {})


def graph(options: Mapping[str, Any]) -> Backbone:
    return STGCN(CHAIN, 5, **{**SMALL, **options})


def test_the_last_block_head_goes_on_where_the_network_was_cut() -> None:
    torch.manual_seed(0)
    network, joints = graph({}), torch.randn(2, 3, 8, 5, 2)
    rows = stored(network, joints, "last_block", "joints")
    torch.testing.assert_close(rows[1], joints)
    head = head_for("last_block", 3, [Source(tuple(x.shape[1:]), graph) for x in rows], {}).eval()
    assert isinstance(network, STGCN)
    part(head, "block.block").load_state_dict(network.blocks[-1].state_dict())
    with torch.no_grad():
        torch.testing.assert_close(
            head(*rows).logits, part(head, "fc")(network(joints)), rtol=5e-3, atol=5e-3
        )


def test_sf_heads_losses_leave_out_people_without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    joints = torch.randn(2, 3, 8, 5, 2)
    joints[1, ..., 1] = 0
    rows = stored(graph({}), joints, "last_block", "joints")
    sources = [Source(tuple(x.shape[1:]), graph) for x in rows]
    head = head_for("last_block", 3, sources, {"sf_head": 2}).train()
    seen: list[Tensor] = []
    begin = type(part(head, "block")).start_losses  # type: ignore[attr-defined]
    monkeypatch.setattr(
        type(part(head, "block")),
        "start_losses",
        lambda self, present: seen.append(present) or begin(self, present),
    )
    output = head(*rows)
    assert seen[0].tolist() == [[True, True], [True, False]]
    plain = nn.functional.cross_entropy(output.logits, LABELS)
    extra = head.loss(output, LABELS) - plain
    torch.testing.assert_close(extra, part(head, "block").extra_loss())  # type: ignore[operator]
    assert float(extra.detach()) != 0
    bare = head_for("last_block", 3, sources, {}).train()
    predicted = bare(*rows)
    torch.testing.assert_close(
        bare.loss(predicted, LABELS), nn.functional.cross_entropy(predicted.logits, LABELS)
    )


def test_a_network_without_a_last_block_is_refused() -> None:
    def dinet(_: Mapping[str, Any]) -> Backbone:
        return DINetR(CHAIN, 5, parts=((0, 1, 2), (3, 4)))

    with pytest.raises(ModelParamError, match="DINetR has no last block; CTR-GCN, AAGCN and ST-GCN have one"):
        head_for("last_block", 3, [Source((2, 4, 4, 5), dinet)] * 2, {})


def dinet(options: Mapping[str, Any]) -> Backbone:
    return build_backbone({"kind": "dinet_r", **options}, shape=(3, 4, 25, 2), edges=NTU_25.bones)


@pytest.mark.parametrize("skeleton", ["trained", "frozen"])
def test_the_cssi_head_is_the_model_behind_its_resnet(skeleton: str) -> None:
    torch.manual_seed(0)
    of_joints, of_frames = dinet({}), FrameResNet(network="mobilenet_v2")
    model = CSSIModel(3, skeleton=of_joints, video=of_frames, head=LSTMHead, dim=16).eval()
    joints, clips = torch.randn(2, 3, 4, 25, 2), torch.randn(2, 3, 4, 32, 32)
    (segments,) = stored(of_frames, clips, "segments")
    first = joints if skeleton == "trained" else stored(of_joints, joints, "segments")[0]
    sources = [Source(tuple(first.shape[1:]), dinet), *shapes(segments)]
    head = head_for("cssi", 3, sources, {"skeleton": skeleton, "reasoning": "lstm", "dim": 16}).eval()
    for name in ("fusion", "head", *(("streams.skeleton",) if skeleton == "trained" else ())):
        part(head, f"model.{name}").load_state_dict(model.get_submodule(name).state_dict())
    with torch.no_grad():
        torch.testing.assert_close(head(first, segments).logits, model(joints, clips), rtol=5e-3, atol=5e-3)
    trained = {name.split(".")[1] for name, _ in head.named_parameters()}
    assert trained == {"fusion", "head", *(("streams",) if skeleton == "trained" else ())}


def test_what_cssi_takes_follows_from_its_options() -> None:
    def takes(**options: Any) -> list[str]:
        return [f"{one.stream} {one.cut} {one.kind}" for one in head_inputs("cssi", options)]

    assert takes() == ["skeleton joints joints", "video segments frames"]
    assert takes(skeleton="frozen") == ["skeleton segments frames", "video segments frames"]
    assert takes(video="none") == ["skeleton joints joints"]
    assert takes(skeleton="none") == ["video segments frames"]
    with pytest.raises(ModelParamError, match="both 'none'"):
        takes(skeleton="none", video="none")
    with pytest.raises(ModelParamError, match="got 'froze' and 'frozen'"):
        takes(skeleton="froze")


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("interaction", ((2, 16, 2, 1, 1), (2, 4, 6, 1, 1)), r"dense_map must be \(2, 4, 8, 1, 1\)"),
        ("epam", ((2, 6, 4, 2, 2), (2, 3), (2, 2, 3, 2, 2)), "must agree in clips, frames and places"),
    ],
)
def test_rows_of_other_shapes_are_refused(
    kind: str, given: tuple[tuple[int, ...], ...], message: str
) -> None:
    whole = {"interaction": ((16, 2, 1, 1), (4, 8, 1, 1)), "epam": ((6, 4, 2, 2), (3,), (2, 4, 2, 2))}[kind]
    head = head_for(kind, 3, [Source(shape) for shape in whole], {})
    with pytest.raises(ShapeError, match=message):
        head(*(torch.zeros(shape) for shape in given))


def test_epam_smooths_labels_of_both_streams() -> None:
    head = head_for("epam", 3, [Source((6, 4, 2, 2)), Source((3,)), Source((2, 4, 2, 2))], {}).eval()
    output = head(torch.rand(2, 6, 4, 2, 2), torch.rand(2, 3), torch.rand(2, 2, 4, 2, 2))
    assert isinstance(output, HeadOutput)
    head.label_smoothing = 0.3
    expected = sum(
        nn.functional.cross_entropy(getattr(output, name), LABELS, label_smoothing=0.3)
        for name in ("rgb", "pose")
    )
    torch.testing.assert_close(head.loss(output, LABELS), expected)


def test_maps_that_do_not_share_a_grid_are_refused() -> None:
    sources = [Source((6, 4, 2, 2)), Source((3,)), Source((2, 4, 3, 3))]
    with pytest.raises(
        ModelParamError, match=r"places are \(4, 2, 2\), those that the attention .* \(4, 3, 3\)"
    ):
        head_for("epam", 3, sources, {})


def test_every_input_has_a_kind_of_known_axes() -> None:
    for kind in ("epam", "interaction", "last_block", "cssi", "linear", "classifier", "amfi"):
        assert {one.kind for one in head_inputs(kind, {})} <= KIND_DIMS.keys()
        assert "num_classes" in decided_by_data(kind)


def test_a_networks_own_classifier_has_nothing_to_learn() -> None:
    head, logits = head_for("classifier", 3, [Source((3,))], {}), torch.rand(2, 3)
    assert torch.equal(head(logits).logits, logits)
    assert (list(head.parameters()), is_trained("classifier"), is_trained("linear")) == ([], False, True)
    with pytest.raises(ModelParamError, match="logits are of 4 classes, and there are 3"):
        head_for("classifier", 3, [Source((4,))], {})
    with pytest.raises(ShapeError, match="logits must be"):
        head(torch.rand(2, 4))
