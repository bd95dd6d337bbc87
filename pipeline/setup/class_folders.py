"""Recordings in a folder a class, as a table: what `init` writes where there is none."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DatasetError
from pipeline.video.video_files import SUFFIXES

SPLITS = ("train", "test")
"""Folders above the classes that say who trains."""

TESTED = 4
"""One clip in so many of a class is tested, where no folder says who is."""

SKELETONS = (".npz", ".json")
"""Endings of a skeleton's file beside its video."""

COLUMNS = ("clip_id", "video", "skeleton", "label", "split")


@dataclass(frozen=True, slots=True)
class FolderTable:
    """Rows for `table.csv`."""

    rows: tuple[dict[str, str], ...]
    """A row a clip, with COLUMNS; "" where there is none. A clip added later renames no other."""
    drawn: bool
    """Whether the split was made here, since no folder is called train or test."""
    empty: tuple[str, ...] = ()
    """Folders that hold no recording, and name no class."""

    @property
    def text(self) -> str:
        """The rows as CSV; columns that are empty throughout are left out."""
        columns = [name for name in COLUMNS if any(row[name] for row in self.rows)]
        sink = io.StringIO()
        writer = csv.DictWriter(sink, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return sink.getvalue()


def table_of_folders(root: Path) -> FolderTable:
    """List `CLASS/FILE` or `train/CLASS/FILE` and `test/CLASS/FILE` below `root`.

    Files are videos, or `.npz` skeletons without any video; a skeleton of a video's name beside it is taken along.
    Raises DatasetError where nothing lies in such folders.
    """
    every = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    files = [path for path in every if path.suffix.lower() in SUFFIXES] or [
        path for path in every if path.suffix == ".npz"
    ]
    if not files:
        raise DatasetError(
            f"{root} holds no video and no .npz skeleton: put the recordings there, in a folder a class, or link the "
            "folder that has them"
        )
    there = set(every)
    rows = [_row(path, there, root) for path in files]
    names = _names(files)
    rows = [{"clip_id": names[path], **row} for path, row in zip(files, rows, strict=True)]
    drawn = not any(row["split"] for row in rows)
    return FolderTable(tuple(_drawn(rows) if drawn else rows), drawn, _empty(root, files))


def _names(files: Sequence[Path]) -> dict[Path, str]:
    """The path without its ending; with it, where two files differ in that alone."""
    uses = Counter(path.with_suffix("") for path in files)
    return {
        path: (path.with_suffix("") if uses[path.with_suffix("")] == 1 else path).as_posix() for path in files
    }


def _empty(root: Path, files: Sequence[Path]) -> tuple[str, ...]:
    """Folders where a class's would be, `CLASS` or `train/CLASS`, below which none of `files` lies."""
    used = {folder for file in files for folder in file.parents}
    places = (place for pattern in ("*", *(f"{split}/*" for split in SPLITS)) for place in root.glob(pattern))
    folders = {place.relative_to(root) for place in places if place.is_dir() and place.name not in SPLITS}
    return tuple(sorted(folder.as_posix() for folder in folders - used))


def _row(path: Path, there: set[Path], root: Path) -> dict[str, str]:
    folders = path.parts[:-1]
    split = folders[0] if folders and folders[0] in SPLITS else ""
    if len(folders) != 1 + bool(split):
        raise DatasetError(
            f"{root / path} is not in a folder that names its class: expected CLASS/FILE, or train/CLASS/FILE and "
            f"test/CLASS/FILE, below {root}. Move the files so, or write {root / 'table.csv'} yourself, with columns "
            "video, label, split"
        )
    beside = (path.with_suffix(ending) for ending in SKELETONS)
    skeleton = next((str(other.as_posix()) for other in beside if other in there), "")
    video = "" if path.suffix == ".npz" else path.as_posix()
    return {"video": video, "skeleton": skeleton, "label": folders[-1], "split": split}


def _drawn(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The last quarter of each class's clips, by name, is tested; at least one where there are two."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        places[row["label"]].append(place)
    sizes = Counter(row["label"] for row in rows)
    tested = {
        place
        for label, mine in places.items()
        if sizes[label] > 1
        for place in mine[-max(1, sizes[label] // TESTED) :]
    }
    return [row | {"split": "test" if place in tested else "train"} for place, row in enumerate(rows)]
