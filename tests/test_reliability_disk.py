"""A disk that is full, read-only or gone, and SIGTERM: told clearly, nothing half-written, taken up again."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mounts import fill, lose, remount, tmpfs
from tiny import Project, content
from typer.testing import CliRunner, Result

import cli
from cache.recipes import Recipes
from cache.shards.writing import ShardWriter
from pipeline.rows.heatmaps import HeatmapWork

HERE = Path(__file__).parent
PATIENCE_SECONDS = 120

BLOCK = 16
"""Clips in one shard of heatmaps, as tests/tiny.py has it."""
ALL = 58


@pytest.fixture(scope="module")
def ready(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which index and sample ran, with its cache. To read, not to change."""
    project = Project.made(tmp_path_factory.mktemp("ready"), recordings)
    project.run_all("index", "sample")
    return project


@pytest.fixture(scope="module")
def undisturbed(ready: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """heatmaps.zarr as it comes out where nothing happens."""
    project = ready.copy(tmp_path_factory.mktemp("undisturbed") / "project")
    project.run("heatmaps")
    return content(project.paths.store("heatmaps"))


@pytest.fixture
def project(ready: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of `ready`; the tripwire of recipes has tests of its own."""
    monkeypatch.setattr(Recipes, "check", lambda *_: None)
    return ready.copy(tmp_path / "project")


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache on a file system of its own."""
    with tmpfs(tmp_path / "mounted", megabytes=16) as folder:
        monkeypatch.setenv("HARCACHE_DIR", str(folder))
        yield folder


@pytest.fixture
def midway(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Makes something happen once, while the fifth clip of the second block is made."""

    def arrange(happening: Callable[[], Any]) -> None:
        made, original = [0], HeatmapWork._clip

        def clip(work: HeatmapWork, *rest: Any) -> Any:
            made[0] += 1
            if made[0] == BLOCK + 5:
                happening()
            return original(work, *rest)

        monkeypatch.setattr(HeatmapWork, "_clip", clip)

    return arrange


def run(project: Project, stage: str = "heatmaps") -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "PROJECT", project.root)
        return CliRunner().invoke(cli.app, [stage, "demo"])


def refused(project: Project, *words: str) -> None:
    """The command ends with status 2, says all these words, and leaves no store and nothing half-written."""
    result = run(project)
    assert result.exit_code == cli.REFUSED
    assert [word for word in words if word not in result.output] == []
    assert "Traceback" not in result.output
    assert leftovers(project.paths.data) == []
    assert not project.paths.store("heatmaps").exists()


def leftovers(folder: Path) -> list[Path]:
    """What a writer should have taken with him."""
    return [
        path
        for path in folder.rglob("*")
        if (path.suffix in (".tmp", ".lock") and path.name != "in_use.lock") or ".partial" in path.name
    ]


def resumed(project: Project, undisturbed: dict[str, bytes], made: int) -> None:
    """The same command again makes just so many clips and ends with the same bytes."""
    again = run(project)
    assert again.exit_code == 0
    assert f"heatmaps: {made} clips made, {ALL - made} from cache" in again.output
    assert content(project.paths.store("heatmaps")) == undisturbed


def test_a_cache_too_small_is_refused_before_the_first_clip(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tmpfs(tmp_path / "small", megabytes=1) as folder:
        monkeypatch.setenv("HARCACHE_DIR", str(folder))
        monkeypatch.setattr(HeatmapWork, "_clip", None)
        refused(project, "CapacityError", "heatmaps.zarr needs up to", str(folder), "HARCACHE_DIR")


def test_the_caches_disk_fills_up_midway(
    project: Project, mounted: Path, midway: Callable[..., None], undisturbed: dict[str, bytes]
) -> None:
    midway(lambda: fill(mounted))
    refused(
        project, "SpaceError", "No space left on device", str(mounted), "HARCACHE_DIR", "run the same command"
    )
    assert leftovers(mounted) == []
    (mounted / "ballast").unlink()
    resumed(project, undisturbed, ALL - BLOCK)


def test_the_projects_disk_is_full_when_the_store_is_published(
    ready: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, bytes]
) -> None:
    monkeypatch.setattr(Recipes, "check", lambda *_: None)
    monkeypatch.setenv("HARCACHE_DIR", str(tmp_path / "cache"))
    with tmpfs(tmp_path / "disk", megabytes=64) as disk:
        project = Project.made(disk / "project", ready.raw)
        run(project, "index")
        run(project, "sample")
        ballast = fill(disk)
        refused(
            project, "SpaceError", "store heatmaps.zarr", "No space left on device", "run the same command"
        )
        ballast.unlink()
        resumed(project, undisturbed, 0)


def test_a_read_only_cache(project: Project, mounted: Path, undisturbed: dict[str, bytes]) -> None:
    remount(mounted, "ro")
    refused(
        project,
        "UnreachableError",
        "Read-only file system",
        str(mounted),
        "Mount it writable",
        "HARCACHE_DIR",
    )
    remount(mounted, "rw")
    resumed(project, undisturbed, ALL)


def test_a_cache_that_becomes_read_only_midway(
    project: Project, mounted: Path, midway: Callable[..., None], undisturbed: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    original = ShardWriter.close

    def close(writer: ShardWriter) -> tuple[int, str]:
        if changed:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(writer.path))
        return original(writer)

    changed: list[bool] = []  # by hand no file system with open files turns read-only: only errors do that
    monkeypatch.setattr(ShardWriter, "close", close)
    midway(lambda: changed.append(True))
    refused(project, "UnreachableError", "Read-only file system", str(mounted), "Mount it writable")
    assert leftovers(mounted) == []
    changed.clear()
    monkeypatch.setattr(ShardWriter, "close", original)
    resumed(project, undisturbed, ALL - BLOCK)


def test_a_read_only_project(
    ready: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, bytes]
) -> None:
    monkeypatch.setattr(Recipes, "check", lambda *_: None)
    monkeypatch.setenv("HARCACHE_DIR", str(tmp_path / "cache"))
    with tmpfs(tmp_path / "disk", megabytes=64) as disk:
        project = Project.made(disk / "project", ready.raw)
        run(project, "index")
        run(project, "sample")
        remount(disk, "ro")
        refused(
            project,
            "UnreachableError",
            "Read-only file system",
            str(project.paths.data),
            "run the same command",
        )
        remount(disk, "rw")
        resumed(project, undisturbed, 0)


def test_the_mount_vanishes_midway(
    project: Project, mounted: Path, midway: Callable[..., None], undisturbed: dict[str, bytes]
) -> None:
    midway(lambda: lose(mounted))
    refused(project, "UnreachableError", str(mounted), "has vanished while in use", "Mount it again")
    assert list(mounted.iterdir()) == []  # nothing was written below the mount
    resumed(project, undisturbed, ALL)  # this tmpfs is gone for good


def test_the_caches_folder_is_taken_away_midway_and_given_back(
    project: Project, midway: Callable[..., None], undisturbed: dict[str, bytes]
) -> None:
    cache, away = project.root / ".harcache", project.root / "away"
    midway(lambda: cache.rename(away))
    refused(project, "UnreachableError", str(cache), "has vanished while in use")
    assert not cache.exists()
    away.rename(cache)
    resumed(project, undisturbed, ALL - BLOCK)


def test_what_is_gone_elsewhere_is_not_laid_on_the_cache(
    project: Project, midway: Callable[..., None], tmp_path: Path
) -> None:
    midway(lambda: (tmp_path / "no such file").read_bytes())
    result = run(project)
    assert result.exit_code == cli.REFUSED
    assert "FileNotFoundError" in result.output
    assert "no such file" in result.output
    assert "vanished" not in result.output


def test_sigterm_midway(project: Project, undisturbed: dict[str, bytes]) -> None:
    command = [sys.executable, str(HERE / "slow_heatmaps.py"), "heatmaps", "demo"]
    environment = {**project.environment, "PYTHONPATH": str(HERE.parent)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        wait_for_second_block(project.root / ".harcache", process)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == cli.TERMINATED
    assert "Terminated: whole shards stay" in stderr
    assert "run the same command again" in stderr
    assert "Traceback" not in stderr
    assert leftovers(project.root) == []
    assert not project.paths.store("heatmaps").exists()
    resumed(project, undisturbed, ALL - BLOCK)


def wait_for_second_block(cache: Path, process: "subprocess.Popen[str]") -> None:
    """Until one shard of heatmaps is recorded and the next one is begun."""
    before = len(list(cache.glob("shards/*/*.json")))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        if len(list(cache.glob("shards/*/*.json"))) > before and list(cache.glob("shards/*/*.tmp")):
            return
        time.sleep(0.005)
    raise AssertionError("the second block was never begun")
