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
from pipeline.demo.actions import ACTIONS, CONTESTED, Shown, skeleton_kind, video_kind
from pipeline.demo.camera import COLOUR_FOCAL, HEIGHT, WIDTH
from pipeline.demo.flaws import MEANING
from pipeline.demo.make import make_take
from pipeline.demo.record import Recording, record, subject
from pipeline.demo.scenario import FLAWED, Take, generator, plan
from pipeline.errors import DatasetError, ParamError
from pipeline.skeleton.layouts import NTU_25

TINY = DemoSize(train_subjects=(1,), test_subjects=(3,), takes=1)
NTU60_XSUB_TRAIN = {1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38}


UNCONTESTED = tuple(action.shown()[0] for action in ACTIONS if action.motion not in CONTESTED)
BLOCK = tuple(Shown("wave", "bend", depth, held) for depth in ("front", "back") for held in ("cup", "ball"))
"""Two waves and two bends: the picture shows the one, the joints the other."""


@pytest.fixture(scope="module")
def acted() -> dict[Shown, Recording]:
    """What is shown, by the same person in the same scene: one stream of random numbers for all."""
    who = subject(0, 3, 1)
    return {
        shown: record(shown, who, camera=2, rng=generator(0, "one scene for all"))
        for shown in (*UNCONTESTED, *BLOCK)
    }


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> DemoReport:
    """Twenty clean clips and thirteen spoilt ones."""
    return make_demo(tmp_path_factory.mktemp("demo") / "raw", size=TINY, quiet=True)


def twins(kind: object) -> list[tuple[Shown, Shown]]:
    everything = (*UNCONTESTED, *BLOCK)
    return [pair for pair in combinations(everything, 2) if kind(pair[0]) == kind(pair[1])]  # type: ignore[operator]


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


def test_what_one_skeleton_kind_shows_has_the_same_joints(acted: dict[Shown, Recording]) -> None:
    assert len(twins(skeleton_kind)) == 2 + 2
    for one, other in twins(skeleton_kind):
        for name in ("joints", "colour", "depth", "present"):
            np.testing.assert_array_equal(
                getattr(acted[one], name), getattr(acted[other], name), err_msg=f"{one} {other}"
            )


def test_what_one_video_kind_shows_has_the_same_pictures_and_pixels(acted: dict[Shown, Recording]) -> None:
    assert len(twins(video_kind)) == 2 + 1 + 2
    for one, other in twins(video_kind):
        for name in ("frames", "colour", "depth"):
            np.testing.assert_array_equal(
                getattr(acted[one], name), getattr(acted[other], name), err_msg=f"{one} {other}"
            )


def test_twins_in_one_modality_are_far_apart_in_the_other(acted: dict[Shown, Recording]) -> None:
    for one, other in twins(video_kind):
        apart_m = np.abs(acted[one].joints[..., 2] - acted[other].joints[..., 2])
        assert apart_m.max() > 0.5, (one, other)
    for one, other in twins(skeleton_kind):
        apart = np.abs(acted[one].frames.astype(int) - acted[other].frames).max(axis=-1) > 60
        assert apart.sum(axis=(1, 2)).min() > 100, (one, other)


def test_a_contested_clip_shows_one_motion_in_the_picture_and_another_in_the_joints(
    acted: dict[Shown, Recording],
) -> None:
    """At the end the hand that waves is above the head, and that of the joints hangs: they bend."""
    alike = Shown("wave", "wave", "front", "cup")
    both = record(alike, subject(0, 3, 1), camera=2, rng=generator(0, "one scene for all"))
    np.testing.assert_array_equal(both.frames, acted[BLOCK[0]].frames)
    waves, bends = both.joints[-9:, 0, :, 1], acted[BLOCK[0]].joints[-9:, 0, :, 1]
    free, head = 7 if waves[0, 7] > waves[0, 11] else 11, 3
    assert np.all(waves[:, free] > waves[:, head])
    assert np.all(bends[:, free] < bends[:, head])


def test_bones_keep_their_length(acted: dict[Shown, Recording]) -> None:
    """A motion along z is one that a body can make, not a stretched arm."""
    swung = acted[UNCONTESTED[1]].joints
    upper_arm = swung[:, 0, 5] - swung[:, 0, 4]
    lengths = np.linalg.norm(upper_arm, axis=1)
    assert lengths.std() < 0.02  # what noise of 1 cm at either end leaves
    assert 0.24 < lengths.mean() < 0.33


def test_colour_pixels_follow_x_and_y_and_left_is_at_image_left(acted: dict[Shown, Recording]) -> None:
    seen = acted[UNCONTESTED[0]]
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
    assert "video alone 50 %, the mean of both 80 %, any sum of both 90 %, both 100 %" in readme
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
    take = Take(1, 1, 1, 1, ACTIONS[0], UNCONTESTED[0])
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
