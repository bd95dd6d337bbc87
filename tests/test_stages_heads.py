"""train: what a head declares is what it is fed, with one modality or two; what cannot be is refused by name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import odd_sets
import pytest
import yaml
from tiny import PLAN, TINY, Project, tiny_params

from cache import open_store
from pipeline.catalog.catalog import Catalog, read_catalog, write_catalog
from pipeline.errors import DatasetError, ParamError
from pipeline.params.parts import parts_in_use
from pipeline.training import splits
from pipeline.training.trainings import listed_trainings
from stages.load_params import load_params

BACKBONES = TINY["pretrain"]["backbones"]
SHORT: dict[str, Any] = {"seeds": [0], "plan": {**PLAN, "epochs": 1, "batch": 32}}
POSE: dict[str, Any] = {
    "modality": "heatmaps",
    "model": {"kind": "pose_xshift", "width": 8, "blocks": [1, 1], "frame_stride": 1},
    "plan": {**PLAN, "epochs": 1},
}


def metrics(project: Project) -> dict[str, Any]:
    return dict(json.loads((project.paths.reports / "metrics.json").read_text()))


def test_a_pickle_of_skeletons_goes_from_index_to_report(tmp_path: Path) -> None:
    """PYSKL's, with no video; what two modalities would have added is named."""
    made = odd_sets.project(
        tmp_path,
        index=odd_sets.PYSKL,
        train={**SHORT, "video": []},
        **{"pretrain.backbones": {"skeleton": {**BACKBONES["skeleton"], "plan": {**PLAN, "epochs": 1}}}},
    )
    names = [f"S001C001P{p:03d}R001A{a:03d}" for p in (1, 2, 4, 3, 6, 7) for a in (1, 2)]
    annotations = [odd_sets.annotation(name, int(name[-1]) - 1, number) for number, name in enumerate(names)]
    odd_sets.pickled(made, annotations, {"xsub_train": names[:6], "xsub_val": names[6:]})
    load_params(made.paths.params, "demo")
    summaries = made.run_all()
    assert [summary.exit_code for summary in summaries.values()] == [0] * 8
    document = metrics(made)
    assert document["clips"] == {"train": 4, "val": 2, "test": 6, "failed": 0, "unused": 0}
    absent = [
        "video",
        "average",
        "multiplication",
        "max",
        "concatenation",
        "amfi",
        "score_sum",
        "weighted_product",
    ]
    assert document["left_out"] == {"methods": absent, "for_want_of": "video"}
    line = f"left out, for there are no video features: {', '.join(absent)}"
    assert line in summaries["train"].note
    assert line in (made.paths.reports / "index.html").read_text()


def test_two_modalities_leave_nothing_out(finished: Project) -> None:
    assert "left_out" not in metrics(finished)


def test_heatmaps_alone_and_a_linear_layer_on_any_vector(copied: Project) -> None:
    """Heatmaps are drawn from joints, so that they may stand on the skeleton's side."""
    changes = {"pretrain.backbones": {"pose": POSE}, "train": {**SHORT, "video": [], "skeleton": ["pose"]}}
    copied.set_params(**changes)
    load_params(copied.paths.params, "demo")
    copied.run_all("pretrain", "features", "train", "report")
    assert metrics(copied)["left_out"]["for_want_of"] == "video"
    assert metrics(copied)["skeleton"]["by_seed"]
    copied.set_params(**{**changes, "train": {**changes["train"], "methods": ["skeleton", "linear"]}})
    load_params(copied.paths.params, "demo")
    assert copied.run("train").made == 2  # `skeleton` is known
    assert metrics(copied)["linear"]["by_seed"]


def test_one_head_with_other_options_is_a_method_of_its_own(copied: Project) -> None:
    before = {t.key for t in listed_trainings(copied.paths.weights / "heads") if t.name == "amfi"}
    copied.set_params(
        **{
            "train.methods": ["skeleton", "amfi", "amfi@lambda_0"],
            "train.options": {"amfi@lambda_0": {"lambda_gate": 0.0}},
        }
    )
    load_params(copied.paths.params, "demo")
    assert copied.run("train").made == 3
    trainings = {t.array: t for t in listed_trainings(copied.paths.weights / "heads")}
    assert {t.key for t in trainings.values() if t.name == "amfi"} == before
    assert (
        trainings["amfi@lambda_0_0"].history[0]["train_loss"]
        < trainings["amfi_0"].history[0]["train_loss"] - 0.5
    )
    assert "amfi@lambda_0" in metrics(copied)


def test_a_method_with_a_word_is_locked_as_its_head_is(tmp_path: Path) -> None:
    """Were `amfi@lambda_0` taken for a user's own, changed code of AMFI-Net's head would stop nobody."""
    path = tmp_path / "params.yaml"
    path.write_text(
        yaml.safe_dump(tiny_params(**{"train.methods": ["amfi", "amfi@lambda_0", "average@two"]}))
    )
    assert parts_in_use("train", load_params(path, "demo")) == ("head:amfi", "head:average")


def refused(tmp_path: Path, **changes: Any) -> str:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tiny_params(**changes)))
    with pytest.raises(ParamError) as error:
        load_params(path, "demo")
    return str(error.value)


