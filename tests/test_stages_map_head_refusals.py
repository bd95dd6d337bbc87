"""Heads whose cuts are not kept, do not fit or cannot be laid over each other are refused before anything runs."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from test_stages_map_heads import BACKBONES, changes
from tiny import tiny_params

from pipeline.errors import ParamError
from stages.load_params import load_params


def refused(tmp_path: Path, **more: Any) -> str:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tiny_params(**changes(**more))))
    with pytest.raises(ParamError) as error:
        load_params(path, "demo")
    return str(error.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"pretrain.backbones.other": {**BACKBONES["rgb"], "cuts": ["map", "features"]}},
            "presets.demo.train.streams: 'epam' takes one backbone of video as its rgb, and there are "
            "['other', 'rgb']: say streams: {epam: {rgb: other}}",
        ),
        (
            {"pretrain.backbones.pose.cuts": ["features", "strided_map"]},
            "backbones.pose.cuts: 'epam' of train.methods takes the cut 'channel_pool' of 'pose', which is not kept: "
            "say cuts: [features, strided_map, channel_pool], then run `features`",
        ),
        ({"heatmaps.size": [32, 32]}, "'epam': the RGB map's frames and places are (4, 4, 4), those that"),
        (
            {
                "sample.r8": {"rule": "centered", "num_frames": 4},
                "crop.recipes.r8": {"sampling": "r8", "size": [48, 48], "box": {"rule": "window"}, "storage": "zstd"},
                "pretrain.backbones.rgb.recipe": "r8",
            },
            "'epam' lays maps of two recipes over each other: 'rgb' of recipe 'r8', 'pose' of recipe 'r4'",
        ),
        (
            {"train.options.epam": {"atention": "nested"}},
            "train.options.epam.atention: unknown key (did you mean 'attention'?)",
        ),
        ({"train.options.epam": {"attention": "self"}}, "train.options.epam.attention: must be one of ['nested'"),
        ({"train.options.interaction": {"lateral": "pool"}}, "train.options.interaction.lateral: must be one of"),
        ({"train.options.interaction": {"alpha": 4}}, "train.options.interaction.alpha: unknown key"),
        ({"train.options.last_block": {"sf_head": {"grups": 2}}}, "'last_block': "),
        ({"train.options.cssi": {"reasoning": "pvrm"}}, "'cssi': pvrm needs 31 segments or more, got 4"),
        ({"train.options.cssi": {"reasoning": "lstm", "extremum_channels": True}}, "an option of pvrm, not of 'lstm'"),
        ({"pretrain.backbones.dinet.input.num_frames": 8}, "'cssi': both parts must show one number of segments, got"),
        (
            {"train.streams.cssi.skeleton": "graph", "pretrain.backbones.graph.input.num_frames": 4},
            "'cssi': STGCN has no cut 'segments'",
        ),
        ({"train.options.linear": {"cut": "sparse_map"}}, "the cut 'sparse_map' of 'paths' is (channel, frame, y, x)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_runs(
    tmp_path: Path, more: dict[str, Any], message: str
) -> None:
    assert message in refused(tmp_path, **more)


def test_equally_long_strided_windows_of_one_box_may_be_laid_over_each_other(tmp_path: Path) -> None:
    """EPAM's RGB frames are every second of the pose's here, as its [::3] are."""
    long = {"sampling": "r8", "box": {"rule": "square"}, "size": [32, 32], "storage": "zstd"}
    more = {
        "sample": {
            "r4": {"rule": "strided", "num_frames": 4, "stride_frames": 2},
            "r8": {"rule": "strided", "num_frames": 8},
        },
        "crop.recipes.r8": long,
        "heatmaps.recipe": "r8",
        "pretrain.backbones.pose.model": {**BACKBONES["pose"]["model"], "frame_stride": 2},
    }
    everything = changes()["train"]
    even = "cssi@drawn"  # looks segments up in evenly spread frames
    kept = {part: {m: v for m, v in everything[part].items() if m != even} for part in ("options", "streams")}
    more["train"] = {**everything, **kept, "methods": [m for m in everything["methods"] if m != even]}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tiny_params(**changes(**more))))
    assert load_params(path, "demo").heatmaps.recipe == "r8"
    assert "two recipes" in refused(tmp_path, **more, **{"sample.r8.num_frames": 10})
