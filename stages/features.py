"""features: every clip through the frozen backbones, in batches of one fixed, padded size."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cache import ArraySpec, Row, RowFailure, StoreSpec
from models.backbones import build_backbone
from models.checkpoint import decode, load_state
from models.device import best_device
from models.inference import embed
from pipeline.build import Made, StoreJob, accounts, build_store
from pipeline.catalog import Catalog
from pipeline.dims import recipe_dims
from pipeline.failures import Summary
from pipeline.inputs import ClipInput, input_of
from pipeline.opening import opened_catalog, opened_store
from pipeline.params import Preset
from pipeline.paths import Paths
from pipeline.runner import RunOptions
from pipeline.steps import FEATURES
from pipeline.trained import Training, read_trainings

INFERENCE_BATCH = 32
"""Clips that a backbone sees at once, always: the last ones of a batch may be zeros. Recorded, in no key."""

CHUNK_ROWS = 16


@dataclass(frozen=True)
class FeatureWork:
    """Runs every wanted backbone over the clips, each input read once for all that share it."""

    paths: Paths
    preset: Preset
    threads: int

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, Made | RowFailure]]:
        """Yield each clip's (A, C) features."""
        torch.set_num_threads(self.threads)
        networks = _Networks(self.paths, self.preset, arrays)
        remaining = iter(ids)
        while batch := list(islice(remaining, INFERENCE_BATCH)):
            features = networks.features(batch)
            for place, clip_id in enumerate(batch):
                yield clip_id, {name: values[place] for name, values in features.items()}

    @property
    def made_with(self) -> dict[str, Any]:
        """What the record says beside the key."""
        return {"device": best_device(), "threads": self.threads, "inference_batch": INFERENCE_BATCH}


@dataclass(frozen=True)
class _Networks:
    """The wanted backbones, loaded, and their inputs."""

    paths: Paths
    preset: Preset
    arrays: frozenset[str]

    @cached_property
    def _loaded(self) -> dict[str, tuple[ClipInput, nn.Module]]:
        trainings = {t.array: t for t in read_trainings(self.paths.weights / "backbones")}
        return {name: self._load(trainings[name]) for name in sorted(self.arrays)}

    def _load(self, training: Training) -> tuple[ClipInput, nn.Module]:
        params = self.preset.pretrain.backbones[training.name]
        source = input_of(self.paths, self.preset, params)
        network = build_backbone(params.model, shape=source.shape, edges=source.edges)
        load_state(network, decode(training.weights).state, training.file)
        return source, network

    def features(self, ids: list[str]) -> dict[str, NDArray[np.float32]]:
        """(len(ids), A, C) for each array."""
        seen: dict[str, list[NDArray[np.float32]]] = {}
        found = {}
        for name, (source, network) in self._loaded.items():
            key = repr(source)
            if key not in seen:
                seen[key] = [source.plain(ids, view) for view in range(source.num_views)]
            blocks = [(torch.from_numpy(clips),) for clips in seen[key]]
            views = embed(network, blocks, batch_size=INFERENCE_BATCH, device=best_device())
            found[name] = torch.stack(list(views), dim=1).numpy()
        return found


def run(paths: Paths, preset: Preset, options: RunOptions) -> Summary:
    """Write features.zarr: for each backbone and seed (clip, view, channel) float32."""
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    trainings = read_trainings(paths.need(paths.weights / "backbones", "pretrain"))
    sources = {name: input_of(paths, preset, p) for name, p in preset.pretrain.backbones.items()}
    documents = _documents(catalog, trainings, sources, selection_on_all=not preset.pretrain.refit)
    job = StoreJob(
        stage="features",
        name="features",
        spec=_spec(preset, trainings, sources),
        rows=[Row(clip_id, docs) for clip_id, docs in documents.items()],
        work=FeatureWork(paths, preset, options.threads),
        coords=catalog.coords,
        attrs={
            "dataset": paths.dataset,
            "protocol": catalog.protocol,
            "classes": list(catalog.classes),
            "weights": {training.array: training.sha256 for training in trainings},
            "backbones": {n: p.model_dump(mode="json") for n, p in preset.pretrain.backbones.items()},
        },
        upstream=accounts(opened_store(paths.need(paths.store("frames"), "crop"))),
    )
    return build_store(job, paths, options, max_failed=preset.max_failed)


def _documents(
    catalog: Catalog,
    trainings: tuple[Training, ...],
    sources: Mapping[str, ClipInput],
    *,
    selection_on_all: bool,
) -> dict[str, dict[str, Any]]:
    """For each clip, what each backbone's features are made of; a selection's of training clips only."""
    keys = {name: source.keys() for name, source in sources.items()}
    documents: dict[str, dict[str, Any]] = {}
    for entry in catalog.usable():
        clip_id = entry.clip.clip_id
        if any(clip_id not in of_source for of_source in keys.values()):
            continue
        documents[clip_id] = {
            training.array: FEATURES.document(
                params={"input": sources[training.name].normalisation},
                weights={"backbone": training.sha256},
                inputs={"clip": keys[training.name][clip_id]},
            )
            for training in trainings
            if training.phase == "final" or entry.split == "train" or selection_on_all
        }
    return documents


def _spec(preset: Preset, trainings: tuple[Training, ...], sources: Mapping[str, ClipInput]) -> StoreSpec:
    shapes = {}
    for training in trainings:
        source = sources[training.name]
        options = preset.pretrain.backbones[training.name].model
        with torch.device("meta"):
            network = build_backbone(options, shape=source.shape, edges=source.edges)
        shapes[training.array] = (source.num_views, network.num_features)
    dims = recipe_dims(shapes, ("view", "channel"))
    arrays = tuple(
        ArraySpec(n, "float32", shape, dims[n], chunk_rows=CHUNK_ROWS) for n, shape in shapes.items()
    )
    return StoreSpec(arrays, rows_per_shard=preset.features.shard_rows, row_dim="clip")
