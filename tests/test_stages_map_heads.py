"""train on maps, frames and joints that features.zarr keeps: streamed batch by batch, and the papers' modules."""

import copy
import gc
import json
import shutil
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import PLAN, TINY, Project

from cache import Store, open_store
from models.head import Source, head_for
from models.training.checkpoint import decode
from pipeline.catalog.catalog import read_catalog
from pipeline.inputs.head_batches import HeadBatches
from pipeline.inputs.head_input import HeadRows, MapInput, VectorInput
from pipeline.training.trainings import listed_trainings, read_trainings
from stages.load_params import load_params

ONCE = {**PLAN, "epochs": 1}
JOINTS: dict[str, Any] = TINY["pretrain"]["backbones"]["skeleton"]
BACKBONES: dict[str, Any] = {
    "rgb": {
        "modality": "video",
        "recipe": "r4",
        "model": {"kind": "rgb_xshift", "width": 8, "blocks": [1, 1]},
        "plan": ONCE,
        "cuts": ["features", "map"],
    },
    "pose": {
        "modality": "heatmaps",
        "model": {"kind": "pose_xshift", "width": 8, "blocks": [1, 1], "frame_stride": 1},
        "plan": ONCE,
        "cuts": ["features", "channel_pool", "strided_map"],
    },
    "paths": {
        "modality": "video",
        "recipe": "r4",
        "model": {"kind": "two_path", "width": 8, "tau": 4, "alpha": 4},
        "plan": ONCE,
        "cuts": ["features", "gap", "sparse_map", "dense_map"],
    },
    "images": {
        "modality": "video",
        "recipe": "r4",
        "model": {"kind": "frame_resnet", "network": "mobilenet_v2"},
        "plan": ONCE,
        "cuts": ["features", "segments", "frames"],
    },
    "graph": {
        **JOINTS,
        "model": {"kind": "stgcn", "layout": [[8, 1], [16, 2], [16, 1]]},
        "plan": ONCE,
        "cuts": ["features", "last_block", "joints"],
    },
    "dinet": {
        **JOINTS,
        "model": {"kind": "dinet_r"},
        "input": {**JOINTS["input"], "num_frames": 4},
        "plan": ONCE,
        "cuts": ["features", "segments", "joints"],
    },
}

METHODS = {
    "epam": {},
    "epam@rival": {"attention": "rival"},
    "epam@none": {"attention": "none"},
    "interaction": {},
    "interaction@tconv": {"lateral": "tconv", "rounds": 3},
    "linear": {"cut": "gap"},
    "last_block": {},
    "last_block@sf": {"sf_head": 2},
    "cssi": {"reasoning": "lstm", "dim": 16},
    "cssi@drawn": {"reasoning": "lstm", "dim": 16, "drawn_segments": 3},
    "cssi@frozen": {"skeleton": "frozen", "reasoning": "conv3d", "dim": 16},
    "cssi@video": {"skeleton": "none", "reasoning": "lstm", "dim": 16, "corrected_fc": True},
}

TRAIN: dict[str, Any] = {
    "video": ["rgb"],
    "skeleton": ["graph"],
    "methods": ["video", "skeleton", *METHODS],
    "fused": "epam",
    "options": METHODS,
    "streams": {
        "epam@none": {"rgb": "rgb"},
        "cssi": {"skeleton": "dinet"},
        "cssi@drawn": {"skeleton": "dinet"},
    },
    "seeds": [0],
    "plan": {**PLAN, "batch": 8, "lr": 0.002, "grad_clip": 1.0},
}


def changes(**more: Any) -> dict[str, Any]:
    backbones = {"pretrain.backbones": copy.deepcopy(BACKBONES), "features.shard_rows": 64}
    return {**backbones, "train": copy.deepcopy(TRAIN), **more}


