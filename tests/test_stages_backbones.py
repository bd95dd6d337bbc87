"""pretrain and features take every backbone of the five systems, from params alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import PLAN, TINY, Project

from cache import Store, open_store
from models.names import BACKBONES, OF_LIBRARIES

ONCE: dict[str, Any] = {**PLAN, "epochs": 1}

JOINTS = {"style": "ctr", "num_frames": 16, "max_persons": 2, "length": "resize"}

LAYOUT = [[32, 1], [32, 2]]

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "r3d18": ("video", {"width": 4}),
    "frame_resnet": ("video", {}),
    "rgb_xshift": ("video", {"width": 8, "blocks": [1, 1, 1, 1]}),
    "x3d_m": ("video", {"width": 8, "blocks": [1, 1, 1, 1], "hidden": 16}),
    "two_path": ("video", {"width": 8, "tau": 4, "alpha": 2, "beta": 0.25, "depth": "table"}),
    "pose_xshift": ("heatmaps", {"width": 8, "blocks": [1, 1, 1], "frame_stride": 1}),
    "x3d_s": ("heatmaps", {"width": 8, "blocks": [1, 1, 1], "frame_stride": 1}),
    "tsm": ("video", {"network": "resnet18"}),
    "slowonly": ("video", {"width": 8, "blocks": [1, 1, 1, 1]}),
    "slowonly_pose": ("heatmaps", {"width": 8, "blocks": [1, 1, 1]}),
    "c3d_pose": ("heatmaps", {"width": 8}),
    "agcn": ("skeleton", {"layout": LAYOUT}),
    "aagcn": ("skeleton", {"layout": LAYOUT}),
    "stgcn": ("skeleton", {"layout": LAYOUT}),
    "stgcnpp": ("skeleton", {"layout": LAYOUT}),
    "ctrgcn": ("skeleton", {"layout": LAYOUT, "sf_head": 8}),
    "dinet_r": ("skeleton", {}),
}
"""Kind to (what it is fed, options that make it small)."""


def backbone(kind: str) -> dict[str, Any]:
    """Its section of params."""
    modality, options = MODELS[kind]
    fed = {"video": {"recipe": "r4"}, "skeleton": {"input": JOINTS}, "heatmaps": {"flip_chance": 0.5}}
    return {"modality": modality, **fed[modality], "model": {"kind": kind, **options}, "plan": ONCE}


@pytest.fixture(scope="module")
def everything(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Every kind pretrained for an epoch in one project, and its features taken."""
    project = Project.made(
        tmp_path_factory.mktemp("everything"),
        recordings,
        **{
            "pretrain.backbones": {kind: backbone(kind) for kind in MODELS},
            "features.shard_rows": 64,
            "train": {**TINY["train"], "video": ["r3d18"], "skeleton": ["agcn"]},
        },
    )
    project.run_all("index", "sample", "crop", "heatmaps", "pretrain", "features")
    return project


@pytest.fixture(scope="module")
def store(everything: Project) -> Store:
    return open_store(everything.paths.store("features"))


def test_every_kind_is_here() -> None:
    assert MODELS.keys() == BACKBONES.keys() - OF_LIBRARIES


@pytest.mark.parametrize("kind", MODELS)
def test_features_of_every_kind_tell_clips_apart(store: Store, kind: str) -> None:
    features = store.read(f"{kind}_0")
    assert np.isfinite(features).all()
    assert len(np.unique(features[:, 0], axis=0)) > 25  # of twins, each modality sees one alone
