"""The quality of an indexed dataset as a whole: what its lists tell, and what its skeletons and videos show."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.build.build import recorded_failures
from pipeline.build.runner import RunOptions
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_catalog, opened_store
from pipeline.datasets.opened import dataset_of
from pipeline.errors import DatasetError
from pipeline.paths import Paths
from pipeline.quality.findings import Finding, Quality
from pipeline.quality.listed import doubled, flagged, missing, short, unusable
from pipeline.quality.look import Moved, look_at_skeletons, look_at_videos
from pipeline.skeleton.layouts import WHOLE_FRAME

if TYPE_CHECKING:
    from pipeline.params.params import Preset


@dataclass(frozen=True)
class Looked:
    """Findings, and the motions that pictures are drawn of."""

    quality: Quality
    moved: tuple[Moved, ...] = ()


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Quality:  # noqa: ARG001
    """Look at the catalog, the skeletons and some of the videos; nothing is written."""
    return look(paths, preset, opened_catalog(paths.need(paths.catalog, "index"))).quality


def look(paths: Paths, preset: "Preset", catalog: Catalog) -> Looked:
    """Ask for every kind of flaw; videos and skeletons as many as a bounded time allows."""
    failures = recorded_failures(paths)
    findings = [
        missing(catalog, failures),
        unusable(catalog, failures),
        short(catalog, preset.sample),
        doubled(catalog),
    ]
    notes: list[str] = []
    moved: tuple[Moved, ...] = ()
    if catalog.layout == WHOLE_FRAME.name:
        notes.append("no skeletons: nothing is asked of bodies, and nothing can be out of step")
    else:
        store = opened_store(paths.store("skeletons"))
        about_bodies, read = look_at_skeletons(store, catalog)
        findings += about_bodies
        usable = sum(entry.usable for entry in catalog.entries)
        if read < usable:
            notes.append(f"{read:,} of {usable:,} skeletons were read")
        step, moved, lost = _in_step(paths, preset, catalog)
        findings += step
        notes += lost
    findings.append(flagged(catalog))
    title = f"{catalog.dataset}, {catalog.protocol}: quality of {len(catalog.entries):,} clips"
    return Looked(Quality(title, tuple(findings), tuple(notes)), moved)


def _in_step(
    paths: Paths, preset: "Preset", catalog: Catalog
) -> tuple[list[Finding], tuple[Moved, ...], tuple[str, ...]]:
    """Lags of some clips; none where there are no videos, or the recordings are not here."""
    if not catalog.has_videos:
        return [], (), ("no videos: nothing can be out of step",)
    if not preset.report.alignment_clips:
        return [], (), ()
    try:
        dataset = dataset_of(preset.index, paths.raw)
        dataset.listing()
    except DatasetError as error:
        return [], (), (f"no video was looked at: {error}",)
    store = opened_store(paths.store("skeletons"))
    finding, moved, lost = look_at_videos(store, catalog, dataset, preset.report.alignment_clips)
    return [finding], moved, lost
