"""A store as a torch Dataset: by one process, by forked and by spawned workers, from a folder and over HTTP."""

import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from feature_store import BAD, UNMADE, content, label, make_store
from serving import serving
from torch.utils.data import DataLoader, Dataset

from cache import StoreError
from cache.harstore import open


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    make_store(folder)
    return folder


@pytest.fixture(params=["folder", "http"])
def address(request: pytest.FixtureRequest, home: Path) -> Iterator[str]:
    with serving(home) as server:
        yield f"{home if request.param == 'folder' else server.url}/features.zarr"


@pytest.mark.parametrize("context", [None, "fork", "spawn"])
def test_batches_of_features_and_labels(address: str, context: str | None) -> None:
    if context == "spawn" and address.startswith("http"):
        pytest.skip("a spawned worker takes seconds to import torch: one address is enough")
    with open(address) as reader:
        clips = reader.to_torch("video_0", "skeleton_0")
        np.asarray(reader["video_0"])  # connections and shards are open when workers start
        assert isinstance(clips, Dataset)
        assert len(clips) == 37
        assert not {BAD, UNMADE} & set(clips.ids)
        workers = 0 if context is None else 1
        loader = DataLoader(clips, batch_size=10, num_workers=workers, multiprocessing_context=context)
        found = [torch.cat(parts) for parts in zip(*loader, strict=True)]
    for values, array in zip(found, ("video_0", "skeleton_0"), strict=False):
        np.testing.assert_array_equal(values.numpy(), np.stack([content(i)[array] for i in clips.ids]))
    assert found[2].tolist() == [label(i) for i in clips.ids]
    assert found[2].dtype == torch.int64  # as torch.nn.CrossEntropyLoss wants it


def test_one_clip_chosen_clips_and_other_coordinates(home: Path) -> None:
    reader = open(home / "features.zarr")
    ids = reader.clips(split="test")
    clips = reader.to_torch("frames", coords=("split", "label"), ids=ids)
    frames, split, found = clips[2]
    np.testing.assert_array_equal(frames.numpy(), content(ids[2])["frames"])
    assert (int(split), int(found)) == (1, label(ids[2]))
    assert len(pickle.loads(pickle.dumps(clips))) == len(ids)


def test_a_forked_process_opens_the_store_for_itself(home: Path) -> None:
    clips = open(home / "features.zarr").to_torch("video_0")
    ours = clips._own()
    assert clips._own() is ours
    clips._process = os.getpid() + 1  # as a fork sees it
    assert clips._own() is not ours
    np.testing.assert_array_equal(clips[0][0].numpy(), content(clips.ids[0])["video_0"])


@pytest.mark.parametrize("package", ["torch", "xarray"])
def test_a_package_that_is_not_there_is_told_with_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for module in ("torch_clips", "xarray_view"):
        monkeypatch.delitem(sys.modules, f"cache.reader.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with (
        open(home / "features.zarr") as reader,
        pytest.raises(StoreError, match=rf"pip install 'harstore\[{package}\]'"),
    ):
        getattr(reader, f"to_{package}")()
