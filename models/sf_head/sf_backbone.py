"""Backbones whose blocks hold SF-Heads: where the losses of a training pass are collected (SPEC 5.3)."""

from typing import Any

import torch
from torch import Tensor

from models.cuts import Backbone
from models.sf_head.sf_losses import SFLossOptions, SFParts, head_loss
from models.sf_head.sfhead import SFHead, SFHeadOptions


class HeadLosses:
    """Collects the feature maps of all heads in one training pass and computes their losses."""

    def __init__(self, present: Tensor, options: SFLossOptions) -> None:
        """Start empty; `present` (B, M) bool marks the people with data."""
        self._present, self._options = present, options
        self._losses: list[Tensor] = []

    def __call__(self, parts: SFParts) -> None:
        self._losses.append(head_loss(parts, self._present, self._options))

    @property
    def total(self) -> Tensor | None:
        """Return a scalar over all heads; None where no head ran."""
        if not self._losses:
            return None
        losses = torch.stack(self._losses)
        return losses.mean() if self._options.over_heads == "mean" else losses.sum()


class SFBackbone(Backbone):
    """A skeleton backbone that may hold SF-Heads. Subclasses hand `losses_for` to their blocks."""

    sf_head: SFHeadOptions | None = None
    _losses: HeadLosses | None = None

    def head(self, width: int) -> SFHead | None:
        """Build a new head for a block of that width; None where no heads were asked for."""
        return None if self.sf_head is None else self.sf_head.head(width)

    def losses_for(self, joints: Tensor) -> HeadLosses | None:
        """Return the collector for a training pass over (B, C, T, V, M) joints; None without heads or in eval mode."""
        if not self._learns:
            return self.start_losses(None)
        return self.start_losses(joints.detach().ne(0).flatten(1, 3).any(dim=1))

    def start_losses(self, present: Tensor | None) -> HeadLosses | None:
        """Return the collector for people known to have data, (B, M) bool; None without heads or in eval mode."""
        self._losses = None
        if self._learns and self.sf_head is not None and present is not None:
            self._losses = HeadLosses(present, self.sf_head.loss)
        return self._losses

    def extra_loss(self) -> Tensor | None:
        """Return lambda_con · L_con + lambda_red · L_red of the last training pass (eq. 17); None without heads."""
        return None if self._losses is None else self._losses.total

    @property
    def _learns(self) -> bool:
        return self.training and self.sf_head is not None and self.sf_head.loss.wanted

    def __getstate__(self) -> dict[str, Any]:
        """Without the last pass's losses: tensors inside a gradient's graph cannot be copied or pickled."""
        return {name: value for name, value in self.__dict__.items() if name != "_losses"}
