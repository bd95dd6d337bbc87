"""NTU RGB+D: names, the text form, protocols, the published lists, partial downloads."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets.ntu.adapter import Ntu
from pipeline.datasets.ntu.skeleton_file import parse_bodies, read_ntu_skeleton
from pipeline.datasets.opened import dataset_class
from pipeline.datasets.protocol import FLAGS, fit_to_video
from pipeline.errors import DatasetError, ParamError, SkeletonError
from pipeline.values import Clip

ANNA, BEN, CARL = 72057594037944734, 72057594037944738, 72057594037944740
"""Body ids as in the real files; as float64 the first two are equal."""

Frame = Sequence[tuple[int, float]]


def joint_line(joint: int, place: float, *, state: int = 2) -> str:
    """Joint at x = place, y = joint / 10, z = 3, colour (100 + joint, 200)."""
    return f"{place} {joint / 10} 3.0 10 20 {100 + joint} 200.5 0 0 0 1 {state}"


def body_text(body_id: int, place: float, line: Callable[[int, float], str] = joint_line) -> str:
    head = f"{body_id} 0 1 1 1 1 0 0.1 0.2 2\n25\n"
    return head + "".join(line(joint, place) + "\n" for joint in range(25))


def skeleton_text(frames: Sequence[Frame]) -> str:
    """Frames of (body id, x) pairs, in the form of NTU RGB+D."""
    bodies = [f"{len(frame)}\n" + "".join(body_text(*body) for body in frame) for frame in frames]
    return f"{len(frames)}\n" + "".join(bodies)


def parsed(text: str) -> object:
    return parse_bodies(text.encode(), "clip.skeleton")


def read(tmp_path: Path, text: str, **options: object) -> object:
    path = tmp_path / "clip.skeleton"
    path.write_text(text)
    return read_ntu_skeleton(path, **options)  # type: ignore[arg-type]


def test_numbers_land_where_they_belong(tmp_path: Path) -> None:
    skeleton, flags = read(tmp_path, skeleton_text([[(ANNA, 0.25)], [(ANNA, 0.5)]]))  # type: ignore[misc]
    assert skeleton.score.shape == (2, 2, 25)
    np.testing.assert_allclose(skeleton.joints_3d[1, 0, 7], (0.5, 0.7, 3.0))
    np.testing.assert_allclose(skeleton.joints_2d[1, 0, 7], (107, 200.5))
    assert skeleton.score[:, 0].tolist() == [[1.0] * 25] * 2
    assert not skeleton.present[:, 1].any()
    assert flags == frozenset()


def test_bodies_are_followed_by_id_not_by_place() -> None:
    text = skeleton_text([[(ANNA, 0.0), (BEN, 1.0)], [(BEN, 1.1)], [(BEN, 1.2), (ANNA, 0.2)]])
    num_frames, bodies, flags = parsed(text)  # type: ignore[misc]
    assert num_frames == 3
    assert [body.body_id for body in bodies] == [ANNA, BEN]
    assert [body.frames.tolist() for body in bodies] == [[0, 2], [0, 1, 2]]
    np.testing.assert_allclose(bodies[1].joints_3d[:, 0, 0], (1.0, 1.1, 1.2), rtol=1e-6)
    assert flags == frozenset()


def test_frames_without_a_body_and_a_third_body_are_told(tmp_path: Path) -> None:
    three = [(ANNA, 0.0), (BEN, 1.0), (CARL, 2.0)]
    skeleton, flags = read(tmp_path, skeleton_text([three, [], three]))  # type: ignore[misc]
    assert flags == {"no_body_frames", "third_body"}
    assert skeleton.present.tolist() == [[True, True], [False, False], [True, True]]
    assert skeleton.video_frame.tolist() == [0, 1, 2]


@pytest.mark.parametrize("word", ["NaN", "nan", "inf", "-Infinity"])
def test_a_number_that_is_none_makes_its_joint_unknown(word: str, tmp_path: Path) -> None:
    def line(joint: int, place: float) -> str:
        return joint_line(joint, place).replace("103 200.5", f"{word} 200.5")

    skeleton, flags = read(tmp_path, "1\n1\n" + body_text(ANNA, 0.5, line))  # type: ignore[misc]
    assert np.isnan(skeleton.joints_2d[0, 0, 3]).all()
    assert np.isfinite(skeleton.joints_3d[0, 0]).all()
    assert skeleton.score[0, 0, 3] == 0
    assert skeleton.score[0, 0].sum() == 24
    assert flags == {"nan_joints"}


def test_tracking_states_stand_in_for_scores(tmp_path: Path) -> None:
    def line(joint: int, place: float) -> str:
        return joint_line(joint, place, state={0: 0, 1: 1, 2: 7}.get(joint, 2))

    skeleton, _ = read(tmp_path, "1\n1\n" + body_text(ANNA, 0.5, line))  # type: ignore[misc]
    assert skeleton.score[0, 0, :4].tolist() == [0.0, 0.5, 0.0, 1.0]


def test_a_body_at_the_origin_is_absent(tmp_path: Path) -> None:
    def zeros(joint: int, place: float) -> str:
        return joint_line(joint, place).replace(f"{place} {joint / 10} 3.0", "0 0 0")

    text = "2\n1\n" + body_text(ANNA, 0.5) + "1\n" + body_text(ANNA, 0.5, zeros)
    skeleton, flags = read(tmp_path, text)  # type: ignore[misc]
    assert skeleton.present[:, 0].tolist() == [True, False]
    assert flags == {"no_body_frames"}


def test_whatever_stands_between_the_numbers_the_same_is_read() -> None:
    """The owners' form is read at once by Arrow, any other word by word; both round as Python does."""
    odd = skeleton_text([[(ANNA, 0.1), (BEN, 1e-7)], [], [(BEN, -0.0), (ANNA, 123456.789012345678)]])
    num_frames, bodies, flags = parsed(odd)  # type: ignore[misc]
    assert num_frames == 3
    assert [body.frames.tolist() for body in bodies] == [[0, 2]] * 2
    assert bodies[0].joints_3d[:, 0, 0].tolist() == [np.float32(0.1), np.float32(123456.789012345678)]
    for other in (odd.replace("\n", "\r\n"), odd.replace(" ", "  "), odd.replace("\n", " ") + "\n\n"):
        again, theirs, same = parsed(other)  # type: ignore[misc]
        assert (again, same) == (num_frames, flags)
        for ours, its in zip(bodies, theirs, strict=True):
            assert (ours.body_id, ours.frames.tolist()) == (its.body_id, its.frames.tolist())
            for name in ("joints_3d", "joints_2d", "score"):
                assert getattr(ours, name).tobytes() == getattr(its, name).tobytes()


