"""The report as one self-contained HTML page: embedded pictures, one script of ours, no external address."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from pathlib import Path

from pipeline.evaluation.confused import Confusions
from pipeline.evaluation.gates import Gate
from pipeline.evaluation.metrics import Difference, Score
from pipeline.report.html.browser import Browser, browser_section
from pipeline.report.html.images import Picture, figures
from pipeline.report.html.maps import ClipMaps, maps_section
from pipeline.report.html.numbers import MINUS, edges, points
from pipeline.report.html.paper_tables import PaperTable, tables_section
from pipeline.report.html.style import STYLE
from pipeline.report.html.tables import (
    ByClass,
    Confusion,
    class_table,
    confusion_table,
    pairs_table,
    runs_table,
    table,
)
from pipeline.report.pairs import Pairs
from pipeline.report.runs import RunBeside

SHOWN_FAILURES = 200
"""Failures listed one by one; further ones are only counted, and failures.jsonl has all."""

SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
"""The page's one script."""


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
    classes: Sequence[str] = ()
    """Names of the K classes."""
    pairs: Pairs | None = None
    runs: Sequence[RunBeside] = ()
    """Other runs on the clips that both have."""
    by_class: ByClass | None = None
    confusions: Sequence[Confusion] = ()
    maps: ClipMaps | None = None
    browser: Browser | None = None
    calibration: Picture | None = None
    small_samples: Picture | None = None
    gates: Mapping[str, Gate] = field(default_factory=dict)
    """Statistics of the gate of each method that has one."""
    confused: Confusions = field(default_factory=Confusions)
    curves: Picture | None = None
    tables: Sequence[PaperTable] = ()
    strips: Sequence[Picture] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Recipe, sha256 of the weights, versions."""


def render(report: Report) -> str:
    """Render the page as text, to be written as UTF-8."""
    title = escape(f"{report.dataset}, {report.protocol}")
    sections = [text for text in _sections(report) if text]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{_policy()}\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title} – harcache</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"{_header(report)}\n<main>\n" + "\n".join(sections) + "\n</main>\n"
        f"<footer>Written by harcache.</footer>\n{_scripts(report.browser)}</body>\n</html>\n"
    )


def _policy() -> str:
    """Forbid the browser every request, and every script but ours, whatever stands in the page."""
    digest = b64encode(sha256(SCRIPT.encode()).digest()).decode()
    return (
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">"
    )


def _scripts(browser: Browser | None) -> str:
    if browser is None:
        return ""
    return f'<script id="data" type="application/json">{browser.data}</script>\n<script>{SCRIPT}</script>\n'


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
    yield _section("accuracies", "Accuracies", _accuracies(report) + figures(pictures))
    yield _section("differences", "Paired differences", _compared(report))
    yield _section("runs", "Beside other runs", runs_table(report.runs))
    if report.by_class:
        yield _section("classes", "Accuracy by class", class_table(report.by_class, report.classes))
    matrices = "".join(confusion_table(one, report.classes) for one in report.confusions)
    yield _section("confusions", "Confusion matrices", matrices and f'<div class="pair">{matrices}</div>')
    yield _section("confused", "Most confused pairs of classes", _confused(report.confused))
    if report.browser:
        yield _section("browse", "Clips to look through", browser_section(report.browser))
    yield _section("strips", "Clips, looked at", figures(report.strips))
    if report.maps:
        yield _section("features", "Maps of the features", maps_section(report.maps, report.classes))
    yield _section("clips", "Clips accounted for", _clips(report))
    if report.quality:
        yield _section("quality", "Quality of the recordings", _quality(report.quality))
    if report.calibration:
        yield _section("calibration", "Calibration", figures([report.calibration]))
    yield _section("gates", "Gates", _gates(report.gates))
    if report.small_samples:
        yield _section("small-samples", "Small samples", figures([report.small_samples]))
    if report.curves:
        yield _section("curves", "Training curves", figures([report.curves]))
    yield _section("tables", "Tables of the papers", tables_section(report.tables))
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
    caption = "Test accuracy of every method; intervals are over test clips, not over seeds"
    shown = table((*head, *more), rows, caption) if rows else ""
    return shown + (f'<ul class="notes">{notes}</ul>' if notes else "")


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
    return table(head, rows, caption) if rows else ""


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
    return table(("clips", *map(escape, found)), rows, caption) if rows else ""


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
    return table(head, rows, "Differences on the same test clips, by paired bootstrap") if rows else ""


def _compared(report: Report) -> str:
    """The differences that were asked for beforehand; all others behind a click, for they invite picking."""
    pairs = report.pairs if report.pairs and len(report.pairs.methods) > 1 else None
    every = f"<details><summary>All pairs of methods</summary>{pairs_table(pairs)}</details>" if pairs else ""
    return _differences(report.differences) + every


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
    blocks = [table(("part", "clips"), counts, "Clips by part")]
    blocks += [table(("flag", "clips"), flags, "Quality flags; flagged clips are used")] if flags else []
    text = f'<div class="side">{"".join(blocks)}</div>'
    return text + (_failures(report.failures) if report.failures else "<p>No clip failed.</p>")


def _quality(found: QualitySection) -> str:
    rows = [(escape(kind), escape(count), escape(text)) for kind, count, text in found.rows]
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    caption = "Flaws by kind; clips that did not fail are used all the same"
    return (
        table(("flaw", "recordings", "what and where"), rows, caption, text=True)
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
        + figures(found.pictures)
    )


def _failures(failures: Sequence[tuple[str, str, str]]) -> str:
    rows = [(f"<code>{escape(c)}</code>", escape(e), escape(m)) for c, e, m in failures[:SHOWN_FAILURES]]
    more = len(failures) - len(rows)
    rest = f"<p>{more:,} more stand in failures.jsonl.</p>" if more > 0 else ""
    return table(("clip", "error", "reason"), rows, "Clips that failed, and why", text=True) + rest


def _provenance(entries: Mapping[str, str]) -> str:
    rows = [(escape(name), f"<code>{escape(value)}</code>") for name, value in entries.items()]
    return table(("what", "value"), rows, "What these numbers were made of", text=True) if rows else ""
