"""Stage `features`: every clip through the frozen backbones, in batches of one fixed, padded size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cache import Row
from models.backbones import Remember, cuts_of
from models.cuts import FEATURES as FEATURES_CUT
from models.cuts import Cut
from models.names import BACKBONES
from models.training.frozen import Inference
from pipeline.arrays.cut_arrays import CROSSED_DIMS, CutArray, cut_array, cut_arrays_spec
from pipeline.build.aside import remember_in
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Summary
from pipeline.build.pinned import pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import FEATURES
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_catalog
from pipeline.inputs.inputs import ClipInput, input_of
from pipeline.keys.part_facts import part_facts
from pipeline.params.parts import parts_in_use
from pipeline.paths import Paths
from pipeline.rows.features import FeatureWork
from pipeline.training.trainings import TRAININGS, Training, trainings_of

if TYPE_CHECKING:
    from pipeline.params.params import Preset


@dataclass(frozen=True)
class Planned:
    """One array of the store."""

    training: Training
    cut: Cut
    shape: tuple[int, ...]
    """(A, …) of one clip."""
    code: Mapping[str, str | int]
    """Name of the backbone's code, where its kind alone does not identify it."""
    views: Mapping[str, Any]
    """Views that are made of each one of the recipe's."""

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
        derived = {"views": self.views} if self.views else {}
        return {"input": sources[self.training.name].normalisation, **cut, **derived, **self.code}


def plan(paths: Paths, preset: "Preset", options: RunOptions) -> StoreJob:
    """The store that `run` builds: which rows, and what each is made of. Computes no clip."""
    stores = [paths.store(name) for name in ("skeletons", "frames", "heatmaps")]
    inputs = pinned(paths.catalog, paths.weights / "backbones" / TRAININGS, *stores)
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    how = preset.pretrain
    trainings = trainings_of(paths, how.backbones, how.cross_fit)
    sources = {name: input_of(paths, preset, p) for name, p in how.backbones.items()}
    made = _planned(preset, trainings, sources, len(catalog.classes), remember_in(paths.open_cache()))
    documents = _documents(catalog, made, sources, selection_on_all=not how.refit)
    return StoreJob(
        stage="features",
        name="features",
        spec=cut_arrays_spec([array.kept for array in made], most_rows=preset.features.shard_rows),
        rows=[Row(clip_id, docs) for clip_id, docs in documents.items()],
        work=FeatureWork(paths, preset, Inference(options.threads), len(catalog.classes)),
        coords=catalog.coords,
        attrs={
            "dataset": paths.dataset,
            **catalog.attrs,
            "weights": {training.array: training.sha256 for training in trainings},
            "backbones": {n: p.model_dump(mode="json") for n, p in how.backbones.items()},
            **({"cross_fit": how.cross_fit} if how.cross_fit else {}),
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
    """For each clip, what each array's row is made of; a selection's, and a part's, of training clips only."""
    keys = {name: source.keys() for name, source in sources.items()}
    document = {
        array.name: FEATURES.documents(
            params=array.params(sources), weights=array.training.weights_of(array.cut.name)
        )
        for array in made
    }
    documents: dict[str, dict[str, Any]] = {}
    for entry in catalog.usable():
        clip_id = entry.clip.clip_id
        if any(clip_id not in of_source for of_source in keys.values()):
            continue
        documents[clip_id] = {
            array.name: document[array.name]({"clip": keys[array.training.name][clip_id]})
            for array in made
            if entry.split == "train" or array.training.is_tested(selection=selection_on_all)
        }
    return documents


def _planned(
    preset: "Preset",
    trainings: tuple[Training, ...],
    sources: Mapping[str, ClipInput],
    num_classes: int,
    remember: Remember,
) -> list[Planned]:
    """Every array; a selection's too, since heads on any cut are selected on it, and the vectors of each part's."""
    found = []
    for training in trainings:
        params, source = preset.pretrain.backbones[training.name], sources[training.name]
        code = part_facts(params.model["kind"], BACKBONES)
        found += [
            Planned(training, cut, (source.num_views, *shape), code, params.derived_views)
            for cut, shape in cuts_of(
                params.model,
                params.cuts,
                shape=source.shape,
                edges=source.edges,
                num_classes=num_classes,
                remember=remember,
            )
            if training.part is None or cut.dims in CROSSED_DIMS
        ]
    return found
