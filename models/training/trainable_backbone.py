"""A backbone under a linear classifier, as the pipeline trains it (SPEC 2.5)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from models.backbones import build_backbone
from models.cuts import Backbone, ClassifierInit
from models.training.checkpoint import WeightsCard, WeightsKind, encode, load_pretrained
from models.training.classifier import Classifier, classifier_loss
from models.training.fit import EpochRecord, cross_entropy
from models.training.plan import FitPlan
from models.training.seeding import seeded
from models.training.step_time import NetworkTime, network_time
from models.training.trainable import Accuracy, Batches, files_of, fit_arrays, trained_with

if TYPE_CHECKING:
    from models.graph.graphs import Edges


class WeightsFile(Protocol):
    """A file of weights to start from."""

    @property
    def path(self) -> str:
        """Path of the file."""

    @property
    def kind(self) -> WeightsKind:
        """Origin of the file, which decides how it is read."""

    @property
    def sha256(self) -> str:
        """Digest that it must have."""


@dataclass(frozen=True)
class TrainableBackbone:
    """A backbone that is built afresh for each training."""

    name: str
    """Its name in params, which seeds the first weights beside the training's seed."""
    options: Mapping[str, Any]
    """With `kind`."""
    shape: tuple[int, ...]
    """One clip's input: (C, T, H, W) or (C, T, V, M)."""
    edges: "Edges"
    normalisation: dict[str, Any]
    """Scaling and shape of the input, which the weights' card states."""
    num_classes: int
    dropout: float
    classifier_init: ClassifierInit
    start: WeightsFile | None
    """None: no weights but those that are drawn."""

    @property
    def made_with(self) -> dict[str, Any]:
        """Facts for the record, in no key: device and threads."""
        return trained_with()

    def fit(
        self,
        batches: Batches,
        plan: Mapping[str, Any],
        *,
        resume: Path,
        accuracy: Accuracy | None,
        progress: Callable[[EpochRecord], None] | None = None,
    ) -> dict[str, bytes]:
        """Return weights.pt of the backbone alone, classifier.pt of the linear layer on top, and history.json.

        `plan` holds the fields of a FitPlan. Raises CheckpointError where the weights to start from are other
        than params say, FitError where the loss is not finite.
        """
        fit_plan = FitPlan(**plan)
        model = self._classifier(fit_plan.seed)
        loss = classifier_loss(model, cross_entropy(fit_plan))
        result = fit_arrays(
            model, batches, fit_plan, loss=loss, resume=resume, accuracy=accuracy, progress=progress
        )
        files = files_of(model.backbone, self._card, result)
        return {**files, "classifier.pt": encode(model.fc.state_dict(), self._card)}

    def time(self, plan: Mapping[str, Any], *, batch: int, views: int) -> NetworkTime:
        """Time one clip in training and, of so many views, in inference. Raises CheckpointError as `fit` does."""
        fit_plan = FitPlan(**plan)
        model = self._classifier(fit_plan.seed)
        found = network_time(
            model,
            model.backbone,
            classifier_loss(model, cross_entropy(fit_plan)),
            fit_plan,
            self.shape,
            classes=self.num_classes,
            batch=batch,
        )
        return replace(found, embed_seconds=found.embed_seconds * views)

    def _classifier(self, seed: int) -> Classifier:
        with seeded(seed, "init", self.name):
            return Classifier(
                self._network(), self.num_classes, dropout=self.dropout, init=self.classifier_init
            )

    def _network(self) -> Backbone:
        """A new backbone, or one that starts from given weights."""
        backbone = build_backbone(self.options, shape=self.shape, edges=self.edges)
        start = self.start
        if start is not None:
            summed = start.kind != "harcache" and self.shape[0] == 1
            load_pretrained(
                backbone,
                Path(start.path),
                expected=self._card,
                kind=start.kind,
                sha256=start.sha256,
                stem_channels="summed" if summed else "same",
            )
        return backbone

    @property
    def _card(self) -> WeightsCard:
        options = {name: value for name, value in self.options.items() if name != "kind"}
        return WeightsCard(self.options["kind"], options, self.normalisation)
