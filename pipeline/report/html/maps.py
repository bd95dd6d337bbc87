"""Maps of clips by their features as vector graphics: t-SNE beside principal components, a mark a clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from pipeline.report.feature_space import Mapped, Vectors
from pipeline.report.figures import COLOURS
from pipeline.shown import ShownByShape

SIDE, MARGIN = 300, 8
"""Width and height of one map, and its empty border, in the picture's own units."""

SHAPES = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0",
    "M-3.6-3.6h7.2v7.2h-7.2z",
    "M0-5l4.6 8.4h-9.2z",
    "M0-5l4.4 5l-4.4 5l-4.4-5z",
    "M0 5l4.6-8.4h-9.2z",
    "M-4.8-1.7h3.1v-3.1h3.4v3.1h3.1v3.4h-3.1v3.1h-3.4v-3.1h-3.1z",
    "M0-5.4l1.5 3.4h3.7l-2.9 2.4l1 3.9l-3.3-2.1l-3.3 2.1l1-3.9l-2.9-2.4h3.7z",
    "M-4.4-2.6l1.8-1.8l2.6 2.6l2.6-2.6l1.8 1.8l-2.6 2.6l2.6 2.6l-1.8 1.8l-2.6-2.6l-2.6 2.6l-1.8-1.8l2.6-2.6z",
)
"""Outlines of marks: colours go round first, then shapes."""


@dataclass(frozen=True, slots=True, repr=False)
class ClipMaps(ShownByShape):
    """Some test clips by the features of several networks."""

    clips: Sequence[int]
    """N places in the page's list of clips."""
    labels: NDArray[np.int64]
    """(N,) their classes."""
    panels: Sequence[tuple[str, Mapped]]
    """Title and places of each map."""


def maps_section(found: ClipMaps, classes: Sequence[str]) -> str:
    """Return the legend, whose entries choose classes, and two maps for each network; why, where there is none."""
    if all(one.tsne is None for _, one in found.panels):
        return "".join(_panel(found, title, one, len(classes)) for title, one in found.panels)
    shown = sorted({int(label) for label in found.labels})
    legend = "".join(
        f'<li><button type="button" aria-pressed="false" data-class="{k}"><svg viewBox="-6 -6 12 12" '
        f'aria-hidden="true">{_mark(k, len(classes))}</svg>{escape(classes[k])}</button></li>'
        for k in shown
    )
    panels = "".join(_panel(found, title, one, len(classes)) for title, one in found.panels)
    shapes = "".join(f'<path id="shape{n}" d="{path}"/>' for n, path in enumerate(SHAPES))
    return (
        f'<svg width="0" height="0" aria-hidden="true"><defs>{shapes}</defs></svg>'
        '<p class="notes">Left t-SNE (who lies together; distances mean little), right the first two principal '
        "components (distances as far as two axes hold them). A class in the legend sets the others back; a mark opens "
        'its clip.</p><p id="hovered" class="notes" aria-hidden="true">&nbsp;</p>'
        f'<div id="maps">{panels}</div><ul class="legend" aria-label="Classes to bring forward">{legend}</ul>'
    )


def _panel(found: ClipMaps, title: str, one: Mapped, classes: int) -> str:
    if one.tsne is None or one.pca is None:
        return f"<figure><figcaption>{escape(title)}: {escape(one.lacking)}</figcaption></figure>"
    left = _map(found, one.tsne, classes, f"{title}: t-SNE")
    right = _map(found, one.pca, classes, f"{title}: principal components")
    caption = f"{escape(title)}; the two components hold {100 * one.held:.0f} % of the variance"
    return f'<figure class="maps">{left}{right}<figcaption>{caption}</figcaption></figure>'


def _map(found: ClipMaps, points: Vectors, classes: int, alt: str) -> str:
    low, high = points.min(axis=0), points.max(axis=0)
    unit = (points - low) / np.maximum(high - low, np.float32(1e-12))
    places = MARGIN + unit * (SIDE - 2 * MARGIN)
    marks = "".join(
        _mark(int(label), classes, f' x="{x:.0f}" y="{SIDE - y:.0f}" data-clip="{clip}" class="k{label}"')
        for clip, label, (x, y) in zip(found.clips, found.labels, places, strict=True)
    )
    return f'<svg viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{escape(alt)}">{marks}</svg>'


def _mark(label: int, classes: int, more: str = "") -> str:
    """More than 64 classes share a wheel of hues."""
    if classes <= len(COLOURS) * len(SHAPES):
        colour, shape = COLOURS[label % len(COLOURS)], label // len(COLOURS)
    else:
        colour, shape = f"hsl({360 * label // classes} 70% 48%)", 0
    return f'<use href="#shape{shape}" fill="{colour}"{more}/>'
