"""Measures what `dvc push` moves after one clip changed, here and in a fresh clone that pulled the store."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.incremental_clips import STORE, Built, build, clip_id, row, rows, spec
from cache import Cache, Row
from cache.upkeep.adopt import adopt_store

HOUSE = Path(__file__).resolve().parents[1]
SHARD_BYTES = 1_000_000
"""Larger files are shards of features; the smaller ones are metadata, coordinates and DVC's list of the folder."""


def run(folder: Path, *command: str) -> None:
    """A command of git or dvc; an error shows what it said."""
    here = Path(sys.executable).parent
    settings = {
        f"DVC_{name}_DIR": str(folder / ".dvc" / "tmp" / name) for name in ("GLOBAL_CONFIG", "SITE_CACHE")
    }
    names = {
        f"GIT_{who}_{what}": "lab@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    environment = {**os.environ, **settings, **names, "DVC_NO_ANALYTICS": "1"}
    environment["PATH"] = f"{here}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def laboratory(folder: Path, remote: Path) -> Path:
    """A new repository of git and DVC that pushes to a folder."""
    folder.mkdir(parents=True)
    run(folder, "git", "init", "--quiet")
    run(folder, "dvc", "init", "--quiet")
    shutil.copy(HOUSE / ".dvc" / "config", folder / ".dvc" / "config")
    run(folder, "dvc", "remote", "add", "--default", "shelf", str(remote))
    return folder


def published(lab: Path, remote: Path) -> tuple[int, int]:
    """`dvc add` and `dvc push` of the store: files that came to the remote, and how many of them are shards."""
    before = set(remote.rglob("*"))
    run(lab, "dvc", "add", "--quiet", "store.zarr")
    run(lab, "dvc", "push", "--quiet")
    fresh = [path for path in set(remote.rglob("*")) - before if path.is_file()]
    run(lab, "git", "add", "--all")
    run(lab, "git", "commit", "--quiet", "--message", "store")
    return len(fresh), sum(path.stat().st_size > SHARD_BYTES for path in fresh)


def pushed_edits(folder: Path, clips: int) -> bool:
    """Push, edit, push again; then the same in a clone that pulled. Whether only new shards were moved."""
    remote = folder / "remote"
    lab = laboratory(folder / "lab", remote)
    before = rows(range(clips))
    cache = Cache(folder / "cache")
    made = build(cache, lab / "store.zarr", before, spec())
    well = _report("first push", made, len(before), published(lab, remote))
    middle = clips // 2
    changed = [*before[:middle], row(clip_id(middle), 2), *before[middle + 1 :]]
    made = build(cache, lab / "store.zarr", changed, spec())
    well &= _report("push after one clip changed", made, 1, published(lab, remote))
    return well & _cloned(folder, lab, remote, changed)


def _cloned(folder: Path, lab: Path, remote: Path, known: list[Row]) -> bool:
    """A clone on another machine, as it were: nothing is here but what git and DVC bring."""
    run(folder, "git", "clone", "--quiet", str(lab), "clone")
    clone = folder / "clone"
    run(clone, "dvc", "pull", "--quiet")
    cache = Cache(folder / "cache_of_the_clone")
    adopted = adopt_store(clone / "store.zarr", cache, STORE)
    wanted = [row(clip_id(0), 3), *known[1:]]
    made = build(cache, clone / "store.zarr", wanted, spec())
    print(f"  in a fresh clone after `dvc pull`: {adopted.taken} shards adopted")
    return _report("push from there after one clip changed", made, 1, published(clone, remote))


def _report(name: str, made: Built, computed: int, moved: tuple[int, int]) -> bool:
    files, shards = moved
    well = len(made.computed) == computed and shards == made.shards
    print(
        f"  {'well ' if well else 'WRONG'} {name}: {len(made.computed)} computed, {made.shards} shards written; "
        f"{files} files moved, {shards} of them shards",
        flush=True,
    )
    return well
