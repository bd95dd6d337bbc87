"""A small features store for the tests of the reader: two arrays, labels and splits, one failure, one hole."""

import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache import ArraySpec, Build, Cache, Row, RowFailure, StoreSpec, write_block
from cache.keys import canonical, digest_of, key_of

CLASSES = ("wave", "sit", "throw")
VIDEO = ArraySpec("video_0", "float32", (2, 8), ("view", "channel"), chunk_rows=4)
SKELETON = ArraySpec(
    "skeleton_0", "float32", (1, 5), ("one_view", "skeleton_channel"), chunk_rows=8, codec="zstd"
)
FRAMES = ArraySpec("frames", "uint8", (6, 3), ("frame", "x"), chunk=(2, 3), codec="zstd", padded=True)
SPEC = StoreSpec((VIDEO, SKELETON, FRAMES), rows_per_shard=16, row_dim="clip")
BAD = "c013"
"""The clip that failed."""
UNMADE = "c014"
"""The clip that has no skeleton features."""
GONE = "c005"
"""The clip that was removed: row 5 is a hole."""
CARD: dict[str, Any] = {
    "title": "Made up", "dataset": "made_up", "protocol": "cross_subject", "stage": "features",
    "licence": "CC0", "citation": "Nobody, Nowhere, 2026", "url": "https://example.org/made_up",
    "classes": list(CLASSES), "weights": {"video_0": "ab" * 32},
}  # fmt: skip


def number(clip_id: str) -> int:
    """13 of c013."""
    return int(clip_id[1:])


def label(clip_id: str) -> int:
    """Of a clip, in turn."""
    return number(clip_id) % len(CLASSES)


def content(clip_id: str, version: int = 0) -> dict[str, NDArray[Any]]:
    """What a clip holds: noise of its own, and its class on top of it; the first frames only."""
    rng = np.random.default_rng(number(clip_id) + 1000 * version)
    video = rng.normal(size=(2, 8)).astype(np.float32)
    video[:, label(clip_id)] += 6
    frames = np.zeros((6, 3), np.uint8)
    frames[: number(clip_id) % 6] = number(clip_id) % 250 + 1
    return {"video_0": video, "skeleton_0": rng.random((1, 5), np.float32), "frames": frames}


def document(clip_id: str, array: str, version: int = 0) -> dict[str, Any]:
    """What a row is made of."""
    made = {"step": "features", "version": 3 + version, "params": {"size": 112}, "runtime": {"torch": "2.15"}}
    return {**made, "weights": {"backbone": "ab" * 32}, "inputs": {"clip": clip_id, "array": array}}


WIDE = ArraySpec("video_0", "float32", (2, 1024), ("view", "channel"), chunk_rows=4)


def wide_row(clip_id: str, version: int) -> NDArray[Any]:
    """(2, 1024): what a clip holds in a wide store, all of it noise."""
    rng = np.random.default_rng(number(clip_id) + 1000 * version)
    return rng.normal(size=WIDE.row_shape).astype(np.float32)


def make_wide_store(folder: Path, *, version: int = 0) -> Path:
    """40 clips of 8 KB in shards of 16, which no reader fetches whole. All versions are of one size."""
    cache, out, ids = Cache(folder / "cache"), folder / "features.zarr", [f"c{i:03d}" for i in range(40)]
    rows = [Row(clip_id, {"video_0": document(clip_id, "video_0", version)}) for clip_id in ids]
    build = Build(cache, "made_up/wide", StoreSpec((WIDE,), 16, "clip"), rows)
    for task in build.tasks:
        write_block(cache.root, task, lambda ids, _: ((i, {"video_0": wide_row(i, version)}) for i in ids))
    build.finish(out, {"label": np.array([label(i) for i in build.ids], np.int32)}, {})
    return out


def make_store(folder: Path, *, clips: int = 40, version: int = 0) -> Path:
    """Build it in `folder`, first with all clips, then without GONE. Each version has other numbers, and as many."""
    cache, out = Cache(folder / "cache"), folder / "features.zarr"
    every = [f"c{i:03d}" for i in range(clips)]
    for ids in (every, [clip_id for clip_id in every if clip_id != GONE]):
        build = Build(cache, "made_up/features", SPEC, [_row(clip_id, version) for clip_id in ids])
        for task in build.tasks:
            write_block(cache.root, task, partial(_compute, version))
        coords = {
            "label": np.array([label(i) for i in build.ids], np.int32),
            "split": np.array([int(number(i) % 4 == 3) for i in build.ids], np.int8),
            "place": np.array([b"lab" if number(i) % 2 else b"home" for i in build.ids]),
        }
        build.finish(out, coords, CARD)
    return out


def _row(clip_id: str, version: int) -> Row:
    arrays = [array.name for array in SPEC.arrays if (clip_id, array.name) != (UNMADE, "skeleton_0")]
    return Row(clip_id, {array: document(clip_id, array, version) for array in arrays})


def _compute(
    version: int, ids: list[str], _: frozenset[str]
) -> Iterator[tuple[str, dict[str, NDArray[Any]] | RowFailure]]:
    for clip_id in ids:
        yield (
            clip_id,
            RowFailure("VideoError", "it is black") if clip_id == BAD else content(clip_id, version),
        )


def zipped(store: Path, out: Path, *, compression: int = zipfile.ZIP_STORED) -> Path:
    """The store's files at a zip's root."""
    with zipfile.ZipFile(out, "w", compression) as archive:
        for path in sorted(path for path in store.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(store).as_posix())
    return out


def copied(sound: Path, target: Path) -> Path:
    for path in sorted(path for path in sound.rglob("*") if path.is_file()):
        (target / path.relative_to(sound)).parent.mkdir(parents=True, exist_ok=True)
        (target / path.relative_to(sound)).write_bytes(path.read_bytes())
    return target


def seal(store: Path, files: dict[str, Any] | None = None) -> None:
    """Write a manifest that holds for what is there now, and for what `files` says beside."""
    found = {
        path.relative_to(store).as_posix(): {
            "size": path.stat().st_size,
            "blake2b160": digest_of(path.read_bytes()),
        }
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
    content: Any = {"format": "harcache-1", "files": {**found, **(files or {})}}
    (store / "manifest.json").write_bytes(canonical({**content, "digest": key_of(content)}) + b"\n")
