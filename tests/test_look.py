"""`look`: what a viewer is given of a clip, and the file that rerun's own reader finds it in."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import Project, one_modality

from pipeline.catalog.catalog import read_catalog
from pipeline.catalog.opened import opened_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.errors import DatasetError, ParamError, RunError
from pipeline.look.look import look
from pipeline.look.looks import class_scores, probabilities
from pipeline.look.read_clip import ClipReader
from pipeline.look.rerun_clip import as_in_the_picture
from pipeline.skeleton.layouts import NTU_25
from pipeline.skeleton.side_maps import by_side, side_light
from pipeline.skeleton.sides import COLOURS, bone_side, joint_sides
from pipeline.values import Skeleton

CLIP = "S001C002P010R001A001"
"""A test clip of the small demo."""


@pytest.fixture(scope="module")
def rerun() -> Any:
    return pytest.importorskip("rerun")


def test_sides_are_the_persons_own() -> None:
    sides = joint_sides(NTU_25)
    assert [sides[NTU_25.joints.index(name)] for name in ("head", "left_wrist", "right_foot")] == [
        "middle",
        "left",
        "right",
    ]
    assert bone_side(NTU_25, (4, 20)) == "left"  # shoulder to spine
    assert bone_side(NTU_25, (16, 0)) == "right"  # hip to spine
    assert bone_side(NTU_25, (12, 16)) == "middle"  # hip to hip
    assert bone_side(NTU_25, (0, 1)) == "middle"


def test_heatmaps_are_merged_by_side() -> None:
    maps = np.zeros((1, 4, 1, 2), np.uint8)
    maps[0, :, 0, 0] = 51, 102, 0, 255
    maps[0, :, 0, 1] = 204, 0, 0, 0
    merged = by_side(maps, ["left", "left", "middle", "right"])
    assert merged[0, :, 0].tolist() == np.float32([[102, 204], [0, 0], [255, 0]]).__truediv__(255).tolist()


def test_light_has_the_colour_of_the_warmer_side() -> None:
    heat = np.zeros((3, 1, 3), np.float32)
    heat[:, 0, 1] = 0.8, 0, 0
    heat[:, 0, 2] = 0.25, 0, 0.25
    colour, strength = side_light(heat)
    assert strength.tolist() == np.float32([[0, 0.8, 0.25]]).tolist()
    assert colour[0, 1].tolist() == list(COLOURS["left"])
    assert colour[0, 2].tolist() == [
        (a + b) / 2 for a, b in zip(COLOURS["left"], COLOURS["right"], strict=True)
    ]


def test_probabilities_of_views_of_one_window_are_their_mean() -> None:
    logits = np.log(np.array([[1, 3], [3, 1], [1, 1], [1, 1]], np.float32))
    views = probabilities(logits)
    assert views == pytest.approx(np.array([[0.25, 0.75], [0.75, 0.25], [0.5, 0.5], [0.5, 0.5]]))
    views[3] = 0.9, 0.1
    found = class_scores(views, [(0, 9), (5, 14)], ["wave", "clap"], 1)
    assert found.spans == [(0, 9), (5, 14)]
    assert found.classes == ["wave", "clap (true)"]
    assert found.probabilities == pytest.approx(np.array([[0.5, 0.5], [0.7, 0.3]]))


def test_space_is_turned_as_the_picture_is() -> None:
    metres = np.zeros((1, 1, 3, 3), np.float32)
    metres[0, 0, :, 0] = 0, 1, 2
    metres[0, 0, :, 1] = 0, 5, 1
    score, video_frame = np.ones((1, 1, 3), np.float32), np.zeros(1, np.int32)
    for x, y in ((1, -1), (-1, 1), (1, 1)):
        pixels = np.float32(100) * metres[..., :2] * np.float32((x, y))
        assert as_in_the_picture(Skeleton(metres, pixels, score, video_frame)) == (x, y, 1)
    unknown = np.full((1, 1, 3, 2), np.nan, np.float32)
    assert as_in_the_picture(Skeleton(metres, unknown, score, video_frame)) == (1, -1, 1)


@pytest.mark.usefixtures("rerun")
def test_what_cannot_be_shown_is_refused_by_its_reason(
    finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, preset = finished.paths, finished.preset
    with pytest.raises(DatasetError, match=r"demo has no clip 'S001C002P010R001A00' \(did you mean 'S"):
        look(paths, preset, ["S001C002P010R001A00"])
    with pytest.raises(DatasetError, match="S001C002P002R003A004 failed in `index` and cannot be shown: "):
        look(paths, preset, ["S001C002P002R003A004"])
    with pytest.raises(ParamError, match=r"rerun opens files that end in \.rrd; name it a\.mp4\.rrd"):
        look(paths, preset, [CLIP], save=tmp_path / "a.mp4")
    with pytest.raises(ParamError, match="there is no folder"):
        look(paths, preset, [CLIP], save=tmp_path / "none" / "a.rrd")
    with pytest.raises(
        DatasetError, match=r"catalog\.parquet is not there; make it first: python cli\.py index demo"
    ):
        look(Project(tmp_path).paths, preset)
    if sys.platform == "linux":
        monkeypatch.delenv("DISPLAY", raising=False)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        with pytest.raises(RunError, match=r"no display here .* give --save FILE"):
            look(paths, preset, [CLIP])


def test_without_rerun_the_extra_is_named(finished: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.look.rerun_viewer.find_spec", lambda _: None)
    with pytest.raises(DatasetError, match=r"rerun, which is not installed: pip install -e '\.\[look\]'"):
        look(finished.paths, finished.preset, [CLIP])


def entities(path: Path) -> dict[str, Any]:
    """Chunks of a file by entity path, as rerun's own reader gives them; static and timed ones apart."""
    from rerun.chunk import RrdReader

    reader = RrdReader(path)
    assert len(reader.recordings()) == len(reader.blueprints()) == 1
    found: dict[str, Any] = {}
    for chunk in reader.store().stream():
        found.setdefault(chunk.entity_path, []).append(chunk)
    return found


