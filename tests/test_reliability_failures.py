"""One operation on the disk fails, each in turn: nothing is lost, nothing wrong is left, and the next run is whole."""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import pytest
from cache_small import FEATURES, Computer, build, bytes_of
from failing import How, ended, leftovers

from cache import Cache, Row, StoreError, StoreSpec, open_store
from cache.exchange.importing import import_store
from cache.exchange.merge import merge_stores
from cache.upkeep.adopt import adopt_store
from cache.upkeep.gc import collect
from cache.upkeep.verify import verify_store
from cache.upkeep.verify_cache import verify_cache

SMALL = StoreSpec((FEATURES,), rows_per_shard=2, row_dim="clip")
ROWS = (0, 1, 2)


def rows_of(*numbers: int, changed: int = 1) -> list[Row]:
    """Rows r000, …; `changed` is the version of r001."""
    docs = {n: {"step": "test", "version": changed if n == 1 else 1, "inputs": n} for n in numbers}
    return [Row(f"r{n:03d}", {"features": doc}) for n, doc in docs.items()]


class Scene(ABC):
    """A folder with what the work starts from, the work, and what must hold after it, whatever failed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = Cache(folder / "cache")
        self.out = folder / "out.zarr"

    @abstractmethod
    def prepare(self) -> None: ...

    @abstractmethod
    def work(self) -> None: ...

    @abstractmethod
    def check_failed(self) -> None:
        """Right after the failure, before anybody runs again."""

    def again(self) -> None:
        """The next run."""
        self.work()


class Building(Scene):
    """A store whose row 1 changed: one shard is made anew, with a row copied; the other is linked."""

    def build(self, version: int) -> Computer:
        rows = rows_of(*ROWS, changed=version)
        return build(self.cache, self.out, rows, spec=SMALL)[0]

    def prepare(self) -> None:
        self.build(1)
        self.before = bytes_of(self.out)

    def work(self) -> None:
        self.build(2)

    def check_failed(self) -> None:
        assert verify_store(self.out).faults == ()

    def again(self) -> None:
        assert set(self.build(2).asked) <= {"r001"}


class Collecting(Building):
    """Shards of two versions before, that no store needs."""

    def prepare(self) -> None:
        for version in (1, 2, 3):
            self.build(version)

    def work(self) -> None:
        collect(self.cache, days=0, delete=True)

    def again(self) -> None:
        self.work()
        assert self.build(3).asked == []


class Merging(Scene):
    """Two stores with a row in common."""

    def prepare(self) -> None:
        for number, rows in enumerate(((0, 1, 2), (2, 1))):
            build(
                Cache(self.folder / f"cache{number}"),
                self.folder / f"{number}.zarr",
                rows_of(*rows),
                spec=SMALL,
            )
        self.before = [bytes_of(self.folder / f"{number}.zarr") for number in (0, 1)]

    def work(self) -> None:
        merge_stores([self.folder / "0.zarr", self.folder / "1.zarr"], self.out)

    def check_failed(self) -> None:
        assert [bytes_of(self.folder / f"{number}.zarr") for number in (0, 1)] == self.before
        if self.out.exists():
            assert verify_store(self.out).faults == ()

    def again(self) -> None:
        """Where it was killed at its end it makes the same again; where it told of an error there, it refuses to."""
        there = self.out.exists()
        try:
            self.work()
        except StoreError as error:
            if not (there and "is there already" in str(error)):
                raise


class Taking(Scene):
    """A store of another's, imported and adopted."""

    def prepare(self) -> None:
        build(Cache(self.folder / "other"), self.folder / "0.zarr", rows_of(*ROWS), spec=SMALL)

    def work(self) -> None:
        if not self.out.exists():
            import_store(self.folder / "0.zarr", self.out)
        adopt_store(self.out, self.cache, "test/store")

    def check_failed(self) -> None:
        if self.out.exists():
            assert verify_store(self.out).faults == ()

    def again(self) -> None:
        if self.out.exists():
            with pytest.raises(StoreError, match="is there already"):
                import_store(self.folder / "0.zarr", self.out)
        self.work()
        assert build(self.cache, self.out, rows_of(*ROWS), spec=SMALL)[0].asked == []


EVERY = os.environ.get("EVERY_FAILURE")
"""Set: kills, full and broken disks at every operation, and the import; else one of the three at each, in turn."""

HOWS: tuple[How, ...] = ("kill", "full", "broken")


@pytest.mark.parametrize("kind", [Building, Collecting, Merging, *([Taking] if EVERY else [])])
def test_every_operation_fails_once(memory_path: Path, kind: type[Scene]) -> None:
    start = kind(memory_path / "start")
    start.folder.mkdir()
    start.prepare()
    undisturbed = moved(start, memory_path / "undisturbed")
    undisturbed.again()
    right = bytes_of(undisturbed.out)
    count = dict.fromkeys(HOWS, 0)
    for at, how in struck():
        scene = moved(start, memory_path / "failed")
        result = ended(scene.work, at, how)
        if result == "untouched":
            break
        count[how] += result in ("told", "killed")
        scene.check_failed()
        scene.again()
        assert bytes_of(scene.out) == right, (at, how)
        assert verify_cache(scene.cache).faults == (), (at, how)
        assert leftovers(scene.folder) == [], (at, how)
        open_store(scene.out).read("features")
    assert result == "untouched"
    assert all(
        number >= 2 for number in count.values()
    )  # helps may fail; a folder that is there need not be made
    print(f"{kind.__name__}: {at - 1} operations, {count} told or killed")


def struck() -> Iterator[tuple[int, How]]:
    """Operations from the first on, and what befalls each."""
    for at in range(1, 1_000):
        yield from ((at, how) for how in (HOWS if EVERY else (HOWS[at % 3],)))


def moved(scene: Scene, folder: Path) -> Scene:
    """The same scene elsewhere."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(scene.folder, folder)
    other = type(scene)(folder)
    other.__dict__.update({name: value for name, value in scene.__dict__.items() if name == "before"})
    return other
