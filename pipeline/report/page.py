"""The report as one self-contained HTML page: embedded pictures, no script, no external address."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from pipeline.evaluation.confused import Confusions
from pipeline.evaluation.gates import Gate
from pipeline.evaluation.metrics import Difference, Score
from pipeline.report.numbers import MINUS, edges, points
from pipeline.report.page_style import STYLE
from pipeline.shown import ShownByShape

SHOWN_FAILURES = 200
"""Failures listed one by one; further ones are only counted, and failures.jsonl has all."""

WIDE_PIXELS = 850
"""Width in pixels from which pictures are not set side by side."""


@dataclass(frozen=True, slots=True, repr=False)
class Picture(ShownByShape):
    """A PNG image with its alternative text."""

    png: bytes
    alt: str
    """Alternative text: what the image shows, in one sentence."""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class QualitySection:
    """Flaws of the recordings."""

    rows: Sequence[tuple[str, str, str]]
    """Triples (kind of flaw, how many of how many, what was found and where)."""
    notes: Sequence[str]
    """Remarks: what was not looked at."""
    pictures: Sequence[Picture]
    """Pictures of the worst clips."""


@dataclass(frozen=True, slots=True)
class Report:
    """Contents of the page. Texts are plain; the page escapes them."""

    dataset: str
    protocol: str
    scores: Sequence[Score]
    differences: Sequence[Difference]
    clips: Mapping[str, int]
    """Number of clips by part: train, val, test, failed."""
    notes: Sequence[str] = ()
    """Lines under the table: how often each method was trained, and how epochs were selected."""
    flags: Mapping[str, int] = field(default_factory=dict)
    """Number of clips by quality flag."""
    failures: Sequence[tuple[str, str, str]] = ()
    """Triples (clip id, error, message)."""
    quality: QualitySection | None = None
    warnings: Sequence[str] = ()
    """Caveats about the accuracies, shown above them."""
    accuracies: Picture | None = None
    confusions: Sequence[Picture] = ()
    features: Picture | None = None
    calibration: Picture | None = None
    small_samples: Picture | None = None
    gates: Mapping[str, Gate] = field(default_factory=dict)
    """Statistics of the gate of each method that has one."""
    confused: Confusions = field(default_factory=Confusions)
    curves: Picture | None = None
    strips: Sequence[Picture] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Recipe, sha256 of the weights, versions."""


def render(report: Report) -> str:
    """Render the page as text, to be written as UTF-8."""
    title = escape(f"{report.dataset}, {report.protocol}")
    sections = [text for text in _sections(report) if text]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title} – harcache</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"{_header(report)}\n<main>\n" + "\n".join(sections) + "\n</main>\n"
        "<footer>Written by harcache.</footer>\n</body>\n</html>\n"
    )


def _header(report: Report) -> str:
    return (
        f'<header><p class="kicker">harcache report</p><h1>{escape(report.dataset)}</h1>'
        f'<p class="protocol">protocol {escape(report.protocol)}</p>{_tiles(report)}</header>'
    )


def _tiles(report: Report) -> str:
    """The figures that a reader looks for first."""
    shown = [score for score in report.scores if score.method in ("video", "skeleton", "fused")]
    tiles = [(score.method, f"{score.mean:.1f}", "%", _spread(score)) for score in shown]
    tiles += [(name, f"{count:,}", "", "clips") for name, count in report.clips.items()]
    items = "".join(
        f'<li class="{"accuracy" if unit else "count"}"><span class="name">{escape(name)}</span>'
        f'<span class="value">{value}<small>{unit}</small></span><span class="spread">{spread}</span></li>'
        for name, value, unit, spread in tiles
    )
    return f'<ul class="tiles">{items}</ul>'


def _spread(score: Score) -> str:
    return "one seed" if score.std is None else f"± {score.std:.1f} over {len(score.by_seed)} seeds"


def _sections(report: Report) -> Iterable[str]:
    if report.warnings:
        items = "".join(f"<li>{escape(text)}</li>" for text in report.warnings)
        yield _section("warnings", "To know first", f"<ul>{items}</ul>")
    pictures = [picture for picture in (report.accuracies,) if picture]
    yield _section("accuracies", "Accuracies", _accuracies(report) + _figures(pictures))
    yield _section("differences", "Paired differences", _differences(report.differences))
    yield _section("clips", "Clips accounted for", _clips(report))
    if report.quality:
        yield _section("quality", "Quality of the recordings", _quality(report.quality))
    if report.confusions:
        yield _section(
            "confusions", "Confusion matrices", f'<div class="pair">{_figures(report.confusions)}</div>'
        )
    yield _section("confused", "Most confused pairs of classes", _confused(report.confused))
    if report.calibration:
        yield _section("calibration", "Calibration", _figures([report.calibration]))
    yield _section("gates", "Gates", _gates(report.gates))
    if report.small_samples:
        yield _section("small-samples", "Small samples", _figures([report.small_samples]))
    if report.features:
        yield _section("features", "Features by t-SNE", _figures([report.features]))
    if report.curves:
        yield _section("curves", "Training curves", _figures([report.curves]))
    if report.strips:
        yield _section("strips", "Clips, looked at", _figures(report.strips))
    yield _section("provenance", "Provenance", _provenance(report.provenance))


def _section(anchor: str, heading: str, body: str) -> str:
    return f'<section id="{anchor}"><h2>{heading}</h2>\n{body}</section>' if body else ""


