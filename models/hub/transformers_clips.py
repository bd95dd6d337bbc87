"""Image and video networks of transformers, such as ViT, DINOv2, VideoMAE and TimeSformer.

B clips, C channels, T frames, H × W pixels. transformers is an optional extra, `pip install 'harcache[backbones]'`.
Nothing is downloaded: a network is built from its configuration with fresh weights, and `pretrained` reads a file that
lies here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from models.checks import check_input
from models.cssi.resnet import clips_at_once
from models.cuts import Backbone
from models.errors import CheckpointError, ModelParamError
from models.hub.timm_images import CUTS, FRAMES
from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, VideoInput

_POOLER = "pooler."

Pool = Literal["mean", "first"]
"""Vector of a network that gives tokens: their mean, or the first, which is the class token of those that have one."""


class TransformersClips(Backbone):
    """(B, C, T, H, W) → (B, num_features). Image networks see each frame by itself, video networks the clip."""

    expects: ClassVar[VideoInput] = VideoInput(size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    cuts = CUTS

    def __init__(
        self,
        in_channels: int = 3,
        *,
        name: str,
        config: Mapping[str, Any] | None = None,
        pool: Pool = "mean",
    ) -> None:
        """Build the network of model type `name`, such as vit or videomae, with fresh weights.

        `config` holds what differs from that type's default configuration, as its config.json does. Raises
        ModelParamError where transformers is not installed, or refuses it.
        """
        super().__init__()
        if pool not in ("mean", "first"):
            raise ModelParamError(f"pool must be 'mean' or 'first', got {pool!r}")
        self.in_channels, self.pool = in_channels, pool
        told = {"num_channels": in_channels} if in_channels != 3 else {}
        self.network = _network(name, {**dict(config or {}), **told})
        settings: Any = self.network.config
        self.video_frames = int(getattr(settings, "num_frames", 0) or 0)
        self.num_features = int(getattr(settings, "hidden_size", 0) or settings.hidden_sizes[-1])

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return `frames` (B, T, num_features), of a video network (B, 1, …), and `features`, their mean."""
        frames = f"T={self.video_frames}" if self.video_frames else ("T", 1)
        check_input("clips", clips, ("B", f"C={self.in_channels}", frames, ("H", 1), ("W", 1)))
        wanted = [self.cut(name).name for name in names]
        size = clips.shape[0] if torch.is_grad_enabled() else clips_at_once(*clips.shape[:3:2])
        vectors = torch.cat([self._vectors(part) for part in torch.split(clips, size)])
        return {name: vectors if name == FRAMES else vectors.float().mean(dim=1) for name in wanted}

    def _vectors(self, clips: Tensor) -> Tensor:
        """(B, C, T, H, W) → (B, T or 1, num_features)."""
        pixels = clips.transpose(1, 2).contiguous()
        last = self.network(
            pixel_values=pixels if self.video_frames else pixels.flatten(0, 1)
        ).last_hidden_state
        tokens = (
            last.flatten(2).transpose(1, 2) if last.ndim == 4 else last
        )  # of a convolutional network, places
        pooled = tokens.mean(dim=1) if self.pool == "mean" else tokens[:, 0]
        found: Tensor = pooled.view(clips.shape[0], -1, pooled.shape[-1])
        return found


def trunk_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a file under the names that `network` has in the transformers installed here.

    Names in files differ from those of modules, and transformers knows how; layers of another task are left out.
    Raises CheckpointError where a tensor is missing or of another shape.
    """
    from transformers import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)  # it reports as a table what is told here as an error
    logging.disable_progress_bar()
    try:
        filled, found = type(network).from_pretrained(  # type: ignore[attr-defined]
            None, config=network.config, state_dict=dict(state), output_loading_info=True
        )
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"weights do not fit {type(network).__name__}: {error}") from error
    finally:
        logging.set_verbosity(verbosity)
        logging.enable_progress_bar()
    missing = sorted(name for name in found["missing_keys"] if not name.startswith(_POOLER))
    if missing:
        raise CheckpointError(
            f"weights do not fit {type(network).__name__}: {', '.join(missing[:5])} missing; set model.config to what "
            "config.json beside them says"
        )
    return {name: tensor for name, tensor in filled.state_dict().items() if not name.startswith(_POOLER)}


def _network(name: str, config: dict[str, Any]) -> nn.Module:
    try:
        from transformers import AutoConfig, AutoModel  # an extra
    except ImportError as error:
        raise ModelParamError(
            f"kind 'transformers' needs transformers: pip install 'harcache[backbones]' ({error})"
        ) from error
    try:
        network: nn.Module = AutoModel.from_config(AutoConfig.for_model(name, **config))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ModelParamError(f"transformers cannot build {name!r} with {config}: {error}") from error
    if getattr(network, "pooler", None) is not None:
        network.pooler = None  # type: ignore[assignment]  # a layer of its pretraining, which is not asked for
    return network
