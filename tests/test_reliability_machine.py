"""Whatever is done to a cache, in whatever order: every row that it gives is the right one, and none is made twice.

Hypothesis draws the orders. `MACHINE_EXAMPLES=1000x50` runs as many examples of as many steps (docs/reliability.md has
such a run's figures); without it a fixed 30 of 30 run.
"""

import os
import shutil
from collections import Counter
from typing import get_args

import hypothesis.strategies as st
from failing import Ended, How, ended, leftovers
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from machine_rows import (
    NAME,
    Damage,
    Rows,
    build,
    damage,
    files_of,
    flipped,
    held,
    old_harstore,
    overwrite,
    read,
    rows_refused,
)
from memory_disk import memory_folder

from cache import Cache, CacheError, MergeError
from cache.exchange.export import export_store
from cache.exchange.importing import import_store
from cache.exchange.merge import merge_stores
from cache.upkeep.adopt import adopt_store
from cache.upkeep.gc import collect
from cache.upkeep.repair import repair_store
from cache.upkeep.repair_cache import repair_cache
from cache.upkeep.verify import verify_store
from cache.upkeep.verify_cache import verify_cache

NUMBERS = st.integers(0, 9)
DONE: Counter[str] = Counter()
"""Steps by their name, and what came of those that failed on purpose."""


