"""A backbone with a linear classifier on top: the networks that stages 1 and 2 of AMFI-Net train (SPEC 2.5)."""

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING

from torch import Tensor, nn

from models.cuts import FEATURES, LOGITS, Backbone, ClassifierInit, Cut
from models.errors import ModelParamError

if TYPE_CHECKING:
    from models.training.fit import Loss

LOGITS_CUT = Cut(LOGITS, ("class",), "the network's own classifier, and late fusions of its scores")
"""The classifier's scores as a cut of the network that it was trained with."""


class Classifier(Backbone):
    """Backbone → dropout → linear layer: (B, num_classes) logits; `init` of None is the backbone's own.

    It has the backbone's cuts, and LOGITS.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        dropout: float = 0.0,
        init: ClassifierInit | None = None,
    ) -> None:
        super().__init__()
        if num_classes < 2:
            raise ModelParamError(f"num_classes must be 2 or more, got {num_classes}")
        if not 0 <= dropout < 1:
            raise ModelParamError(f"dropout must lie in [0, 1), got {dropout}")
        self.backbone = backbone
        self.cuts = (*backbone.cuts, LOGITS_CUT)
        self.num_features = backbone.num_features
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(backbone.num_features, num_classes)
        init_classifier(self.fc, init or backbone.classifier_init)

    def cut(self, name: str) -> Cut:
        """Return the cut of that name, the classifier's or the backbone's. Raises ModelParamError for another."""
        return LOGITS_CUT if name == LOGITS else self.backbone.cut(name)

    def at(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the named cuts of a batch, (B, …) each, in one pass of the backbone; LOGITS are (B, num_classes)."""
        if LOGITS not in names:
            return self.backbone.at(clips, names)
        inner = dict.fromkeys((*(name for name in names if name != LOGITS), FEATURES))
        found = self.backbone.at(clips, tuple(inner))
        logits = self.fc(self.dropout(found[FEATURES]))
        return {name: logits if name == LOGITS else found[name] for name in names}

    def forward(self, clips: Tensor) -> Tensor:
        """The backbone's input (B, …) → (B, num_classes) logits."""
        logits: Tensor = self.fc(self.dropout(self.backbone(clips)))
        return logits


def init_classifier(fc: nn.Linear, init: ClassifierInit) -> None:
    """Draw a linear classifier's first weights; its bias starts at 0."""
    nn.init.normal_(fc.weight, std=sqrt(2 / fc.out_features) if init == "sqrt_2_over_k" else 0.01)
    nn.init.zeros_(fc.bias)


def classifier_loss(model: Classifier, loss: "Loss") -> "Loss":
    """Return a loss that adds the backbone's own, where it has one, to `loss` of the logits."""

    def total(logits: Tensor, labels: Tensor) -> Tensor:
        extra = model.backbone.extra_loss()
        value = loss(logits, labels)
        return value if extra is None else value + extra

    return total
