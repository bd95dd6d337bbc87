"""Sealed lists: what a stage published, with size and digest, so that a flipped byte is refused where it is read.

A folder that is published whole (backbones, heads, pictures) has its list inside, `seals.json`; files that stand alone
(catalog.parquet; metrics.json and its like) have one beside them, `<stage>.seals.json`. A list's last member digests
the list itself. The files stay what they are: pandas, `dvc metrics diff` and spreadsheets read them as ever.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from cache.files import write_atomic
from cache.keys import FORMAT, digest_of, seal_holds, sealed
from pipeline.errors import DatasetError, PipelineError

SEALS = "seals.json"
STAGE_OF_FOLDER = {"backbones": "pretrain", "heads": "train", "pictures": "report"}
"""Folders that are published whole, each with the stage that makes it."""
STAGE_OF_FILE = {
    "catalog.parquet": "index",
    "predictions.parquet": "train",
    "metrics.json": "train",
    "curves.csv": "train",
    "confusion.csv": "train",
    "index.html": "report",
}
"""Files that stand alone, each with the stage that makes it."""

Parsed = TypeVar("Parsed")
Facts = tuple[int, str]
"""A file's size in bytes and its blake2b-160."""
log = logging.getLogger(__name__)


def seals_of(stage: str) -> str:
    """Name of the list of those files of a stage that stand alone."""
    return f"{stage}.{SEALS}"


def write_seals(path: Path, files: Iterable[Path]) -> None:
    """Write the list `path` of files at its side, or below. The caller is the only one who writes them."""
    facts: dict[str, Any] = {}
    for file in sorted(files):
        data = file.read_bytes()
        facts[file.relative_to(path.parent).as_posix()] = {"size": len(data), "blake2b160": digest_of(data)}
    write_atomic(path, sealed({"format": FORMAT, "files": facts}))


def read_seals(path: Path) -> dict[str, Facts]:
    """Read a list of files' digests. Raises DatasetError where one byte of the list is not as it was written."""
    data = path.read_bytes()
    if not seal_holds(data):
        raise DatasetError(f"{path} is damaged: it fails its own seal; {way_on(path)}")
    files: Mapping[str, Any] = json.loads(data)["files"]
    return {name: (int(facts["size"]), str(facts["blake2b160"])) for name, facts in files.items()}


def list_of(path: Path) -> Path | None:
    """The list that answers for a file; None where there is none, as beside what an older harcache wrote."""
    stage, _ = maker_of(path)
    found = path.with_name(SEALS if path.parent.name in STAGE_OF_FOLDER else seals_of(stage))
    return found if found.exists() else None


def proven_bytes(path: Path) -> bytes:
    """The bytes of a file that a stage published. Raises DatasetError where they are not those that it wrote.

    A file that no list answers for is read as it is, and that is said, once.
    """
    data, seals = path.read_bytes(), list_of(path)
    if seals is None:
        _warn_unproven(path)
    elif read_seals(seals).get(path.name) != (len(data), digest_of(data)):
        raise DatasetError(
            f"{path} is not what {seals.name} beside it says was written: it is damaged, or was changed by hand; "
            f"{way_on(path)}"
        )
    return data


def parsed(path: Path, parse: Callable[[bytes], Parsed]) -> Parsed:
    """Parse a file's proven bytes with `parse`; raises DatasetError, with advice, where that fails.

    So that a file which no list answers for is no worse: what is garbled is said, not traced back.
    """
    data = proven_bytes(path)
    try:
        return parse(data)
    except PipelineError:
        raise
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        OSError,
    ) as error:
        raise DatasetError(
            f"{path} cannot be read ({error!r:.200}): it is damaged; {way_on(path)}"
        ) from error


def way_on(path: Path) -> str:
    """Advise what to do about a damaged file."""
    repair = "`python cli.py cache repair` takes a good copy where DVC has one"
    stage, dataset = maker_of(path)
    if not stage:
        return f"{repair}; else fetch it again from where it came"
    return f"{repair}; else `python cli.py {stage} {dataset}` makes it again: what the cache has is not computed anew"


def maker_of(path: Path) -> tuple[str, str]:
    """The stage that publishes a file or a list, and the dataset; "" where the place does not tell."""
    if path.parent.name in STAGE_OF_FOLDER:
        return STAGE_OF_FOLDER[path.parent.name], path.parent.parent.name
    known = STAGE_OF_FILE.get(path.name, "")
    return known or path.name.removesuffix(f".{SEALS}") * path.name.endswith(f".{SEALS}"), path.parent.name


@cache
def _warn_unproven(path: Path) -> None:
    stage, dataset = maker_of(path)
    again = f"; `python cli.py {stage} {dataset}` gives it one, from the cache" if stage else ""
    log.warning(
        "%s is of an older harcache: no list says what was written, so it is read unproven%s", path, again
    )
