"""features: any cut of any backbone, heatmaps and a user's own network among them."""

import copy
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import own_backbone
import pytest
from tiny import PLAN, TINY, Project

from cache import Store, open_store
from models.backbones import backbone_class
from models.errors import ModelParamError
from models.names import BACKBONES
from pipeline.inputs.inputs import input_of
from pipeline.keys.part_facts import part_facts

OWN: dict[str, Any] = {
    "modality": "heatmaps",
    "model": {"kind": "own_backbone:Pooled", "width": 6},
    "flip_chance": 0.5,
    "plan": PLAN,
    "cuts": ["features", "heat"],
}


def with_maps_of(project: Callable[..., Project], **changes: Any) -> Project:
    """The tiny project with a second network over heatmaps and both networks' maps kept."""
    backbones = copy.deepcopy(TINY["pretrain"]["backbones"])
    backbones["video"]["cuts"] = ["features", "map"]
    train = {**TINY["train"], "single_backbones": ["own"]}
    return project(**{"pretrain.backbones": {**backbones, "own": OWN}, "train": train, **changes})


@pytest.fixture(scope="module")
def whole(recordings: Any, tmp_path_factory: pytest.TempPathFactory) -> Project:
    def make(**changes: Any) -> Project:
        return Project.made(tmp_path_factory.mktemp("cuts"), recordings, **changes)

    made = with_maps_of(make)
    made.run_all("index", "sample", "crop", "heatmaps", "pretrain", "features", "train", "report")
    return made


@pytest.fixture
def store(whole: Project) -> Store:
    return open_store(whole.paths.store("features"))


def test_cuts_are_arrays_of_their_own_dtype_and_axes(store: Store) -> None:
    assert {name: store.spec(name).row_shape for name in store.arrays} == {
        "video_0": (1, 32),
        "video_0_fold": (1, 32),
        "video_0_map": (1, 32, 1, 2, 2),
        "video_0_fold_map": (1, 32, 1, 2, 2),
        "skeleton_0": (1, 16),
        "skeleton_0_fold": (1, 16),
        "own_0": (1, 6),
        "own_0_fold": (1, 6),
        "own_0_heat": (1, 25, 4),
        "own_0_fold_heat": (1, 25, 4),
    }
    assert store.spec("own_0_heat").dtype == store.spec("video_0_map").dtype == "float16"
    assert store.spec("own_0_heat").dims[-1].startswith("frame")


def test_a_kept_map_is_what_the_kept_features_are_the_mean_of(store: Store) -> None:
    ids = list(store.ids)[:8]
    maps = store.read("video_0_map", ids).astype(np.float32)
    assert np.allclose(maps.mean(axis=(3, 4, 5)), store.read("video_0", ids), atol=2e-3)


def test_kept_heat_is_what_the_heatmaps_hold(whole: Project, store: Store) -> None:
    source = input_of(whole.paths, whole.preset, whole.preset.pretrain.backbones["own"])
    ids = list(store.ids)[:3]
    expected = source.unaugmented(ids, 0).mean(axis=(3, 4))
    assert expected.max() > 0
    assert np.allclose(store.read("own_0_heat", ids)[:, 0], expected, atol=1e-3)


def test_a_network_alone_is_a_row_of_the_table(whole: Project) -> None:
    assert "own" in (whole.paths.reports / "metrics.json").read_text()


def test_keeping_another_cut_trains_nothing_again(whole: Project, tmp_path: Path) -> None:
    project = whole.copy(tmp_path / "other")
    backbones = {**TINY["pretrain"]["backbones"], "own": {**OWN, "cuts": ["features"]}}
    project.set_params(
        **{"pretrain.backbones": backbones, "train": {**TINY["train"], "single_backbones": ["own"]}}
    )
    assert project.run("pretrain").made == 0
    assert project.run("features").made == 0
    assert "own_0_heat" not in open_store(project.paths.store("features")).arrays


def test_maps_drawn_on_the_fly_equal_maps_that_were_kept(
    whole: Project, project: Callable[..., Project]
) -> None:
    drawn = with_maps_of(project, **{"heatmaps.store": "joints"})
    drawn.run_all("index", "sample", "heatmaps")
    kept, fresh = (input_of(p.paths, p.preset, p.preset.pretrain.backbones["own"]) for p in (whole, drawn))
    ids = sorted(kept.keys())[:5]
    assert kept.shape == fresh.shape == (25, 4, 16, 16)
    assert np.array_equal(kept.unaugmented(ids, 0), fresh.unaugmented(ids, 0))
    draws = [source.augmented(ids, np.random.default_rng(3)) for source in (kept, fresh)]
    assert np.array_equal(*draws)
    assert not np.array_equal(draws[0], kept.unaugmented(ids, 0))  # some were mirrored


def test_a_cut_that_is_not_there_is_refused_before_anything_is_trained(
    whole: Project, tmp_path: Path
) -> None:
    project = whole.copy(tmp_path / "wrong")
    backbones = {**TINY["pretrain"]["backbones"], "own": {**OWN, "cuts": ["features", "heta"]}}
    project.set_params(**{"pretrain.backbones": backbones})
    with pytest.raises(ModelParamError, match=r"Pooled has no cut 'heta'; it has \['features', 'heat'\]"):
        project.run("pretrain")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("own_backbone:Poled", "cannot be imported"),
        ("no_such_package:Net", "cannot be imported"),
        ("tiny:Project", "must be a subclass of models.cuts.Backbone"),
        ("r3d19", r"no backbone .*did you mean 'r3d18'.*, or your own"),
    ],
)
def test_a_kind_that_is_no_backbone_is_refused(kind: str, why: str) -> None:
    with pytest.raises(ModelParamError, match=why):
        backbone_class(kind)


def test_a_users_own_code_is_part_of_what_was_learned() -> None:
    assert part_facts("r3d18", BACKBONES) == {}
    source = Path(own_backbone.__file__).read_bytes()
    assert part_facts("own_backbone:Pooled", BACKBONES) == {"code": hashlib.sha256(source).hexdigest()}
