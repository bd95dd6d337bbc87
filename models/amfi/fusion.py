"""AMFI-Net's fusion head: association, channel attention, gated decision (SPEC 2.4, eqs 7–21).

The paper omits equations 12–17 and prints two that do not do what its text says; each reading is an
option, and the defaults are the ones that match the published size and purpose.
"""

import logging
from typing import Literal

import torch
from torch import Tensor, nn

from models.errors import ModelParamError
from models.head import Head, HeadOutput, UnequalDims

Association = Literal["single_token", "feature_token", "modality_token", "none"]
"""Choice of the positions of the non-local block (eqs 8–11), D = dim:

single_token: one position of 2·D channels: matches the published size, and has no attention at all.
feature_token: 2·D positions of one channel ("each feature with all feature data"); takes B × (2·D)² floats.
modality_token: two positions of D channels.
none: the block is left out.
"""

Decision = Literal["skeleton", "video"]
"""The modality whose priority the gate learns (Table 6)."""

Weigh = Literal["original", "associated"]
"""Choice of what channel attention weighs (eq. 14): the features as they came, which section 3.3 calls "the original
features", or as the association left them, Z of section 3.3.2 ("appropriate weighting of Z is essential")."""

GateSign = Literal["repaired", "literal"]
"""L_gate (eq. 20): -log G, which does what the text says; -log(1 - G) as printed does the reverse."""

GATE_MARGIN = 1e-6
"""G is kept this far from 0 and 1 inside the logarithm."""

_log = logging.getLogger(__name__)


class NonLocal(nn.Module):
    """Non-local block, (B, P, C) → (B, P, C): z = W_z y + x, y_i = Σ_j softmax_j(θ(x_i)ᵀ β(x_j)) g(x_j) (eqs 8–11)."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.theta, self.beta = nn.Linear(channels, inner), nn.Linear(channels, inner)
        self.g, self.w_z = nn.Linear(channels, inner), nn.Linear(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, P, C) → (B, P, C): B clips, P positions, C channels."""
        attention = torch.softmax(self.theta(x) @ self.beta(x).transpose(1, 2), dim=-1)
        z: Tensor = self.w_z(attention @ self.g(x)) + x
        return z


class AMFIFusion(Head):
    """AMFI-Net's head (eqs 7–19), trained with eq. 21; 3,442,748 parameters at dim 512 and 60 classes."""

    has_gate = True

    def __init__(
        self,
        num_classes: int,
        *,
        skeleton_dim: int = 512,
        video_dim: int = 512,
        unequal: UnequalDims = "refuse",
        association: Association = "single_token",
        decision: Decision = "skeleton",
        gate_sign: GateSign = "repaired",
        lambda_gate: float = 1.5,
        weigh: Weigh = "original",
    ) -> None:
        super().__init__(num_classes, skeleton_dim=skeleton_dim, video_dim=video_dim, unequal=unequal)
        _check_choices(association, decision, gate_sign, weigh)
        if lambda_gate < 0:
            raise ModelParamError(f"lambda_gate must be 0 or more, got {lambda_gate}")
        self.association, self.decision, self.gate_sign = association, decision, gate_sign
        self.lambda_gate, self.weigh = lambda_gate, weigh
        self.non_local = _non_local(association, self.dim)
        self.channel_attention = nn.Linear(2 * self.dim, 2 * self.dim)
        self.gate = nn.Linear(self.dim, self.dim)
        self.fc = nn.Linear(self.dim, num_classes)
        if association == "single_token" and not self.fc.weight.is_meta:  # there, nothing is to be learned
            _warn_inert()

    def fuse(self, skeleton: Tensor, video: Tensor) -> HeadOutput:
        """(B, dim) skeleton and (B, dim) video features → logits (B, K) and gate (B, dim)."""
        x = torch.cat([skeleton, video], dim=1)  # eq. 7
        z = self._associate(x)  # eqs 8–11
        weighed = x if self.weigh == "original" else z
        y = weighed * torch.sigmoid(self.channel_attention(z))  # eqs 12–14
        y_skeleton, y_video = y.chunk(2, dim=1)  # eqs 15, 16
        decides, follows = (y_skeleton, y_video) if self.decision == "skeleton" else (y_video, y_skeleton)
        gate = torch.sigmoid(self.gate(decides))  # eq. 18
        return HeadOutput(self.fc(torch.lerp(follows, decides, gate)), gate)  # eq. 19

    def _associate(self, x: Tensor) -> Tensor:
        if self.non_local is None:
            return x
        tokens = {"single_token": 1, "modality_token": 2}.get(self.association, 2 * self.dim)
        z: Tensor = self.non_local(x.view(x.shape[0], tokens, -1))
        return z.reshape(x.shape[0], -1)

    def loss(self, output: HeadOutput, labels: Tensor) -> Tensor:
        """Return cross-entropy + lambda_gate · L_gate (eq. 21), the mean over clips and channels."""
        return super().loss(output, labels) + self.lambda_gate * gate_loss(output, self.gate_sign)


def gate_loss(output: HeadOutput, sign: GateSign) -> Tensor:
    """Return the gate's loss (eq. 20), repaired or as printed: a scalar, the mean over clips and channels."""
    assert output.gate is not None
    gate = output.gate.float().clamp(GATE_MARGIN, 1 - GATE_MARGIN)
    return -(gate if sign == "repaired" else 1 - gate).log().mean()


def _non_local(association: Association, dim: int) -> NonLocal | None:
    if association == "single_token":
        return NonLocal(2 * dim, dim)
    if association == "modality_token":
        return NonLocal(dim, max(1, dim // 2))
    return NonLocal(1, 1) if association == "feature_token" else None


def _check_choices(association: str, decision: str, gate_sign: str, weigh: str) -> None:
    if association == "batch_token":
        raise ModelParamError(
            "association batch_token is refused: attention across the batch would make a clip's prediction "
            "depend on which clips it is tested with; use single_token, feature_token, modality_token or none"
        )
    for name, value, choices in (
        ("association", association, ("single_token", "feature_token", "modality_token", "none")),
        ("decision", decision, ("skeleton", "video")),
        ("gate_sign", gate_sign, ("repaired", "literal")),
        ("weigh", weigh, ("original", "associated")),
    ):
        if value not in choices:
            raise ModelParamError(f"{name} must be one of {choices}, got {value!r}")


_warned: set[str] = set()


def _warn_inert() -> None:
    """Say once a process that the default reading has no attention (SPEC 2.4, measured)."""
    if "single_token" not in _warned:
        _warned.add("single_token")
        _log.warning(
            "association single_token: the softmax over one position is 1, so theta and beta get no "
            "gradient; it matches AMFI-Net's published size, modality_token and feature_token do attend"
        )
