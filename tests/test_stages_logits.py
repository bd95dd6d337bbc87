"""The cut `logits` of every backbone, and `classifier`: its own answers beside the heads on its features."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import own_backbone
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from numpy.typing import NDArray
from tiny import TINY, Project, content, one_modality, tiny_params
from torch import nn

from cache import Cache, Store, open_store
from models.backbones import build_backbone
from models.cuts import FEATURES, Cut
from models.errors import ModelParamError
from models.training.checkpoint import decode
from pipeline.build.runner import RunOptions
from pipeline.catalog.catalog import read_catalog
from pipeline.errors import DatasetError, ParamError
from pipeline.evaluation.late_fusion import product
from pipeline.inputs.inputs import input_of
from pipeline.training.cached_training import cached_training
from pipeline.training.trainings import listed_trainings, read_trainings
from stages import extract
from stages.load_params import load_params

KEPT: dict[str, Any] = {
    name: {**params, "cuts": ["features", "logits"]} for name, params in TINY["pretrain"]["backbones"].items()
}
OWN = ["classifier@video", "classifier@skeleton"]
TRAIN: dict[str, Any] = {
    **TINY["train"],
    "methods": ["video", "skeleton", "concatenation", *OWN],
    "fused": "concatenation",
    "late_fusion": OWN,
}
ASKED = {"pretrain.backbones": KEPT, "train": TRAIN}


@pytest.fixture(scope="module")
def asked(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The finished project, with the logits of both networks and the rows made of them."""
    made = finished.copy(tmp_path_factory.mktemp("logits") / "asked")
    made.set_params(**ASKED)
    load_params(made.paths.params, "demo")
    assert made.run("pretrain").made == 0
    made.run_all("features", "train", "report")
    return made


@pytest.fixture
def store(asked: Project) -> Store:
    return open_store(asked.paths.store("features"))


def clips_of_test(project: Project) -> tuple[list[str], NDArray[np.int64]]:
    """Ids of the test clips, and their labels."""
    catalog = read_catalog(project.paths.catalog)
    features = open_store(project.paths.store("features"))
    ids = [e.clip.clip_id for e in catalog.usable("test") if e.clip.clip_id in set(features.ids)]
    return ids, catalog.labels(ids)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return torch.from_numpy(logits).double().softmax(dim=1).numpy()


def metrics(project: Project) -> dict[str, Any]:
    return dict(json.loads((project.paths.reports / "metrics.json").read_text()))


def test_logits_are_arrays_beside_the_others_which_keep_their_keys(finished: Project, store: Store) -> None:
    before = open_store(finished.paths.store("features"))
    added = set(store.arrays) - set(before.arrays)
    assert added == {f"{array}_logits" for array in before.arrays}
    for array in added:
        spec = store.spec(array)
        assert (spec.row_shape, spec.dims, spec.dtype) == ((1, 10), ("view", "class"), "float32")
    for array in before.arrays:
        assert store.keys(array) == before.keys(array)
        assert np.array_equal(store.read(array), before.read(array), equal_nan=True)
    assert not set(store.keys("video_0_logits").values()) & set(store.keys("video_0").values())


def test_who_asks_for_no_logits_gets_the_store_of_before(
    finished: Project, asked: Project, tmp_path: Path
) -> None:
    back = asked.copy(tmp_path / "back")
    back.set_params()
    back.run("features")
    assert content(back.paths.store("features")) == content(finished.paths.store("features"))


