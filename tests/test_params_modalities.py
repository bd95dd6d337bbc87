"""Backbones over what a dataset does not have: refused by `index` once the folder was listed, with their places."""

from pathlib import Path

import odd_sets
import pytest
from tiny import PLAN, TINY, one_modality

from pipeline.errors import ParamError

SIDES = ("train", "train", "train", "train", "test", "test", "test", "test")
ROWS = [
    {"skeleton": f"s{n}.npz", "label": n % 2, "split": side, "subject": n} for n, side in enumerate(SIDES)
]
VIDEOS = [{"video": f"v{n}.avi", "label": n % 2, "split": side, "subject": n} for n, side in enumerate(SIDES)]


def test_a_network_over_videos_that_are_not_there_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = {**odd_sets.TABLE, "options": {"layout": "ntu_25"}}
    made = odd_sets.project(tmp_path, index=index)
    odd_sets.table(made, ROWS)
    with monkeypatch.context() as patch:
        patch.setattr("stages.index.source_digests", lambda *_, **__: pytest.fail("files were hashed"))
        with pytest.raises(ParamError) as refused:
            made.run("index")
    assert str(refused.value).splitlines() == [
        "params.yaml does not fit the dataset 'demo':",
        "  pretrain.backbones.video.modality: 'video', and there are no videos: take the backbone out and say "
        "`train: {video: []}`, or let index.options name videos",
    ]
    assert not made.paths.catalog.exists()
    made.set_params(index=index, **one_modality("skeleton"))
    made.run_all("index", "sample", "crop", "heatmaps")
    made.set_params(index=index)  # edited since
    with pytest.raises(
        ParamError, match=r"pretrain\.backbones\.video\.modality: 'video', and there are no videos"
    ):
        made.run("pretrain")


def test_networks_over_skeletons_that_are_not_there_are_refused_with_heatmaps(tmp_path: Path) -> None:
    backbones = TINY["pretrain"]["backbones"]
    drawn = {"modality": "heatmaps", "model": {"kind": "pose_xshift"}, "plan": PLAN}
    made = odd_sets.project(
        tmp_path, index=odd_sets.TABLE, **{"pretrain.backbones": {**backbones, "drawn": drawn}}
    )
    odd_sets.table(made, VIDEOS)
    with pytest.raises(ParamError) as refused:
        made.run("index")
    places = [line.strip().partition(": ")[0] for line in str(refused.value).splitlines()[1:]]
    assert places == ["pretrain.backbones.drawn.modality", "pretrain.backbones.skeleton.modality"]
    assert "'heatmaps', and there are no skeletons" in str(refused.value)
    made.set_params(index=odd_sets.TABLE, **one_modality("video"))
    assert made.run("index").made == 8
