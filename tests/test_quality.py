"""Quality of a dataset: each flaw is planted where it is known, and found there; what is sound raises none."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_cli import invoke
from tiny import Project

from pipeline.catalog.catalog import Catalog, read_catalog
from pipeline.catalog.skeletons import read_skeleton
from pipeline.quality import look as looking
from pipeline.quality.lag import MOST_LAG, best_lag, correlations
from pipeline.quality.listed import doubled, short
from pipeline.quality.look import drawn
from pipeline.quality.motions import person_box, skeleton_motion, to_grey, video_motion
from pipeline.quality.quality import look
from pipeline.quality.swaps import body_swaps, side_swaps
from pipeline.report.quality_pictures import quality_section
from pipeline.skeleton.layouts import NTU_25
from pipeline.values import Box, Skeleton
from pipeline.video.sampling import SamplingRule


def body(frames: int = 40, people: int = 1, seed: int = 0) -> Skeleton:
    """Bodies of NTU's size that stand two metres apart and sway by centimetres."""
    rng = np.random.default_rng(seed)
    rest = rng.uniform(-0.8, 0.8, (people, 25, 3)) + np.arange(people)[:, None, None] * (2.0, 0, 0)
    sway = np.cumsum(rng.normal(0, 0.01, (frames, people, 1, 3)), axis=0)
    joints = (rest + sway).astype(np.float32)
    pixels = 500 + 200 * joints[..., :2]
    return Skeleton(joints, pixels, np.ones(joints.shape[:3], np.float32), np.arange(frames, dtype=np.int32))


def changed(skeleton: Skeleton, joints: Any) -> Skeleton:
    return replace(skeleton, joints_3d=joints, joints_2d=joints[..., :2] * np.float32(200) + np.float32(500))


def test_a_sound_body_changes_no_places() -> None:
    assert side_swaps(body(people=2), NTU_25) == []
    assert body_swaps(body(people=2)) == []


def test_sides_that_change_places_are_found_at_their_frames() -> None:
    joints = body().joints_3d.copy()
    joints[12:20] = joints[12:20][:, :, list(NTU_25.mirror)]
    found = side_swaps(changed(body(), joints), NTU_25)
    assert [(swap.frame, swap.people) for swap in found] == [(12, (0,)), (20, (0,))]
    assert found[0].saved > 0.2


def test_two_bodies_that_change_places_are_found_at_their_frame() -> None:
    joints = body(people=2).joints_3d.copy()
    joints[25:] = joints[25:, ::-1]
    found = body_swaps(changed(body(people=2), joints))
    assert [(swap.frame, swap.people) for swap in found] == [(25, (0, 1))]


def test_bodies_of_which_one_is_not_there_change_no_places() -> None:
    joints, whole = body(people=2).joints_3d.copy(), body(people=2)
    joints[25:] = joints[25:, ::-1]
    score = whole.score.copy()
    score[24, 1] = 0
    assert body_swaps(replace(changed(whole, joints), score=score)) == []


def test_the_lag_of_two_motions_is_found_with_its_sign() -> None:
    """By hand: a skeleton that repeats the video's motion 7 frames later comes 7 frames late."""
    rng = np.random.default_rng(1)
    motion = np.convolve(rng.gamma(0.5, 1.0, 140), np.ones(4) / 4, "same")[:, None]
    late = np.concatenate([rng.gamma(0.5, 1.0, (7, 1)), motion[:-7]])
    found = best_lag([correlations(motion, late)])
    assert found is not None
    assert (found.frames, found.is_sure) == (7, True)
    early = best_lag([correlations(late, motion)])
    assert early is not None
    assert early.frames == -7
    assert str(found).startswith("7 frames late (sure: correlation ")


def test_motions_that_have_nothing_in_common_are_unsure_and_stillness_tells_nothing() -> None:
    rng = np.random.default_rng(2)
    found = best_lag([correlations(rng.gamma(1, 1, (90, 16)), rng.gamma(1, 1, (90, 16)))])
    assert found is not None
    assert not found.is_sure
    assert best_lag([correlations(np.zeros((90, 16)), np.zeros((90, 16)))]) is None
    short_one = correlations(rng.gamma(1, 1, (20, 1)), rng.gamma(1, 1, (20, 1)))
    assert np.isnan(short_one).all()
    assert len(short_one) == 2 * MOST_LAG + 1


