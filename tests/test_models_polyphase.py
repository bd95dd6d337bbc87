"""Image segmentation at the pixel level: the polyphase split, in training and in testing (SPEC 1.2)."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.cssi.polyphase import Polyphase, phases
from models.errors import ModelParamError, ShapeError
from models.training.seeding import seeded


class Recorder(nn.Module):
    """Remembers what it was given; its logits are the first pixel of each clip, and one more."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Tensor, ...]] = []

    def forward(self, *clips: Tensor) -> Tensor:
        self.seen.append(clips)
        first = clips[-1][:, 0, 0, 0, 0]
        return torch.stack([first, first + 1], dim=1)


def numbered(num_clips: int = 1, height: int = 4, width: int = 6) -> Tensor:
    """(B, 1, 2, H, W): pixels counted from 0 in each clip; the second frame 100 higher."""
    frame = torch.arange(height * width, dtype=torch.float32).view(height, width)
    return torch.stack([frame, frame + 100])[None, None].expand(num_clips, -1, -1, -1, -1)


def test_phases_by_hand() -> None:
    split = phases(numbered())
    assert split.shape == (4, 1, 1, 2, 2, 3)
    assert split[0, 0, 0, 0].tolist() == [[0, 2, 4], [12, 14, 16]]
    assert split[1, 0, 0, 0].tolist() == [[1, 3, 5], [13, 15, 17]]
    assert split[2, 0, 0, 1].tolist() == [[106, 108, 110], [118, 120, 122]]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_phase_i_j_is_every_step_th_pixel(step: int) -> None:
    clips = torch.randn(2, 3, 2, 7, 9)
    height, width = 7 // step * step, 9 // step * step
    for place, found in enumerate(phases(clips, step)):
        i, j = divmod(place, step)
        assert torch.equal(found, clips[..., i:height:step, j:width:step])


def test_testing_looks_at_the_first_phase_or_at_all() -> None:
    clips = numbered()
    first, every = Polyphase(Recorder()).eval(), Polyphase(Recorder(), test="mean").eval()
    assert first(clips).tolist() == [[0, 1]]
    assert every(clips).tolist() == [[(0 + 1 + 6 + 7) / 4, (0 + 1 + 6 + 7) / 4 + 1]]
    assert len(every.model.seen) == 4  # type: ignore[arg-type]


def test_training_draws_one_phase_a_clip_for_all_its_frames() -> None:
    model = Polyphase(Recorder()).train()
    with seeded(0, "epoch", 0):
        logits = model(numbered(64))
    [(given,)] = model.model.seen  # type: ignore[union-attr, misc]
    assert set(logits[:, 0].tolist()) == {0, 1, 6, 7}
    assert torch.equal(given[:, :, 1], given[:, :, 0] + 100)
    with seeded(0, "epoch", 0):
        assert torch.equal(model(numbered(64)), logits)


def test_other_inputs_go_through_as_they_are() -> None:
    model, joints = Polyphase(Recorder()).eval(), torch.randn(1, 3, 2, 25, 2)
    model(joints, numbered())
    assert model.model.seen[0][0] is joints  # type: ignore[union-attr, index]


def test_gradients_pass_to_the_pixels_that_were_seen() -> None:
    clips = numbered().clone().requires_grad_()
    Polyphase(Recorder()).eval()(clips).sum().backward()
    assert clips.grad is not None
    assert clips.grad.nonzero().tolist() == [[0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"step": 0}, "step must be 1 or more"), ({"test": "all"}, "'first' or 'mean', got 'all'")],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelParamError, match=message):
        Polyphase(Recorder(), **options)


def test_clips_smaller_than_the_split_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"at least 2 × 2 pixels, got \(1, 6\)"):
        phases(numbered(height=1))