def test_the_same_id_twice_in_a_frame_counts_once() -> None:
    _, bodies, flags = parsed(skeleton_text([[(ANNA, 0.0), (ANNA, 1.0)]]))  # type: ignore[misc]
    assert bodies[0].joints_3d[:, 0, 0].tolist() == [0.0]
    assert flags == {"body_dropped"}


GOOD = skeleton_text([[(ANNA, 0.0)], [(ANNA, 0.0)]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"after line 0: the file ends where the number of frames should stand"),
        ("0\n", r"line 1: expected the number of frames, got '0'"),
        ("2.5\n", r"line 1: expected the number of frames, got '2.5'"),
        (GOOD.replace("0.3 3.0", "oops 3.0", 1), r"line 8: expected a number, got 'oops'"),
        (GOOD.replace("\n25\n", "\n20\n", 1), r"line 4: expected 25 joints, got 20"),
        ("\n".join(GOOD.splitlines()[:40]), r"after line 40: 2 frames expected, but the file is truncated"),
        (
            "\n".join(GOOD.splitlines()[:29]),
            r"after line 29: the file ends where the number of bodies of frame 1",
        ),
        (GOOD + "1\n", r"line 58: 2 frames expected, but the file is followed by more"),
        ("1\nnan\n", r"line 2: expected the number of bodies of frame 0, got 'nan'"),
    ],
)
def test_broken_text_names_its_line(text: str, message: str) -> None:
    with pytest.raises(SkeletonError, match=rf"clip\.skeleton: {message}"):
        parsed(text)


def test_nobody_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SkeletonError, match="nobody is seen in any of its 2 frames"):
        read(tmp_path, "2\n0\n0\n")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SkeletonError, match=r"gone\.skeleton: no such file"):
        read_ntu_skeleton(tmp_path / "gone.skeleton")


