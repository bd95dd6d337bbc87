"""crop with night enhancement, and the training of what it uses: what is lit, what is keyed, what is refused."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fill import fill
from tiny import TINY, Project, replace_file

from cache import open_store
from cache.keys import key_of
from models.errors import CheckpointError
from models.files import torch_bytes
from models.night.names import ENHANCERS
from models.night.zerodce import ZeroDCE, enhance_frames, load_zero_dce
from models.night.zerodce_fit import EnhancerPlan
from pipeline.build.runner import RunOptions
from pipeline.build.steps import CROP
from pipeline.catalog.catalog import read_catalog, write_catalog
from pipeline.errors import ParamError
from pipeline.inputs.frame_draws import training_frames
from pipeline.video.crop_recipe import EnhanceRule
from stages.crop import plan
from stages.enhance import run

CLIP = "S001C002P002R001A004"
R4 = TINY["crop"]["recipes"]["r4"]


def weights(folder: Path, name: str = "night.pt", scale: float = 1.0) -> dict[str, Any]:
    """A recipe's `enhance`, of weights by rule that lie in `folder`."""
    state = {n: scale * tensor for n, tensor in fill(ZeroDCE()).state_dict().items()}
    content = torch_bytes(state)
    (folder / name).write_bytes(content)
    return {"kind": "zero_dce", "weights": name, "sha256": hashlib.sha256(content).hexdigest()}


def night(project: Project, **enhance: Any) -> None:
    """Two recipes: r4 as it was, and the same lit."""
    project.set_params(**{"crop.recipes": {"r4": R4, "night": {**R4, "enhance": enhance}}})


