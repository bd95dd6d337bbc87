"""The reading side is a process of its own, and what it reads is replaced under it: no wrong row, and it says why."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import psutil
import pytest
from buckets import BUCKET, Bucket, bucket
from feature_store import copied as copied_store
from feature_store import make_wide_store, wide_row
from house import HOUSE
from serving import serving
from test_integrity_end_to_end import cache_of, run
from test_integrity_inputs import clip_of, decoded, forget_rows, ids, records
from test_reader_places import exchange
from tiny import Project, content

from cache.store.parts import read_parts

READER = """
import hashlib, json, sys
from cache.harstore import open
asked = json.loads(sys.argv[1])
with open(asked["address"], **asked["options"]) as reader:
    for clip_id in asked["clips"]:
        print(clip_id, hashlib.sha256(reader["video_0"].of(clip_id).tobytes()).hexdigest(), flush=True)
        sys.stdin.readline()
print("end", flush=True)
"""
"""Reads clip after clip, and waits for a line after each."""


@dataclass(frozen=True)
class Place:
    """Where a store is published: how, under which address, and what the reader needs to open it."""

    publish: Callable[[Path], object]
    address: str
    options: dict[str, Any]


@pytest.fixture(scope="module")
def s3() -> Iterator[Bucket]:
    with bucket() as served:
        yield served


@pytest.fixture(params=["http", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A web server, and S3."""
    if request.param == "s3":
        served: Bucket = request.getfixturevalue("s3")
        options = {"storage_options": served.options}
        yield Place(
            lambda store: served.upload(store, tmp_path.name), f"s3://{BUCKET}/{tmp_path.name}", options
        )
        return
    home = tmp_path / "served"
    home.mkdir()
    with serving(home) as server:
        yield Place(
            lambda store: copied_store(store, home / "features.zarr"), f"{server.url}/features.zarr", {}
        )


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two stores of the same shape and sizes, and of other numbers."""
    folders = [tmp_path_factory.mktemp(f"version{number}") for number in (0, 1)]
    one, other = (make_wide_store(folder, version=number) for number, folder in enumerate(folders))
    return one, other


def half_synced(versions: tuple[Path, Path], target: Path, *names: str) -> Path:
    """The first version, of which these files are the second's already."""
    store = copied_store(versions[0], target)
    for name in names:
        (store / "video_0" / name).write_bytes((versions[1] / "video_0" / name).read_bytes())
    return store


def exchanged(versions: tuple[Path, Path], target: Path) -> Path:
    store = copied_store(versions[0], target)
    exchange(store / "video_0/c.0.0.0", store / "video_0/c.1.0.0")
    return store


SHARD, DOCUMENTS = "c.1.0.0", "documents.1"
ANOTHERS, UNPUBLISHED = "another shard's bytes", "not what was published"
"""A shard is held against the manifest's own table of its chunks, or against the documents beside it."""

STRUCK: dict[str, tuple[Callable[[tuple[Path, Path], Path], Path], int, tuple[str, ...]]] = {
    "exchanged": (exchanged, 0, (ANOTHERS,)),
    "half synced: a shard": (lambda v, to: half_synced(v, to, SHARD), 2, (ANOTHERS,)),
    "half synced: a block": (lambda v, to: half_synced(v, to, SHARD, DOCUMENTS), 2, (ANOTHERS, UNPUBLISHED)),
    "replaced": (lambda v, to: copied_store(v[1], to), 0, (ANOTHERS, UNPUBLISHED)),
}
"""What the publisher does; how many clips are read where it was done before; what is said at the next."""
CLIPS = ("c000", "c007", "c017")
"""Two of the first shard, one of the second."""


def right(num_clips: int) -> list[str]:
    """The lines of a reader that was given the first version's rows."""
    return [f"{clip} {hashlib.sha256(wide_row(clip, 0).tobytes()).hexdigest()}" for clip in CLIPS[:num_clips]]


@pytest.mark.parametrize("what", ["exchanged", "half synced: a shard", "half synced: a block"])
def test_a_process_reads_no_wrong_row_of_what_was_struck_before(
    versions: tuple[Path, Path], tmp_path: Path, place: Place, what: str
) -> None:
    struck, num_clips, said = STRUCK[what]
    place.publish(struck(versions, tmp_path / "struck"))
    reader = reading(place)
    lines, told = reader.communicate("\n" * len(CLIPS), timeout=60)
    assert lines.splitlines() == right(num_clips), told
    assert reader.returncode == 1
    assert any(words in told.splitlines()[-1] for words in said)


@pytest.mark.parametrize("what", STRUCK)
def test_a_process_reads_no_wrong_row_of_what_is_struck_meanwhile(
    versions: tuple[Path, Path], tmp_path: Path, place: Place, what: str
) -> None:
    """Between two of its reads. S3 is asked for the object that was there when the store was opened."""
    struck, _, said = STRUCK[what]
    place.publish(versions[0])
    reader = reading(place)
    assert reader.stdin is not None
    assert reader.stdout is not None
    read = [reader.stdout.readline().strip()]
    reader.stdin.write("\n")
    reader.stdin.flush()
    read.append(reader.stdout.readline().strip())
    place.publish(struck(versions, tmp_path / "struck"))
    rest, told = reader.communicate("\n\n", timeout=60)
    assert (read, rest) == (right(2), ""), told
    assert reader.returncode == 1
    expected = ("S3 no longer has the object whose ETag is",) if place.address.startswith("s3") else said
    assert any(words in told.splitlines()[-1] for words in expected)


