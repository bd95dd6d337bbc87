"""catalog.parquet: one row a clip, usable or not; what every later stage starts from."""

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cache.collecting import no_collection
from pipeline.errors import DatasetError
from pipeline.files import write_whole
from pipeline.seals import parsed, seals_of, write_seals
from pipeline.values import Clip, Split

if TYPE_CHECKING:
    from pipeline.datasets.protocol import Axis

SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("name", pa.string()),
        ("label", pa.int32()),
        ("label_name", pa.string()),
        ("subject", pa.int32()),
        ("camera", pa.int32()),
        ("setup", pa.int32()),
        ("split", pa.string()),
        ("video", pa.string()),
        ("skeleton", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("video_sha256", pa.string()),
        ("skeleton_sha256", pa.string()),
        ("num_frames", pa.int32()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("fps", pa.float64()),
        ("skeleton_frames", pa.int32()),
        ("flags", pa.list_(pa.string())),
        ("usable", pa.bool_()),
    ]
)


FACTS = ("dataset", "protocol", "layout", "modality", "axis")
"""Facts of the dataset as a whole, kept as the file's metadata; `classes` and `unlisted` too."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One clip as `index` found it; its facts are 0 where it is not usable."""

    clip: Clip
    label_name: str
    split: Split
    video_sha256: str | None
    """None where the dataset has skeletons alone."""
    skeleton_sha256: str | None
    usable: bool
    num_frames: int = 0
    height: int = 0
    width: int = 0
    fps: float = 0.0
    skeleton_frames: int = 0
    flags: tuple[str, ...] = ()

    @property
    def shared_frames(self) -> int:
        """Frames from which both modalities can show something: video and skeleton may differ (SPEC 0.2)."""
        return min(self.num_frames, self.skeleton_frames) if self.skeleton_frames else self.num_frames


@dataclass(frozen=True)
class Catalog:
    """Every entry, sorted by clip id, and what holds for the dataset as a whole."""

    entries: tuple[Entry, ...]
    dataset: str
    protocol: str
    layout: str
    """A key of `pipeline.skeleton.layouts.LAYOUTS`."""
    modality: str
    axis: "Axis"
    """Along which `protocol` splits: subject, camera or setup."""
    classes: tuple[str, ...]
    unlisted: int = 0
    """Recordings that are no entry: `index` could not use them, failures.jsonl says why."""

    def __post_init__(self) -> None:
        ids = [entry.clip.clip_id for entry in self.entries]
        if ids != sorted(set(ids)):
            raise DatasetError("a catalog's clip ids must be sorted and unique")

    @property
    def channels(self) -> int:
        """C of its frames: depth has one."""
        return 1 if self.modality == "depth" else 3

    @property
    def by_id(self) -> dict[str, Entry]:
        """Entries by clip id."""
        return {entry.clip.clip_id: entry for entry in self.entries}

    def usable(self, split: Split | None = None) -> tuple[Entry, ...]:
        """Entries that later stages may use, of one split or of train and test."""
        wanted = ("train", "test") if split is None else (split,)
        return tuple(e for e in self.entries if e.usable and e.split in wanted)

    @property
    def has_videos(self) -> bool:
        """False where the dataset has skeletons alone."""
        return self.modality != "none"

    @property
    def unused(self) -> int:
        """Number of usable clips that the protocol leaves out."""
        return len(self.usable("unused"))

    def labels(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """(len(ids),): their classes."""
        found = self.by_id
        return np.array([found[clip_id].clip.label for clip_id in ids], np.int64)

    @property
    def attrs(self) -> dict[str, Any]:
        """Return the labels and splits as attributes for every store of these clips."""
        return {"protocol": self.protocol, "classes": list(self.classes)}

    def coords(self, ids: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Coordinates of a store's rows: label, split (0 train, 1 test), frames of the video, sha256 of the sources.

        A sha256 is (32,) uint8: zeros where a clip has no such file. `name`, where some clip's id was derived from
        one, is the dataset's own name, percent-encoded.
        """
        found = self.by_id
        rows = [found[clip_id] for clip_id in ids]
        names = np.array([quote(e.clip.own_name, safe=" ") for e in rows], "S")
        return {
            **({"name": names} if any(e.clip.name for e in rows) else {}),
            "label": np.array([e.clip.label for e in rows], np.int32),
            "split": np.array([int(e.split == "test") for e in rows], np.int8),
            "num_frames": np.array([e.num_frames for e in rows], np.int32),
            "video_sha256": _digests([e.video_sha256 for e in rows]),
            "skeleton_sha256": _digests([e.skeleton_sha256 for e in rows]),
        }


def _digests(digests: Sequence[str | None]) -> NDArray[np.uint8]:
    """(N, 32) of N sha256 in hexadecimal."""
    joined = b"".join(bytes.fromhex(digest or "00" * 32) for digest in digests)
    return np.frombuffer(joined, np.uint8).reshape(len(digests), 32)


def write_catalog(path: Path, catalog: Catalog) -> None:
    """Write it aside, rename it, and seal it; same entries, same bytes."""
    table = pa.Table.from_pylist([_row(entry) for entry in catalog.entries], schema=SCHEMA)
    facts = {name: getattr(catalog, name) for name in FACTS}
    facts["classes"] = json.dumps(catalog.classes)
    facts["unlisted"] = str(catalog.unlisted)
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(facts), sink, compression="zstd")
    write_whole(path, sink.getvalue())
    write_seals(path.with_name(seals_of("index")), [path])


def read_catalog(path: Path) -> Catalog:
    """Read it back; raises DatasetError where it is not one of ours, or not what was written."""
    return parsed(path, lambda data: _catalog(pq.ParquetFile(io.BytesIO(data)).read(), path))


def _catalog(table: pa.Table, path: Path) -> Catalog:
    facts = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if "unlisted" not in facts or table.column_names != SCHEMA.names:
        raise DatasetError(f"{path} is not a catalog that `index` of this version wrote: run `index` again")
    return Catalog(
        entries=_entries(table),
        classes=tuple(json.loads(facts["classes"])),
        unlisted=int(facts["unlisted"]),
        **{name: facts[name] for name in FACTS},
    )


@no_collection()
def _entries(table: pa.Table) -> tuple[Entry, ...]:
    """One entry a row, made column by column: a dict a row takes twice as long."""
    columns: dict[str, Iterable[Any]] = {name: table[name].to_pylist() for name in table.column_names}
    columns["clip"] = map(Clip, *(columns[name] for name in Clip.__dataclass_fields__))
    columns["flags"] = map(tuple, columns["flags"])
    return tuple(map(Entry, *(columns[name] for name in Entry.__dataclass_fields__)))


def _row(entry: Entry) -> dict[str, Any]:
    clip = {name: getattr(entry.clip, name) for name in Clip.__dataclass_fields__}
    own = {name: getattr(entry, name) for name in Entry.__dataclass_fields__ if name not in ("clip", "flags")}
    return {**clip, **own, "flags": list(entry.flags)}
