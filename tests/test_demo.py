"""The demo dataset: ceilings by construction, NTU's form, flaws on purpose, same seed same bytes."""

import hashlib
import re
import shutil
from collections import Counter
from dataclasses import replace
from io import BytesIO
from itertools import combinations
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.demo import FULL, SIZES, DemoReport, DemoSize, make_demo
from pipeline.demo.camera import COLOUR_FOCAL, HEIGHT, WIDTH
from pipeline.demo.flaws import MEANING
from pipeline.demo.make import make_take
from pipeline.demo.record import Recording, record, subject
from pipeline.demo.scenario import (
    ACTIONS,
    FLAWED,
    Action,
    Take,
    ceilings,
    generator,
    plan,
    pose_kind,
    skeleton_kind,
    video_kind,
)
from pipeline.errors import DatasetError, ParamError
from pipeline.skeleton.layouts import NTU_25

TINY = DemoSize(train_subjects=(1,), test_subjects=(3,), takes=1)
NTU60_XSUB_TRAIN = {1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38}


@pytest.fixture(scope="module")
def acted() -> dict[int, Recording]:
    """Every action, by the same person in the same scene: one stream of random numbers for all ten."""
    who = subject(0, 3, 1)
    return {
        action.code: record(action, who, camera=2, rng=generator(0, "one scene for all"))
        for action in ACTIONS
    }


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> DemoReport:
    """Twenty clean clips and thirteen spoilt ones."""
    return make_demo(tmp_path_factory.mktemp("demo") / "raw", size=TINY, quiet=True)


def twins(kind: object) -> list[tuple[Action, Action]]:
    return [pair for pair in combinations(ACTIONS, 2) if kind(pair[0]) == kind(pair[1])]  # type: ignore[operator]


def parse(content: bytes) -> list[list[np.ndarray]]:
    """Frames of bodies of (25, 12) numbers, read without the adapter."""
    lines = iter(content.decode("ascii").split("\r\n"))
    frames = []
    for _ in range(int(next(lines))):
        bodies = []
        for _ in range(int(next(lines))):
            assert len(next(lines).split()) == 10
            bodies.append(np.array([next(lines).split() for _ in range(int(next(lines)))], dtype=float))
        frames.append(bodies)
    assert list(lines) == [""]
    return frames


