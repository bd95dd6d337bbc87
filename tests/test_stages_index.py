"""index: every clip is in the catalog or among the failures, with its true reason; sources are hashed."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tiny import Project, replace_file

from cache import open_store
from pipeline.catalog.catalog import SCHEMA, Entry, read_catalog
from pipeline.catalog.skeletons import read_skeleton
from pipeline.demo import SMALL
from pipeline.demo.scenario import Flaw, plan
from pipeline.video.video import AvVideo

FAILS: dict[Flaw, tuple[str, str]] = {
    "missing_skeleton": ("SkeletonError", "skeleton file missing"),
    "truncated_video": ("VideoError", r"_rgb\.avi: .*truncated.*fetch it again"),
    "unreadable_video": ("VideoError", "cannot be decoded"),
}
FLAGGED: dict[Flaw, str] = {
    "frames_without_body": "no_body_frames",
    "ghost_body": "third_body",
    "spectator": "third_body",
    "nan_joints": "nan_joints",
    "short_skeleton": "length_mismatch",
}
COLUMNS = [
    *("clip_id", "name", "label", "label_name", "subject", "camera", "setup", "split", "video", "skeleton"),
    *("start", "end"),
    *("video_sha256", "skeleton_sha256", "num_frames", "height", "width", "fps", "skeleton_frames"),
    *("flags", "usable"),
]


def entries(project: Project) -> dict[str, Entry]:
    return dict(read_catalog(project.paths.catalog).by_id)


def failures(project: Project) -> dict[str, dict[str, str]]:
    lines = [json.loads(line) for line in project.paths.failures.read_text().splitlines()]
    return {line["clip_id"]: line for line in lines if line["stage"] == "index"}


def test_each_flaw_of_the_demo_is_told_with_its_reason(finished: Project) -> None:
    spoilt = {take.clip_id: take.flaw for take in plan(SMALL) if take.flaw}
    assert set(spoilt.values()) == FAILS.keys() | FLAGGED.keys()
    found, failed = entries(finished), failures(finished)
    for clip_id, flaw in spoilt.items():
        if flaw in FAILS:
            error, reason = FAILS[flaw]
            assert failed[clip_id]["error"] == error
            assert re.search(reason, failed[clip_id]["message"])
            assert clip_id not in found or not found[clip_id].usable
        else:
            assert clip_id not in failed
            assert FLAGGED[flaw] in found[clip_id].flags


def test_sound_clips_are_complete_and_bear_no_flag(finished: Project) -> None:
    sound = {take.clip_id: take for take in plan(SMALL) if not take.flaw}
    found = entries(finished)
    for clip_id, take in sound.items():
        entry = found[clip_id]
        assert (entry.usable, entry.flags) == (True, ())
        assert (entry.clip.subject, entry.clip.camera, entry.clip.setup) == (
            take.subject,
            take.camera,
            take.setup,
        )
        assert entry.clip.label == take.action.code - 1
        assert entry.split == ("train" if take.subject in SMALL.train_subjects else "test")
    assert failures(finished).keys() == {take.clip_id for take in plan(SMALL) if take.flaw in FAILS}


def test_the_catalogs_columns(finished: Project) -> None:
    table = pq.read_table(finished.paths.catalog)
    assert table.column_names == COLUMNS == SCHEMA.names
    assert table.schema.remove_metadata() == SCHEMA
    ids = table["clip_id"].to_pylist()
    assert ids == sorted(set(ids))


def test_facts_are_the_files(finished: Project) -> None:
    entry = entries(finished)["S001C002P002R001A004"]
    video, skeleton = finished.raw / entry.clip.video, finished.raw / str(entry.clip.skeleton)
    assert entry.video_sha256 == hashlib.sha256(video.read_bytes()).hexdigest()
    assert entry.skeleton_sha256 == hashlib.sha256(skeleton.read_bytes()).hexdigest()
    decoded = dict(AvVideo(video).frames(range(entry.num_frames)))
    assert (len(decoded), *decoded[0].shape[:2]) == (entry.num_frames, entry.height, entry.width)
    stored = read_skeleton(open_store(finished.paths.store("skeletons")), entry.clip.clip_id)
    assert stored.num_frames == entry.skeleton_frames
    assert np.array_equal(stored.video_frame, np.arange(stored.num_frames))


@pytest.mark.parametrize("store", ["samples", "frames", "heatmaps", "features"])
def test_later_stores_hold_the_usable_clips_and_no_others(finished: Project, store: str) -> None:
    usable = {clip_id for clip_id, entry in entries(finished).items() if entry.usable}
    assert set(open_store(finished.paths.store(store)).ids) == usable


def _halve(path: Path) -> None:
    data = path.read_bytes()
    replace_file(path, data[: len(data) // 2])


def _empty_frames(path: Path) -> None:
    replace_file(path, b"3\r\n0\r\n0\r\n0\r\n")


INJECTED: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "video empty": ("video", lambda path: replace_file(path, b""), "cannot be decoded|empty|no frames"),
    "video garbage": ("video", lambda path: replace_file(path, b"\x00\x01garbage" * 99), "cannot be decoded"),
    "video halved": ("video", _halve, "truncated"),
    "skeleton gone": ("skeleton", Path.unlink, "skeleton file missing"),
    "skeleton halved": ("skeleton", _halve, r"\.skeleton"),
    "skeleton garbage": ("skeleton", lambda path: replace_file(path, b"no skeleton"), r"\.skeleton"),
    "nobody there": ("skeleton", _empty_frames, "no body|nobody|without a body|holds no"),
}
"""What is done to which file, and what the failure must speak of."""


@pytest.mark.parametrize("seed", [1, 20261121])
def test_flaws_drawn_at_random_are_found_and_the_rest_is_complete(copied: Project, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, failed_before = entries(copied), failures(copied)
    sound = sorted(clip_id for clip_id, entry in before.items() if entry.usable)
    victims = rng.choice(sound, size=len(INJECTED), replace=False).tolist()
    for clip_id, (kind, harm, _) in zip(victims, INJECTED.values(), strict=True):
        harm(copied.raw / str(getattr(before[clip_id].clip, kind)))
    summary = copied.run("index")

    after, failed = entries(copied), failures(copied)
    assert failed.keys() == failed_before.keys() | set(victims)
    for clip_id, (_, _, reason) in zip(victims, INJECTED.values(), strict=True):
        assert re.search(reason, failed[clip_id]["message"]), (clip_id, failed[clip_id], reason)
    rest = set(sound) - set(victims)
    assert {clip_id: after[clip_id] for clip_id in rest} == {clip_id: before[clip_id] for clip_id in rest}
    assert set(open_store(copied.paths.store("skeletons")).ids) >= rest
    assert (summary.made, summary.failed) == (0, len(failed))


def test_a_clip_gone_and_another_come(copied: Project) -> None:
    """One process, the folder changed between two runs: nothing of the old listing is served."""
    gone = entries(copied)["S001C002P002R001A004"]
    (copied.raw / gone.clip.video).unlink()
    summary = copied.run("index")
    assert summary.note == "not in the folder: 2 skeleton missing, 1 video missing"
    (copied.raw / str(gone.clip.skeleton)).unlink()
    summary = copied.run("index")
    assert "S001C002P002R001A004" not in entries(copied)
    assert (summary.made, summary.cached) == (0, 57)
