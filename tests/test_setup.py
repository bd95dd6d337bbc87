"""pipeline.setup: `init` looks at a folder and writes a table and a preset that run as they are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from house import HOUSE
from numbered_video import encode
from test_planning import planned
from tiny import Project
from typer.testing import CliRunner

import cli
from pipeline.errors import DatasetError, ParamError
from pipeline.params.presets import load_preset
from pipeline.paths import Paths
from pipeline.setup.class_folders import table_of_folders
from pipeline.setup.init import init


def recordings(root: Path, names: dict[str, int], joints: int = 0) -> Paths:
    """Videos of so many pictures in data/raw/demo; with `joints`, a skeleton in pixels beside each."""
    paths = Paths(root, "demo")
    for name, frames in names.items():
        path = paths.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        encode(path, range(frames))
        if joints:
            points = np.arange(frames * joints * 2, dtype=np.float32).reshape(frames, 1, joints, 2) % 40
            np.savez(path.with_suffix(".npz"), joints_2d=points)
    return paths


FOUR = {f"{label}/{label}{n}.mp4": 20 + n for label in ("sit", "wave") for n in range(4)}


def test_a_folder_a_class_becomes_a_table_and_a_preset_that_runs(tmp_path: Path, monkeypatch: Any) -> None:
    """The last clip of each class is tested; the longest has 23 frames, and 23 · 1.2 is below the least of 32."""
    paths = recordings(tmp_path, FOUR)
    monkeypatch.setattr(cli, "PROJECT", tmp_path)
    ran = CliRunner().invoke(cli.app, ["init", "demo"])
    assert ran.exit_code == 0, ran.output
    assert "8 clips of 2 classes (2 test, 6 train), none unusable among the 8 looked at\n" in ran.output
    lines = (paths.raw / "table.csv").read_text().splitlines()
    assert lines[:2] == ["clip_id,video,label,split", "sit/sit0,sit/sit0.mp4,sit,train"]
    assert [line for line in lines if line.endswith("test")] == [
        "sit/sit3,sit/sit3.mp4,sit,test",
        "wave/wave3,wave/wave3.mp4,wave,test",
    ]
    preset = load_preset(paths.params, "demo")
    assert (preset.index.max_frames, preset.train.methods, preset.train.skeleton) == (32, ("video",), ())
    assert preset.crop.recipes["r16"].box.rule == "frame"
    assert "# the longest clip seen has 23; longer ones than this fail" in paths.params.read_text()
    done = Project(tmp_path).run_all("index", "sample", "crop")
    assert [summary.made for summary in done.values()] == [8, 8, 8]


def test_a_video_added_later_is_named_until_it_has_a_row_and_renames_none(tmp_path: Path) -> None:
    paths = recordings(tmp_path, FOUR)
    init(paths)
    project = Project(tmp_path)
    project.run("index")
    encode(paths.raw / "wave" / "sit0.mp4", range(27))
    told = project.run("index")
    assert "in the folder, but in no row of the table, and so left out: wave/sit0.mp4" in told.note
    assert any("wave/sit0.mp4" in note for note in planned(project).notes)
    with pytest.raises(ParamError, match=r"a row each in .*table\.csv"):
        init(paths)
    with (paths.raw / "table.csv").open("a") as table:
        table.write("wave/sit0,wave/sit0.mp4,wave,train\n")
    told = project.run("index")
    assert (told.made, told.cached, "no row" in told.note) == (1, 8, False)


def test_skeletons_beside_the_videos_are_found_and_fused(tmp_path: Path) -> None:
    paths = recordings(tmp_path, {f"train/{name}": frames for name, frames in FOUR.items()}, joints=17)
    begun = init(paths)
    assert "the split is that of the folders" in str(begun)
    assert (paths.raw / "table.csv").read_text().splitlines()[1] == (
        "train/sit/sit0,train/sit/sit0.mp4,train/sit/sit0.npz,sit,train"
    )
    preset = load_preset(paths.params, "demo")
    assert preset.index.options == {"layout": "coco_17"}
    assert preset.crop.recipes["r16"].box.rule == "square"
    assert set(preset.pretrain.backbones) == {"video", "skeleton"}
    assert preset.train.fused == "amfi"
    assert "joints: pixels" in paths.params.read_text()


def test_what_cannot_be_read_is_named_and_an_empty_folder_too(tmp_path: Path) -> None:
    paths = recordings(tmp_path, FOUR)
    (paths.raw / "sit" / "sit1.mp4").write_bytes(b"")
    for name in ("jump", "sit/notes", *(f"z{n}" for n in range(5))):
        (paths.raw / name).mkdir()
    told = str(init(paths))
    assert "no recording, and so no class: jump, z0, z1, z2, z3 and 1 more\n" in told
    assert "8 clips of 2 classes (2 test, 6 train), 1 unusable\n  sit/sit1: " in told
    text = paths.params.read_text()
    assert 'amp: "off"' in text


def test_skeletons_alone(tmp_path: Path) -> None:
    paths = recordings(tmp_path, {"a/one.mp4": 40, "a/two.mp4": 9, "b/three.mp4": 5}, joints=13)
    for video in paths.raw.rglob("*.mp4"):
        video.unlink()
    begun = init(paths)
    assert (begun.seen.longest, begun.seen.max_frames, begun.seen.size) == (40, 50, None)
    preset = load_preset(paths.params, "demo")
    assert (preset.train.video, preset.train.methods) == ((), ("skeleton",))
    assert "    recordings: {title:" in paths.params.read_text()
    assert (preset.sample, preset.crop.recipes, preset.heatmaps.recipe) == ({}, {}, "")
    assert {"sample", "crop", "heatmaps"} <= yaml.safe_load(paths.params.read_text())["presets"][
        "demo"
    ].keys()
    assert [row["split"] for row in table_of_folders(paths.raw).rows] == ["train", "test", "train"]


def test_what_stands_in_params_yaml_stays(tmp_path: Path) -> None:
    paths, ours = recordings(tmp_path, FOUR), (HOUSE / "params.yaml").read_text()
    paths.params.write_text(ours)
    with pytest.raises(ParamError, match="has a preset 'demo' already"):
        init(paths)
    paths.raw.rename(paths.raw.with_name("mine"))
    init(Paths(tmp_path, "mine"))
    text = paths.params.read_text()
    assert text.startswith(ours)
    presets = yaml.safe_load(text)["presets"]
    assert presets == {**yaml.safe_load(ours)["presets"], "mine": presets["mine"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("presets: {}\ndataset: x\n", "does not end in its `presets`"),
        ("dataset: x\n", "needs a mapping called `presets`"),
    ],
)
def test_params_that_cannot_take_it_are_left_as_they_are(tmp_path: Path, text: str, message: str) -> None:
    paths = recordings(tmp_path, FOUR)
    paths.params.write_text(text)
    with pytest.raises(ParamError, match=message):
        init(paths)
    assert paths.params.read_text() == text


def test_folders_that_say_nothing_are_refused(tmp_path: Path) -> None:
    paths = Paths(tmp_path, "demo")
    with pytest.raises(DatasetError, match="is not there: put the recordings there"):
        init(paths)
    paths.raw.mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"holds no video and no \.npz skeleton"):
        init(paths)
    (paths.raw / "flat.mp4").touch()
    with pytest.raises(DatasetError, match="is not in a folder that names its class"):
        init(paths)
    with pytest.raises(ParamError, match="can be no preset's name"):
        init(Paths(tmp_path, "my.data"))


def test_joints_that_fit_two_layouts_are_asked_for(tmp_path: Path) -> None:
    paths = recordings(tmp_path, {"a/one.mp4": 5, "a/two.mp4": 5}, joints=25)
    with pytest.raises(ParamError, match=r"has 25 joints, which ntu_25 and openpose_25 has: say --layout"):
        init(paths)
    (paths.raw / "table.csv").write_text("skeleton,label,split\njoints,a,train\njoints2,a,test\n")
    (paths.raw / "joints").mkdir()
    person = {"people": [{"pose_keypoints_2d": [50.0] * 75}]}
    (paths.raw / "joints" / "x_000_keypoints.json").write_text(json.dumps(person))
    assert init(paths).seen.options == {"layout": "openpose_25"}
