"""pipeline.report.figures and strips: the report's pictures."""

from itertools import combinations
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.errors import ClipError
from pipeline.evaluation.metrics import Score
from pipeline.report import feature_space, figures, strip_figure
from pipeline.report.strip_figure import RIGHT, WRONG, Strip, Verdict, clip_strip
from pipeline.skeleton.layouts import Layout
from pipeline.values import Box

SCORES = (
    Score("video", 80.0, 1.5, (76.0, 84.0), (78.5, 81.5)),
    Score("skeleton", 90.0, None, (87.0, 93.0), (90.0,)),
    Score("fused", 95.25, 0.5, (92.5, 97.0), (95.0, 95.5)),
)


def pixels(png: bytes) -> np.ndarray:
    """(H, W, 3) RGB"""
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def colour_count(png: bytes, colour: str, *, near: int = 12) -> int:
    wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    return int((np.abs(pixels(png).astype(int) - wanted).max(axis=2) <= near).sum())


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert figures.accuracies(SCORES) == figures.accuracies(SCORES)


def test_ceilings_are_drawn_where_known() -> None:
    plain, with_ceiling = figures.accuracies(SCORES), figures.accuracies(SCORES, {"video": 88.0})
    assert colour_count(plain, figures.COLOURS[1]) == 0
    assert colour_count(with_ceiling, figures.COLOURS[1]) > 20


@pytest.mark.parametrize("count", [2, 27, 120])
def test_confusion_matrices_of_every_size(count: int) -> None:
    matrix = np.eye(count, dtype=np.int64) * 7
    matrix[0] = 0
    image = pixels(figures.confusion(matrix, [f"class {k}" for k in range(count)], "fused"))
    assert min(image.shape[:2]) > 300


def test_curves_of_two_phases_one_without_held_out_clips() -> None:
    epochs = np.arange(1, 4)
    loss, nothing = np.array([3.0, 2.0, 1.0]), np.full(3, np.nan)
    runs = [figures.Curve("pretrain", "video", seed, epochs, loss + seed, loss * 30) for seed in (0, 1)]
    runs.append(figures.Curve("train", "fused", 0, epochs, loss, nothing))
    image = pixels(figures.curves(runs))
    one = pixels(figures.curves(runs[:2]))
    assert image.shape[0] > 1.7 * one.shape[0]


def test_curves_come_from_columns_in_any_order() -> None:
    nan = float("nan")
    columns = (
        ["train", "fit", "fit"],
        ["fused", "video", "video"],
        [0, 1, 1],
        [1, 2, 1],
        [9, 2.0, 3.0],
        [1, nan, 50],
    )
    fit, train = figures.runs_of(*columns)
    assert (fit.phase, fit.method, fit.seed) == ("fit", "video", 1)
    assert (train.phase, train.method, train.seed) == ("train", "fused", 0)
    assert fit.epochs.tolist() == [1, 2]
    assert fit.train_loss.tolist() == [3.0, 2.0]
    np.testing.assert_array_equal(fit.val_accuracy, [50, nan])


def test_feature_maps_part_what_lies_apart() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    values = (rng.normal(size=(40, 8)) + 20 * labels[:, None]).astype(np.float32)
    found = feature_space.mapped(values)
    for points in (found.tsne, found.pca):
        assert points is not None
        middles = np.stack([points[labels == k].mean(axis=0) for k in (0, 1)])
        spread = max(points[labels == k].std() for k in (0, 1))
        assert np.linalg.norm(middles[0] - middles[1]) > spread
    image = pixels(figures.feature_map([("video", found), ("fused", found)], labels, ["a", "b"]))
    assert image.shape[1] > 1.4 * image.shape[0]


# -------------------------------------------------------------------------------------------- strips


STICK = Layout(
    name="stick",
    joints=("left_hand", "left_foot", "right_foot"),
    bones=((0, 1), (2, 1)),
    centre=1,
    spine=((1,), (0,)),
    shoulders=(2, 0),
    pairs=((0, 2),),
)