def test_waving_is_told_from_its_other_half_by_the_place_of_the_hand() -> None:
    """A hand between two cells, as fast in one as in the other: alone, its speed repeats twice as often as it."""
    time = np.arange(80)
    place, speed = np.sin(time / 5), np.abs(np.cos(time / 5))
    cells = np.stack([speed * (place > 0), speed * (place <= 0)], axis=1)
    late = np.roll(cells, 7, axis=0)
    found = best_lag([correlations(cells, late)])
    assert found is not None
    assert (found.frames, found.is_sure) == (7, True)
    assert not best_lag([correlations(cells.sum(1, keepdims=True), late.sum(1, keepdims=True))]).is_sure  # type: ignore[union-attr]


def test_motion_of_joints_is_by_frames_of_the_video_and_unknown_behind_a_gap() -> None:
    """By hand: 3 pixels at (1.5, 0) of a box of 16 pixels lie between the cells 0 and 1 in eighths, 7 to 1."""
    joints = np.zeros((4, 1, 1, 3), np.float32)
    joints[:, 0, 0, 0] = (1, 4, 4, 9)
    skeleton = Skeleton(
        joints, joints[..., :2], np.ones((4, 1, 1), np.float32), np.array([0, 1, 2, 4], np.int32)
    )
    motion = skeleton_motion(skeleton, Box(0, 0, 16, 16), 6)
    assert np.array_equal(motion.sum(axis=1), [np.nan, 3, 0, np.nan, np.nan, np.nan], equal_nan=True)
    assert motion[1, :3].tolist() == [2.625, 0.375, 0]


def test_motion_of_a_video_lies_in_the_cell_where_it_is() -> None:
    class Blinking:
        def frames(self, wanted: Any) -> Any:
            for number in wanted:
                frame = np.zeros((64, 64, 3), np.uint8)
                frame[48:, 16:32] = 100 * (number % 2)
                yield number, frame

    motion = video_motion(Blinking(), Box(0, 0, 64, 64), 3, to_grey)  # type: ignore[arg-type]
    assert np.isnan(motion[0]).all()
    assert np.flatnonzero(motion[1]).tolist() == [13]
    assert motion[2, 13] == pytest.approx(100)


def test_the_box_of_nobody_is_the_frame() -> None:
    skeleton = body(frames=2)
    nobody = replace(skeleton, score=np.zeros_like(skeleton.score))
    assert (person_box(nobody, 20, 30).width, person_box(nobody, 20, 30).height) == (30, 20)


def found_in(project: Project) -> dict[str, Any]:
    quality = look(project.paths, project.preset, read_catalog(project.paths.catalog)).quality
    return {finding.kind: finding for finding in quality.findings}


def test_the_flaws_of_the_demo_are_found(finished: Project) -> None:
    """`tests/conftest.py`: 63 clips of which 13 are spoilt, each flaw drawn on purpose (pipeline/demo/flaws.py)."""
    found = found_in(finished)
    flags = Counter(flag for entry in read_catalog(finished.paths.catalog).entries for flag in entry.flags)
    assert (found["missing"].count, found["missing"].of) == (2, 63)
    assert (found["unusable"].count, found["unusable"].of) == (3, 61)
    assert found["empty"].count == flags["no_body_frames"] > 0
    assert found["lost joints"].count == flags["nan_joints"] + flags["no_body_frames"] == 4
    assert "skeletons end before their video" in found["short"].text
    assert found["short"].count == flags["length_mismatch"]
    assert found["swapped sides"].count == found["swapped bodies"].count == 0
    assert found["doubled"].count == 0
    assert found["misaligned"].count == 0
    assert "all together: in step (sure: " in found["misaligned"].text


