"""train and report: the numbers of metrics.json are those of the predictions, and the page holds them all."""

import csv
import json
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tiny import Project

from pipeline.catalog.catalog import read_catalog
from pipeline.catalog.opened import opened_store
from pipeline.evaluation.printed import describe_results

METHODS = {
    "video",
    "skeleton",
    "average",
    "multiplication",
    "max",
    "concatenation",
    "fused",
    "score_sum",
    "weighted_product",
}


@pytest.fixture(scope="module")
def metrics(finished: Project) -> dict[str, Any]:
    return dict(json.loads((finished.paths.reports / "metrics.json").read_text()))


@pytest.fixture(scope="module")
def predictions(finished: Project) -> dict[str, np.ndarray]:
    table = pq.read_table(finished.paths.reports / "predictions.parquet").to_pydict()
    return {name: np.array(column) for name, column in table.items()}


def test_metrics_has_what_dvc_shows(finished: Project, metrics: dict[str, Any]) -> None:
    assert metrics["dataset"] == "demo"
    assert metrics["protocol"] == "xsub"
    assert metrics["seeds"] == [0, 1]
    catalog = read_catalog(finished.paths.catalog)
    clips = metrics["clips"]
    assert clips["train"] + clips["val"] == len(catalog.usable("train"))
    assert 0 < clips["val"] < clips["train"]
    assert clips["test"] == len(catalog.usable("test"))
    assert clips["failed"] == 5
    assert sum(clips.values()) == 63
    for name in ("video", "skeleton", "fused"):
        assert 0 <= metrics[name]["mean"] <= 100
        assert metrics[name]["std"] >= 0


def test_predictions_are_of_every_test_clip_by_every_method_and_seed(
    finished: Project, predictions: dict[str, np.ndarray]
) -> None:
    catalog = read_catalog(finished.paths.catalog)
    test = {entry.clip.clip_id: entry.clip.label for entry in catalog.usable("test")}
    rows = set(zip(*(predictions[n].tolist() for n in ("method", "seed", "clip_id")), strict=True))
    assert rows == {(method, seed, clip_id) for method in METHODS for seed in (0, 1) for clip_id in test}
    assert len(rows) == len(predictions["clip_id"])
    assert predictions["label"].tolist() == [test[clip_id] for clip_id in predictions["clip_id"].tolist()]
    assert predictions["probabilities"].argmax(axis=1).tolist() == predictions["predicted"].tolist()
    assert np.allclose(predictions["probabilities"].sum(axis=1), 1, atol=1e-5)


def test_accuracies_are_the_predictions(metrics: dict[str, Any], predictions: dict[str, np.ndarray]) -> None:
    for method in METHODS:
        of_seed = []
        for seed in (0, 1):
            own = (predictions["method"] == method) & (predictions["seed"] == seed)
            of_seed.append(100 * np.mean(predictions["label"][own] == predictions["predicted"][own]))
        assert metrics[method]["mean"] == pytest.approx(np.mean(of_seed), abs=1e-3)
        assert metrics[method]["by_seed"] == pytest.approx(of_seed, abs=1e-3)


def test_curves_tell_every_epoch_of_every_training(finished: Project) -> None:
    with (finished.paths.reports / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["phase", "method", "seed", "epoch", "train_loss", "val_accuracy"]
    assert {row["phase"] for row in rows} == {
        f"{stage}, {phase}" for stage in ("pretrain", "train") for phase in ("selection", "final")
    }
    assert {"video", "skeleton", "amfi", "concatenation"} <= {row["method"] for row in rows}
    assert all(bool(row["val_accuracy"]) == row["phase"].endswith("selection") for row in rows)
    places = [tuple(row[name] for name in ("phase", "method", "seed", "epoch")) for row in rows]
    assert len(set(places)) == len(places)


class Page(HTMLParser):
    """Collects what a page would load from elsewhere, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.images = 0
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.images += tag == "img"
        for name, value in attrs:
            if name in ("src", "srcset") or (name == "href" and tag == "link"):
                self.loads.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_holds_itself(finished: Project) -> None:
    text = (finished.paths.reports / "index.html").read_text()
    page = Page(text)
    assert page.images == 3 + 2 + 5  # accuracies, calibration, curves; clips; quality
    assert all(source.startswith("data:image/") for source in page.loads)
    assert "url(http" not in text
    assert "@import" not in text
    assert "demo" in page.words
    for clip_id in ("S001C002P002R003A004", "S001C002P010R003A006"):  # failed, with its reason
        assert clip_id in page.words
    assert str(finished.root) not in text


def test_pictures_lie_beside_the_page(finished: Project) -> None:
    pictures = list((finished.paths.reports / "pictures").glob("*.png"))
    assert len(pictures) == 14
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_results_in_words(finished: Project, metrics: dict[str, Any]) -> None:
    output = describe_results(finished.paths)
    assert f"{metrics['fused']['mean']:5.1f}" in output
    assert "index.html" in output


def test_every_clip_can_be_looked_for(finished: Project) -> None:
    """The page's list: tested clips first, each with answers and neighbours; failed ones with their reason."""
    text = (finished.paths.reports / "index.html").read_text()
    data = json.loads(text.partition('type="application/json">')[2].partition("</script>")[0])
    catalog = read_catalog(finished.paths.catalog)
    tested = [entry.clip.clip_id for entry in catalog.usable("test")]
    assert [clip[0] for clip in data["clips"][: len(tested)]] == tested
    assert Counter(clip[2] for clip in data["clips"]) == {
        "test": len(tested),
        "train": len(catalog.usable("train")),
        "failed": 5,
    }
    assert all(reason.startswith("index: ") for *_, part, _, reason in data["clips"] if part == "failed")
    assert set(data["answers"]) == METHODS
    store = opened_store(finished.paths.store("features"))
    ids = [clip[0] for clip in data["clips"] if clip[2] != "failed"]
    values = store.read("video_0", ids).mean(axis=1, dtype=np.float64)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    first = values @ values[0]
    first[0] = -np.inf
    place, similarity = data["near"]["video"][0][0]
    assert similarity == round(100 * first.max())
    assert first[ids.index(data["clips"][place][0])] == pytest.approx(first.max(), abs=1e-6)
