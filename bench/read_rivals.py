"""The same features in other forms: h5py, WebDataset, a folder of .npy, plain zarr; for bench/reads.py."""

import io
import tarfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache import ArraySpec, Build, Cache, Row, StoreSpec, write_block
from cache.harstore import Reader, open
from cache.shards.writing import ShardWriter

DIM = 512
CHUNK_ROWS = 16
SHARD_ROWS = 4096

Arm = Callable[[Path, int], object]
Reads = Callable[[NDArray[np.intp]], object]


def features(clips: int) -> NDArray[np.float32]:
    """Draw random features (clips, DIM), float32."""
    return np.random.default_rng(0).random((clips, DIM), dtype=np.float32)


def write_store(folder: Path, name: str, clips: int, codec: Any) -> Path:
    """Through our own cache."""
    values = features(clips)
    spec = StoreSpec(
        (ArraySpec("video_0", "float32", (DIM,), ("channel",), chunk_rows=CHUNK_ROWS, codec=codec),),
        SHARD_ROWS,
        "clip",
    )

    def compute(ids: list[str], _: frozenset[str]) -> Iterator[tuple[str, dict[str, NDArray[Any]]]]:
        return ((row_id, {"video_0": values[int(row_id[1:])]}) for row_id in ids)

    rows = [Row(f"c{i:06d}", {"video_0": {"clip": i, "codec": codec}}) for i in range(clips)]
    cache = Cache(folder / f"{name}.cache")
    build = Build(cache, f"bench/{name}", spec, rows)
    for task in build.tasks:
        write_block(cache.root, task, compute)
    build.finish(folder / f"{name}.zarr", {"label": np.arange(clips) % 60}, {"stage": "features"})
    return folder / f"{name}.zarr"


def write_shards(folder: Path, clips: int) -> None:
    """The shards alone: no plan, keys, records or store around them."""
    spec = ArraySpec("video_0", "float32", (DIM,), ("channel",), chunk_rows=CHUNK_ROWS)
    values = features(clips)
    for start in range(0, clips, SHARD_ROWS):
        writer = ShardWriter(folder / f"c.{start}", spec, SHARD_ROWS)
        for row in values[start : start + SHARD_ROWS]:
            writer.write(row)
        writer.close()


def write_plain_zarr(folder: Path, clips: int) -> None:
    """The same chunks, shards and checksums, by zarr-python."""
    import zarr
    from zarr.codecs import Crc32cCodec

    array = zarr.create_array(
        folder / "plain.zarr", shape=(clips, DIM), dtype="float32", chunks=(CHUNK_ROWS, DIM),
        shards=(SHARD_ROWS, DIM), compressors=[Crc32cCodec()],
    )  # fmt: skip
    values = features(clips)
    for start in range(0, clips, SHARD_ROWS):
        array[start : start + SHARD_ROWS] = values[start : start + SHARD_ROWS]


def zarrs_array(store: Path, name: str, threads: int) -> Any:
    """Open an array by zarr-python with zarrs' codecs, on so many threads."""
    import zarr

    import_module("zarrs")  # registers its pipeline
    zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "threading.max_workers": threads,
                     "codec_pipeline.chunk_concurrent_maximum": threads})  # fmt: skip
    return zarr.open_group(store, mode="r")[name]


def count_files(reader: Reader, clips: int) -> int:
    """Count the files of a store with one array: shards, their documents, coordinates, each zarr.json, the manifest."""
    shards = -(-clips // SHARD_ROWS)
    return 2 * shards + len(reader.coords) + (1 + len(reader.coords)) + 2


def all_random(folder: Path, clips: int) -> Iterator[tuple[str, Reads, int]]:
    """Yield (name, a function that reads these clips one by one, number of files) for each format."""
    for check in ("first", "always"):
        for codec in ("raw", "zstd"):
            store = folder / f"sequential-{codec}.zarr"
            reader = open(store, check="first" if check == "first" else "always")
            yield f"harstore, {codec}, crc {check}", _by_id(reader), _files(store)
    store = folder / "sequential-raw.zarr"
    yield "zarr-python, the same store", _zarr(store), _files(store)
    yield "h5py, one contiguous dataset, no checksum", _h5py(folder / "contiguous.h5", clips, {}), 1
    chunked = {"chunks": (CHUNK_ROWS, DIM), "fletcher32": True}
    yield f"h5py, chunks of {CHUNK_ROWS}, fletcher32", _h5py(folder / "chunked.h5", clips, chunked), 1
    yield "folder of .npy", _npy(folder / "npy", clips), clips
    yield "WebDataset, in order", _webdataset(folder / "clips.tar", clips), 1


def _files(store: Path) -> int:
    return sum(path.is_file() for path in store.rglob("*"))


def _by_id(reader: Reader) -> Reads:
    view = reader["video_0"]
    return lambda order: [view.of(reader.ids[place]) for place in order]


def _zarr(store: Path) -> Reads:
    import zarr

    array = zarr.open_group(store, mode="r")["video_0"]
    return lambda order: _one_by_one(array, order)


def _one_by_one(array: Any, order: NDArray[np.intp]) -> None:
    for place in order:
        array[int(place)]


def _h5py(path: Path, clips: int, options: dict[str, Any]) -> Reads:
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("video_0", data=features(clips), **options)
    opened = h5py.File(path, "r")["video_0"]
    return lambda order: _one_by_one(opened, order)


def _npy(folder: Path, clips: int) -> Reads:
    folder.mkdir()
    for place, row in enumerate(features(clips)):
        np.save(folder / f"c{place:06d}.npy", row)
    return lambda order: [np.load(folder / f"c{place:06d}.npy") for place in order]


def _webdataset(path: Path, clips: int) -> Reads:
    import webdataset

    with tarfile.open(path, "w") as archive:
        for place, row in enumerate(features(clips)):
            data = io.BytesIO()
            np.save(data, row)
            entry = tarfile.TarInfo(f"c{place:06d}.npy")
            entry.size = data.tell()
            archive.addfile(entry, io.BytesIO(data.getvalue()))

    def read(order: NDArray[np.intp]) -> None:
        found = iter(webdataset.WebDataset(str(path), shardshuffle=False, empty_check=False).decode())
        for _ in order:
            next(found)

    return read
