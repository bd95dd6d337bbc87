"""Cuts that a head lays over each other, or looks segments up in: they must show the same of a clip, and all of it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline.params.sections import Mistake, Place
from pipeline.params.streams import DeclaredInput, Streams

if TYPE_CHECKING:
    from pipeline.params.params import Preset
    from pipeline.video.crop_recipe import CropRecipe
    from pipeline.video.sampling import SamplingRule

EVEN = ("centered", "segment", "uniform_sample_frames", "resize")
"""Sampling rules, and the rule of joints' length, whose frames lie evenly over the whole clip."""


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


def misfits(
    preset: "Preset", method: str, inputs: Sequence[DeclaredInput], streams: Streams
) -> Iterator[Mistake]:
    """Yield all that is wrong with the cuts that a method lays over each other, or looks segments up in."""
    for found in (mixed_recipes, mixed_views, uneven_frames):
        yield from found(preset, method, inputs, streams)


def uneven_frames(
    preset: "Preset", method: str, inputs: Sequence[DeclaredInput], streams: Streams
) -> Iterator[Mistake]:
    """Yield what is wrong where segments are looked up in frames that do not lie evenly over the whole clip."""
    for one in inputs:
        for name in streams[one.stream] if one.segments is not None else ():
            place, rule, meant = _spread(preset, name)
            if rule not in EVEN:
                yield (
                    place,
                    f"{method!r} looks up segments in the frames of {name!r}, which {rule!r} does not spread evenly "
                    f"over the whole clip: take {meant!r}",
                )


def _spread(preset: "Preset", name: str) -> tuple[Place, str, str]:
    """Where params say how a backbone's frames lie in a clip, what they say, and what spreads them evenly."""
    backbone = preset.pretrain.backbones[name]
    if backbone.modality == "skeleton":
        return ("pretrain", "backbones", name, "input", "length"), backbone.input.length, "resize"
    sampling = preset.crop.recipes[_recipe(preset, name)].sampling
    return ("sample", sampling, "rule"), preset.sample[sampling].rule, "centered"


def mixed_views(
    preset: "Preset", method: str, inputs: Sequence[DeclaredInput], streams: Streams
) -> Iterator[Mistake]:
    """Yield what is wrong where one view is drawn: there is one alone, or maps over each other have other views."""
    if method not in preset.train.drawn_views:
        return
    place = ("train", "drawn_views")
    names = sorted({name for one in inputs for name in streams[one.stream]})
    if all(_num_views(preset, name) == 1 for name in names):
        yield (
            place,
            f"{method!r} has nothing to draw: one view is kept of {names}; say `flips`, `phases` or `sample.views`",
        )
    aligned = {name for one in inputs if one.aligned for name in streams[one.stream]}
    if len({_num_views(preset, name) for name in aligned}) > 1:
        yield (
            place,
            f"one view is drawn for maps that {method!r} lays over each other, and those of {sorted(aligned)} have "
            "other views: give them the same `flips`, and no `phases`",
        )


def _num_views(preset: "Preset", name: str) -> int:
    """Number of views of a backbone's cuts."""
    backbone = preset.pretrain.backbones[name]
    if backbone.modality == "skeleton":
        return 1
    derived = (1 + backbone.flips) * (backbone.phases**2 if backbone.modality == "video" else 1)
    return preset.sample[preset.crop.recipes[_recipe(preset, name)].sampling].views * derived


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
