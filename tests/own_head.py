"""A user's own fusion head, as it lies outside the house: the two modalities' logits, weighed by one learned number."""

import torch
from torch import Tensor, nn

from models.head import Head, HeadOutput, UnequalDims


class Weighed(Head):
    """w · skeleton logits + (1 - w) · video logits, with w in (0, 1) learned and the same for all clips."""

    def __init__(
        self,
        num_classes: int,
        *,
        skeleton_dim: int = 512,
        video_dim: int = 512,
        unequal: UnequalDims = "refuse",
        start: float = 0.0,
    ) -> None:
        super().__init__(num_classes, skeleton_dim=skeleton_dim, video_dim=video_dim, unequal=unequal)
        self.skeleton, self.video = nn.Linear(self.dim, num_classes), nn.Linear(self.dim, num_classes)
        self.balance = nn.Parameter(torch.tensor(start))

    def fuse(self, skeleton: Tensor, video: Tensor) -> HeadOutput:
        """Two (B, dim) → logits (B, K)."""
        w = torch.sigmoid(self.balance)
        return HeadOutput(w * self.skeleton(skeleton) + (1 - w) * self.video(video))
