"""Image segmentation at the pixel level: CSSIModel's augmentation (its section 3.2 and Fig. 2; SPEC 1.2).

The paper says that each frame is divided in proportion and recombined into sub-images which keep the posture.
Our reading is the polyphase split: sub-image (i, j) of s × s is every s-th pixel, I[i::s, j::s]. Grid tiles put
in another order, the other reading, would tear the posture apart.

Feed frames s times as large as the network wants: the sub-images are that much smaller.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from models.errors import ModelParamError, ShapeError

TestPhase = Literal["first", "mean"]
"""Sub-images used in testing: (0, 0) alone, or all s² with their logits averaged."""


def phases(clips: Tensor, step: int = 2) -> Tensor:
    """Split (…, H, W) into (s², …, H // s, W // s); sub-image (i, j) lies at index i · s + j.

    Rows and columns beyond a multiple of s are left out, so that all sub-images are equally large. To
    cache the
    augmentation, store these as s² views (SPEC 1.8).
    """
    height, width = clips.shape[-2] // step, clips.shape[-1] // step
    if step < 1 or not height or not width:
        raise ShapeError(f"clips must be at least {step} × {step} pixels, got {tuple(clips.shape[-2:])}")
    whole = clips[..., : height * step, : width * step]
    cells = whole.reshape(*clips.shape[:-2], height, step, width, step)
    return cells.movedim((-3, -1), (0, 1)).flatten(0, 1)


class Polyphase(nn.Module):
    """A video classifier behind the split: one random sub-image a clip in training, those of `test` in testing.

    The video is the classifier's last input, as CSSIModel's is. All frames of a clip share one sub-image.
    """

    def __init__(self, model: nn.Module, *, step: int = 2, test: TestPhase = "first") -> None:
        super().__init__()
        if step < 1:
            raise ModelParamError(f"step must be 1 or more, got {step}")
        if test not in ("first", "mean"):
            raise ModelParamError(f"test must be 'first' or 'mean', got {test!r}")
        self.model, self.step = model, step
        self.test: TestPhase = test

    def forward(self, *clips: Tensor) -> Tensor:
        """(…, (B, C, T, H, W)) → (B, num_classes) logits."""
        *others, video = clips
        split = phases(video, self.step)
        if self.training:
            chosen = torch.randint(len(split), (len(video),), device=video.device)
            return self._logits(*others, split[chosen, torch.arange(len(video), device=video.device)])
        if self.test == "first":
            return self._logits(*others, split[0])
        return torch.stack([self._logits(*others, one) for one in split]).mean(dim=0)

    def _logits(self, *clips: Tensor) -> Tensor:
        logits: Tensor = self.model(*clips)
        return logits
