"""Stage `crop`: cut the people out of the sampled frames. Each video is decoded once for all recipes."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cache import ArraySpec, Cache, Digests, Row, StoreSpec
from pipeline.arrays.dim_names import recipe_dims
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Summary
from pipeline.build.pinned import pinned
from pipeline.build.runner import RunOptions
from pipeline.build.sources import SourceFiles
from pipeline.build.steps import CROP
from pipeline.build.work import ClipArrays, ClipResult, one_by_one
from pipeline.catalog.catalog import Catalog, Entry
from pipeline.catalog.indexing import changed_videos
from pipeline.catalog.opened import made_keys, opened_catalog, opened_entries, opened_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.datasets.opened import dataset_of, files_to_prove, need_video
from pipeline.errors import ParamError
from pipeline.keys.keyed import in_key
from pipeline.params.parts import parts_in_use
from pipeline.paths import Paths
from pipeline.values import Box, Samples, Skeleton
from pipeline.video.boxes import box_of
from pipeline.video.crop import BOX, CropRecipe, crop_clip, row_shape
from pipeline.video.depth import depth_to_uint8, person_distance_mm
from pipeline.video.enhance_rule import EnhanceRule
from pipeline.video.jpeg_rows import encode_jpeg

if TYPE_CHECKING:
    from models.night.zerodce import ZeroDCE
    from pipeline.params.params import Preset


@dataclass(frozen=True)
class CropWork:
    """Decodes one clip and cuts it for every recipe that lacks it."""

    paths: Paths
    preset: "Preset"
    cache: Cache
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By which each clip's row is named; the sha256 of its `video` among them."""

    def named_by(self, inputs: Mapping[str, Mapping[str, Any]]) -> "CropWork":
        """Return the same work with the digests of the inputs that it must read."""
        return replace(self, inputs=inputs)

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Device of the enhancers; without one there is nothing to record."""
        enhanced = any(recipe.enhance for recipe in self.preset.crop.recipes.values())
        return {"device": "cpu", "threads": 1} if enhanced else {}

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, ClipResult]]:
        """Yield each clip's pixels and boxes."""
        with SourceFiles(self.cache) as sources:
            yield from one_by_one(partial(self._clip, sources), ids, arrays)

    def _clip(self, sources: SourceFiles, clip_id: str, arrays: frozenset[str]) -> ClipArrays:
        dataset = dataset_of(self.preset.index, self.paths.raw)
        entry = opened_entries(self.paths.catalog)[clip_id]
        skeleton = read_skeleton(opened_store(self.paths.store("skeletons")), clip_id)
        recipes = {name: self.preset.crop.recipes[name] for name in _recipes_of(arrays)}
        cuts = {name: self._cut(clip_id, name, skeleton, entry) for name in recipes}
        need_video(dataset, entry.clip)
        source = dataset.open_video(entry.clip)
        convert = self._depth(skeleton) if opened_catalog(self.paths.catalog).modality == "depth" else None
        video = {"video": self.inputs[clip_id]["video"]}
        with sources.held(files_to_prove(dataset, entry.clip, video)):
            cropped_clips = crop_clip(source, cuts, convert=convert)
        made: ClipArrays = {}
        for name, cropped in cropped_clips.items():
            rule, jpeg = recipes[name].enhance, recipes[name].storage == "jpeg"
            pixels = cropped if rule is None else self._lit(cropped, rule)
            made[name] = encode_jpeg(pixels, quality=recipes[name].jpeg_quality) if jpeg else pixels
            box = cuts[name][2]
            made[BOX + name] = np.array([box.left, box.top, box.right, box.bottom], np.int32)
        return made

    def _cut(
        self, clip_id: str, name: str, skeleton: Skeleton, entry: Entry
    ) -> tuple[CropRecipe, Samples, Box]:
        recipe = self.preset.crop.recipes[name]
        frames = opened_store(self.paths.store("samples")).read_row(recipe.sampling, clip_id)
        box = box_of(recipe.box, skeleton, entry.height, entry.width)
        return recipe, Samples(frames, entry.num_frames), box

    def _lit(self, crops: NDArray[np.uint8], rule: EnhanceRule) -> NDArray[np.uint8]:
        """(A, T, H, W, 3) → the same; on a CPU, so that any worker makes the same bytes."""
        import torch  # a second or two, which recipes without an enhancer need not wait

        from models.night.zerodce import enhance_frames

        torch.set_num_threads(1)  # how many are free differs between workers, and sums with it
        network = _enhancer(self.paths.root / rule.weights, rule.sha256)
        lit: NDArray[np.uint8] = enhance_frames(
            network, torch.from_numpy(crops), share_curves=rule.share_curves
        ).numpy()
        return lit

    def _depth(self, skeleton: Skeleton) -> partial[NDArray[np.uint8]]:
        return partial(
            depth_to_uint8,
            person_mm=person_distance_mm(skeleton),
            range_m=self.preset.crop.depth_range_metres,
        )


