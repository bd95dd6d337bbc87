"""Zero-DCE against the official code's numbers; its losses by hand; that it learns to brighten."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from fill import digest, fill, ramp
from torch import Tensor

from models.errors import CheckpointError, FitError, ModelParamError, ShapeError
from models.figures.counting import num_parameters
from models.files import torch_bytes
from models.night.zerodce import ZeroDCE, apply_curves, enhance_frames, load_zero_dce
from models.night.zerodce_fit import EnhancerPlan, fit_zero_dce
from models.night.zerodce_losses import (
    LossWeights,
    colour_constancy,
    exposure_control,
    illumination_smoothness,
    spatial_consistency,
    zero_dce_loss,
)

ENHANCED = {
    "first": [0.490493, 0.495825, 0.500252, 0.506752, 0.513287, 0.519845],
    "sum": 1571.61881,
    "abs_sum": 1571.61881,
    "dot_cos": 144.88907,
}
"""The official network, filled by rule, on 0.5 + 0.5 · ramp(1, 3, 32, 32): the spec's golden.json."""


def dark_images(count: int) -> Tensor:
    """(count, 3, 16, 16) around 0.1, each another."""
    waves = torch.sin(torch.linspace(0, 40, count * 3 * 16 * 16)).reshape(count, 3, 16, 16)
    return 0.1 + 0.05 * waves


def test_zero_dce_has_its_published_size() -> None:
    assert num_parameters(ZeroDCE()) == 79_416


def test_zero_dce_equals_the_official_network() -> None:
    with torch.no_grad():
        found = digest(fill(ZeroDCE()).enhance(0.5 + 0.5 * ramp(1, 3, 32, 32)))
    for name, expected in ENHANCED.items():
        assert found[name] == pytest.approx(expected, rel=1e-4), name


def test_a_curve_by_hand() -> None:
    """One strength of -1, seven of 0: x + (x - x²)."""
    images = torch.tensor([0.0, 0.5, 1.0]).expand(1, 3, 1, 3)
    curves = torch.zeros(1, 24, 1, 3)
    curves[:, :3] = -1
    assert apply_curves(images, curves)[0, 0, 0].tolist() == [0.0, 0.75, 1.0]


def test_every_parameter_of_zero_dce_learns() -> None:
    network, images = fill(ZeroDCE()).train(), dark_images(2)
    curves = network(images)
    zero_dce_loss(images, apply_curves(images, curves), curves, LossWeights()).backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_illumination_smoothness_by_hand() -> None:
    """Columns 0, 1, 3 in one of two rows' worth of channels: steps² 1 + 4 in each of 2 rows, 4 steps a channel."""
    curves = torch.tensor([0.0, 1.0, 3.0]).expand(1, 1, 2, 3)
    assert illumination_smoothness(curves).item() == pytest.approx(2 * (0 + 10 / 4))
    assert illumination_smoothness(curves.expand(1, 2, 2, 3)).item() == pytest.approx(2 * 20 / 4)
    assert illumination_smoothness(curves.expand(5, 1, 2, 3)).item() == pytest.approx(2 * 10 / 4)


def test_spatial_consistency_by_hand() -> None:
    """Two regions side by side; the right one brightens by 0.5: its 4 contrasts move, and 1 of its neighbour's."""
    images = torch.full((1, 3, 4, 8), 0.25)
    enhanced = images.clone()
    enhanced[..., 4:] += 0.5
    assert spatial_consistency(images, enhanced).item() == pytest.approx((4 * 0.25 + 0.25) / 2)
    assert spatial_consistency(images, images).item() == 0


