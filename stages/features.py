"""Stage `features`: every clip through the frozen backbones, in batches of one fixed, padded size."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache import Row
from models.backbones import build_backbone
from models.cuts import FEATURES as FEATURES_CUT
from models.cuts import Backbone, Cut, cut_shapes
from models.device import best_device
from models.inference import NETWORK_STOPS, embed_views, weights_not_finite
from models.names import BACKBONES
from models.training.checkpoint import decode, load_state
from pipeline.arrays.cut_arrays import CutArray, cut_array, cut_arrays_spec
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Summary
from pipeline.build.pinned import pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import FEATURES
from pipeline.build.work import ClipArrays, ClipResult, not_finite, row_failure, together
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_catalog
from pipeline.errors import FeatureError
from pipeline.inputs.inputs import ClipInput, input_of
from pipeline.keys.part_facts import part_facts
from pipeline.params.parts import parts_in_use
from pipeline.paths import Paths
from pipeline.training.trainings import TRAININGS, Training, read_trainings, trainings_of

if TYPE_CHECKING:
    from pipeline.params.params import Preset

INFERENCE_BATCH = {"cpu": 8, "cuda": 32}
"""Clips that a backbone sees at once, always: the last ones of a batch may be zeros. Recorded, in no key."""


@dataclass(frozen=True)
class Planned:
    """One array of the store."""

    training: Training
    cut: Cut
    shape: tuple[int, ...]
    """(A, …) of one clip."""
    code: Mapping[str, str | int]
    """Name of the backbone's code, where its kind alone does not identify it."""

    @property
    def name(self) -> str:
        """Name of the array."""
        return cut_array(self.training.array, self.cut.name)

    @property
    def kept(self) -> CutArray:
        """Layout of the array."""
        return CutArray(self.name, self.cut.dtype, self.shape, self.cut.dims)

    def params(self, sources: Mapping[str, ClipInput]) -> dict[str, Any]:
        """Parameters that decide its rows, besides weights and clip."""
        cut = {} if self.cut.name == FEATURES_CUT else {"cut": self.cut.name}
        return {"input": sources[self.training.name].normalisation, **cut, **self.code}


@dataclass(frozen=True)
class FeatureWork:
    """Runs every wanted backbone over the clips, each input read once for all that share it."""

    paths: Paths
    preset: "Preset"
    threads: int

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, ClipResult]]:
        """Yield each clip's (A, C) features."""
        networks = _Networks(self.paths, self.preset, arrays, self.threads)
        networks.load()
        remaining = iter(ids)
        while block := list(islice(remaining, INFERENCE_BATCH[best_device()] * self.threads)):
            for clip_id, made in together(networks.rows, block, stops=NETWORK_STOPS):
                wrong = not_finite(made) if isinstance(made, dict) else None
                yield clip_id, made if wrong is None else row_failure(networks.blamed(clip_id, wrong))

    @property
    def made_with(self) -> dict[str, Any]:
        """Facts that the record states beside the key."""
        return {
            "device": best_device(),
            "threads": self.threads,
            "inference_batch": INFERENCE_BATCH[best_device()],
        }