def _accuracies(report: Report) -> str:
    with_top5 = any(score.top5 is not None for score in report.scores)
    rows = [
        (
            escape(score.method),
            f"<b>{score.mean:.2f}</b>",
            "–" if score.std is None else f"± {score.std:.2f}",
            _interval(score.interval),
            " ".join(f"{value:.1f}" for value in score.by_seed),
            _or_dash(score.mean_class),
            *([_or_dash(score.top5)] if with_top5 else []),
            _or_dash(score.calibration.error if score.calibration else None),
        )
        for score in report.scores
    ]
    head = ("method", "mean, %", "std over seeds", "95 % interval", "each seed", "mean class, %")
    more = (*(["top-5, %"] if with_top5 else []), "calibration error, points")
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    return _table(
        (*head, *more), rows, "Test accuracy of every method; intervals are over test clips, not over seeds"
    ) + (f'<ul class="notes">{notes}</ul>' if notes else "")


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _confused(found: Confusions) -> str:
    rows = [
        (
            f"{escape(pair.classes[0])} / {escape(pair.classes[1])}",
            f"{pair.before:.1f}",
            f"{pair.after:.1f}",
            f"<b>{points(pair.after - pair.before)}</b>",
        )
        for pair in found.pairs
    ]
    head = ("classes", f"{escape(found.before)}, %", f"{escape(found.after)}, %", "change, points")
    caption = (
        "Clips of two classes that are taken for one another, before fusion and after it, over all seeds"
    )
    return _table(head, rows, caption) if rows else ""


def _gates(found: Mapping[str, Gate]) -> str:
    """A column for each method; a row for all clips, for those right and wrong, and for each class."""
    lines: dict[str, list[float | None]] = {}
    for gate in found.values():
        whole = (("all clips", gate.mean), ("spread over clips", gate.spread))
        for name, value in (*whole, ("right", gate.right), ("wrong", gate.wrong), *gate.by_class):
            lines.setdefault(name, []).append(value)
    rows = [
        (escape(name), *("–" if value is None else f"{value:.2f}" for value in values))
        for name, values in lines.items()
    ]
    caption = "Weight in (0, 1) that a gate gives the decision modality: mean over test clips and channels"
    return _table(("clips", *map(escape, found)), rows, caption) if rows else ""


def _differences(differences: Sequence[Difference]) -> str:
    rows = [
        (
            f"{escape(line.method)} {MINUS} {escape(line.than)}",
            f"<b>{points(line.mean)}</b>",
            _interval(line.interval, signed=True),
            _verdict(line),
        )
        for line in differences
    ]
    head = ("methods", "points", "95 % interval", "reading")
    return _table(head, rows, "Differences on the same test clips, by paired bootstrap") if rows else ""


def _verdict(line: Difference) -> str:
    low, high = line.interval
    if low > 0:
        return '<span class="good">ahead</span>'
    return '<span class="bad">behind</span>' if high < 0 else '<span class="even">not told apart</span>'


def _interval(interval: tuple[float, float], *, signed: bool = False) -> str:
    return " to ".join(edges(interval, signed=signed))


def _clips(report: Report) -> str:
    counts = [(escape(name), f"{count:,}") for name, count in report.clips.items()]
    flags = [(escape(name), f"{count:,}") for name, count in sorted(report.flags.items())]
    blocks = [_table(("part", "clips"), counts, "Clips by part")]
    blocks += [_table(("flag", "clips"), flags, "Quality flags; flagged clips are used")] if flags else []
    text = f'<div class="side">{"".join(blocks)}</div>'
    return text + (_failures(report.failures) if report.failures else "<p>No clip failed.</p>")


def _quality(found: QualitySection) -> str:
    rows = [(escape(kind), escape(count), escape(text)) for kind, count, text in found.rows]
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    caption = "Flaws by kind; clips that did not fail are used all the same"
    return (
        _table(("flaw", "recordings", "what and where"), rows, caption, text=True)
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
        + _figures(found.pictures)
    )


def _failures(failures: Sequence[tuple[str, str, str]]) -> str:
    rows = [(f"<code>{escape(c)}</code>", escape(e), escape(m)) for c, e, m in failures[:SHOWN_FAILURES]]
    more = len(failures) - len(rows)
    rest = f"<p>{more:,} more stand in failures.jsonl.</p>" if more > 0 else ""
    return _table(("clip", "error", "reason"), rows, "Clips that failed, and why", text=True) + rest


def _provenance(entries: Mapping[str, str]) -> str:
    rows = [(escape(name), f"<code>{escape(value)}</code>") for name, value in entries.items()]
    return _table(("what", "value"), rows, "What these numbers were made of", text=True) if rows else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, *, text: bool = False) -> str:
    """Cells come escaped. `text`: columns of text rather than numbers."""
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    look = ' class="words"' if text else ""
    return (
        f'<div class="scroll"><table{look}><caption>{escape(caption)}</caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _figures(pictures: Sequence[Picture]) -> str:
    return "".join(_figure(picture) for picture in pictures)


def _figure(picture: Picture) -> str:
    """A PNG names its width and height in bytes 16 to 24; wide ones get a row of their own."""
    width, height = (int.from_bytes(picture.png[at : at + 4], "big") for at in (16, 20))
    source = f"data:image/png;base64,{b64encode(picture.png).decode()}"
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    look = ' class="wide"' if width > WIDE_PIXELS else ""
    image = f'<img src="{source}" alt="{escape(picture.alt)}" width="{width}" height="{height}">'
    return f"<figure{look}>{image}{caption}</figure>"
