"""Verifying what only helps: mark, index, remembered digests, answers and row keys, uses. Withdrawals too."""

from collections.abc import Iterator
from pathlib import Path

from ..answers import answer_damage
from ..home.home import Cache
from ..home.known_records import known_records_damage
from ..home.references import use_damage
from ..home.row_keys import row_keys_damage
from ..home.sealed_database import SealedDatabase
from ..home.withdrawn import WITHDRAWALS, note_damage
from ..mount_check import MARK, mark_damage
from .faults import Fault, Hashes

_LEFT = "left by a run that was killed, or the work of one that runs; "


def helps_faults(cache: Cache, hashes: Hashes) -> Iterator[Fault]:
    """Each help that is not as it was written; `repair` makes it anew, and so does the next build."""
    for path in helps(cache):
        place = path.relative_to(cache.root).as_posix()
        try:
            hashes.of(path)
            damage = _damage(path)
        except FileNotFoundError:
            continue  # gone since it was listed
        except OSError as error:
            damage = f"unreadable ({error.strerror})"
        if damage is not None:
            yield Fault(place, damage)


def helps(cache: Cache) -> list[Path]:
    """Every file that only helps."""
    patterns = (
        MARK,
        "index/*.sqlite",
        "index/*.seal",
        "digests/*.sqlite",
        "digests/*.seal",
        "answers/*.json",
        "row_keys/**/*.keys",
        "row_keys/**/*.records",
        "uses/*.json",
        f"{WITHDRAWALS}/*.json",
    )
    return sorted(path for pattern in patterns for path in cache.root.glob(pattern))


def left_overs(cache: Cache) -> Iterator[Fault]:
    """Yield remarks on files that look like damage but are none: they do not change the exit status."""
    for path in sorted([*cache.root.glob("index/*.sqlite"), *cache.root.glob("digests/*.sqlite")]):
        if not SealedDatabase(path).seal.exists():
            what = f"{_LEFT}or of an older harcache: the next build makes it anew"
            yield Fault(path.relative_to(cache.root).as_posix(), what)
    for path in sorted((cache.root / "work").glob("*")):
        if path.is_dir():
            what = f"{_LEFT}the next run goes on from it, or sweeps it; `cache gc` removes it when it is old"
            yield Fault(f"work/{path.name}", what)


def _damage(path: Path) -> str | None:
    if path.name == MARK:
        return mark_damage(path)
    if path.parent.name == "answers":
        return answer_damage(path)
    if path.suffix == ".keys":
        return row_keys_damage(path)
    if path.suffix == ".records":
        return known_records_damage(path)
    if path.parent.name == "uses":
        return use_damage(path)
    if path.parent.name == WITHDRAWALS:
        return note_damage(path)
    database = SealedDatabase(path.with_suffix(".sqlite"))
    if path == database.seal:  # told with what it seals
        return None if database.path.exists() else "a seal of nothing"
    return database.damage()
