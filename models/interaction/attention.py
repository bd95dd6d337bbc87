"""Cross dual-attention interaction: features exchanged between two paths after a block (SPEC 4.2, eqs 1 to 6).

B clips, C channels, T frames, H × W places. The sparse path's map is (B, C, T, H, W), the dense path's
(B, βC, αT, H, W).

    dense → sparse   the strongest of every α frames → channel attention → joined to the sparse map
    sparse → dense   C → βC channels → attention along each axis, twice → every frame α times → joined to the dense map

Each direction reads the maps as the block left them; neither sees what the other has just joined.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input
from models.errors import ModelParamError, ShapeError
from models.interaction.laterals import Lateral, TimeConv, TimeSample, TimeToChannel, lateral_channels

AxisQKV = Literal["shared", "separate"]
"""One triple of query, key and value for the three axes, or one for each axis.

The text shares the weights of the two rounds; about the axes it says nothing.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionPlan:
    """Options shared by all four interactions of a network."""

    alpha: int = 8
    """Frames of the dense path for one of the sparse path."""
    lateral: Lateral = "pool_eca"
    """Connection from the dense to the sparse path."""
    axis_qkv: AxisQKV = "shared"
    """Weights of the attention from the sparse to the dense path."""
    rounds: int = 2
    """Rounds of axis attention, with the same weights.

    Two let a place see all that share one of its three coordinates; only a third shows it every other, which
    the text claims of two.
    """

    def __post_init__(self) -> None:
        if min(self.alpha, self.rounds) < 1:
            raise ModelParamError(f"alpha and rounds must be 1 or more, got {self.alpha} and {self.rounds}")


def eca_kernel(channels: int) -> int:
    """Return the kernel size over channels as ECA-Net's code rounds eq. 4: down, then up to an odd number.

    C = 32, 64, 128, 256: log2(C)/2 + 1/2 = 3, 3.5, 4, 4.5, cut to 3, 3, 4, 4, made odd 3, 3, 5, 5.
    """
    size = int(abs(math.log2(channels) + 1) / 2)
    return size if size % 2 else size + 1


class ChannelAttention(nn.Module):
    """The 3-D ECA with a residual: σ(Conv1d_k(mean over T, H, W)) · I + I (eqs 5 and 6)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        kernel = eca_kernel(channels)
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) → the same shape."""
        mean = x.mean(dim=(2, 3, 4)).unsqueeze(1)
        weight = torch.sigmoid(self.conv(mean)).squeeze(1)
        return x * (1 + weight[:, :, None, None, None])


class _QKV(nn.Module):
    """Query, key and value of every place: three 1×1×1 convolutions, as products over channels.

    Softmax does not feel what all keys have in common: `key.bias` never learns, in this paper or elsewhere.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)

    def forward(self, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(…, C) → three of the same shape."""
        return self.query(places), self.key(places), self.value(places)


