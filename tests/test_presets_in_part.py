"""Presets that say only what they need: without pixels, without heads, and both through DVC."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import odd_sets
import pyarrow.parquet as pq
import pytest
import yaml
from house import HOUSE
from test_dvc import dvc, tracked_into
from tiny import TINY, Project, one_modality, tiny_params

from cache import open_store
from pipeline.errors import ParamError
from pipeline.evaluation.printed import describe_results
from pipeline.params.heads import NO_HEADS
from stages.load_params import load_params

PIXELS = ("sample", "crop", "heatmaps")
ROWS = [
    {"video": f"v{n:02d}.avi", "skeleton": f"s{n:02d}.npz", "label": n % 2, "split": part, "subject": n}
    for n, part in enumerate(["train"] * 4 + ["test"] * 4)
]


def document(*without: str, empty: bool = False, **changes: Any) -> dict[str, Any]:
    """TINY on a table, whose sections `without` are not there, or are `{}` where `empty`."""
    index = {**odd_sets.TABLE, "options": {"layout": "ntu_25"}}
    found = tiny_params(index=index, **changes)
    for section in without:
        found["presets"]["demo"].pop(section)
        if empty:
            found["presets"]["demo"][section] = {}
    return found


def recorded(root: Path, params: dict[str, Any], *columns: str) -> Project:
    made = odd_sets.project(root)
    made.paths.params.write_text(yaml.safe_dump(params))
    odd_sets.table(made, [{k: v for k, v in row.items() if k not in columns} for row in ROWS])
    return made


def test_skeletons_alone_need_no_word_of_pixels(tmp_path: Path) -> None:
    made = recorded(tmp_path, document(*PIXELS, **one_modality("skeleton")), "video")
    done = made.run_all()
    assert [summary.exit_code for summary in done.values()] == [0] * 8
    assert done["sample"].note == "the preset has no `sample`: no frames are chosen"
    assert done["crop"].note == "the preset has no `crop`: nothing is cropped"
    assert done["heatmaps"].note == "the preset has no `heatmaps`: nothing is drawn"
    for name in ("samples", "frames", "heatmaps"):
        store = open_store(made.paths.store(name))
        assert (store.ids, store.arrays) == ((), ("nothing",))
    metrics = json.loads((made.paths.reports / "metrics.json").read_text())
    assert metrics["clips"] == {"train": 3, "val": 1, "test": 4, "failed": 0, "unused": 0}
    assert metrics["skeleton"]["by_seed"]


def test_features_of_videos_need_no_heads_and_no_heatmaps(tmp_path: Path) -> None:
    """Four clips of each side; the page has clips and curves, and no accuracy."""
    backbones = {"video": TINY["pretrain"]["backbones"]["video"]}
    made = recorded(tmp_path, document("heatmaps", "train", **{"pretrain.backbones": backbones}))
    done = made.run_all()
    assert [summary.exit_code for summary in done.values()] == [0] * 8
    assert done["train"].note == "the preset has no `train`: no head is fitted"
    assert [done[stage].made for stage in ("crop", "heatmaps", "features", "train")] == [8, 0, 8, 0]
    metrics = json.loads((made.paths.reports / "metrics.json").read_text())
    assert metrics == {
        "dataset": "demo",
        "protocol": "table",
        "seeds": [],
        "clips": {"train": 3, "val": 1, "test": 4, "failed": 0, "unused": 0},
        "heads": "the preset has no `train`",
    }
    assert pq.read_table(made.paths.reports / "predictions.parquet").num_rows == 0
    page = (made.paths.reports / "index.html").read_text()
    assert "The preset has no `train`: no head was fitted" in page
    assert describe_results(made.paths).endswith("the preset has no `train`, so no head was fitted")
    assert made.cli("plan", "demo").returncode == 0


def test_an_empty_section_is_one_that_is_not_there(tmp_path: Path) -> None:
    sections = (*PIXELS, "train")
    backbones = {"skeleton": TINY["pretrain"]["backbones"]["skeleton"]}
    changes = {"pretrain.backbones": backbones}
    absent = recorded(tmp_path / "absent", document(*sections, **changes)).preset
    empty = recorded(tmp_path / "empty", document(*sections, empty=True, **changes)).preset
    assert absent == empty
    assert empty.train == NO_HEADS


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("sample", r"presets\.demo\.crop\.recipes\.r4\.sampling: no 'r4'; sample: \[\]"),
        ("crop", r"presets\.demo\.pretrain\.backbones\.video\.recipe: no 'r4'; crop\.recipes: \[\]"),
    ],
)
def test_what_is_asked_for_must_be_there(tmp_path: Path, gone: str, message: str) -> None:
    made = recorded(tmp_path, document(gone))
    with pytest.raises(ParamError, match=message):
        load_params(made.paths.params, "demo")


def test_a_backbone_over_heatmaps_needs_them(tmp_path: Path) -> None:
    heat = {
        **TINY["pretrain"]["backbones"]["skeleton"],
        "modality": "heatmaps",
        "model": {"kind": "slowonly"},
    }
    del heat["input"], heat["augment"]
    made = recorded(tmp_path, document("heatmaps", **{"pretrain.backbones.skeleton": heat}))
    with pytest.raises(
        ParamError, match=r"the backbone 'skeleton' is over heatmaps: say `heatmaps: {recipe: …}`"
    ):
        made.preset  # noqa: B018


def test_dvc_runs_a_preset_whose_sections_are_empty(tmp_path: Path) -> None:
    """DVC wants each section's name; what is not asked for is an empty out."""
    backbones = {"skeleton": TINY["pretrain"]["backbones"]["skeleton"]}
    params = document(*PIXELS, "train", empty=True, **{"pretrain.backbones": backbones})
    made, root = recorded(tmp_path / "made", params, "video"), tmp_path / "checkout"
    tracked_into(root)
    shutil.copy(made.paths.params, root / "params.yaml")
    shutil.copytree(made.root / "data" / "raw", root / "data" / "raw")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    told = dvc(root, "repro")
    assert "Running stage 'report'" in told
    assert "the preset has no `crop`: nothing is cropped" in told
    assert "Data and pipelines are up to date." in dvc(root, "repro")
    assert (HOUSE / "dvc.yaml").read_text() == (root / "dvc.yaml").read_text()