def plan(paths: Paths, preset: "Preset", options: RunOptions) -> StoreJob:
    """The store that `run` builds: which rows, and what each is made of. Computes no clip."""
    inputs = pinned(paths.catalog, paths.store("skeletons"), paths.store("samples"))
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    _check_enhancers(paths, preset, catalog)
    spec = _spec(preset, catalog)
    dataset = dataset_of(preset.index, paths.raw)
    with Digests(paths.open_cache()) as known:
        changed = changed_videos(dataset, catalog.usable(), known.sha256, workers=options.workers)
    documents = _documents(paths, preset, catalog, {failure.clip_id for failure in changed})
    return StoreJob(
        stage="crop",
        name="frames",
        spec=spec,
        rows=[
            Row(clip_id, {array.name: recipes[array.name.removeprefix(BOX)] for array in spec.arrays})
            for clip_id, recipes in documents.items()
        ],
        work=CropWork(paths, preset, paths.open_cache()),
        coords=catalog.coords,
        attrs={
            "dataset": paths.dataset,
            **catalog.attrs,
            "modality": catalog.modality,
            "recipes": {name: in_key(recipe) for name, recipe in preset.crop.recipes.items()},
        },
        failures=changed,
        reads=("skeletons", "samples"),
        pinned=inputs,
        left_out="" if catalog.has_videos else "the dataset has no videos: nothing is cropped",
        parts=parts_in_use("crop", preset),
    )


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write frames.zarr: for each recipe (clip, view, frame, y, x, channel) uint8, or JPEGs, and its boxes."""
    return build_store(plan(paths, preset, options), paths, options, max_failed=preset.max_failed)


def _spec(preset: "Preset", catalog: Catalog) -> StoreSpec:
    recipes, channels = preset.crop.recipes, catalog.channels
    shapes = {}
    for name, recipe in recipes.items():
        sampling = preset.sample[recipe.sampling]
        shapes[name] = row_shape(
            recipe, views=sampling.views, num_frames=sampling.num_frames, channels=channels
        )
    shown = recipe_dims({name: shape[:2] for name, shape in shapes.items()}, ("view", "frame"))
    jpeg = {name for name, recipe in recipes.items() if recipe.storage == "jpeg"}
    inner = {
        **recipe_dims({n: s[2:] for n, s in shapes.items() if n not in jpeg}, ("y", "x", "channel")),
        **recipe_dims({n: s[2:] for n, s in shapes.items() if n in jpeg}, ("jpeg_byte",)),
    }
    dims = {name: (*shown[name], *inner[name]) for name in shapes}
    arrays = [
        ArraySpec(name, "uint8", shape, dims[name], codec="raw" if recipes[name].storage == "raw" else "zstd")
        for name, shape in shapes.items()
    ]
    shard_rows = preset.crop.shard_rows
    together = gcd(64, shard_rows)  # whole chunks make a shard, however few clips of large frames it holds
    boxes = [ArraySpec(BOX + name, "int32", (4,), ("corner",), chunk_rows=together) for name in recipes]
    return StoreSpec((*arrays, *boxes), rows_per_shard=shard_rows, row_dim="clip")


def _documents(
    paths: Paths, preset: "Preset", catalog: Catalog, changed: Set[str]
) -> dict[str, dict[str, Any]]:
    """For each clip and recipe, what its pixels are made of."""
    samples = opened_store(paths.need(paths.store("samples"), "sample"))
    skeletons = made_keys(opened_store(paths.need(paths.store("skeletons"), "index")), "joints_3d")
    chosen = {name: made_keys(samples, recipe.sampling) for name, recipe in preset.crop.recipes.items()}
    depth = {"depth_range_metres": preset.crop.depth_range_metres} if catalog.modality == "depth" else {}
    return {
        entry.clip.clip_id: {
            name: CROP.document(
                params={**in_key(recipe), **depth},
                inputs={
                    "video": entry.video_sha256,
                    "skeleton": skeletons[entry.clip.clip_id],
                    "samples": chosen[name][entry.clip.clip_id],
                },
                runtime=() if recipe.enhance is None else ("torch",),
            )
            for name, recipe in preset.crop.recipes.items()
        }
        for entry in (catalog.usable() if catalog.has_videos else ())
        if entry.clip.clip_id not in changed
        and all(entry.clip.clip_id in of_recipe for of_recipe in chosen.values())
    }


def _check_enhancers(paths: Paths, preset: "Preset", catalog: Catalog) -> None:
    """Read every enhancer's weights before the first clip. Raises CheckpointError, or ParamError for depth."""
    for name, recipe in preset.crop.recipes.items():
        if recipe.enhance is None:
            continue
        if catalog.channels != 3:
            raise ParamError(
                f"crop.recipes.{name}.enhance lights colour videos, these are {catalog.modality}: leave it out"
            )
        _enhancer(paths.root / recipe.enhance.weights, recipe.enhance.sha256)


@lru_cache(maxsize=4)
def _enhancer(weights: Path, sha256: str) -> "ZeroDCE":
    from models.night.zerodce import load_zero_dce

    return load_zero_dce(weights, sha256=sha256)


def _recipes_of(arrays: frozenset[str]) -> list[str]:
    return sorted({name.removeprefix(BOX) for name in arrays})