def test_a_skeleton_that_comes_seven_frames_late_is_found_so(
    finished: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(store: Any, clip_id: str) -> Skeleton:
        true = read_skeleton(store, clip_id)
        frames = np.maximum(np.arange(true.num_frames) - 7, 0)
        return replace(
            true, joints_3d=true.joints_3d[frames], joints_2d=true.joints_2d[frames], score=true.score[frames]
        )

    monkeypatch.setattr(looking, "read_skeleton", late)
    (misaligned,) = (one for kind, one in found_in(finished).items() if kind == "misaligned")
    assert "all together: 7 frames late (sure: " in misaligned.text
    assert misaligned.count > 0.5 * misaligned.of
    assert Counter(one.detail.partition(" (")[0] for one in misaligned.worst).most_common(1)[0][0] == (
        "skeleton 7 frames late"
    )


def with_entries(catalog: Catalog, **changes: Any) -> Catalog:
    return replace(catalog, entries=tuple(changes.get(e.clip.clip_id, e) for e in catalog.entries))


def test_a_doubled_clip_names_its_twin_and_what_is_worse(finished: Project) -> None:
    catalog = read_catalog(finished.paths.catalog)
    first, second = catalog.usable("train")[0], catalog.usable("test")[0]
    twin = replace(second, video_sha256=first.video_sha256)
    found = doubled(with_entries(catalog, **{second.clip.clip_id: twin}))
    assert found.count == 1
    (example,) = found.worst
    assert {example.clip_id, example.detail.split()[1].rstrip(",")} == {
        first.clip.clip_id,
        second.clip.clip_id,
    }
    assert "on the other side of the protocol" in example.detail
    assert "1 across the sides" in found.text
    parts = [
        replace(e, clip=replace(e.clip, start=5 * n, end=5 * n + 4)) for n, e in enumerate((first, twin))
    ]
    apart = with_entries(catalog, **{e.clip.clip_id: e for e in parts})
    assert doubled(apart).count == 0


def test_clips_shorter_than_a_recipe_are_counted(finished: Project) -> None:
    catalog = read_catalog(finished.paths.catalog)
    frames = sorted(entry.shared_frames for entry in catalog.entries if entry.usable)
    found = short(catalog, {"r": SamplingRule(rule="centered", num_frames=frames[2] + 1)})
    assert found.text.startswith(
        f"{sum(f <= frames[2] for f in frames)} have fewer than the {frames[2] + 1} frames"
    )


def test_what_is_drawn_is_always_the_same_and_no_more_than_asked(finished: Project) -> None:
    entries = read_catalog(finished.paths.catalog).entries
    assert drawn(entries, 5) == drawn(entries, 5)
    assert len(drawn(entries, 5)) == 5
    assert drawn(entries, 1000) == list(entries)


def test_the_page_shows_flaws_and_pictures_of_the_worst(finished: Project) -> None:
    page = (finished.paths.reports / "index.html").read_text()
    assert '<section id="quality">' in page
    pictures = {path.name for path in (finished.paths.reports / "pictures").glob("quality_*")}
    assert {name.split("_S0")[0] for name in pictures} == {
        "quality_empty",
        "quality_lost_joints",
        "quality_motion",
    }


def test_without_recordings_videos_are_left_out_and_that_is_said(copied: Project) -> None:
    for path in sorted(copied.raw.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    copied.raw.rmdir()
    section, pictures = quality_section(copied.paths, copied.preset, read_catalog(copied.paths.catalog))
    assert any(note.startswith("no video was looked at: ") for note in section.notes)
    assert "misaligned" not in {kind for kind, _, _ in section.rows}
    assert not any(name.startswith("quality_motion") for name in pictures)


def test_the_command_prints_every_kind(finished: Project) -> None:
    done = invoke(finished, "quality", "demo")
    assert done.exit_code == 0
    assert done.output.startswith("demo, xsub: quality of 61 clips\n")
    for kind in (
        "missing",
        "unusable",
        "short",
        "doubled",
        "empty",
        "swapped sides",
        "misaligned",
        "flagged",
    ):
        assert f"\n  {kind} " in done.output
