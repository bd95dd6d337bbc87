"""Layout of clips in rerun: a tab for each, with its views."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.look.rerun_clip import as_in_the_picture
from pipeline.look.shown_clip import ShownClip

if TYPE_CHECKING:
    from rerun.blueprint import Blueprint, Container, Vertical

FRAMES_A_SECOND = 10.0
"""Speed of the playback: slow enough to see a hand leave its crop."""
BARE = 24
"""Pixels around a picture, where joints lie that it does not hold."""


def layout_of(tabs: "Sequence[Container]") -> "Blueprint":
    """Return the whole window: tabs, and the timeline of frames."""
    import rerun.blueprint as rrb

    return rrb.Blueprint(
        rrb.Tabs(*tabs, active_tab=0),
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.TimePanel(state="collapsed", timeline="frame", fps=FRAMES_A_SECOND, loop_mode="all"),
        auto_views=False,
        auto_layout=False,
    )


def tab_of(clip: ShownClip) -> "Vertical":
    """Return one clip's views: pictures and words, neighbours, and what changes over time."""
    import rerun.blueprint as rrb

    root = _root(clip)
    rows = [(5.0, rrb.Horizontal(*_pictures(clip, root)))]
    near = _neighbours(clip, root)
    rows += [(3.0, rrb.Horizontal(*near))] if near else []
    lines = _lines(clip, root)
    rows += [(2.5, rrb.Horizontal(*lines))] if lines else []
    return rrb.Vertical(
        *(row for _, row in rows),
        row_shares=[share for share, _ in rows],
        name=f"{clip.label}: {clip.clip_id}",
    )


def _root(clip: ShownClip) -> str:
    import rerun as rr

    return f"/{rr.escape_entity_path_part(clip.clip_id)}"


def _pictures(clip: ShownClip, root: str) -> list[Any]:
    import rerun.blueprint as rrb

    found = [_flat(f"{root}/source", "source: picture, box, joints", clip.size)]
    if clip.cut is not None:
        without_heat = ["$origin/**", "- $origin/heat"]
        found.append(_flat(f"{root}/crop", "crop, as networks see it", clip.cut.size, without_heat))
        if clip.cut.heat is not None:
            heat = ["$origin/picture", "$origin/edge", "$origin/heat"]
            found.append(_flat(f"{root}/crop", "heatmaps", clip.cut.size, heat))
    if clip.skeleton is not None:
        found.append(_space(clip, root))
    return [*found, rrb.TextDocumentView(origin=f"{root}/words", name="what is known")]


def _neighbours(clip: ShownClip, root: str) -> list[Any]:
    return [
        _flat(
            f"{root}/near/{side}/{rank}",
            f"near by {side}: {one.label}, {one.similarity:.2f}",
            one.cut.size,
            ["$origin/**", "- $origin/heat"],
        )
        for side, found in clip.near.items()
        for rank, one in enumerate(found)
        if one.cut is not None
    ]


def _lines(clip: ShownClip, root: str) -> list[Any]:
    import rerun.blueprint as rrb

    found = []
    if clip.skeleton is not None:
        found.append(rrb.TimeSeriesView(origin=f"{root}/joint_scores", name="joint scores", axis_y=_share()))
    if clip.scores:
        found.append(
            rrb.TimeSeriesView(origin=f"{root}/predictions", name="class probabilities", axis_y=_share())
        )
    return found


def _share() -> Any:
    """An axis from 0 to 1."""
    import rerun.blueprint as rrb

    return rrb.ScalarAxis(range=(-0.03, 1.03))


def _space(clip: ShownClip, root: str) -> Any:
    """Joints in metres, seen from where the camera stood: from afar, at the height of the person's middle."""
    import rerun.blueprint as rrb

    assert clip.skeleton is not None
    joints = clip.skeleton.joints_3d[clip.skeleton.score > 0] * np.array(as_in_the_picture(clip.skeleton))
    known = joints[np.isfinite(joints).all(axis=1)]
    if not len(known):
        return rrb.TextDocumentView(origin=f"{root}/space", name="joints in space: none known")
    middle = np.median(known, axis=0)
    reach = float(np.abs(known - middle).max())
    eye = rrb.EyeControls3D(position=middle - (0, 0, 3 * reach), look_target=middle, eye_up=(0, -1, 0))
    return rrb.Spatial3DView(origin=f"{root}/space", name="joints in space", eye_controls=eye)


def _flat(origin: str, name: str, size: tuple[int, int], contents: Sequence[str] = ("$origin/**",)) -> Any:
    """A picture with a margin, so that joints outside it are seen."""
    import rerun.blueprint as rrb

    height, width = size
    margin = min(BARE, max(height, width) // 6)
    bounds = rrb.VisualBounds2D(x_range=(-margin, width + margin), y_range=(-margin, height + margin))
    return rrb.Spatial2DView(origin=origin, name=name, contents=list(contents), visual_bounds=bounds)
