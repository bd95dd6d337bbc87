"""DINet-R: our reconstruction of CSSIModel's skeleton part, "modified DINet" (SPEC 1.3).

The paper gives DINet no public definition (no code, and its Table 2 lost its cells), so that this network is
named after what it is: R, a reconstruction. What the text says it has: six body parts, velocities and angles,
no dependence on where people stand or on who is called A, a shared MLP(25 · 128, 2048), and 512 at the end.

B clips, C coordinates, T segments, V joints, M people, P body parts.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checks import check_input
from models.cssi.body_parts import Parts, checked_parts, parts_of
from models.cssi.resnet import SEGMENTS
from models.cuts import FEATURES, JOINTS, Backbone, Cut
from models.errors import ModelParamError
from models.graph.graphs import Edges
from models.preprocessing import JointInput

Merge = Literal["sum", "mean"]
"""Rule by which the postures of two people become one vector."""

Centre = Literal["frame", "clip", "none"]
"""Origin of the positions: the mean of all present joints in the frame or in the clip, or none.

With `none`, moving the input moves the output.
"""

EMBEDDING = 128
WIDTH = 256
NUM_FEATURES = 512

CUTS = (
    Cut(FEATURES, ("channel",), "fusion heads on one vector a clip: the mean over segments, order lost"),
    Cut(
        SEGMENTS,
        ("frame", "channel"),
        "CSSIModel's fusion and heads behind a frozen DINet-R; SPEC 1.8 caches joints instead, DINet-R is light",
        dtype="float16",
    ),
    JOINTS,
)


class DINetR(Backbone):
    """(B, C, T, V, M) joints → (B, 512): the mean over T of one vector a segment. 7.48 M parameters at V = 25.

    A person whose joints are all zero in a frame is absent: it adds nothing to the posture, and the
    interaction of that segment is zero.
    """

    expects: ClassVar[JointInput] = JointInput(style="ctr", frames=128)
    cuts = CUTS

    def __init__(
        self,
        edges: Edges,
        num_joints: int,
        *,
        num_people: int = 2,
        in_channels: int = 3,
        parts: Parts | None = None,
        merge: Merge = "sum",
        centre: Centre = "frame",
        angles: bool = True,
    ) -> None:
        """Build a fresh network; `parts` are body parts as joint indices, and None derives them from `edges`.

        All of `in_channels` are coordinates (2 or 3): leave a joint's score out.
        """
        super().__init__()
        _check_choices(num_people, in_channels, merge, centre)
        self.in_channels, self.num_joints, self.num_people = in_channels, num_joints, num_people
        self.merge, self.centre, self.num_features = merge, centre, NUM_FEATURES
        self.parts = checked_parts(parts_of(edges, num_joints) if parts is None else parts, num_joints)
        member = torch.zeros(len(self.parts), num_joints)
        for row, part in zip(member, self.parts, strict=True):
            row[list(part)] = 1
        self.member: Tensor
        self.register_buffer("member", member, persistent=False)
        self.pem = _mlp(2 * in_channels + len(self.parts), 64, EMBEDDING)
        self.psm = _mlp(num_joints * EMBEDDING, 2048, WIDTH)
        self.ism = _Interaction(self.parts, angles=angles)
        self.out = nn.Linear(2 * WIDTH, NUM_FEATURES)

    def at(self, joints: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return any of `segments` (B, T, 512), their mean over T, `features` (B, 512), and `joints`."""
        wanted = [self.cut(name).name for name in names]
        c, v, m = self.in_channels, self.num_joints, self.num_people
        check_input("joints", joints, ("B", f"C={c}", ("T", 2), f"V={v}", f"M={m}"))
        position, velocity, present = _motion(joints, self.centre)
        part = self.member.t().expand(*position.shape[:3], -1, -1)
        embedded = self.pem(torch.cat([position, velocity, part], dim=-1).to(self.out.weight.dtype))
        both = torch.cat([self._posture(embedded, present), self.ism(embedded, position, present)], -1)
        segments = self.out(both)
        found = {SEGMENTS: segments, FEATURES: segments.float().mean(dim=1), JOINTS.name: joints}
        return {name: found[name] for name in wanted}

    def _posture(self, embedded: Tensor, present: Tensor) -> Tensor:
        """PSM: (B, T, M, V, 128) → (B, T, 256), the people that are there summed or averaged."""
        each: Tensor = self.psm(embedded.flatten(3)) * present[..., None].to(embedded.dtype)
        merged = each.sum(dim=2)
        if self.merge == "sum":
            return merged
        return merged / present.sum(dim=2).clamp(min=1)[..., None].to(embedded.dtype)


