"""Files and folders that appear whole or not at all, in the project's own folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cache.files import swap_in, write_atomic
from cache.locks import aside, locked
from pipeline.seals import SEALS, write_seals


def write_whole(path: Path, content: bytes | str) -> None:
    """Write `path` aside and rename it, one process at a time; its folder is made where it lacks."""
    with locked(path.with_name(f".{path.name}.lock")):
        write_atomic(path, content.encode() if isinstance(content, str) else content)


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """A new folder to fill; on success it takes the place of `path` in one step, on an error nothing changes.

    It is sealed: its own list says what was written. Of two processes that replace the same folder one waits for the
    other.
    """
    with aside(path, "partial") as place:
        place.mkdir()
        yield place
        write_seals(place / SEALS, [file for file in place.iterdir() if file.is_file()])
        swap_in(place, path)
