"""HMDB51 trains and ARID tests: whose clips, whose labels, which are lit, and the table that is about them."""

from pathlib import Path
from typing import Any

import listed_trees
import numpy as np
import pytest
from odd_sets import project, video
from test_stages_enhance import weights
from test_tables import rows_of, run, trainings
from tiny import PLAN, TINY, Project, one_modality

from cache import open_store
from pipeline.datasets.arid.adapter import Arid
from pipeline.datasets.hmdb51_arid.adapter import DARK_LABELS, Hmdb51Arid
from pipeline.errors import DatasetError, ParamError
from pipeline.evaluation.results import read_predictions
from pipeline.rows.crops import is_lit
from pipeline.tables.results import class_weights
from pipeline.video.crop_recipe import EnhanceRule
from stages import pretrain

BY_DAY = {
    f"{label}/FILM_{film}_{label}_u_nm_np1_ba_goo_{take}": "1"
    for label in ("brush_hair", "drink", "wave")
    for film in ("A", "B", "C")
    for take in (0, 1)
} | {"drink/FILM_D_drink_u_nm_np1_ba_goo_0": "2"}
"""Clips of HMDB51: eighteen that train, of three films, and one of its own test."""

R8 = {"sampling": "r8", "box": {"rule": "frame"}, "size": [32, 32], "storage": "zstd"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both as their owners lay them out."""
    root = tmp_path_factory.mktemp("both")
    listed_trees.hmdb51(root / "hmdb51", BY_DAY)
    listed_trees.arid(root / "arid")
    return root


def params(**recipes: Any) -> dict[str, Any]:
    """Changes of TINY for the two, with `recipes` beside r8."""
    backbone = {**TINY["pretrain"]["backbones"]["video"], "recipe": "r8", "plan": {**PLAN, "epochs": 1}}
    return {
        "index": {"adapter": "hmdb51_arid", "protocol": "split1", "max_frames": 64, "shard_rows": 64},
        "sample": {"r8": {"rule": "centered", "num_frames": 8}},
        "crop": {"shard_rows": 16, "recipes": {"r8": R8, **recipes}},
        "heatmaps": {},
        **one_modality("video"),
        "pretrain.backbones": {"video": backbone},
    }


@pytest.fixture
def made(tree: Path, tmp_path: Path) -> Project:
    """A project on links to both, without enhancement."""
    found = project(tmp_path, **params())
    for name in ("hmdb51", "arid"):
        (found.raw / name).symlink_to(tree / name, target_is_directory=True)
    return found


def test_films_train_and_the_dark_tests_under_hmdb51s_labels(tree: Path) -> None:
    dataset = Hmdb51Arid(tree)
    clips = {clip.own_name: clip for clip in dataset.listing().clips}
    sides = {name: dataset.split(clip, "split1") for name, clip in clips.items()}
    assert {side: list(sides.values()).count(side) for side in ("train", "test", "unused")} == {
        "train": 18,
        "test": 2,
        "unused": 6,
    }
    assert sides["FILM_D_drink_u_nm_np1_ba_goo_0"] == "unused"  # HMDB51's own test
    assert sides["Wave_1_2"] == "unused"  # ARID's own training
    wave = clips["Wave_2_14"]
    assert (sides["Wave_2_14"], wave.label, dataset.classes[wave.label]) == ("test", 50, "wave")
    assert wave.video == "arid/clips_v1/Wave/Wave_2_14.mp4"
    assert dataset.sources(wave)["video"].exists()
    assert dataset.open_video(wave).probe().num_frames == 12
    assert [name for name, clip in clips.items() if dataset.is_dark(clip)] == sorted(
        key.partition("/")[2] for key in listed_trees.ARID
    )
    assert DARK_LABELS == (10, 19, 24, 25, 28, 32, 37, 42, 48, 49, 50)


def test_either_that_lacks_is_named(tmp_path: Path) -> None:
    video(tmp_path / "arid/Drink/Drink_10_1.mp4")
    with pytest.raises(
        DatasetError, match=r"hmdb51_arid: hmdb51: no folder .*must hold hmdb51/ and arid/.* holds arid"
    ):
        Hmdb51Arid(tmp_path).listing()


def test_dark_clips_are_unknown_where_the_dataset_does_not_say(tree: Path) -> None:
    dark = EnhanceRule(weights="w.pt", sha256="0" * 64, clips="dark")
    both, alone = Hmdb51Arid(tree), Arid(tree / "arid")
    lit = {clip.video.partition("/")[0]: is_lit(dark, both, clip) for clip in both.listing().clips}
    assert lit == {"hmdb51": False, "arid": True}
    with pytest.raises(
        ParamError, match="arid does not say which were filmed in the dark; leave `clips` out"
    ):
        is_lit(dark, alone, alone.listing().clips[0])


@pytest.mark.parametrize(
    ("other", "change", "message"),
    [
        ("vidoe", {}, r"backbones\.again\.trained_as: no 'vidoe' \(did you mean 'video'\?\)"),
        ("again", {}, r"no 'again' .*that is trained as itself; \['video'\]"),
        ("video", {"dropout": 0.5}, "'again' must be 'video' in all but its recipe, cuts and views"),
    ],
)
def test_what_is_no_shared_training_is_refused(
    made: Project, other: str, change: dict[str, Any], message: str
) -> None:
    video_alone = params()["pretrain.backbones"]["video"]
    again = {**video_alone, **change, "trained_as": other}
    made.set_params(**{**params(), "pretrain.backbones": {"video": video_alone, "again": again}})
    with pytest.raises(ParamError, match=message):
        _ = made.preset


def test_two_that_share_a_training_are_planned_as_one(made: Project) -> None:
    video_alone = params()["pretrain.backbones"]["video"]
    made.set_params(**{**params(), "pretrain.backbones": {"video": video_alone}})
    made.run_all("index", "sample", "crop")
    alone = pretrain.outlook(made.paths, made.preset)
    both = {"video": video_alone, "again": {**video_alone, "trained_as": "video"}}
    made.set_params(**{**params(), "pretrain.backbones": both})
    shared = pretrain.outlook(made.paths, made.preset)
    assert (shared.to_make, shared.cached) == (alone.to_make, alone.to_make)


def test_the_mean_over_classes_weighs_each_clip_by_hand() -> None:
    assert class_weights(np.array([0, 0, 0, 1])) == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])


def test_the_table_trains_once_and_tests_in_the_dark_with_and_without_light(made: Project) -> None:
    told = run(made, "interaction-5", "--seeds", "1")
    assert "not run: After enhancement: the preset's crop.recipes have 0 enhancements" in told.stderr
    assert trainings(made) == 2  # the selection's, and the final one
    alone = rows_of(made, "interaction-5")["Before enhancement"]

    made.set_params(**params(night={**R8, "enhance": weights(made.root)}))
    told = run(made, "interaction-5", "--seeds", "1")
    assert trainings(made) == 2
    rows = rows_of(made, "interaction-5")
    assert all(row["not_run"] is None for row in rows.values())
    assert rows["Before enhancement"]["mean"] == alone["mean"]
    assert "Figures are means over ARID's eleven classes" in told.stdout

    folder = made.root / "tables/demo/interaction-5"
    frames, film, night = (
        open_store(folder / "data/frames.zarr"),
        "FILM_A_drink_u_nm_np1_ba_goo_0",
        "Wave_2_14",
    )
    assert np.array_equal(frames.read_row("lit", film), frames.read_row("plain", film))
    assert not np.array_equal(frames.read_row("lit", night), frames.read_row("plain", night))
    features = open_store(folder / "data/features.zarr")
    logits = [features.read_row(f"{name}_0_logits", night) for name in ("before", "after")]
    assert not np.array_equal(*logits)
    given = read_predictions(folder / "reports/predictions.parquet").predicted
    assert {label for seed in given["classifier@before"].values() for label in seed} <= {10, 50}
    of_51 = given["classifier@before_51"][0]
    assert of_51.tolist() == [
        int(features.read_row("before_0_logits", "Drink_10_1").argmax()),
        int(logits[0].argmax()),
    ]
