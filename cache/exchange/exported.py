"""The result of an export, whatever the file's form."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Exported:
    """The file that was written."""

    path: Path
    rows: int
    arrays: tuple[str, ...]
    bytes: int
    digest: str
    """The store's own, from its manifest: who imports the file can ask for it."""

    def __str__(self) -> str:
        arrays = ", ".join(self.arrays)
        return f"{self.path}: {self.rows} rows of {arrays}, {self.bytes:,} bytes; digest {self.digest}"
