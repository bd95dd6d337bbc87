"""A store that is not made yet, as later stages ask of it when they are planned: ids, keys, layouts, known failures."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache import ArraySpec, Build, Cache
from pipeline.build.build import StoreJob
from pipeline.paths import Paths


class PlannedStore:
    """A stand-in for `cache.Store` at the path of a store; its contents are those that the cache has."""

    def __init__(self, job: StoreJob, paths: Paths, cache: Cache) -> None:
        self.job = job
        self.path: Path = paths.store(job.name)
        self.build = Build(cache, f"{paths.dataset}/{job.name}", job.spec, job.rows, may_be_empty=True)
        self.attrs: dict[str, Any] = {**job.attrs, "stage": job.stage}
        self.arrays: tuple[str, ...] = tuple(sorted(array.name for array in job.spec.arrays))
        self.ids: tuple[str, ...] = self.build.ids
        self.failures: tuple[dict[str, str], ...] = tuple(self._known.failures())

    @cached_property
    def _known(self) -> Any:
        return self.build.known

    def spec(self, array: str) -> ArraySpec:
        """Return that array's layout."""
        return self.job.spec.array(array)

    def keys(self, array: str) -> dict[str, str]:
        """Return id to key, for each row that is to be made in that array."""
        found: dict[str, str] = self._known.keys(array)
        return found

    def read(self, array: str, ids: Sequence[str]) -> NDArray[Any]:
        """(len(ids), *row_shape): rows as the cache has them, zeros where it has none."""
        rows, spec = self._known.read(array, ids), self.spec(array)
        read = np.zeros((len(ids), *spec.row_shape), spec.stored)
        for number, row_id in enumerate(ids):
            if row_id in rows:
                read[number] = rows[row_id]
        return read