def test_a_skeleton_is_fitted_to_its_video(tmp_path: Path) -> None:
    skeleton, _ = read(tmp_path, skeleton_text([[(ANNA, 0.0)]] * 5))  # type: ignore[misc]
    assert fit_to_video(skeleton, 5) == (skeleton, frozenset())
    shorter, flags = fit_to_video(skeleton, 3)
    assert (shorter.video_frame.tolist(), flags) == ([0, 1, 2], {"length_mismatch"})
    longer, flags = fit_to_video(skeleton, 9)
    assert (longer.num_frames, flags) == (5, {"length_mismatch"})
    assert flags <= set(FLAGS)


def lay_out(root: Path, names: Sequence[str]) -> Ntu:
    """A folder with empty files of these names, and the adapter over it."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Ntu(root)


def test_files_are_found_by_name_in_any_folder(tmp_path: Path) -> None:
    dataset = lay_out(
        tmp_path,
        [
            "S001C001P001R001A001.skeleton", "S001C001P001R001A001_rgb.avi", "S001C001P001R001A001_rgb.avi~",
            "b/S002C003P004R001A060_rgb.mp4", "x/y/S002C003P004R001A060.skeleton", "notes.txt",
        ],
    )  # fmt: skip
    listing = dataset.listing()
    assert listing.clips == (
        Clip(
            "S001C001P001R001A001",
            0,
            "S001C001P001R001A001_rgb.avi",
            "S001C001P001R001A001.skeleton",
            1,
            1,
            1,
        ),
        Clip(
            "S002C003P004R001A060",
            59,
            "b/S002C003P004R001A060_rgb.mp4",
            "x/y/S002C003P004R001A060.skeleton",
            4,
            3,
            2,
        ),
    )
    assert dataset.classes[59] == "A060"
    assert dataset.sources(listing.clips[1])["skeleton"] == tmp_path / "x/y/S002C003P004R001A060.skeleton"


def test_partial_downloads_are_counted(tmp_path: Path) -> None:
    listing = lay_out(
        tmp_path,
        [
            "S001C001P001R001A001.skeleton",  # no video
            "S001C001P001R001A002_rgb.avi",  # no skeleton
            "S001C002P005R002A008_rgb.avi", "S001C002P005R002A008.skeleton",  # on the published list
            "S018C001P008R001A061_rgb.avi",  # of NTU RGB+D 120
        ],
    ).listing()  # fmt: skip
    assert listing.clips == ()
    assert [(clip_id, error, why.split(";")[0]) for clip_id, error, why in listing.failures] == [
        ("S001C001P001R001A002", "SkeletonError", "skeleton file missing: its video is there"),
        ("S001C002P005R002A008", "SkeletonError", "on the published list of missing skeletons"),
    ]
    assert listing.absent == {
        "video missing": 1,
        "skeleton missing": 1,
        "skeleton missing (published list)": 1,
        "video and skeleton missing": 56_880 - 3,
        "video of an action beyond the version": 1,
    }


def test_recordings_in_ntu_form_need_no_published_list(tmp_path: Path) -> None:
    lay_out(tmp_path, ["S001C002P005R002A008_rgb.avi", "S001C002P005R002A008.skeleton"])
    listing = Ntu(tmp_path, missing_list="none").listing()
    assert [clip.clip_id for clip in listing.clips] == ["S001C002P005R002A008"]
    assert "video and skeleton missing" not in listing.absent


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no folder"):
        Ntu(tmp_path / "gone").listing()
    with pytest.raises(DatasetError, match="no recording below"):
        Ntu(tmp_path).listing()


def test_a_clip_that_lies_there_twice_fails_by_name(tmp_path: Path) -> None:
    twice = [f"{folder}/S001C001P001R001A001_rgb.avi" for folder in "ab"]
    names = [
        *twice,
        "S001C001P001R001A001.skeleton",
        "S001C001P001R001A002_rgb.avi",
        "S001C001P001R001A002.skeleton",
    ]
    listing = lay_out(tmp_path, names).listing()
    assert [clip.clip_id for clip in listing.clips] == ["S001C001P001R001A002"]
    assert listing.failures == (
        ("S001C001P001R001A001", "DatasetError", f"it lies there twice, {twice[0]} and {twice[1]}; keep one"),
    )


@pytest.mark.parametrize(
    "options",
    [
        {"version": 61},
        {"body_rule": "moton"},
        {"body_filters": ["motion"]},
        {"missing_list": ""},
        {"max_persons": 0},
    ],
)
def test_odd_options_are_refused(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ParamError, match=next(iter(options))):
        dataset_class("ntu")(tmp_path, **options)