def pictures(content: bytes) -> list[np.ndarray]:
    with av.open(BytesIO(content)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def of_kind(flaw: str) -> Take:
    return next(take for take in plan(TINY) if take.flaw == flaw)


def test_ceilings_are_60_70_40_and_100() -> None:
    assert ceilings() == {"skeleton": 60.0, "video": 70.0, "pose": 40.0, "both": 100.0}


def test_actions_of_one_skeleton_kind_have_the_same_joints(acted: dict[int, Recording]) -> None:
    assert len(twins(skeleton_kind)) == 4
    for one, other in twins(skeleton_kind):
        for name in ("joints", "colour", "depth", "present"):
            np.testing.assert_array_equal(
                getattr(acted[one.code], name), getattr(acted[other.code], name), err_msg=f"{one} {other}"
            )


def test_actions_of_one_video_kind_have_the_same_pictures_and_pixels(acted: dict[int, Recording]) -> None:
    assert len(twins(video_kind)) == 3
    for one, other in twins(video_kind):
        for name in ("frames", "colour", "depth"):
            np.testing.assert_array_equal(
                getattr(acted[one.code], name), getattr(acted[other.code], name), err_msg=f"{one} {other}"
            )


def test_twins_in_one_modality_are_far_apart_in_the_other(acted: dict[int, Recording]) -> None:
    for one, other in twins(video_kind):
        apart_m = np.abs(acted[one.code].joints[..., 2] - acted[other.code].joints[..., 2])
        assert apart_m.max() > 0.5, (one, other)
    for one, other in twins(skeleton_kind):
        apart = np.abs(acted[one.code].frames.astype(int) - acted[other.code].frames).max(axis=-1) > 60
        assert apart.sum(axis=(1, 2)).min() > 100, (one, other)


def test_on_the_clean_clips_no_classifier_can_pass_the_ceilings() -> None:
    """Twins share their random numbers, so a modality's clips fall into kinds that are equal throughout."""
    clean = [take for take in plan(FULL) if take.flaw is None and take.subject in FULL.test_subjects]
    for modality, kind in (("skeleton", skeleton_kind), ("video", video_kind), ("pose", pose_kind)):
        distinct = {(take.scene, kind(take.action)) for take in clean}
        assert 100 * len(distinct) / len(clean) == ceilings()[modality]
    front, back = (Take(1, 1, 1, 1, ACTIONS[code - 1]) for code in (1, 2))
    np.testing.assert_array_equal(
        pictures(make_take(front, seed=0).video), pictures(make_take(back, seed=0).video)
    )


def test_bones_keep_their_length(acted: dict[int, Recording]) -> None:
    """A motion along z is one that a body can make, not a stretched arm."""
    upper_arm = acted[2].joints[:, 0, 5] - acted[2].joints[:, 0, 4]
    lengths = np.linalg.norm(upper_arm, axis=1)
    assert lengths.std() < 0.02  # what noise of 1 cm at either end leaves
    assert 0.24 < lengths.mean() < 0.33


def test_colour_pixels_follow_x_and_y_and_left_is_at_image_left(acted: dict[int, Recording]) -> None:
    seen = acted[1]
    metres = seen.joints[..., :2].reshape(-1, 2)
    slope, start = np.polyfit(metres[:, 0], seen.colour[..., 0].ravel(), 1)
    np.testing.assert_allclose(start + slope * metres[:, 0], seen.colour[..., 0].ravel())
    np.testing.assert_allclose(start, WIDTH / 2)
    np.testing.assert_allclose(HEIGHT / 2 - slope * metres[:, 1], seen.colour[..., 1].ravel())
    assert COLOUR_FOCAL / 3.5 < slope < COLOUR_FOCAL / 2.8
    for left, right in NTU_25.pairs[:1] + NTU_25.pairs[4:8]:
        assert np.all(seen.colour[:, 0, left, 0] < seen.colour[:, 0, right, 0])


def test_the_full_plan_is_balanced_and_tests_on_unseen_subjects() -> None:
    clean = [take for take in plan(FULL) if take.flaw is None]
    for part, wanted in ((FULL.train_subjects, 48), (FULL.test_subjects, 24)):
        counts = Counter(take.action.code for take in clean if take.subject in part)
        assert counts == dict.fromkeys(range(1, 11), wanted)
    for name in ("camera", "setup", "subject"):
        shares = Counter((getattr(take, name), take.action.code) for take in clean)
        for value in {getattr(take, name) for take in clean}:
            assert len({shares[value, action.code] for action in ACTIONS}) == 1, (name, value)
    assert set(FULL.train_subjects) <= NTU60_XSUB_TRAIN
    assert not set(FULL.test_subjects) & NTU60_XSUB_TRAIN
    assert len({take.clip_id for take in plan(FULL)}) == 480 + 240 + len(FLAWED)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_no_name_stands_on_a_published_list_of_missing_skeletons(size: DemoSize) -> None:
    names = {take.clip_id for take in plan(replace(size, takes=6))}
    for path in sorted(
        (Path(__file__).parents[1] / "pipeline" / "datasets" / "ntu").glob("ntu*_missing.txt")
    ):
        assert not names & set(path.read_text().split()), path.name


def test_names_are_those_of_ntu(tiny: DemoReport) -> None:
    name = re.compile(r"S00[12]C00[123]P\d{3}R\d{3}A0(0\d|10)")
    videos = sorted((tiny.folder / "nturgb+d_rgb").iterdir())
    skeletons = sorted((tiny.folder / "nturgb+d_skeletons").iterdir())
    assert len(videos) == 20 + len(FLAWED)
    assert len(skeletons) == len(videos) - 2
    assert all(name.fullmatch(path.name.removesuffix("_rgb.avi")) for path in videos)
    assert all(name.fullmatch(path.name.removesuffix(".skeleton")) for path in skeletons)
    assert {path.name for path in tiny.folder.iterdir()} == {
        "README.txt",
        "nturgb+d_rgb",
        "nturgb+d_skeletons",
    }


def test_video_and_skeleton_of_a_clean_clip_agree(tiny: DemoReport) -> None:
    video = pictures((tiny.folder / "nturgb+d_rgb/S002C001P001R001A009_rgb.avi").read_bytes())
    frames = parse((tiny.folder / "nturgb+d_skeletons/S002C001P001R001A009.skeleton").read_bytes())
    assert len(video) == len(frames)
    assert 36 <= len(video) <= 48
    assert video[0].shape == (240, 320, 3)
    assert all(len(bodies) == 2 and bodies[0].shape == (25, 12) for bodies in frames)
    joints = np.array(frames)
    assert np.all((joints[..., 5] > 0) & (joints[..., 5] < WIDTH))
    assert np.all((joints[..., 3] > 0) & (joints[..., 3] < 512))


def test_no_two_files_are_equal(tiny: DemoReport) -> None:
    files = [path for path in tiny.folder.rglob("S*") if path.is_file()]
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in files}) == len(files)


