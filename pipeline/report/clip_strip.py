"""Data of one clip's strip: sampled source frames with box and skeleton, crops, heatmaps."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.datasets.opened import dataset_of
from pipeline.evaluation.predictions import Predictions
from pipeline.params.params import Preset
from pipeline.paths import Paths
from pipeline.report.strip_figure import Strip, Verdict
from pipeline.skeleton.at_frames import joints_at
from pipeline.skeleton.heatmaps import render, to_grid
from pipeline.skeleton.layouts import LAYOUTS, WHOLE_FRAME
from pipeline.skeleton.side_maps import by_side, channel_sides
from pipeline.values import Box, Clip, Skeleton
from pipeline.video.crop import BOX
from pipeline.video.depth import depth_to_uint8, person_distance_mm
from pipeline.video.jpeg_rows import unpack_frames


def strip_of(paths: Paths, preset: Preset, catalog: Catalog, predictions: Predictions, clip_id: str) -> Strip:
    """Read the strip of one test clip's first view from the stores and its video."""
    params, layout = preset.heatmaps, LAYOUTS[catalog.layout]
    skeleton = read_skeleton(opened_store(paths.store("skeletons")), clip_id)
    name = preset.pictured_recipe
    recipe = preset.crop.recipes[name]
    numbers = opened_store(paths.store("samples")).read_row(recipe.sampling, clip_id)[0]
    frames = opened_store(paths.store("frames"))
    crops = unpack_frames(frames.read(name, [clip_id]), frames.attrs, name)[0, 0]
    box = Box(*(int(edge) for edge in frames.read_row(BOX + name, clip_id)))
    joints, score = joints_at(skeleton, numbers)
    is_drawn = layout is not WHOLE_FRAME and params.recipe
    rule = params.rule(layout) if is_drawn else None
    maps = None if rule is None else render(rule, to_grid(joints, box, params.size), score)
    return Strip(
        clip_id=clip_id,
        label=catalog.by_id[clip_id].label_name,
        frame_numbers=numbers.tolist(),
        frames=source_frames(paths, preset, catalog, catalog.by_id[clip_id].clip, skeleton, numbers),
        crops=crops,
        box=box,
        joints=np.where(score[..., None] > 0, joints, np.nan),
        layout=layout if layout is not WHOLE_FRAME else None,
        nobody=nobody_at(skeleton, numbers) if layout is not WHOLE_FRAME else (),
        heat=None if maps is None or rule is None else by_side(maps, channel_sides(rule, layout)),
        verdicts=_verdicts(catalog, predictions, clip_id),
    )


def nobody_at(skeleton: Skeleton, numbers: NDArray[np.integer]) -> list[bool]:
    """Say of each video frame whether the skeleton has nobody there: joints drawn then are the nearest frame's."""
    seen = set(skeleton.video_frame[skeleton.present.any(axis=1)].tolist())
    return [int(number) not in seen for number in numbers]


def source_frames(
    paths: Paths, preset: Preset, catalog: Catalog, clip: Clip, skeleton: Skeleton, numbers: NDArray[np.int32]
) -> NDArray[np.uint8]:
    """(T, H, W, C): the frames `numbers` of a clip's video, decoded; depth as grey values."""
    wanted = np.unique(numbers).tolist()
    decoded = dict(frames_in_turn(paths, preset, catalog, clip, skeleton, wanted))
    return np.stack([decoded[int(number)] for number in numbers])


def frames_in_turn(
    paths: Paths, preset: Preset, catalog: Catalog, clip: Clip, skeleton: Skeleton, wanted: Sequence[int]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield number and (H, W, C) pixels of each of the rising `wanted` frames; depth as grey values."""
    is_depth = catalog.modality == "depth"
    near, span = person_distance_mm(skeleton) if is_depth else 0.0, preset.crop.depth_range_metres
    for number, frame in dataset_of(preset.index, paths.raw).open_video(clip).frames(wanted):
        shown = (
            depth_to_uint8(frame.astype(np.uint16), person_mm=near, range_m=span)[..., None]
            if is_depth
            else frame
        )
        yield number, shown.astype(np.uint8)


def _verdicts(catalog: Catalog, predictions: Predictions, clip_id: str) -> tuple[Verdict, ...]:
    """What each method's lowest seed said."""
    place = predictions.clip_ids.index(clip_id)
    label = int(predictions.labels[place])
    answers = {m: int(seeds[min(seeds)][place]) for m, seeds in predictions.predicted.items()}
    return tuple(
        Verdict(method, catalog.classes[answer], answer == label) for method, answer in answers.items()
    )
