"""Exporting: a whole store as one file, verified as it is read, and there whole or not at all."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import StoreError
from ..layout import MANIFEST
from ..store.manifest import read_manifest
from ..store.store import open_store
from .archives import write_zip
from .exported import Exported


def export_store(
    store: Path,
    out: Path,
    arrays: Sequence[str] | None = None,
    attributes: Mapping[str, object] | None = None,
) -> Exported:
    """Write the store at `store` as `out`, by its ending: .zip, .h5, .parquet or .safetensors.

    arrays: what is wanted of the store, everything by default; a zip holds all of it. attributes: what the file's card
    says beside the store's own words, as its licence; a zip takes none. Every byte that goes in
    is checked on the way. Raises StoreError where one is not as published.
    """
    store, out = Path(store), Path(out)
    if out.suffix == ".zip":
        if arrays is not None:
            raise StoreError(f"{out.name}: a zip is the store as it is, all arrays of it; leave --array out")
        if attributes:
            raise StoreError(
                f"{out.name}: a zip is the store as it is and takes no licence: export what `cache publish` wrote"
            )
        return _export_zip(store, out)
    if out.suffix in (".h5", ".hdf5"):
        from .export_hdf5 import export_hdf5  # h5py and pyarrow take a while, and a zip needs neither

        return export_hdf5(store, out, arrays, attributes)
    if out.suffix == ".parquet":
        from .export_parquet import export_parquet

        return export_parquet(store, out, arrays, attributes)
    if out.suffix == ".safetensors":
        from .export_safetensors import export_safetensors

        return export_safetensors(store, out, arrays, attributes)
    raise StoreError(
        f"{out.name} must end in .zip (Zarr reads it, `import` takes it), .h5 (h5py, datasets), .parquet (vectors: "
        "pandas, DuckDB, datasets) or .safetensors"
    )


def _export_zip(folder: Path, out: Path) -> Exported:
    """The same store gives the same zip, byte for byte; its files stand at the zip's root, by name."""
    store = open_store(folder)
    manifest = read_manifest(folder)
    if manifest.problem is not None:
        raise StoreError(f"store {folder}: its {MANIFEST} is {manifest.problem}")
    files = {name: (folder / name, facts.digest) for name, facts in manifest.files.items()}
    size = write_zip(out, {**files, MANIFEST: (folder / MANIFEST, None)})
    return Exported(out, len(store), store.arrays, size, manifest.digest)
