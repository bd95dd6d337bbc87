"""The last block of a graph network, with its SF-Head, as a head on cached maps (SPEC 5.7)."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.cuts import FEATURES, JOINTS, Backbone
from models.errors import ModelParamError
from models.graph.graph_backbone import LAST_BLOCK, GraphBackbone, LastBlock
from models.head import CutHead, HeadInput, HeadOutput, Source, check_classes
from models.sf_head.sfhead import SFHeadChoice
from models.training.classifier import init_classifier


class LastBlockHead(CutHead):
    """A fresh last block and a linear layer on `last_block` maps; the blocks before stay as they were trained.

    The network's joints are read too: SF-Head's losses leave out people without data.
    """

    from_data = frozenset({"backbone"})

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: Callable[[Mapping[str, Any]], Backbone],
        sf_head: SFHeadChoice = None,
        dropout: float = 0.0,
    ) -> None:
        """Build the last block of the network that `backbone` makes; `sf_head` puts a head of its own into it."""
        super().__init__()
        check_classes(num_classes)
        network = backbone({"sf_head": sf_head})
        if not isinstance(network, GraphBackbone):
            raise ModelParamError(
                f"{type(network).__name__} has no last block; CTR-GCN, AAGCN and ST-GCN have one"
            )
        self.block = LastBlock(network)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(self.block.num_features, num_classes)
        init_classifier(self.fc, network.classifier_init)

    @classmethod
    def inputs(cls, **_: Any) -> tuple[HeadInput, ...]:
        """Return the last block's input and the joints that it was computed from."""
        maps = HeadInput("skeleton", ("skeleton",), "joint_map", LAST_BLOCK)
        return (maps, HeadInput("skeleton", ("skeleton",), "joints", JOINTS.name))

    @classmethod
    def sizes(cls, *sources: Source) -> dict[str, Any]:
        """Return what builds the network; its people and joints are those of the maps."""
        return {"backbone": sources[0].backbone}

    def forward(self, maps: Tensor, joints: Tensor) -> HeadOutput:
        """(B, M, C, T, V) maps of any float type and (B, 3, T', V, M) joints → logits (B, K). Raises ShapeError."""
        present = joints.ne(0).flatten(1, 3).any(dim=1)
        features = self.block.at(maps, (FEATURES,), present)[FEATURES]
        return HeadOutput(self.fc(self.dropout(features)))

    def loss(self, output: HeadOutput, labels: Tensor) -> Tensor:
        """Return cross-entropy plus the SF-Head's own losses (eq. 17) of the batch just seen."""
        value, extra = super().loss(output, labels), self.block.extra_loss()
        return value if extra is None else torch.add(value, extra)
