"""Single clips on the page: the list to look through, their neighbours, and maps of their features."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pipeline.build.failures import Failure
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_store
from pipeline.evaluation.late_fusion import SINGLE
from pipeline.evaluation.predictions import Predictions, telling_clips
from pipeline.evaluation.results import main_method, read_probabilities
from pipeline.inputs.head_input import VectorInput, backbone_seed, networks_of
from pipeline.inputs.out_of_fold import features_there
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.report.feature_space import Neighbours, Vectors, mapped, nearest
from pipeline.report.html.browser import Answers, Browser, ClipLine
from pipeline.report.html.maps import ClipMaps

LISTED = 2000
"""Test clips, and as many others, that the page lists at most: some megabytes."""

REASON_LETTERS = 300
"""Letters of a failure's message in the list; the table of failures has all."""


def shown_clips(preset: Preset, catalog: Catalog, predictions: Predictions) -> tuple[str, ...]:
    """Choose the test clips whose frames are shown; none where the dataset has no videos."""
    count = preset.report.clips if catalog.has_videos and preset.pictured_recipe else 0
    return telling_clips(predictions, fused=main_method(predictions), count=count)


def listed_clips(catalog: Catalog, predictions: Predictions, lost: Sequence[Failure]) -> list[ClipLine]:
    """List the test clips that were classified, then all others: failed, train, unused."""
    entries = catalog.by_id
    reasons = {f.clip_id: f"{f.stage}: {f.error}: {f.message}"[:REASON_LETTERS] for f in lost if f.counts}

    def line(clip_id: str, part: str) -> ClipLine:
        entry = entries.get(clip_id)
        label, flags = (entry.clip.label, entry.flags) if entry else (-1, ())
        return ClipLine(clip_id, label, part, flags, reasons.get(clip_id, ""))

    tested = set(predictions.clip_ids)
    others = {e.clip.clip_id: e.split for split in ("train", "unused") for e in catalog.usable(split)}
    others = {clip_id: split for clip_id, split in others.items() if clip_id not in reasons}
    return [
        *(line(clip_id, "test") for clip_id in predictions.clip_ids),
        *(line(clip_id, "failed") for clip_id in sorted(reasons.keys() - tested)),
        *(line(clip_id, split) for clip_id, split in others.items()),
    ]


def shortlist(clips: Sequence[ClipLine], shown: Sequence[str], *, seed: int = 0) -> list[ClipLine]:
    """Choose at most `LISTED` test clips, those `shown` in pictures among them, and as many others; order stays."""
    rng, kept = np.random.default_rng(seed), set(shown)
    for side in (True, False):
        found = [clip.clip_id for clip in clips if (clip.part == "test") is side]
        drawn = rng.permutation(len(found))[:LISTED] if len(found) > LISTED else range(len(found))
        kept |= {found[place] for place in drawn}
    return [clip for clip in clips if clip.clip_id in kept]


def feature_readers(paths: Paths, preset: Preset) -> dict[str, Callable[[Sequence[str]], Vectors]]:
    """Return for each modality what reads the features that its heads see: ids → (N, C)."""
    heads, backbones = preset.train, preset.pretrain
    store = opened_store(paths.store("features"))
    seed = backbone_seed(heads, backbones, heads.seeds[0], selection=False)
    return {
        side: VectorInput(store, networks_of(names, backbones, seed, selection=False)).read
        for side in SINGLE
        if (names := getattr(heads, side))
    }


def browser_of(
    paths: Paths, preset: Preset, catalog: Catalog, predictions: Predictions, lost: Sequence[Failure]
) -> Browser:
    """Gather the list of clips, every method's answers, and each test clip's nearest clips of train and test."""
    every = listed_clips(catalog, predictions, lost)
    clips = shortlist(every, shown_clips(preset, catalog, predictions))
    listed = {clip.clip_id for clip in clips}
    ids = [clip.clip_id for clip in clips if clip.part == "test"]
    there = features_there(opened_store(paths.store("features")))
    pool = [clip.clip_id for clip in every if clip.part in ("test", "train") and clip.clip_id in there]
    near = {side: nearest(read, ids, pool) for side, read in feature_readers(paths, preset).items()}
    named = {clip_id for one in near.values() for row in one.ids for clip_id in row}
    clips += [clip for clip in every if clip.clip_id in named - listed and clip.part != "test"]
    place = {clip.clip_id: number for number, clip in enumerate(clips)}
    return Browser(
        classes=catalog.classes,
        clips=clips,
        answers=_answers(paths, predictions, ids),
        main=main_method(predictions),
        near={side: _places(one, place) for side, one in near.items()},
        left_out=len(every) - len(clips),
    )


def _answers(paths: Paths, predictions: Predictions, ids: Sequence[str]) -> dict[str, Answers]:
    rows = np.searchsorted(predictions.clip_ids, ids)
    labels, found = predictions.labels[rows], {}
    for method, seeds in predictions.predicted.items():
        percent = 100 * read_probabilities(paths.reports / "predictions.parquet", method, ids)
        of_class = percent[np.arange(len(ids)), labels]
        found[method] = Answers(
            [seeds[seed][rows].tolist() for seed in sorted(seeds)],
            percent.max(axis=1).round().astype(int).tolist(),
            of_class.round().astype(int).tolist(),
        )
    return found


def _places(found: Neighbours, place: Mapping[str, int]) -> list[list[tuple[int, int]]]:
    """Neighbours as places in the list; a test clip that the list leaves out is left out here too."""
    return [
        [(place[i], round(100 * float(s))) for i, s in zip(row, scores, strict=False) if i in place]
        for row, scores in zip(found.ids, found.similarity, strict=True)
    ]


def maps_of(
    paths: Paths, preset: Preset, predictions: Predictions, browser: Browser, *, seed: int = 0
) -> ClipMaps:
    """Map listed test clips, at most `report.tsne_clips`, by each modality's features and the fusion's class scores."""
    tests = [number for number, clip in enumerate(browser.clips) if clip.part == "test"]
    if len(tests) > preset.report.tsne_clips:
        drawn = np.random.default_rng(seed).choice(len(tests), preset.report.tsne_clips, replace=False)
        tests = [tests[place] for place in np.sort(drawn)]
    ids, main = [browser.clips[number].clip_id for number in tests], main_method(predictions)
    values = {side: read(ids) for side, read in feature_readers(paths, preset).items()}
    scores = read_probabilities(paths.reports / "predictions.parquet", main, ids)
    panels = [
        (name, mapped(one, seed=seed)) for name, one in (*values.items(), (f"{main}, class scores", scores))
    ]
    labels = np.array([browser.clips[number].label for number in tests], np.int64)
    return ClipMaps(tests, labels, panels)
