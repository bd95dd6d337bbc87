import os
import shutil
from pathlib import Path

import pytest
from cache_small import Computer, build, bytes_of, rows_of
from test_cache_verify import put, reseal

from cache import Cache, StoreError
from cache.home.references import read_uses
from cache.store.parts import read_parts
from cache.upkeep.adopt import adopt_store
from cache.upkeep.verify_cache import verify_cache


@pytest.fixture
def pulled(tmp_path: Path) -> Path:
    """A store that another cache made; r003 failed, r005 is gone, so that its row is a hole."""
    compute = Computer(frozenset({"r003"}))
    build(Cache(tmp_path / "theirs"), tmp_path / "made", rows_of(*range(10)), compute)
    build(Cache(tmp_path / "theirs"), tmp_path / "made", rows_of(*(n for n in range(10) if n != 5)), compute)
    shutil.copytree(tmp_path / "made", tmp_path / "pulled")
    return tmp_path / "pulled"


@pytest.fixture
def ours(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "ours")


def test_after_adoption_one_new_row_costs_one_row(ours: Cache, pulled: Path, tmp_path: Path) -> None:
    done = adopt_store(pulled, ours, "test/store")
    assert (done.taken, done.known, done.ordered) == (9, 0, True)
    assert verify_cache(ours).faults == ()
    rows = rows_of(*(n for n in range(11) if n != 5), version={7: 2})
    compute, _ = build(ours, tmp_path / "mine", rows)
    assert compute.asked == ["r010", "r007"]  # r010 fills the hole in block 1
    assert read_parts(tmp_path / "mine").ids()[5] == "r010"
    same = {name for name, data in bytes_of(pulled).items() if bytes_of(tmp_path / "mine").get(name) == data}
    assert {"count/c.0", "count/c.2", "count/documents.0", "features/c.2.0"} <= same


def test_the_same_rows_give_the_same_bytes_and_no_work(ours: Cache, pulled: Path, tmp_path: Path) -> None:
    adopt_store(pulled, ours, "test/store")
    compute, _ = build(ours, tmp_path / "mine", rows_of(*(n for n in range(10) if n != 5)))
    assert compute.asked == []  # r003's failure is known too
    assert bytes_of(tmp_path / "mine") == bytes_of(pulled)


def test_files_are_linked_and_nobody_writes_to_them(ours: Cache, pulled: Path) -> None:
    (pulled / "count/c.0").chmod(0o644)
    adopt_store(pulled, ours)
    shard = pulled / "count/c.0"
    assert shard.stat().st_nlink == 2
    assert shard.stat().st_mode & 0o222 == 0


def test_anothers_writable_file_is_copied(ours: Cache, pulled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pulled / "count/c.0").chmod(0o666)
    owned = os.chmod

    def refuse(path: Path, mode: int, **options: bool) -> None:
        if os.stat(path).st_ino == (pulled / "count/c.0").stat().st_ino:  # noqa: PTH116
            raise PermissionError(1, "Operation not permitted")
        owned(path, mode, **options)

    monkeypatch.setattr(os, "chmod", refuse)
    adopt_store(pulled, ours)
    assert (pulled / "count/c.0").stat().st_nlink == 1
    assert verify_cache(ours).faults == ()


def test_adopting_twice_takes_nothing_and_keeps_the_order_that_is_there(ours: Cache, pulled: Path) -> None:
    adopt_store(pulled, ours, "test/store")
    before = ours.order("test/store").read_bytes()
    again = adopt_store(pulled, ours, "test/store")
    assert (again.taken, again.known, again.ordered) == (0, 9, False)
    assert ours.order("test/store").read_bytes() == before
    assert [use.out for use in read_uses(ours)] == [pulled]


def test_one_flipped_byte_and_nothing_is_taken(ours: Cache, pulled: Path) -> None:
    data = bytearray((pulled / "frames/c.1.0.0").read_bytes())
    data[5] ^= 1
    put(pulled / "frames/c.1.0.0", bytes(data))
    with pytest.raises(StoreError, match=r"not adopted: frames/c\.1\.0\.0.*cache repair"):
        adopt_store(pulled, ours, "test/store")
    assert not list(ours.root.glob("shards/*/*"))
    assert not ours.order("test/store").exists()


def test_documents_that_do_not_give_the_keys_are_refused(ours: Cache, pulled: Path, tmp_path: Path) -> None:
    """A forger's store: everything agrees with the manifest, but a row's documents are another's."""
    build(Cache(tmp_path / "forger"), tmp_path / "forged", rows_of(*range(10), version={2: 9}))
    put(pulled / "count/documents.0", (tmp_path / "forged/count/documents.0").read_bytes())
    reseal(pulled)
    with pytest.raises(StoreError, match=r"not adopted: count/documents\.0.*r002"):
        adopt_store(pulled, ours)
    assert not list(ours.root.glob("shards/*/*"))
