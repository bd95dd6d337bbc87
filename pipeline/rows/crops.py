"""Rows of frames.zarr: the pixels and the box of each recipe. Each video is decoded once for all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cache import ArraySpec, Cache, StoreSpec
from pipeline.arrays.dim_names import recipe_dims
from pipeline.arrays.no_arrays import nothing_asked
from pipeline.build.sources import SourceFiles
from pipeline.build.work import ClipArrays, ClipResult, one_by_one
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_catalog, opened_entries, opened_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.datasets.opened import dataset_of, files_to_prove, need_video
from pipeline.datasets.protocol import Dataset, PartlyDark
from pipeline.errors import ParamError
from pipeline.paths import Paths
from pipeline.rows.cut_clip import samples_and_box
from pipeline.values import Clip, Skeleton
from pipeline.video.crop import BOX, crop_clip, row_shape
from pipeline.video.crop_recipe import EnhanceRule, ShareCurves
from pipeline.video.depth import depth_to_uint8, person_distance_mm
from pipeline.video.jpeg_rows import encode_jpeg

if TYPE_CHECKING:
    from pipeline.params.params import Preset

Pixels = NDArray[np.uint8]


class Light(Protocol):
    """Brightens crops by a network whose weights a file holds."""

    def read(self, weights: Path, sha256: str) -> None:
        """Read the weights before the first clip, and refuse what is none."""
        ...

    def __call__(self, crops: Pixels, weights: Path, *, sha256: str, share_curves: ShareCurves) -> Pixels:
        """(A, T, H, W, 3) → the same; equal bytes in every process."""
        ...


@dataclass(frozen=True)
class CropWork:
    """Decodes one clip and cuts it for every recipe that lacks it."""

    paths: Paths
    preset: "Preset"
    cache: Cache
    lights: Mapping[str, Light] = field(default_factory=dict)
    """By kind, what lights the crops of recipes with a rule `enhance`; empty where none has one."""
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By which each clip's row is named; the sha256 of its `video` among them."""

    def named_by(self, inputs: Mapping[str, Mapping[str, Any]]) -> "CropWork":
        """Return the same work with the digests of the inputs that it must read."""
        return replace(self, inputs=inputs)

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Device of the enhancers; without one there is nothing to record."""
        return {} if not self.lights else {"device": "cpu", "threads": 1}

    def compute(self, ids: list[str], arrays: frozenset[str]) -> Iterator[tuple[str, ClipResult]]:
        """Yield each clip's pixels and boxes."""
        with SourceFiles(self.cache) as sources:
            yield from one_by_one(partial(self._clip, sources), ids, arrays)

    def _clip(self, sources: SourceFiles, clip_id: str, arrays: frozenset[str]) -> ClipArrays:
        dataset = dataset_of(self.preset.index, self.paths.raw)
        clip = opened_entries(self.paths.catalog)[clip_id].clip
        skeleton = read_skeleton(opened_store(self.paths.store("skeletons")), clip_id)
        recipes = {name: self.preset.crop.recipes[name] for name in _recipes_of(arrays)}
        cuts = {
            name: (recipe, *samples_and_box(self.paths, recipe, clip_id, skeleton))
            for name, recipe in recipes.items()
        }
        need_video(dataset, clip)
        source = dataset.open_video(clip)
        convert = self._depth(skeleton) if opened_catalog(self.paths.catalog).modality == "depth" else None
        video = {"video": self.inputs[clip_id]["video"]}
        with sources.held(files_to_prove(dataset, clip, video)):
            cropped_clips = crop_clip(source, cuts, convert=convert)
        made: ClipArrays = {}
        for name, cropped in cropped_clips.items():
            rule, jpeg = recipes[name].enhance, recipes[name].storage == "jpeg"
            pixels = self._lit(cropped, rule) if rule and is_lit(rule, dataset, clip) else cropped
            made[name] = encode_jpeg(pixels, quality=recipes[name].jpeg_quality) if jpeg else pixels
            box = cuts[name][2]
            made[BOX + name] = np.array([box.left, box.top, box.right, box.bottom], np.int32)
        return made

    def _lit(self, crops: Pixels, rule: EnhanceRule) -> Pixels:
        weights = self.paths.root / rule.weights
        return self.lights[rule.kind](crops, weights, sha256=rule.sha256, share_curves=rule.share_curves)

    def _depth(self, skeleton: Skeleton) -> partial[Pixels]:
        return partial(
            depth_to_uint8,
            person_mm=person_distance_mm(skeleton),
            range_m=self.preset.crop.depth_range_metres,
        )


def is_lit(rule: EnhanceRule | None, dataset: Dataset, clip: Clip) -> bool:
    """Whether the rule lights this clip. Raises ParamError where the dataset does not say which clips are dark."""
    if rule is None or rule.clips == "all":
        return rule is not None
    if not isinstance(dataset, PartlyDark):
        raise ParamError(
            f"enhance lights dark clips alone, and {dataset.name} does not say which were filmed in the dark; leave "
            "`clips` out, and all are lit"
        )
    return dataset.is_dark(clip)


def frames_spec(preset: "Preset", catalog: Catalog) -> StoreSpec:
    """Arrays of frames.zarr: of each recipe (clip, view, frame, y, x, channel) uint8, or JPEGs, and its boxes."""
    recipes, channels = preset.crop.recipes, catalog.channels
    if not recipes:
        return nothing_asked()
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


def _recipes_of(arrays: frozenset[str]) -> list[str]:
    return sorted({name.removeprefix(BOX) for name in arrays})
