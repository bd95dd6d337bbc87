"""The split of clips into training, validation and test; validation is held out along the protocol's own axis."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.catalog.catalog import Catalog
from pipeline.datasets.protocol import Axis
from pipeline.errors import DatasetError
from pipeline.values import Clip

if TYPE_CHECKING:
    from pipeline.params.params import HoldOut, PretrainParams


def held_out_groups(training: Sequence[Clip], axis: Axis, how: "HoldOut") -> frozenset[int]:
    """Choose subjects, cameras or set-ups of the training part for validation.

    At least one, and about `share` of them where there are many; whole groups, never single clips
    (SPEC 0.1). Raises DatasetError where the training part has a single group, or a named one is not in it.
    """
    groups = sorted({_group(clip, axis) for clip in training})
    if len(groups) < 2:
        raise DatasetError(f"the training part has {len(groups)} {axis}(s); holding one out needs at least 2")
    if how.groups is not None:
        unknown = sorted(set(how.groups) - set(groups))
        if unknown or len(set(how.groups)) == len(groups):
            raise DatasetError(
                f"hold_out.groups {list(how.groups)} must be some, not all, of the {axis}s {groups}"
            )
        return frozenset(how.groups)
    count = min(max(1, round(how.share * len(groups))), len(groups) - 1)
    drawn = np.random.default_rng(how.seed).permutation(groups)[:count]
    return frozenset(int(group) for group in drawn)


@dataclass(frozen=True, slots=True)
class SplitParts:
    """Sorted clip ids of each part: fitted, validation and test."""

    fit: tuple[str, ...]
    select: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def held_out(self) -> tuple[str, ...]:
        """Validation clips of the training part; none where the test clips are used for validation."""
        return self.select if self.select != self.test else ()

    @property
    def training(self) -> tuple[str, ...]:
        """The whole training part, which the final runs fit."""
        return tuple(sorted((*self.fit, *self.held_out)))


def parts_of(catalog: Catalog, there: Collection[str], how: "PretrainParams") -> SplitParts:
    """Split those usable clips that are `there`; with `selected_on: test` the test clips are used for validation."""
    training = [e.clip for e in catalog.usable("train") if e.clip.clip_id in there]
    if how.selected_on == "test":
        test = tuple(e.clip.clip_id for e in catalog.usable("test") if e.clip.clip_id in there)
        return SplitParts(tuple(clip.clip_id for clip in training), test, test)
    held_out = held_out_groups(training, catalog.axis, how.hold_out)
    return SplitParts(
        fit=tuple(clip.clip_id for clip in training if _group(clip, catalog.axis) not in held_out),
        select=tuple(clip.clip_id for clip in training if _group(clip, catalog.axis) in held_out),
        test=tuple(e.clip.clip_id for e in catalog.usable("test") if e.clip.clip_id in there),
    )


def _group(clip: Clip, axis: Axis) -> int:
    return int(getattr(clip, axis))
