"""A cache in S3: conditions of writes, claims without clocks, content by its digest."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apart import use
from buckets import BUCKET, bucket

from cache.errors import ContentError, RemoteError
from cache.remote.claims import Claims
from cache.remote.content import Pool, Sender, content_name
from cache.remote.objects import Objects, Stored

KEY = "ab" * 20


@pytest.fixture(scope="module")
def objects() -> Iterator[Objects]:
    with bucket() as there, pytest.MonkeyPatch.context() as patch:
        use(there, "unit", patch)
        yield Objects(f"s3://{BUCKET}/unit/")


def never() -> bool:
    return False


def test_of_two_writes_on_a_condition_one_is_kept(objects: Objects) -> None:
    first = objects.create("a", b"1")
    assert first is not None
    assert objects.create("a", b"2") is None
    second = objects.replace("a", b"3", first)
    assert second not in (None, first)
    assert objects.replace("a", b"4", first) is None
    assert objects.read("a") == Stored(b"3", str(second))
    objects.remove("a")
    objects.remove("a")
    assert (objects.read("a"), objects.size("a")) == (None, None)
    assert objects.replace("a", b"5", str(second)) is None


def test_a_probe_leaves_nothing(objects: Objects) -> None:
    objects.check()
    assert objects.sizes("probe") == {}


def test_a_server_that_ignores_conditions_is_refused(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = objects._put
    monkeypatch.setattr(objects, "_put", lambda name, data, **_: original(name, data))
    with pytest.raises(RemoteError, match=r"does not keep conditions of writes \(If-None-Match, If-Match\)"):
        objects.check()


@pytest.mark.parametrize("url", ["/mnt/lab", "gs://lab/x", "s3://"])
def test_only_folders_of_s3_are_remote_caches(url: str) -> None:
    with pytest.raises(RemoteError, match="must be s3://BUCKET/PREFIX"):
        Objects(url)


def test_a_claim_is_ones_own_until_it_is_given_back(objects: Objects) -> None:
    """The second waits, for longer than a lease, as the first renews its claim; then there is nothing left to do."""
    done, order = threading.Event(), list[str]()
    with Claims(objects, 0.9) as one, Claims(objects, 0.9) as other:
        assert one.take(KEY, never)

        def wait() -> None:
            assert not other.take(KEY, done.is_set)
            order.append("the other went on")

        waiting = threading.Thread(target=wait)
        waiting.start()
        before = objects.read(f"claims/{KEY}")
        while (now := objects.read(f"claims/{KEY}")) is None or json.loads(now.data)["renewals"] < 4:
            time.sleep(0.05)
        assert before is not None
        assert json.loads(now.data)["owner"] == json.loads(before.data)["owner"]
        assert order == []
        done.set()
        waiting.join()
    assert order == ["the other went on"]
    assert objects.read(f"claims/{KEY}") is None


def test_a_claim_that_nobody_renews_is_taken_over(objects: Objects) -> None:
    dead = {"owner": "dead", "renewals": 0}
    assert objects.create(f"claims/{KEY}", json.dumps(dead).encode())
    with Claims(objects, 0.3) as claims:
        assert claims.take(KEY, never)
        found = objects.read(f"claims/{KEY}")
        assert found is not None
        assert b"dead" not in found.data
    assert objects.read(f"claims/{KEY}") is None


def test_an_owner_that_was_only_slow_does_not_give_back_anothers_claim(objects: Objects) -> None:
    with Claims(objects, 0.3) as slow:
        assert slow.take(KEY, never)
        held = objects.read(f"claims/{KEY}")
        assert held is not None
        while objects.replace(f"claims/{KEY}", b"another's", held.etag) is None:  # it is renewed meanwhile
            held = objects.read(f"claims/{KEY}") or held
        while slow._held:
            time.sleep(0.02)
    assert (objects.read(f"claims/{KEY}") or held).data == b"another's"
    objects.remove(f"claims/{KEY}")


def test_a_claim_whose_answer_was_lost_is_ones_own(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write was done, its answer never came, and the write that was tried again is refused."""
    original = objects.create

    def unanswered(name: str, data: bytes) -> None:
        original(name, data)

    monkeypatch.setattr(objects, "create", unanswered)
    with Claims(objects, 60.0) as claims:
        assert claims.take(KEY, never)


def test_content_is_sent_once_and_checked_as_it_is_fetched(objects: Objects, tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(b"frames")
    digest = hashlib.sha256(b"frames").hexdigest()
    for expected in (6, 0):
        sender = Sender(objects, lists=True)
        sender.send(path, digest)
        assert sender.bytes_sent == expected
    pool = Pool(objects, tmp_path / "pool")
    assert pool.fetch(digest).read_bytes() == b"frames"
    objects.create("content/none", b"")
    there: Any = objects.read(content_name(digest))
    assert objects.replace(content_name(digest), b"framed", there.etag)
    with pytest.raises(ContentError, match="was damaged, and is removed"):
        Pool(objects, tmp_path / "another").fetch(digest)
    with pytest.raises(ContentError, match="is not there any more"):
        Pool(objects, tmp_path / "another").fetch(digest)
    assert [*(tmp_path / "another").rglob("*.tmp")] == []


def test_a_file_that_is_not_what_was_recorded_is_not_sent(objects: Objects, tmp_path: Path) -> None:
    path = tmp_path / "shard"
    path.write_bytes(b"frames")
    with pytest.raises(ContentError, match="shard is not what was recorded of it"):
        Sender(objects).send(path, "00" * 20)
