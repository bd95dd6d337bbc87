"""Every table's declaration: it names heads, backbones and options that there are, and the figures that SPEC has."""

import inspect
import re
from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest
from house import HOUSE

from models.figures.published import published
from models.head import HeadInput, decided_by_data, head_class, head_inputs, kind_of
from models.sf_head.sfhead import sf_options
from pipeline.params.options import option_mistakes
from pipeline.params.params import IndexParams
from pipeline.params.presets import load_preset
from pipeline.planning.cost import TRAINING_STAGES, trainings_at_most
from pipeline.skeleton.layouts import NTU_25
from pipeline.tables.benchmarks import BENCHMARKS, benchmark_of
from pipeline.tables.derive import Derived, derived, seeds_of
from pipeline.tables.papers.amfi import PAPER
from pipeline.tables.papers.names import TABLES
from pipeline.tables.spec import Row, Table
from stages.load_params import mistakes_in

PARAMS = HOUSE / "params.yaml"

preset_of = cache(partial(load_preset, PARAMS))

CASES = [(name, scale) for name, table in TABLES.items() for scale in table.setups]


def made(name: str, scale: Any, preset: str = "demo", table: Table | None = None) -> Derived:
    return derived(preset_of(preset), table or TABLES[name], scale, seeds=3, check=mistakes_in)


def of_each_kind(table: Table) -> Table:
    """The table with one row for every set of networks and of inputs, and its reference: each is built, in a second."""
    told = {(row.needs, inputs_of(row), row.why_not): row for row in table.rows}
    kept = [*told.values(), table.row(table.reference)]
    return replace(table, rows=tuple(row for row in table.rows if row in kept))


def inputs_of(row: Row) -> tuple[HeadInput, ...]:
    return head_inputs(kind_of(row.method), row.options) if row.method else ()


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_every_row_runs_but_those_that_say_they_cannot(name: str, scale: Any) -> None:
    """On the demo's preset: heads, options, streams, cuts and networks are those of the code, by its own check."""
    plan = made(name, scale, table=of_each_kind(TABLES[name]))
    if plan.table.adapter:
        assert {row.label for row in plan.table.rows} == plan.why_not.keys()
        assert "its recordings are of adapter 'hmdb51_arid'" in plan.why_not["After enhancement"]
    else:
        assert dict(plan.why_not) == {row.label: row.why_not for row in plan.table.rows if row.why_not}
    if plan.preset is not None:
        assert plan.preset.train.seeds == (0, 1, 2)
        assert plan.preset.train.methods == tuple(row.method for row in plan.running)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_declaration_is_whole(name: str) -> None:
    table = TABLES[name]
    labels = [row.label for row in table.rows]
    assert len(set(labels)) == len(labels)
    assert {table.reference, *(row.against for row in table.rows if row.against)} <= set(labels)
    assert set(table.benchmarks) <= BENCHMARKS.keys()
    assert all(row.paper or row.remark for row in table.rows)
    assert all(bool(row.method) != bool(row.why_not) for row in table.rows)
    methods = [row.method for row in table.rows if row.method]
    assert len(set(methods)) == len(methods)


def test_networks_that_are_counted_are_those_of_models() -> None:
    known = {row.name for row in published(NTU_25.bones, NTU_25.num_joints)}
    assert {row.network for table in TABLES.values() for row in table.rows if row.network} <= known


def test_every_option_of_a_row_is_its_heads() -> None:
    for row in (row for table in TABLES.values() for row in table.rows if row.method):
        kind = kind_of(row.method)
        assert list(option_mistakes(head_class(kind), dict(row.options), decided_by_data(kind))) == []
        sf_options(row.options.get("sf_head"))


def test_what_a_head_has_by_default_is_its_signatures() -> None:
    for table in TABLES.values():
        for row in table.rows:
            if row.usual:
                taken = inspect.signature(head_class(kind_of(row.method))).parameters
                assert {name: taken[name].default for name in row.usual} == dict(row.usual)


