"""CSSIModel as a whole: fusion, ablation rows, training on cached frames, sizes against the paper's (SPEC 1)."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.cssi.dinet import DINetR
from models.cssi.network import MATRIX, CachedFrames, CSSIModel, SegmentFusion
from models.cssi.pvrm import PVRM, Conv3dHead, LSTMHead
from models.cssi.resnet import FrameResNet
from models.cuts import Backbone
from models.errors import ModelParamError, ShapeError
from models.figures.counting import count, num_parameters
from models.inference import embed_views
from models.training.fit import fit
from models.training.plan import Amp, FitPlan
from models.training.seeding import seeded
from pipeline.inputs.draw import Draw
from pipeline.skeleton.layouts import NTU_25

CHAIN = ((1, 0), (2, 1))
"""Three joints in a row."""

SEGMENTS = 31
"""The fewest that PVRM takes."""


def skeleton() -> DINetR:
    return DINetR(CHAIN, 3)


def video(**options: object) -> FrameResNet:
    return FrameResNet(network="mobilenet_v2", **options)  # type: ignore[arg-type]


def joints(num_clips: int = 2) -> Tensor:
    return torch.randn(num_clips, 3, SEGMENTS, 3, 2, generator=torch.Generator().manual_seed(1))


def frames(num_clips: int = 2) -> Tensor:
    return torch.randn(num_clips, 3, SEGMENTS, 32, 32, generator=torch.Generator().manual_seed(2))


def test_sizes_beside_the_papers() -> None:
    """SPEC 1.7: all but ResNet-18 is the paper's 9.1 M; 15.2 M (its Table 3) is no sum of the printed parts."""
    with torch.device("meta"):
        whole = CSSIModel(60, skeleton=DINetR(NTU_25.bones, 25), video=FrameResNet())
    trunk = num_parameters(whole.streams["video"])
    assert (num_parameters(whole.fusion), trunk) == (658_176, 11_176_512)
    assert num_parameters(whole) - trunk == 9_068_860
    assert num_parameters(whole) == 20_245_372
    assert trunk + 3200 * 2048 + 2048 > 15.2e6


def test_costs_beside_the_papers() -> None:
    """SPEC 1.7: the paper's 2.5 GFLOPs are near one frame's ResNet-18 plus PVRM; a clip costs 235 G."""
    with torch.device("meta"):
        whole = CSSIModel(60, skeleton=DINetR(NTU_25.bones, 25), video=FrameResNet())
    one_frame = count(whole.streams["video"], (1, 3, 1, 224, 224)).macs
    head = count(whole.head, (1, 128, 256)).macs
    assert one_frame + head == pytest.approx(2.49e9, rel=2e-3)
    assert count(whole, (1, 3, 128, 25, 2), (1, 3, 128, 224, 224)).macs == pytest.approx(234.9e9, rel=1e-3)


def test_fusion_is_batch_norm_and_two_layers_on_each_segment() -> None:
    fusion = SegmentFusion(6, 4).train()
    given = torch.randn(3, 5, 6)
    norm = nn.BatchNorm1d(6)
    flat = given.reshape(15, 6)
    with torch.no_grad():
        expected = fusion.mlp(norm(flat)).reshape(3, 5, 4)
        torch.testing.assert_close(fusion(given), expected)


def test_the_matrix_is_skeleton_then_video() -> None:
    with seeded(0, "model"):
        model = CSSIModel(4, skeleton=skeleton(), video=video(corrected_fc=True)).eval()
    with torch.no_grad():
        parts = [
            model.streams["skeleton"].at(joints(), ("segments",))["segments"],
            model.streams["video"].at(frames(), ("segments",))["segments"],
        ]
        found = model.matrix(joints(), frames())
        torch.testing.assert_close(found, model.fusion(torch.cat(parts, dim=2)))
        torch.testing.assert_close(model(joints(), frames()), model.head(found))
    assert found.shape == (2, SEGMENTS, 256)
    assert MATRIX.num_bytes((128, 256)) == 65_536


@pytest.mark.parametrize("head", ["pvrm", "lstm", "conv3d"])
def test_one_stream_alone_makes_the_ablation_rows(head: str) -> None:
    made = {"pvrm": {}, "lstm": {"head": LSTMHead}, "conv3d": {"head": Conv3dHead}}[head]
    for stream, given in (({"skeleton": skeleton()}, joints()), ({"video": video()}, frames())):
        model = CSSIModel(4, **stream, **made).eval()  # type: ignore[arg-type]
        with torch.no_grad():
            assert model(given).shape == (2, 4)


