import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from cache_small import build, rows_of
from hypothesis import given
from hypothesis import strategies as st

from cache import JSON, ArraySpec, Cache
from cache.keys import canonical, canonical_with
from cache.shards.spelled import SpelledDocs, spelled_docs
from cache.shards.writing import ShardWriter

values = (
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, -0.0]) | st.text(max_size=2)
)
documents = st.none() | st.dictionaries(st.sampled_from("abc"), values | st.lists(values, max_size=2))


def spelled(doc: object) -> str:
    return json.dumps(doc, sort_keys=True)


def test_what_all_share_is_written_once() -> None:
    docs = [{"step": "a", "flag": 1, "clip": 1}, None, {"step": "a", "flag": True, "clip": 2}]
    made_of = spelled_docs(docs)
    assert made_of.common == {"step": "a"}
    assert made_of.own == ('{"clip":1,"flag":1}', None, '{"clip":2,"flag":true}')
    assert spelled_docs([1, 2]) == SpelledDocs({}, ("1", "2"))


@given(st.lists(documents, max_size=4))
def test_documents_come_back_whole(docs: list[dict[str, object] | None]) -> None:
    made_of = spelled_docs(docs)  # type: ignore[arg-type]
    whole = [None if own is None else {**made_of.common, **json.loads(own)} for own in made_of.own]
    assert spelled(whole) == spelled(docs)


@pytest.mark.parametrize("name", ["a", "bb", "d", '"\\'])
def test_a_member_that_is_spelled_already_stands_where_canonical_json_has_it(name: str) -> None:
    rest: dict[str, JSON] = {"b": 1, "c": [None]}
    assert canonical_with(rest, name, b"[3]") == canonical({**rest, name: [3]})
    assert canonical_with({}, name, b"[3]") == canonical({name: [3]})


def test_a_record_holds_each_rows_document_time_and_host(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    build(cache, tmp_path / "out", rows_of(0, 1, 2))
    record = json.loads(
        next(path for path in sorted(cache.root.rglob("*.json")) if "shards" in path.parts).read_bytes()
    )
    assert record["rows"][2]["id"] == "r002"
    assert {**record["common"], **record["rows"][2]["doc"]}["input"] == 2
    assert record["common"]["step"] == "test"
    assert {"host", "made_at", "seconds", "versions", "digest", "size", "spec"} <= record.keys()


def test_the_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HARCACHE_DIR", raising=False)
    assert Cache.from_env(tmp_path / "default").root == tmp_path / "default"
    monkeypatch.setenv("HARCACHE_DIR", str(tmp_path / "shared"))
    assert Cache.from_env(tmp_path / "default").root == tmp_path / "shared"


def test_memory_does_not_grow_with_the_shard(tmp_path: Path) -> None:
    spec, row = ArraySpec("a", "uint8", (1 << 18,), ("x",)), np.ones(1 << 18, np.uint8)

    def peak(rows: int) -> int:
        tracemalloc.start()
        writer = ShardWriter(tmp_path / "shard", spec, rows)
        for _ in range(rows):
            writer.write(row)
        writer.close()
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(2)
    assert peak(64) < 1.1 * peak(8)
