"""What failed and why: one line a clip and stage in failures.jsonl, and the summary that a command prints."""

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from cache import key_of
from cache.files import write_atomic
from cache.locks import locked
from pipeline.errors import DatasetError

SEAL = "seal"
"""Member of each line: a digest of the others."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """One clip that one stage could not use."""

    clip_id: str
    stage: str
    error: str
    """Name of the error's class."""
    message: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a stage did, and the exit status that it earns."""

    stage: str
    made: int
    cached: int
    failed: int
    seconds: float
    max_failed: float
    """Share of the clips that may fail."""
    note: str = ""
    unit: str = "clips"
    told_in: str = "failures.jsonl"
    """Where each failure stands with its reason."""

    @property
    def exit_code(self) -> int:
        """0, or 1 past `max_failed`."""
        total = self.made + self.cached + self.failed
        return int(total > 0 and self.failed > self.max_failed * total)

    def __str__(self) -> str:
        counts = f"{self.made} {self.unit} made, {self.cached} from cache, {self.failed} failed"
        line = f"{self.stage}: {counts} in {self.seconds:.1f} s"
        if self.note:
            line += f"; {self.note}"
        if self.exit_code:
            line += f"; more than max_failed = {self.max_failed:.1%} failed: see {self.told_in}"
        return line


def write_failures(path: Path, stage: str, failures: Iterable[Failure]) -> None:
    """Replace `stage`'s lines in `path` and keep the other stages'; sorted, written aside and renamed."""
    with locked(path.with_name(f".{path.name}.lock")):  # stages of one dataset may run beside each other
        sound, damaged = _lines(path)
        if damaged:
            log.warning(
                "%s: %d damaged lines of other stages are dropped: `python cli.py cache repair` makes them anew from "
                "the stores", path, len(damaged),
            )  # fmt: skip
        kept = [failure for failure in sound if failure.stage != stage]
        write_atomic(path, b"".join(sorted({_sealed(failure) for failure in (*kept, *failures)})))


def read_failures(path: Path) -> list[Failure]:
    """Every line of `path`; none where it is not there. Raises DatasetError where one is not as it was written."""
    sound, damaged = _lines(path)
    if damaged:
        raise DatasetError(f"{path} {damaged[0]}: `python cli.py cache repair` makes it anew from the stores")
    return sound


def failures_damage(path: Path) -> list[str]:
    """What is wrong with each damaged line."""
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
        told = fields.pop(SEAL, None)
        failure = Failure(**fields)
        older = json.dumps(asdict(failure), sort_keys=True).encode() == line
        return failure if _sealed(failure) == line + b"\n" or (told is None and older) else None
    except (ValueError, TypeError, AttributeError):
        return None


def _sealed(failure: Failure) -> bytes:
    """Its line: plain JSON, with a digest of the rest of it."""
    fields = asdict(failure)
    return json.dumps({**fields, SEAL: key_of(fields)}, sort_keys=True).encode() + b"\n"
