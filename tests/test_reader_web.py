"""A store that is replaced while it is read over HTTP, and a server that is busy, slow or stuck."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from feature_store import copied, make_wide_store, wide_row
from serving import Validator, serving

from cache import CacheError, ShardError, StoreError
from cache.harstore import open
from cache.reader.remote import patience
from cache.reader.remote.patience import Patience, Timed, retry_after_seconds

IDS = tuple(f"c{n:03d}" for n in (0, 1, 2, 3, 16, 17, 32, 33))
DATE = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two stores of the same shape and sizes, and of other numbers."""
    folders = [tmp_path_factory.mktemp(f"version{number}") for number in (0, 1)]
    one, other = (make_wide_store(folder, version=number) for number, folder in enumerate(folders))
    return one, other


def expected(ids: tuple[str, ...] = IDS) -> np.ndarray[Any, Any]:
    return np.stack([wide_row(clip_id, 0) for clip_id in ids])


def publish(store: Path, home: Path, at_second: int) -> None:
    """As a publisher does who copies a store over the one before; its files get their times by the second."""
    for path in copied(store, home / "features.zarr").rglob("*"):
        if path.is_file():
            os.utime(path, (1_700_000_000 + at_second,) * 2)


@pytest.mark.parametrize(
    ("validator", "message"),
    [
        ("etag", "the server no longer has the version"),
        ("deaf etag", "its ETag is"),
        ("weak etag", "its ETag is"),
        ("date", "it was modified"),
        ("none", "holds another shard's bytes"),
    ],
)
def test_a_store_replaced_between_two_reads_of_one_shard_is_refused(
    versions: tuple[Path, Path], tmp_path: Path, validator: Validator, message: str
) -> None:
    """Even where a server tells nothing of versions: then by the checksums of the shard's chunks."""
    publish(versions[0], tmp_path, 0)
    with serving(tmp_path, validator=validator) as server, open(f"{server.url}/features.zarr") as reader:
        np.testing.assert_array_equal(reader["video_0"].of(IDS[:4]), expected(IDS[:4]))
        publish(versions[1], tmp_path, 10)
        with pytest.raises((StoreError, ShardError), match=message) as caught:
            reader["video_0"].of([f"c{n:03d}" for n in range(16)])
        assert "pen the store again" in str(caught.value) or "open it again" in str(caught.value)
        sent = [headers.get("If-Match") for headers in server.headers]
        assert any(sent) == (validator in ("etag", "deaf etag"))  # a weak one never matches


@pytest.mark.parametrize("validator", ["etag", "none"])
def test_a_store_replaced_between_two_shards_is_refused(
    versions: tuple[Path, Path], tmp_path: Path, validator: Validator
) -> None:
    """The second shard is first asked for afterwards: no ETag of it is known yet, the manifest's digests are."""
    publish(versions[0], tmp_path, 0)
    with serving(tmp_path, validator=validator) as server, open(f"{server.url}/features.zarr") as reader:
        np.testing.assert_array_equal(reader["video_0"].of("c000"), wide_row("c000", 0))
        publish(versions[1], tmp_path, 10)
        with pytest.raises(CacheError, match=r"not the one that was published here|were promised"):
            reader["video_0"].of("c017")
        with open(f"{server.url}/features.zarr") as again:
            np.testing.assert_array_equal(again["video_0"].of("c017"), wide_row("c017", 1))


