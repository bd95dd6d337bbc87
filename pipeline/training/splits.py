"""The split of clips into training, validation and test; validation is whole groups, unless it is told otherwise."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.catalog.catalog import Catalog
from pipeline.datasets.protocol import Axis
from pipeline.errors import DatasetError
from pipeline.rng import rng_for
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
        raise DatasetError(
            f"the training part has {len(groups)} {axis}(s); holding one out needs at least 2: tell the clips' "
            "subject, camera or setup, or hold out single clips (pretrain.hold_out: {by: clip})"
        )
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


def held_out_clips(training: Sequence[Clip], how: "HoldOut") -> frozenset[str]:
    """Ids of single clips that select and never fit, about `share` of them; people are then on both sides.

    Raises DatasetError where there are fewer than two clips.
    """
    ids = sorted(clip.clip_id for clip in training)
    if len(ids) < 2:
        raise DatasetError(f"the training part has {len(ids)} clip(s); holding one out needs at least 2")
    count = min(max(1, round(how.share * len(ids))), len(ids) - 1)
    return frozenset(np.random.default_rng(how.seed).permutation(ids)[:count].tolist())


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

    def fitted(self, *, refit: bool) -> tuple[str, ...]:
        """Return the clips that the tested networks are fitted to."""
        return self.training if refit else self.fit


def parts_of(catalog: Catalog, there: Collection[str], how: "PretrainParams") -> SplitParts:
    """Split those usable clips that are `there`; with `selected_on: test` the test clips are used for validation."""
    training = [e.clip for e in catalog.usable("train") if e.clip.clip_id in there]
    if how.selected_on == "test":
        test = tuple(e.clip.clip_id for e in catalog.usable("test") if e.clip.clip_id in there)
        return SplitParts(tuple(clip.clip_id for clip in training), test, test)
    if how.hold_out.by == "clip":
        held_out = held_out_clips(training, how.hold_out)
    else:
        groups = held_out_groups(training, catalog.axis, how.hold_out)
        held_out = frozenset(clip.clip_id for clip in training if _group(clip, catalog.axis) in groups)
    return SplitParts(
        fit=tuple(clip.clip_id for clip in training if clip.clip_id not in held_out),
        select=tuple(clip.clip_id for clip in training if clip.clip_id in held_out),
        test=tuple(e.clip.clip_id for e in catalog.usable("test") if e.clip.clip_id in there),
    )


def tested_parts(catalog: Catalog, there: Collection[str], how: "PretrainParams") -> SplitParts:
    """Split as `parts_of` does. Raises DatasetError where no clip tests."""
    parts = parts_of(catalog, there, how)
    if not parts.test:
        raise DatasetError(
            f"nothing to test: no usable clip is on the test side of protocol {catalog.protocol!r}; fetch some, or "
            "take another protocol and run `index` again"
        )
    return parts


def refuse_untaught(catalog: Catalog, parts: SplitParts) -> None:
    """Refuse labels that are no class, and classes of test clips whose training clips were all lost on the way.

    A class without any training clip is told by `index`. Raises DatasetError, which names classes and clips.
    """
    found = catalog.by_id
    seen = {clip_id: found[clip_id].clip.label for clip_id in (*parts.training, *parts.test)}
    strange = sorted(clip_id for clip_id, label in seen.items() if not 0 <= label < len(catalog.classes))
    if strange:
        raise DatasetError(
            f"clip {strange[0]!r} has label {seen[strange[0]]}, and the catalog has {len(catalog.classes)} classes, "
            f"numbered from 0 ({len(strange)} such clips): run `index` again"
        )
    lost = {entry.clip.label for entry in catalog.usable("train")} - {seen[i] for i in parts.training}
    untaught = [clip_id for clip_id in parts.test if seen[clip_id] in lost]
    if untaught:
        names = sorted({catalog.classes[seen[clip_id]] for clip_id in untaught})
        raise DatasetError(
            f"{len(untaught)} test clips are of {', '.join(names)}, of which no training clip has features (the first "
            f"is {untaught[0]!r}): all were lost on the way, failures.jsonl says why"
        )


def few_of_each_class(catalog: Catalog, ids: tuple[str, ...], count: int, seed: int) -> tuple[str, ...]:
    """Draw `count` of the clips of each class, or all where a class has fewer; sorted.

    What is drawn depends on the seed and on `ids` alone, and fewer clips are a part of more: the first two of the five
    that `count` 5 draws are those of `count` 2.
    """
    order = rng_for("few clips", seed).permutation(len(ids))
    labels = catalog.labels(ids)[order]
    places = [order[labels == label][:count] for label in np.unique(labels)]
    return tuple(sorted(ids[place] for place in np.concatenate(places).tolist()))


def _group(clip: Clip, axis: Axis) -> int:
    return int(getattr(clip, axis))
