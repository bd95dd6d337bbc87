"""Skeletons and facts of clips in skeletons.zarr: writing and reading."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cache import ArraySpec, Store, StoreSpec
from pipeline.datasets.protocol import FLAGS
from pipeline.errors import DatasetError, SkeletonError
from pipeline.params.sections import nearest
from pipeline.values import Skeleton

if TYPE_CHECKING:
    from pipeline.skeleton.layouts import Layout
    from pipeline.video.video import VideoFacts

FRAMES_PER_CHUNK = 64
FACTS = (
    *("num_frames", "height", "width", "fps_milli", "header_frames", "skeleton_frames", "flags"),
    "undecodable_frames",
)
"""Columns of the array `facts`; -1 where a header names no frame count."""


def skeleton_spec(layout: "Layout", *, max_frames: int, max_persons: int, shard_rows: int) -> StoreSpec:
    """Arrays of skeletons.zarr: (clip, frame, person, joint, axis), padded along frame with zeros."""
    people = (max_persons, layout.num_joints)

    def joints(name: str, *axes: tuple[str, int]) -> ArraySpec:
        tail = (*people, *(size for _, size in axes))
        return ArraySpec(
            name,
            "float32",
            (max_frames, *tail),
            ("frame", "person", "joint", *(dim for dim, _ in axes)),
            chunk=(min(max_frames, FRAMES_PER_CHUNK), *tail),
            codec="zstd",
            padded=True,
        )

    return StoreSpec(
        arrays=(
            joints("joints_3d", ("xyz", 3)),
            joints("joints_2d", ("xy", 2)),
            joints("score"),
            ArraySpec("video_frame", "int32", (max_frames,), ("frame",), chunk_rows=16, codec="zstd"),
            ArraySpec("facts", "int64", (len(FACTS),), ("fact",), chunk_rows=64),
        ),
        rows_per_shard=shard_rows,
        row_dim="clip",
    )


def pack(
    clip_id: str, skeleton: Skeleton, facts: "VideoFacts", flags: frozenset[str], max_frames: int
) -> dict[str, Any]:
    """One clip's rows; raises SkeletonError where it is longer than the padded size."""
    length = skeleton.num_frames
    frames = "skeleton frames" if skeleton.present.any() else "video frames (it has no skeleton)"
    check_length(clip_id, length, max_frames, frames)
    rows = {
        name: _padded(np.asarray(getattr(skeleton, name)), max_frames)
        for name in ("joints_3d", "joints_2d", "score", "video_frame")
    }
    values = {
        "num_frames": facts.num_frames,
        "height": facts.height,
        "width": facts.width,
        "fps_milli": round(facts.fps * 1000),
        "header_frames": -1 if facts.header_frames is None else facts.header_frames,
        "skeleton_frames": length,
        "flags": flag_bits(flags),
        "undecodable_frames": facts.undecodable_frames,
    }
    rows["facts"] = np.array([values[name] for name in FACTS], np.int64)
    return rows


def check_length(clip_id: str, length: int, max_frames: int, frames: str) -> None:
    """Raise SkeletonError where a clip's `frames`, as the message calls them, are more than the padded size."""
    if length > max_frames:
        raise SkeletonError(
            f"{clip_id}: {length} {frames}, more than index.max_frames = {max_frames}: raise it to {length}, or cut "
            "the clip"
        )


def read_skeleton(store: Store, clip_id: str) -> Skeleton:
    """The skeleton of `clip_id`, without its padding."""
    length = read_facts(store, [clip_id])["skeleton_frames"][0]
    return Skeleton(
        joints_3d=store.read_row("joints_3d", clip_id, 0, int(length)),
        joints_2d=store.read_row("joints_2d", clip_id, 0, int(length)),
        score=store.read_row("score", clip_id, 0, int(length)),
        video_frame=store.read_row("video_frame", clip_id, 0, int(length)),
    )


def read_facts(store: Store, ids: list[str]) -> dict[str, NDArray[np.int64]]:
    """Columns of FACTS for `ids`, each (len(ids),)."""
    table = store.read("facts", ids)
    return {name: table[:, column] for column, name in enumerate(FACTS)}


def flag_bits(flags: Collection[str]) -> int:
    """The flags as bits, by their places in FLAGS. DatasetError, with the nearest name, for one that is not there."""
    unknown = sorted(set(flags) - set(FLAGS))
    if unknown:
        near = nearest(unknown[0], list(FLAGS))
        raise DatasetError(f"no quality flag {unknown[0]!r}{near}; a dataset may raise {list(FLAGS)}")
    return sum(1 << FLAGS.index(flag) for flag in flags)


def read_flags(store: Store, ids: list[str]) -> dict[str, tuple[str, ...]]:
    """Return each clip's flags, by the names that the store itself gives its bits (attribute `flags`, lowest first).

    DatasetError where a row has a bit that the store does not name.
    """
    named: Any = store.attrs["flags"]
    found = dict(zip(ids, read_facts(store, ids)["flags"].tolist(), strict=True))
    for clip_id, bits in found.items():
        if bits >> len(named):
            raise DatasetError(
                f"store {store.path}: clip {clip_id} has a quality flag at bit {bits.bit_length() - 1}, and its "
                f"attribute `flags` names {len(named)}: run `index` again"
            )
    return {
        clip_id: tuple(flag for position, flag in enumerate(named) if bits >> position & 1)
        for clip_id, bits in found.items()
    }


def _padded(array: NDArray[Any], length: int) -> NDArray[Any]:
    padded = np.zeros((length, *array.shape[1:]), array.dtype)
    padded[: len(array)] = array
    return padded