PRINTED = {
    "amfi-3": "94.65 94.53 94.63 94.99 95.82",
    "amfi-4": "88.67 93.24 95.82",
    "amfi-5": "95.22 95.82 95.71 95.09",
    "amfi-6": "88.26 95.82",
    "cssi-4": "88.7/76.7 77.1/70.2 85.3/75.9",
    "cssi-5": "73.8/62.5 66.3/61.8 68.1/62.9",
    "cssi-6": "86.1/77.1 80.7/74.6 87.4/80.5",
    "cssi-7": "82.1 84.3 87.4",
    "epam-4": "94.83/98.04 95.03/97.98 92.6/95.7 92.7/96.4",
    "interaction-3": "78.5/51.7 90.3/72.6 95.8/77 97.6/78.4",
    "interaction-5": "60.3 83.2",
    "sfhead-1": "85.48 85.8 85.34 85.52 85.96 85.47 85.76 85.92 85.64 85.88 86.04 85.93",
    "sfhead-2": "84.72 84.81 85.58 85.36 85.74 85.5 85.7 86.04",
    "sfhead-3": "85.5 85.68 85.7 85.6 85.92 85.75 85.84 86.04",
}
"""SPEC 1.6, 2.6, 3.5, 4.5 and 5.6, rows in order, benchmarks parted by a stroke."""


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_the_figures_are_those_that_were_read_off_the_papers(name: str) -> None:
    told = " ".join(
        "/".join(f"{value:g}" for value in row.paper.values()) for row in TABLES[name].rows if row.paper
    )
    assert told == PRINTED[name]


def test_epams_third_table_has_its_six_columns() -> None:
    table = TABLES["epam-3"]
    assert table.row("Score fusion").paper == {
        "NTU60 X-Sub": 96.0,
        "NTU60 X-View": 98.77,
        "NTU120 X-Sub": 91.40,
        "NTU120 X-Set": 93.41,
        "Toyota CS": 70.29,
        "Toyota CV2": 64.78,
    }
    assert TABLES["amfi-8"].row("AMFI-Net").paper == {"UTD-MHAD": 93.21}


def test_amfis_paper_scale_is_the_preset_of_ntu60() -> None:
    """So that nothing is trained twice: the same backbones under the same keys."""
    own = preset_of("ntu60_xview")
    plan = made("amfi-3", "paper", "ntu60_xview").preset
    assert plan is not None
    assert plan.pretrain == own.pretrain
    assert plan.crop.recipes == own.crop.recipes
    assert plan.train.plan == own.train.plan
    assert PAPER.plan["epochs"] == 6


def test_a_tables_backbone_that_the_preset_has_is_the_presets() -> None:
    """The demo's pose network is EPAM-Net's small one: but for the cuts, which decide no training."""
    own = preset_of("demo").pretrain.backbones["pose"]
    plan = made("epam-3", "small").preset
    assert plan is not None
    assert plan.pretrain.backbones["pose"].model_copy(update={"cuts": own.cuts}) == own


def test_seeds_are_the_presets_own_and_then_the_next() -> None:
    preset = preset_of("demo")
    train = preset.train.model_copy(update={"seeds": (4, 1)})
    assert seeds_of(preset.model_copy(update={"train": train}), 4) == (4, 1, 0, 2)
    assert seeds_of(preset, 2) == (0, 1)


class _Catalog:
    """A catalog's size and protocol."""

    def __init__(self, clips: int, protocol: str) -> None:
        self.entries, self.unlisted, self.protocol = (None,) * clips, 0, protocol


@pytest.mark.parametrize(
    ("clips", "protocol", "options", "benchmark"),
    [
        (56_578, "xview", {"version": 60}, "NTU60 X-View"),
        (56_578, "xview", {}, "NTU60 X-View"),
        (113_945, "xset", {"version": 120}, "NTU120 X-Set"),
        (720, "xsub", {}, None),
        (20_000, "xsub", {"version": 60}, None),
    ],
)
def test_a_part_of_a_benchmark_is_no_benchmark(
    clips: int, protocol: str, options: dict[str, Any], benchmark: str | None
) -> None:
    params = IndexParams(adapter="ntu", protocol=protocol, options=options)
    assert benchmark_of(params, _Catalog(clips, protocol)) == benchmark  # type: ignore[arg-type]


def test_the_docs_list_every_table_with_its_cost() -> None:
    page = (HOUSE / "docs" / "tables.md").read_text()
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    rows = [cells for cells in lines if len(cells) == 4]  # of the list; those of a table that ran have six
    told = {name.strip("`"): re.findall(r"\d+", cost)[:2] for name, _, _, cost in rows}
    assert told == {name: cost_at_most(name) for name in TABLES}


def cost_at_most(name: str) -> list[str]:
    """Trainings of backbones and of heads on the demo, were nothing cached."""
    demo = preset_of("demo")
    preset = derived(demo, TABLES[name], "small", seeds=3, check=lambda _: ()).preset
    return [] if preset is None else [str(trainings_at_most(stage, preset)) for stage in TRAINING_STAGES]