def strip(**changes: object) -> Strip:
    """Four grey frames of 60 × 80; a stick of two joints walks to the right in a box."""
    joints = np.full((4, 2, 3, 2), np.nan, np.float32)
    joints[:, 0, 0] = [[20 + 8 * t, 15] for t in range(4)]
    joints[:, 0, 1] = [[20 + 8 * t, 45] for t in range(4)]
    settings = {
        "clip_id": "a1_$x_t1",
        "label": "walk",
        "frame_numbers": [3, 9, 15, 21],
        "frames": np.full((4, 60, 80, 3), 90, np.uint8),
        "crops": np.full((4, 32, 32, 3), 120, np.uint8),
        "box": Box(10, 5, 60, 55),
        "joints": joints,
        "layout": STICK,
        "heat": np.zeros((4, 3, 16, 16), np.float32),
        "verdicts": (Verdict("video", "run", False), Verdict("fused", "walk", True)),
    }
    return Strip(**(settings | changes))


def test_a_strip_shows_box_skeleton_heat_and_verdicts() -> None:
    whole = clip_strip(strip())
    left = "#35d0ff"
    assert colour_count(whole, left) > 4 * 50
    assert colour_count(whole, RIGHT) > 10
    assert colour_count(whole, WRONG) > 10
    assert colour_count(clip_strip(strip(joints=None)), left) == 0
    assert colour_count(clip_strip(strip(verdicts=())), WRONG) == 0
    heat = np.zeros((4, 3, 16, 16), np.float32)
    heat[:, 2] = 1
    hot = clip_strip(strip(heat=heat))
    assert colour_count(hot, "#ff8c1a") > colour_count(whole, "#ff8c1a") + 10_000  # the right is orange


def test_exchanged_sides_and_what_is_missing_or_cut_off_are_seen() -> None:
    """The same stick with its one hand on the other side is orange; warnings are red, on their frames alone."""
    plain = strip(verdicts=())
    other = strip(verdicts=(), joints=plain.joints[:, :, [2, 1, 0]])
    assert colour_count(clip_strip(plain), "#ff8c1a") == 0
    assert colour_count(clip_strip(other), "#ff8c1a") > 50
    assert colour_count(clip_strip(plain), WRONG) == 0
    assert colour_count(clip_strip(strip(verdicts=(), nobody=[False, True, False, False])), WRONG) > 300
    assert colour_count(clip_strip(strip(verdicts=(), box=Box(10, 5, 60, 40))), WRONG) > 4 * 300  # its foot


def test_many_methods_with_long_names_do_not_run_into_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = [
        Verdict(f"classifier@skeleton_{n:02d}", "a class of some length", n % 2 > 0) for n in range(13)
    ]
    monkeypatch.setattr(strip_figure, "png", lambda figure: figure)
    figure: Any = clip_strip(strip(verdicts=verdicts))
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert sum(text.get_text().startswith("classifier@") for text in figure.axes[0].texts) == 13
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)


def test_a_strip_of_depth_without_people_box_or_heat() -> None:
    bare = strip(
        frames=np.full((4, 60, 80, 1), 90, np.uint8),
        crops=np.full((4, 32, 32, 1), 120, np.uint8),
        box=None,
        joints=None,
        heat=None,
    )
    image = pixels(clip_strip(bare))
    assert image.shape[0] < pixels(clip_strip(strip())).shape[0]
    assert np.ptp(image[image.shape[0] // 2].astype(int), axis=1).max() <= 1


def test_a_long_clip_is_thinned() -> None:
    long = strip(
        frame_numbers=range(16),
        frames=np.zeros((16, 60, 80, 3), np.uint8),
        crops=np.zeros((16, 32, 32, 3), np.uint8),
        joints=None,
        heat=None,
    )
    assert pixels(clip_strip(long, columns=4)).shape[1] == pixels(clip_strip(strip())).shape[1]


def test_strips_refuse_what_does_not_match() -> None:
    with pytest.raises(ClipError, match="crops has 3 entries for 4 frames"):
        strip(crops=np.zeros((3, 32, 32, 3), np.uint8))
