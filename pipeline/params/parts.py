"""Parts that a stage uses with given params: the datasets, networks, heads and enhancers that it finds by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.params.params import Preset


def parts_in_use(stage: str, preset: "Preset") -> tuple[str, ...]:
    """Return "kind:name" of the parts whose code can change the stage's results, for recipes.lock."""
    return tuple(part for parts in _PARTS.get(stage, ()) for part in parts(preset))


def _dataset(preset: "Preset") -> tuple[str, ...]:
    return (f"dataset:{preset.index.adapter}",)


def _pose(preset: "Preset") -> tuple[str, ...]:
    pose = preset.index.pose
    if pose is None:
        return ()
    detector = () if pose.detector is None else (f"detector:{pose.detector.engine}",)
    return (f"pose:{pose.engine}", *detector)


def _enhancers(preset: "Preset") -> tuple[str, ...]:
    kinds = {recipe.enhance.kind for recipe in preset.crop.recipes.values() if recipe.enhance}
    return tuple(f"enhancer:{kind}" for kind in sorted(kinds))


def _backbones(preset: "Preset") -> tuple[str, ...]:
    kinds = {str(backbone.model.get("kind")) for backbone in preset.pretrain.backbones.values()}
    return tuple(f"backbone:{kind}" for kind in sorted(kinds))


def _heads(preset: "Preset") -> tuple[str, ...]:
    alone = ("skeleton",) if preset.train.single_backbones else ()
    kinds = {method.partition("@")[0] for method in (*preset.train.methods, *alone)}
    return tuple(f"head:{kind}" for kind in sorted(kinds))


_PARTS: dict[str, tuple[Callable[["Preset"], tuple[str, ...]], ...]] = {
    "index": (_dataset, _pose),
    "crop": (_dataset, _enhancers),
    "pretrain": (_backbones,),
    "features": (_backbones,),
    "train": (_heads,),
}
"""Stage to the kinds of parts that its preset names; the other stages use none."""
