"""Params that stores and weights of earlier stages were made with, where the preset has others by now."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cache.upkeep.why import differences
from pipeline.errors import DatasetError
from pipeline.keys.keyed import in_key
from pipeline.paths import Paths
from pipeline.training.trainings import listed_trainings

if TYPE_CHECKING:
    from pipeline.params.params import Preset

READS: Mapping[str, tuple[str, ...]] = {
    "sample": ("skeletons",),
    "crop": ("samples",),
    "heatmaps": ("samples",),
    "pretrain": ("frames", "heatmaps"),
    "features": ("frames", "heatmaps"),
    "train": ("features",),
    "report": ("features",),
}
"""Stage to the stores that it reads; a store says itself what the stores behind it were made with."""

WEIGHED = ("features", "train", "report")
"""Stages behind which the backbones' weights stand."""

EARLIER = {
    "skeletons": "index",
    "samples": "sample",
    "frames": "crop",
    "heatmaps": "heatmaps",
    "backbones": "pretrain",
}
"""Store, or `backbones` for their weights, to the stage that makes it; in the order of stages."""

SHOWN = 3
"""Differences that the line names; of more, the number."""


@dataclass(frozen=True, slots=True)
class _Section:
    """A section of the preset that decides rows of a store, or weights."""

    made: str
    """A word of EARLIER."""
    array: str
    """Array whose rows it decides; "" for all arrays."""
    place: str
    now: Mapping[str, Any]
    fields: Collection[str]
    """Its fields: what else a row is made of is no param."""

    def differences(self, before: Mapping[str, Any]) -> Iterator[str]:
        """Yield `place before → now` of each param that is another by now."""
        told = {name: value for name, value in before.items() if name in self.fields}
        for found in differences(told, json.loads(json.dumps(self.now))):
            yield f"{self.place}.{found}"


def other_params(paths: Paths, preset: "Preset", stage: str) -> str:
    """Return what to tell where `stage` would read what was made with other params than the preset has; "" where not.

    A stage alone takes what lies there, as `dvc repro` never would. Files that are absent or cannot be read are passed
    over: the stage tells. Reads descriptions alone, no row.
    """
    found: dict[str, str] = {}
    for section, before in _made_with(paths, preset, stage):
        found |= dict.fromkeys(section.differences(before), section.made)
    if not found:
        return ""
    first = next(stage for made, stage in EARLIER.items() if made in found.values())
    more = f"; {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        f"{stage}: what lies there was made with other params than the preset has now, and is taken as it is: "
        f"{'; '.join([*found][:SHOWN])}{more}. To make it anew, run `dvc repro`, or "
        f"`python cli.py {first} {paths.dataset}` and what follows it"
    )


def _made_with(paths: Paths, preset: "Preset", stage: str) -> Iterator[tuple[_Section, Mapping[str, Any]]]:
    """Yield each section with the params of then, for all that the stage reads and what that was made of."""
    sections = [*_sections(preset)]
    for store in READS.get(stage, ()):
        attrs = _attributes(paths.store(store))
        behind = {made: origin["made_of"] for made, origin in attrs.get("origins", {}).items()}
        behind[store] = attrs.get("recipes") or {"": attrs.get("params", attrs)} if attrs else {}
        for section in sections:
            for array, params in behind.get(section.made, {}).items():
                if section.array in ("", array):
                    yield section, _flat(params.get("params", params))
    if stage in WEIGHED:
        for backbone, params in _of_weights(paths.weights / "backbones"):
            yield from ((one, params) for one in sections if (one.made, one.array) == ("backbones", backbone))


def _flat(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Params of a store, those of a heatmaps' rule among the others, as the preset has them."""
    return {**params, **params["rule"]} if isinstance(params.get("rule"), dict) else params


def _sections(preset: "Preset") -> Iterator[_Section]:
    index = in_key(preset.index)
    yield _Section("skeletons", "", "index", index, ("adapter", "options", "max_frames", "gaps"))
    for name, rule in preset.sample.items():
        yield _Section("samples", name, f"sample.{name}", asdict(rule), asdict(rule))
    for name, recipe in preset.crop.recipes.items():
        yield _Section("frames", name, f"crop.recipes.{name}", in_key(recipe), asdict(recipe))
    if preset.heatmaps.recipe:
        drawn = preset.heatmaps.model_dump(mode="json", exclude={"recipe", "limbs", "shard_rows"})
        yield _Section("heatmaps", "", "heatmaps", drawn, drawn)
    for name, backbone in preset.pretrain.backbones.items():
        made_of = in_key(backbone)
        known = set(type(backbone).model_fields) - {"classifier_init"}
        yield _Section("backbones", name, f"pretrain.backbones.{name}", made_of, known)


def _attributes(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((path / "zarr.json").read_bytes())["attributes"]
    except (OSError, ValueError, KeyError):
        return {}
    return found


def _of_weights(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each training's backbone, and the params that it was trained with, as far as the folder tells."""
    try:
        yield from ((one.name, one.params) for one in listed_trainings(folder) if one.params)
    except (OSError, DatasetError):
        return
