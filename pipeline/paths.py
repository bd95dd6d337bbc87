"""Paths of a dataset's files, relative to the project's folder."""

from dataclasses import dataclass
from pathlib import Path

from cache import Cache
from pipeline.errors import DatasetError
from pipeline.stand_ins import stand_in


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders and files of one dataset."""

    root: Path
    """The project's folder: it holds params.yaml."""
    dataset: str
    """Its name, which is the name of its folders; "" where none is meant."""
    apart: str = ""
    """Folder below tables/<dataset> for results that are not the project's own; "" for the project itself."""

    def __post_init__(self) -> None:
        if self.dataset in (".", "..") or {"/", "\\", "\0"} & set(self.dataset):
            raise DatasetError(
                f"a dataset's name is the name of a folder in data/, got {self.dataset!r}: give the name alone, as demo"
            )

    @property
    def raw(self) -> Path:
        """The recordings, as their publisher laid them out."""
        return self.root / "data" / "raw" / self.dataset

    @property
    def data(self) -> Path:
        """Folder of the stages' results."""
        return self._results("data")

    @property
    def catalog(self) -> Path:
        """One row a clip."""
        return self.data / "catalog.parquet"

    @property
    def failures(self) -> Path:
        """One line a failed clip and stage."""
        return self.data / "failures.jsonl"

    def store(self, name: str) -> Path:
        """The Zarr group called `name`."""
        return self.data / f"{name}.zarr"

    @property
    def weights(self) -> Path:
        """Folder of trained weights."""
        return self._results("weights")

    @property
    def reports(self) -> Path:
        """Metrics, predictions, plots and the page."""
        return self._results("reports")

    @property
    def params(self) -> Path:
        """Path of params.yaml."""
        return self.root / "params.yaml"

    def need(self, path: Path, stage: str) -> Path:
        """`path`, or a DatasetError that says which stage makes it; a plan's stand-in is enough."""
        if stand_in(path) is None and not path.exists():
            raise DatasetError(f"{path} is not there; make it first: python cli.py {stage} {self.dataset}")
        return path

    def _results(self, kind: str) -> Path:
        if self.apart:
            return self.root / "tables" / self.dataset / self.apart / kind
        return self.root / kind / self.dataset

    def open_cache(self) -> Cache:
        """Open $HARCACHE_DIR, which several people may share, or `.harcache` beside params.yaml."""
        return Cache.from_env(self.root / ".harcache")