@pytest.fixture(scope="module")
def whole(recordings: Any, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project.made(tmp_path_factory.mktemp("maps"), recordings, **changes())
    load_params(made.paths.params, "demo")
    made.run_all()
    return made


@pytest.fixture
def store(whole: Project) -> Store:
    return open_store(whole.paths.store("features"))


def metrics(project: Project) -> dict[str, Any]:
    return dict(json.loads((project.paths.reports / "metrics.json").read_text()))


def test_every_head_of_the_five_systems_is_a_row_of_the_table(whole: Project) -> None:
    document = metrics(whole)
    assert {*METHODS} - {"epam"} <= document.keys()
    assert document["fused"]["by_seed"]
    assert document["fusion"] == "epam"
    assert "epam@rival" in (whole.paths.reports / "index.html").read_text()


def test_a_second_run_trains_nothing(whole: Project, tmp_path: Path) -> None:
    again = whole.copy(tmp_path / "again")
    before = metrics(again)
    assert again.run("train").made == 0
    assert metrics(again) == before


def test_the_same_seed_learns_the_same_weights(whole: Project, tmp_path: Path) -> None:
    """Where neither cache nor folder has any: maps are streamed in the order that the seed draws."""
    again = whole.copy(tmp_path / "again")
    shutil.rmtree(again.root / ".harcache")
    shutil.rmtree(again.paths.weights / "heads")
    train = {**TRAIN, "methods": ["video", "epam", "last_block@sf"]}
    again.set_params(**changes(train=train))
    assert again.run("train").made == 6
    before = {t.array: t.sha256 for t in listed_trainings(whole.paths.weights / "heads")}
    after = {t.array: t.sha256 for t in listed_trainings(again.paths.weights / "heads")}
    assert after == {array: before[array] for array in after}


def test_predictions_are_the_modules_own_on_what_the_store_holds(whole: Project, store: Store) -> None:
    """EPAM's head, loaded by hand: the RGB map, pose features and pooled pose of frozen trunks."""
    ids = [e.clip.clip_id for e in read_catalog(whole.paths.catalog).usable("test")][:5]
    arrays = ("rgb_0_map", "pose_0", "pose_0_channel_pool")
    given = [torch.from_numpy(store.read(name, ids)[:, 0]) for name in arrays]
    weights = next(t.weights for t in read_trainings(whole.paths.weights / "heads") if t.array == "epam_0")
    head = head_for(
        "epam",
        len(read_catalog(whole.paths.catalog).classes),
        [Source(tuple(x.shape[1:])) for x in given],
        {},
    )
    head.load_state_dict(decode(weights).state)
    with torch.no_grad():
        expected = head.eval()(*given).logits.softmax(dim=1)
    import pyarrow.parquet as pq

    table = pq.read_table(
        whole.paths.reports / "predictions.parquet", filters=[("method", "=", "fused")]
    ).to_pydict()
    rows = dict(zip(table["clip_id"], table["probabilities"], strict=True))
    np.testing.assert_allclose([rows[i] for i in ids], expected, atol=1e-5)


def test_the_document_names_each_clips_rows_of_every_input(whole: Project, store: Store) -> None:
    documents = json.loads((whole.paths.weights / "heads" / "documents.json").read_text())
    for method, arrays in {
        "epam_0": ["rgb_0_map", "pose_0", "pose_0_channel_pool"],
        "interaction_0": ["paths_0_sparse_map", "paths_0_dense_map"],
        "last_block_0": ["graph_0_last_block", "graph_0_joints"],
        "cssi_0": ["dinet_0_joints", "images_0_segments"],
        "linear_0": ["paths_0_gap"],
        "epam_0_fold": ["rgb_0_fold_map", "pose_0_fold", "pose_0_fold_channel_pool"],
    }.items():
        clip_id, *keys, _ = documents[method]["inputs"]["fit"][0]
        assert keys == [store.key(array, clip_id) for array in arrays]


def test_a_head_with_losses_of_its_own_learns_by_them(whole: Project) -> None:
    """SF-Head's losses come on top of cross-entropy, of ten classes about 2.3."""
    losses = {t.array: t.history[0]["train_loss"] for t in listed_trainings(whole.paths.weights / "heads")}
    assert losses["last_block@sf_0"] != pytest.approx(losses["last_block_0"], abs=0.01)


class Counted:
    """Rows of arrays that somebody still holds, and the most there ever were."""

    def __init__(self) -> None:
        self.alive = self.most = self.read = 0

    def watch(self, values: np.ndarray) -> np.ndarray:
        self.alive += len(values)
        self.read += len(values)
        self.most = max(self.most, self.alive)
        weakref.finalize(values, self._gone, len(values))
        return values

    def _gone(self, rows: int) -> None:
        self.alive -= rows


def test_no_more_rows_of_maps_are_alive_than_a_few_batches(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted where they leave the store, over three epochs; vectors are read once."""
    seen, read = {"pose_0": Counted(), "rgb_0_map": Counted()}, Store.read

    def counted(self: Store, array: str, ids: Sequence[str] | None = None) -> Any:
        return seen[array].watch(read(self, array, ids))

    ids = tuple(store.keys("rgb_0_map"))
    monkeypatch.setattr(Store, "read", counted)
    rows = HeadRows((MapInput(store, "rgb_0_map"), VectorInput(store, ("pose_0",))))
    batches = HeadBatches(rows, ids, np.zeros(len(ids), np.int64), 4, 0)
    gc.disable()
    try:
        for epoch in range(3):
            clips = sum(len(labels) for _, labels in batches(epoch))
            assert clips == len(ids) == 58
    finally:
        gc.enable()
    assert seen["pose_0"].read == 58
    assert seen["rgb_0_map"].read == 3 * 58
    assert seen["rgb_0_map"].most <= 8
    assert seen["rgb_0_map"].alive <= 4


def test_a_whole_training_holds_a_few_batches_of_maps(
    whole: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the stage itself: fitting, selecting and testing, with what is read ahead."""
    project = whole.copy(tmp_path / "counted")
    train = {**TRAIN, "methods": ["video", "epam"], "plan": {**TRAIN["plan"], "batch": 4}}
    project.set_params(**changes(train=train))
    seen, read = Counted(), Store.read

    def counted(self: Store, array: str, ids: Sequence[str] | None = None) -> Any:
        values = read(self, array, ids)
        return seen.watch(values) if array.endswith("_map") else values

    monkeypatch.setattr(Store, "read", counted)
    assert project.run("train").made == 4
    assert seen.read > 100
    assert seen.most <= 4 * 5  # in training, two waiting, one being handed over, one being read