class AxisAttention(nn.Module):
    """Each place attends along its row, its column and its moment: I + A_W + A_H + A_T (eqs 1 and 2), in rounds."""

    def __init__(self, channels: int, *, axis_qkv: AxisQKV = "shared", rounds: int = 2) -> None:
        super().__init__()
        self.rounds = rounds
        self.qkv = nn.ModuleList(_QKV(channels) for _ in range(1 if axis_qkv == "shared" else 3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) → the same shape."""
        places = x.permute(0, 2, 3, 4, 1)
        for _ in range(self.rounds):
            places = self._round(places)
        return places.permute(0, 4, 1, 2, 3)

    def _round(self, places: Tensor) -> Tensor:
        """(B, T, H, W, C) → the same shape."""
        made = [qkv(places) for qkv in self.qkv]
        row, column, moment = made * 3 if len(made) == 1 else made
        return places + _along_w(row) + _along_h(column) + _along_t(moment)


_Three = tuple[Tensor, Tensor, Tensor]


def _along_w(qkv: _Three) -> Tensor:
    """Three (B, T, H, W, C): each row of W places on its own."""
    b, t, h, w, c = qkv[0].shape
    q, k, v = (x.reshape(b * t, h, w, c) for x in qkv)
    return F.scaled_dot_product_attention(q, k, v).view(b, t, h, w, c)


def _along_h(qkv: _Three) -> Tensor:
    """Three (B, T, H, W, C): each column of H places on its own."""
    q, k, v = (x.transpose(2, 3) for x in qkv)
    return _along_w((q, k, v)).transpose(2, 3)


def _along_t(qkv: _Three) -> Tensor:
    """Three (B, T, H, W, C): the T moments of each place on their own."""
    b, t, h, w, c = qkv[0].shape
    q, k, v = (x.reshape(b, t, h * w, c).transpose(1, 2) for x in qkv)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, h, w, c)


class SparseToDense(nn.Module):
    """The connection from the sparse to the dense path: fewer channels first, so that attention is cheap."""

    def __init__(self, channels: int, dense_channels: int, plan: InteractionPlan) -> None:
        super().__init__()
        self.alpha = plan.alpha
        self.reduce = nn.Conv3d(channels, dense_channels, 1)
        self.attention = AxisAttention(dense_channels, axis_qkv=plan.axis_qkv, rounds=plan.rounds)

    def forward(self, sparse: Tensor) -> Tensor:
        """(B, C, T, H, W) → (B, βC, αT, H, W): frame i of T becomes frames αi to αi + α - 1."""
        attended: Tensor = self.attention(self.reduce(sparse))
        return attended.repeat_interleave(self.alpha, dim=2)


def dense_to_sparse(dense_channels: int, plan: InteractionPlan) -> nn.Module:
    """Build the connection to the sparse path: (B, βC, αT, H, W) → (B, lateral_channels, T, H, W)."""
    alpha = plan.alpha
    if plan.lateral == "pool_eca":
        strongest = nn.MaxPool3d((alpha, 1, 1), stride=(alpha, 1, 1))
        return nn.Sequential(strongest, ChannelAttention(dense_channels))
    if plan.lateral == "tconv":
        return TimeConv(dense_channels, alpha=alpha)
    return TimeToChannel(alpha=alpha) if plan.lateral == "t2c" else TimeSample(alpha=alpha)


class Interaction(nn.Module):
    """Cross dual-attention interaction of two maps after one block."""

    def __init__(self, channels: int, dense_channels: int, plan: InteractionPlan) -> None:
        """Build both connections; `channels` and `dense_channels` are the C and βC of the two maps."""
        super().__init__()
        self.to_sparse = dense_to_sparse(dense_channels, plan)
        self.to_dense = SparseToDense(channels, dense_channels, plan)
        self.out_channels = (
            channels + lateral_channels(plan.lateral, dense_channels, alpha=plan.alpha),
            2 * dense_channels,
        )

    def forward(self, sparse: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T, H, W) and (B, βC, αT, H, W) → the same, each with the other path's channels appended."""
        return (
            torch.cat([sparse, self.to_sparse(dense)], dim=1),
            torch.cat([dense, self.to_dense(sparse)], dim=1),
        )


class LastInteraction(nn.Module):
    """The fourth interaction and the means of both maps, as one module: cached maps can train it on its own.

    `TwoPath.last` is one; a new one trains on the cuts `sparse_map` and `dense_map` of a frozen TwoPath.
    """

    def __init__(
        self, channels: int = 2048, dense_channels: int = 256, plan: InteractionPlan | None = None
    ) -> None:
        super().__init__()
        plan = plan or InteractionPlan()
        self.channels, self.dense_channels, self.alpha = channels, dense_channels, plan.alpha
        self.interaction = Interaction(channels, dense_channels, plan)
        self.num_features = sum(self.interaction.out_channels)

    def forward(self, sparse: Tensor, dense: Tensor) -> Tensor:
        """(B, C, T, H, W) and (B, βC, αT, H, W), in full or half precision → (B, num_features)."""
        check_input("sparse_map", sparse, ("B", f"C={self.channels}", ("T", 1), ("H", 1), ("W", 1)))
        b, _, t, h, w = sparse.shape
        if dense.shape != (expected := (b, self.dense_channels, self.alpha * t, h, w)):
            raise ShapeError(f"dense_map must be {expected} beside this sparse_map, got {tuple(dense.shape)}")
        dtype = self.interaction.to_dense.reduce.weight.dtype
        return means(*self.interaction(sparse.to(dtype), dense.to(dtype)))


def means(*maps: Tensor) -> Tensor:
    """(B, C, T, H, W) each → (B, sum of all C) float32: global average pooling, concatenated."""
    return torch.cat([x.float().mean(dim=(2, 3, 4)) for x in maps], dim=1)
