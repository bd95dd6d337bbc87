"""Files and folders that appear whole or not at all, in the project's own folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cache.files import remove, swap_in, write_atomic


def write_whole(path: Path, content: bytes | str) -> None:
    """Write `path` aside and rename it; its folder is made where it lacks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content.encode() if isinstance(content, str) else content)


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """A new folder to fill; on success it takes the place of `path` in one step, on an error nothing changes."""
    aside = path.with_name(f"{path.name}.partial")
    remove(aside)
    aside.mkdir(parents=True)
    try:
        yield aside
        swap_in(aside, path)
    finally:
        remove(aside)