def test_an_unchanged_store_is_read_whatever_the_server_tells(
    versions: tuple[Path, Path], tmp_path: Path
) -> None:
    publish(versions[0], tmp_path, 0)
    validators: list[Validator] = ["none", "etag", "deaf etag", "weak etag", "date"]
    for validator in validators:
        with serving(tmp_path, validator=validator) as server, open(f"{server.url}/features.zarr") as reader:
            for clip_id in IDS:
                np.testing.assert_array_equal(reader["video_0"].of(clip_id), wide_row(clip_id, 0))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were to be waited, in order; nobody waits."""
    slept: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", slept.append)
    return slept


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (503, {"Retry-After": "3"}, 3.0),
        (429, {"Retry-After": "0"}, 0.0),
        (503, {"Retry-After": format_datetime(DATE + timedelta(seconds=7), usegmt=True),
               "Date": format_datetime(DATE, usegmt=True)}, 7.0),
    ],
)  # fmt: skip
def test_a_busy_server_is_asked_again_when_it_says(
    versions: tuple[Path, Path], pauses: list[float], status: int, headers: Mapping[str, str], seconds: float
) -> None:
    """Every third answer: far fewer than the attempts in a row, and many times in all."""

    def busy(number: int) -> tuple[int, Mapping[str, str]] | None:
        return (status, headers) if number % 3 == 1 else None

    with (
        serving(versions[0].parent, busy=busy) as server,
        open(f"{server.url}/features.zarr", wait_seconds=7.0) as reader,
    ):
        np.testing.assert_array_equal(reader["video_0"].of(IDS), expected())
        assert len(pauses) >= 3
        assert set(pauses) == {seconds}


def test_other_faults_of_the_server_are_asked_again_after_longer_and_longer(
    versions: tuple[Path, Path], pauses: list[float]
) -> None:
    def busy(number: int) -> tuple[int, Mapping[str, str]] | None:
        return (500 + number, {}) if number < 5 else None

    with serving(versions[0].parent, busy=busy) as server, open(f"{server.url}/features.zarr") as reader:
        assert len(reader) == 40
    assert len(pauses) == 5
    for number, seconds in enumerate(pauses):
        assert 0.05 * 2**number <= seconds <= 0.1 * 2**number


def test_patience_ends(versions: tuple[Path, Path], pauses: list[float]) -> None:
    with serving(versions[0].parent, busy=lambda _: (502, {})) as server:
        with pytest.raises(StoreError, match=r"answers 502; asked 3 times \(attempts=3\)"):
            open(f"{server.url}/features.zarr", attempts=3)
        assert len(server.asked) == 3
        with pytest.raises(StoreError, match=r"wait_seconds=0\.3 allows .* higher wait_seconds"):
            open(f"{server.url}/features.zarr", wait_seconds=0.3)
    before = len(pauses)
    with (
        serving(versions[0].parent, busy=lambda _: (503, {"Retry-After": "3600"})) as server,
        pytest.raises(StoreError, match=r"it asks for 3,600\.0 seconds"),
    ):
        open(f"{server.url}/features.zarr")
    assert len(pauses) == before
    with pytest.raises(StoreError, match="attempts 1 or more"):
        open("http://127.0.0.1:1/features.zarr", attempts=0)


@pytest.mark.parametrize("header", ["", "soon", "-3", "1.5", "²"])
def test_what_is_no_retry_after(header: str) -> None:
    assert retry_after_seconds({"retry-after": header}) is None


def test_a_date_that_has_passed_is_now() -> None:
    assert retry_after_seconds({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0


def test_a_body_that_stops_is_left(versions: tuple[Path, Path]) -> None:
    with (
        serving(versions[0].parent, stuck=True) as server,
        pytest.raises(StoreError, match=r"within timeout_seconds=0\.2 .*open the store with more"),
    ):
        open(f"{server.url}/features.zarr", timeout_seconds=0.2)


class _Dripping:
    """A socket that receives `size` bytes a second, by a clock of its own."""

    def __init__(self, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.size = size
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def makefile(self, *_: object, **__: object) -> "_Dripping":
        return self

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def readinto(self, buffer: memoryview) -> int:
        self.now += 1.0
        return min(self.size, len(buffer))

    def close(self) -> None:
        pass


def test_one_byte_a_second_does_not_outlast_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    dripping = _Dripping(1, monkeypatch)
    with pytest.raises(TimeoutError, match="too slowly"):
        Timed(dripping, 5.0).makefile("rb").read(100)  # type: ignore[arg-type]
    assert dripping.now == 6.0  # the sixth byte was waited for from 5.0003 seconds on


def test_a_slow_line_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 KB a second for 100 seconds, under a timeout of 5."""
    dripping = _Dripping(20_000, monkeypatch)
    timed = Timed(dripping, 5.0)  # type: ignore[arg-type]
    assert sum(timed.readinto(memoryview(bytearray(20_000))) or 0 for _ in range(100)) == 2_000_000
    assert Patience(5.0).deadline_seconds(2_000_000) > 100
