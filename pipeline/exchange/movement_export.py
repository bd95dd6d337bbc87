"""A dataset's joints in pixels as movement's datasets of poses: a netCDF file a clip, which xarray opens."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.catalog.opened import made_keys, opened_catalog, opened_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.datasets.table.movement_file import check_installed, write_movement
from pipeline.errors import DatasetError, SkeletonError
from pipeline.paths import Paths
from pipeline.skeleton.layouts import LAYOUTS, WHOLE_FRAME


@dataclass(frozen=True, slots=True)
class ExportedPoses:
    """Summary of the files written."""

    folder: Path
    files: tuple[Path, ...]
    left_out: tuple[str, ...]
    """Clips without a joint in pixels."""

    def __str__(self) -> str:
        size = sum(path.stat().st_size for path in self.files)
        lost = f"; {len(self.left_out)} have no joint in pixels" if self.left_out else ""
        return f"{self.folder}: {len(self.files)} clips, {size / 1e6:.1f} MB{lost}"


def export_poses(paths: Paths, folder: Path, clips: Sequence[str] | None = None) -> ExportedPoses:
    """Write `folder/<clip id>.nc` for each usable clip, or for those of `clips`; each file whole or not at all.

    Raises DatasetError for an unknown clip, and where no clip has joints in pixels; ParamError without movement.
    """
    check_installed()
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    layout = LAYOUTS[catalog.layout]
    if layout is WHOLE_FRAME:
        raise DatasetError(f"{paths.dataset} has no skeletons: there is nothing to export")
    store = opened_store(paths.need(paths.store("skeletons"), "index"))
    made = made_keys(store, "score")
    there = [entry.clip.clip_id for entry in catalog.usable() if entry.clip.clip_id in made]
    if unknown := sorted({*(clips or ())} - {*there}):
        raise DatasetError(f"{paths.dataset} has no usable clip {unknown[0]!r}")
    folder.mkdir(parents=True, exist_ok=True)
    files, left_out = list[Path](), list[str]()
    for clip_id in clips or there:
        path, aside = folder / f"{clip_id}.nc", folder / f".{clip_id}.{os.getpid()}.nc"
        try:
            write_movement(aside, read_skeleton(store, clip_id), layout)
            aside.replace(path)
            files.append(path)
        except SkeletonError:
            left_out.append(clip_id)
        finally:
            aside.unlink(missing_ok=True)
    if not files:
        raise DatasetError(
            f"{paths.dataset}: no clip has a joint in pixels, which is what movement's datasets hold"
        )
    return ExportedPoses(folder, tuple(files), tuple(left_out))