class _Interaction(nn.Module):
    """ISM: the mean of g([a_i, b_j, |a_i - b_j|]) over all pairs of parts, from A to B and from B to A.

    g is 257 → 256 → 256. Its first layer acts on a, b and distance apart and its second is moved behind the
    mean, which changes nothing (both are linear) and leaves a twentieth of the multiplications.
    """

    def __init__(self, parts: Parts, *, angles: bool) -> None:
        super().__init__()
        self.parts, self.angles = parts, angles
        self.pair = nn.Linear(2 * EMBEDDING + 1, WIDTH)
        self.last = nn.Linear(WIDTH, WIDTH)

    def forward(self, embedded: Tensor, position: Tensor, present: Tensor) -> Tensor:
        """(B, T, M, V, 128), (B, T, M, V, C) and (B, T, M) → (B, T, 256)."""
        if embedded.shape[2] < 2:
            return embedded.new_zeros(*embedded.shape[:2], WIDTH)
        parts = self._means(embedded)
        if self.angles:
            angles = torch.stack([_angle(position, part) for part in self.parts], dim=3)
            parts = parts + F.pad(angles, (0, EMBEDDING - 2)).to(parts.dtype)
        centres = self._means(position)
        a, b = centres[:, :, 0, :, None], centres[:, :, 1, None]
        distance = torch.linalg.vector_norm(a - b, dim=-1, keepdim=True)
        flag = present.prod(dim=2)[..., None]
        found: Tensor = self.last(self._pairs(parts, distance.to(parts.dtype)))
        return found * flag.to(found.dtype)

    def _means(self, values: Tensor) -> Tensor:
        """(B, T, M, V, …) → (B, T, M, P, …). Not a matrix product: autocast would round positions to bfloat16."""
        return torch.stack([values[:, :, :, list(part)].mean(dim=3) for part in self.parts], dim=3)

    def _pairs(self, parts: Tensor, distance: Tensor) -> Tensor:
        """(B, T, 2, P, 128), (B, T, P, P, 1) → (B, T, 256): the mean of g's hidden layer over 2 · P² pairs."""
        of_first, of_second, of_distance = torch.split(self.pair.weight, [EMBEDDING, EMBEDDING, 1], dim=1)
        first, second = F.linear(parts, of_first), F.linear(parts, of_second)
        apart = F.linear(distance, of_distance, self.pair.bias)
        a_to_b = first[:, :, 0, :, None] + second[:, :, 1, None] + apart
        b_to_a = second[:, :, 0, :, None] + first[:, :, 1, None] + apart
        return (F.relu(a_to_b) + F.relu(b_to_a)).mean(dim=(2, 3)) / 2


def _motion(joints: Tensor, centre: Centre) -> tuple[Tensor, Tensor, Tensor]:
    """(B, C, T, V, M) → positions and velocities (B, T, M, V, C) and who is there (B, T, M), float32.

    Velocity is p_t - p_(t-1), zero where a person was not there before, and in the first segment.
    """
    x = joints.float().permute(0, 2, 4, 3, 1)
    present = (x.abs().amax(dim=(3, 4)) > 0).float()
    there = present[..., None, None]
    step = (x[:, 1:] - x[:, :-1]) * there[:, 1:] * there[:, :-1]
    velocity = F.pad(step, (0, 0, 0, 0, 0, 0, 1, 0))
    if centre == "none":
        return x, velocity, present
    axes = (2, 3) if centre == "frame" else (1, 2, 3)
    count = there.sum(dim=axes, keepdim=True).clamp(min=1) * x.shape[3]
    return (x - (x * there).sum(dim=axes, keepdim=True) / count) * there, velocity, present


def _angle(position: Tensor, part: Sequence[int]) -> Tensor:
    """(B, T, M, V, C) → (B, T, M, 2): cosine and sine at the part's second joint, between first and third.

    Zeros where a part has no three joints, or two of them are in one place.
    """
    if len(part) < 3:
        return position.new_zeros(*position.shape[:3], 2)
    first, middle, third = (position[..., joint, :] for joint in part[:3])
    u, v = first - middle, third - middle
    inner, size = (u * v).sum(dim=-1), (u * u).sum(dim=-1) * (v * v).sum(dim=-1)
    cross = (size - inner * inner).clamp(min=1e-12).sqrt() * (size > 0)
    return torch.stack([inner, cross], dim=-1) / size.clamp(min=1e-12).sqrt()[..., None]


def _mlp(wide: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(wide, hidden), nn.ReLU(), nn.Linear(hidden, out))


def _check_choices(num_people: int, in_channels: int, merge: str, centre: str) -> None:
    if num_people not in (1, 2) or in_channels not in (2, 3):
        raise ModelParamError(
            "DINet-R takes 1 or 2 people and 2 or 3 coordinates a joint, got "
            f"num_people {num_people} and in_channels {in_channels}"
        )
    for name, value, choices in (
        ("merge", merge, ("sum", "mean")),
        ("centre", centre, ("frame", "clip", "none")),
    ):
        if value not in choices:
            raise ModelParamError(f"{name} must be one of {choices}, got {value!r}")
