"""Joints lost for a while: left unknown, filled by hand-worked values, masked in network input and maps."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from odd_sets import TABLE, project
from tiny import Project, one_modality

from cache import open_store
from pipeline.catalog.skeletons import read_flags, read_skeleton
from pipeline.errors import ParamError
from pipeline.skeleton.gaps import GapRule, fill_lost, lost_joints
from pipeline.skeleton.layouts import COCO_17
from pipeline.skeleton.normalise import SkeletonInput, normalise
from pipeline.values import Skeleton

JOINTS, BODIES = GapRule(fill="joints", max_frames=3), GapRule(fill="bodies", max_frames=3)


def walk(*, lost: dict[int, list[int]], frames: list[int] | None = None, joints: int = 17) -> Skeleton:
    """One person whose joint j is at (10 j + 2 n, 5 j) in frame n, in pixels; joint to the rows that lose it."""
    number = np.array(frames or range(8), np.int32)
    pixels = np.zeros((len(number), 1, joints, 2), np.float32)
    pixels[..., 0] = 10 * np.arange(joints) + 2 * number[:, None, None]
    pixels[..., 1] = 5 * np.arange(joints)
    score = np.full(pixels.shape[:3], 0.75, np.float32)
    score[-1] = 0.5
    for joint, rows in lost.items():
        pixels[rows, 0, joint], score[rows, 0, joint] = np.nan, 0
    return Skeleton(np.full((*pixels.shape[:3], 3), np.nan, np.float32), pixels, score, number)


def test_a_lost_joint_is_filled_linearly_and_scores_the_lower_of_its_sightings() -> None:
    """Joint 2 is lost in rows 4 to 6: the sightings score 0.75 and 0.5. Joint 3 begins in row 1, and stays so."""
    filled, flags = fill_lost(walk(lost={2: [4, 5, 6], 3: [0]}), JOINTS)
    assert flags == {"filled_joints"}
    assert filled.joints_2d[4:7, 0, 2].tolist() == [[28, 10], [30, 10], [32, 10]]
    assert filled.score[4:7, 0, 2].tolist() == [0.5] * 3
    assert filled.score[0, 0, 3] == 0
    assert np.isnan(filled.joints_2d[0, 0, 3]).all()
    assert np.isnan(filled.joints_3d).all()


def test_time_is_the_videos_and_so_is_the_longest_gap() -> None:
    """Rows show frames 0, 1, 4, 5: of x = 2 n, row 1 lies a fourth of the way from 0 to 8. Gaps of 3 and 4 frames."""
    lost = walk(lost={0: [1]}, frames=[0, 1, 4, 5])
    assert fill_lost(lost, JOINTS)[0].joints_2d[1, 0, 0].tolist() == [2, 0]
    far = walk(lost={0: [1]}, frames=[0, 1, 5, 6])
    assert fill_lost(far, JOINTS) == (far, frozenset())
    assert fill_lost(far, replace(JOINTS, max_frames=4))[0].joints_2d[1, 0, 0].tolist() == [2, 0]


def test_a_body_that_is_away_is_filled_where_bodies_are() -> None:
    away = walk(lost={joint: [2, 3] for joint in range(17)})
    assert fill_lost(away, JOINTS) == (away, frozenset())
    filled, _ = fill_lost(away, BODIES)
    assert filled.present.all()
    np.testing.assert_array_equal(filled.joints_2d, walk(lost={}).joints_2d)
    assert fill_lost(away, GapRule()) == (away, frozenset())


def test_metres_are_filled_where_pixels_are_known_already() -> None:
    skeleton = walk(lost={})
    metres = np.broadcast_to(skeleton.joints_2d[..., :1], (8, 1, 17, 3)).copy()
    metres[3, 0, 1] = np.nan
    filled, _ = fill_lost(replace(skeleton, joints_3d=metres), JOINTS)
    assert filled.joints_3d[3, 0, 1].tolist() == [16] * 3
    np.testing.assert_array_equal(filled.score, skeleton.score)


def test_lost_joints_are_counted_between_sightings_alone() -> None:
    seen, lost, lengths = lost_joints(walk(lost={2: [4, 5, 6], 3: [0], 4: [7]}))
    assert np.argwhere(lost).tolist() == [[4, 0, 2], [5, 0, 2], [6, 0, 2]]
    assert lengths.max() == 3
    assert seen.sum() == 8 * 17 - 5


@pytest.mark.parametrize(
    ("wrong", "message"), [({"fill": "all"}, "one of .*bodies"), ({"max_frames": 0}, "1 or more")]
)
def test_a_rule_refuses_nonsense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamError, match=message):
        GapRule(**wrong)


@pytest.mark.parametrize("joints", ["pixels", "metric"])
def test_a_masked_joint_is_zero_in_network_input_and_a_filled_one_is_not(joints: Any) -> None:
    skeleton = walk(lost={9: [3, 4]})
    metres = np.concatenate([skeleton.joints_2d, skeleton.joints_2d[..., :1] + 1], axis=3) / 100
    skeleton = replace(skeleton, joints_3d=metres)
    how = SkeletonInput(style="ctr", num_frames=8, joints=joints)
    filled = normalise(skeleton, COCO_17, how)
    masked = normalise(skeleton, COCO_17, replace(how, gaps="mask"))
    assert not masked[:, 3:5, 9].any()
    assert filled[0, 3:5, 9, 0].all()
    masked[:, 3:5, 9] = filled[:, 3:5, 9]
    np.testing.assert_array_equal(masked, filled)


def test_the_centre_stays_at_the_origin_though_it_is_masked() -> None:
    """Style agcn: the centre joint of a body is interpolated for the origin, so the others do not jump by it."""
    skeleton = walk(lost={COCO_17.centre: [3]})
    how = SkeletonInput(style="agcn", num_frames=8, joints="pixels", gaps="mask")
    whole = normalise(walk(lost={}), COCO_17, replace(how, gaps="fill"))
    masked = normalise(skeleton, COCO_17, how)
    others = [joint for joint in range(17) if joint != COCO_17.centre]
    np.testing.assert_allclose(masked[:, :, others], whole[:, :, others], atol=1e-5)


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A table of four skeletons that lose their joint 9 in frames 3 and 4, and all joints in frame 6."""
    made = project(tmp_path_factory.mktemp("lossy") / "p", **one_modality("skeleton"))
    rows = []
    for number in range(4):
        one = walk(lost={**{joint: [6] for joint in range(17)}, 9: [3, 4, 6]})
        np.savez(made.raw / f"c{number}.npz", joints_2d=one.joints_2d + number, score=one.score)
        rows.append(f"c{number}.npz,{number % 2},{number},{('train', 'test')[number // 2]}")
    (made.raw / "table.csv").write_text("\n".join(["skeleton,label,subject,split", *rows]) + "\n")
    return made


