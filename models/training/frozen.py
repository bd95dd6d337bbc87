"""Frozen networks as the pipeline takes them: NumPy arrays in and out, on the best device where they run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from models.backbones import build_backbone
from models.cuts import Backbone
from models.device import best_device
from models.files import load_state
from models.inference import NETWORK_STOPS, embed_views, weights_not_finite
from models.training.checkpoint import WeightsCard, WeightsKind, decode, load_pretrained
from models.training.classifier import Classifier
from models.training.seeding import seeded

if TYPE_CHECKING:
    from models.graph.graphs import Edges

INFERENCE_BATCH = {"cpu": 8, "cuda": 32}
"""Clips that a backbone sees at once, always: the last ones of a batch may be zeros. Recorded, in no key."""

BATCH_BYTES = 64_000_000
MOST_CLIPS = 32


def fitting_batch(shape: Sequence[int]) -> int:
    """Return how many clips of `shape`, in float32, a network sees at once: 64 MB of them, 32 at most."""
    return max(1, min(MOST_CLIPS, BATCH_BYTES // (4 * prod(shape))))


@dataclass(frozen=True)
class Inference:
    """Way in which frozen networks are run. Small and picklable: its device is that of the machine that asks."""

    threads: int
    """On a CPU, batches that are computed at a time."""
    batch: int | None = None
    """Clips that a network sees at once; None takes INFERENCE_BATCH of the device."""
    stops: ClassVar[tuple[type[Exception], ...]] = NETWORK_STOPS
    """Errors that show a fault of the network or the device, not of a clip."""

    @property
    def batch_size(self) -> int:
        """Clips that a network sees at once, on this machine."""
        return INFERENCE_BATCH[best_device()] if self.batch is None else self.batch

    @property
    def clips_at_once(self) -> int:
        """Clips that keep every thread busy with one batch."""
        return self.batch_size * self.threads

    @property
    def made_with(self) -> dict[str, Any]:
        """Facts for the record, in no key: device, threads, clips of a batch."""
        return {"device": best_device(), "threads": self.threads, "inference_batch": self.batch_size}

    def learned(
        self,
        options: Mapping[str, Any],
        weights: bytes,
        *,
        shape: Sequence[int],
        edges: "Edges",
        name: str,
        classifier: bytes = b"",
        num_classes: int = 0,
    ) -> "FrozenNetwork":
        """Return the backbone that `options` describe, with weights that `pretrain` wrote, `name` in errors.

        With the weights of its `classifier` of `num_classes`, it has the cut `logits` too. Raises CheckpointError where
        weights are another network's.
        """
        network = build_backbone(options, shape=shape, edges=edges)
        load_state(network, decode(weights).state, name)
        if classifier:
            network = Classifier(network, num_classes)
            load_state(network.fc, decode(classifier).state, f"the classifier of {name}")
        return FrozenNetwork(network, self)


@dataclass(frozen=True)
class FrozenNetwork:
    """A loaded backbone, and how it is run."""

    backbone: Backbone
    inference: Inference

    def embed(self, names: Sequence[str], views: Sequence[NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
        """Return the named cuts of n clips, (n, A, …) in each cut's dtype, of A views, each (n, …)."""
        cuts = embed_views(
            self.backbone,
            names,
            [torch.from_numpy(view) for view in views],
            batch_size=self.inference.batch_size,
            device=best_device(),
            threads=self.inference.threads,
        )
        return {name: values.numpy() for name, values in cuts.items()}

    def fault(self) -> str:
        """Describe the first weights that are not finite; empty where all are."""
        return weights_not_finite(self.backbone)


@dataclass(frozen=True)
class NetworkFile:
    """A backbone and the file of its weights, read once where it is asked for."""

    options: Mapping[str, Any]
    """With `kind`."""
    shape: tuple[int, ...]
    """One clip's input."""
    weights: Path | None
    """None: untrained; the same on every machine with one version of torch."""
    kind: WeightsKind = "harcache"
    card: WeightsCard | None = None
    """Card that the weights must have; None without a file."""
    sha256: str | None = None
    """Digest of the file: one that was replaced before loading is refused."""

    @cached_property
    def backbone(self) -> Backbone:
        """The network on the CPU. Raises CheckpointError as `load_pretrained` does."""
        with seeded(0, "init", self.options["kind"]):
            network = build_backbone(self.options, shape=self.shape)
        if self.weights is not None and self.card is not None:
            load_pretrained(network, self.weights, expected=self.card, kind=self.kind, sha256=self.sha256)
        return network

    def frozen(self, inference: Inference) -> FrozenNetwork:
        """Return the network, run as `inference` says."""
        return FrozenNetwork(self.backbone, inference)
