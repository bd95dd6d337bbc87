"""Parts that a stage uses with given params: the datasets, backbones and heads that it finds by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.params.params import HeadParams, IndexParams, Preset, PretrainParams


def parts_in_use(stage: str, preset: "Preset") -> tuple[str, ...]:
    """Return "kind:name" of the parts whose code can change the stage's results, for recipes.lock."""
    if stage not in _SECTIONS:
        return ()
    section, parts = _SECTIONS[stage]
    return parts(getattr(preset, section))


def _dataset(index: "IndexParams") -> tuple[str, ...]:
    return (f"dataset:{index.adapter}",)


def _backbones(pretrain: "PretrainParams") -> tuple[str, ...]:
    kinds = {str(backbone.model.get("kind")) for backbone in pretrain.backbones.values()}
    return tuple(f"backbone:{kind}" for kind in sorted(kinds))


def _heads(train: "HeadParams") -> tuple[str, ...]:
    alone = ("skeleton",) if train.single_backbones else ()
    return tuple(f"head:{method}" for method in sorted({*train.methods, *alone}))


_SECTIONS: dict[str, tuple[str, Callable[[Any], tuple[str, ...]]]] = {
    "index": ("index", _dataset),
    "crop": ("index", _dataset),
    "pretrain": ("pretrain", _backbones),
    "features": ("pretrain", _backbones),
    "train": ("train", _heads),
}
"""Stage to the section of its preset that names parts, and how; the other stages use none."""
