"""The laws of the house (docs: Floors), read off its imports."""

import ast
import re
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
from house import (
    COMMANDS,
    HOUSE,
    ORDER,
    ROOMS,
    arrows,
    foreign,
    imports,
    loaded,
    modules,
    reached,
    room,
    room_of,
)

from pipeline.build.work import SourcedWork, Work

BELOW = {
    "cache": {"cache"},
    "models": {"models"},
    "pipeline": {"pipeline", "cache"},
    "stages": {"pipeline", "models", "cache"},
    "cli": {"cli_cache", "cli_stages", "stages", "pipeline", "models", "cache"},
    "cli_stages": {"cli_cache", "stages", "pipeline", "models", "cache"},
    "cli_cache": {"stages", "pipeline", "models", "cache"},
    "bench": {"bench", "stages", "pipeline", "models", "cache"},
}
"""What each room may import of ours."""

ONLY_IN = {
    "dask": {"pipeline.build.runner"},
    "distributed": {"pipeline.build.runner"},
    "zarr": {"cache.build.metadata", "bench.reads", "bench.read_rivals", "bench.remote_rivals"},
    "typer": {"cli", "cli_cache", "cli_stages"},
    "dvc": {"pipeline.build.dvc_cache"},
    "mmpose": {"models.pose.mmpose_network"},
    "mmengine": {"models.pose.mmpose_network"},
    "mmcv": set(),
    "rtmlib": {"models.pose.onnx_session"},
    "timm": {"models.hub.timm_images"},
    "transformers": {"models.hub.transformers_clips"},
    "movement": {"pipeline.datasets.table.movement_file"},
    "rerun": {"pipeline.look.rerun_clip", "pipeline.look.rerun_layout", "pipeline.look.rerun_viewer"},
}
"""A foreign library's one room, and who measures it."""

HEAVY = {
    "torch",
    "scipy",
    "matplotlib",
    "sklearn",
    "pandas",
    "zarr",
    "dask",
    "distributed",
    "dvc",
    "onnxruntime",
    "av",
    "cv2",
    "rerun",
}
"""Libraries that take a second to import, or a tenth of one."""

STARTS_WITH: dict[str, set[str]] = {
    **{stage: set() for stage in ("sample", "heatmaps")},
    **{stage: {"av", "cv2"} for stage in ("index", "crop", "quality")},
    **{stage: {"torch", "av", "cv2"} for stage in ("plan", "pretrain", "features", "train")},
    "report": {"matplotlib", "sklearn", "av", "cv2"},
}
"""What of these each stage's module imports at once."""

ARRAYS = {"numpy", "torch", "torchvision", "scipy", "cv2", "av"}
"""Libraries that compute on arrays."""

FIELD = re.compile(r"\b(clips?|joints?|fps|videos?|skeletons?|subjects?|cameras?)\b", re.I)

MAX_LINES = 300
MAX_FILES = 14
"""Of one folder, beside its `__init__`."""
MAX_FUNCTION_LINES = 40


def names(of: str) -> list[str]:
    return [module for module in modules() if room(module) == of]


@pytest.mark.parametrize("floor", sorted(BELOW))
def test_imports_only_point_down(floor: str) -> None:
    """Laws 1 to 5: who may import whom; nobody imports cli or bench, a stage no stage."""
    ours = {*ROOMS, *COMMANDS, "bench"}
    wrong = [
        f"{module} imports {target.module}"
        for module in names(floor)
        for target in imports(module)
        if room(target.module) in ours - BELOW[floor]
    ]
    assert not wrong


def test_cache_knows_no_word_of_the_field() -> None:
    """Law 1: keys, arrays, records."""
    found = [
        f"{module}: {line.strip()}"
        for module in names("cache")
        if not module.startswith("cache.reader")  # the researchers' face speaks their language
        for line in modules()[module].read_text().splitlines()
        if FIELD.search(line)
    ]
    assert not found


def test_cache_imports_itself_relatively() -> None:
    """Law 1 and the reader that ships alone: `cache` can bear another name."""
    absolute = [
        module for module in names("cache") if re.search(r"^\s*(from|import) cache\b", text(module), re.M)
    ]
    assert not absolute


def test_torch_stays_out_of_pipeline_and_cache() -> None:
    """Law 3."""
    using = {module for module in modules() if foreign(module) & {"torch", "torchvision"}}
    using -= {"cache.reader.torch_clips"}  # imported by whoever asks for a torch Dataset, and by nobody else
    assert {room(module) for module in using} <= {"models", "bench"}


def test_pipeline_and_cache_import_without_torch() -> None:
    """Law 3, in earnest: every module of both, with torch out of reach."""
    apart = {"cache.reader.torch_clips"}
    every = ", ".join(sorted({*names("cache"), *names("pipeline")} - apart))
    code = f"import sys; sys.modules['torch'] = None; sys.modules['torchvision'] = None\nimport {every}"
    ran = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_stage_wires_and_computes_nothing() -> None:
    """Law 2: no stage holds work that makes rows, and none sees an array."""
    work = {name for face in (Work, SourcedWork) for name in vars(face) if not name.startswith("_")}
    assert work >= {"compute", "made_with", "named_by"}
    defined = {
        f"{module}.{node.name}"
        for module in names("stages")
        for node in ast.walk(ast.parse(text(module)))
        if isinstance(node, ast.FunctionDef) and node.name in work
    }
    assert defined == set()
    assert [module for module in names("stages") if foreign(module) & ARRAYS] == []


