"""Stage `crop`: cut the people out of the sampled frames. Each video is decoded once for all recipes."""

from collections.abc import Callable, Mapping, Set
from typing import TYPE_CHECKING, Any

from cache import Digests, Row
from models.lookup import found_by_name
from models.night.names import ENHANCERS
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Failure, Summary
from pipeline.build.pinned import pinned
from pipeline.build.runner import RunOptions
from pipeline.build.steps import CROP
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.indexing import changed_videos
from pipeline.catalog.opened import made_keys, opened_catalog, opened_store
from pipeline.datasets.opened import dataset_of
from pipeline.errors import ParamError
from pipeline.keys.keyed import in_key
from pipeline.keys.part_facts import part_facts
from pipeline.params.parts import parts_in_use
from pipeline.paths import Paths
from pipeline.rows.crops import CropWork, Light, frames_spec, is_lit
from pipeline.stand_ins import stand_in
from pipeline.video.crop import BOX

if TYPE_CHECKING:
    from pipeline.params.params import Preset
    from pipeline.video.crop_recipe import CropRecipe


def plan(paths: Paths, preset: "Preset", options: RunOptions) -> StoreJob:
    """The store that `run` builds: which rows, and what each is made of. Computes no clip."""
    inputs = pinned(paths.catalog, paths.store("skeletons"), paths.store("samples"))
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    lights = _lights(paths, preset, catalog)
    spec = frames_spec(preset, catalog)
    changed = (
        ()
        if stand_in(paths.catalog) or not preset.crop.recipes
        else _changed(paths, preset, catalog, options)
    )
    documents = _documents(paths, preset, catalog, {failure.clip_id for failure in changed})
    return StoreJob(
        stage="crop",
        name="frames",
        spec=spec,
        rows=[
            Row(clip_id, {array.name: recipes[array.name.removeprefix(BOX)] for array in spec.arrays})
            for clip_id, recipes in documents.items()
        ],
        work=CropWork(paths, preset, paths.open_cache(), lights),
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
        left_out=_left_out(preset, catalog),
        parts=parts_in_use("crop", preset),
    )


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Summary:
    """Write frames.zarr: for each recipe (clip, view, frame, y, x, channel) uint8, or JPEGs, and its boxes."""
    return build_store(plan(paths, preset, options), paths, options, max_failed=preset.max_failed)


def _left_out(preset: "Preset", catalog: Catalog) -> str:
    """Why nothing is to be cropped, where that is right."""
    if not preset.crop.recipes:
        return "the preset has no `crop`: nothing is cropped"
    return "" if catalog.has_videos else "the dataset has no videos: nothing is cropped"


def _changed(paths: Paths, preset: "Preset", catalog: Catalog, options: RunOptions) -> tuple[Failure, ...]:
    """Clips whose video is no longer the one that was indexed."""
    dataset = dataset_of(preset.index, paths.raw)
    with Digests(paths.open_cache()) as known:
        return changed_videos(dataset, catalog.usable(), known.sha256, workers=options.workers)


def _documents(
    paths: Paths, preset: "Preset", catalog: Catalog, changed: Set[str]
) -> dict[str, dict[str, Any]]:
    """For each clip and recipe, what its pixels are made of."""
    samples = opened_store(paths.need(paths.store("samples"), "sample"))
    skeletons = made_keys(opened_store(paths.need(paths.store("skeletons"), "index")), "joints_3d")
    chosen = {name: made_keys(samples, recipe.sampling) for name, recipe in preset.crop.recipes.items()}
    depth = {"depth_range_metres": preset.crop.depth_range_metres} if catalog.modality == "depth" else {}
    document = {
        name: (_document_of(recipe.unlit, depth), _document_of(recipe, depth))
        for name, recipe in preset.crop.recipes.items()
    }
    rules = {name: recipe.enhance for name, recipe in preset.crop.recipes.items()}
    dataset = dataset_of(preset.index, paths.raw)
    return {
        entry.clip.clip_id: {
            name: document[name][is_lit(rules[name], dataset, entry.clip)](
                {
                    "video": entry.video_sha256,
                    "skeleton": skeletons[entry.clip.clip_id],
                    "samples": of_recipe[entry.clip.clip_id],
                }
            )
            for name, of_recipe in chosen.items()
        }
        for entry in (() if _left_out(preset, catalog) else catalog.usable())
        if entry.clip.clip_id not in changed
        and all(entry.clip.clip_id in of_recipe for of_recipe in chosen.values())
    }


def _document_of(
    recipe: "CropRecipe", depth: Mapping[str, float]
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What makes the document of one clip's inputs."""
    return CROP.documents(
        params={**in_key(recipe), **depth, **_enhancer_facts(recipe)},
        runtime=() if recipe.enhance is None else ("torch",),
    )


def _enhancer_facts(recipe: "CropRecipe") -> dict[str, str | int]:
    """The version of the recipe's enhancer, where it was raised."""
    return {} if recipe.enhance is None else part_facts(recipe.enhance.kind, ENHANCERS)


def _lights(paths: Paths, preset: "Preset", catalog: Catalog) -> dict[str, Light]:
    """What lights the crops, by kind, every enhancer's weights read before the first clip.

    It is found by its name, and imported where a recipe asks for it. Raises CheckpointError, or ParamError for depth.
    """
    enhanced = {name: recipe.enhance for name, recipe in preset.crop.recipes.items() if recipe.enhance}
    lights: dict[str, Light] = {}
    for name, rule in enhanced.items():
        if catalog.channels != 3:
            raise ParamError(
                f"crop.recipes.{name}.enhance lights colour videos, these are {catalog.modality}: leave it out"
            )
        if rule.kind not in lights:
            lights[rule.kind] = found_by_name(rule.kind, ENHANCERS, "enhancer")()
        lights[rule.kind].read(paths.root / rule.weights, rule.sha256)
    return lights
