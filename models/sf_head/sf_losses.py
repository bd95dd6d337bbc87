"""SF-Head's losses: feature redundancy (F-RL) and feature consistency (F-CL), equations 10–14 (SPEC 5.3).

As printed F-RL is a constant and F-CL's compensation rewards the opposite of consistency, so both have a
`literal` and a repaired form. N clips, M people, G groups, P = M · G people and groups ("slots"), D values in a
flattened (C / 4G, T, V) feature map. Equations 15–17 are cross-entropy plus what `head_loss` gives.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from models.errors import ModelParamError
from models.shown import ShownByShape

Redundancy = Literal["literal", "batch", "cross"]
"""Denominator of equation 11.

`literal`: the same pair N times, a constant without gradient; `batch`: the other clips' d(f_s^j, f_t^j);
`cross`: d(f_s^i, f_t^j), and d(f_s^j, f_t^i) the other way round, as InfoNCE has it.
"""

PhiSign = Literal["repaired", "literal"]
"""Sign of equation 13: `literal`, as printed, at most 0; `repaired`, the focal loss that the text describes."""

Original = Literal["f_c", "f_s", "f_t", "f_o"]
"""A member of F in equations 12–14."""

SMALLEST_NORM = 1e-6
"""Shorter vectors count as having no direction, so that a dead group's gradient stays finite."""


@dataclass(frozen=True, slots=True)
class SFLossOptions:
    """Options of the losses; the defaults are the paper's figures, and SPEC 5.3's where it gives none."""

    lambda_red: float = 0.1
    lambda_con: float = 0.2
    margin: float = 0.4
    """m: scales d in (11), and bounds (12) from above."""
    gamma: float = 2.0
    """Exponent of (13)."""
    alpha: float = 1.0
    """Scale of the cosine in (10); not in the paper."""
    tau: float = 0.125
    """Temperature of (11); not in the paper, FR-Head's."""
    eps: float = 0.01
    """Distance from 0 and 1 below which (13) is 0; not in the paper."""
    redundancy: Redundancy = "cross"
    phi_sign: PhiSign = "repaired"
    originals: Sequence[Original] = ("f_c", "f_s", "f_t", "f_o")
    """Features that f_a is compared with in (12)–(14)."""
    over_heads: Literal["mean", "sum"] = "mean"
    """Rule that combines the losses of a network's heads; the paper has none."""

    def __post_init__(self) -> None:
        _one_of("redundancy", self.redundancy, get_args(Redundancy))
        _one_of("phi_sign", self.phi_sign, get_args(PhiSign))
        _one_of("over_heads", self.over_heads, ("mean", "sum"))
        for original in self.originals:
            _one_of("originals", original, get_args(Original))
        if min(self.lambda_red, self.lambda_con, self.gamma) < 0:
            raise ModelParamError(f"lambda_red, lambda_con and gamma must be 0 or more, got {self}")
        if min(self.margin, self.alpha, self.tau) <= 0 or not 0 < self.eps < 0.5:
            raise ModelParamError(f"margin, alpha and tau must be above 0 and eps in (0, 0.5), got {self}")

    @property
    def wanted(self) -> bool:
        """Whether anything is added to cross-entropy (not in the rows without F-RCL of Table 2)."""
        return self.lambda_red > 0 or (self.lambda_con > 0 and len(self.originals) > 0)


@dataclass(frozen=True, slots=True, repr=False)
class SFParts(ShownByShape):
    """One head's feature maps, each (B · M · G, C / 4G, T, V)."""

    f_t: Tensor
    """Temporal feature (eq. 1)."""
    f_s: Tensor
    """Spatial feature (eq. 1)."""
    f_c: Tensor
    """Second quarter of the channels, unchanged."""
    f_o: Tensor
    """Last quarter of the channels, unchanged."""
    f_a: Tensor
    """The aggregate (eqs 8 and 9); the code's f_r."""