def test_the_report_names_every_flaw_and_the_readme_tells_them(tiny: DemoReport) -> None:
    assert tiny.clips == {"train": 10, "test": 10}
    assert {flaw for _, flaw in tiny.flaws} == set(MEANING)
    readme = (tiny.folder / "README.txt").read_text()
    assert all(clip_id in readme and MEANING[flaw] in readme for clip_id, flaw in tiny.flaws)
    assert "skeleton alone 60 %, video alone 70 %, both 100 %" in readme
    assert "10 training and 10 test clips, 13 spoilt on purpose" in str(tiny)


def test_a_skeleton_is_missing() -> None:
    assert make_take(of_kind("missing_skeleton"), seed=0).skeleton is None


def test_a_truncated_video_has_fewer_frames_than_its_header_promises() -> None:
    files = make_take(of_kind("truncated_video"), seed=0)
    assert files.skeleton is not None
    with av.open(BytesIO(files.video)) as container:
        promised = container.streams.video[0].frames
        packets = sum(packet.size > 0 for packet in container.demux(video=0))
    assert promised == len(parse(files.skeleton))
    assert 0 < packets < 0.6 * promised


def test_an_unreadable_video_does_not_open() -> None:
    with pytest.raises(av.error.InvalidDataError):
        av.open(BytesIO(make_take(of_kind("unreadable_video"), seed=0).video))


@pytest.mark.parametrize(
    ("flaw", "bodies"),
    [("frames_without_body", {0, 1}), ("ghost_body", {2, 3}), ("spectator", {3}), ("nan_joints", {1})],
)
def test_bodies_in_a_frame(flaw: str, bodies: set[int]) -> None:
    skeleton = make_take(of_kind(flaw), seed=0).skeleton
    assert skeleton is not None
    counts = Counter(len(frame) for frame in parse(skeleton))
    assert set(counts) == bodies
    assert counts[0] == (7 if flaw == "frames_without_body" else 0)
    assert flaw != "ghost_body" or counts[3] == 5


def test_nan_joints_are_few_and_some_are_unknown_in_colour_only() -> None:
    skeleton = make_take(of_kind("nan_joints"), seed=0).skeleton
    assert skeleton is not None
    joints = np.array(parse(skeleton))
    colour, space = np.isnan(joints[..., 5]), np.isnan(joints[..., 0])
    assert 0.03 < colour.mean() < 0.15
    assert 0 < space.mean() < colour.mean()
    assert np.all(joints[..., 11][space] == 0)


def test_a_skeleton_ends_before_its_video() -> None:
    files = make_take(of_kind("short_skeleton"), seed=0)
    assert files.skeleton is not None
    assert len(parse(files.skeleton)) == len(pictures(files.video)) - 5


def test_same_seed_same_bytes_whatever_the_workers(tiny: DemoReport, tmp_path: Path) -> None:
    make_demo(tmp_path, size=TINY, workers=2, quiet=True)
    for path in sorted(tiny.folder.rglob("*")):
        if path.is_file():
            assert (tmp_path / path.relative_to(tiny.folder)).read_bytes() == path.read_bytes(), path.name


def test_another_seed_other_bytes() -> None:
    take = Take(1, 1, 1, 1, ACTIONS[0])
    assert make_take(take, seed=0).skeleton != make_take(take, seed=1).skeleton


def test_a_second_run_sweeps_and_mends(tiny: DemoReport, tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    shutil.copytree(tiny.folder, folder)
    damaged = folder / "nturgb+d_rgb/S002C001P001R001A001_rgb.avi"
    whole = damaged.read_bytes()
    damaged.write_bytes(b"cut")
    left_over = damaged.with_name(damaged.name + ".partial")
    left_over.write_bytes(b"half")
    assert make_demo(folder, size=TINY, quiet=True) == replace(tiny, folder=folder)
    assert damaged.read_bytes() == whole
    assert not left_over.exists()


def test_a_folder_with_anything_else_in_it_is_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "nturgb+d_rgb" / "holiday.avi"
    own.parent.mkdir()
    own.write_bytes(b"dear")
    with pytest.raises(DatasetError, match=r"holiday\.avi.*name another folder"):
        make_demo(tmp_path, size=TINY, quiet=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]


def test_nonsense_sizes_and_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamError, match="not both"):
        DemoSize((1, 2), (2,), takes=1)
    with pytest.raises(ParamError, match="takes must be 1 to 6"):
        DemoSize((1,), (3,), takes=7)
    with pytest.raises(ParamError, match="at least one"):
        DemoSize((), (3,), takes=1)
    with pytest.raises(ParamError, match="workers"):
        make_demo(tmp_path, workers=0)
