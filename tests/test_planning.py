"""`plan`: counts before a run are those that the run then has, and what would stop it is said with status 1."""

import re
import shutil
from collections.abc import Mapping
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from test_cli import invoke
from tiny import STAGES, TINY, Project, content

from pipeline.build.runner import RunOptions
from pipeline.catalog.catalog import read_catalog
from pipeline.planning.cost import Cost
from pipeline.planning.plan import Plan
from pipeline.stand_ins import stand_in, standing_in
from stages.load_params import load_params
from stages.plan import run

MADE = ("index", "sample", "crop", "heatmaps", "pretrain", "features", "train")


def stage(name: str) -> Any:
    return import_module(f"stages.{name}")


def planned(project: Project, *, probe: bool = False, **options: Any) -> Plan:
    quiet = RunOptions(quiet=True, **options)
    return run(project.paths, "demo", load_params, stage, lambda *_: None, quiet, probe=probe)


def to_make(cost: Cost) -> dict[str, int | None]:
    return {one.stage: one.to_make for one in cost.stages}


def another_clip(project: Project) -> None:
    """A training clip once more, as of another repetition: new bytes, a new name."""
    clip = read_catalog(project.paths.catalog).usable("train")[0].clip
    for path in (project.raw / clip.video, project.raw / str(clip.skeleton)):
        copy = path.with_name(path.name.replace(clip.clip_id, clip.clip_id[:13] + "9" + clip.clip_id[14:]))
        copy.write_bytes(path.read_bytes() + b"\n" * (path.suffix == ".skeleton"))


def test_after_a_run_nothing_is_to_make_and_everything_from_cache(copied: Project) -> None:
    before = content(copied.paths.data)
    plan = planned(copied)
    assert to_make(plan.foreseen.cost) == dict.fromkeys(MADE, 0)
    assert plan.foreseen.cost.of("index").cached == 61
    assert plan.foreseen.cost.of("crop").cached == 58
    assert plan.foreseen.cost.of("pretrain").cached == 4
    assert plan.obstacles == ()
    assert content(copied.paths.data) == before


def test_a_fresh_checkout_is_bounded_by_its_listing_and_nothing_is_written(project: Any) -> None:
    fresh = project("fresh")
    plan = planned(fresh)
    assert to_make(plan.foreseen.cost) == {
        "index": 61,
        "sample": 61,
        "crop": 61,
        "heatmaps": 61,
        "pretrain": 4,
        "features": 61,
        "train": 21,
    }
    text = str(plan)
    assert "index     61 clips" in text
    assert "crop      at most 61 clips" in text
    assert "2 recordings cannot be used: " in text
    assert "skeleton file missing" in text
    assert not fresh.paths.data.exists()
    assert plan.exit_code == 0


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        (
            {"crop.recipes": {"r4": {**TINY["crop"]["recipes"]["r4"], "size": [24, 24]}}},
            {"crop": 58, "heatmaps": 0},
        ),
        ({"heatmaps": {**TINY["heatmaps"], "sigma": 0.7}}, {"heatmaps": 58, "crop": 0}),
        ({"sample": {"r4": {"rule": "centered", "num_frames": 6}}}, {"sample": 58, "crop": 58}),
        ({"train": {**TINY["train"], "methods": ["amfi"], "seeds": [0, 1, 2]}}, {"features": 0, "train": 1}),
    ],
)
def test_a_changed_param_costs_what_depends_on_it(
    copied: Project, changes: dict[str, Any], made: Mapping[str, int]
) -> None:
    copied.set_params(**changes)
    plan = planned(copied)
    assert {name: to_make(plan.foreseen.cost)[name] for name in made} == made
    ran = {name: copied.run(name).made for name in STAGES[: STAGES.index(max(made, key=MADE.index)) + 1]}
    assert {name: ran[name] for name in made} == made


def test_a_former_value_is_found_again_without_the_stages_having_run(copied: Project) -> None:
    """The keys of what is not there are those of what was there before."""
    copied.set_params(sample={"r4": {"rule": "centered", "num_frames": 6}})
    for name in ("sample", "crop", "heatmaps"):
        copied.run(name)
    copied.set_params()
    plan = planned(copied)
    assert to_make(plan.foreseen.cost) == dict.fromkeys(MADE, 0)
    shutil.rmtree(copied.paths.data)
    shutil.rmtree(copied.paths.weights)
    assert to_make(planned(copied).foreseen.cost) == dict.fromkeys(MADE, 0)


def test_a_new_training_clip_costs_one_row_and_every_training(copied: Project) -> None:
    another_clip(copied)
    plan = planned(copied)
    cost = plan.foreseen.cost
    assert to_make(cost) == {
        "index": 1,
        "sample": 1,
        "crop": 1,
        "heatmaps": 1,
        "pretrain": 4,
        "features": 59,
        "train": 21,
    }
    assert cost.of("index").exact
    assert not cost.of("crop").exact
    assert copied.run("index").made == 1