TWO_VIDEOS = {"pretrain.backbones": {**BACKBONES, "other": BACKBONES["video"]}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train.methods": ["amfi", "linear"]},
            "presets.demo.train: 'linear' takes one backbone of video or skeleton or heatmaps as its features, and "
            "there are ['skeleton', 'video']: say streams: {linear: {features: skeleton}}",
        ),
        (
            {"train.methods": ["amfi", "linear"], "train.streams": {"linear": {"features": "vidoe"}}},
            "train.streams.linear.features: no 'vidoe' (did you mean 'video'?)",
        ),
        (
            {"train.methods": ["amfi", "linear"], "train.streams": {"linear": {"featurs": "video"}}},
            "train.streams.linear.featurs: unknown key (did you mean 'features'?)",
        ),
        (
            {"train.streams": {"liner": {"features": "video"}}},
            "train.streams: no method 'liner'",
        ),
        (
            {
                "train.methods": ["amfi", "linear"],
                "train.streams": {"linear": {"features": "video"}},
                "train.options": {"linear": {"cut": "map"}},
            },
            "presets.demo.pretrain.backbones.video: 'linear' of train.methods takes the cut 'map' of 'video', which "
            "is not kept: say cuts: [features, map], then run `features`",
        ),
        (
            {"train.methods": ["amfi"], "train.streams": {"amfi": {"video": "skeleton"}}},
            "train.streams.amfi.video: 'skeleton' is of skeleton; 'amfi' takes video there",
        ),
        (
            {"train.methods": ["amfi", "amfi@two"], "train.options": {"amfi@two": {"lambda_gyte": 1.0}}},
            "train.options.amfi@two.lambda_gyte: unknown key (did you mean 'lambda_gate'?)",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_fed_is_refused_before_anything_runs(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    assert message in refused(tmp_path, **changes)


def test_a_stream_may_be_named(tmp_path: Path) -> None:
    changes = {**TWO_VIDEOS, "train.streams": {"amfi": {"video": "other"}}}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tiny_params(**changes)))
    assert load_params(path, "demo").train.streams == {"amfi": {"video": "other"}}


def test_features_of_other_weights_are_refused(copied: Project) -> None:
    """`pretrain` ran again, with another plan, and `features` did not."""
    copied.set_params(**{"pretrain.backbones.video.plan": {**PLAN, "lr": 0.03}})
    copied.run("pretrain")
    message = (
        r"features\.zarr was not computed with the weights in .*\(video_0_fold, video_0\): run `features`"
    )
    with pytest.raises(DatasetError, match=message):
        copied.run("train")


def rewritten(project: Project, **changes: Any) -> None:
    found = read_catalog(project.paths.catalog)
    project.paths.catalog.unlink()
    write_catalog(project.paths.catalog, Catalog(**{**vars(found), **changes}))


def test_a_class_whose_training_clips_were_all_lost_is_refused(copied: Project) -> None:
    """All but test clips of one class are taken out of the store that says who has features."""
    found = read_catalog(copied.paths.catalog)
    lone = next(e for e in found.entries if e.usable and e.split == "test").clip.label
    lost = {e.clip.clip_id for e in found.usable("train") if e.clip.label == lone}
    parts = splits.tested_parts(
        found, {e.clip.clip_id for e in found.usable()} - lost, copied.preset.pretrain
    )
    message = rf"\d+ test clips are of {found.classes[lone]}, of which no training clip has features"
    with pytest.raises(DatasetError, match=message):
        splits.refuse_untaught(found, parts)
    rewritten(copied, entries=tuple(e for e in found.entries if e.clip.clip_id not in lost))
    splits.refuse_untaught(read_catalog(copied.paths.catalog), parts)  # never there: `index` has told of it


def test_a_label_that_is_no_class_is_refused(copied: Project) -> None:
    rewritten(copied, classes=read_catalog(copied.paths.catalog).classes[:1])
    with pytest.raises(DatasetError, match=r"has label \d+, and the catalog has 1 classes, numbered from 0"):
        copied.run("train")


def test_a_pickle_of_key_points_goes_from_index_to_report_on_heatmaps_alone(tmp_path: Path) -> None:
    """COCO's 17 points in pixels, as PYSKL has them of videos that are not there."""
    made = odd_sets.project(
        tmp_path,
        index=odd_sets.PYSKL,
        train={**SHORT, "video": [], "skeleton": ["pose"], "methods": ["skeleton", "linear"]},
        **{"pretrain.backbones": {"pose": POSE}},
    )
    names = [f"S001C001P{p:03d}R001A{a:03d}" for p in (1, 2, 4, 3, 6, 7) for a in (1, 2)]
    found = [
        {
            "frame_dir": name,
            "label": int(name[-1]) - 1,
            "total_frames": odd_sets.FRAMES,
            "img_shape": (48, 64),
            "keypoint": 30
            + 10 * odd_sets.joints(number).transpose(1, 0, 2, 3)[:, :, :17, :2].astype(np.float32),
            "keypoint_score": np.ones((1, odd_sets.FRAMES, 17), np.float32),
        }
        for number, name in enumerate(names)
    ]
    odd_sets.pickled(made, found, {"xsub_train": names[:6], "xsub_val": names[6:]})
    load_params(made.paths.params, "demo")
    summaries = made.run_all()
    assert [summary.exit_code for summary in summaries.values()] == [0] * 8
    assert open_store(made.paths.store("heatmaps")).spec("maps").row_shape[1:] == (4, 17, 16, 16)
    assert metrics(made)["left_out"]["for_want_of"] == "video"
    assert {"skeleton", "linear"} <= metrics(made).keys()