@pytest.fixture(scope="module")
def sampled(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Indexed, sampled and cropped, without enhancement. To read, not to change."""
    project = Project.made(tmp_path_factory.mktemp("sampled"), recordings)
    project.run_all("index", "sample", "crop")
    return project


@pytest.fixture
def mine(sampled: Project, tmp_path: Path) -> Project:
    return sampled.copy(tmp_path / "mine")


def test_a_lit_recipe_is_the_dark_one_through_the_network(mine: Project) -> None:
    rule = weights(mine.root)
    night(mine, **rule)
    assert mine.run("crop").made == 58
    store = open_store(mine.paths.store("frames"))
    network = load_zero_dce(mine.root / "night.pt", sha256=rule["sha256"])
    dark, lit = (torch.from_numpy(store.read_row(name, CLIP)) for name in ("r4", "night"))
    assert torch.equal(lit, enhance_frames(network, dark))
    assert not torch.equal(lit, dark)
    assert np.array_equal(store.read("box_night"), store.read("box_r4"))
    shown = store.attrs["recipes"]
    assert shown["night"]["enhance"] == {
        "kind": "zero_dce",
        "sha256": rule["sha256"],
        "share_curves": "clip_mean",
    }
    assert "enhance" not in shown["r4"]


def test_recipes_without_it_keep_their_keys(sampled: Project, mine: Project) -> None:
    """As they were before crops could be lit, spelled out."""
    catalog = read_catalog(mine.paths.catalog)
    samples, skeletons = (open_store(mine.paths.store(name)) for name in ("samples", "skeletons"))
    box = {
        "rule": "square",
        "buffer_px": 10.0,
        "padding": 0.25,
        "min_side_px": 10.0,
        "allow_pad": False,
        "outside": "drop",
    }
    params = {
        "sampling": "r4",
        "box": box,
        "size": [32, 32],
        "interpolation": "auto",
        "storage": "zstd",
        "jpeg_quality": 90,
    }
    document = CROP.document(
        params=params,
        inputs={
            "video": catalog.by_id[CLIP].video_sha256,
            "skeleton": skeletons.key("joints_3d", CLIP),
            "samples": samples.key("r4", CLIP),
        },
    )
    before = open_store(sampled.paths.store("frames"))
    assert before.key("r4", CLIP) == key_of(document)

    night(mine, **weights(mine.root))
    mine.run("crop")
    after = open_store(mine.paths.store("frames"))
    assert after.keys("r4") == before.keys("r4")
    assert set(after.keys("night").values()).isdisjoint(after.keys("r4").values())


def test_what_is_keyed_is_the_weights_and_not_where_they_lie(mine: Project) -> None:
    rule = weights(mine.root)
    night(mine, **rule)
    mine.run("crop")
    keys = open_store(mine.paths.store("frames")).keys("night")

    (mine.root / "night.pt").rename(mine.root / "elsewhere.pt")
    night(mine, **{**rule, "weights": str(mine.root / "elsewhere.pt")})
    moved = mine.run("crop")
    assert (moved.made, moved.cached) == (0, 58)
    assert open_store(mine.paths.store("frames")).keys("night") == keys

    night(mine, **weights(mine.root, "other.pt", scale=0.5))
    assert mine.run("crop").made == 58
    night(mine, **{**rule, "weights": "elsewhere.pt", "share_curves": "frame"})
    assert mine.run("crop").made == 58


def test_a_raised_version_of_the_enhancer_changes_lit_keys_alone(
    mine: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(mine, **weights(mine.root))

    def documents() -> dict[str, Any]:
        job = plan(mine.paths, mine.preset, RunOptions(quiet=True))
        return next(dict(row.docs) for row in job.rows if row.id == CLIP)

    before = documents()
    monkeypatch.setitem(ENHANCERS, "zero_dce", (ENHANCERS["zero_dce"][0], 2))
    after = documents()
    assert after["r4"] == before["r4"]
    assert after["night"]["params"] == {**before["night"]["params"], "part_version": 2}


def test_weights_are_checked_before_the_first_clip(mine: Project) -> None:
    rule = weights(mine.root)
    night(mine, **{**rule, "weights": "none.pt"})
    with pytest.raises(CheckpointError, match=r"none.pt cannot be read: No such file"):
        mine.run("crop")
    night(mine, **{**rule, "sha256": "0" * 64})
    with pytest.raises(CheckpointError, match=f"has sha256 {rule['sha256']}, expected {'0' * 64}"):
        mine.run("crop")


def test_depth_videos_cannot_be_lit(mine: Project) -> None:
    night(mine, **weights(mine.root))
    path = mine.paths.catalog
    catalog = replace(read_catalog(path), modality="depth")
    replace_file(path, b"")
    write_catalog(path, catalog)
    with pytest.raises(ParamError, match=r"crop.recipes.night.enhance lights colour videos, these are depth"):
        mine.run("crop")
    with pytest.raises(ParamError, match="an enhancer needs colour videos, depth has 1 channel"):
        training_frames(mine.paths.store("frames"), catalog, "r4", batch=8, seed=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "mdife"}, r"kind must be one of \['zero_dce'\], got 'mdife'"),
        ({"share_curves": "clip"}, r"share_curves must be one of \['clip_mean', 'frame'\], got 'clip'"),
        ({"sha256": "abc"}, "must be 64 hex digits, got 'abc'"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(ParamError, match=message):
        EnhanceRule(**{"weights": "night.pt", "sha256": "0" * 64, **wrong})  # type: ignore[arg-type]


def test_a_misspelt_key_is_refused(project: Callable[..., Project], tmp_path: Path) -> None:
    rule = weights(tmp_path)
    mine = project(**{"crop.recipes": {"r4": {**R4, "enhance": {**rule, "share_curve": "frame"}}}})
    with pytest.raises(ParamError, match="share_curve"):
        _ = mine.preset


def test_training_learns_from_training_clips_alone_and_crop_takes_what_it_made(mine: Project) -> None:
    catalog, out = read_catalog(mine.paths.catalog), mine.root / "weights" / "night.pt"
    plan = EnhancerPlan(epochs=2, batch=8)
    report = run(mine.paths, RunOptions(quiet=True), recipe="r4", out=out, plan=plan)
    ids = training_frames(mine.paths.store("frames"), catalog, "r4", batch=8, seed=0).ids
    train = {entry.clip.clip_id for entry in catalog.usable("train")}
    assert set(ids) == train
    assert report.clips == len(train)
    assert report.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert f"enhance: {{kind: zero_dce, weights: {out}, sha256: {report.sha256}}}" in str(report)
    again = run(mine.paths, RunOptions(quiet=True), recipe="r4", out=out, plan=plan)
    assert (again.sha256, again.losses) == (report.sha256, report.losses)

    night(mine, weights=str(out), sha256=report.sha256)
    assert mine.run("crop").failed == 0
    with pytest.raises(ParamError, match=r"one of \['r4'\], got 'night'"):
        run(mine.paths, RunOptions(quiet=True), recipe="night", out=out, plan=plan)


def test_an_epochs_draws_are_one_frame_of_every_clip(sampled: Project) -> None:
    catalog, store = read_catalog(sampled.paths.catalog), sampled.paths.store("frames")
    draws = training_frames(store, catalog, "r4", batch=8, seed=0)
    batches = list(draws(0))
    images = np.concatenate(batches)
    assert images.shape == (len(draws.ids), 3, 32, 32)
    assert {len(batch) for batch in batches[:-1]} == {8}
    assert images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1
    rows = np.concatenate([open_store(store).read("r4", [clip_id])[0, 0] for clip_id in draws.ids])
    known = {row.transpose(2, 0, 1).tobytes() for row in rows}
    assert all(np.rint(image * 255).astype(np.uint8).tobytes() in known for image in images)
    assert all(np.array_equal(a, b) for a, b in zip(batches, draws(0), strict=True))
    assert not np.array_equal(images, np.concatenate(list(draws(1))))
