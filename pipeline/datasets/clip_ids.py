"""Clip ids out of whatever names a dataset has: stores keep ids as 64 ASCII characters."""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from pipeline.errors import ClipError
from pipeline.values import CLIP_ID_BYTES, can_be_id

DIGEST_LETTERS = 16


def clip_id_of(name: str) -> str:
    """`name` where it can be an id; else its beginning in plain letters and a digest of the whole of it.

    The same name always gives the same id, however its accents are composed, and no two names give one:
    "été.avi" is "ete.avi-" and 16 hexadecimal digits of its SHA-256.
    """
    if can_be_id(name):
        return name
    composed = unicodedata.normalize("NFC", name).encode("utf-8", "backslashreplace")
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    head = re.sub(r"[^A-Za-z0-9._-]+", "_", plain)[: CLIP_ID_BYTES - DIGEST_LETTERS - 1]
    return f"{head}-{hashlib.sha256(composed).hexdigest()[:DIGEST_LETTERS]}"


def name_beside(clip_id: str, name: str) -> str:
    """Return the original name that an id was derived from, if it was. Raises ClipError where it is not UTF-8."""
    if not name:
        raise ClipError("its name is empty; give it one")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ClipError(f"the name {name!a:.80} is not UTF-8; rename it") from error
    return "" if clip_id == name else name


def names_of_files(paths: Iterable[str]) -> dict[str, str]:
    """For each path, the shortest name that tells it from the others.

    The file's name without its ending; where two share it, with it; where two share that, the whole path.
    Example: a/x.avi, a/x.mp4, a/y.avi and b/y.avi are x.avi, x.mp4, a/y.avi and b/y.avi.
    """
    left = sorted(set(paths))
    named: dict[str, str] = {}
    for short in (lambda path: PurePosixPath(path).stem, lambda path: PurePosixPath(path).name, str):
        same: dict[str, list[str]] = defaultdict(list)
        for path in left:
            same[short(path)].append(path)
        named |= {found[0]: name for name, found in same.items() if len(found) == 1}
        left = [path for found in same.values() if len(found) > 1 for path in found]
    return named