def test_colour_constancy_by_hand_and_at_grey() -> None:
    image = torch.tensor([0.5, 0.4, 0.2]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    expected = (0.1**4 + 0.3**4 + 0.2**4) ** 0.5
    assert colour_constancy(image).item() == pytest.approx(expected)
    grey = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    colour_constancy(grey).backward()
    assert grey.grad is not None
    assert grey.grad.tolist() == torch.zeros(1, 3, 4, 4).tolist()


def test_exposure_control_by_hand() -> None:
    """Two patches, of brightness 0.6 and 0.2."""
    image = torch.full((1, 3, 16, 32), 0.6)
    image[..., 16:] = 0.2
    assert exposure_control(image).item() == pytest.approx(0.08, rel=1e-5)
    assert exposure_control(image, well_lit=0.2).item() == pytest.approx(0.08, rel=1e-5)
    assert exposure_control(image, patch=8, well_lit=0.6).item() == pytest.approx(0.08, rel=1e-5)


def brightening() -> tuple[ZeroDCE, tuple[float, ...]]:
    def data(_epoch: int) -> Iterator[Tensor]:
        yield dark_images(2)

    return fit_zero_dce(data, EnhancerPlan(epochs=12, lr=1e-2))


def test_it_learns_to_brighten_without_reference_and_the_same_twice() -> None:
    network, history = brightening()
    again, same = brightening()
    assert history == same
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    assert history[-1] < 0.5 * history[0]
    assert not network.training
    with torch.no_grad():
        images = dark_images(1)
        assert network.enhance(images).mean() > 2 * images.mean()


def test_a_loss_that_is_no_number_stops_training() -> None:
    def broken(_epoch: int) -> Iterator[Tensor]:
        yield torch.full((1, 3, 16, 16), torch.nan)

    with pytest.raises(FitError, match="epoch 0 came to 1 batches with losses"):
        fit_zero_dce(broken, EnhancerPlan(epochs=1))
    with pytest.raises(FitError, match="epoch 0 came to 0 batches"):
        fit_zero_dce(lambda _: iter(()), EnhancerPlan(epochs=1))


def frames_of_two_lights() -> Tensor:
    """(1, 3, 8, 8, 3) uint8: frames of 40, 60 and 200."""
    return torch.tensor([40, 60, 200], dtype=torch.uint8).view(1, 3, 1, 1, 1).expand(1, 3, 8, 8, 3)


def test_frames_of_a_clip_share_their_curves_or_not() -> None:
    network, frames = fill(ZeroDCE()), frames_of_two_lights()
    with torch.no_grad():
        mean = torch.full((1, 3, 8, 8), 100 / 255)
        curves = network(mean)
        images = frames[0].permute(0, 3, 1, 2) / 255
        shared = apply_curves(images, curves).permute(0, 2, 3, 1)
        own = network.enhance(images).permute(0, 2, 3, 1)
    for share, expected in (("clip_mean", shared), ("frame", own)):
        found = enhance_frames(network, frames, share_curves=share)  # type: ignore[arg-type]
        assert found.dtype == torch.uint8
        assert (found[0].float() - 255 * expected.clamp(0, 1)).abs().max() <= 0.51
    assert not torch.equal(
        enhance_frames(network, frames), enhance_frames(network, frames, share_curves="frame")
    )


def test_each_view_is_a_clip_of_its_own() -> None:
    network, frames = fill(ZeroDCE()), frames_of_two_lights()
    both = torch.cat([frames, frames.flip(1) // 2])
    assert torch.equal(enhance_frames(network, both)[:1], enhance_frames(network, frames))
    assert torch.equal(enhance_frames(network, both)[1:], enhance_frames(network, both[1:]))


def test_one_frame_alone_has_the_curves_of_its_clip() -> None:
    network, frame = fill(ZeroDCE()), frames_of_two_lights()[:, 1:2]
    assert torch.equal(enhance_frames(network, frame), enhance_frames(network, frame, share_curves="frame"))


def test_half_precision_stays_near() -> None:
    """Within 0.02 of an image in [0, 1], five grey values of 255."""
    network, images = fill(ZeroDCE()), 0.5 + 0.5 * ramp(1, 3, 32, 32)
    with torch.no_grad():
        exact = network.enhance(images)
        for kind in (torch.bfloat16, torch.float16):
            with torch.autocast("cpu", dtype=kind):
                assert (network.enhance(images).float() - exact).abs().max() < 0.02


def test_what_cannot_be_enhanced_is_refused() -> None:
    network = ZeroDCE(width=4)
    with pytest.raises(ShapeError, match=r"images must be \(N, 3, H ≥ 1, W ≥ 1\).*got \(1, 1, 8, 8\)"):
        network(torch.zeros(1, 1, 8, 8))
    with pytest.raises(ShapeError, match=r"\(A, T, H, W, 3\) of uint8.*got \(1, 2, 8, 8, 1\) of uint8"):
        enhance_frames(network, torch.zeros(1, 2, 8, 8, 1, dtype=torch.uint8))
    with pytest.raises(ShapeError, match=r"got \(1, 2, 8, 8, 3\) of float32"):
        enhance_frames(network, torch.zeros(1, 2, 8, 8, 3))
    with pytest.raises(ModelParamError, match=r"clip_mean.*frame.*got 'clip'"):
        enhance_frames(network, frames_of_two_lights(), share_curves="clip")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"images must be 16 pixels or more each way, got \(1, 3, 8, 8\)"):
        zero_dce_loss(*3 * [torch.zeros(1, 3, 8, 8)], LossWeights())
    with pytest.raises(ModelParamError, match="grad_clip must be above 0"):
        EnhancerPlan(grad_clip=0)


def test_weights_come_back_only_as_what_they_are(tmp_path: Path) -> None:
    network, path = fill(ZeroDCE()), tmp_path / "night.pt"
    path.write_bytes(torch_bytes(network.state_dict()))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    loaded = load_zero_dce(path, sha256=sha256)
    assert not loaded.training
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), loaded.parameters(), strict=True))
    with pytest.raises(CheckpointError, match=f"has sha256 {sha256}, expected {'0' * 64}"):
        load_zero_dce(path, sha256="0" * 64)
    with pytest.raises(CheckpointError, match="cannot be read: No such file"):
        load_zero_dce(tmp_path / "none.pt", sha256=sha256)
    path.write_bytes(torch_bytes(ZeroDCE(width=4).state_dict()))
    with pytest.raises(
        CheckpointError, match=r"does not hold Zero-DCE's weights: e_conv1.bias is \(4,\), expected \(32,\)"
    ):
        load_zero_dce(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
