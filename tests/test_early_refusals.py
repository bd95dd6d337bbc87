"""What cannot be trained or tested is told by `index`, with what to do; what it advises is done here, and works."""

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml
from house import HOUSE
from test_catalog_outlook import catalog, entry
from test_datasets_pyskl import annotation, dumped
from test_datasets_table import write_video
from tiny import Project, one_modality, tiny_params
from typer.testing import CliRunner

import cli
from pipeline.catalog.catalog import Catalog, read_catalog
from pipeline.datasets.pyskl.adapter import Pyskl
from pipeline.errors import DatasetError, ParamError
from pipeline.evaluation.results import read_predictions
from pipeline.params.params import HoldOut, PretrainParams
from pipeline.params.presets import load_preset
from pipeline.training.splits import held_out_clips, parts_of
from pipeline.values import Clip
from stages.load_params import load_params


@pytest.mark.parametrize(("share", "count"), [(0.01, 1), (0.25, 2), (0.99, 7)])
def test_single_clips_are_held_out_the_same_way_each_time(share: float, count: int) -> None:
    clips = [Clip(f"c{number}", label=0, video="v") for number in range(8)]
    how = HoldOut(by="clip", share=share)
    held_out = held_out_clips(clips, how)
    assert len(held_out) == count
    assert held_out == held_out_clips(clips[::-1], how) < {clip.clip_id for clip in clips}
    assert held_out != held_out_clips(clips, how.model_copy(update={"seed": 3})) or count == 7
    with pytest.raises(DatasetError, match="1 clip"):
        held_out_clips(clips[:1], how)


def test_parts_by_clip_cover_the_training_part() -> None:
    entries = [entry(number, number % 2, "train") for number in range(6)]
    how = PretrainParams.model_construct(hold_out=HoldOut(by="clip", share=0.34), selected_on="val")
    parts = parts_of(catalog(*entries), [e.clip.clip_id for e in entries], how)
    assert (len(parts.fit), len(parts.select), parts.test) == (4, 2, ())
    assert parts.training == tuple(e.clip.clip_id for e in entries)


def test_groups_are_no_clips(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tiny_params(**{"pretrain.hold_out": {"by": "clip", "groups": [1]}})))
    with pytest.raises(
        ParamError, match=r"presets\.demo\.pretrain\.hold_out\.groups: no groups are held out"
    ):
        load_preset(path, "demo")


def table_project(root: Path, rows: list[tuple[str, str]], **changes: Any) -> Project:
    """One's own recordings: (label, split) a clip, whole frames, no subject, no camera, no set-up."""
    project = Project(root)
    project.raw.mkdir(parents=True)
    with (project.raw / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "label", "split"])
        for number, row in enumerate(rows):
            write_video(project.raw / f"v{number}.avi", 6)
            writer.writerow([f"v{number}.avi", *row])
    index = {"adapter": "table", "protocol": "table", "max_frames": 64, "shard_rows": 64}
    project.set_params(**{"index": index, **changes})
    return project


def command(project: Project, *words: str) -> tuple[int, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "PROJECT", project.root)
        ran = CliRunner().invoke(cli.app, list(words))
    return ran.exit_code, ran.output


ROWS = [
    ("run", "train"),
    ("jump", "train"),
    ("run", "train"),
    ("jump", "train"),
    ("run", "test"),
    ("jump", "test"),
]
VIDEO_ONLY = {"train.skeleton": [], "train.methods": ["video"], "train.fused": "video", "max_failed": 0.0}


def test_one_subject_no_camera_no_set_up(tmp_path: Path) -> None:
    """s7: `index` runs and tells what `pretrain` will refuse; with the advice it prints, training ends in metrics."""
    backbones = {"video": tiny_params()["presets"]["demo"]["pretrain"]["backbones"]["video"]}
    mine = table_project(tmp_path / "own", ROWS, **VIDEO_ONLY, **{"pretrain.backbones": backbones})
    code, output = command(mine, "index", "demo")
    assert code == 0
    assert "the training clips are of one subject" in output
    assert "{by: clip}" in output
    mine.run_all("sample", "crop", "heatmaps")
    with pytest.raises(DatasetError, match="by: clip"):
        mine.run("pretrain")
    mine.set_params(
        **{
            "index": yaml.safe_load(mine.paths.params.read_text())["presets"]["demo"]["index"],
            **VIDEO_ONLY,
            "pretrain.backbones": backbones,
            "pretrain.hold_out": {"by": "clip", "share": 0.34},
        }
    )
    load_params(mine.paths.params, "demo")
    mine.run_all("pretrain", "features", "train")
    assert "single clips whose people are fitted too" in (mine.paths.reports / "metrics.json").read_text()
    assert set(read_predictions(mine.paths.reports / "predictions.parquet").predicted) == {"video"}


def test_nothing_to_test_ends_index_with_status_1_once_all_is_written(tmp_path: Path) -> None:
    mine = table_project(tmp_path / "own", [(label, "train") for label, _ in ROWS], **one_modality("video"))
    code, output = command(mine, "index", "demo")
    assert code == 1
    assert "nothing to test: protocol 'table'" in output
    assert len(read_catalog(mine.paths.catalog).entries) == 6
    params = yaml.safe_load(mine.paths.params.read_text())
    params["presets"]["demo"]["index"]["protocol_gaps"] = "allow"
    mine.paths.params.write_text(yaml.safe_dump(params))
    code, output = command(mine, "index", "demo")
    assert code == 0
    assert "6 from cache" in output  # which it is, decides no row
    assert "nothing to test" in output


