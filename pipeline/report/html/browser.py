"""Clips to look through: the filters as HTML, and what the page's script reads, as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from pipeline.shown import ShownByShape

VERDICTS = {
    "": "right or wrong",
    "right": "right by every seed",
    "wrong": "wrong by some seed",
    "saved": "right, where another method errs",
    "lost": "wrong, where another method is right",
}
"""Questions that the filters put to the chosen method's answers, in words."""


@dataclass(frozen=True, slots=True)
class ClipLine:
    """One clip of the list."""

    clip_id: str
    label: int
    """Index of its class; -1 where the class is not known."""
    part: str
    """train, test, unused or failed."""
    flags: Sequence[str] = ()
    reason: str = ""
    """Why it failed, where it did."""


@dataclass(frozen=True, slots=True)
class Answers:
    """One method's answers for the first T clips of the list."""

    by_seed: Sequence[Sequence[int]]
    """A row a seed, in rising order: the predicted class of each of T clips."""
    sure: Sequence[int]
    """(T,) probability in per cent of the predicted class, by the lowest seed."""
    truth: Sequence[int]
    """(T,) probability in per cent of the true class, by the lowest seed."""


@dataclass(frozen=True, slots=True, repr=False)
class Browser(ShownByShape):
    """Facts that the filters ask for; the first T of `clips` are test clips with answers."""

    classes: Sequence[str]
    clips: Sequence[ClipLine]
    answers: Mapping[str, Answers]
    """Answers by method."""
    main: str
    """The method that the filters start with."""
    near: Mapping[str, Sequence[Sequence[tuple[int, int]]]] = field(default_factory=dict)
    """By modality: for each of T clips its nearest clips, as place in `clips` and cosine similarity in per cent."""
    left_out: int = 0
    """Number of clips that the list leaves out, since it would be too long."""

    @property
    def data(self) -> str:
        """Return the JSON that the script reads, safe inside a script element."""
        flags = sorted({flag for clip in self.clips for flag in clip.flags})
        number = {flag: place for place, flag in enumerate(flags)}
        document: dict[str, Any] = {
            "classes": list(self.classes),
            "flags": flags,
            "main": self.main,
            "clips": [
                [clip.clip_id, clip.label, clip.part, [number[flag] for flag in clip.flags], clip.reason]
                for clip in self.clips
            ],
            "answers": {
                method: {"bySeed": one.by_seed, "sure": one.sure, "truth": one.truth}
                for method, one in self.answers.items()
            },
            "near": self.near,
        }
        return json.dumps(document, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def browser_section(found: Browser) -> str:
    """Return the filters, an empty list that the script fills, and the dialog that shows one clip."""
    classes = [(str(number), name) for number, name in enumerate(found.classes)]
    parts = sorted({clip.part for clip in found.clips})
    flags = sorted({flag for clip in found.clips for flag in clip.flags})
    filters = (
        '<label>clip<input name="text" type="search" placeholder="part of its id" autocomplete="off"></label>'
        + _choice("label", "class", "every class", classes)
        + _choice("part", "split", "every split", [(part, part) for part in parts])
        + _choice("flag", "flag", "any or none", [(flag, flag) for flag in flags])
        + _choice("method", "method", "", [(method, method) for method in found.answers], found.main)
        + _choice("said", "predicted as", "any class", classes)
        + _choice("verdict", "verdict", "", list(VERDICTS.items()))
    )
    more = f"<p>{found.left_out:,} further clips are not listed here.</p>" if found.left_out else ""
    return (
        '<noscript><p class="notes">Filters need JavaScript, which is off; all else on this page does without.</p>'
        f'</noscript><form id="filters" hidden>{filters}<button type="reset">Show all</button></form>'
        f'<p id="found" role="status"></p>{more}<div class="scroll"><table id="list" class="words" hidden>'
        "<caption>Clips that fit; a clip opens on its frames, scores and neighbours</caption><thead><tr>"
        + "".join(f'<th scope="col">{name}</th>' for name in ("clip", "class", "split", "answer", "flags"))
        + '</tr></thead><tbody></tbody></table></div><button id="more" type="button" hidden>Show more</button>'
        '<dialog id="clip" aria-labelledby="clip-name"><div class="bar-of-buttons">'
        '<button type="button" value="-1" aria-label="Previous clip">←</button>'
        '<button type="button" value="1" aria-label="Next clip">→</button><h3 id="clip-name"></h3>'
        '<button type="button" value="0" aria-label="Close">✕</button></div><div id="clip-body"></div></dialog>'
    )


def _choice(name: str, label: str, every: str, options: Sequence[tuple[str, str]], chosen: str = "") -> str:
    first = f'<option value="">{every}</option>' if every else ""
    rest = "".join(
        f'<option value="{escape(value)}"{" selected" if chosen and value == chosen else ""}>{escape(text)}</option>'
        for value, text in options
    )
    return f'<label>{label}<select name="{name}">{first}{rest}</select></label>'
