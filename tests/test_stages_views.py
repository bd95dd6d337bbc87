"""Cached views: mirrored clips and sub-images as views of what `features` keeps, one of which training draws."""

import copy
import json
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from tiny import TINY, Project, tiny_params

from cache import open_store
from models.head import head_inputs
from pipeline.errors import ParamError
from pipeline.fitting.heads import HeadFitting
from pipeline.inputs.frame_input import FrameSource, sub_images
from pipeline.inputs.head_batches import HeadBlocks
from pipeline.inputs.head_input import HeadRows, input_from
from pipeline.inputs.inputs import input_of
from pipeline.inputs.map_input import MapSource
from pipeline.training.trainings import read_documents
from stages.load_params import load_params

(DECLARED,) = head_inputs("linear", {})


def backbones(**video: Any) -> dict[str, Any]:
    found = copy.deepcopy(TINY["pretrain"]["backbones"])
    found["video"].update(video)
    return {"pretrain.backbones": found}


def test_sub_images_are_every_second_pixel_from_a_corner_on() -> None:
    """Frames of 5 × 4: the fifth row is left out; sub-image 2 begins at row 1, column 0."""
    clips = np.arange(2 * 20, dtype=np.uint8).reshape(2, 1, 5, 4, 1)
    found = sub_images(clips, np.array([2, 1]), 2)
    assert found[0, 0, :, :, 0].tolist() == [[4, 6], [12, 14]]
    assert found[1, 0, :, :, 0].tolist() == [[21, 23], [29, 31]]


def test_views_are_mirrored_and_split_in_this_order(copied: Project) -> None:
    copied.set_params(**backbones(flips=True, phases=2))
    source = input_of(copied.paths, copied.preset, copied.preset.pretrain.backbones["video"])
    assert isinstance(source, FrameSource)
    ids = open_store(copied.paths.store("frames")).ids[:2]
    assert (source.num_views, source.shape) == (8, (3, 4, 16, 16))
    copied.set_params(**backbones())
    plain = input_of(copied.paths, copied.preset, copied.preset.pretrain.backbones["video"])
    whole = plain.unaugmented(ids, 0)
    np.testing.assert_array_equal(source.unaugmented(ids, 1), whole[..., ::2, 1::2])
    np.testing.assert_array_equal(source.unaugmented(ids, 4 + 2), whole[..., ::-1][..., 1::2, ::2])
    assert source.augmented(ids, np.random.default_rng(0)).shape == (2, *source.shape)
    assert source.normalisation == {**plain.normalisation, "size": 16}


def test_heatmaps_are_mirrored_with_left_and_right_exchanged(copied: Project) -> None:
    pose = {
        "modality": "heatmaps",
        "model": {"kind": "pose_xshift"},
        "plan": TINY["train"]["plan"],
        "flips": True,
    }
    copied.set_params(**{"pretrain.backbones": {**TINY["pretrain"]["backbones"], "pose": pose}})
    source = input_of(copied.paths, copied.preset, copied.preset.pretrain.backbones["pose"])
    assert isinstance(source, MapSource)
    ids = open_store(copied.paths.store("heatmaps")).ids[:1]
    plain, mirrored = source.unaugmented(ids, 0), source.unaugmented(ids, 1)
    left, right = 4, 8  # NTU's shoulders
    assert source.num_views == 2
    np.testing.assert_array_equal(mirrored[:, left], plain[:, right, ..., ::-1])
    assert plain[:, left].any()


def test_mirrored_views_train_no_backbone_and_one_is_drawn_where_asked(copied: Project) -> None:
    copied.set_params(
        **backbones(flips=True),
        **{
            "train.methods": ["video", "amfi", "amfi@drawn", "concatenation"],
            "train.drawn_views": ["amfi@drawn"],
            "train.averaged_views": ["amfi"],
        },
    )
    load_params(copied.paths.params, "demo")
    assert copied.run("pretrain").made == 0
    assert copied.run("features").made
    assert open_store(copied.paths.store("features")).spec("video_0").row_shape[0] == 2
    copied.run("train")
    documents = read_documents(copied.paths.weights / "heads")
    views = {name: document["params"].get("views") for name, document in documents.items()}
    assert {name for name, drawn in views.items() if drawn == "drawn"} == {
        "amfi@drawn_0",
        "amfi@drawn_0_fold",
        "amfi@drawn_1",
    }
    assert copied.run("train").made == 0
    assert "averaged" not in json.dumps(documents["amfi_0"]["params"])  # it decides no weights
    store = open_store(copied.paths.store("features"))
    one = input_from(store, DECLARED, ("video_0",))
    rows = HeadRows((one, input_from(store, DECLARED, ("skeleton_0",))), averaged=True)
    assert rows.tested_views == (Fraction(0), Fraction(1, 2))
    ids = store.ids[:3]
    mirrored, joints = rows.read(ids, Fraction(1, 2))
    np.testing.assert_array_equal(mirrored, store.read("video_0", list(ids))[:, 1])
    np.testing.assert_array_equal(joints, store.read("skeleton_0", list(ids))[:, 0])


class ItsInput:
    """A head that gives its input back."""

    has_gate = False

    def logits(self, _weights: bytes | None, blocks: HeadBlocks, **_: int) -> NDArray[np.float32]:
        return np.concatenate([first for (first,) in blocks])


class TwoViews:
    """One clip of two views."""

    in_memory, num_views = True, 2

    def of_view(self, ids: tuple[str, ...], share: Fraction) -> NDArray[np.float32]:
        return np.array([[[0.0, 4.0], [2.0, 0.0]][int(2 * share)]] * len(ids), np.float32)


def test_the_logits_of_a_clips_views_are_averaged() -> None:
    """Logits (0, 4) and (2, 0) have the mean (1, 2): the second class has e / (1 + e)."""
    rows = HeadRows((TwoViews(),), averaged=True)  # type: ignore[arg-type]
    plan = SimpleNamespace(batch=4)
    fitting = HeadFitting(rows, None, plan, None, ItsInput())  # type: ignore[arg-type]
    np.testing.assert_allclose(
        fitting.probabilities(None, 0, ("a",)), [[1 / (1 + np.e), np.e / (1 + np.e)]], rtol=1e-6
    )


def test_methods_that_are_not_there_are_not_averaged(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tiny_params(**{"train.averaged_views": ["amfy"]})))
    with pytest.raises(ParamError, match=r"train\.averaged_views: no 'amfy' \(did you mean 'amfi'\?\)"):
        load_params(path, "demo")


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (["amfy"], r"train\.drawn_views: no 'amfy' \(did you mean 'amfi'\?\)"),
        (
            ["amfi"],
            r"train\.drawn_views: 'amfi' has nothing to draw: one view is kept of \['skeleton', 'video'\]",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_runs(
    tmp_path: Path, methods: list[str], message: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tiny_params(**{"train.drawn_views": methods})))
    with pytest.raises(ParamError, match=message):
        load_params(path, "demo")
