"""Zero-DCE: a night image is lit by curves that a small network estimates from it (Guo et al., CVPR 2020).

The paper's MDIFE-Net has no public definition; Zero-DCE is of the family that it names, curve estimation
(SPEC 4.4). Tensor names are the official code's, so that its files of weights fit. N images, T frames,
H × W pixels.
"""

from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input
from models.errors import CheckpointError, ModelParamError, ShapeError
from models.files import read_torch, weights_content

NUM_CURVES = 8
"""Number of times the curve is applied, each with its own strengths."""

ShareCurves = Literal["clip_mean", "frame"]
"""`clip_mean`: one set of curves a clip, estimated on the mean of its frames, which avoids flicker.

`frame`: separate curves for every frame, as for single images.
"""


class ZeroDCE(nn.Module):
    """(N, 3, H, W) in [0, 1] → (N, 24, H, W) strengths in (-1, 1): 8 curves for each pixel and colour."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        if width < 1:
            raise ModelParamError(f"width must be 1 or more, got {width}")
        self.e_conv1 = _conv(3, width)
        self.e_conv2 = _conv(width, width)
        self.e_conv3 = _conv(width, width)
        self.e_conv4 = _conv(width, width)
        self.e_conv5 = _conv(2 * width, width)
        self.e_conv6 = _conv(2 * width, width)
        self.e_conv7 = _conv(2 * width, 3 * NUM_CURVES)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, 24, H, W) by seven 3×3 convolutions; the last three also see the first three's output."""
        check_input("images", images, ("N", "C=3", ("H", 1), ("W", 1)))
        x1 = F.relu(self.e_conv1(images))
        x2 = F.relu(self.e_conv2(x1))
        x3 = F.relu(self.e_conv3(x2))
        x4 = F.relu(self.e_conv4(x3))
        x5 = F.relu(self.e_conv5(torch.cat([x3, x4], dim=1)))
        x6 = F.relu(self.e_conv6(torch.cat([x2, x5], dim=1)))
        return torch.tanh(self.e_conv7(torch.cat([x1, x6], dim=1)))

    def enhance(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] → the same shape, brightened by its own curves."""
        return apply_curves(images, self(images))


def _conv(in_channels: int, channels: int) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, channels, 3, padding=1)
    nn.init.normal_(conv.weight, std=0.02)
    return conv


def apply_curves(images: Tensor, curves: Tensor) -> Tensor:
    """Apply LE(x) = x + a (x² - x), once for each of the 8 strengths a; a below 0 brightens.

    `curves` is (N, 24, H, W), or (1, 24, H, W) for all images. 0 and 1 are fixed points; x = 0.5 and a = -1
    give 0.75.
    """
    for strength in curves.chunk(NUM_CURVES, dim=1):
        images = images + strength * (images.square() - images)
    return images


@torch.inference_mode()
def enhance_frames(network: ZeroDCE, frames: Tensor, *, share_curves: ShareCurves = "clip_mean") -> Tensor:
    """Brighten (A, T, H, W, 3) uint8 frames of A views; each view is a clip with its own curves.

    Frames are computed one at a time, so that memory stays flat and a frame does not depend on how many
    there are.
    """
    if share_curves not in get_args(ShareCurves):
        raise ModelParamError(
            f"share_curves must be one of {list(get_args(ShareCurves))}, got {share_curves!r}"
        )
    if frames.dtype != torch.uint8 or frames.ndim != 5 or frames.shape[4] != 3 or not frames.numel():
        kind = str(frames.dtype).removeprefix("torch.")
        raise ShapeError(
            f"frames must be (A, T, H, W, 3) of uint8, none of them 0, got {tuple(frames.shape)} of {kind}"
        )
    return torch.stack([_lit_view(network, view, share_curves) for view in frames])


def _lit_view(network: ZeroDCE, frames: Tensor, share_curves: ShareCurves) -> Tensor:
    """(T, H, W, 3) uint8 → the same."""
    shared = None
    if share_curves == "clip_mean":
        mean = frames.to(torch.float32).mean(dim=0, keepdim=True)
        shared = network(mean.permute(0, 3, 1, 2).contiguous() / 255)
    return torch.stack([_lit(network, frame, shared) for frame in frames])


def _lit(network: ZeroDCE, frame: Tensor, curves: Tensor | None) -> Tensor:
    """(H, W, 3) uint8 → the same."""
    image = frame.permute(2, 0, 1).unsqueeze(0).contiguous() / 255
    lit = apply_curves(image, network(image) if curves is None else curves)
    return lit.squeeze(0).permute(1, 2, 0).mul(255).round().clamp(0, 255).to(torch.uint8)


def load_zero_dce(path: Path, *, sha256: str) -> ZeroDCE:
    """Read the network, in eval mode, from a plain state dict: ours, or the official code's.

    Raises CheckpointError where the file's digest is another, or its tensors are not those of this network.
    """
    content, _ = weights_content(path, sha256)
    network, state = ZeroDCE(), read_torch(content, str(path))
    own = network.state_dict()
    faults = [name for name in sorted(own.keys() | state.keys()) if _shape(own, name) != _shape(state, name)]
    if faults:
        raise CheckpointError(
            f"{path} does not hold Zero-DCE's weights: {faults[0]} is {_shape(state, faults[0])}, expected "
            f"{_shape(own, faults[0])}; give a state dict of its seven convolutions"
        )
    network.load_state_dict(state)
    return network.eval()


def _shape(state: dict[str, Any], name: str) -> tuple[int, ...] | None:
    tensor = state.get(name)
    return tuple(tensor.shape) if isinstance(tensor, Tensor) else None
