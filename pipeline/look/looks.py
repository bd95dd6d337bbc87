"""Puts together what is shown of each clip: its pictures, its class scores, its neighbours, and words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.cut_arrays import LOGITS, cut_array
from pipeline.catalog.catalog import Entry
from pipeline.catalog.opened import opened_entries
from pipeline.evaluation.predictions import Predictions
from pipeline.evaluation.results import read_predictions, read_probabilities
from pipeline.inputs.head_input import networks_of
from pipeline.inputs.out_of_fold import features_there
from pipeline.look.read_clip import ClipReader
from pipeline.look.shown_clip import ClassScores, Neighbour, ShownClip
from pipeline.report.clips import feature_readers
from pipeline.report.feature_space import nearest

SHOWN_CLASSES = 3
"""Likeliest classes whose probabilities are drawn over time, beside the true one."""


@dataclass(frozen=True)
class Looks:
    """The clips that were asked for, one after the other."""

    reader: ClipReader
    clip_ids: Sequence[str]
    neighbours: int
    """Number of nearest clips of each modality."""

    def __iter__(self) -> Iterator[ShownClip]:
        return (self._shown(clip_id) for clip_id in self.clip_ids)

    def _shown(self, clip_id: str) -> ShownClip:
        reader = self.reader
        entry, skeleton, cut = self._entry(clip_id), reader.skeleton(clip_id), reader.cut(clip_id)
        near = {side: found[clip_id] for side, found in self._near.items() if clip_id in found}
        return ShownClip(
            clip_id=clip_id,
            label=entry.label_name,
            words="\n\n".join(filter(None, (_facts(entry), self._answers(entry), _list_of(near)))),
            size=(entry.height, entry.width),
            fps=entry.fps,
            layout=reader.layout,
            skeleton=skeleton if reader.has_joints else None,
            frames=reader.frames(entry, skeleton),
            cut=cut,
            scores=self._scores(entry, None if cut is None else cut.frame_numbers),
            near=near,
        )

    def _entry(self, clip_id: str) -> Entry:
        return opened_entries(self.reader.paths.catalog)[clip_id]

    @cached_property
    def _near(self) -> Mapping[str, Mapping[str, Sequence[Neighbour]]]:
        """By modality, each clip's neighbours among the train and test clips that have features."""
        reader, store = self.reader, self.reader.store("features")
        if store is None or not self.neighbours or reader.preset.train.asks_nothing:
            return {}
        there = features_there(store)
        pool = [e.clip.clip_id for e in reader.catalog.usable() if e.clip.clip_id in there]
        asked = [clip_id for clip_id in self.clip_ids if clip_id in there]
        found: dict[str, dict[str, list[Neighbour]]] = {}
        for side, read in feature_readers(reader.paths, reader.preset).items() if asked else ():
            near = nearest(read, asked, pool, count=self.neighbours)
            found[side] = {
                clip_id: [self._neighbour(*one) for one in zip(ids, scores.tolist(), strict=False)]
                for clip_id, ids, scores in zip(asked, near.ids, near.similarity, strict=True)
            }
        return found

    def _neighbour(self, clip_id: str, similarity: float) -> Neighbour:
        entry = self._entry(clip_id)
        return Neighbour(clip_id, entry.label_name, entry.split, similarity, self.reader.cut(clip_id))

    def _scores(self, entry: Entry, sampled: NDArray[np.int32] | None) -> dict[str, ClassScores]:
        """Of each backbone whose own classifier's logits are kept, the class probabilities of each view."""
        reader, preset = self.reader, self.reader.preset
        store, found = reader.store("features"), dict[str, ClassScores]()
        if store is None or entry.clip.clip_id not in features_there(store):
            return found
        seed = preset.pretrain.seeds[0]
        for name, backbone in preset.pretrain.backbones.items():
            (network,) = networks_of([name], preset.pretrain, seed, selection=False)
            array = cut_array(network, LOGITS)
            if array not in store.arrays:
                continue
            views = probabilities(store.read_row(array, entry.clip.clip_id))
            sees_all = backbone.modality == "skeleton" or sampled is None
            windows = self._windows(entry, sees_all=sees_all)
            found[name] = class_scores(views, windows, reader.catalog.classes, entry.clip.label)
        return found

    def _windows(self, entry: Entry, *, sees_all: bool) -> list[tuple[int, int]]:
        """First and last frame of each of the recipe's views; networks over joints see the whole clip."""
        preset, samples = self.reader.preset, self.reader.store("samples")
        recipe = preset.crop.recipes.get(preset.pictured_recipe)
        if sees_all or samples is None or recipe is None:
            return [(0, entry.num_frames - 1)]
        name = recipe.sampling
        return [(int(v.min()), int(v.max())) for v in samples.read_row(name, entry.clip.clip_id)]

    @cached_property
    def _predictions(self) -> Predictions | None:
        path = self.reader.paths.reports / "predictions.parquet"
        return read_predictions(path) if path.exists() else None

    def _answers(self, entry: Entry) -> str:
        """Each method's answer for a test clip, by its lowest seed, as a table."""
        known = self._predictions
        if known is None or entry.clip.clip_id not in known.clip_ids:
            return ""
        path, classes = self.reader.paths.reports / "predictions.parquet", self.reader.catalog.classes
        lines = ["| method | answer | % | of the true class, % | |", "|---|---|---:|---:|---|"]
        for method in known.methods:
            (row,) = 100 * read_probabilities(path, method, [entry.clip.clip_id])
            answer = int(row.argmax())
            sign = "right" if answer == entry.clip.label else "**wrong**"
            lines.append(
                f"| {method} | {classes[answer]} | {row[answer]:.0f} | {row[entry.clip.label]:.0f} | {sign} |"
            )
        return "\n".join(lines)


