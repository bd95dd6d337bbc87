"""Parts of the training clips that networks are trained without, so that each clip has a network that did not see it.

Wolpert 1992 (Stacked generalization, Neural Networks 5) fits what combines models on answers to cases that they were
not fitted to.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.catalog.catalog import Catalog
from pipeline.params.crossing import refuse_few_groups
from pipeline.stand_ins import stand_in
from pipeline.training.schedule import Divide
from pipeline.training.splits import SplitParts
from pipeline.training.trainings import Ids, Training, listed_trainings, read_documents

if TYPE_CHECKING:
    from pipeline.params.params import PretrainParams


def divided(catalog: Catalog, ids: Collection[str], how: "PretrainParams") -> tuple[Ids, ...]:
    """Divide clips into `how.cross_fit` parts of whole groups, or into as many as there are groups.

    Groups are what `hold_out` holds out: subjects, cameras or set-ups of the protocol's axis, or single clips. They are
    shuffled with its seed and dealt in turn; each part is sorted. No parts where `cross_fit` is 0.
    """
    groups = _groups(catalog, ids, how)
    count = min(how.cross_fit, len(groups))
    order = np.random.default_rng(how.hold_out.seed).permutation(sorted(groups)).tolist()
    parts = [order[number::count] for number in range(count)]
    return tuple(tuple(sorted(one for group in part for one in groups[group])) for part in parts)


def dividing(catalog: Catalog, parts: SplitParts, how: "PretrainParams") -> Divide:
    """Return what divides the clips of each run. Raises ParamError where there are too few groups for it."""
    training, fitted = (len(_groups(catalog, ids, how)) for ids in (parts.training, parts.fit))
    refuse_few_groups(how, training, fitted, "clip" if how.hold_out.by == "clip" else catalog.axis)
    return partial(_divided, catalog, how)


def fitted_clips(folder: Path) -> dict[str, frozenset[str]]:
    """Return the clips that each network trained without a part was fitted to, by array, as its document says.

    `folder` is weights/<dataset>/backbones, or what a plan expects there. Raises DatasetError where the documents are
    not as written.
    """
    planned: tuple[Training, ...] | None = stand_in(folder)
    if planned is None:
        documents = read_documents(folder)
        planned = tuple(replace(one, made_of=documents[one.array]) for one in listed_trainings(folder))
    return {
        one.array: frozenset(row[0] for row in one.made_of["inputs"]["fit"])
        for one in planned
        if one.part is not None
    }


def _divided(catalog: Catalog, how: "PretrainParams", ids: Ids) -> tuple[Ids, ...]:
    return divided(catalog, ids, how)


def _groups(catalog: Catalog, ids: Collection[str], how: "PretrainParams") -> dict[int | str, list[str]]:
    """Clips by what is never divided."""
    found, entries = defaultdict(list), catalog.by_id
    for clip_id in ids:
        of_axis = int(getattr(entries[clip_id].clip, catalog.axis))
        found[clip_id if how.hold_out.by == "clip" else of_axis].append(clip_id)
    return found
