"""Inventory: the stores of a project and the contents of the cache, in one table."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError
from ..home.home import Cache
from ..home.references import Use, read_uses
from ..store.manifest import read_manifest
from ..store.parts import read_parts

_HEAD = ("store", "rows", "shards", "size", "from cache", "made by")
_UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class StoreLine:
    """One store's line of the table."""

    folder: Path
    rows: int | None
    """Number of rows without holes; None where unknown."""
    shards: int
    bytes: int | None
    """Size of all its files, as its manifest lists them; None where only the cache's note is at hand."""
    cached: float | None
    """Share of its rows that the last build did not compute; None where no build is known here."""
    made_by: str
    """User, host and time of the last build: user@host, time."""
    problem: str = ""

    def cells(self) -> tuple[str, ...]:
        """Its line of the table, under _HEAD; of a store that can't be read there is none."""
        return (
            str(self.folder), _UNKNOWN if self.rows is None else f"{self.rows:,}", f"{self.shards:,}",
            _UNKNOWN if self.bytes is None else _size(self.bytes),
            _UNKNOWN if self.cached is None else f"{self.cached:.1%}", self.made_by,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inventory:
    """Contents of `cache ls`."""

    stores: tuple[StoreLine, ...]
    elsewhere: tuple[StoreLine, ...]
    """Stores that other folders, or other hosts, made of the same cache."""
    root: Path
    shards: tuple[int, int]
    """Number of shards and their bytes."""
    blobs: tuple[int, int]
    work: tuple[int, int]
    damaged: tuple[int, int]

    def __str__(self) -> str:
        table = _table([*self.stores, *self.elsewhere])
        here, there = table[: len(table) - len(self.elsewhere)], table[len(table) - len(self.elsewhere) :]
        lines = here if self.stores else ["no store in this project yet: `dvc repro` makes them"]
        lines += [f"{line.folder}: {line.problem}" for line in self.stores if line.problem]
        lines += ["of the same cache, elsewhere:", *there] if there else []
        counts = (
            ("shards", self.shards),
            ("learned blobs", self.blobs),
            ("in work", self.work),
            ("damaged", self.damaged),
        )
        totals = ", ".join(f"{number:,} {what} ({_size(size)})" for what, (number, size) in counts)
        return "\n".join([*lines, f"cache {self.root}: {totals}"])


def inventory(cache: Cache, stores: Iterable[Path]) -> Inventory:
    """List `stores`, further uses of the cache, and what lies in it. Nothing is verified."""
    uses = {use.out: use for use in read_uses(cache)}
    folders = [Path(folder).absolute() for folder in stores]
    lines = tuple(_line(folder, uses.get(folder)) for folder in folders)
    rest = tuple(_gone(use) for out, use in uses.items() if out not in folders and use.shards)
    return Inventory(
        lines, rest, cache.root, _count(cache.root, "shards/*/*"), _count(cache.root, "blobs/*/*"),
        _count(cache.root, "work/*"), _count(cache.root, "damaged/*"),
    )  # fmt: skip


def _line(folder: Path, use: Use | None) -> StoreLine:
    manifest = read_manifest(folder)
    try:
        parts = read_parts(folder)
        rows = sum(row is not None for row in parts.ids())
    except (StoreError, OSError, ValueError) as error:
        return StoreLine(
            folder, None, 0, None, None, "", f"cannot be read ({error}): `cache repair` mends it"
        )
    shards = sum(len(parts.blocks(array)) for array in parts.arrays)
    size = sum(facts.size for facts in manifest.files.values())
    return StoreLine(folder, rows, shards, size, _rate(use), _who(use))


def _gone(use: Use) -> StoreLine:
    """A use of which only the cache's note is at hand."""
    return StoreLine(use.out, use.facts.get("rows"), len(use.shards), None, _rate(use), _who(use))


def _rate(use: Use | None) -> float | None:
    if use is None or "rows" not in use.facts:
        return None
    rows = int(use.facts["rows"])
    return (rows - int(use.facts["made"])) / rows


def _who(use: Use | None) -> str:
    return "not made here" if use is None else f"{use.user}@{use.host} {use.made_at:%Y-%m-%d %H:%M} UTC"


def _count(root: Path, pattern: str) -> tuple[int, int]:
    """Number of entries (a shard's record and documents don't count as ones), and the bytes of their files."""
    found = [path for path in root.glob(pattern) if path.suffix not in (".lock", ".tmp")]
    number = sum(path.suffix not in (".json", ".documents") for path in found)
    files = [f for path in found for f in ([path] if path.is_file() else path.rglob("*")) if f.is_file()]
    return number, sum(path.stat().st_size for path in files)


def _table(lines: list[StoreLine]) -> list[str]:
    """The head and the stores that can be read; numbers stand under each other."""
    rows = [_HEAD, *(line.cells() for line in lines if not line.problem)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([first.ljust(widths[0]), *map(str.rjust, numbers, widths[1:-1]), last])
        for first, *numbers, last in rows
    ]


def _size(num_bytes: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"