@pytest.mark.parametrize("array", ["video_0", "video_0_fold", "skeleton_0"])
def test_kept_logits_are_the_trained_networks_own(asked: Project, store: Store, array: str) -> None:
    """The backbone and the linear layer from their files, without Classifier, and one clip at a time."""
    (training,) = [t for t in read_trainings(asked.paths.weights / "backbones") if t.array == array]
    params = asked.preset.pretrain.backbones[training.name]
    source = input_of(asked.paths, asked.preset, params)
    network = build_backbone(params.model, shape=source.shape, edges=source.edges)
    network.load_state_dict(decode(training.weights).state)
    layer = nn.Linear(network.num_features, 10)
    layer.load_state_dict(decode(training.classifier).state)
    ids = [clip_id for clip_id in store.ids if clip_id in store.keys(f"{array}_logits")][:4]
    with torch.inference_mode():
        network.eval()
        expected = torch.cat([layer(network(torch.from_numpy(source.unaugmented([i], 0)))) for i in ids])
    assert expected.std() > 0
    assert np.allclose(store.read(f"{array}_logits", ids)[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize("side", ["video", "skeleton"])
def test_the_row_is_what_the_logits_say_by_hand(asked: Project, store: Store, side: str) -> None:
    ids, labels = clips_of_test(asked)
    logits = store.read(f"{side}_0_logits", ids)[:, 0]
    method = f"classifier@{side}"
    assert metrics(asked)[method]["by_seed"] == [
        pytest.approx(100 * np.mean(logits.argmax(1) == labels), abs=1e-4)
    ]
    assert len(metrics(asked)[side]["by_seed"]) == 2  # heads have seeds of their own
    table = pq.read_table(asked.paths.reports / "predictions.parquet", filters=[("method", "=", method)])
    stored = dict(zip(table["clip_id"].to_pylist(), table["probabilities"].to_pylist(), strict=True))
    assert np.allclose([stored[clip_id] for clip_id in ids], softmax(logits), atol=1e-6)


def test_late_fusions_take_the_networks_own_scores(asked: Project, store: Store) -> None:
    ids, labels = clips_of_test(asked)
    video, skeleton = (softmax(store.read(f"{side}_0_logits", ids)[:, 0]) for side in ("video", "skeleton"))
    document = metrics(asked)
    summed = (video + skeleton).argmax(axis=1)
    assert document["score_sum"]["by_seed"] == [pytest.approx(100 * np.mean(summed == labels), abs=1e-4)]
    multiplied = product(video, skeleton, document["skeleton_weight"]).argmax(axis=1)
    assert document["weighted_product"]["by_seed"] == [
        pytest.approx(100 * np.mean(multiplied == labels), abs=1e-4)
    ]


def test_the_page_says_what_the_rows_are(asked: Project) -> None:
    page = (asked.paths.reports / "index.html").read_text()
    assert "classifier@video, classifier@skeleton: the classifier that its backbone was trained with" in page
    assert "mean of the class probabilities of classifier@video and classifier@skeleton" in page


@pytest.mark.parametrize("refit", [True, False])
def test_each_seed_of_the_backbone_has_its_figure(copied: Project, refit: bool) -> None:
    """Without `refit` the selection runs are the final ones, and their arrays are called folds."""
    changes = one_modality("video", methods=["video", "classifier"], fused="video", seeds=[0, 1, 2])
    changes["pretrain.backbones"] = {"video": KEPT["video"]}
    copied.set_params(**changes, **{"pretrain.seeds": [0, 1], "pretrain.refit": refit})
    load_params(copied.paths.params, "demo")
    copied.run_all("pretrain", "features", "train", "report")
    features, (ids, labels) = open_store(copied.paths.store("features")), clips_of_test(copied)
    arrays = [f"video_{seed}{'' if refit else '_fold'}_logits" for seed in (0, 1)]
    expected = [100 * np.mean(features.read(array, ids)[:, 0].argmax(1) == labels) for array in arrays]
    assert metrics(copied)["classifier"]["by_seed"] == pytest.approx(expected, abs=1e-4)
    assert len(metrics(copied)["video"]["by_seed"]) == 3


def test_a_classifier_that_was_pulled_is_adopted_with_its_backbone(asked: Project, tmp_path: Path) -> None:
    other = asked.copy(tmp_path / "other")
    other.forget_cache()
    assert other.run("pretrain").made == 0
    assert other.run("features").made == 0
    folder = Path("weights/demo/backbones")
    assert content(other.root / folder) == content(asked.root / folder)


def test_a_training_of_before_classifiers_were_kept_is_left_and_made_again(tmp_path: Path) -> None:
    cache, document = Cache(tmp_path), {"step": "pretrain", "params": {"name": "video"}}
    old = cached_training(cache, document, lambda _: {"weights.pt": b"old"}, {})
    assert cached_training(cache, document, lambda _: {}, {}).folder == old.folder

    def train(_: Path) -> dict[str, bytes]:
        return {"weights.pt": b"new", "classifier.pt": b"kept"}

    new = cached_training(cache, document, train, {}, needs=("classifier.pt",))
    assert (new.from_cache, (new.folder / "classifier.pt").read_bytes()) == (False, b"kept")
    assert cached_training(cache, document, train, {}, needs=("classifier.pt",)).from_cache
    assert cached_training(cache, document, train, {}).folder == old.folder


def test_logits_of_weights_without_their_classifier_are_refused(finished: Project) -> None:
    training = replace(listed_trainings(finished.paths.weights / "backbones")[0], classifier_sha256="")
    assert training.weights_of(FEATURES) == {"backbone": training.sha256}
    with pytest.raises(
        DatasetError, match=r"skeleton_0_fold\.pt lies there without the classifier .* `pretrain`"
    ):
        training.weights_of("logits")


def refused(tmp_path: Path, **changes: Any) -> str:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tiny_params(**changes)))
    with pytest.raises(ParamError) as error:
        load_params(path, "demo")
    return str(error.value)


