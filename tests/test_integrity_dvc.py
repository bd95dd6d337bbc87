"""One flipped byte under `dvc repro`: the build mends it, or the advice that is printed does, DVC's cache included."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from house import HOUSE
from test_dvc import copy, dvc, dvc_output
from test_integrity_derived import all_older
from test_integrity_end_to_end import launder
from tiny import Project, content, replace_file, tiny_params

from cache.shards.reading import ShardReader
from cache.shards.writing import ShardWriter
from cache.store.parts import read_parts

STAGES = ("index", "sample", "heatmaps")
"""The shortest chain in which one store is linked and another reads its rows."""


@pytest.fixture(scope="module")
def reproduced(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which `dvc repro` made three stores."""
    root = tmp_path_factory.mktemp("reproduced")
    tracked = subprocess.run(["git", "ls-files"], cwd=HOUSE, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        if (HOUSE / name).exists() and not name.startswith(("tests/", "bench/", "docs/")):
            copy(HOUSE / name, root / name)
    graph = yaml.safe_load((root / "dvc.yaml").read_text())
    graph["stages"] = {stage: {**graph["stages"][stage], "deps": data_deps(graph, stage)} for stage in STAGES}
    (root / "dvc.yaml").unlink()
    (root / "dvc.yaml").write_text(yaml.safe_dump(graph))
    (root / "params.yaml").unlink()
    (root / "params.yaml").write_text(yaml.safe_dump(tiny_params()))
    shutil.copytree(recordings, root / "data/raw/demo")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    dvc(root, "repro")
    return root


def data_deps(graph: dict, stage: str) -> list[str]:  # type: ignore[type-arg]
    """Without the code, which is the same throughout."""
    return [dep for dep in graph["stages"][stage]["deps"] if str(dep).startswith("data/")]


def shard(root: Path) -> Path:
    return next((root / "data/demo/skeletons.zarr/joints_2d").glob("c.0.*"))


def flip(path: Path) -> None:
    """One byte within the first chunk, in the file that store, cache and DVC's cache share."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(40)
        (byte,) = file.read(1)
        file.seek(40)
        file.write(bytes([byte ^ 1]))
    path.chmod(0o444)


def damaged_copies(root: Path) -> list[str]:
    """DVC's objects whose content is not their name's."""
    from hashlib import md5

    objects = (path for path in (root / ".dvc/cache/files/md5").glob("*/*") if path.is_file())
    return [
        p.name
        for p in objects
        if md5(p.read_bytes()).hexdigest() != (p.parent.name + p.name).removesuffix(".dir")
    ]


def advised(output: str) -> str:
    """The command between the backticks of what was printed."""
    found = re.search(r"`python cli\.py (cache repair)`", output)
    assert found is not None, output
    assert "`dvc repro`" in output
    return found[1]


def follow(root: Path, words: str) -> None:
    ran = subprocess.run(
        [sys.executable, "cli.py", *words.split()], cwd=root, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_advice_ends_the_loop(reproduced: Path, tmp_path: Path) -> None:
    """The shard is damaged after DVC took it: `repro` checks it out again and again, until the advice is followed."""
    root = tmp_path / "flipped"
    shutil.copytree(reproduced, root, symlinks=True)
    before = content(root / "data/demo")
    copies = [
        path
        for path in (root / ".dvc/cache/files/md5").glob("*/*")
        if path.read_bytes() == shard(root).read_bytes()
    ]
    for path in (shard(root), *copies):
        flip(path)
    shutil.rmtree(root / ".harcache")  # nothing knows better but the recordings
    shutil.rmtree(root / "data/demo/heatmaps.zarr")
    (root / "dvc.lock").write_text(without_stage(root / "dvc.lock", "heatmaps"))
    shutil.rmtree(root / ".dvc/cache/runs")
    refused = dvc_output(root, "repro", "heatmaps", "--single-item")
    assert "is damaged" in refused
    follow(root, advised(refused))
    assert damaged_copies(root) == []
    dvc(root, "repro")
    assert content(root / "data/demo") == before
    assert "up to date" in dvc(root, "repro")


def test_damage_that_dvc_took_for_the_result_is_forgotten(reproduced: Path, tmp_path: Path) -> None:
    """As the builds of before left it: dvc.lock and the run-cache name the damaged bytes."""
    root = tmp_path / "taken"
    shutil.copytree(reproduced, root, symlinks=True)
    before = content(root / "data/demo")
    flip(shard(root))
    dvc(root, "commit", "--force")
    follow(root, "cache repair")
    dvc(root, "repro")
    assert content(root / "data/demo") == before
    assert "up to date" in dvc(root, "repro")


def test_a_build_mends_what_it_links(reproduced: Path, tmp_path: Path) -> None:
    """A flipped byte in the cache does not get into a store, nor its md5 into dvc.lock."""
    root = tmp_path / "linked"
    shutil.copytree(reproduced, root, symlinks=True)
    before = content(root / "data/demo")
    for path in (root / ".harcache/shards").glob("*/*"):
        if path.read_bytes() == shard(root).read_bytes():
            flip(path)
    dvc(root, "repro", "--force", "index")
    assert content(root / "data/demo") == before
    assert damaged_copies(root) == []


def give_other_rows(project: Project, store: str, array: str) -> None:
    """Its first shard gets whole chunks that are not its own: the rows come in another order."""
    parts = read_parts(project.paths.store(store))
    part = parts.arrays[array]
    path, cached = parts.folder / part.shard(0), project.paths.open_cache().shard(parts.shard_key(array, 0))
    reader = ShardReader(path, part.spec, part.rows_per_shard)
    rows = [row for n in range(part.rows_per_shard // part.spec.chunk_rows) for row in reader.group(n)]
    reader.close()
    writer = ShardWriter(path.with_suffix(".other"), part.spec, part.rows_per_shard)
    for row in reversed(rows):
        writer.write(row)
    writer.close()
    for place in (path, cached):
        replace_file(place, path.with_suffix(".other").read_bytes())
    path.with_suffix(".other").unlink()


def test_what_an_older_harcache_made_of_an_exchange_leaves_dvcs_cache(
    reproduced: Path, tmp_path: Path
) -> None:
    """Heatmaps of exchanged skeletons, under valid records, which DVC took for the result."""
    root = tmp_path / "laundered"
    shutil.copytree(reproduced, root, symlinks=True)
    project, before = Project(root), content(root / "data/demo")
    launder(project, "heatmaps", "maps")
    follow(root, "heatmaps demo")
    assert content(root / "data/demo") != before
    dvc(root, "commit", "--force")
    all_older(project.paths.open_cache())
    give_other_rows(project, "skeletons", "joints_2d")
    follow(root, "cache repair")
    assert not (root / "data/demo/heatmaps.zarr").exists()
    dvc(root, "repro")
    assert content(root / "data/demo") == before
    assert "up to date" in dvc(root, "repro")
    follow(root, "cache verify")


def without_stage(lock: Path, stage: str) -> str:
    document = yaml.safe_load(lock.read_text())
    del document["stages"][stage]
    return str(yaml.safe_dump(document))
