"""Heads on few clips a class, and gates: what is drawn, what is told, and that `train` runs them from the cache."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from tiny import Project

from pipeline.catalog.catalog import read_catalog
from pipeline.evaluation.gates import Gate, gate_figures, read_gates
from pipeline.evaluation.late_fusion import Scores
from pipeline.evaluation.small_samples import SmallSample, read_small_samples, small_samples
from pipeline.report.html.images import Picture
from pipeline.report.html.page import Report, render
from pipeline.report.small_samples_figure import small_samples_figure
from pipeline.training.splits import few_of_each_class
from pipeline.training.trainings import listed_trainings
from stages import train

LABELS = np.array([0, 0, 1, 1])


def scores(method: str, seed: int, predicted: list[int], gates: list[float] | None = None) -> Scores:
    gate = None if gates is None else np.array(gates)
    return Scores(method, seed, np.eye(2)[predicted], gate)


def test_a_curve_has_mean_and_spread_over_seeds_of_each_number_of_clips() -> None:
    found = [
        (2, scores("fused", 0, [0, 0, 1, 0])),  # 75 %
        (2, scores("fused", 1, [0, 0, 1, 1])),  # 100 %
        (1, scores("fused", 0, [0, 0, 0, 0])),  # 50 %
        (1, scores("video", 0, [1, 1, 0, 0])),  # 0 %
    ]
    document = small_samples(LABELS, found)
    fused = document["small_samples"]["fused"]
    assert [entry["clips_per_class"] for entry in fused] == [2, 1]
    assert (fused[0]["mean"], fused[0]["by_seed"]) == (87.5, [75.0, 100.0])
    assert fused[0]["std"] == pytest.approx(17.6777, abs=1e-4)  # 12.5 * sqrt(2)
    curves = read_small_samples(document)
    assert [one.clips_per_class for one in curves["fused"]] == [1, 2]
    assert curves["video"] == (SmallSample(1, 0.0, None, (0.0, 48.9891)),)  # 1.96² / (4 + 1.96²)
    assert small_samples(LABELS, []) == {}
    assert read_small_samples({}) == {}


def test_a_gate_is_told_of_all_clips_of_those_right_and_wrong_and_of_each_class() -> None:
    of = [
        scores("fused", 0, [0, 1, 1, 1], [0.9, 0.1, 0.5, 0.7]),
        scores("fused", 1, [0, 1, 1, 1], [0.9, 0.1, 0.5, 0.7]),
        scores("video", 0, [0, 0, 1, 1]),
    ]
    document = gate_figures(LABELS, of, ("sit", "fall"))
    assert list(document) == ["fused"]
    gate = read_gates(document)["fused"]
    assert gate == Gate(0.55, 0.2958, 0.7, 0.1, (("sit", 0.5), ("fall", 0.6)))  # sqrt(0.0875) = 0.2958
    right = gate_figures(LABELS, [scores("fused", 0, [0, 0, 1, 1], [0.5] * 4)], ("sit", "fall"))
    assert (right["fused"]["gate"]["wrong"], right["fused"]["gate"]["spread"]) == (None, 0.0)


def test_few_clips_are_so_many_of_each_class_and_a_part_of_more(finished: Project) -> None:
    catalog = read_catalog(finished.paths.catalog)
    ids = tuple(entry.clip.clip_id for entry in catalog.usable("train"))
    one, two = (few_of_each_class(catalog, ids, count, 0) for count in (1, 2))
    assert np.bincount(catalog.labels(one)).tolist() == [1] * 10
    assert np.bincount(catalog.labels(two)).tolist() == [2] * 10
    assert {*one} < {*two}
    assert one != few_of_each_class(catalog, ids, 1, 1)
    assert few_of_each_class(catalog, ids, 99, 0) == tuple(sorted(ids))


def test_train_fits_heads_on_few_clips_and_keeps_what_it_kept(copied: Project) -> None:
    """Two seeds, two numbers and two methods are eight heads; the whole runs come from the cache."""
    kept = [t.key for t in listed_trainings(copied.paths.weights / "heads") if t.name in ("skeleton", "amfi")]
    changes = {"train.methods": ["skeleton", "amfi"], "train.clips_per_class": [1, 2]}
    copied.set_params(**changes)
    assert train.outlook(copied.paths, copied.preset).to_make == 8
    assert copied.run("train").made == 8
    assert copied.run("train").made == 0
    assert [t.key for t in listed_trainings(copied.paths.weights / "heads")] == kept
    document = json.loads((copied.paths.reports / "metrics.json").read_text())
    curves = read_small_samples(document)
    assert {name: [one.clips_per_class for one in curve] for name, curve in curves.items()} == {
        "skeleton": [1, 2],
        "fused": [1, 2],
    }
    assert 0 < read_gates(document)["fused"].mean < 1
    table = pq.read_table(copied.paths.reports / "predictions.parquet").to_pydict()
    gates = {m: {g is None for n, g in zip(table["method"], table["gate"], strict=True) if n == m}
             for m in ("skeleton", "fused")}  # fmt: skip
    assert gates == {"skeleton": {True}, "fused": {False}}


def test_the_page_shows_curves_and_a_column_of_each_gate() -> None:
    curves = {"fused": [SmallSample(1, 20.0, 2.0, (18.0, 22.0)), SmallSample(5, 60.0, 1.0, (55.0, 65.0))]}
    picture = Picture(small_samples_figure(curves), "curves")
    gates = {"fused": Gate(0.55, 0.2, 0.7, None, (("sit", 0.5), ("fall & <rise>", 0.6)))}
    page = render(Report("made up", "xsub", (), (), {}, small_samples=picture, gates=gates))
    section = page.partition('id="gates"')[2].partition("</section>")[0]
    assert '<th scope="row">wrong</th><td>–</td>' in section
    assert '<th scope="row">fall &amp; &lt;rise&gt;</th><td>0.60</td>' in section
    assert "data:image/webp" in page.partition('id="small-samples"')[2]
