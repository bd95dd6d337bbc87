"""Failed clips and their reasons: a line for each clip and stage in failures.jsonl, and the printed summary."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cache import key_of
from cache.files import write_atomic
from cache.locks import locked
from pipeline.errors import DatasetError

SEAL = "seal"
"""Member of each line: a digest of the others."""
log = logging.getLogger(__name__)

MOST_LETTERS = 1000
"""Letters of one message, at most: a file of a megabyte must not be quoted whole, in every place that tells of it."""

SHOWN = 3
"""Ids that stand for those lost alike."""


def shortened(message: str) -> str:
    """`message`, or its beginning, where it is long."""
    if len(message) <= MOST_LETTERS:
        return message
    return f"{message[:MOST_LETTERS]}… ({len(message):,} letters)"


@dataclass(frozen=True, slots=True)
class Failure:
    """One clip that one stage could not use."""

    clip_id: str
    stage: str
    error: str
    """Name of the error's class."""
    message: str
    counts: bool = True
    """Whether it counts as a failure; not where files are there in part, as a skeleton without its video."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", shortened(self.message))


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of one stage's run, and its exit status."""

    stage: str
    made: int
    cached: int
    failed: int
    seconds: float
    max_failed: float
    """Share of the clips that may fail."""
    note: str = ""
    unit: str = "clips"
    listed_in: str = "failures.jsonl"
    """File that lists each failure with its reason."""
    unexpected: int = 0
    """Clips that failed by an error that nobody foresaw: tracebacks are in the log, the next run tries again."""
    gaps: tuple[str, ...] = ()
    """Why the stages to come cannot use what was made."""

    @property
    def too_many_failed(self) -> bool:
        """Whether more failed than `max_failed` lets pass."""
        lost = self.failed + self.unexpected
        total = self.made + self.cached + lost
        return total > 0 and lost > self.max_failed * total

    @property
    def exit_code(self) -> int:
        """Exit status 0, or 1 past `max_failed`."""
        return int(self.too_many_failed or bool(self.gaps))

    def __str__(self) -> str:
        counts = f"{self.made} {self.unit} made, {self.cached} from cache, {self.failed} failed"
        if self.unexpected:
            counts += f", {self.unexpected} unexpectedly (tracebacks above; the next run tries again)"
        line = f"{self.stage}: {counts} in {self.seconds:.1f} s"
        if self.note:
            line += f"; {self.note}"
        if self.too_many_failed:
            line += f"; more than max_failed = {self.max_failed:.1%} failed: see {self.listed_in}"
        return "\n".join((line, *self.gaps))


def write_failures(path: Path, stage: str, failures: Iterable[Failure]) -> None:
    """Replace `stage`'s lines in `path` and keep the other stages'; sorted, written aside and renamed."""
    with locked(path.with_name(f".{path.name}.lock")):  # stages of one dataset may run beside each other
        sound, damaged = _lines(path)
        if damaged:
            log.warning("%s: %d damaged lines are dropped; %s", path, len(damaged), failures_way_on(path))
        kept = [failure for failure in sound if failure.stage != stage]
        every = {_spelled(asdict(failure)): asdict(failure) for failure in (*kept, *failures)}
        write_atomic(path, b"".join(_sealed(fields) + b"\n" for _, fields in sorted(every.items())))


def read_failures(path: Path) -> list[Failure]:
    """Every line of `path`; none where it is not there. Raises DatasetError where one is not as it was written."""
    sound, damaged = _lines(path)
    if damaged:
        raise DatasetError(f"{path} {damaged[0]}; {failures_way_on(path)}")
    return sound


def failures_way_on(path: Path) -> str:
    """Advise on a damaged list: each stage that makes a store writes its own lines again."""
    stages = ("index", "sample", "crop", "heatmaps", "features")
    commands = ", ".join(f"`python cli.py {stage} {path.parent.name}`" for stage in stages)
    return f"{commands} write it again, each its own lines, and find everything else in the cache"


def failures_damage(path: Path) -> list[str]:
    """Describe what is wrong with each damaged line."""
    return _lines(path)[1]


def _lines(path: Path) -> tuple[list[Failure], list[str]]:
    """The failures that are as they were written, and what is wrong with the other lines."""
    *lines, rest = path.read_bytes().split(b"\n") if path.exists() else [b""]
    read = [(number, _failure(line)) for number, line in enumerate(lines, start=1)]
    damaged = [f"is damaged in line {number}" for number, failure in read if failure is None]
    if rest:
        damaged.append("ends in the middle of a line")
    return [failure for _, failure in read if failure is not None], damaged


def _failure(line: bytes) -> Failure | None:
    """One line's; None where it is not as it was written. Lines of an older harcache have no digest."""
    try:
        fields = json.loads(line)
        seal = fields.pop(SEAL, None)
        spelled = _spelled(fields) if seal is None else _sealed(fields)
        return Failure(**fields) if spelled == line else None
    except (ValueError, TypeError, AttributeError):
        return None


def _sealed(fields: Mapping[str, Any]) -> bytes:
    """A line: plain JSON, with a digest of the rest of it."""
    return _spelled({**fields, SEAL: key_of(dict(fields))})


def _spelled(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True).encode()


@dataclass(frozen=True, slots=True)
class Lost:
    """Number of clips that one stage lost to one kind of error, as stores state it, bounded."""

    stage: str
    error: str
    clips: int
    first: tuple[str, ...]
    """Some of their ids; failures.jsonl has all, with reasons."""

    @property
    def document(self) -> dict[str, Any]:
        """Return it as JSON for a store's attribute."""
        return {**asdict(self), "first": list(self.first)}


def lost_of(failures: Iterable[Failure]) -> tuple[Lost, ...]:
    """`failures`, counted by stage and error."""
    ids: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        if failure.counts:
            ids.setdefault((failure.stage, failure.error), []).append(failure.clip_id)
    return tuple(Lost(*kind, len(of), tuple(sorted(of)[:SHOWN])) for kind, of in sorted(ids.items()))


def read_lost(attribute: Sequence[Mapping[str, Any]]) -> tuple[Lost, ...]:
    """Read the losses from a store's attribute; stores from before 2026-12 name each failure in it."""
    if any("clip_id" in entry for entry in attribute):
        return lost_of(Failure(**entry) for entry in attribute)
    return tuple(Lost(**{**entry, "first": tuple(entry["first"])}) for entry in attribute)
