"""Heads on a T × d matrix: PVRM and its rivals, with SPEC 1.4's sizes, costs and shapes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.cssi.pvrm import PVRM, Conv3dHead, LSTMHead, MatrixHead, extrema, least_side
from models.errors import ModelParamError, ShapeError
from models.figures.counting import count, num_parameters
from models.training.seeding import seeded

HEADS: dict[str, Callable[[int, int], MatrixHead]] = {
    "pvrm": partial(PVRM, widths=(4, 8, 8)),
    "pvrm_stride_1": partial(PVRM, widths=(4, 8, 8), stride=1),
    "pvrm_extrema": partial(PVRM, widths=(4, 8, 8), extremum_channels=True),
    "lstm": partial(LSTMHead, hidden=16),
    "conv3d": partial(Conv3dHead, widths=(4, 8, 8)),
}


def small(name: str) -> MatrixHead:
    """36 numbers a segment, 5 classes."""
    with seeded(0, name):
        return HEADS[name](5, 36)


def matrices(num_clips: int = 2) -> Tensor:
    return torch.randn(num_clips, 40, 36, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize(
    ("make", "parameters", "macs"),
    [
        (PVRM, 926_844, 672_333_504),
        (partial(PVRM, stride=1), 926_844, 27_183_137_024),
        (partial(PVRM, widths=(64, 128, 256)), 3_682_492, 2_648_298_880),
        (partial(PVRM, extremum_channels=True), 926_844 + 2 * 32 * (9 + 25 + 49), None),
        (LSTMHead, 541_756, 128 * 4 * 256 * 512 + 256 * 60),
        (Conv3dHead, 285_532, None),
    ],
)
def test_sizes_and_costs_are_the_specs(make: Any, parameters: int, macs: int | None) -> None:
    """SPEC 1.4: 0.927 M and 0.672 GMAC; 27.2 GMAC at stride 1; 3.68 M and 2.65 GMAC wide; LSTM 0.542 M."""
    with torch.device("meta"):
        head = make(60, 256)
    assert num_parameters(head) == parameters
    assert macs is None or count(head, (1, 128, 256)).macs == macs


def test_maps_shrink_as_the_spec_says() -> None:
    with torch.device("meta"):
        x, sizes = torch.empty(1, 1, 128, 256), []
        for block in PVRM(60).blocks:
            x = block(x)
            sizes.append(tuple(x.shape[1:]))
    assert sizes == [(32, 63, 127), (64, 31, 63), (128, 15, 31)]


def test_a_block_sums_three_scales_drawn_to_the_finest() -> None:
    head = small("pvrm").eval()
    assert isinstance(head, PVRM)
    block, image = head.blocks[0], matrices()[:, None]
    with torch.no_grad():
        scales, align = block.get_submodule("scales"), block.get_submodule("align")
        maps = [scale(image) for scale in scales.children()]
        assert [tuple(m.shape[2:]) for m in maps] == [(19, 17), (18, 16), (17, 15)]
        drawn = [F.interpolate(m, size=(19, 17), mode="bilinear") for m in maps]
        expected = sum(one(m) for one, m in zip(align.children(), drawn, strict=True))
        torch.testing.assert_close(block(image), expected, rtol=1e-5, atol=1e-6)


def test_extrema_by_hand() -> None:
    """A row of time: 5 is highest and 0 lowest within two steps either way, as are the ends of their windows."""
    over_time = torch.tensor([1.0, 2, 5, 3, 1, 0, 1, 2]).view(1, 8, 1)
    itself, peaks, valleys = extrema(over_time)[0, :, :, 0].tolist()
    assert itself == [1, 2, 5, 3, 1, 0, 1, 2]
    assert peaks == [0, 0, 5, 0, 0, 0, 0, 2]
    assert valleys == [1, 0, 0, 0, 0, 0, 0, 0]


def test_a_frame_shown_twice_makes_no_peak_of_its_own() -> None:
    """Rising, each frame twice: only the top counts."""
    over_time = torch.tensor([1.0, 1, 2, 2, 3, 3, 2, 2, 1, 1]).view(1, 10, 1)
    _, peaks, _ = extrema(over_time)[0, :, :, 0].tolist()
    assert peaks == [0, 0, 0, 0, 3, 3, 0, 0, 0, 0]


def test_the_3d_rival_sees_each_segment_as_a_picture() -> None:
    head = small("conv3d").eval()
    seen: list[Tensor] = []
    head.get_submodule("layers").register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    matrix = matrices()
    with torch.no_grad():
        head(matrix)
    assert seen[0].shape == (2, 1, 40, 6, 6)
    assert torch.equal(seen[0][1, 0, 3, 2], matrix[1, 3, 12:18])


def test_the_lstm_reads_the_last_step() -> None:
    head = small("lstm").eval()
    assert isinstance(head, LSTMHead)
    with torch.no_grad():
        _, (state, _) = head.lstm(matrices())
        torch.testing.assert_close(head(matrices()), head.fc(state[0]))


@pytest.mark.parametrize("name", sorted(HEADS))
def test_gradients_reach_every_parameter(name: str) -> None:
    head = small(name).train()
    F.cross_entropy(head(matrices(4)), torch.arange(4)).backward()
    still = [n for n, p in head.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


@pytest.mark.parametrize(("kind", "tolerance"), [(torch.bfloat16, 0.05), (torch.float16, 0.01)])
@pytest.mark.parametrize("name", sorted(HEADS))
def test_low_precision_stays_near(name: str, kind: torch.dtype, tolerance: float) -> None:
    """Of the largest logit: 5 % in bfloat16, 1 % in half precision."""
    head, matrix = small(name).eval(), matrices().to(kind)
    with torch.no_grad():
        exact = head(matrix.float())
        rough = head.to(kind)(matrix).float()
    assert (rough - exact).abs().max() <= tolerance * exact.abs().max()


def test_the_least_side_by_hand() -> None:
    assert least_side(2, 3) == 31
    assert least_side(1, 3) == 11
    assert PVRM(5, 31)(torch.randn(2, 31, 31)).shape == (2, 5)


@pytest.mark.parametrize(
    ("name", "shape", "kind", "message"),
    [
        ("pvrm", (2, 30, 36), torch.float32, r"\(B, T ≥ 31, 36\).*got \(2, 30, 36\)"),
        ("pvrm_stride_1", (2, 10, 36), torch.float32, r"T ≥ 11"),
        ("lstm", (2, 40, 35), torch.float32, r"got \(2, 40, 35\)"),
        ("conv3d", (0, 40, 36), torch.float32, "B of 1 or more"),
        ("lstm", (2, 40, 36), torch.int64, "of floats.*of int64"),
        ("conv3d", (2, 36), torch.float32, r"got \(2, 36\)"),
    ],
)
def test_wrong_matrices_are_refused(
    name: str, shape: tuple[int, ...], kind: torch.dtype, message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        small(name)(torch.zeros(shape, dtype=kind))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(PVRM, 1), "num_classes must be 2 or more"),
        (partial(PVRM, 5, 30), "dim must be 31 or more at stride 2, got 30"),
        (partial(PVRM, 5, stride=0), "stride must be 1 or more"),
        (partial(PVRM, 5, widths=()), "widths and stride"),
        (partial(LSTMHead, 5, hidden=0), "hidden must be 1 or more"),
        (partial(Conv3dHead, 5, 200), "square number"),
        (partial(Conv3dHead, 5, widths=(4, 0)), "widths must be 1 or more"),
    ],
)
def test_options_that_cannot_be_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        make()
