"""A project's files that are no stores: held against the lists that their stages sealed, and repaired from copies."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cache.keys import digest_of, seal_holds
from cache.upkeep.faults import Fault, Hashes, Verified
from pipeline.build.dvc_cache import dvc_file, mend_dvc_copy
from pipeline.build.failures import failures_damage, failures_way_on
from pipeline.errors import DatasetError
from pipeline.files import write_whole
from pipeline.paths import Paths
from pipeline.seals import SEALS, STAGE_OF_FILE, STAGE_OF_FOLDER, list_of, read_seals, seals_of, way_on

FAILURES = "failures.jsonl"


@dataclass
class RepairedFiles:
    """Result of a repair of a project's files, and the damage that remains."""

    project: Path
    restored: list[str] = field(default_factory=list)
    """Files that took DVC's copy of them."""
    mended: list[str] = field(default_factory=list)
    """Files whose damaged copy in DVC's cache was replaced by the whole one in the project."""
    left: list[str] = field(default_factory=list)
    """Remaining damage, with the command that writes the file again."""

    @property
    def exit_code(self) -> int:
        """Exit status 0, or 1 where damage remains."""
        return int(bool(self.left))

    def __str__(self) -> str:
        counts = f"{len(self.restored)} files restored, {len(self.mended)} mended in DVC's cache"
        lines = [f"{self.project}: {counts}", *(f"  restored: {place}" for place in self.restored)]
        lines += [f"  mended in DVC's cache: {place}" for place in self.mended]
        lines += [f"  still damaged: {what}" for what in self.left]
        if self.left:
            lines.append(
                "  then `python cli.py cache repair` once more: it mends DVC's copies, which links share"
            )
        return "\n".join(lines)


def verify_files(project: Path, hashes: Hashes) -> list[Verified]:
    """Every catalog, failures.jsonl, folder of weights and report of a project, byte for byte."""
    found = []
    for folder in _folders(project):
        files, size = hashes.files, hashes.bytes
        faults, notes = _checked(folder, hashes)
        if hashes.files > files or faults or notes:
            found.append(Verified(folder, hashes.files - files, hashes.bytes - size, faults, notes))
    return found


def repair_files(project: Path) -> RepairedFiles:
    """Give damaged files DVC's copy where that is whole, lists first; of the others say what makes them again."""
    done = RepairedFiles(project)
    for _ in ("lists", "what they answer for"):
        for folder in _folders(project):
            for fault in _checked(folder, Hashes())[0]:
                _repair(project, folder / fault.place, done)
    done.left = [
        f"{folder / fault.place}: {fault.what}; {_way_on(folder / fault.place)}"
        for folder in _folders(project)
        for fault in _checked(folder, Hashes())[0]
    ]
    for folder in _folders(project):
        for path in _files(folder):
            if mend_dvc_copy(project, *_out_of(path), path):
                done.mended.append(str(path))
    return done


def reported(paths: Paths) -> list[Path]:
    """Return what `train` and `report` wrote of a dataset: each out that is there."""
    names = [*STAGE_OF_FILE, *STAGE_OF_FOLDER, *(seals_of(stage) for stage in ("train", "report"))]
    return [paths.reports / name for name in names if (paths.reports / name).exists()]


def _folders(project: Path) -> list[Path]:
    """Those that hold what is no store."""
    every = [path for kind in ("data", "reports") for path in project.glob(f"{kind}/*") if path.name != "raw"]
    every += [
        f for kind in ("weights", "reports") for f in project.glob(f"{kind}/*/*") if f.name in STAGE_OF_FOLDER
    ]
    return sorted(path for path in every if path.is_dir())


def _files(folder: Path) -> list[Path]:
    """What is ours in such a folder: all of one that is published whole, else the files that we know."""
    known = {FAILURES, *STAGE_OF_FILE}
    whole = folder.name in STAGE_OF_FOLDER
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".lock"]
    return [path for path in files if whole or path.name in known or path.name.endswith(f".{SEALS}")]


def _checked(folder: Path, hashes: Hashes) -> tuple[tuple[Fault, ...], tuple[Fault, ...]]:
    """Faults and notes of one folder."""
    faults, notes = [], []
    for path in _files(folder):
        what = _damage(path, hashes)
        if what is not None:
            faults.append(Fault(path.name, what))
        elif (
            path.name not in (SEALS, FAILURES)
            and not path.name.endswith(f".{SEALS}")
            and list_of(path) is None
        ):
            notes.append(
                Fault(path.name, "of an older harcache: no list says what was written, so it is unproven")
            )
    return (*faults, *_missing(folder)), tuple(notes)


def _damage(path: Path, hashes: Hashes) -> str | None:
    """What is wrong with a file; None where nothing is, or where nothing can tell."""
    try:
        facts = hashes.of(path)
    except OSError as error:
        return f"unreadable ({error.strerror})"
    if path.name == FAILURES:
        return "; ".join(failures_damage(path)) or None
    try:
        if path.name == SEALS or path.name.endswith(f".{SEALS}"):
            read_seals(path)
            return None
        seals = list_of(path)
        expected = None if seals is None else read_seals(seals).get(path.name)
    except DatasetError:
        return "it fails its own seal" if path.name.endswith(SEALS) else None  # the list is told
    if seals is None or expected == facts:
        return None
    return f"its content is not what {seals.name} says" if expected else f"{seals.name} does not name it"


def _missing(folder: Path) -> Iterator[Fault]:
    """What lacks in a folder that was published whole. Files that stand alone may have been left out on purpose."""
    seals = folder / SEALS
    if not seals.exists() or not seal_holds(seals.read_bytes()):
        return
    for name in read_seals(seals):
        if not (folder / name).exists():
            yield Fault(name, "missing")


def _way_on(path: Path) -> str:
    return failures_way_on(path) if path.name == FAILURES else way_on(path)


def _repair(project: Path, path: Path, done: RepairedFiles) -> None:
    copy = dvc_file(project, *_out_of(path))
    if copy is not None and _is_good(copy.read_bytes(), path):
        write_whole(path, copy.read_bytes())
        done.restored.append(str(path))


def _out_of(path: Path) -> tuple[Path, str]:
    """The out of DVC's to which a file belongs, and its name in it; "" where it is one by itself."""
    return (path.parent, path.name) if path.parent.name in STAGE_OF_FOLDER else (path, "")


def _is_good(data: bytes, path: Path) -> bool:
    """Whether a copy is what was written: by its own seal, or by the list that answers for it."""
    if path.name.endswith(SEALS):
        return seal_holds(data)
    try:
        seals = list_of(path)
        return seals is not None and read_seals(seals).get(path.name) == (len(data), digest_of(data))
    except DatasetError:
        return False  # the list has no good copy
