"""features: one clip's numbers depend on that clip and the weights, on nobody beside it."""

import numpy as np
import pytest
import torch
from tiny import Project

from cache import open_store
from models.training.frozen import Inference
from pipeline.build.runner import RunOptions
from pipeline.catalog.catalog import read_catalog
from pipeline.rows.features import FeatureWork


@pytest.mark.parametrize("neighbours", [0, 5])
def test_a_clip_alone_has_the_features_it_has_among_others(finished: Project, neighbours: int) -> None:
    store = open_store(finished.paths.store("features"))
    arrays = frozenset({"video_0", "skeleton_0"})
    ids = list(reversed(store.ids))[: neighbours + 1]
    threads = torch.get_num_threads()
    made = dict(
        FeatureWork(finished.paths, finished.preset, Inference(RunOptions().threads), 10).compute(ids, arrays)
    )
    torch.set_num_threads(threads)
    for clip_id in ids:
        for array in arrays:
            assert np.array_equal(made[clip_id][array], store.read_row(array, clip_id))


def test_features_are_finite_and_tell_clips_apart(finished: Project) -> None:
    store = open_store(finished.paths.store("features"))
    for array, width in (("video_0", 32), ("skeleton_0", 16)):
        features = store.read(array)
        assert features.shape == (58, 1, width)
        assert np.isfinite(features).all()
        assert len(np.unique(features[:, 0], axis=0)) > 25  # of twins, each modality sees one alone


def test_coordinates_lie_beside(finished: Project) -> None:
    store = open_store(finished.paths.store("features"))
    entries = read_catalog(finished.paths.catalog).by_id
    assert store.coord("label").tolist() == [entries[i].clip.label for i in store.ids]
    assert store.coord("split").tolist() == [int(entries[i].split == "test") for i in store.ids]
    assert store.attrs["weights"].keys() == {"video_0", "video_0_fold", "skeleton_0", "skeleton_0_fold"}
