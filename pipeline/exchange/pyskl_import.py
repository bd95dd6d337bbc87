"""A PYSKL pickle placed as a dataset of its own, once it was read, with a preset for params.yaml."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.pyskl.adapter import Pyskl
from pipeline.errors import DatasetError
from pipeline.files import write_whole
from pipeline.paths import Paths
from pipeline.setup.look import look
from pipeline.setup.preset_text import nested, preset_text

NAME = "annotations.pkl"


@dataclass(frozen=True, slots=True)
class Placed:
    """The dataset that can be indexed now."""

    path: Path
    dataset: str
    found: Pyskl
    layout: str | None
    """Name of the layout that was asked for."""

    def __str__(self) -> str:
        listing, protocols = self.found.listing(), self.found.protocols
        lost = "".join(f"\n  {clip_id}: {message}" for clip_id, _, message in listing.failures[:5])
        return (
            f"{self.path}: {len(listing.clips)} clips of {self.found.layout.name}, {len(listing.failures)} unusable"
            f"{lost}; protocols: {', '.join(protocols) or 'none, the file has no split'}. For params.yaml "
            f"(docs/presets.md):\n{self.preset}"
        )

    @property
    def preset(self) -> str:
        """YAML that can be used as it stands; a protocol of `none` where the file has none."""
        options = {} if self.layout is None else {"layout": self.layout}
        seen = look(self.found, "pyskl", options, at_most=None)
        return f"presets:\n{nested(preset_text(self.dataset, seen))}"


def import_pyskl(file: Path, paths: Paths, *, layout: str | None = None) -> Placed:
    """Copy `file` to data/raw/<dataset>/annotations.pkl. DatasetError where it is no such pickle, or one is there.

    `layout` names the joints where their number does not tell.
    """
    target = paths.raw / NAME
    if target.exists():
        raise DatasetError(f"{target} is there already: take it away, or choose another name for the dataset")
    found = Pyskl(file.parent, file=file.name, layout=layout)
    write_whole(target, file.read_bytes())
    return Placed(target, paths.dataset, found, layout)
