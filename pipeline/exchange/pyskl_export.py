"""A dataset's skeletons as PYSKL's annotations: one pickle that PYSKL and its successors train on."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from cache import Store
from cache.files import full_disk_explained, sync_folder
from pipeline.catalog.catalog import Catalog, Entry
from pipeline.catalog.opened import made_keys, opened_catalog, opened_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.datasets.protocol import check_choice
from pipeline.errors import DatasetError
from pipeline.exchange.pickle_writer import PickleWriter
from pipeline.paths import Paths
from pipeline.values import Skeleton

JointKind = Literal["2d", "3d"]


@dataclass(frozen=True, slots=True)
class Exported:
    """Summary of the file written."""

    path: Path
    clips: int
    split: dict[str, int]
    """Name to how many."""

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {count}" for name, count in self.split.items())
        return f"{self.path}: {self.clips} annotations ({parts}), {self.path.stat().st_size / 1e6:.1f} MB"


def export_pyskl(paths: Paths, out: Path, *, joints: JointKind = "2d", half: bool = False) -> Exported:
    """Write every usable clip of data/<dataset> to `out`, whole or not at all; the split leaves out who is unused.

    joints: pixels or metres; a file of PYSKL's holds one kind. half: float16, as PYSKL's own files of pixels;
    beyond 1,024 pixels that is steps of one. Raises DatasetError where no clip has such joints.
    """
    check_choice(joints, get_args(JointKind), "joints")
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    store = opened_store(paths.need(paths.store("skeletons"), "index"))
    made = made_keys(store, "score")
    entries = [entry for entry in catalog.entries if entry.usable and entry.clip.clip_id in made]
    split = _split(catalog, entries)
    _refuse_unknown(store, entries, joints)
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f"{out.name}.partial-{os.getpid()}")
    try:
        with full_disk_explained(aside, "annotations"), aside.open("wb") as file:
            PickleWriter(file).document({"split": split}, "annotations", _all(store, entries, joints, half))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(out.parent)
    return Exported(out, len(entries), {name: len(ids) for name, ids in split.items()})


def annotation_of(
    entry: Entry, skeleton: Skeleton, joints: JointKind, *, half: bool = False
) -> dict[str, Any]:
    """One clip as PYSKL has it; what is unknown is 0 at score 0."""
    values = skeleton.joints_2d if joints == "2d" else skeleton.joints_3d
    known: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=3))
    dtype = np.float16 if half else np.float32
    annotation: dict[str, Any] = {
        "frame_dir": entry.clip.own_name,
        "label": entry.clip.label,
        "img_shape": (entry.height, entry.width),
        "original_shape": (entry.height, entry.width),
        "total_frames": skeleton.num_frames,
        "keypoint": _people_first(np.where(known[..., None], values, 0)).astype(dtype),
        "keypoint_score": _people_first(np.where(known, skeleton.score, 0)).astype(dtype),
    }
    if not np.array_equal(skeleton.video_frame, np.arange(skeleton.num_frames)):
        annotation["video_frame"] = skeleton.video_frame
    if entry.num_frames != skeleton.num_frames:
        annotation["num_video_frames"] = entry.num_frames
    return annotation


def _all(store: Store, entries: list[Entry], joints: JointKind, half: bool) -> Iterator[dict[str, Any]]:
    for entry in entries:
        yield annotation_of(entry, read_skeleton(store, entry.clip.clip_id), joints, half=half)


def _split(catalog: Catalog, entries: list[Entry]) -> dict[str, list[str]]:
    """By the protocol that the catalog was made with; PYSKL calls its test part val."""
    names = {"train": f"{catalog.protocol}_train", "test": f"{catalog.protocol}_val"}
    return {
        name: [entry.clip.own_name for entry in entries if entry.split == side]
        for side, name in names.items()
    }


def _refuse_unknown(store: Store, entries: list[Entry], joints: JointKind) -> None:
    """Looks at the first clip's joints: a dataset has a kind for all its clips or for none."""
    if not entries:
        raise DatasetError(f"{store.path} holds no usable clip: nothing to export")
    first = read_skeleton(store, entries[0].clip.clip_id)
    if not np.isfinite(first.joints_2d if joints == "2d" else first.joints_3d).any():
        other = "3d" if joints == "2d" else "2d"
        raise DatasetError(
            f"{store.path}: {entries[0].clip.clip_id} has no {joints} joints; its dataset may have {other} only"
        )


def _people_first(array: NDArray[Any]) -> NDArray[Any]:
    """(T, M, …) to (M, T, …)."""
    return np.ascontiguousarray(array.swapaxes(0, 1))
