"""Exporting: a whole store as one file, verified as it is read, and there whole or not at all."""

from pathlib import Path

from ..errors import StoreError
from ..layout import MANIFEST
from ..store.manifest import read_manifest
from ..store.store import open_store
from .archives import write_zip
from .exported import Exported


def export_store(store: Path, out: Path) -> Exported:
    """Write the store at `store` as `out`: a `.zip` that Zarr reads, or an `.h5` for people without Zarr.

    Every byte that goes in is checked on the way. Raises StoreError where one is not as published.
    """
    store, out = Path(store), Path(out)
    if out.suffix == ".zip":
        return _export_zip(store, out)
    if out.suffix in (".h5", ".hdf5"):
        from .export_hdf5 import export_hdf5  # h5py takes a while, and a zip needs none

        return export_hdf5(store, out)
    raise StoreError(f"{out.name} must end in .zip (read by Zarr, imported again) or .h5 (read by h5py)")


def _export_zip(folder: Path, out: Path) -> Exported:
    """The same store gives the same zip, byte for byte; its files stand at the zip's root, by name."""
    store = open_store(folder)
    manifest = read_manifest(folder)
    if manifest.problem is not None:
        raise StoreError(f"store {folder}: its {MANIFEST} is {manifest.problem}")
    files = {name: (folder / name, facts.digest) for name, facts in manifest.files.items()}
    size = write_zip(out, {**files, MANIFEST: (folder / MANIFEST, None)})
    return Exported(out, len(store), store.arrays, size, manifest.digest)
