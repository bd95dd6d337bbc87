"""Contents of a store by its manifest, accepted only where all statements agree and all files are whole.

Contents of chunks are checked as they are read; here are the manifest, the description and the files' sizes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SpecError, StoreError
from ..keys import FORMAT, canonical, digest_of, parsed
from ..layout import LAYOUT, MANIFEST
from ..shards.sources import Files
from .described import Part, described_parts, differing_from_zarr, expected_files, impossible_size, swollen
from .made import stated_made
from .manifest import MANIFEST_LIMIT_BYTES, FileFacts, Manifest, parse_manifest

_METADATA_LIMIT_BYTES = 256 << 20
_MAX_ROWS = 1 << 40


@dataclass(frozen=True)
class Contents:
    """A store's description, checked."""

    where: str
    files: Mapping[str, FileFacts]
    attrs: Mapping[str, Any]
    """The store's card, as `finish` was given it."""
    failures: tuple[dict[str, str], ...]
    """{"id", "array" where not all of the row's arrays failed, "error", "message"} a failure."""
    row_dim: str
    num_rows: int
    """Holes included."""
    arrays: Mapping[str, Part]
    coords: Mapping[str, Part]
    made_of: Mapping[str, Any]
    """Array to what all its rows' documents share: step, version, params, weights, runtime."""
    digest: str
    """The manifest's own: names this very content."""
    manifest: str
    """blake2b-160 of the manifest's bytes."""
    made: Mapping[str, NDArray[np.bool_]] | None = None
    """Array to (num_rows,): the rows that it was made for; one that is not named, for all with an id.

    None of a store of before this was stated: there the rows' keys tell."""

    def broken(self, why: str) -> StoreError:
        """An error that names the store."""
        return broken(self.where, why)


def broken(where: str, why: str) -> StoreError:
    """An error that names the store and says what to do."""
    return StoreError(
        f"store {where}: {why}. Fetch it again, or remove the folder and run its stage: "
        "the cache gives back what it has"
    )


def read_contents(files: Files) -> Contents:
    """Read the manifest and the description, and hold them against each other and the files. Raises StoreError."""
    manifest, digest = _manifest(files)
    document = _group(files, manifest.files)
    attrs: dict[str, Any] = document["attributes"]
    house = attrs.pop(LAYOUT, None)
    if not isinstance(house, dict) or house.get("format") != FORMAT:
        raise broken(files.where, f"its format is not {FORMAT!r}")
    try:
        contents = _contents(files.where, manifest, digest, attrs, house)
        _agree(contents, document)
        contents = replace(contents, made=_made(house.get("made"), contents))
    except (SpecError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, StoreError):
            raise
        raise broken(files.where, f"its description cannot be ({error!s:.300})") from error
    return contents


def _manifest(files: Files) -> tuple[Manifest, str]:
    """It and its bytes' digest; every file there with its size as far as that can be told at once."""
    try:
        data = files.whole(MANIFEST, limit=MANIFEST_LIMIT_BYTES)
    except FileNotFoundError as error:
        raise broken(files.where, f"it has no {MANIFEST}: no store, or never finished") from error
    except StoreError:
        raise
    except OSError as error:
        raise broken(files.where, f"its {MANIFEST} cannot be had ({error})") from error
    manifest = parse_manifest(data)
    if manifest.problem is not None:
        raise broken(files.where, f"its {MANIFEST} is {manifest.problem}")
    for name, facts in manifest.files.items():
        _refuse_unlike(files, name, facts)
    return manifest, digest_of(data)


def _refuse_unlike(files: Files, name: str, facts: FileFacts) -> None:
    try:
        size = files.size(name)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise broken(files.where, f"{name} is missing") from error
    except OSError as error:
        raise broken(files.where, f"{name} cannot be had ({error})") from error
    if size not in (None, facts.size):
        raise broken(files.where, f"{name} holds {size:,} bytes, its manifest says {facts.size:,}")


def _group(files: Files, listed: Mapping[str, FileFacts]) -> dict[str, Any]:
    """The group's zarr.json."""
    try:
        data = files.whole("zarr.json", limit=_METADATA_LIMIT_BYTES)
        if digest_of(data) != listed["zarr.json"].digest:
            raise broken(files.where, "zarr.json was changed since the store was made")
        document: dict[str, Any] = parsed(data)
        canonical(document["attributes"])  # refuses numbers that overflow to infinity
        document["attributes"].keys()
    except FileNotFoundError as error:
        raise broken(files.where, "zarr.json is missing") from error
    except StoreError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise broken(files.where, f"its zarr.json is unreadable ({error!r:.300})") from error
    return document


def _contents(
    where: str, manifest: Manifest, digest: str, attrs: dict[str, Any], house: dict[str, Any]
) -> Contents:  # fmt: skip
    rows = house["rows"]
    if type(rows) is not int or not 0 < rows <= _MAX_ROWS:
        raise ValueError(f"{rows!r:.40} rows")
    arrays, coords = (described_parts(house[kind]) for kind in ("arrays", "coords"))
    return Contents(
        where, manifest.files, attrs, tuple(attrs.pop("failures")), str(house["row_dim"]), rows, arrays, coords,
        dict(house["made_of"]), manifest.digest, digest,
    )  # fmt: skip


def _made(document: Any, contents: Contents) -> dict[str, NDArray[np.bool_]] | None:
    made = stated_made(document, contents.num_rows)
    if made is not None and not made.keys() <= contents.arrays.keys():
        raise ValueError(f"it tells which rows of {sorted(made)!r:.200} were made")
    return made


def _agree(contents: Contents, document: Mapping[str, Any]) -> None:
    """The description, the list of files and their sizes, and what Zarr is told: one store, not three."""
    arrays, coords = contents.arrays, contents.coords
    if contents.attrs.pop("coordinates") != " ".join(sorted(coords)):  # type: ignore[attr-defined]
        raise ValueError("its attribute `coordinates` names others than it has")
    required, allowed = expected_files(
        arrays, coords, contents.row_dim, contents.num_rows, len(contents.files)
    )
    missing, strange = sorted(required - contents.files.keys()), sorted(contents.files.keys() - allowed)
    if missing or strange:
        raise ValueError(f"it lists no {missing[:3]}" if missing else f"it should not have {strange[:3]}")
    for part in (*arrays.values(), *coords.values()):
        for block in range(-(-contents.num_rows // part.rows_per_shard)):
            size = contents.files[part.shard(block)].size
            why = impossible_size(
                part, min(part.rows_per_shard, contents.num_rows - block * part.rows_per_shard), size
            )
            if why:
                raise ValueError(f"{part.shard(block)} holds {size:,} bytes; {why}")
    for part in coords.values():
        if swollen(part, contents.files[part.shard(0)].size):
            raise ValueError(
                f"{part.shard(0)} would unpack to {part.spec.row_bytes * contents.num_rows:,} bytes"
            )
    digests = {name: facts.digest for name, facts in contents.files.items()}
    why = differing_from_zarr(document, {**arrays, **coords}, contents.row_dim, contents.num_rows, digests)
    if why:
        raise ValueError(why)
