"""What dvc.lock names, in DVC's own cache: there still when DVC has deleted an out before running its stage.

Only DVC's files are read, never DVC itself: `.dvc/config` says where its cache lies, `files/md5/ab/cdef…`
holds a file of that md5, and `….dir` lists a folder's files as JSON.
"""

import configparser
import json
from pathlib import Path
from typing import Any

import yaml


def dvc_files(root: Path, out: Path) -> dict[str, Path] | None:
    """File name, relative to the folder `out`, to DVC's copy of it; None where DVC has not all of them.

    `root` is the project's folder, that holds dvc.lock.
    """
    listed = _md5_of(root, out)
    if listed is None or not listed.endswith(".dir"):
        return None
    cache = _cache_folder(root) / "files" / "md5"
    try:
        entries = json.loads((cache / listed[:2] / listed[2:]).read_bytes())
    except FileNotFoundError:
        return None
    found = {str(e["relpath"]): cache / e["md5"][:2] / e["md5"][2:] for e in entries}
    return found if all(path.exists() for path in found.values()) else None


def dvc_file(root: Path, out: Path, name: str) -> Path | None:
    """DVC's copy of one file of `out`, whether or not it has the others."""
    listed = _md5_of(root, out)
    if listed is None or not listed.endswith(".dir"):
        return None
    cache = _cache_folder(root) / "files" / "md5"
    listing = cache / listed[:2] / listed[2:]
    entries = json.loads(listing.read_bytes()) if listing.exists() else []
    found = [cache / e["md5"][:2] / e["md5"][2:] for e in entries if e["relpath"] == name]
    return found[0] if found and found[0].exists() else None


def dvc_outs(root: Path) -> list[Path]:
    """Every out that dvc.lock names."""
    return sorted(root / str(out["path"]) for out in _outs(root))


def _md5_of(root: Path, out: Path) -> str | None:
    for told in _outs(root):
        if root / told["path"] == out:
            return str(told["md5"]) if "md5" in told else None
    return None


def _outs(root: Path) -> list[dict[str, Any]]:
    lock = root / "dvc.lock"
    if not lock.exists():
        return []
    stages: dict[str, Any] = yaml.safe_load(lock.read_text()).get("stages", {})
    return [out for stage in stages.values() for out in stage.get("outs", [])]


def _cache_folder(root: Path) -> Path:
    """`.dvc/cache`, or what `dvc cache dir` was told; paths there are relative to `.dvc`."""
    config = configparser.ConfigParser()
    config.read([root / ".dvc" / "config", root / ".dvc" / "config.local"])
    return root / ".dvc" / config.get("cache", "dir", fallback="cache")
