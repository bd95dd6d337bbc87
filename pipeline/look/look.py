"""`look`: the clips that are asked for, in a viewer or in a file for one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.build.build import recorded_failures
from pipeline.build.failures import shortened
from pipeline.build.pinned import pinned
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_catalog
from pipeline.errors import ClipError, DatasetError
from pipeline.evaluation.results import read_predictions
from pipeline.look.looks import Looks
from pipeline.look.read_clip import ClipReader
from pipeline.look.rerun_viewer import open_viewer, require_viewer, write_file
from pipeline.params.sections import nearest
from pipeline.paths import Paths
from pipeline.report.clips import shown_clips
from pipeline.training.withdrawn_inputs import refuse_withdrawn

if TYPE_CHECKING:
    from pipeline.params.params import Preset

SOME = 12
"""Clips that are shown where none is named and no report says how many."""


def look(
    paths: Paths,
    preset: "Preset",
    clip_ids: Sequence[str] = (),
    *,
    video: bool = True,
    neighbours: int = 3,
    save: Path | None = None,
) -> str:
    """Open clips in rerun's viewer, or write them to the file `save`; return what was done, in words.

    Without `clip_ids`, shows those of the report, or the first ones. Raises DatasetError where a clip is unknown or
    failed, where `index` has not run, or where rerun is not installed.
    """
    require_viewer()
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    skeletons = paths.need(paths.store("skeletons"), "index")
    refuse_withdrawn(paths.open_cache(), pinned(*_inputs(paths, skeletons)))
    chosen = [known_clip(paths, catalog, clip_id) for clip_id in clip_ids] or _some(paths, preset, catalog)
    reader = ClipReader(paths, preset, video)
    looks = Looks(reader, list(dict.fromkeys(chosen)), neighbours)
    notes = [*_lacking(reader), *_licence(reader, save)]
    if save is None:
        open_viewer(paths.dataset, looks)
        return "\n".join([f"look: {len(looks.clip_ids)} clips in rerun's viewer", *notes])
    size = write_file(paths.dataset, looks, save)
    done = f"look: {len(looks.clip_ids)} clips in {save}, {size / 1e6:.1f} MB; open it with: rerun {save}"
    return "\n".join([done, *notes])


def known_clip(paths: Paths, catalog: Catalog, clip_id: str) -> str:
    """`clip_id`, or a DatasetError that says why it cannot be shown."""
    entry = catalog.by_id.get(clip_id)
    if entry is not None and entry.usable:
        return clip_id
    for failure in recorded_failures(paths):
        if failure.clip_id == clip_id:
            raise DatasetError(
                f"{clip_id} failed in `{failure.stage}` and cannot be shown: {failure.error}: "
                f"{shortened(failure.message)}"
            )
    near = nearest(clip_id, [one.clip.clip_id for one in catalog.usable()])
    raise DatasetError(f"{paths.dataset} has no clip {clip_id!r}{near}; {paths.catalog} lists them")


def _some(paths: Paths, preset: "Preset", catalog: Catalog) -> list[str]:
    """The report's clips, or the first ones."""
    path = paths.reports / "predictions.parquet"
    told = shown_clips(preset, catalog, read_predictions(path)) if path.exists() else ()
    usable = [entry.clip.clip_id for entry in catalog.usable()]
    if not usable:
        raise ClipError(f"{paths.dataset}: no clip is usable; {paths.failures} says why")
    return [clip_id for clip_id in told if clip_id in catalog.by_id] or usable[:SOME]


def _inputs(paths: Paths, skeletons: Path) -> list[Path]:
    """The stores that are there."""
    names = ("samples", "frames", "heatmaps", "features")
    return [skeletons, *(path for path in map(paths.store, names) if path.exists())]


def _lacking(reader: ClipReader) -> list[str]:
    """Say what is not shown since its stage has not run."""
    lacking = [stage for stage, has_run in reader.by_stage.items() if not has_run]
    return (
        [f"not there yet: what {', '.join(lacking)} would write; make it with: dvc repro"] if lacking else []
    )


def _licence(reader: ClipReader, save: Path | None) -> list[str]:
    if save is None or not reader.video or not reader.catalog.has_videos:
        return []
    return [
        "the file holds frames of the recordings: pass it on as their licence allows; --no-video leaves them out"
    ]
