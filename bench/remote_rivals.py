"""The same features as Icechunk and Lance keep them; for bench/remote_reads.py.

It runs this with an interpreter that has both: pip install icechunk==1.1.21 pylance==14.0.2 zarr

    python bench/remote_rivals.py write FOLDER CLIPS          into FOLDER/icechunk, FOLDER/lance
    python bench/remote_rivals.py KIND URL CLIPS PICKED       reads from bucket `stores` of the S3 server at URL
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIM = 512
CHUNK_ROWS = 16
BUCKET = "stores"


def features(clips: int) -> NDArray[np.float32]:
    """(clips, DIM): random numbers, the same for all."""
    return np.random.default_rng(0).random((clips, DIM), dtype=np.float32)


def clip_ids(clips: int) -> list[str]:
    """Ids as NTU RGB+D's: 120 actions, then the next repetition, performer, camera, set-up."""
    return [
        f"S{at // 36000 + 1:03d}C{at // 12000 % 3 + 1:03d}P{at // 240 % 50 + 1:03d}"
        f"R{at // 120 % 2 + 1:03d}A{at % 120 + 1:03d}"
        for at in range(clips)
    ]


def picked_ids(clips: int, picked: int) -> list[str]:
    """Ids of so many clips at random, in random order."""
    ids = clip_ids(clips)
    return [ids[at] for at in np.random.default_rng(1).choice(clips, picked, replace=False)]


def write(folder: Path, clips: int) -> None:
    """Both, on this machine."""
    import icechunk
    import lance
    import pyarrow as pa
    import zarr

    values, ids = features(clips), clip_ids(clips)
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder / "icechunk")))
    session = repository.writable_session("main")
    array = zarr.create_array(
        session.store,
        name="video",
        shape=values.shape,
        dtype="float32",
        chunks=(CHUNK_ROWS, DIM),
        compressors=None,
    )
    array[:] = values
    zarr.create_array(session.store, name="clip_id", data=np.array(ids, "S"), chunks=(clips,))
    session.commit("features")
    rows = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), DIM)
    lance.write_dataset(pa.table({"clip_id": ids, "video": rows}), str(folder / "lance"))


def icechunk_by_id(url: str, wanted: list[str]) -> Any:
    """Ids from their one chunk, then the rows."""
    group = _icechunk(url)
    ids = group["clip_id"][:]
    place = {name.decode(): at for at, name in enumerate(ids)}
    return _rows(group["video"], [place[name] for name in wanted])


def icechunk_by_number(url: str, wanted: list[int]) -> Any:
    """The rows alone."""
    return _rows(_icechunk(url)["video"], wanted)


def lance_by_id(url: str, wanted: list[str]) -> Any:
    """By a filter over the column of ids."""
    names = ", ".join(repr(name) for name in wanted)
    found = _lance(url).to_table(columns=["clip_id", "video"], filter=f"clip_id in ({names})")
    place = {name.as_py(): at for at, name in enumerate(found["clip_id"])}
    return _stacked(found)[[place[name] for name in wanted]]


def lance_by_number(url: str, wanted: list[int]) -> Any:
    """By `take`, which needs no ids."""
    return _stacked(_lance(url).take(wanted, columns=["video"]))


def _icechunk(url: str) -> Any:
    import icechunk
    import zarr

    storage = icechunk.s3_storage(
        bucket=BUCKET, prefix="icechunk", endpoint_url=url, region="us-east-1", access_key_id="lab",
        secret_access_key="lab", allow_http=True, force_path_style=True,
    )  # fmt: skip
    return zarr.open_group(icechunk.Repository.open(storage).readonly_session("main").store, mode="r")


def _lance(url: str) -> Any:
    import lance

    options = {
        "aws_endpoint": url, "aws_region": "us-east-1", "access_key_id": "lab", "secret_access_key": "lab",
        "allow_http": "true",
    }  # fmt: skip
    return lance.dataset(f"s3://{BUCKET}/lance", storage_options=options)


def _rows(array: Any, places: list[int]) -> Any:
    order = np.argsort(places)
    out = np.empty((len(places), DIM), "float32")
    out[order] = array.oindex[np.sort(places)]
    return out


def _stacked(table: Any) -> Any:
    return table["video"].combine_chunks().flatten().to_numpy().reshape(-1, DIM)


KINDS: dict[str, Callable[..., Any]] = {
    "icechunk, by id": icechunk_by_id,
    "lance, by id": lance_by_id,
    "icechunk, by number": icechunk_by_number,
    "lance, by number": lance_by_number,
}


def main() -> None:
    """Write, or read and compare with what was written."""
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), int(sys.argv[3]))
        return
    kind, url, clips, picked = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    names = picked_ids(clips, picked)
    all_ids = clip_ids(clips)
    numbers = [all_ids.index(name) for name in names]
    found = KINDS[kind](url, names if kind.endswith("id") else numbers)
    if not np.array_equal(found, features(clips)[numbers]):
        raise RuntimeError(f"{kind} read other numbers than were written")


if __name__ == "__main__":
    main()
