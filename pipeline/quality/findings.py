"""Flaws of a dataset, kind by kind, with the clips that show them worst."""

from collections.abc import Sequence
from dataclasses import dataclass

SHOWN = 3
"""Clips that a line names."""


@dataclass(frozen=True, slots=True)
class Example:
    """One clip, and what is wrong with it."""

    clip_id: str
    detail: str
    frame: int | None = None
    """Frame of the skeleton that shows it best; None where no single one does."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of flaw."""

    kind: str
    """Name of the kind, as `missing`, `empty` or `swapped bodies`."""
    count: int
    of: int
    """Recordings that were looked at."""
    text: str
    """Description of the finding, as a clause."""
    worst: Sequence[Example] = ()
    """Clips that show it, the worst first."""

    @property
    def examples(self) -> str:
        """Return the first of the worst clips as a clause."""
        named = [f"{one.clip_id}: {one.detail}" for one in self.worst[:SHOWN]]
        more = len(self.worst) - len(named)
        return "; ".join(named) + (f"; {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Quality:
    """Every kind of flaw that a dataset was asked for."""

    title: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    """Remarks: what was not asked, and how much was looked at."""

    def of(self, kind: str) -> Finding:
        """Return the finding of that kind."""
        return next(finding for finding in self.findings if finding.kind == kind)

    def __str__(self) -> str:
        lines = [self.title]
        for finding in self.findings:
            lines.append(
                f"  {finding.kind:<15} {finding.count:>6,} of {finding.of:,}  {finding.text}".rstrip()
            )
            lines += [f"{'':<18}{finding.examples}"] if finding.worst else []
        return "\n".join((*lines, *(f"  {note}" for note in self.notes)))
