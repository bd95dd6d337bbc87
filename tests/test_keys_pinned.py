"""Keys pinned: what each step's results are named by, as JSON, and the rule that a new field may not change it.

A document that differs from key_documents.json is computed again by every user: where that is meant, raise the step's
version and write the file anew, `python tests/test_keys_pinned.py`; where it is not, keys moved by accident.
"""

import json
import re
from dataclasses import fields, is_dataclass, make_dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import create_model
from tiny import Project

from cache import Cache, harstore
from models.preprocessing import VideoInput
from pipeline.build.steps import STEPS
from pipeline.keys.keyed import Keyed, in_key
from pipeline.params.backbones import (
    HeatmapBackbone,
    Pretrained,
    SkeletonBackbone,
    TrainingPlan,
    VideoBackbone,
)
from pipeline.params.params import IndexParams
from pipeline.skeleton.augment import SkeletonAugment
from pipeline.skeleton.heatmaps import HeatmapRule
from pipeline.skeleton.normalise import SkeletonInput
from pipeline.video.augment import VideoAugment
from pipeline.video.boxes import BoxRule
from pipeline.video.crop_recipe import CropRecipe, EnhanceRule
from pipeline.video.pixels import PixelScale
from pipeline.video.sampling import SamplingRule
from stages.extract import Request, _documents

PINNED = Path(__file__).with_name("key_documents.json")

STORED = {
    "index": ("skeletons", "joints_3d"),
    "sample": ("samples", "r4"),
    "crop": ("frames", "r4"),
    "heatmaps": ("heatmaps", "maps"),
    "features": ("features", "skeleton_0"),
}
"""Step to the store and array that its document is read from."""

LEARNED = {"pretrain": ("backbones", "video_0"), "train": ("heads", "amfi_0")}


def key_documents(project: Project, folder: Path) -> dict[str, Any]:
    """Of each step, one result's document as the tiny project stores it, without what differs between machines."""
    found: dict[str, Any] = {}
    for step, (store, array) in STORED.items():
        with harstore.open(project.paths.store(store)) as opened:
            found[step] = opened.made_of(opened.ids[0], array)
    for step, (kind, name) in LEARNED.items():
        found[step] = json.loads((project.paths.weights / kind / "documents.json").read_text())[name]
    video = folder / "clip.avi"
    video.write_bytes(b"no video is decoded to name it")
    made = _documents({"clip": video}, Request("r3d18"), Cache(folder / "cache"))
    found["extract"] = made["clip"]["features"]
    return {step: _masked(found[step]) for step in STEPS}


def _masked(value: Any, name: str = "") -> Any:
    """Digests and versions of packages differ between machines; of a training's clips the first stands for all."""
    if name == "runtime":
        return dict.fromkeys(sorted(value), "major.minor")
    if isinstance(value, dict):
        return {key: _masked(value[key], key) for key in sorted(value)}
    if isinstance(value, list):
        kept = value[:1] if name in ("fit", "select") else value
        return [_masked(item) for item in kept]
    is_digest = isinstance(value, str) and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", value)
    return "digest" if is_digest else json.loads(json.dumps(value))


@pytest.fixture(scope="module")
def documents(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return key_documents(finished, tmp_path_factory.mktemp("extract"))


@pytest.mark.parametrize("step", sorted(STEPS))
def test_a_step_names_its_results_as_it_did(documents: dict[str, Any], step: str) -> None:
    assert documents[step] == json.loads(PINNED.read_text())[step]


ENHANCE = EnhanceRule(weights="dark.pt", sha256="a" * 64)
PLAN = TrainingPlan(epochs=2, batch=4, lr=0.1)
VALUES: tuple[Keyed, ...] = (
    SamplingRule(),
    BoxRule(),
    CropRecipe(sampling="r4"),
    CropRecipe(sampling="r4", enhance=ENHANCE),
    ENHANCE,
    HeatmapRule(),
    SkeletonInput(),
    SkeletonAugment(),
    PixelScale(),
    VideoAugment(),
    VideoInput(),
    PLAN,
    Pretrained(path="w.pt", sha256="b" * 64),
    IndexParams(adapter="ntu", protocol="xsub"),
    VideoBackbone(modality="video", recipe="r4", model={"kind": "r3d18"}, plan=PLAN),
    HeatmapBackbone(modality="heatmaps", model={"kind": "x3d_s"}, plan=PLAN),
    SkeletonBackbone(modality="skeleton", model={"kind": "agcn"}, plan=PLAN),
)


def later(value: Keyed, new: int) -> Any:
    """`value` as of a later release: with one more field, `added`, whose default is 3."""
    kind: Any = type(value)
    if is_dataclass(value):
        values = {field.name: getattr(value, field.name) for field in fields(value)}
        options = {"frozen": True, "kw_only": True, "slots": "__slots__" in vars(kind)}
        grown: Any = make_dataclass(f"Later{kind.__name__}", [("added", int, 3)], bases=(kind,), **options)
        return grown(**values, added=new)
    values = {name: getattr(value, name) for name in kind.model_fields}
    model: Any = create_model(f"Later{kind.__name__}", __base__=kind, added=(int, 3))
    return model(**values, added=new)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_new_field_names_results_only_where_it_is_set(value: Keyed) -> None:
    assert in_key(later(value, 3)) == in_key(value)
    assert in_key(later(value, 4)) == {**in_key(value), "added": 4}


def test_what_a_value_always_names_and_never() -> None:
    assert in_key(ENHANCE) == {"kind": "zero_dce", "sha256": "a" * 64, "share_curves": "clip_mean"}
    assert in_key(CropRecipe(sampling="r4", enhance=ENHANCE))["enhance"] == in_key(ENHANCE)
    assert "enhance" not in in_key(CropRecipe(sampling="r4"))
    assert in_key(IndexParams(adapter="ntu", protocol="xsub")).keys() == {"adapter", "options", "max_frames"}
    assert "optimiser" not in in_key(PLAN)
    assert in_key(PLAN.model_copy(update={"optimiser": "adam"}))["optimiser"] == "adam"


def test_every_named_field_is_one() -> None:
    """A name in ALWAYS_IN_KEYS that no field bears would be a field renamed, and its key changed."""
    for value in VALUES:
        names = {f.name for f in fields(value)} if is_dataclass(value) else type(value).model_fields.keys()  # type: ignore[attr-defined]
        assert set(value.ALWAYS_IN_KEYS) | set(getattr(value, "NEVER_IN_KEYS", ())) <= set(names)


if __name__ == "__main__":
    import tempfile

    from pipeline.demo import SMALL, make_demo

    with tempfile.TemporaryDirectory() as place:
        make_demo(Path(place) / "recordings", size=SMALL, quiet=True)
        tiny = Project.made(Path(place) / "project", Path(place) / "recordings")
        tiny.run_all()
        PINNED.write_text(json.dumps(key_documents(tiny, Path(place)), indent=1, sort_keys=True) + "\n")
