"""Errors that nobody foresaw: they cost one clip in one run, with a traceback in the log."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.build.failures import Failure

log = logging.getLogger(__name__)

UNFORESEEN = "an error that nobody foresaw"


@dataclass(frozen=True, slots=True)
class Unexpected:
    """An error that nobody foresaw, while one clip was made.

    It costs that clip, in this run. It may be a mistake in the code as well as in the clip: so it is never recorded as
    the clip's verdict, and the next run tries again.
    """

    error: str
    """Name of the error's class."""
    message: str
    trace: str
    """The whole traceback, for the log."""


def log_unexpected(stage: str, found: Mapping[str, Unexpected]) -> dict[str, Failure]:
    """Log each traceback once, with the first clip that it is of; give all as failures, by clip id."""
    logged: set[str] = set()
    for clip_id, error in found.items():
        again = error.trace in logged
        logged.add(error.trace)
        log.error("%s: clip %s: %s\n%s", stage, clip_id, UNFORESEEN, "(as above)" if again else error.trace)
    return {
        clip_id: Failure(clip_id, stage, error.error, f"{error.message} ({UNFORESEEN}: see the log)")
        for clip_id, error in found.items()
    }
