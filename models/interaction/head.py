"""The interaction network's last part as a head on cached maps: fourth interaction, means, classifier (SPEC 4.6)."""

from typing import Any

from torch import Tensor, nn

from models.errors import ModelParamError
from models.head import CutHead, HeadInput, HeadOutput, Source, check_classes
from models.interaction.attention import AxisQKV, InteractionPlan, LastInteraction
from models.interaction.laterals import Lateral
from models.training.classifier import init_classifier

DROPOUT = 0.5
"""In front of the paper's classifier (SPEC 4.3)."""


class InteractionHead(CutHead):
    """A fresh LastInteraction and a linear layer on `sparse_map` and `dense_map` of a frozen TwoPath.

    Its lateral connection and its attention need not be those of the blocks before.
    """

    from_data = frozenset({"channels", "dense_channels", "alpha"})

    def __init__(
        self,
        num_classes: int,
        *,
        channels: int = 2048,
        dense_channels: int = 256,
        alpha: int = 8,
        lateral: Lateral = "pool_eca",
        axis_qkv: AxisQKV = "shared",
        rounds: int = 2,
        dropout: float = DROPOUT,
    ) -> None:
        """Build a fresh head; `alpha` is the dense path's frames for one of the sparse path."""
        super().__init__()
        check_classes(num_classes)
        plan = InteractionPlan(alpha=alpha, lateral=lateral, axis_qkv=axis_qkv, rounds=rounds)
        self.last = LastInteraction(channels, dense_channels, plan)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(self.last.num_features, num_classes)
        init_classifier(self.fc, "normal_0.01")

    @classmethod
    def inputs(cls, **_: Any) -> tuple[HeadInput, ...]:
        """Return both paths' maps, of one network."""
        paths = ("sparse_map", "dense_map")
        return tuple(HeadInput("two_path", ("video",), "map", cut) for cut in paths)

    @classmethod
    def sizes(cls, *sources: Source) -> dict[str, Any]:
        """Return both widths, and alpha. Raises ModelParamError where the maps are not of one network."""
        sparse, dense = (source.shape for source in sources)
        if sparse[2:] != dense[2:] or dense[1] % sparse[1]:
            raise ModelParamError(
                f"dense_map must have sparse_map's places and a multiple of its frames, got {dense} beside {sparse}"
            )
        return {"channels": sparse[0], "dense_channels": dense[0], "alpha": dense[1] // sparse[1]}

    def forward(self, sparse: Tensor, dense: Tensor) -> HeadOutput:
        """(B, C, T, H, W) and (B, βC, αT, H, W), in full or half precision → logits (B, K). Raises ShapeError."""
        return HeadOutput(self.fc(self.dropout(self.last(sparse, dense))))