NOT_KEPT = {"pretrain.backbones": {**KEPT, "video": TINY["pretrain"]["backbones"]["video"]}}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "not kept": (
        {**ASKED, **NOT_KEPT},
        "presets.demo.pretrain.backbones.video: 'classifier@video' of train.methods takes the cut 'logits' of 'video', "
        "which is not kept: say cuts: [features, logits], then run `features`",
    ),
    "one of two": (
        {**ASKED, "train": {**TINY["train"], "methods": ["amfi", "classifier"]}},
        "'classifier' takes one backbone of video or skeleton or heatmaps as its backbone, and there are "
        "['skeleton', 'video']: say streams: {classifier: {backbone: skeleton}}",
    ),
    "no linear layer on it": (
        {
            **ASKED,
            "train": {
                **TINY["train"],
                "methods": ["amfi", "linear@video"],
                "options": {"linear@video": {"cut": "logits"}},
            },
        },
        "'linear@video': the cut 'logits' of 'video' is (class) a clip, and a vector is (channel)",
    ),
    "misspelt": (
        {"pretrain.backbones": {**KEPT, "video": {**KEPT["video"], "cuts": ["features", "logit"]}}},
        "presets.demo.pretrain.backbones.video.cuts: R3D18 has no cut 'logit'; it has ['features', 'map'] (did you "
        "mean 'logits'?)",
    ),
    "no such method": (
        {**ASKED, "train": {**TRAIN, "late_fusion": ["classifier@vidoe", "skeleton"]}},
        "presets.demo.train.late_fusion: no 'classifier@vidoe' (did you mean 'classifier@video'?)",
    ),
    "an own cut of that name": (
        {
            "pretrain.backbones": {
                "video": KEPT["video"],
                "skeleton": {
                    "modality": "heatmaps",
                    "model": {"kind": "test_stages_logits:Named"},
                    "plan": KEPT["video"]["plan"],
                    "cuts": ["features", "logits"],
                },
            }
        },
        "presets.demo.pretrain.backbones.skeleton.cuts: 'logits' is the cut of the classifier; call the network's own",
    ),
}


class Named(own_backbone.Pooled):
    """A user's network with a cut of the classifier's name."""

    cuts = (*own_backbone.Pooled.cuts, Cut("logits", ("channel",), "nothing"))


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, case: str) -> None:
    changes, message = REFUSED[case]
    assert message in refused(tmp_path, **changes)


def test_extract_trains_nothing_and_has_no_logits(tmp_path: Path, project: Callable[..., Project]) -> None:
    videos = sorted(project().raw.rglob("*.avi"))[:1]
    request = extract.Request("r3d18", cuts=("logits",))
    with pytest.raises(
        ModelParamError, match=r"no cut 'logits'.*logits are of a backbone that `pretrain` trained"
    ):
        extract.run(videos, request, tmp_path / "x.zarr", Cache(tmp_path / "c"), RunOptions(), max_failed=0.0)
