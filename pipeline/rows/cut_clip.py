"""One clip as both crops and heatmaps take it: its sampled frames, and the box that its recipe cuts."""

from typing import TYPE_CHECKING

from pipeline.catalog.opened import opened_entries, opened_store
from pipeline.paths import Paths
from pipeline.values import Box, Samples, Skeleton
from pipeline.video.boxes import box_of

if TYPE_CHECKING:
    from pipeline.video.crop_recipe import CropRecipe


def samples_and_box(
    paths: Paths, recipe: "CropRecipe", clip_id: str, skeleton: Skeleton
) -> tuple[Samples, Box]:
    """Return the frames that `recipe` samples of a clip, and its box in pixels of the source frame.

    A box is computed of the skeleton, wherever it is asked for: a dozen operations on arrays that are read anyway,
    where reading it from frames.zarr would let heatmaps wait for pixels.
    """
    entry = opened_entries(paths.catalog)[clip_id]
    frames = opened_store(paths.store("samples")).read_row(recipe.sampling, clip_id)
    return Samples(frames, entry.num_frames), box_of(recipe.box, skeleton, entry.height, entry.width)