def test_gradients_reach_every_parameter() -> None:
    with seeded(0, "model"):
        model = CSSIModel(3, skeleton=skeleton(), video=video(corrected_fc=True, frozen="none")).train()
    F.cross_entropy(model(joints(3), frames(3)), torch.arange(3)).backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_with_resnet_frozen_all_else_learns() -> None:
    """SPEC 1.5, our default: of the trunk nothing learns."""
    with seeded(0, "model"):
        model = CSSIModel(3, skeleton=skeleton(), video=video(corrected_fc=True)).train()
    F.cross_entropy(model(joints(3), frames(3)), torch.arange(3)).backward()
    still = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert still == {name for name, _ in model.named_parameters() if name.startswith("streams.video.trunk.")}


def test_cached_frames_give_the_same_logits_as_the_frames_themselves() -> None:
    """Features of every frame in float16, segments drawn afterwards: the same as drawing frames, then ResNet."""
    network = video().eval()
    whole = np.random.default_rng(0).normal(size=(1, 3, 12, 32, 32)).astype(np.float32)
    cached = embed_views(network, ("frames",), [torch.from_numpy(whole)], batch_size=1)["frames"][
        :, 0
    ].numpy()
    draw = Draw(3, 0, 0)
    chosen, pixels = draw.segments(cached, SEGMENTS, axis=1), draw.segments(whole, SEGMENTS, axis=2)
    with seeded(0, "model"):
        ends = CSSIModel(4, video=network).eval()
        cut = CSSIModel(4, video=CachedFrames(1280)).eval()
    cut.load_state_dict({n: v for n, v in ends.state_dict().items() if not n.startswith("streams.")})
    with torch.no_grad():
        expected = ends(torch.from_numpy(pixels))
        found = cut(torch.from_numpy(chosen))
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=2e-3)


def test_the_corrected_fc_is_trained_on_cached_frames() -> None:
    model = CSSIModel(
        3, skeleton=skeleton(), video=CachedFrames(16, corrected_fc=True), head=LSTMHead
    ).train()
    half = torch.randn(3, SEGMENTS, 16).half()
    F.cross_entropy(model(joints(3), half), torch.arange(3)).backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


@pytest.mark.parametrize("amp", ["off", "bf16"])
def test_it_learns_with_the_papers_optimiser(amp: Amp) -> None:
    """Adam 0.005, weight decay 0.001 (section 4.1), on cached frames of three kinds and joints of none."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(12) % 3
    given = torch.randn(12, SEGMENTS, 16, generator=generator) + 2 * F.one_hot(labels, 16)[:, None]
    with seeded(0, "model"):
        head = partial(PVRM, widths=(4, 8, 8))
        model = CSSIModel(3, skeleton=skeleton(), video=CachedFrames(16), head=head, dim=36)
    plan = FitPlan(epochs=6, lr=0.005, optimiser="adam", weight_decay=0.001, amp=amp)
    result = fit(model, lambda _: iter([((joints(12), given), labels)]), plan)
    assert result.history[-1].train_loss < 0.5 * result.history[0].train_loss


@pytest.mark.parametrize(("kind", "tolerance"), [(torch.bfloat16, 0.05), (torch.float16, 0.02)])
def test_low_precision_stays_near(kind: torch.dtype, tolerance: float) -> None:
    """Of the largest number of the matrix: 5 % in bfloat16, 2 % in half precision."""
    with seeded(0, "model"):
        model = CSSIModel(4, skeleton=skeleton(), video=video()).eval()
    skeletons, clips = joints().to(kind), frames().to(kind)
    with torch.no_grad():
        exact = model.matrix(skeletons.float(), clips.float())
        rough = model.to(kind).matrix(skeletons, clips).float()
    assert (rough - exact).abs().max() <= tolerance * exact.abs().max()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ModelParamError, match="got neither"):
        CSSIModel(4)
    with pytest.raises(ModelParamError, match="width must be 1 or more"):
        CachedFrames(0)


@pytest.mark.parametrize(
    ("stream", "given", "message"),
    [
        (CachedFrames(16), torch.zeros(2, 40, 15), r"frames must be \(B, T ≥ 1, 16\).*got \(2, 40, 15\)"),
        (CachedFrames(16), torch.zeros(0, 40, 16), "B of 1 or more"),
        (CachedFrames(16), torch.zeros(2, 40, 16, dtype=torch.int32), "of int32"),
        (CachedFrames(16), torch.zeros(2, 30, 16), r"matrix must be \(B, T ≥ 31, 256\)"),
    ],
)
def test_wrong_input_is_refused(stream: Backbone, given: Tensor, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        CSSIModel(4, video=stream).eval()(given)


def test_streams_must_show_the_same_segments() -> None:
    model = CSSIModel(4, skeleton=skeleton(), video=CachedFrames(16)).eval()
    with pytest.raises(ShapeError, match=r"same clips and segments.*\(2, 31\), \(2, 40\)"):
        model(joints(), torch.zeros(2, 40, 16))
    with pytest.raises(ShapeError, match=r"one input for each of \['skeleton', 'video'\], got 1"):
        model(joints())