def test_a_process_that_reads_what_is_left_alone_ends_well(versions: tuple[Path, Path], place: Place) -> None:
    place.publish(versions[0])
    reader = reading(place)
    lines, told = reader.communicate("\n" * len(CLIPS), timeout=60)
    assert (lines.splitlines(), reader.returncode) == ([*right(3), "end"], 0), told


def reading(place: Place) -> "subprocess.Popen[str]":
    asked = json.dumps({"address": place.address, "options": place.options, "clips": CLIPS})
    return subprocess.Popen(
        [sys.executable, "-c", READER, asked],
        cwd=HOUSE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_video_replaced_between_hashing_and_decoding_under_a_crop_of_its_own_process(
    copied: Project, finished: Project, tmp_path: Path
) -> None:
    """The first block is being written, so all videos were hashed; the last block's clip is replaced then."""
    parts = read_parts(copied.paths.store("frames"))
    last = parts.blocks("r4")[-1]
    (*_, donor, victim) = decoded(copied)
    old = dict(zip(parts.ids(), parts.row_keys("r4"), strict=True))
    last_rows = parts.ids()[parts.span("r4", last).start :]
    assert clip_of(victim) in last_rows
    cache, first_key, last_key = cache_of(copied), parts.shard_key("r4", 0), parts.shard_key("r4", last)
    begun, late = (cache.shard(key).with_suffix(".tmp") for key in (first_key, last_key))
    crop = stopped(
        copied, lambda _: begun.exists() and not (late.exists() or cache.record(last_key).exists())
    )
    replace_video(victim, donor, tmp_path)
    crop.send_signal(signal.SIGCONT)

    _, said = crop.communicate(timeout=60)
    assert crop.returncode == 2, said
    assert f"InputsChangedError: {victim} changed after it was hashed" in said
    assert "Run `index` again" in said
    assert "Traceback" not in said
    assert not cache.holds(last_key)
    assert not [one for one in records(copied) if one.spec.name == "r4" and clip_of(victim) in ids(one)]

    twin = finished.copy(tmp_path / "twin")
    replace_video(twin.root / victim.relative_to(copied.root), donor, tmp_path)
    for project in (copied, twin):
        run(project, "index", "sample", "crop")
    made = read_parts(copied.paths.store("frames"))
    assert dict(zip(made.ids(), made.row_keys("r4"), strict=True))[clip_of(victim)] != old[clip_of(victim)]
    ours, theirs = (content(project.paths.store("frames")) for project in (copied, twin))
    assert ours == theirs
    assert ours != content(finished.paths.store("frames"))


def test_a_video_replaced_while_a_crop_of_its_own_process_decodes_it(copied: Project, tmp_path: Path) -> None:
    """The process is stopped with the video open: some of its frames are of the file before, none is kept."""
    (*_, donor, victim) = decoded(copied)
    shutil.copyfile(donor, tmp_path / "donor")
    enlarge(victim, times=5)
    run(copied, "index", "sample", "crop")
    parts = read_parts(copied.paths.store("frames"))
    last_key = parts.shard_key("r4", parts.blocks("r4")[-1])

    crop = stopped(copied, lambda process: str(victim.resolve()) in opened_by(process))
    replace_video(victim, tmp_path / "donor", tmp_path)
    crop.send_signal(signal.SIGCONT)

    _, reported = crop.communicate(timeout=60)
    assert crop.returncode == 2, reported
    assert f"InputsChangedError: {victim} changed after it was hashed" in reported
    assert not cache_of(copied).holds(last_key)
    assert not [one for one in records(copied) if one.spec.name == "r4" and clip_of(victim) in ids(one)]


def stopped(project: Project, when: Callable[[psutil.Process], bool]) -> "subprocess.Popen[str]":
    """A crop of RGB that stands still where `when` holds: halted at each look, so that it can hardly run past."""
    for _ in range(5):
        forget_rows(project, "r4", "box_r4")
        crop = cropping(project)
        process = psutil.Process(crop.pid)
        while crop.poll() is None:
            crop.send_signal(signal.SIGSTOP)
            while process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE):
                time.sleep(0.0005)
            if process.status() == psutil.STATUS_STOPPED and when(process):
                return crop
            crop.send_signal(signal.SIGCONT)
            time.sleep(0.002)
        crop.communicate()
    raise AssertionError("five crops ran past the moment at which they were to be stopped")


def opened_by(process: psutil.Process) -> set[str]:
    return {file.path for file in process.open_files()}


def cropping(project: Project) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        project.command("crop", "demo"),
        env=project.environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def enlarge(video: Path, *, times: int) -> None:
    """Repeat each pixel, so that decoding takes long enough to be met at it."""
    fresh = video.with_suffix(".fresh.avi")
    with av.open(str(video)) as opened, av.open(str(fresh), "w") as written:
        source = opened.streams.video[0]
        stream = written.add_stream("mpeg4", rate=source.average_rate)
        stream.width, stream.height, stream.pix_fmt = source.width * times, source.height * times, "yuv420p"
        for frame in opened.decode(source):
            large = frame.to_ndarray(format="rgb24").repeat(times, axis=0).repeat(times, axis=1)
            written.mux(stream.encode(av.VideoFrame.from_ndarray(large, format="rgb24")))
        written.mux(stream.encode())
    fresh.replace(video)


def replace_video(victim: Path, donor: Path, folder: Path) -> None:
    """In one step, as a download does that ends."""
    shutil.copyfile(donor, folder / "fresh")
    (folder / "fresh").replace(victim)