def test_a_file_that_is_not_read_counts_as_new(copied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.planning.source_files.MOST_BYTES", 0)
    plan = planned(copied)
    cost = plan.foreseen.cost
    assert cost.of("index").to_make == 61
    assert "were never read: index reads them, and counts are bounds" in str(plan)


def test_what_would_stop_a_run_is_said(copied: Project) -> None:
    """Weights that are not there, too many failures, a protocol that cannot test, params that cannot be."""
    video = {**TINY["pretrain"]["backbones"]["video"], "pretrained": {"path": "none.pt", "sha256": "0" * 64}}
    backbones = {**TINY["pretrain"]["backbones"], "video": video}
    copied.set_params(**{"max_failed": 0.001, "pretrain.backbones": backbones})
    plan = planned(copied)
    assert plan.exit_code == 1
    text = str(plan)
    assert "the stages, run one by one, would not get through:" in text
    assert "index: 5 of 63 clips cannot be used, more than max_failed = 0.1%" in text
    assert "pretrain.backbones.video.pretrained: no file " in text
    copied.set_params(**{"index.protocol": "xsob"})
    assert "index: " in (found := planned(copied)).obstacles[0]
    assert "'xsub'" in found.obstacles[0]
    (copied.root / "params.yaml").write_text("presets: {demo: {}}")
    assert "index" in str(planned(copied).obstacles[0])


def test_weights_of_another_digest_are_named(copied: Project) -> None:
    (copied.root / "w.pt").write_bytes(b"weights")
    start = {"path": str(copied.root / "w.pt"), "sha256": "0" * 64}
    video = {**TINY["pretrain"]["backbones"]["video"], "pretrained": start}
    copied.set_params(**{"pretrain.backbones": {**TINY["pretrain"]["backbones"], "video": video}})
    (found,) = planned(copied).obstacles
    assert f"w.pt has sha256 {sha256(b'weights').hexdigest()}, params name {'0' * 64}" in found


def test_what_the_pose_engine_lacks_is_said(copied: Project) -> None:
    """Its weights by the place in params; a package that is not installed by the engine's own words."""
    copied.set_params(**{"index.pose": {"engine": "rtmlib", "weights": "none.onnx", "sha256": "0" * 64}})
    plan = planned(copied)
    assert any(one.startswith("index.pose: no file ") and "none.onnx" in one for one in plan.obstacles)
    assert plan.foreseen.stopped is not None
    assert plan.foreseen.stopped[0] == "index"
    assert {one.to_make for one in plan.foreseen.costs if one.stage in ("crop", "features")} == {None}


def test_a_store_that_cannot_fit_is_said_before_anything_is_made(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(100, 0, 3_000_000))  # type: ignore[attr-defined]
    plan = planned(project("full"))
    assert any("frames.zarr needs up to" in one and "HARCACHE_DIR" in one for one in plan.obstacles)
    assert plan.exit_code == 1


def test_the_probe_tells_times_and_leaves_nothing(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    fresh = project("probed")
    plan = planned(fresh, probe=True)
    assert plan.trial.rows["crop"] == len(plan.trial.clips) >= 1
    for name in ("index", "crop", "heatmaps", "pretrain", "features"):
        assert (plan.seconds_of(name) or 0) > 0
    assert plan.seconds_of("train") is None
    assert 0 < (plan.bytes_of("crop") or 0) <= plan.foreseen.cost.of("crop").cache_bytes
    assert not fresh.paths.data.exists()
    left = [path for path in (fresh.root / ".harcache").rglob("*.json") if path.parent.name != "answers"]
    assert left == []  # but for the shapes of cuts, which the cache remembers
    assert [path.name for path in tmp_path.iterdir()] == ["probed"]


def test_a_clip_that_fails_in_the_probe_is_named(project: Any) -> None:
    fresh = project("broken")
    spoilt = {path.name[:20] for path in fresh.raw.rglob("*.avi") if path.stat().st_size == 96}
    for path in fresh.raw.rglob("*_rgb.avi"):
        if path.name[:20] not in spoilt:
            path.unlink()
    plan = planned(fresh, probe=True)
    assert spoilt <= {failure.clip_id for failure in plan.trial.failures}
    assert "1 of them failed: " in str(plan)


def test_the_command_prints_it_and_its_status_says_whether_a_run_gets_through(copied: Project) -> None:
    done = invoke(copied, "plan", "demo", "--no-probe")
    assert re.search(r"^  crop +0 clips +58$", done.output, re.M)
    assert f"{copied.root} has no dvc.yaml: run the stages one by one" in done.output
    assert "the stages, run one by one, would get through (planned in" in done.output
    assert "`dvc repro` would" not in done.output
    copied.set_params(**{"index.protocol": "xsob"})
    assert invoke(copied, "plan", "demo", "--no-probe").exit_code == 1


def test_a_stand_in_is_seen_within_and_not_after(tmp_path: Path) -> None:
    with standing_in() as places:
        places[tmp_path] = "planned"
        assert stand_in(tmp_path) == "planned"
    assert stand_in(tmp_path) is None
