"""Files that dvc.lock names, in DVC's own cache: still there when DVC has deleted an out before its stage runs.

DVC itself says where its cache lies; `files/md5/ab/cdef…` there holds a file of that md5, and `….dir` lists a
folder's files as JSON. DVC is imported in this module only, and only where dvc.lock names what is looked for.
"""

import hashlib
import json
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from cache.files import link_or_copy, remove
from pipeline.errors import DatasetError

log = logging.getLogger(__name__)


def dvc_files(root: Path, out: Path) -> dict[str, Path] | None:
    """File name, relative to the folder `out`, to DVC's copy of it; None where DVC has not all of them.

    `root` is the project's folder, that holds dvc.lock. Raises DatasetError where that file, or DVC's settings,
    cannot be read.
    """
    md5 = _md5_of(root, out)
    if md5 is None or not md5.endswith(".dir"):
        return None
    entries = _listed(root, md5)
    found = {name: _copy(root, of) for name, of in entries.items()}
    return found if entries and all(path.exists() for path in found.values()) else None


def dvc_file(root: Path, out: Path, name: str = "") -> Path | None:
    """DVC's copy of one file of the folder `out`, or of the file `out`, whether or not it has the others."""
    md5 = _md5_of(root, out)
    if md5 is not None and md5.endswith(".dir"):
        md5 = _listed(root, md5).get(name)
    copy = None if md5 is None else _copy(root, md5)
    return copy if copy is not None and copy.exists() else None


def dvc_objects(root: Path, out: Path) -> tuple[Path | None, dict[str, Path]]:
    """DVC's list of a folder's files, and its copy of each by name; of a file no list, and its copy under ""."""
    md5 = _md5_of(root, out)
    if md5 is None:
        return None, {}
    if not md5.endswith(".dir"):
        return None, {"": _copy(root, md5)}
    return _copy(root, md5), {name: _copy(root, of) for name, of in _listed(root, md5).items()}


def mend_dvc_copy(root: Path, out: Path, name: str, good: Path) -> bool:
    """Put the file `good` in the place of DVC's damaged copy of it; False where that is whole, or not of this file.

    DVC itself would hand the damaged one out again, at the next checkout.
    """
    copy = dvc_file(root, out, name)
    if copy is None or copy.samefile(good):
        return False
    md5 = f"{copy.parent.name}{copy.name}"
    if _md5(copy.read_bytes()) == md5 or _md5(good.read_bytes()) != md5:
        return False
    aside = copy.with_name(f"{copy.name}.mending")
    remove(aside)
    link_or_copy(good, aside)
    aside.chmod(0o444)
    aside.replace(copy)
    return True


def dvc_outs(root: Path) -> list[Path]:
    """Every out that dvc.lock names."""
    return sorted(root / str(out["path"]) for out in _outs(root))


def dvc_stages(root: Path) -> dict[str, list[dict[str, Any]]]:
    """Stage to its outs, as dvc.lock names them; none where there is no such file. Raises DatasetError."""
    lock = root / "dvc.lock"
    if not lock.exists():
        return {}
    try:
        stages = yaml.safe_load(lock.read_bytes()).get("stages", {})
        return {
            str(name): [{**out, "path": str(out["path"])} for out in stage.get("outs", [])]
            for name, stage in stages.items()
        }
    except (yaml.YAMLError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise DatasetError(
            f"{lock} cannot be read ({' '.join(str(error).split())}): take it from git again "
            "(`git checkout dvc.lock`), or remove it and run `dvc repro`: every stage then runs, and finds its "
            "results in the cache"
        ) from error


def _md5_of(root: Path, out: Path) -> str | None:
    for entry in _outs(root):
        if root / entry["path"] == out:
            return str(entry["md5"]) if "md5" in entry else None
    return None


def _outs(root: Path) -> list[dict[str, Any]]:
    return [out for outs in dvc_stages(root).values() for out in outs]


def _listed(root: Path, md5: str) -> dict[str, str]:
    """Of a folder that DVC keeps, file name to md5; none where its list is missing, or is not that of that md5."""
    path = _copy(root, md5)
    if not path.exists():
        return {}
    data = path.read_bytes()
    if _md5(data) != md5.removesuffix(".dir"):
        log.warning("DVC's list %s is damaged and not used: `dvc pull` fetches it again", path)
        return {}
    return {str(entry["relpath"]): str(entry["md5"]) for entry in json.loads(data)}


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _copy(root: Path, md5: str) -> Path:
    return _cache_folder(root) / "files" / "md5" / md5[:2] / md5[2:]


@lru_cache(maxsize=8)
def _cache_folder(root: Path) -> Path:
    """What `dvc cache dir` says: of its system, global, repository's and local settings the last that tells it."""
    from dvc.config import Config, ConfigError

    dvc = next((f / ".dvc" for f in (root, *root.absolute().parents) if (f / ".dvc").is_dir()), root / ".dvc")
    try:
        setting = Config(dvc_dir=str(dvc))["cache"].get("dir")
    except ConfigError as error:
        raise DatasetError(
            f"DVC's settings cannot be read: {error}; `dvc config --list` tells more"
        ) from error
    return Path(setting) if setting else dvc / "cache"