class CacheMachine(RuleBasedStateMachine):
    """One lab's cache and store. `wanted` is what its data say, `published` what its store must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = memory_folder("machine-")
        self.caches = 0
        self.cache = self.fresh_cache()
        self.out = self.folder / "out.zarr"
        self.wanted: Rows = {}
        self.published: Rows = {}
        self.known: set[tuple[int, int]] = set()
        """Rows that the cache has for certain: they may not be computed again."""

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def fresh_cache(self) -> Cache:
        self.caches += 1
        return Cache(self.folder / f"cache{self.caches}")

    @initialize(numbers=st.sets(NUMBERS, min_size=1))
    def begin(self, numbers: set[int]) -> None:
        self.wanted = dict.fromkeys(numbers, 1)
        self.build()

    @rule()
    def build(self) -> None:
        DONE["build"] += 1
        computed = build(self.cache, self.out, self.wanted)
        twice = {(n, self.wanted[n]) for n in computed} & self.known
        assert not twice, f"computed again: {sorted(twice)}"
        self.published = dict(self.wanted)
        self.known |= set(self.wanted.items())

    @rule(number=NUMBERS, version=st.integers(1, 3))
    def edit(self, number: int, version: int) -> None:
        """Changed, changed back, or new."""
        DONE["edit"] += 1
        self.wanted[number] = version

    @rule(number=NUMBERS)
    @precondition(lambda self: len(self.wanted) > 1)
    def remove(self, number: int) -> None:
        DONE["remove"] += 1
        if len(self.wanted) > 1:
            self.wanted.pop(number, None)

    @rule(at=st.integers(1, 120), how=st.sampled_from(["kill", "kill", "full", "broken"]))
    def build_on_a_failing_disk(self, at: int, how: How) -> None:
        """The store is the one before, or the new one: never a mix."""
        result: Ended = ended(lambda: build(self.cache, self.out, self.wanted), at, how)
        DONE[f"build, {how}: {result}"] += 1
        found = read(self.out)
        assert found in (self.published, self.wanted)
        assert result not in ("whole", "untouched") or found == self.wanted
        self.published = found
        self.known |= set(found.items())

    @rule(at=st.integers(1, 30))
    def collect_and_die(self, at: int) -> None:
        DONE["gc, kill"] += 1
        ended(lambda: collect(self.cache, days=0, delete=True), at, "kill")
        self.known &= set(self.published.items())

    @rule()
    def collect(self) -> None:
        DONE["gc"] += 1
        collect(self.cache, days=0, delete=True)
        self.known &= set(self.published.items())

    @rule(pick=st.integers(0, 1 << 20), flip=st.booleans(), cache_first=st.booleans())
    def damage_and_repair(self, pick: int, flip: bool, cache_first: bool) -> None:
        """A byte flips, or two shards exchange their contents, in the file that store and cache share."""
        DONE["verify and repair"] += 1
        build(self.cache, self.out, self.published)
        before = (self.out / "manifest.json").read_bytes()
        shards = (
            sorted(self.out.glob("f*/c.*"))
            if not flip
            else sorted(p for p in self.out.rglob("*") if p.is_file())
        )
        path = shards[pick % len(shards)]
        other = next((p for p in shards if p != path and p.parent == path.parent), None)
        if flip:
            overwrite(path, flipped(path.read_bytes(), pick))
        elif other is not None and other.read_bytes() != path.read_bytes():
            data = path.read_bytes(), other.read_bytes()
            overwrite(path, data[1])
            overwrite(other, data[0])
        else:
            return
        assert path.relative_to(self.out).as_posix() in {
            fault.place for fault in verify_store(self.out).faults
        }
        if cache_first:
            repair_cache(self.cache)
        done = repair_store(
            self.out, self.cache, name=NAME, rebuild=lambda: build(self.cache, self.out, self.published)
        )
        assert done.left == ()
        assert (self.out / "manifest.json").read_bytes() == before
        repair_cache(self.cache)
        self.known = set()

    @rule(pick=st.integers(0, 1 << 20), kind=st.sampled_from(get_args(Damage)), times_kept=st.booleans())
    def damage_and_build(self, pick: int, kind: Damage, times_kept: bool) -> None:
        """A build on damage gives right rows, or refuses; of what it links unseen, readers and `verify` tell."""
        build(self.cache, self.out, self.published)
        if not damage(self.cache, self.out, kind, pick, times_kept=times_kept):
            return
        try:
            build(self.cache, self.out, self.wanted)
            self.published = dict(self.wanted)
            DONE[f"build after: {kind}"] += 1
        except CacheError:
            DONE[f"build refused after: {kind}"] += 1
        faults = (*verify_store(self.out).faults, *verify_cache(self.cache).faults)
        refused = rows_refused(self.out, self.published)
        assert faults or not refused
        if refused:
            DONE["build linked damage"] += 1
        repair_cache(self.cache)
        done = repair_store(
            self.out, self.cache, name=NAME, rebuild=lambda: build(self.cache, self.out, self.published)
        )
        assert done.left == ()
        repair_cache(self.cache)
        self.known = set()

    @rule()
    def adopt_elsewhere(self) -> None:
        """Another lab goes on from the store."""
        DONE["adopt"] += 1
        shutil.rmtree(self.cache.root)
        self.cache = self.fresh_cache()
        adopt_store(self.out, self.cache, NAME)
        self.known = set(self.published.items())

    @rule(adopting=st.booleans())
    def export_and_import(self, adopting: bool) -> None:
        DONE["export and import"] += 1
        archive, files = self.folder / "out.zip", files_of(self.out)
        archive.unlink(missing_ok=True)
        export_store(self.out, archive)
        assert read(archive) == self.published
        shutil.rmtree(self.out)
        import_store(
            archive, self.out, cache=self.cache if adopting else None, name=NAME if adopting else None
        )
        assert files_of(self.out) == files

    @rule(numbers=st.sets(NUMBERS, min_size=1), clash=st.booleans())
    def merge(self, numbers: set[int], clash: bool) -> None:
        """With another lab's store of some of the rows; where it says otherwise of one, nothing is merged."""
        DONE["merge"] += 1
        theirs = {n: self.published.get(n, 1) for n in numbers}
        common = sorted(theirs.keys() & self.published.keys())
        if clash and common:
            theirs[common[0]] += 1
        other, merged = self.folder / "other.zarr", self.folder / "merged.zarr"
        build(Cache(self.folder / "their-cache"), other, theirs)
        if clash and common:
            try:
                merge_stores([self.out, other], merged)
            except MergeError:
                DONE["merge refused"] += 1
            else:
                raise AssertionError("merged what disagrees")
        else:
            merge_stores([self.out, other], merged)
            assert verify_store(merged).faults == ()
            assert read(merged) == {**theirs, **self.published}
            shutil.rmtree(merged)
        shutil.rmtree(other)

    @rule()
    @precondition(lambda _: old_harstore() is not None)
    def open_with_an_older_harstore(self) -> None:
        DONE["open from an older harstore"] += 1
        old = old_harstore()
        assert old is not None
        with old.reader.open(self.out) as store:
            assert held(store) == self.published

    @invariant()
    def all_is_right(self) -> None:
        """What the store holds is what was published last; nothing is damaged; nothing half-made is left for good."""
        if not self.published:
            return
        assert read(self.out) == self.published
        assert verify_store(self.out).faults == ()
        left = [fault for fault in verify_cache(self.cache).faults if "it has no record" not in fault.what]
        assert left == []

    @rule()
    def sweep(self) -> None:
        """A build leaves nothing of what killed ones left."""
        DONE["sweep"] += 1
        self.build()
        assert leftovers(self.folder) == []


_LONG = os.environ.get("MACHINE_EXAMPLES")
EXAMPLES, STEPS = map(int, (_LONG or "30x30").split("x"))

CacheMachine.TestCase.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, derandomize=not _LONG, database=None,
    suppress_health_check=list(HealthCheck), print_blob=True,
)  # fmt: skip
TestCacheMachine = CacheMachine.TestCase


def test_every_kind_of_step_was_taken() -> None:
    """Above: a machine that never kills or merges proves nothing of either."""
    print("\n".join(f"{count:7,} {step}" for step, count in sorted(DONE.items())))
    wanted = {
        "build",
        "edit",
        "remove",
        "gc",
        "gc, kill",
        "verify and repair",
        "adopt",
        "export and import",
        "merge",
    }
    wanted |= {"merge refused", "sweep", "build, kill: killed", "build, full: told", "build, broken: told"}
    wanted |= {"build linked damage", *(f"build after: {kind}" for kind in get_args(Damage))}
    wanted |= {"open from an older harstore"} if old_harstore() else set()
    assert wanted <= DONE.keys()
