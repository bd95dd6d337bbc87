"""extract: videos in, features out, through the cache, with nothing else there."""

from pathlib import Path

import numpy as np
import pytest
from tiny import Project

from cache import Cache, open_store
from models.amfi.r3d import R3D18
from models.errors import ModelParamError
from models.published.card import WeightsCard
from models.training.checkpoint import encode
from pipeline.build.runner import RunOptions
from pipeline.errors import DatasetError
from pipeline.exchange.publishing import publish
from pipeline.video.video import AvVideo, VideoFacts
from pipeline.video.video_files import video_ids
from stages.extract import Request, run

OPTIONS = {"width": 2, "stem": "3x7x7"}
SMALL = {"frames": 4, "size": 32, "mean": [0.4, 0.4, 0.4], "std": [0.2, 0.2, 0.2]}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Of a network of almost no size, fed small clips."""
    path = tmp_path / "small.pt"
    path.write_bytes(encode(R3D18(3, **OPTIONS).state_dict(), WeightsCard("r3d18", OPTIONS, SMALL)))
    return path


@pytest.fixture
def videos(recordings: Path) -> list[Path]:
    """Three whole videos that differ: neighbours are twins in what a video shows."""
    return sorted(recordings.rglob("*P002*_rgb.avi"))[:5:2]


def extracted(videos: list[Path], request: Request, folder: Path, **options: float) -> str:
    summary = run(
        videos, request, folder / "out.zarr", Cache(folder / "cache"), RunOptions(quiet=True),
        **{"max_failed": 0.0, **options},
    )  # fmt: skip
    return f"{summary.made} made, {summary.cached} cached, {summary.failed} failed, exit {summary.exit_code}"


def test_each_video_is_a_row_of_its_cuts(videos: list[Path], weights: Path, tmp_path: Path) -> None:
    request = Request("r3d18", weights, cuts=("features", "map"), views=2)
    assert extracted(videos, request, tmp_path) == "3 made, 0 cached, 0 failed, exit 0"
    store = open_store(tmp_path / "out.zarr")
    assert set(store.ids) == {video.stem for video in videos}
    features, maps = store.read("features"), store.read("map")
    assert features.shape == (3, 2, 16)
    assert np.allclose(maps.astype(np.float32).mean(axis=(3, 4, 5)), features, atol=2e-3)
    assert len(np.unique(features.reshape(6, -1), axis=0)) == 6  # views differ, and so do videos


def test_a_second_time_nothing_is_computed_and_one_more_video_costs_one(
    videos: list[Path], weights: Path, tmp_path: Path
) -> None:
    request = Request("r3d18", weights)
    extracted(videos[:2], request, tmp_path)
    first = open_store(tmp_path / "out.zarr").read("features")
    assert extracted(videos[:2], request, tmp_path) == "0 made, 2 cached, 0 failed, exit 0"
    assert extracted(videos, request, tmp_path) == "1 made, 2 cached, 0 failed, exit 0"
    store = open_store(tmp_path / "out.zarr")
    assert np.array_equal(store.read("features", [video.stem for video in videos[:2]]), first)


def test_a_release_of_an_untrained_network_says_so(videos: list[Path], weights: Path, tmp_path: Path) -> None:
    extracted(videos, Request("r3d18"), tmp_path)
    told = publish(tmp_path / "out.zarr", str(tmp_path / "released"), licence="CC0-1.0")
    assert "untrained networks made features" in str(told)
    card = (tmp_path / "released" / "README.md").read_text()
    assert 'network `{"kind": "r3d18"}`, **untrained**' in card
    extracted(videos, Request("r3d18", weights), tmp_path)
    told = publish(tmp_path / "out.zarr", str(tmp_path / "learned"), licence="CC0-1.0")
    assert "untrained networks" not in str(told)
    assert "untrained" not in (tmp_path / "learned" / "README.md").read_text()


def test_another_stride_is_another_result(videos: list[Path], weights: Path, tmp_path: Path) -> None:
    extracted(videos, Request("r3d18", weights), tmp_path)
    assert extracted(videos, Request("r3d18", weights, stride_frames=1), tmp_path).startswith("3 made")


def test_a_file_that_is_no_video_is_told_and_the_others_go_on(
    videos: list[Path], weights: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"no video")
    summary = extracted([*videos, broken], Request("r3d18", weights), tmp_path)
    assert summary == "3 made, 0 cached, 1 failed, exit 1"
    (failure,) = open_store(tmp_path / "out.zarr").failures
    assert failure["id"].endswith("broken")
    assert failure["error"] == "VideoError"
    again = extracted([*videos, broken], Request("r3d18", weights), tmp_path, max_failed=0.5)
    assert again == "0 made, 3 cached, 1 failed, exit 0"


def test_what_nobody_foresaw_costs_its_video_under_its_own_name(
    videos: list[Path], weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = AvVideo.probe

    def failing(video: AvVideo) -> VideoFacts:
        if video.path == videos[1]:
            raise UnicodeDecodeError("utf-8", b"\xdf", 0, 1, "invalid start byte")
        return probe(video)

    monkeypatch.setattr(AvVideo, "probe", failing)
    summary = run(
        videos, Request("r3d18", weights), tmp_path / "out.zarr", Cache(tmp_path / "cache"), RunOptions(quiet=True),
        max_failed=0.0,
    )  # fmt: skip
    assert (summary.made, summary.failed, summary.unexpected, summary.exit_code) == (2, 0, 1, 1)
    store = open_store(tmp_path / "out.zarr")
    assert set(store.ids) == {videos[0].stem, videos[2].stem}
    (lost,) = store.attrs["lost"]
    assert (lost["error"], lost["clips"], lost["first"]) == ("UnicodeDecodeError", 1, [videos[1].stem])
    monkeypatch.undo()
    assert extracted(videos, Request("r3d18", weights), tmp_path) == "1 made, 2 cached, 0 failed, exit 0"


def test_weights_of_another_network_are_refused(weights: Path) -> None:
    with pytest.raises(ModelParamError, match="weights of 'r3d18', asked for is 'agcn'"):
        _ = Request("agcn", weights).options


def test_a_network_over_joints_is_refused() -> None:
    with pytest.raises(ModelParamError, match="fed JointInput, not video"):
        _ = Request("agcn").expects


def test_names_are_what_lies_below_the_common_folder(tmp_path: Path) -> None:
    for name in ("a/x.mp4", "b/x.mp4", "b/ü.AVI", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(video_ids([tmp_path]).files) == ["a/x", "b/x", "b/%C3%BC"]
    assert list(video_ids([tmp_path / "b/x.mp4"]).files) == ["x"]
    (tmp_path / "c").mkdir()
    with pytest.raises(DatasetError, match=r"no video in .*known suffixes are"):
        video_ids([tmp_path / "c"])


def test_the_command_needs_nothing_else_and_says_what_there_is(videos: list[Path], tmp_path: Path) -> None:
    empty = Project(tmp_path)
    done = empty.cli("extract", str(videos[0]), "--backbone", "nothing", "--out", str(tmp_path / "o.zarr"))
    assert done.returncode == 2
    assert "no backbone 'nothing'; there are" in done.stderr