def timed_rows(chunks: list[Any]) -> int:
    return sum(chunk.num_rows for chunk in chunks if not chunk.is_static)


def column(chunks: list[Any], name: str) -> list[Any]:
    """Values of a component, in the order of frames."""
    rows: list[tuple[int, Any]] = []
    for chunk in chunks:
        table = chunk.to_record_batch().to_pydict()
        if name in table:
            rows += zip(table.get("frame", [-1] * len(table[name])), table[name], strict=True)
    return [value for _, value in sorted(rows, key=lambda row: row[0])]


@pytest.mark.usefixtures("rerun")
def test_a_file_holds_every_frame_of_a_clip(finished: Project, tmp_path: Path) -> None:
    path = tmp_path / "one.rrd"
    output = look(finished.paths, finished.preset, [CLIP, CLIP], neighbours=2, save=path)
    assert output.startswith(f"look: 1 clips in {path}, ")
    assert "--no-video leaves them out" in output
    assert [file.name for file in tmp_path.iterdir()] == ["one.rrd"]
    found = entities(path)
    entry = read_catalog(finished.paths.catalog).by_id[CLIP]
    skeleton = read_skeleton(opened_store(finished.paths.store("skeletons")), CLIP)
    rows = {name: timed_rows(chunks) for name, chunks in found.items() if name.startswith(f"/{CLIP}/")}
    assert rows[f"/{CLIP}/source/picture"] == entry.num_frames
    for name in ("source/person0", "source/person0/joints", "space/body/person0", "joint_scores/person0"):
        assert rows[f"/{CLIP}/{name}"] == skeleton.num_frames
    for name in (
        "crop/picture",
        "crop/heat",
        "crop/person0",
        "near/video/1/picture",
        "near/skeleton/0/person0",
    ):
        assert rows[f"/{CLIP}/{name}"] == 4
    assert rows[f"/{CLIP}/words"] == 0
    assert f"/{CLIP}/near/video/2/picture" not in rows

    first = column(found[f"/{CLIP}/source/person0/joints"], "Points2D:positions")[0]
    assert np.array(first, np.float32) == pytest.approx(skeleton.joints_2d[0, 0], abs=1e-3)
    packed = column(found[f"/{CLIP}/source/person0"], "LineStrips2D:colors")[0]
    colours = [tuple(value >> shift & 255 for shift in (24, 16, 8)) for value in packed]
    assert colours == [COLOURS[bone_side(NTU_25, bone)] for bone in NTU_25.bones]
    (words,) = column(found[f"/{CLIP}/words"], "TextDocument:text")[0]
    assert f"`{CLIP}`, test, subject 10, camera 2" in words
    assert "| fused | " in words


@pytest.mark.usefixtures("rerun")
def test_without_video_no_pixel_of_the_recordings_is_in_the_file(finished: Project, tmp_path: Path) -> None:
    path = tmp_path / "bare.rrd"
    output = look(finished.paths, finished.preset, [CLIP], video=False, save=path)
    assert "licence" not in output
    found = entities(path)
    assert not [name for name in found if name.endswith("/picture")]
    assert timed_rows(found[f"/{CLIP}/crop/heat"]) == 4
    media = {name for name, chunks in found.items() if column(chunks, "EncodedImage:media_type")}
    assert media == {f"/{CLIP}/crop/heat"}


@pytest.mark.usefixtures("rerun")
def test_what_no_stage_has_written_yet_is_left_out_and_named(copied: Project, tmp_path: Path) -> None:
    (copied.paths.reports / "predictions.parquet").unlink()
    for name in ("frames", "heatmaps", "features"):
        (copied.paths.store(name) / "manifest.json").unlink()
    path = tmp_path / "early.rrd"
    output = look(copied.paths, copied.preset, [CLIP], save=path)
    assert "not there yet: what crop, heatmaps, features, train would write" in output
    names = {name.removeprefix(f"/{CLIP}/").split("/")[0] for name in entities(path)}
    assert names >= {"source", "space", "joint_scores", "crop", "words"}
    assert not names & {"near", "predictions"}


def test_a_clip_that_is_only_sampled_has_a_cut_without_pictures(project: Any) -> None:
    made = project(**one_modality("video"))
    made.run_all("index", "sample")
    reader = ClipReader(made.paths, made.preset, video=True)
    assert reader.by_stage == {
        "sample": True,
        "crop": False,
        "heatmaps": False,
        "features": False,
        "train": False,
    }
    cut = reader.cut(CLIP)
    assert cut is not None
    assert cut.size == (32, 32)
    assert cut.crops is None
    assert cut.heat is None
