"""Files of tests that take longest begin first, so that no process is left alone with one of them at the end."""

from pathlib import Path

SLOWEST = (
    "test_reliability_failures",
    "test_integrity_shared_cache",
    "test_models_export",
    "test_integrity_dvc",
    "test_dvc",
    "test_integrity_commands",
    "test_sharing",
    "test_stages_map_heads",
    "test_reliability_machine",
    "test_stages_map_head_refusals",
    "test_build_runner",
    "test_upkeep_files",
    "test_docs_commands",
)
"""Measured with `--durations`; any file that is not named follows them by its name."""


def place(path: Path) -> tuple[int, str]:
    """Return what test files are ordered by."""
    return (SLOWEST.index(path.stem) if path.stem in SLOWEST else len(SLOWEST), path.name)
