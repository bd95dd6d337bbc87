"""Parts of a recording: their frames, one pass for all of them, and what happens out of order or on damage."""

from pathlib import Path

import numpy as np
import pytest
from av.error import InvalidDataError
from numbered_video import encode, number_of

from pipeline.decoding.numbering import Numbering
from pipeline.errors import VideoError
from pipeline.video.recording import Excerpt, Recording
from pipeline.video.video import AvVideo

FRAMES = 60


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("long") / "long.avi", range(FRAMES))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames of all pictures that come out of decoders."""
    seen: list[int] = []
    whole = Numbering.pictures

    def counted(self: Numbering, *args: object, **options: object) -> object:
        for number, frame in whole(self, *args, **options):  # type: ignore[arg-type]
            seen.append(number)
            yield number, frame
            del frame

    monkeypatch.setattr(Numbering, "pictures", counted)
    return seen


def shown(clip: Excerpt, wanted: list[int]) -> dict[int, int]:
    """Number within the clip to the number that the picture shows."""
    return {number: number_of(frame) for number, frame in clip.frames(wanted)}


def test_a_part_is_numbered_from_its_start(long_video: Path) -> None:
    clip = Excerpt("x", Recording(long_video), start=20, end=35)
    whole = AvVideo(long_video).probe()
    facts = clip.probe()
    assert (facts.num_frames, facts.height, facts.width, facts.fps) == (
        15,
        whole.height,
        whole.width,
        whole.fps,
    )
    assert shown(clip, [0, 4, 14]) == {0: 20, 4: 24, 14: 34}
    with pytest.raises(VideoError, match="x: holds 15 frames, frame 15 is wanted"):
        list(clip.frames([15]))


def test_parts_in_order_cost_one_pass(long_video: Path, decoded: list[int]) -> None:
    recording = Recording(long_video)
    parts = [(0, 10), (10, 12), (25, 40), (41, 60)]
    for start, end in parts:
        clip = Excerpt(f"{start}", recording, start=start, end=end)
        clip.probe()
        wanted = list(range(0, end - start, 2))
        assert shown(clip, wanted) == {n: start + n for n in wanted}
    assert decoded == [
        0,
        *range(11),
        *range(24, FRAMES),
    ]  # the probe's one, then each once; keyframes are 12 apart


def test_each_of_twenty_parts_alone_costs_ten_passes(long_video: Path, decoded: list[int]) -> None:
    """What it is good for: 20 clips of a recording, opened one by one, decode about half of it each."""
    for start in range(0, 60, 3):
        clip = Excerpt(f"{start}", AvVideo(long_video), start=start, end=start + 3)
        shown(clip, [0, 2])
    apart = len(decoded)
    decoded.clear()
    recording = Recording(long_video)
    for start in range(0, 60, 3):
        shown(Excerpt(f"{start}", recording, start=start, end=start + 3), [0, 2])
    assert (apart, len(decoded)) == (sum(range(3, 61, 3)), FRAMES)


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4"])
def test_only_where_no_picture_is_drawn_from_a_later_one_are_frames_left_out(
    tmp_path: Path, suffix: str, decoded: list[int]
) -> None:
    for options, expected in (({}, [24, 25, 48, 49]), ({"bf": "2"}, [*range(50)])):
        path = encode(tmp_path / f"a{len(options)}{suffix}", range(FRAMES), "mpeg4", options)
        assert [number_of(frame) for _, frame in Recording(path).frames([25, 49])] == [25, 49]
        assert decoded == expected
        decoded.clear()


def test_out_of_order_begins_again(long_video: Path, decoded: list[int]) -> None:
    recording = Recording(long_video)
    late, early = (Excerpt(f"{start}", recording, start=start, end=start + 10) for start in (40, 5))
    assert shown(late, [1, 3]) == {1: 41, 3: 43}
    assert shown(early, [0, 9]) == {0: 5, 9: 14}
    assert shown(early, [9]) == {9: 14}
    assert shown(late, [0]) == {0: 40}
    assert decoded == [*range(36, 44), *range(6), *range(12, 15), *range(12, 15), *range(36, 41)]


def test_planes_are_the_same_as_of_the_file(long_video: Path) -> None:
    clip = Excerpt("x", Recording(long_video), start=30, end=40)
    for (number, mine), (_, whole) in zip(
        clip.pictures([0, 7]), AvVideo(long_video).pictures([30, 37]), strict=True
    ):
        assert number in (0, 7)
        for name in mine.__slots__:
            np.testing.assert_array_equal(getattr(mine, name), getattr(whole, name))


def test_the_end_may_lie_beyond_the_recording_and_the_start_may_not(long_video: Path) -> None:
    recording = Recording(long_video)
    assert Excerpt("x", recording, start=50, end=90).probe().num_frames == 10
    with pytest.raises(VideoError, match=r"x: it begins at frame 60 of long\.avi, which has 60"):
        Excerpt("x", recording, start=60, end=61).probe()


def test_after_a_failure_the_file_is_opened_anew(long_video: Path, decoded: list[int]) -> None:
    recording = Recording(long_video)

    def spoilt(_: object, number: int) -> None:
        raise VideoError(f"frame {number} is spoilt")

    with pytest.raises(VideoError, match="frame 8 is spoilt"):
        list(recording._decoded([8], spoilt))
    assert shown(Excerpt("b", recording, start=9, end=12), [0, 2]) == {0: 9, 2: 11}
    assert decoded == [*range(9), *range(12)]


def test_what_ffmpeg_finds_wrong_is_a_video_error_though_the_file_stayed_open(long_video: Path) -> None:
    recording = Recording(long_video)
    clip = Excerpt("b", recording, start=9, end=12)

    def broken(*_: object) -> None:
        raise InvalidDataError(1_094_995_529, "no good", str(long_video))

    assert shown(clip, [0]) == {0: 9}
    with pytest.raises(VideoError, match=r"long\.avi"):
        list(recording._decoded([10], broken))
