"""Import: from a zip, a folder or an address; the same bytes arrive, in one step, and the cache has them."""

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cache_small import Computer, build, bytes_of, rows_of

from cache import ArchiveError, Cache, StoreError
from cache.exchange.export import export_store
from cache.exchange.importing import import_store
from cache.exchange.origins import FolderOrigin
from cache.store.manifest import read_manifest


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """A test's server says nothing."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Lab A's: ten rows, one failed, one hole."""
    cache, out = Cache(tmp_path / "lab_a"), tmp_path / "a.zarr"
    build(cache, out, rows_of(*range(10)), Computer(bad=frozenset({"r005"})))
    build(cache, out, rows_of(0, 1, 2, 4, 5, 6, 7, 8, 9))
    return out


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """tmp_path behind an address of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_zip_and_a_folder_arrive_byte_for_byte(store: Path, tmp_path: Path) -> None:
    export_store(store, tmp_path / "one.zip")
    for source, name in ((tmp_path / "one.zip", "z.zarr"), (store, "f.zarr")):
        done = import_store(source, tmp_path / "b" / name)
        assert bytes_of(tmp_path / "b" / name) == bytes_of(store)
        assert (done.rows, done.files, done.adopted) == (9, len(bytes_of(store)), None)
        assert done.digest == read_manifest(store).digest
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["f.zarr", "z.zarr"]


def test_what_a_killed_import_left_is_swept_by_the_next(store: Path, tmp_path: Path) -> None:
    (tmp_path / "b" / "z.zarr.importing" / "count").mkdir(parents=True)
    (tmp_path / "b" / "z.zarr.fetched").write_bytes(b"half a zip")
    import_store(store, tmp_path / "b" / "z.zarr")
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["z.zarr"]


def test_a_zip_and_a_folder_behind_an_address(store: Path, tmp_path: Path, served: str) -> None:
    export_store(store, tmp_path / "one.zip")
    for source, name in ((f"{served}/one.zip", "z.zarr"), (f"{served}/a.zarr", "f.zarr")):
        import_store(source, tmp_path / "b" / name)
        assert bytes_of(tmp_path / "b" / name) == bytes_of(store)
    with pytest.raises(StoreError, match=r"none\.zip can't be fetched"):
        import_store(f"{served}/none.zip", tmp_path / "b" / "n.zarr")
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["f.zarr", "z.zarr"]


def test_the_cache_computes_nothing_that_was_imported(store: Path, tmp_path: Path) -> None:
    export_store(store, tmp_path / "one.zip")
    cache = Cache(tmp_path / "lab_b")
    done = import_store(tmp_path / "one.zip", tmp_path / "b.zarr", cache=cache, name="test/store")
    assert done.adopted is not None
    assert (done.adopted.taken, done.adopted.known, done.adopted.ordered) == (9, 0, True)
    assert "9 shards taken" in str(done)
    computer, _ = build(cache, tmp_path / "c.zarr", rows_of(0, 1, 2, 4, 5, 6, 7, 8, 9, 11))
    assert computer.asked == ["r011"]
    kept = tmp_path / "b.zarr" / "features" / "c.1.0"
    assert (tmp_path / "c.zarr" / "features" / "c.1.0").stat().st_ino == kept.stat().st_ino


def test_the_publishers_digest_names_the_store(store: Path, tmp_path: Path) -> None:
    digest = export_store(store, tmp_path / "one.zip").digest
    import_store(tmp_path / "one.zip", tmp_path / "b.zarr", digest=digest)
    with pytest.raises(ArchiveError, match=f"its digest is {digest}, asked for was {'0' * 40}"):
        import_store(tmp_path / "one.zip", tmp_path / "c.zarr", digest="0" * 40)
    assert not (tmp_path / "c.zarr").exists()


def test_what_is_there_stays(store: Path, tmp_path: Path) -> None:
    (tmp_path / "b.zarr").mkdir()
    with pytest.raises(StoreError, match="is there already"):
        import_store(store, tmp_path / "b.zarr")
    with pytest.raises(StoreError, match="no such file or folder"):
        import_store(tmp_path / "gone.zip", tmp_path / "c.zarr")
    with pytest.raises(ArchiveError, match=r"neither a file here nor an http\(s\) address"):
        import_store("ftp://example.org/a.zip", tmp_path / "c.zarr")


def test_a_zip_made_by_another_tool_is_as_good(store: Path, tmp_path: Path) -> None:
    """`zip -0 -r` writes entries for folders too; a compressed one is refused (see test_hostile)."""
    import zipfile

    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        for path in sorted(store.rglob("*")):
            archive.write(path, path.relative_to(store).as_posix())
    import_store(tmp_path / "one.zip", tmp_path / "b.zarr")
    assert bytes_of(tmp_path / "b.zarr") == bytes_of(store)


def test_a_full_disk_is_told_before_anything_is_written(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(OSError, match=r"says that it takes .* bytes; 100 are free"):
        import_store(store, tmp_path / "b.zarr")
    assert not list(tmp_path.glob("b.zarr*"))


def test_a_link_that_appears_after_the_listing(tmp_path: Path) -> None:
    """Opened as a plain file or not at all."""
    (tmp_path / "zarr.json").symlink_to("/dev/zero")
    with pytest.raises(ArchiveError, match=r"zarr\.json can't be read"):
        FolderOrigin(tmp_path).opened("zarr.json")
