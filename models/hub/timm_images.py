"""Image networks of timm, run on each frame by itself.

B clips, C channels, T frames, H × W pixels. timm is an optional extra, `pip install 'harcache[backbones]'`. Nothing is
downloaded: a network is built with fresh weights, and `pretrained` reads a file that lies here.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from models.checks import check_input
from models.cssi.resnet import clips_at_once
from models.cuts import FEATURES, Backbone, Cut
from models.errors import ModelParamError
from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, VideoInput

FRAMES = "frames"

CUTS = (
    Cut(FEATURES, ("channel",), "any head on one vector a clip; not the network itself"),
    Cut(FRAMES, ("frame", "channel"), "heads over time", dtype="float16"),
)


class TimmImages(Backbone):
    """(B, C, T, H, W) → (B, num_features): the mean over T of an image network's vectors."""

    expects: ClassVar[VideoInput] = VideoInput(size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    cuts = CUTS

    def __init__(
        self, in_channels: int = 3, *, name: str, arguments: Mapping[str, Any] | None = None
    ) -> None:
        """Build timm's network `name` (an architecture, such as vit_tiny_patch16_224) with fresh weights.

        `arguments` are more keywords of timm.create_model, such as {img_size: 112}. Raises ModelParamError where timm
        is not installed, or refuses them.
        """
        super().__init__()
        self.in_channels = in_channels
        self.network = _network(name, in_channels, dict(arguments or {}))
        told: Any = self.network
        self.num_features = int(getattr(told, "head_hidden_size", 0) or told.num_features)

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return `frames` (B, T, num_features) and `features` (B, num_features), their mean."""
        check_input("clips", clips, ("B", f"C={self.in_channels}", ("T", 1), ("H", 1), ("W", 1)))
        wanted = [self.cut(name).name for name in names]
        size = clips.shape[0] if torch.is_grad_enabled() else clips_at_once(*clips.shape[:3:2])
        vectors = torch.cat([self._each_frame(part) for part in torch.split(clips, size)])
        return {name: vectors if name == FRAMES else vectors.float().mean(dim=1) for name in wanted}

    def _each_frame(self, clips: Tensor) -> Tensor:
        b, _, t, _, _ = clips.shape
        try:
            vectors: Tensor = self.network(clips.transpose(1, 2).flatten(0, 1).contiguous())
        except AssertionError as error:  # how timm's transformers refuse frames of another size
            raise ModelParamError(
                f"timm's network refuses frames of {tuple(clips.shape[3:])}: {error}"
            ) from error
        return vectors.view(b, t, -1)


def _network(name: str, in_channels: int, arguments: dict[str, Any]) -> nn.Module:
    try:
        import timm  # an extra
    except ImportError as error:
        raise ModelParamError(
            f"kind 'timm' needs timm: pip install 'harcache[backbones]' ({error})"
        ) from error
    if not timm.is_model(name) or "." in name:
        near = get_close_matches(name, timm.list_models(), n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ModelParamError(
            f"timm has no architecture {name!r}{hint}; give it without the tag behind the dot"
        )
    try:
        network: nn.Module = timm.create_model(
            name, pretrained=False, num_classes=0, in_chans=in_channels, **arguments
        )
    except (TypeError, ValueError, AssertionError) as error:
        raise ModelParamError(f"timm's {name!r} refuses {arguments}: {error}") from error
    return network
