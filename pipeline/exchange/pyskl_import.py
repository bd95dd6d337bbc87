"""A PYSKL pickle placed as a dataset of its own, once it was read, with what to write in params.yaml."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.pyskl.adapter import Pyskl
from pipeline.errors import DatasetError
from pipeline.files import write_whole
from pipeline.paths import Paths

NAME = "annotations.pkl"


@dataclass(frozen=True, slots=True)
class Placed:
    """The dataset that can be indexed now."""

    path: Path
    dataset: str
    clips: int
    failures: tuple[tuple[str, str, str], ...]
    layout: str
    protocols: tuple[str, ...]

    def __str__(self) -> str:
        lost = "".join(f"\n  {clip_id}: {message}" for clip_id, _, message in self.failures[:5])
        protocol = self.protocols[0] if self.protocols else "…"
        return (
            f"{self.path}: {self.clips} clips of {self.layout}, {len(self.failures)} unusable{lost}; protocols: "
            f"{', '.join(self.protocols) or 'none, the file has no split'}. In params.yaml:\n"
            f"presets:\n  {self.dataset}:\n    index:\n      adapter: pyskl\n      protocol: {protocol}\n"
            f'      options: {{}}  # videos: "videos/{{frame_dir}}.avi" where there are some'
        )


def import_pyskl(file: Path, paths: Paths) -> Placed:
    """Copy `file` to data/raw/<dataset>/annotations.pkl. DatasetError where it is no such pickle, or one is there."""
    target = paths.raw / NAME
    if target.exists():
        raise DatasetError(f"{target} is there already: take it away, or choose another name for the dataset")
    found = Pyskl(file.parent, file=file.name)
    write_whole(target, file.read_bytes())
    listing = found.listing()
    return Placed(
        target, paths.dataset, len(listing.clips), listing.failures, found.layout.name, found.protocols
    )