@dataclass(frozen=True)
class _Networks:
    """The wanted backbones, loaded, and their inputs."""

    paths: Paths
    preset: "Preset"
    arrays: frozenset[str]
    threads: int

    @cached_property
    def _wanted(self) -> list[tuple[ClipInput, Backbone, dict[str, str]]]:
        """Each backbone with its input, and the wanted cuts' names to the arrays that keep them."""
        found = []
        for training in read_trainings(self.paths.weights / "backbones"):
            cuts = self.preset.pretrain.backbones[training.name].cuts
            kept = {cut: array for cut in cuts if (array := cut_array(training.array, cut)) in self.arrays}
            if kept:
                found.append((*self._load(training), kept))
        return found

    def load(self) -> None:
        """Load the networks now: what is wrong with one is no clip's fault."""
        _ = self._wanted

    def rows(self, ids: list[str]) -> dict[str, ClipArrays]:
        """By clip, its row of each array."""
        found = self.features(ids)
        return {
            clip_id: {name: values[place] for name, values in found.items()}
            for place, clip_id in enumerate(ids)
        }

    def _load(self, training: Training) -> tuple[ClipInput, Backbone]:
        params = self.preset.pretrain.backbones[training.name]
        source = input_of(self.paths, self.preset, params)
        network = build_backbone(params.model, shape=source.shape, edges=source.edges)
        load_state(network, decode(training.weights).state, training.file)
        return source, network

    def blamed(self, clip_id: str, wrong: FeatureError) -> FeatureError:
        """The same, with what is not finite already before the networks: weights, or the clip's input."""
        for source, network, _ in self._wanted:
            if weights := weights_not_finite(network):
                return FeatureError(f"{wrong}: {weights}")
            if not all(
                np.isfinite(source.unaugmented([clip_id], view)).all() for view in range(source.num_views)
            ):
                return FeatureError(f"{wrong}: its input from {source.path.name} is not finite either")
        return FeatureError(f"{wrong}: its input is finite, so the network overflows; see its quality flags")

    def features(self, ids: list[str]) -> dict[str, NDArray[Any]]:
        """(len(ids), A, …) for each array."""
        seen: dict[str, list[NDArray[np.float32]]] = {}
        found: dict[str, NDArray[Any]] = {}
        for source, network, kept in self._wanted:
            key = repr(source)
            if key not in seen:
                seen[key] = [source.unaugmented(ids, view) for view in range(source.num_views)]
            views = [torch.from_numpy(view) for view in seen[key]]
            device = best_device()
            cuts = embed_views(
                network,
                tuple(kept),
                views,
                batch_size=INFERENCE_BATCH[device],
                device=device,
                threads=self.threads,
            )
            found |= {array: cuts[cut].numpy() for cut, array in kept.items()}
        return found


def plan(paths: Paths, preset: "Preset", options: RunOptions) -> StoreJob:
    """The store that `run` builds: which rows, and what each is made of. Computes no clip."""
    stores = [paths.store(name) for name in ("skeletons", "frames", "heatmaps")]
    inputs = pinned(paths.catalog, paths.weights / "backbones" / TRAININGS, *stores)
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    trainings = trainings_of(paths, preset.pretrain.backbones)
    sources = {name: input_of(paths, preset, p) for name, p in preset.pretrain.backbones.items()}
    made = _planned(preset, trainings, sources)
    documents = _documents(catalog, made, sources, selection_on_all=not preset.pretrain.refit)
    return StoreJob(
        stage="features",
        name="features",
        spec=cut_arrays_spec([array.kept for array in made], most_rows=preset.features.shard_rows),
        rows=[Row(clip_id, docs) for clip_id, docs in documents.items()],
        work=FeatureWork(paths, preset, options.threads),
        coords=catalog.coords,
        attrs={
            "dataset": paths.dataset,
            **catalog.attrs,
            "weights": {training.array: training.sha256 for training in trainings},
            "backbones": {n: p.model_dump(mode="json") for n, p in preset.pretrain.backbones.items()},
        },
        reads=tuple(sorted({source.path.stem for source in sources.values()})),
        pinned=inputs,
        parts=parts_in_use("features", preset),
    )


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write features.zarr: each backbone's cuts for each seed, the vectors (clip, view, channel) float32."""
    return build_store(plan(paths, preset, options), paths, options, max_failed=preset.max_failed)


def _documents(
    catalog: Catalog, made: Sequence[Planned], sources: Mapping[str, ClipInput], *, selection_on_all: bool
) -> dict[str, dict[str, Any]]:
    """For each clip, what each array's row is made of; a selection's of training clips only."""
    keys = {name: source.keys() for name, source in sources.items()}
    documents: dict[str, dict[str, Any]] = {}
    for entry in catalog.usable():
        clip_id = entry.clip.clip_id
        if any(clip_id not in of_source for of_source in keys.values()):
            continue
        documents[clip_id] = {
            array.name: FEATURES.document(
                params=array.params(sources),
                weights={"backbone": array.training.sha256},
                inputs={"clip": keys[array.training.name][clip_id]},
            )
            for array in made
            if array.training.phase == "final" or entry.split == "train" or selection_on_all
        }
    return documents


def _planned(
    preset: "Preset", trainings: tuple[Training, ...], sources: Mapping[str, ClipInput]
) -> list[Planned]:
    """Every array; a selection's too, since heads on any cut are selected on it."""
    found = []
    for training in trainings:
        params, source = preset.pretrain.backbones[training.name], sources[training.name]
        with torch.device("meta"):
            network = build_backbone(params.model, shape=source.shape, edges=source.edges)
        shapes = cut_shapes(network, source.shape, params.cuts)
        code = part_facts(params.model["kind"], BACKBONES)
        found += [
            Planned(training, network.cut(cut), (source.num_views, *shapes[cut]), code) for cut in params.cuts
        ]
    return found
