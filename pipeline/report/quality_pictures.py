"""Pictures of the clips that show a flaw worst: their frames around it, or the two motions that do not fit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.build.failures import shortened
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.opened import opened_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.errors import ClipError, DatasetError
from pipeline.paths import Paths
from pipeline.quality.findings import Example, Finding
from pipeline.quality.lag import Floats
from pipeline.quality.look import Moved
from pipeline.quality.quality import Looked, look
from pipeline.report.clip_strip import nobody_at, source_frames
from pipeline.report.figures import FAINT, INK, png
from pipeline.report.html.images import Picture
from pipeline.report.html.page import QualitySection
from pipeline.report.strip_figure import WRONG, Strip, clip_strip
from pipeline.skeleton.at_frames import joints_at
from pipeline.skeleton.layouts import LAYOUTS

if TYPE_CHECKING:
    from pipeline.params.params import Preset

WORST = 2
"""Clips of each kind of flaw that are drawn."""

AROUND = 4
"""Frames of a clip that are drawn."""

DRAWN = ("empty", "lost joints", "swapped sides", "swapped bodies", "doubled")
"""Kinds of flaws that frames show."""


def quality_section(
    paths: Paths, preset: "Preset", catalog: Catalog
) -> tuple[QualitySection, dict[str, Picture]]:
    """Look at the dataset, and draw the worst clips of each kind, by file name."""
    looked = look(paths, preset, catalog)
    found, lacking = dict[str, Picture](), list[str]()
    for finding in looked.quality.findings:
        for example in finding.worst[:WORST] if finding.kind in DRAWN and catalog.has_videos else ():
            try:
                picture = clip_strip(_strip(paths, preset, catalog, finding, example))
            except (ClipError, DatasetError) as error:
                lacking.append(f"{example.clip_id} is not shown: {shortened(str(error))}.")
                continue
            alt = f"Frames of clip {example.clip_id}: {finding.kind}, {example.detail}"
            found[_name(finding.kind, example.clip_id)] = Picture(picture, alt)
    for one in _shown_motions(looked):
        alt = f"Motion of video and skeleton of clip {one.clip_id}: skeleton {one.lag}"
        found[_name("motion", one.clip_id)] = Picture(_curves(one), alt)
    notes = (*looked.quality.notes, *lacking)
    return QualitySection(_rows(looked.quality.findings), notes, list(found.values())), found


def _name(kind: str, clip_id: str) -> str:
    return f"quality_{kind.replace(' ', '_')}_{quote(clip_id, safe=' ')}"


def _strip(paths: Paths, preset: "Preset", catalog: Catalog, finding: Finding, example: Example) -> Strip:
    """Frames around the flaw with the joints drawn in; of a doubled clip, some of the whole."""
    skeleton = read_skeleton(opened_store(paths.store("skeletons")), example.clip_id)
    entry = catalog.by_id[example.clip_id]
    last = skeleton.num_frames - 1
    if example.frame is None:
        chosen = np.linspace(0, last, AROUND).round().astype(int)
    else:
        first = max(0, min(example.frame - AROUND // 2, last + 1 - AROUND))
        chosen = np.arange(first, min(first + AROUND, last + 1))
    numbers = np.minimum(skeleton.video_frame[chosen], entry.num_frames - 1)
    joints, score = joints_at(skeleton, numbers)
    return Strip(
        clip_id=f"{finding.kind}: {example.clip_id}",
        label=example.detail,
        frame_numbers=numbers.tolist(),
        frames=source_frames(paths, preset, catalog, entry.clip, skeleton, numbers),
        joints=np.where(score[..., None] > 0, joints, np.nan),
        layout=LAYOUTS[catalog.layout],
        nobody=nobody_at(skeleton, numbers),
    )


def _shown_motions(looked: Looked) -> list[Moved]:
    """Motions of clips that are out of step, else of the surest one, so that a reader sees what was compared."""
    by_id = {one.clip_id: one for one in looked.moved}
    findings = (one for one in looked.quality.findings if one.kind == "misaligned")
    off = [by_id[example.clip_id] for finding in findings for example in finding.worst[:WORST]]
    return off or sorted(looked.moved, key=lambda one: (-one.lag.correlation, one.clip_id))[:1]


def _curves(one: Moved) -> bytes:
    """Both motions by frame, as they are and with the skeleton's moved by the lag."""
    figure = Figure(figsize=(8.4, 2.6), layout="constrained")
    axes = figure.subplots()
    frames, skeleton = np.arange(len(one.video)), _scaled(one.skeleton.mean(axis=1))
    axes.plot(frames, _scaled(one.video.mean(axis=1)), color=INK, lw=1.2, label="video, inside the box")
    axes.plot(frames, skeleton, color=WRONG, lw=1.0, label="skeleton")
    if one.lag.frames:
        axes.plot(
            frames - one.lag.frames, skeleton, color=WRONG, lw=1.0, ls=":", label="skeleton, lag undone"
        )
    axes.set_title(f"{one.clip_id}: skeleton {one.lag}", fontsize=9, color=INK, loc="left", parse_math=False)
    axes.set_xlabel("frame", fontsize=8, color=FAINT)
    axes.set_yticks([])
    axes.tick_params(labelsize=8, colors=FAINT)
    axes.legend(fontsize=8, frameon=False, loc="upper right", ncols=3)
    axes.set_ylim(0, 1.5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return png(figure)


def _scaled(motion: Floats) -> NDArray[np.float64]:
    """To its own 98th percentile, the root of it, as it is compared."""
    top = np.nanpercentile(motion, 98) if np.isfinite(motion).any() else 1.0
    return np.asarray(np.sqrt(np.clip(motion / max(float(top), 1e-9), 0, 1.5)))


def _rows(findings: Sequence[Finding]) -> list[tuple[str, str, str]]:
    """Rows of the page's table: kind, how many of how many, what and where."""
    return [
        (one.kind, f"{one.count:,} of {one.of:,}", f"{one.text}{f' – {one.examples}' if one.worst else ''}")
        for one in findings
    ]
