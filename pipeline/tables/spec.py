"""The form of a table: its rows, what each one trains, and the figures that its paper prints."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pipeline.params.heads import OWN_CLASSIFIER

Level = Literal["frozen trunk", "last block", "end to end", "elsewhere"]
"""Share of a network that learns in a row: a head on frozen features, the last block and a head, or everything; or
nothing here, where class scores come from elsewhere."""

Scale = Literal["small", "paper"]
"""Sizes and plans: those of the preset (with small networks where it has none of a kind), or the paper's."""

Options = Mapping[str, Any]

DARK_CLIPS = "dark clips"
"""Stands in a set-up's recipe for the preset's own enhancement, of dark clips alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table: a method of `train` with its options, beside the paper's figures."""

    label: str
    """Name of the row, as the paper has it."""
    paper: Mapping[str, float] = field(default_factory=dict)
    """Benchmark (a name of `pipeline.tables.benchmarks`) to the printed accuracy in per cent."""
    method: str = ""
    """A head, or `head@word`; "" where the row cannot run, and `why_not` says why."""
    options: Options = field(default_factory=dict)
    """Options of the head, over those that the preset gives it."""
    usual: Options = field(default_factory=dict)
    """Options that the head has by default; set where the preset says otherwise, so that keys stay as they are."""
    streams: Mapping[str, str] = field(default_factory=dict)
    """Stream of the head to the backbone that feeds it; of the preset's own, `video` and `skeleton` are those that
    `train` names so."""
    needs: tuple[str, ...] = ()
    """Backbones of the table's set-up that the row takes; none where it takes the preset's own."""
    level: Level = "frozen trunk"
    against: str = ""
    """Label of the row that it is compared with; the table's reference where empty."""
    drawn_views: bool = False
    """Whether its head is fitted on one cached view of each clip, drawn in each epoch."""
    tested_classes: bool = False
    """Whether it chooses among the classes that test clips show."""
    why_not: str = ""
    """Reason for which no params could make the row run."""
    remark: str = ""
    """Difference of this row from the paper's, beside dataset, scale and level."""
    network: str = ""
    """Name in `python cli.py models` of the network whose parameters and FLOPs are told; "" for none."""
    sizes: Mapping[str, float] = field(default_factory=dict)
    """Printed `parameters` and `gflops`, where `models` has no row for the network."""

    @property
    def head(self) -> str:
        """The head of its method: what stands before @."""
        return self.method.partition("@")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The changes that a scale makes in a preset; nothing by default."""

    backbones: Mapping[str, Options] = field(default_factory=dict)
    """Backbones by name, as `pretrain.backbones` has them. Plan, recipe, input and augmentation that are not given
    are those of the preset's first backbone of that modality, with `epochs` of the plan at most and `frames` of the
    input where these are given."""
    sample: Mapping[str, Options] = field(default_factory=dict)
    """Sampling rules added to the preset's."""
    recipes: Mapping[str, Options] = field(default_factory=dict)
    """Crop recipes added to the preset's; what is not given is that of its first video backbone's recipe. `enhance` may
    be DARK_CLIPS."""
    heatmaps: Options = field(default_factory=dict)
    """Fields of the section `heatmaps` that change."""
    plan: Options = field(default_factory=dict)
    """Plan of the heads; the preset's where empty."""
    about: str = "the preset's own networks and plans"
    """Words for the page: what is trained at this scale."""


def features_alone(setups: Mapping[Scale, Setup]) -> dict[Scale, Setup]:
    """Return the set-ups for a table whose rows read no map: none is then made or kept."""
    return {
        scale: replace(
            setup,
            backbones={name: {**one, "cuts": ["features"]} for name, one in setup.backbones.items()},
        )
        for scale, setup in setups.items()
    }


def network_row(label: str, backbone: str, paper: Mapping[str, float], **more: Any) -> Row:
    """Return a row of one network, trained end to end and scored by its own classifier."""
    return Row(
        label=label,
        paper=paper,
        method=f"{OWN_CLASSIFIER}@{backbone}",
        streams={"backbone": backbone},
        **{"needs": (backbone,), "level": "end to end", **more},
    )


def scores_row(name: str) -> Row:
    """Return a row of class scores that the preset's `train.scores` names."""
    return Row(
        label=f"{name} (train.scores)",
        method=name,
        level="elsewhere",
        remark="class scores from a file, one run of it",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a paper."""

    name: str
    """Name of the command's argument: `amfi-3`."""
    title: str
    """Paper, number and caption."""
    rows: tuple[Row, ...]
    reference: str
    """Label of the row that the others are compared with."""
    setups: Mapping[Scale, Setup] = field(default_factory=lambda: {"small": Setup()})
    level: str = "frozen trunk"
    """Level of training in the paper, in words."""
    networks_by_seed: bool = False
    """Whether the backbones are trained with each seed too, so that the spread is that of whole networks."""
    note: str = ""
    """Difference of every row from the paper's."""
    adapter: str = ""
    """Adapter of the recordings that its rows are about, where no others will do."""
    per_class: bool = False
    """Whether its figures are means over the classes of test clips, of each one's accuracy; else over test clips."""
    selection: str = ""
    """Way in which the paper chooses its epoch, where it says so: `on …`."""

    def row(self, label: str) -> Row:
        """Return the row of that label."""
        (found,) = (row for row in self.rows if row.label == label)
        return found

    def against(self, row: Row) -> str | None:
        """Return the label of the row that `row` is compared with; None of a reference."""
        other = row.against or self.reference
        return None if other == row.label else other

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """Names of the benchmarks that the paper prints figures of, in their order."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.paper))
