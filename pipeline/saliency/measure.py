"""Measures which body parts each trained network looks at, on test clips that are spread evenly over the list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.opened import opened_catalog, opened_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.errors import DatasetError
from pipeline.inputs.head_input import networks_of
from pipeline.inputs.inputs import ClipInput, input_of
from pipeline.paths import Paths
from pipeline.rows.cut_clip import samples_and_box
from pipeline.saliency.parts_seen import Share, joint_shares, nearest_joints, picture_shares
from pipeline.skeleton.at_frames import joints_at
from pipeline.skeleton.body_parts import hand_joints, named_parts
from pipeline.skeleton.heatmaps import to_grid
from pipeline.skeleton.layouts import LAYOUTS, WHOLE_FRAME, Layout
from pipeline.training.trainings import Training, read_trainings

if TYPE_CHECKING:
    from pipeline.params.params import Preset
    from pipeline.video.crop_recipe import CropRecipe

Floats = NDArray[np.float32]

CLIPS = 100
"""Test clips that are looked at, at most."""

AT_ONCE = 10

HANDS = "hands (of the arms)"


class Looking(Protocol):
    """A trained network with its classifier, as saliency asks it."""

    def gradient(self, clips: Floats) -> Floats:
        """Return gradient times input of the likeliest class, without sign: the shape of `clips`, (B, …)."""
        ...

    def attention(self, clips: Floats) -> Floats | None:
        """Return the attention that each joint gets, (B, V); None of a network that has none."""
        ...


Load = Callable[[Training, ClipInput, int], Looking]
"""A function from a training, its input and the number of classes to the network."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Shares of one network's saliency, by body part."""

    network: str
    measure: str
    """Words for what was measured."""
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Saliency:
    """Every network's shares, as a Markdown table each."""

    title: str
    found: tuple[Seen, ...]

    def __str__(self) -> str:
        lines = [self.title]
        for seen in self.found:
            lines += ["", f"{seen.network}: {seen.measure}", ""]
            lines += ["| part | seen, % | chance, % | times chance |", "|---|---:|---:|---:|"]
            lines += [
                f"| {one.part} | {100 * one.seen:.1f} | {100 * one.chance:.1f} | {one.ratio:.2f} |"
                for one in seen.shares
            ]
        return "\n".join(lines)


def measured(paths: Paths, preset: "Preset", load: Load) -> Saliency:
    """Measure all networks over videos or joints that keep their classifier. Raises DatasetError where none does."""
    catalog = opened_catalog(paths.need(paths.catalog, "index"))
    layout = LAYOUTS[catalog.layout]
    if layout is WHOLE_FRAME:
        raise DatasetError(f"{catalog.dataset} has no skeletons: nothing tells where body parts are")
    found: list[Seen] = []
    trainings = {
        one.array: one for one in read_trainings(paths.need(paths.weights / "backbones", "pretrain"))
    }
    usable = [entry.clip.clip_id for entry in catalog.usable("test")]
    for name, params in preset.pretrain.backbones.items():
        (array,) = networks_of((name,), preset.pretrain, preset.pretrain.seeds[0], selection=False)
        training = trainings.get(array)
        if training is None or not training.classifier or params.modality == "heatmaps":
            continue
        source = input_of(paths, preset, params)
        there = source.keys()
        ids = _spread([clip_id for clip_id in usable if clip_id in there])
        network = load(training, source, len(catalog.classes))
        if params.modality == "video":
            recipe = preset.crop.recipes[params.recipe]
            cells = [_nearest(paths, recipe, clip_id, source.shape) for clip_id in ids]
            found.append(_of_pictures(name, network, source, ids, cells, layout))
        else:
            found += _of_joints(name, network, source, ids, layout)
    if not found:
        raise DatasetError(
            "no network over videos or joints lies there with its classifier: run `pretrain` with the present params"
        )
    return Saliency(f"{catalog.dataset}, {catalog.protocol}: body parts looked at, test clips", tuple(found))


def _spread(ids: Sequence[str]) -> tuple[str, ...]:
    """CLIPS of the ids at most, evenly spaced."""
    return tuple(
        ids[place] for place in np.unique(np.linspace(0, len(ids) - 1, min(CLIPS, len(ids))).astype(int))
    )


def _nearest(paths: Paths, recipe: "CropRecipe", clip_id: str, shape: Sequence[int]) -> NDArray[np.int64]:
    """(T, H, W): the joint that each pixel of a clip's first view is near."""
    skeleton = read_skeleton(opened_store(paths.store("skeletons")), clip_id)
    samples, box = samples_and_box(paths, recipe, clip_id, skeleton)
    joints, score = joints_at(skeleton, samples.frames[0])
    size = (shape[2], shape[3])
    return nearest_joints(to_grid(joints, box, size), score, size)


def _of_pictures(
    name: str,
    network: Looking,
    source: ClipInput,
    ids: Sequence[str],
    cells: Sequence[NDArray[np.int64]],
    layout: Layout,
) -> Seen:
    maps = [
        one.sum(axis=0) for batch in _batches(ids) for one in network.gradient(source.unaugmented(batch, 0))
    ]
    parts = {**named_parts(layout), HANDS: hand_joints(layout)}
    measure = f"tenth of the pixels with the largest gradient times input, {len(ids)} clips"
    return Seen(name, measure, picture_shares(maps, cells, parts))


def _of_joints(
    name: str, network: Looking, source: ClipInput, ids: Sequence[str], layout: Layout
) -> list[Seen]:
    inputs = [source.unaugmented(batch, 0) for batch in _batches(ids)]
    parts = {**named_parts(layout), HANDS: hand_joints(layout)}
    gradients = np.concatenate([network.gradient(x).sum(axis=(1, 2, 4)) for x in inputs])
    found = [Seen(name, f"gradient times input, {len(ids)} clips", joint_shares(gradients, parts))]
    attention = [weights for x in inputs if (weights := network.attention(x)) is not None]
    if attention:
        measure = f"attention between joints (C_k of AGCN's eq. 6), {len(ids)} clips"
        found.append(Seen(name, measure, joint_shares(np.concatenate(attention), parts)))
    return found


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