def test_train_refuses_what_index_was_told_to_allow(copied: Project) -> None:
    table = (copied.paths.catalog).read_bytes()
    assert table
    found = read_catalog(copied.paths.catalog)
    from pipeline.catalog.catalog import write_catalog

    copied.paths.catalog.unlink()
    training = tuple(e for e in found.entries if e.split == "train")
    write_catalog(copied.paths.catalog, Catalog(**{**vars(found), "entries": training}))
    with pytest.raises(
        DatasetError, match="nothing to test: no usable clip is on the test side of protocol 'xsub'"
    ):
        copied.run("train")


def test_a_clip_that_is_too_long_says_what_is(tmp_path: Path) -> None:
    """s9: there is no skeleton, so none is spoken of."""
    index = {"adapter": "table", "protocol": "table", "max_frames": 5, "shard_rows": 64}
    mine = table_project(tmp_path / "own", ROWS, index=index, **one_modality("video"))
    mine.run("index")
    failures = mine.paths.failures.read_text()
    assert (
        "v0: 6 video frames (it has no skeleton), more than index.max_frames = 5: raise it to 6" in failures
    )


def test_a_backbone_renamed_in_params_is_told_by_name(copied: Project) -> None:
    """s8."""
    backbones = tiny_params()["presets"]["demo"]["pretrain"]["backbones"]
    changes = {
        "pretrain.backbones": {"video": backbones["video"], "joints": backbones["skeleton"]},
        "train.skeleton": ["joints"],
    }
    copied.set_params(**changes)
    for stage, message in (
        (
            "features",
            "holds 'skeleton' that params.yaml does not name, and lacks 'joints' .* cli.py pretrain demo",
        ),
        ("train", "has no array 'joints_0_fold', which heads shall see; .* run `pretrain` and `features`"),
    ):
        with pytest.raises(DatasetError, match=message):
            copied.run(stage)


NAMED = [f"S001C001P00{person}R001A00{action}" for person in (1, 2, 3) for action in (1, 2)]


@pytest.mark.parametrize("names", [NAMED, ["a", "b", "c", "d", "e", "f"]], ids=["subjects", "no subjects"])
def test_what_pyskl_import_advises_runs_as_printed(tmp_path: Path, names: list[str]) -> None:
    """s5: 20 joints tell no layout; the message says how to name it, and the preset that comes then is whole."""
    found = {
        "split": {"xsub_train": names[:4], "xsub_val": names[4:]},
        "annotations": [annotation(name, number % 2, joints=20) for number, name in enumerate(names)],
    }
    dumped(tmp_path / "given.pkl", found)
    mine = Project(tmp_path / "own")
    mine.root.mkdir()
    refused = command(mine, "pyskl", "import", str(tmp_path / "given.pkl"), "demo")
    assert refused[0] == 2
    assert "one of ['nw_ucla_20', 'utd_20']" in refused[1]
    assert "--layout" in refused[1]
    code, output = command(mine, "pyskl", "import", str(tmp_path / "given.pkl"), "demo", "--layout", "utd_20")
    assert code == 0, output
    mine.paths.params.write_text(output[output.index("presets:") :])
    load_params(mine.paths.params, "demo")
    code, output = command(mine, "index", "demo")
    assert code == 0, output
    assert "6 clips made, 0 from cache, 0 failed" in output
    assert ("of one subject" in output) is (names is not NAMED)
    mine.run_all("sample", "heatmaps")


def test_joints_of_no_layout_are_not_asked_for_by_name(tmp_path: Path) -> None:
    dumped(tmp_path / "annotations.pkl", [annotation("a", 0, joints=19)])
    with pytest.raises(ParamError, match=r"no layout has 19 joints \(coco_17 has 17, .*write a pickle"):
        Pyskl(tmp_path)


def test_the_preset_of_ones_own_in_the_docs_is_whole(tmp_path: Path) -> None:
    """s10: docs/presets.md, as it stands there, on a table of videos."""
    page = (HOUSE / "docs" / "presets.md").read_text()
    text = page.split("<!-- own preset -->\n```yaml\n")[1].split("```")[0]
    mine = table_project(tmp_path / "own", ROWS)
    mine.raw.rename(mine.raw.with_name("own"))
    mine.paths.params.write_text(text)
    assert load_params(mine.paths.params, "own").train.methods == ("video",)
    code, output = command(mine, "index", "own")
    assert code == 0, output
    for stage in ("sample", "crop", "heatmaps"):
        assert command(mine, stage, "own")[0] == 0


def test_the_preset_of_two_modalities_in_the_docs_is_whole(tmp_path: Path) -> None:
    page = (HOUSE / "docs" / "presets.md").read_text()
    path = tmp_path / "params.yaml"
    path.write_text(page.split("<!-- own preset of two modalities -->\n```yaml\n")[1].split("```")[0])
    preset = load_params(path, "own")
    assert preset.train.fused == "amfi"
    assert set(preset.pretrain.backbones) == {"video", "skeleton"}


def test_the_preset_of_skeletons_in_the_docs_asks_for_no_pixel_and_no_head(tmp_path: Path) -> None:
    page = (HOUSE / "docs" / "presets.md").read_text()
    path = tmp_path / "params.yaml"
    path.write_text(page.split("<!-- own preset of skeletons -->\n```yaml\n")[1].split("```")[0])
    preset = load_params(path, "own")
    assert (preset.sample, preset.crop.recipes, preset.heatmaps.recipe) == ({}, {}, "")
    assert preset.train.asks_nothing


def test_a_table_without_a_protocol_says_which_column_to_fill(tmp_path: Path) -> None:
    mine = table_project(tmp_path / "own", ROWS)
    (mine.raw / "table.csv").write_text("video,label\nv0.avi,run\nv1.avi,jump\n")
    code, output = command(mine, "index", "demo")
    assert code == 2
    assert "fill the column `split` with train or test" in output
