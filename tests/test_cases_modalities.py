"""Rows s1 and s2 of the cases, long messages, leaks, features that are not finite: what a whole run makes of them."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import odd_sets
import pytest
from tiny import Project, one_modality

from cache import open_store
from models.published.card import WeightsCard
from models.training.checkpoint import encode
from pipeline.build.build import read_lost
from pipeline.catalog.catalog import read_catalog
from pipeline.catalog.leaks import leaks_of
from pipeline.catalog.skeletons import read_skeleton
from pipeline.datasets.ntu.adapter import Ntu
from pipeline.errors import DatasetError, ParamError
from pipeline.report.feature_space import mapped, not_embeddable
from pipeline.report.figures import feature_map
from pipeline.values import Clip
from stages.load_params import load_params


def run_whole(made: Project, side: str) -> dict[str, Any]:
    """Every stage; what metrics.json says."""
    summaries = made.run_all()
    assert [summary.exit_code for summary in summaries.values()] == [0] * 8
    page = (made.paths.reports / "index.html").read_text()
    assert f"One modality, {side}: nothing is fused" in page
    return dict(json.loads((made.paths.reports / "metrics.json").read_text()))


def rows(count: int, *columns: str) -> list[dict[str, Any]]:
    named = {"video": "v{:02d}.avi", "skeleton": "s{:02d}.npz"}
    return [
        {
            **{column: named[column].format(n) for column in columns},
            **{"label": n % 2, "split": "train" if n < count // 2 else "test", "subject": n},
        }
        for n in range(count)
    ]


def test_s1_videos_alone_go_through_every_stage(tmp_path: Path) -> None:
    made = odd_sets.project(tmp_path, index=odd_sets.TABLE, **one_modality("video", methods=["video"]))
    odd_sets.table(made, rows(8, "video"))
    metrics = run_whole(made, "video")
    assert metrics["clips"] == {"train": 3, "val": 1, "test": 4, "failed": 0, "unused": 0}
    assert "video" in metrics
    assert "fused" not in metrics
    assert open_store(made.paths.store("heatmaps")).ids == ()
    assert "no heatmaps" in (made.paths.reports / "index.html").read_text()


def test_s1_skeletons_alone_go_through_every_stage(tmp_path: Path) -> None:
    index = {**odd_sets.TABLE, "options": {"layout": "ntu_25"}}
    made = odd_sets.project(tmp_path, index=index, **one_modality("skeleton"))
    odd_sets.table(made, rows(8, "skeleton"))
    metrics = run_whole(made, "skeleton")
    assert metrics["clips"] == {"train": 3, "val": 1, "test": 4, "failed": 0, "unused": 0}
    assert open_store(made.paths.store("frames")).ids == ()
    assert "no videos" in (made.paths.reports / "index.html").read_text()


def test_s1_a_fusion_of_one_modality_is_refused_by_params(tmp_path: Path) -> None:
    made = odd_sets.project(tmp_path, **one_modality("video", methods=["video", "amfi"]))
    message = r"train\.methods: 'amfi' needs skeleton features, and skeleton is empty; say \['video'\]"
    with pytest.raises(ParamError, match=message):
        load_params(made.paths.params, "demo")
    both = odd_sets.project(tmp_path / "both", **one_modality("video", video=[]))
    with pytest.raises(ParamError, match=r"train\.video: empty as skeleton is"):
        both.preset  # noqa: B018


def test_s2_a_skeleton_without_its_video_is_listed(tmp_path: Path) -> None:
    made = odd_sets.project(tmp_path)
    for person in (1, 2, 3):
        name = f"S001C001P{person:03d}R001A001"
        (made.raw / f"{name}.skeleton").write_text(odd_sets.ntu_text(person))
        if person < 3:
            odd_sets.video(made.raw / f"{name}_rgb.avi", person)
    assert made.run("index").failed == 0
    line = odd_sets.failures(made)["S001C001P003R001A001"]
    assert (line["error"], line["counts"]) == ("VideoError", False)
    assert line["message"] == "video missing: its skeleton is there; fetch the video too"
    result = made.cli("cache", "why", "S001C001P003R001A001")
    assert "lost in index: VideoError: video missing" in result.stdout


def test_s2_a_folder_of_skeletons_alone_goes_through_every_stage(tmp_path: Path) -> None:
    made = odd_sets.project(tmp_path, **one_modality("skeleton"))
    for person in (1, 2, 4, 3, 6, 7):
        for action in (1, 2):
            name = f"S001C001P{person:03d}R001A{action:03d}"
            (made.raw / f"{name}.skeleton").write_text(odd_sets.ntu_text(10 * person + action))
    dataset = Ntu(made.raw, missing_list="none")
    assert dataset.modality == "none"
    assert dataset.open_video(dataset.listing().clips[0]).probe().num_frames == odd_sets.FRAMES
    metrics = run_whole(made, "skeleton")
    assert metrics["clips"] == {"train": 4, "val": 2, "test": 6, "failed": 0, "unused": 0}


def test_s2_nothing_usable_is_told_with_its_reasons(tmp_path: Path) -> None:
    made = odd_sets.project(tmp_path)
    for person in (1, 2):
        odd_sets.video(made.raw / f"S001C001P{person:03d}R001A001_rgb.avi")
    with pytest.raises(
        DatasetError, match=r"no clip to make skeletons.zarr of: 2 SkeletonError, S001C001P001R001A001"
    ):
        made.run("index")
    assert odd_sets.failures(made).keys() == {"S001C001P001R001A001", "S001C001P002R001A001"}


def test_nul_skeleton_messages_are_short_and_stores_count_them(tmp_path: Path) -> None:
    made = odd_sets.project(tmp_path, max_failed=1.0)
    for person in range(1, 6):
        name = f"S001C001P{person:03d}R001A001"
        (made.raw / f"{name}.skeleton").write_text(odd_sets.ntu_text(person))
        odd_sets.video(made.raw / f"{name}_rgb.avi", person)
    (made.raw / "S001C001P001R001A001.skeleton").write_bytes(bytes(1_400_000))
    (made.raw / "S001C001P002R001A001.skeleton").write_bytes(b"[" + b"0.123," * 100_000 + b"]")
    made.run_all("index", "sample")
    failures = odd_sets.failures(made)
    assert max(len(line["message"]) for line in failures.values()) < 300
    assert "(1,400,000 bytes)" in failures["S001C001P001R001A001"]["message"]
    store = open_store(made.paths.store("samples"))
    [lost] = read_lost(store.attrs["lost"])  # type: ignore[arg-type]
    assert (lost.stage, lost.error, lost.clips) == ("index", "SkeletonError", 2)
    assert lost.first == ("S001C001P001R001A001", "S001C001P002R001A001")


def test_test_in_train_is_told_flagged_and_refused(tmp_path: Path) -> None:
    index = {**odd_sets.TABLE, "options": {"layout": "ntu_25"}}
    made = odd_sets.project(tmp_path, index=index)
    odd_sets.table(made, rows(8, "video", "skeleton"))
    for n in range(2):
        shutil.copy(made.raw / f"v{n:02d}.avi", made.raw / f"v{n + 4:02d}.avi")
    shutil.copy(made.raw / "s02.npz", made.raw / "s07.npz")
    summary = made.run("index")
    assert "3 of 4 test clips are byte for byte the same recording as a training clip (v04 is v00, " in str(
        summary
    )
    flagged = [
        e.clip.clip_id for e in read_catalog(made.paths.catalog).entries if "in_training_too" in e.flags
    ]
    assert flagged == ["v04", "v05", "v07"]
    refused = made.cli("index", "demo", "--strict")
    assert refused.returncode == 2
    assert "take them from one side, or leave --strict out" in refused.stderr


def test_people_on_both_sides_of_a_split_by_subject_are_told() -> None:
    clips = [(Clip(f"c{n}", 0, "", subject=n // 2), "test" if n % 2 else "train", [None]) for n in range(4)]
    leaks = leaks_of(clips, "subject")  # type: ignore[arg-type]
    assert leaks.subjects == (0, 1)
    assert str(leaks) == "2 people are on both sides of a split by subject (0, 1)"
    assert not leaks_of(clips, "camera")  # type: ignore[arg-type]


def test_nan_features_fail_their_clip_with_the_cause(tmp_path: Path) -> None:
    from models.backbones import build_backbone

    made = odd_sets.project(tmp_path)
    odd_sets.video(made.raw / "v.avi")
    options = {"width": 4, "stem": "3x7x7", "maxpool": True}
    state = build_backbone({"kind": "r3d18", **options}, shape=(3, 4, 32, 32)).state_dict()
    state["layer4.1.conv2.0.weight"][0, 0, 1, 1, 1] = float("inf")
    pixels = {"frames": 4, "size": 32, "mean": [0.45] * 3, "std": [0.25] * 3}
    (tmp_path / "w.pt").write_bytes(encode(state, WeightsCard("r3d18", options, pixels)))
    out = tmp_path / "f.zarr"
    asked = ["--backbone", "r3d18", "--weights", str(tmp_path / "w.pt"), "--out", str(out)]
    result = made.cli("extract", str(made.raw), *asked)
    assert result.returncode == 1, result.stderr
    [failure] = open_store(out).failures
    assert failure["error"] == "FeatureError"
    assert "weights 'layer4.1.conv2.0.weight' hold values that are not finite" in str(failure["message"])


@pytest.mark.parametrize(("metres", "is_known"), [(25.0, True), (1e30, False)])
def test_an_implausible_joint_is_flagged_and_an_absurd_one_unknown(
    tmp_path: Path, metres: float, is_known: bool
) -> None:
    made = odd_sets.project(tmp_path, index={**odd_sets.TABLE, "options": {"layout": "ntu_25"}})
    odd_sets.table(made, rows(4, "video", "skeleton"))
    content = dict(np.load(made.raw / "s01.npz"))
    content["joints_3d"][5, 0, 7] = metres
    np.savez(made.raw / "s01.npz", **content)
    made.run("index")
    entries = read_catalog(made.paths.catalog).by_id
    assert [name for name, entry in entries.items() if "implausible_joints" in entry.flags] == ["v01"]
    skeleton = read_skeleton(open_store(made.paths.store("skeletons")), "v01")
    assert bool(np.isfinite(skeleton.joints_3d[5, 0, 7]).all()) is is_known
    assert (skeleton.score[5, 0, 7] > 0) is np.bool_(is_known)


def test_numbers_of_a_skeleton_file_are_checked_after_conversion(tmp_path: Path) -> None:
    lines = odd_sets.ntu_text(1).splitlines()
    x, rest = lines[4].split(" ", 1)
    lines[4] = f"-1e300 {rest}"
    (tmp_path / "S001C001P001R001A001.skeleton").write_text("\n".join(lines))
    dataset = Ntu(tmp_path, missing_list="none")
    skeleton, flags = dataset.read_skeleton(dataset.listing().clips[0])
    assert float(x) < 100
    assert np.isnan(skeleton.joints_3d[0, 0, 0]).all()
    assert not np.isinf(skeleton.joints_3d).any()
    assert skeleton.score[0, 0, 0] == 0
    assert "nan_joints" in flags


def test_the_report_is_written_whatever_the_features_and_videos_are(tmp_path: Path) -> None:
    """Too few clips for t-SNE, all features alike, names with slashes, a video that was taken away."""
    made = odd_sets.project(tmp_path, index=odd_sets.TABLE, **one_modality("video"))
    six = rows(6, "video")
    for row in six:
        row["clip_id"] = f"day/{row['video']}"
    odd_sets.table(made, six)
    run_whole(made, "video")
    pictures = sorted(path.name for path in (made.paths.reports / "pictures").glob("clip_*"))
    assert len(pictures) == 2
    assert all(name.startswith("clip_day%2Fv0") for name in pictures)
    for row in six:
        (made.raw / row["video"]).unlink()
    made.run("report")
    assert "is not shown: v0" in (made.paths.reports / "index.html").read_text()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((3, 8)), "too few"),
        (np.ones((9, 8)), "hardly differ"),
        (np.full((9, 8), np.nan), "not finite"),
        (np.linspace(-1e30, 1e30, 72).reshape(9, 8), "beyond measure"),
        (np.arange(72.0).reshape(9, 8), None),
    ],
)
def test_what_t_sne_cannot_take_is_said(values: np.ndarray, words: str | None) -> None:
    why = not_embeddable(values.astype(np.float32))
    assert why is None if words is None else words in str(why)
    png = feature_map([("x", mapped(values.astype(np.float32)))], np.arange(len(values)) % 2, ["a", "b"])
    assert png.startswith(b"\x89PNG")
