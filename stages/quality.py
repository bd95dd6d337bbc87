"""Command `quality`: what is missing, short, empty, doubled, swapped or out of step in an indexed dataset."""

from pipeline.build.runner import RunOptions
from pipeline.catalog.opened import opened_catalog
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.quality.findings import Quality
from pipeline.quality.quality import look


def run(paths: Paths, preset: Preset, options: RunOptions) -> Quality:  # noqa: ARG001
    """Look at the catalog, the skeletons and some of the videos; nothing is written."""
    return look(paths, preset, opened_catalog(paths.need(paths.catalog, "index"))).quality