def probabilities(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """Softmax of (A, K) logits over the classes."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), np.float32)


def class_scores(
    views: NDArray[np.float32], windows: Sequence[tuple[int, int]], classes: Sequence[str], truth: int
) -> ClassScores:
    """Choose the classes to draw of (A, K) probabilities; views made of one window (mirrored, phases) are its mean.

    Views of one window follow each other: with 2 windows, views 0, 1, 2 are of the first and 3, 4, 5 of the second.
    """
    windows = windows if len(views) % len(windows) == 0 else [(windows[0][0], windows[-1][1])]
    means = views.reshape(len(windows), -1, views.shape[1]).mean(axis=1)
    likeliest = np.argsort(-means.max(axis=0), kind="stable")[:SHOWN_CLASSES].tolist()
    chosen = [*likeliest, *([truth] if truth not in likeliest else [])]
    names = [f"{classes[label]}{' (true)' if label == truth else ''}" for label in chosen]
    return ClassScores(names, windows, means[:, chosen])


def _facts(entry: Entry) -> str:
    clip = entry.clip
    who = [
        f"{name} {value}" for name in ("subject", "camera", "setup") if (value := getattr(clip, name)) >= 0
    ]
    flags = f"Quality flags: **{', '.join(entry.flags)}**." if entry.flags else "No quality flag."
    return (
        f"## {entry.label_name}\n\n`{clip.clip_id}`, {entry.split}{''.join(f', {one}' for one in who)}. "
        f"{entry.num_frames} frames of {entry.width} x {entry.height} pixels; the skeleton has "
        f"{entry.skeleton_frames}. {flags}"
    )


def _list_of(near: Mapping[str, Sequence[Neighbour]]) -> str:
    lines = [
        f"- {side}: `{one.clip_id}`, {one.label} ({one.split}), {one.similarity:.2f}"
        for side, found in near.items()
        for one in found
    ]
    return "Nearest clips by the cosine of their features:\n\n" + "\n".join(lines) if lines else ""
