"""Quality flags are bits in rows, and a store names its bits itself: its attribute says what each means."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny import Project

from cache import Build, Cache, Row, Store, open_store, write_block
from pipeline.catalog.catalog import read_catalog
from pipeline.catalog.skeletons import FACTS, flag_bits, pack, read_flags, skeleton_spec
from pipeline.datasets.protocol import FLAGS
from pipeline.errors import DatasetError
from pipeline.skeleton.layouts import WHOLE_FRAME
from pipeline.values import Skeleton
from pipeline.video.video import VideoFacts

SPEC = skeleton_spec(WHOLE_FRAME, max_frames=2, max_persons=1, shard_rows=64)
BITS = {"a": 0, "b": 1, "c": 6, "d": 1 << 14 | 1 << 2}
"""Each clip's bits, by hand."""


def store_with(tmp_path: Path, named: Sequence[str]) -> Store:
    """skeletons.zarr of the clips in BITS, whose attribute names its flags so."""
    joints = np.zeros((2, 1, 1, 3), np.float32)
    skeleton = Skeleton(joints, joints[..., :2], joints[..., 0], np.arange(2, dtype=np.int32))

    def compute(
        ids: list[str], arrays: frozenset[str]
    ) -> Iterator[tuple[str, dict[str, NDArray[np.generic]]]]:
        for clip_id in ids:
            rows = pack(clip_id, skeleton, VideoFacts(2, 8, 8, 30.0, None), frozenset(), 2)
            rows["facts"][FACTS.index("flags")] = BITS[clip_id]
            yield clip_id, {name: rows[name] for name in arrays}

    rows = [Row(clip_id, {array.name: {"clip": clip_id} for array in SPEC.arrays}) for clip_id in BITS]
    cache = Cache(tmp_path / "cache")
    plan = Build(cache, "flags", SPEC, rows)
    for task in plan.tasks:
        write_block(cache.root, task, compute)
    plan.finish(tmp_path / "skeletons.zarr", {}, {"flags": list(named)})
    return open_store(tmp_path / "skeletons.zarr")


def test_bits_are_read_by_the_names_in_the_store(tmp_path: Path) -> None:
    assert read_flags(store_with(tmp_path, FLAGS), list(BITS)) == {
        "a": (),
        "b": ("no_body_frames",),
        "c": ("third_body", "nan_joints"),
        "d": ("nan_joints", "several_videos"),
    }


def test_a_store_that_lists_its_flags_in_another_order_is_read_by_its_own(tmp_path: Path) -> None:
    named = (
        "interlaced",
        "uneven_times",
        *(flag for flag in FLAGS if flag not in ("interlaced", "uneven_times")),
    )
    assert read_flags(store_with(tmp_path, named), ["d", "c", "b", "a"]) == {
        "d": ("no_body_frames", "several_videos"),
        "c": ("uneven_times", "no_body_frames"),
        "b": ("interlaced",),
        "a": (),
    }


def test_a_bit_without_a_name_is_refused(tmp_path: Path) -> None:
    store = store_with(tmp_path, FLAGS[:14])
    assert read_flags(store, ["c"]) == {"c": ("third_body", "nan_joints")}
    with pytest.raises(
        DatasetError, match="clip d has a quality flag at bit 14, and its attribute `flags` names 14"
    ):
        read_flags(store, list(BITS))


def test_the_stage_writes_the_names_and_the_catalog_tells_them(finished: Project) -> None:
    store = open_store(finished.paths.store("skeletons"))
    assert store.attrs["flags"] == list(FLAGS)
    flags = {e.clip.clip_id: e.flags for e in read_catalog(finished.paths.catalog).entries if e.usable}
    assert read_flags(store, list(flags)) == flags
    assert any(flags.values())


def test_flags_become_bits_by_their_places_and_unknown_ones_are_refused_with_the_nearest() -> None:
    assert flag_bits([]) == 0
    assert flag_bits(["nan_joints", "no_body_frames", "several_videos"]) == 1 | 4 | 1 << 14
    with pytest.raises(
        DatasetError, match=r"no quality flag 'nan_joint' \(did you mean 'nan_joints'\?\); a dataset"
    ):
        flag_bits(["third_body", "nan_joint"])


def test_a_place_is_never_moved_or_used_again() -> None:
    """Rows in caches hold these bits; a new flag stands behind them."""
    assert FLAGS[:15] == (
        *("no_body_frames", "third_body", "nan_joints", "body_dropped", "joined_bodies", "one_body_lost"),
        *("length_mismatch", "implausible_joints", "empty_packets", "undecodable_start", "shared_packets"),
        *("hidden_frames", "uneven_times", "interlaced", "several_videos"),
    )
