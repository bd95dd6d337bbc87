"""DVC's copies of what the stages wrote: a damaged one is replaced or forgotten, so that it is not handed out again."""

from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path

from cache.files import remove
from cache.layout import MANIFEST
from cache.store.manifest import Manifest, parse_manifest
from cache.upkeep.faults import Hashes
from pipeline.build.dvc_cache import dvc_objects, dvc_outs, mend_dvc_copy


@dataclass
class MendedCopies:
    """Result of the repair of copies in DVC's cache."""

    replaced: list[str] = field(default_factory=list)
    """Copies that were damaged since DVC took them, given their bytes back."""
    forgotten: list[str] = field(default_factory=list)
    """Copies that no whole file of the same content is left of, or that DVC took damaged; their stages run again."""

    def __str__(self) -> str:
        lines = [f"DVC's cache: {len(self.replaced)} copies replaced, {len(self.forgotten)} forgotten"]
        lines += [f"  replaced: {name}" for name in self.replaced]
        return "\n".join(
            [*lines, *(f"  forgotten: {name}: `dvc repro` makes it again" for name in self.forgotten)]
        )


def mend_copies(root: Path, hashes: Hashes) -> MendedCopies:
    """Look at DVC's copy of every file that dvc.lock names.

    A store's file is held against DVC's own copy of the store's manifest, which tells what it was before DVC took
    it; every other against the md5 by which DVC names it.
    """
    done = MendedCopies()
    for out in dvc_outs(root):
        listing, copies = dvc_objects(root, out)
        manifest = _manifest(copies.get(MANIFEST)) if out.suffix == ".zarr" else Manifest({}, None)
        for name, copy in sorted(copies.items()):
            if not copy.exists() or _whole(copy, name, manifest, hashes):
                continue
            place = out.relative_to(root).as_posix() + f"/{name}" * bool(name)
            if (out / name).is_file() and mend_dvc_copy(root, out, name, out / name):
                done.replaced.append(place)
                continue
            if out.suffix != ".zarr" and (out / name).is_file():
                continue  # damaged in the project too, under a link: `repair_files` tells what makes it again
            for path in (copy, listing):  # without its list, DVC cannot take the folder from its run-cache
                if path is not None:
                    remove(path)
            done.forgotten.append(place)
    return done


def forget_out(root: Path, out: Path) -> str:
    """Remove what a stage wrote, and DVC's list or copy of it, so that `dvc repro` runs the stage; says so.

    DVC's copies of a folder's single files, which nothing hands out any more, are left to `dvc gc`.
    """
    listing, copies = dvc_objects(root, root / out)
    remove(root / out)
    copy = copies.get("") if listing is None else listing
    if copy is not None:
        remove(copy)
    return f"{out}: removed, it was made of rows that were another's: run `dvc repro`, or its stage"


def _whole(copy: Path, name: str, manifest: Manifest, hashes: Hashes) -> bool:
    facts = manifest.files.get(name) if manifest.damage is None else None
    if facts is None:
        return _md5(copy) == _expected_md5(copy)
    return hashes.of(copy) == (facts.size, facts.digest)


def _manifest(copy: Path | None) -> Manifest:
    return (
        parse_manifest(copy.read_bytes()) if copy is not None and copy.exists() else Manifest({}, "missing")
    )


def _expected_md5(copy: Path) -> str:
    """The md5 that DVC named it by."""
    return copy.parent.name + copy.name


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "md5").hexdigest()
