"""The lock's reach, measured: an edit stops the steps whose results it can change, and no others.

Each case edits a copy of our packages and asks which steps and parts then refuse, as `cli.py` asks.
"""

import ast
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from house import HOUSE, ROOMS, modules, reached
from tiny import tiny_params

from cache import RecipeDriftError
from models.night.names import ENHANCERS
from pipeline.build.steps import STEPS
from pipeline.keys.lock import TABLES, recipes
from pipeline.params.params import Preset
from pipeline.params.parts import parts_in_use
from pipeline.video.crop_recipe import Kind

ALL = set(STEPS)


@pytest.fixture
def house(memory_path: Path) -> Path:
    """A copy of our packages and the lock file."""
    for name in ROOMS:
        shutil.copytree(HOUSE / name, memory_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOUSE / "recipes.lock", memory_path / "recipes.lock")
    return memory_path


def preset(**changes: object) -> Preset:
    return Preset.model_validate(tiny_params(**changes)["presets"]["demo"])


def stopped(house: Path, params: Preset) -> set[str]:
    """Steps that refuse to run with these params; `extract` with its own backbone, r3d18."""

    def refuses(step: str) -> bool:
        parts = ["backbone:r3d18"] if step == "extract" else parts_in_use(step, params)
        try:
            recipes(house).check(step, parts)
        except RecipeDriftError:
            return True
        return False

    return {step for step in STEPS if refuses(step)}


def edit(house: Path, *names: str) -> None:
    """One more line of code in each of these files, or folders of files."""
    for name in names:
        path = house / name
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            file.write_text(file.read_text() + "\nCHANGED = 1\n")


def test_an_untouched_copy_stops_nothing(house: Path) -> None:
    assert stopped(house, preset()) == set()


EDITS: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "the web client": (("cache/reader",), set()),
    "upkeep": (("cache/upkeep", "cache/exchange", "pipeline/upkeep", "pipeline/exchange"), set()),
    "taking over what was pulled": (
        ("pipeline/build/adoption.py", "pipeline/build/dvc_cache.py", "pipeline/training/adopted_weights.py"),
        set(),
    ),
    "workers that share no disk": (("cache/remote", "pipeline/remote"), set()),
    "the progress bar": (("pipeline/build/progress.py",), set()),
    "this lock": (("cache/recipes.py", "pipeline/keys/lock.py"), set()),
    "the report and the demo": (("pipeline/report", "pipeline/demo", "stages/report.py"), set()),
    "figures and ONNX": (("models/figures", "models/export.py", "stages/export.py"), set()),
    "what params.yaml may say": (("pipeline/params/params.py", "pipeline/params/presets.py"), set()),
    "how joints are normalised": (("pipeline/skeleton/normalise.py",), {"pretrain", "features"}),
    "how heatmaps are drawn": (("pipeline/skeleton/heatmaps.py",), {"heatmaps", "pretrain", "features"}),
    "how videos are decoded": (("pipeline/video/video.py",), {"index", "crop", "extract"}),
    "how frames are cut": (("pipeline/video/planes.py",), {"index", "crop", "extract"}),
    "which frames are seen": (("pipeline/video/sampling.py",), {"sample", "extract", "train"}),
    "how shards are written": (("cache/shards/writing.py",), ALL),
    "keys": (("cache/keys.py",), ALL),
}
"""What is edited, and the steps that it stops."""


@pytest.mark.parametrize("what", sorted(EDITS))
def test_an_edit_stops_what_it_can_change(house: Path, what: str) -> None:
    names, expected = EDITS[what]
    edit(house, *names)
    assert stopped(house, preset()) == expected


PARTS: dict[str, tuple[str, set[str]]] = {
    "the adapter in use": ("pipeline/datasets/ntu/bodies.py", {"index", "crop"}),
    "another adapter": ("pipeline/datasets/pyskl/adapter.py", set()),
    "a backbone in use": ("models/graph/agcn.py", {"pretrain", "features"}),
    "a backbone in use by all three": ("models/amfi/r3d.py", {"pretrain", "features", "extract"}),
    "another backbone": ("models/epam/xnets.py", set()),
    "a head in use": ("models/amfi/fusion.py", {"train"}),
    "what lights crops, where no recipe is lit": ("models/night/lighting.py", set()),
    "Zero-DCE, where no recipe is lit": ("models/night/zerodce.py", set()),
    "a pose network, where none is asked for": ("models/pose/rtmlib_network.py", set()),
    "how people are followed": ("pipeline/pose/tracking.py", {"index"}),
}


@pytest.mark.parametrize("what", sorted(PARTS))
def test_a_part_stops_those_who_use_it(house: Path, what: str) -> None:
    name, expected = PARTS[what]
    edit(house, name)
    assert stopped(house, preset()) == expected


def test_a_head_that_is_not_asked_for_stops_nobody(house: Path) -> None:
    edit(house, "models/amfi/fusion.py")
    assert (
        stopped(house, preset(**{"train.methods": ["video", "average"], "train.fused": "average"})) == set()
    )


LIT = {"weights": "dark.pt", "sha256": "0" * 64}


@pytest.mark.parametrize(
    "name", ["models/night/lighting.py", "models/night/zerodce.py", "models/files.py", "models/checks.py"]
)
def test_an_enhancer_stops_the_crops_that_it_lights(house: Path, name: str) -> None:
    edit(house, name)
    assert "crop" not in stopped(house, preset())
    assert "crop" in stopped(house, preset(**{"crop.recipes.r4.enhance": LIT}))


