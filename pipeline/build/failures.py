"""What failed and why: one line a clip and stage in failures.jsonl, and the summary that a command prints."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.files import write_whole


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
    gaps: tuple[str, ...] = ()
    """Why the stages to come cannot use what was made."""

    @property
    def too_many_failed(self) -> bool:
        """Whether more failed than `max_failed` lets pass."""
        total = self.made + self.cached + self.failed
        return total > 0 and self.failed > self.max_failed * total

    @property
    def exit_code(self) -> int:
        """0, or 1 past `max_failed` and where there are gaps: all is written, and `dvc repro` goes no further."""
        return int(self.too_many_failed or bool(self.gaps))

    def __str__(self) -> str:
        counts = f"{self.made} {self.unit} made, {self.cached} from cache, {self.failed} failed"
        line = f"{self.stage}: {counts} in {self.seconds:.1f} s"
        if self.note:
            line += f"; {self.note}"
        if self.too_many_failed:
            line += f"; more than max_failed = {self.max_failed:.1%} failed: see {self.told_in}"
        return "\n".join((line, *self.gaps))


def write_failures(path: Path, stage: str, failures: Iterable[Failure]) -> None:
    """Replace `stage`'s lines in `path` and keep the other stages'; sorted, written aside and renamed."""
    kept = [failure for failure in read_failures(path) if failure.stage != stage]
    lines = sorted({json.dumps(asdict(failure), sort_keys=True) for failure in (*kept, *failures)})
    write_whole(path, "".join(line + "\n" for line in lines))


def read_failures(path: Path) -> list[Failure]:
    """Every line of `path`; none where it is not there."""
    if not path.exists():
        return []
    return [Failure(**json.loads(line)) for line in path.read_text().splitlines() if line]
