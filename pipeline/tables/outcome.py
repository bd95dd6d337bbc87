"""One run of a table, as records: a row each, with everything that the Markdown, CSV and JSON tell."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pipeline.catalog.catalog import Catalog
from pipeline.evaluation.results import selected_on
from pipeline.params.params import Preset
from pipeline.tables.benchmarks import benchmark_of
from pipeline.tables.derive import Derived
from pipeline.tables.results import Measured, paper_difference
from pipeline.tables.spec import Level, Row, Table

UNMEASURED: Mapping[str, None] = dict.fromkeys(Measured.__dataclass_fields__)
COUNTS = ("parameters", "counted_gflops", "published_parameters", "published_gflops")
"""Figures that a row tells of its network at full size, in the convention of its paper."""

CONVENTIONS = {"macs": "gmacs", "flops": "gflops", "mmcv": "mmcv_gflops"}
"""Convention of a paper's FLOPs to the column of `python cli.py models` that follows it."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A table that ran, and what it was run on."""

    derived: Derived
    dataset: str
    preset_name: str
    preset: Preset
    """The preset that was run; the project's own where no row can run."""
    protocol: str
    num_clips: int = 0
    """Usable clips."""
    num_classes: int = 0
    benchmark: str | None = None
    """The benchmark that the recordings are; None where they are no whole one of the papers'."""
    measured: Mapping[str, Measured] = field(default_factory=dict)
    """Label of each row that ran, to its numbers."""
    counted: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name of a network of `python cli.py models` to its row there."""

    def with_catalog(self, catalog: Catalog) -> "Outcome":
        """Return the same, with what the catalog tells of the recordings."""
        usable = list(catalog.usable())
        return replace(
            self,
            num_clips=len(usable),
            num_classes=len({entry.clip.label for entry in usable}),
            benchmark=benchmark_of(self.preset.index, catalog),
        )

    @property
    def table(self) -> Table:
        """The table as it was declared."""
        return self.derived.table

    @property
    def compared(self) -> str:
        """The benchmark whose figures stand beside ours: that of the recordings, else the paper's first one."""
        benchmarks = self.table.benchmarks
        return self.benchmark if self.benchmark in benchmarks else benchmarks[0]

    @property
    def records(self) -> list[dict[str, Any]]:
        """Every row of the table, those that could not run among them, as JSON values."""
        return [self._record(row) for row in self.table.rows]

    def _record(self, row: Row) -> dict[str, Any]:
        measured = self.measured.get(row.label)
        printed = row.paper.get(self.compared)
        counts = _counts(row, self.counted.get(row.network, {}))
        return {
            "row": row.label,
            **(UNMEASURED if measured is None else asdict(measured)),
            "against": self.table.against(row),
            "paper": dict(row.paper),
            "paper_difference": paper_difference(self.table, row, self.compared),
            "minus_paper": None if measured is None or printed is None else round(measured.mean - printed, 4),
            "level": row.level if row.label in self.measured else None,
            "method": row.method,
            "network": row.network,
            **counts,
            "not_run": self.derived.why_not.get(row.label),
            "remark": row.remark,
        }

    @property
    def differing(self) -> list[str]:
        """Differences of the setting from the paper's, a sentence each."""
        return [*self._of_data(), *self._of_training()] if self.measured else ["No row could run."]

    def _of_data(self) -> Iterator[str]:
        papers = ", ".join(self.table.benchmarks)
        if self.benchmark in self.table.benchmarks:
            yield f"Dataset: {self.benchmark}, one of the paper's ({papers})."
        else:
            yield (
                f"Dataset: {self.dataset} ({self.num_clips:,} clips of {self.num_classes} classes, {self.protocol}); "
                f"the paper's: {papers}. Accuracies on other recordings are not comparable, differences between rows "
                "are."
            )

    def _of_training(self) -> Iterator[str]:
        setup = self.table.setups[self.derived.scale]
        yield f"Scale: {self.derived.scale}: {setup.about}."
        ours = dict.fromkeys(row.level for row in self.derived.running)
        yield f"Level of training: {_levels(ours)}; the paper's: {self.table.level}."
        if self.table.selection:
            chosen = selected_on(self.preset.pretrain)
            yield f"Epochs are selected on {chosen}; the paper selects {self.table.selection}."
        if parts := self.preset.pretrain.cross_fit:
            yield f"Heads learn from out-of-fold features (cross_fit: {parts}), the paper's from what trunks know."
        seeds = self.preset.train.seeds
        yield f"Seeds: {len(seeds)} here; the paper prints one run."
        if self.table.note:
            yield self.table.note
        yield from (f"{row.label}: {row.remark}." for row in self.derived.running if row.remark)


def _counts(row: Row, counted: Mapping[str, Any]) -> dict[str, float | None]:
    """The network's own figures and the paper's; those that the table prints itself go before those of `models`."""
    column = CONVENTIONS[counted.get("published_convention") or "macs"]
    found = {name: counted.get(name) for name in COUNTS}
    printed = {f"published_{name}": value for name, value in row.sizes.items()}
    return {**found, "counted_gflops": counted.get(column), **printed}


def _levels(levels: Mapping[Level, None]) -> str:
    return " and ".join(levels)
