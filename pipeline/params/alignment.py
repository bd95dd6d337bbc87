"""Maps that a head lays over each other: they must show the same places of the same stretch of a clip."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline.params.sections import Mistake
from pipeline.params.streams import DeclaredInput, Streams

if TYPE_CHECKING:
    from pipeline.params.params import Preset
    from pipeline.video.crop_recipe import CropRecipe
    from pipeline.video.sampling import SamplingRule


def mixed_recipes(
    preset: "Preset", method: str, inputs: Sequence[DeclaredInput], streams: Streams
) -> Iterator[Mistake]:
    """Yield what is wrong where maps of two recipes are laid over each other, which do not show the same places."""
    aligned = [one for one in inputs if one.aligned]
    recipes = {name: _recipe(preset, name) for one in aligned for name in streams[one.stream]}
    if len(set(recipes.values())) < 2:
        return
    (first, second), *_ = [(a, b) for a in recipes.values() for b in recipes.values() if a < b]
    if not _one_window(preset, first, second):
        maps = ", ".join(f"{name!r} of recipe {recipe!r}" for name, recipe in recipes.items())
        yield (
            ("train", "methods"),
            f"{method!r} lays maps of two recipes over each other: {maps}; give both one recipe, or two with the same "
            "box and `strided` samplings over equally long windows",
        )


def _recipe(preset: "Preset", name: str) -> str:
    """The crop recipe whose frames and boxes a backbone sees."""
    backbone = preset.pretrain.backbones[name]
    return backbone.recipe if backbone.modality == "video" else preset.heatmaps.recipe


def _one_window(preset: "Preset", first: str, second: str) -> bool:
    """Whether two recipes cut the same box out of the same stretch of a clip."""
    a: CropRecipe = preset.crop.recipes[first]
    b: CropRecipe = preset.crop.recipes[second]
    one, other = preset.sample[a.sampling], preset.sample[b.sampling]
    return a.box == b.box and (one == other or (_span(one) is not None and _span(one) == _span(other)))


def _span(rule: "SamplingRule") -> int | None:
    """Frames of the window that a `strided` rule looks at; None of another rule."""
    return rule.num_frames * rule.stride_frames if rule.rule == "strided" else None