@pytest.mark.parametrize(
    ("name", "engine", "detector"),
    [
        ("models/pose/rtmlib_network.py", "rtmlib", None),
        ("models/pose/onnx_session.py", "rtmlib", None),
        ("models/pose/mmpose_parts.py", "mmpose", None),
        ("models/pose/rtmlib_detector.py", "mmpose", "rtmlib"),
    ],
)
def test_a_pose_network_stops_the_index_that_it_estimates_for(
    house: Path, name: str, engine: str, detector: str | None
) -> None:
    network = {"weights": "pose.onnx", "sha256": "0" * 64}
    pose = {"engine": engine, **network, "detector": detector and {"engine": detector, **network}}
    edit(house, name)
    assert stopped(house, preset()) == set()
    assert stopped(house, preset(**{"index.pose": pose})) == {"index"}


def test_how_an_enhancer_is_trained_stops_no_crop(house: Path) -> None:
    edit(house, "models/night/zerodce_fit.py", "models/night/zerodce_losses.py")
    assert stopped(house, preset(**{"crop.recipes.r4.enhance": LIT})) == set()


def test_every_kind_of_enhancer_that_params_name_is_found() -> None:
    assert set(get_args(Kind)) == set(ENHANCERS)


NEW: dict[str, tuple[str, str]] = {
    "dataset": ("pipeline/datasets/names.py", "pipeline/datasets/mine/adapter.py"),
    "backbone": ("models/names.py", "models/mine/network.py"),
    "head": ("models/names.py", "models/mine/head.py"),
}
"""Kind to the table that gets a line, and the file that it names."""

USES: dict[str, Callable[[], Preset]] = {
    "dataset": lambda: preset(**{"index.adapter": "mine"}),
    "backbone": lambda: preset(**{"pretrain.backbones.video.model": {"kind": "mine"}}),
    "head": lambda: preset(**{"train.methods": ["mine"], "train.fused": "mine"}),
}


@pytest.mark.parametrize("kind", sorted(NEW))
def test_a_new_part_stops_nobody_but_who_uses_it_unblessed(house: Path, kind: str) -> None:
    table, file = NEW[kind]
    path = house / file
    path.parent.mkdir()
    (path.parent / "__init__.py").write_text("")
    path.write_text("class Mine:\n    pass\n")
    variable = TABLES[kind].partition(":")[2]
    where = file.removesuffix(".py").replace("/", ".")
    text = (house / table).read_text()
    line = rf'\g<0>\n    "mine": ("{where}:Mine", 1),'
    (house / table).write_text(re.sub(rf"^{variable}: .*$", line, text, flags=re.MULTILINE))
    assert f"{kind}:mine" in recipes(house).parts()

    assert stopped(house, preset()) == set()
    using = {"dataset": {"index", "crop"}, "backbone": {"pretrain", "features"}, "head": {"train"}}[kind]
    assert stopped(house, USES[kind]()) == using
    recipes(house).bless()
    assert stopped(house, USES[kind]()) == set()


def test_a_name_that_stands_for_another_class_stops_those_who_use_it(house: Path) -> None:
    table = house / "models" / "names.py"
    table.write_text(table.read_text().replace('"models.graph.agcn:AGCN"', '"models.graph.aagcn:AAGCN"'))
    assert stopped(house, preset()) == {"pretrain", "features"}


def test_a_raised_version_of_a_part_takes_its_new_code(house: Path) -> None:
    edit(house, "models/graph/agcn.py")
    table = house / "models" / "names.py"
    table.write_text(table.read_text().replace('"models.graph.agcn:AGCN", 1', '"models.graph.agcn:AGCN", 2'))
    assert stopped(house, preset()) == set()


@pytest.mark.parametrize("table", sorted({where.partition(":")[0] for where in TABLES.values()}))
def test_a_table_holds_names_and_no_code(table: str) -> None:
    """So that leaving it out of every step's reach hides nothing."""
    body = ast.parse(modules()[table].read_text()).body
    assert {type(node) for node in body} <= {ast.Expr, ast.Assign, ast.AnnAssign, ast.ImportFrom}
    imported = {node.module for node in body if isinstance(node, ast.ImportFrom)}
    assert imported <= {"typing"}


BY_NAME = {
    "models/lookup.py": "backbones, heads, enhancers, pose networks: parts, locked on their own",
    "pipeline/datasets/opened.py": "datasets: parts, locked on their own",
    "pipeline/build/aside.py": "adoption, progress and the code's facts decide no row",
    "models/pose/mmpose_parts.py": "packages of mmpose's, of which some may be missing; none of ours",
    "pipeline/versions.py": "installed packages, for what they say their version is; none of ours",
}
"""Every file in a step's reach that imports by name, and why the lock need not follow it there."""


def test_imports_by_name_are_known() -> None:
    """What recipes.lock cannot follow stands in BY_NAME, or it would be a hole."""
    files = {name for step in STEPS for name in reached(f"stages.{step}")}
    parts = {
        name for entry, _ in recipes(HOUSE).parts().values() for name in reached(entry.partition(":")[0])
    }
    found = {name for name in files | parts if _imports_by_name(modules()[name])}
    assert {modules()[name].relative_to(HOUSE).as_posix() for name in found} == BY_NAME.keys()


def _imports_by_name(path: Path) -> bool:
    return any(word in path.read_text() for word in ("import_module(", "__import__(", "import_string("))


def test_the_reading_side_knows_nothing_of_the_writing_side() -> None:
    assert not {name for name in reading_side() if name.startswith(("cache.build", "cache.home"))}
    assert not {name for name in reached("cache") if name.startswith("cache.reader")}


def reading_side() -> frozenset[str]:
    """All that harstore may run, but for `cache/__init__`, which its package does not have."""
    return reached("cache.harstore", "cache.store.store", "cache.store.parts", without="cache")
