"""Rows of features.zarr: every clip through the frozen backbones, in batches of one fixed, padded size."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.cut_arrays import LOGITS, cut_array
from pipeline.build.work import ClipArrays, ClipResult, together
from pipeline.errors import FeatureError
from pipeline.inputs.inputs import ClipInput, input_of
from pipeline.paths import Paths
from pipeline.rows.networks import Floats, Inference, Network, finite, rows_of
from pipeline.training.trainings import Training, read_trainings

if TYPE_CHECKING:
    from pipeline.params.params import Preset


class LearnedInference(Inference, Protocol):
    """Way in which networks are run, and loaded from what `pretrain` wrote."""

    def learned(
        self,
        options: Mapping[str, Any],
        weights: bytes,
        *,
        shape: tuple[int, ...],
        edges: tuple[tuple[int, int], ...],
        name: str,
        classifier: bytes = b"",
        num_classes: int = 0,
    ) -> Network:
        """Return the backbone that `options` describe, for clips of `shape`; `name` says in errors whose weights.

        With the weights of its `classifier` of `num_classes`, it has the cut `logits` too.
        """
        ...


@dataclass(frozen=True)
class FeatureWork:
    """Runs every wanted backbone over the clips, each input read once for all that share it."""

    paths: Paths
    preset: "Preset"
    inference: LearnedInference
    num_classes: int
    """Number of the catalog's classes, which the logits are of."""

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Facts that the record states beside the key."""
        return self.inference.made_with

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, ClipResult]]:
        """Yield each clip's (A, …) row of each array."""
        networks = _Networks(self.paths, self.preset, arrays, self.inference, self.num_classes)
        networks.load()
        remaining = iter(ids)
        while block := list(islice(remaining, self.inference.clips_at_once)):
            for clip_id, made in together(networks.rows, block, stops=self.inference.stops):
                yield clip_id, finite(made, partial(networks.blamed, clip_id))


@dataclass(frozen=True)
class _Networks:
    """The wanted backbones, loaded, and their inputs."""

    paths: Paths
    preset: "Preset"
    arrays: frozenset[str]
    inference: LearnedInference
    num_classes: int

    @cached_property
    def _wanted(self) -> list[tuple[ClipInput, Network, dict[str, str]]]:
        """Each backbone with its input, and the wanted cuts' names to the arrays that keep them."""
        found = []
        for training in read_trainings(self.paths.weights / "backbones"):
            params = self.preset.pretrain.backbones[training.name]
            kept = {
                cut: array for cut in params.cuts if (array := cut_array(training.array, cut)) in self.arrays
            }
            if kept:
                source = input_of(self.paths, self.preset, params)
                found.append((source, self._network(training, source, with_logits=LOGITS in kept), kept))
        return found

    def _network(self, training: Training, source: ClipInput, *, with_logits: bool) -> Network:
        return self.inference.learned(
            self.preset.pretrain.backbones[training.name].model,
            training.weights,
            shape=source.shape,
            edges=source.edges,
            name=training.file,
            classifier=training.classifier if with_logits else b"",
            num_classes=self.num_classes,
        )

    def load(self) -> None:
        """Load the networks now: what is wrong with one is no clip's fault."""
        _ = self._wanted

    def rows(self, ids: list[str]) -> dict[str, ClipArrays]:
        """By clip, its row of each array."""
        return rows_of(self.features(ids), ids)

    def features(self, ids: list[str]) -> dict[str, NDArray[Any]]:
        """(len(ids), A, …) for each array."""
        seen: dict[str, list[Floats]] = {}
        found: dict[str, NDArray[Any]] = {}
        for source, network, kept in self._wanted:
            key = repr(source)
            if key not in seen:
                seen[key] = [source.unaugmented(ids, view) for view in range(source.num_views)]
            cuts = network.embed(tuple(kept), seen[key])
            found |= {array: cuts[cut] for cut, array in kept.items()}
        return found

    def blamed(self, clip_id: str, wrong: FeatureError) -> FeatureError:
        """The same, with what is not finite already before the networks: weights, or the clip's input."""
        for source, network, _ in self._wanted:
            if fault := network.fault():
                return FeatureError(f"{wrong}: {fault}")
            if not all(
                np.isfinite(source.unaugmented([clip_id], view)).all() for view in range(source.num_views)
            ):
                return FeatureError(f"{wrong}: its input from {source.path.name} is not finite either")
        return FeatureError(f"{wrong}: its input is finite, so the network overflows; see its quality flags")