def indexed(lossy: Project, path: Any, **gaps: Any) -> tuple[Project, Skeleton, set[str]]:
    made = lossy.copy(path)
    given = {"gaps": gaps} if gaps else {}
    made.set_params(
        **{"index": {**TABLE, "options": {"layout": "coco_17"}, **given}, **one_modality("skeleton")}
    )
    made.run("index")
    store = open_store(made.paths.store("skeletons"))
    return made, read_skeleton(store, "c1"), set(read_flags(store, ["c1"])["c1"])


def test_index_fills_what_params_say_and_heatmaps_draw_it(lossy: Project, tmp_path: Any) -> None:
    kept, skeleton, flags = indexed(lossy, tmp_path / "none")
    assert skeleton.score[[3, 4, 6], 0, 9].tolist() == [0, 0, 0]
    assert flags == {"no_body_frames", "nan_joints"}
    filled, skeleton, flags = indexed(lossy, tmp_path / "joints", fill="joints")
    assert skeleton.joints_2d[3:5, 0, 9].tolist() == [[97, 46], [99, 46]]
    assert not skeleton.present[6, 0]
    assert flags == {"no_body_frames", "nan_joints", "filled_joints"}
    maps = {}
    for made in (kept, filled):
        made.run_all("sample", "heatmaps")
        maps[made.root] = (
            open_store(made.paths.store("heatmaps")).read_row("maps", "c1")[..., 9, :, :].max((-1, -2))
        )
    frames = open_store(kept.paths.store("samples")).read_row("r4", "c1")
    lost = np.isin(frames, (3, 4))
    assert lost.any()
    assert not maps[kept.root][lost].any()
    assert maps[filled.root][lost].all()


def test_a_body_away_for_a_frame_is_filled_and_longer_gaps_stay(lossy: Project, tmp_path: Any) -> None:
    _, skeleton, _ = indexed(lossy, tmp_path / "bodies", fill="bodies", max_frames=1)
    assert skeleton.present[6, 0]
    assert skeleton.joints_2d[6, 0, 0].tolist() == [13, 1]
    assert skeleton.score[3, 0, 9] == 0