def head_loss(parts: SFParts, present: Tensor, options: SFLossOptions) -> Tensor:
    """Scalar float32: lambda_con · L_con + lambda_red · L_red of one head (the last two terms of eq. 17).

    `present` (N, M) says which people have data. d is taken for each person and group, then averaged over those
    of people with data; a clip that shows nobody counts all its people, so that N is always the batch.
    """
    with torch.autocast(parts.f_a.device.type, enabled=False):
        present = present | ~present.any(dim=1, keepdim=True)
        slots = len(parts.f_a) // len(present)
        weights = present.repeat_interleave(slots // present.shape[1], dim=1).float()
        total = parts.f_a.new_zeros((), dtype=torch.float32)
        spatial, temporal = _directions(parts.f_s, slots), _directions(parts.f_t, slots)
        if options.lambda_red:
            total = total + options.lambda_red * redundancy_loss(spatial, temporal, weights, options)
        if options.lambda_con:
            known = {"f_s": spatial, "f_t": temporal}
            originals = [
                known[n] if n in known else _directions(getattr(parts, n), slots) for n in options.originals
            ]
            aggregate = _directions(parts.f_a, slots)
            total = total + options.lambda_con * consistency_loss(aggregate, originals, weights, options)
        return total


def similarity(cosine: Tensor, alpha: float) -> Tensor:
    """Return equation 10 of cos(u, v): 0 for opposite and 1 - e^(-2 alpha) for equal vectors ("distance")."""
    return 1 - torch.exp(-alpha * (cosine + 1))


def redundancy_loss(spatial: Tensor, temporal: Tensor, weights: Tensor, options: SFLossOptions) -> Tensor:
    """Return F-RL (eq. 11) of (N, P, D) unit vectors; `weights` (N, P) is 1 where a slot counts."""
    if options.redundancy == "cross":
        logits = _cross_similarity(spatial, temporal, weights, options.alpha) * options.margin / options.tau
        clips = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, clips) + F.cross_entropy(logits.t(), clips)) / 2
    own = _own_similarity(spatial, temporal, weights, options.alpha) * options.margin / options.tau
    if options.redundancy == "batch":
        return (torch.logsumexp(own, 0) - own).mean() / 2
    return (torch.logsumexp(own[:, None].expand(-1, len(own)), 1) - own).mean() / 2


def consistency_loss(
    aggregate: Tensor, originals: Sequence[Tensor], weights: Tensor, options: SFLossOptions
) -> Tensor:
    """Return F-CL with its compensation (eq. 14) of (N, P, D) unit vectors, summed over F, averaged over clips."""
    total = aggregate.new_zeros(len(aggregate))
    for original in originals:
        d = _own_similarity(aggregate, original, weights, options.alpha)
        total = total + margin_penalty(d, options.margin)
        total = total + compensation(d, options.gamma, options.eps, options.phi_sign)
    return total.mean()


def margin_penalty(d: Tensor, margin: float) -> Tensor:
    """Return the soft margin inside equation 12: m where d is 0, 0 where d is 1."""
    return torch.log(math.exp(margin) + (1 - math.exp(margin)) * d)


def compensation(d: Tensor, gamma: float, eps: float, sign: PhiSign) -> Tensor:
    """Return phi (eq. 13): (1 - d)^gamma · log d, negated in the repaired form; 0 within eps of either end."""
    inside = torch.minimum(d, 1 - d) > eps
    safe = torch.where(inside, d, 0.5)  # else the logarithm's gradient at 0 makes NaN of a masked value
    phi = (1 - safe) ** gamma * torch.log(safe)
    return torch.where(inside, phi if sign == "literal" else -phi, 0.0)


def _directions(maps: Tensor, slots: int) -> Tensor:
    """(N · P, c, T, V) → (N, P, D) unit vectors."""
    return F.normalize(maps.float().reshape(-1, slots, maps[0].numel()), dim=2, eps=SMALLEST_NORM)


def _own_similarity(a: Tensor, b: Tensor, weights: Tensor, alpha: float) -> Tensor:
    """(N,): d between a clip's own two features, the mean over slots that count."""
    return (similarity((a * b).sum(2), alpha) * weights).sum(1) / weights.sum(1)


def _cross_similarity(a: Tensor, b: Tensor, weights: Tensor, alpha: float) -> Tensor:
    """(N, N): d between clip i's `a` and clip j's `b`, the mean over slots that count in both; -inf without any."""
    cosine = torch.bmm(a.transpose(0, 1), b.permute(1, 2, 0))
    counted = (similarity(cosine, alpha) * weights.t()[:, :, None] * weights.t()[:, None, :]).sum(0)
    common = weights @ weights.t()
    return (counted / common.clamp(min=1)).masked_fill(common == 0, -math.inf)


def _one_of(name: str, given: object, known: Sequence[str]) -> None:
    if given not in known:
        raise ModelParamError(f"{name} must be one of {sorted(known)}, got {given!r}")
