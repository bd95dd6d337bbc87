"""Keys are digested once a document: a build without news digests none, one with a changed row that row's run."""

import json
from pathlib import Path
from typing import Any

import pytest
from cache_small import build, rows_of

from cache import JSON, Cache, KeyDocError, Row, key_of
from cache.build import metadata
from cache.home import row_keys
from cache.home.row_keys import RowKeys
from cache.keys import sealed
from cache.shards.records import read_record
from cache.upkeep.repair_cache import repair_cache
from cache.upkeep.verify_cache import verify_cache


def rows(count: int, changed: int | None = None, value: JSON = 1) -> list[Row | None]:
    docs: list[dict[str, JSON]] = [{"step": "s", "n": n, "of": {"a": 0, "b": None}} for n in range(count)]
    if changed is not None:
        docs[changed]["of"] = {"a": 0, "b": value}
    return [Row(f"r{n}", {"x": doc, **({"y": n} if n % 2 else {})}) for n, doc in enumerate(docs)]


@pytest.fixture
def digested(monkeypatch: pytest.MonkeyPatch) -> list[JSON]:
    """Every document that is digested."""
    seen: list[JSON] = []

    def digest(doc: JSON) -> str:
        seen.append(doc)
        return key_of(doc)

    monkeypatch.setattr(row_keys, "key_of", digest)
    return seen


def keys(path: Path, asked: list[Row | None]) -> dict[str, tuple[str | None, ...]]:
    memory = RowKeys(path, ["x", "y"])
    found = memory.of(asked)
    memory.remember()
    return found


def by_hand(asked: list[Row | None], array: str) -> tuple[str | None, ...]:
    return tuple(None if row is None or array not in row.docs else key_of(row.docs[array]) for row in asked)


def test_only_the_run_of_a_changed_row_is_digested(tmp_path: Path, digested: list[JSON]) -> None:
    path, before = tmp_path / "keys", [*rows(600), None]
    assert keys(path, before) == {"x": by_hand(before, "x"), "y": by_hand(before, "y")}
    assert len(digested) == 600 + 300
    digested.clear()
    assert keys(path, before) == {"x": by_hand(before, "x"), "y": by_hand(before, "y")}
    assert digested == []
    after = [*rows(600, changed=300), None]
    assert keys(path, after)["x"] == by_hand(after, "x")
    assert len(digested) == 256 + 128  # rows 256 to 511


@pytest.mark.parametrize("value", [1, True, 1.0, "1", [1], {"b": 1}])
def test_what_differs_in_its_type_alone_differs(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "keys"
    for before in (0, 1, 1.0, False, "0"):
        keys(path, rows(3, changed=1, value=before))
        asked = rows(3, changed=1, value=value)
        assert keys(path, asked)["x"] == by_hand(asked, "x")


def test_a_document_in_another_order_has_the_same_key(tmp_path: Path) -> None:
    one, other = Row("a", {"x": {"b": 1, "c": 2}}), Row("a", {"x": {"c": 2, "b": 1}})
    assert keys(tmp_path / "keys", [one]) == keys(tmp_path / "keys", [other])


@pytest.mark.parametrize("foreign", [float("nan"), (1,), {1}, lambda: None])
def test_what_is_no_json_is_refused_whatever_is_known(tmp_path: Path, foreign: Any) -> None:
    keys(tmp_path / "keys", rows(3, changed=1, value=None))
    with pytest.raises(KeyDocError):
        keys(tmp_path / "keys", rows(3, changed=1, value=foreign))


def test_a_flipped_byte_is_not_believed(tmp_path: Path) -> None:
    path, asked = tmp_path / "keys", rows(3)
    keys(path, asked)
    data = path.read_bytes()
    for place in (0, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert keys(path, asked)["x"] == by_hand(asked, "x")


def test_verify_names_damaged_keys_and_repair_removes_them(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    build(cache, tmp_path / "out", rows_of(0, 1))
    (path,) = [path for path in (cache.root / "row_keys").rglob("*") if path.is_file()]
    assert not verify_cache(cache).faults
    path.write_bytes(path.read_bytes()[:-1])
    assert [fault.place for fault in verify_cache(cache).faults] == [path.relative_to(cache.root).as_posix()]
    repair_cache(cache)
    assert not path.exists()
    assert not verify_cache(cache).faults


def test_zarr_is_asked_once_for_the_same_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache")
    build(cache, tmp_path / "out", rows_of(0, 1))
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("zarr.json")}
    monkeypatch.setattr(metadata, "_documents", None)
    build(cache, tmp_path / "out", rows_of(0, 1))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("zarr.json")} == first


def test_a_record_whose_documents_speak_of_rows_is_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    build(cache, tmp_path / "out", rows_of(0, 1))
    path = next(path for path in sorted((cache.root / "shards").rglob("*.json")))
    plain = read_record(path)
    document = json.loads(path.read_bytes())
    document["common"] |= {"of": {"a": 1, "rows": [1, 2], "rows_per_shard": 3}}
    document["rows"][0]["doc"] |= {"of": {"a": [1], "rows_per_shard": 3}}
    del document["seal"]
    path.write_bytes(sealed(document))
    assert (read_record(path).rows, read_record(path).size) == (plain.rows, plain.size)


def test_what_a_killed_build_left_is_no_damage(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    build(cache, tmp_path / "out", rows_of(0, 1))
    path = cache.row_keys("test/store")
    path.with_name(f"{path.name}.tmp").write_bytes(b"half")
    assert not verify_cache(cache).faults