def test_cli_imports_nothing_of_ours_but_inside_commands() -> None:
    """Law 5."""
    early = {name: {t.module.split(".")[0] for t in imports(name) if t.top_level} for name in COMMANDS}
    assert early["cli"] - sys.stdlib_module_names == {"typer", "cli_cache", "cli_stages"}
    assert early["cli_stages"] - sys.stdlib_module_names == {"typer", "cli_cache"}
    assert early["cli_cache"] - sys.stdlib_module_names == {"typer"}


@pytest.mark.parametrize("stage", sorted(STARTS_WITH))
def test_a_stage_starts_with_what_it_needs(stage: str) -> None:
    """Heavy imports where they are used: torch takes seconds, and most stages do without."""
    at_once = {name.split(".")[0] for name in loaded("pipeline.params.presets", f"stages.{stage}")}
    assert at_once & HEAVY <= STARTS_WITH[stage]


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_foreign_library_has_one_room(library: str) -> None:
    """Law 6."""
    assert {module for module in modules() if library in foreign(module)} <= ONLY_IN[library]


def test_errors_modules_import_nothing() -> None:
    """Law 7."""
    errors = [module for module in modules() if module.endswith(".errors")]
    assert {room(module) for module in errors} == {"cache", "models", "pipeline"}
    assert [module for module in errors if imports(module)] == []


@pytest.mark.parametrize("module", ["cache.errors", "models.errors", "pipeline.errors"])
def test_an_errors_module_opens_with_its_tree(module: str) -> None:
    """Law 7: whoever catches errors sees at a glance which holds which."""
    errors = import_module(module)

    def tree(kind: type, depth: int) -> list[str]:
        below = [c for c in vars(errors).values() if isinstance(c, type) and kind in c.__bases__]
        return ["    " * depth + kind.__name__, *(line for c in below for line in tree(c, depth + 1))]

    (root,) = (c for c in vars(errors).values() if isinstance(c, type) and c.__bases__ == (Exception,))
    assert "\n".join(tree(root, 0)) in str(errors.__doc__)


def test_no_file_is_long() -> None:
    """Law 7."""
    lengths = {module: len(text(module).splitlines()) for module in modules()}
    assert {module: lines for module, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_function_is_long() -> None:
    found = {
        f"{module}.{node.name}": lines
        for module in modules()
        for node in ast.walk(ast.parse(text(module)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert found == {}


def test_no_room_is_full() -> None:
    folders: dict[Path, int] = Counter(
        path.parent for module, path in modules().items() if room(module) in ROOMS and path.stem != "__init__"
    )
    assert {str(folder): files for folder, files in folders.items() if files > MAX_FILES} == {}


@pytest.mark.parametrize("package", sorted(ORDER))
def test_rooms_import_only_rooms_below(package: str) -> None:
    """Arrows between rooms point down too, types' imports among them; a room that the list lacks is refused."""
    order = ORDER[package]
    inside = {
        room_of(module) for module in modules() if module.split(".")[0] == package and module != package
    }
    assert inside == set(order)
    assert [pair for pair in arrows(package, room_of) if order.index(pair[0]) > order.index(pair[1])] == []


@pytest.mark.parametrize("package", sorted(ORDER))
def test_the_docs_draw_the_rooms_in_their_order(package: str) -> None:
    page = (HOUSE / "docs" / "architecture.md").read_text()
    drawn = re.search(rf"^{package}/ top down\n(.*?)\n(?:```|\n)", page, re.MULTILINE | re.DOTALL)
    assert drawn is not None
    assert tuple(re.findall(r"^  (\w+)", drawn[1], re.MULTILINE)) == ORDER[package]


def test_no_module_is_called_utils() -> None:
    """Law 7."""
    words = {"utils", "util", "helpers", "helper", "misc", "common"}
    assert [module for module in modules() if words & set(module.split("."))] == []


def test_no_circle() -> None:
    """Law 7: no module reaches itself through another's imports, at the top of a file or in a function."""
    direct = {module: {t.module for t in imports(module)} & modules().keys() for module in modules()}
    settled: set[str] = set()
    while ready := {module for module, targets in direct.items() if targets <= settled} - settled:
        settled |= ready
    assert sorted(modules().keys() - settled) == []


def test_the_floors_are_read_right() -> None:
    """The reader itself, on facts that a person can look up."""
    assert "numpy" in foreign("pipeline.values")
    assert "pipeline.errors" in {target.module for target in imports("pipeline.values")}
    assert "cache.keys" in reached("pipeline.paths")
    assert "stages.crop" not in reached("stages.features")
    assert {"models.training.fit", "pipeline.inputs.inputs", "cache.home.blobs"} <= reached("stages.pretrain")


def text(module: str) -> str:
    return modules()[module].read_text()
