"""dvc.yaml: it names what the stages reach, read and write; and DVC itself runs it, once."""

import ast
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from house import HOUSE, ROOMS, modules, reached
from tiny import STAGES, Project, content, link, tiny_params

from models.night.names import ENHANCERS
from models.pose.names import PERSON_DETECTORS, POSE_NETWORKS
from pipeline.params.params import Preset
from pipeline.params.presets import load_preset
from pipeline.tables.papers.names import TABLES

GRAPH: dict[str, dict[str, Any]] = yaml.safe_load((HOUSE / "dvc.yaml").read_text())["stages"]

NOT_IN_PARAMS = {"max_failed"}
"""Decides a stage's exit status and not a byte of what it writes."""

NO_BYTE = {
    "pipeline.catalog.crossed",
    "pipeline.params.crossing",
    "pipeline.params.modalities",
    "pipeline.params.parts",
}
"""Modules that read sections only to refuse them, or to name the code that is locked."""


def filled(text: str) -> str:
    return text.replace("${dataset}", "demo").replace("${preset}", "demo")


def paths_of(entries: list[Any]) -> list[str]:
    """Of a stage's deps, outs, metrics or plots; an entry with options is a mapping of one key."""
    return [filled(next(iter(entry)) if isinstance(entry, dict) else entry) for entry in entries]


def deps(stage: str) -> list[str]:
    return paths_of(GRAPH[stage]["deps"])


def outs(stage: str) -> list[str]:
    return [path for kind in ("outs", "metrics", "plots") for path in paths_of(GRAPH[stage].get(kind, []))]


def code_deps(stage: str) -> set[str]:
    return {dep for dep in deps(stage) if dep.split("/")[0] in ROOMS}


def sections_read(module: str) -> Iterator[str]:
    """Names in `preset.<name>` and `self.preset.<name>`."""
    for node in ast.walk(ast.parse(modules()[module].read_text())):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
            if name == "preset":
                yield node.attr


FOUND_BY_NAME = {
    "crop": list(ENHANCERS.values()),
    "index": [*POSE_NETWORKS.values(), *PERSON_DETECTORS.values()],
}
"""Networks of `models` that a stage below `pretrain` finds by name: their files alone are its deps."""

BESIDE_THE_GRAPH = {"extract", "enhance", "export", "load_params", "plan", "quality", "saliency"}
"""For videos without a dataset, for weights that a crop recipe may name, for weights as ONNX; what all begin with;
what only looks and writes nothing."""


def test_artifacts_are_what_stages_write() -> None:
    """DVC's registry and its plots: each artifact is a stage's out, and the template asks for columns of curves.csv."""
    artifacts = yaml.safe_load((HOUSE / "dvc.yaml").read_text())["artifacts"]
    written = {path for stage in GRAPH for path in outs(stage)}
    assert {filled(artifact["path"]) for artifact in artifacts.values()} <= written
    template = json.loads((HOUSE / ".dvc/plots/curves.json").read_text())
    (curves,) = (one for one in GRAPH["train"]["plots"] if "reports/${dataset}/curves.csv" in one)
    assert curves["reports/${dataset}/curves.csv"]["template"] == "curves"
    fields = {one["field"] for one in template["spec"]["encoding"].values()} | {
        template["facet"]["row"]["field"]
    }
    columns = {"phase", "method", "seed", "epoch", "train_loss", "val_accuracy"}
    (confusion,) = (one for one in GRAPH["train"]["plots"] if "reports/${dataset}/confusion.csv" in one)
    named = confusion["reports/${dataset}/confusion.csv"]["template"]
    shares = json.loads((HOUSE / f".dvc/plots/{named}.json").read_text())
    assert {"<DVC_METRIC_X>", "<DVC_METRIC_Y>"} <= set(re.findall(r"<DVC_METRIC_[XY]>", json.dumps(shares)))
    assert fields - {"<DVC_METRIC_X>", "<DVC_METRIC_Y>", "rev"} <= columns


def test_one_dvc_stage_a_module() -> None:
    modules_of_stages = {name.split(".")[1] for name in modules() if name.startswith("stages.")}
    modules_of_stages -= BESIDE_THE_GRAPH
    assert set(GRAPH) == set(STAGES) == modules_of_stages


@pytest.mark.parametrize("stage", STAGES)
def test_the_command_names_what_decides_the_bytes_and_nothing_else(stage: str) -> None:
    assert GRAPH[stage]["cmd"] == f"python cli.py {stage} ${{dataset}} --preset ${{preset}}"


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_what_the_stage_reaches(stage: str) -> None:
    named = {m for where, _ in FOUND_BY_NAME.get(stage, []) for m in reached(where.partition(":")[0])}
    files = {modules()[m].relative_to(HOUSE).as_posix() for m in reached(f"stages.{stage}") | named}
    files -= {"stages/__init__.py"}  # empty, and its content no stage's business
    uncovered = {f for f in files if not any(f == dep or f.startswith(f"{dep}/") for dep in code_deps(stage))}
    assert uncovered == set()
    needless = {d for d in code_deps(stage) if not any(f == d or f.startswith(f"{d}/") for f in files)}
    assert needless == set()


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_sections_that_the_stage_reads(stage: str) -> None:
    listed = {param.removeprefix("presets.${preset}").lstrip(".") for param in GRAPH[stage]["params"]}
    known = set(Preset.model_fields)
    assert listed <= known | {""}  # "" is the whole preset
    reading = reached(f"stages.{stage}") - NO_BYTE
    read = {name for m in reading for name in sections_read(m)} & known - NOT_IN_PARAMS
    assert read <= listed or listed == {""}


def test_a_stage_reads_what_an_earlier_one_writes() -> None:
    made = {"data/raw/demo"}
    for stage in GRAPH:
        assert {dep for dep in deps(stage) if dep not in code_deps(stage)} <= made
        made |= set(outs(stage))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_finds_its_deps_enough_and_writes_its_outs(
    finished: Project, tmp_path: Path, stage: str
) -> None:
    """In a project that holds the named deps and the cache, no more: the same outs, byte for byte."""
    alone = Project(tmp_path / "alone")
    failures = "data/demo/failures.jsonl"  # written beside by every stage; tells, decides nothing
    for name in [*deps(stage), ".harcache", "params.yaml", failures]:
        if name not in code_deps(stage):
            copy(finished.root / name, alone.root / name)
    alone.run(stage)
    for name in outs(stage):
        ours, theirs = content(alone.root / name), content(finished.root / name)
        assert ours.keys() == theirs.keys()
        assert [file for file in ours if ours[file] != theirs[file]] == []


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=link)
    else:
        shutil.copyfile(source, target)


def tracked_into(root: Path) -> None:
    """Put what git tracks, tests and bench left out, into a folder."""
    tracked = subprocess.run(["git", "ls-files"], cwd=HOUSE, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        if (HOUSE / name).exists() and not name.startswith(("tests/", "bench/")):
            copy(HOUSE / name, root / name)


@pytest.fixture(scope="module")
def checkout(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked files in a new git repository, the small demo in place, its preset tiny."""
    root = tmp_path_factory.mktemp("checkout")
    tracked_into(root)
    (root / "params.yaml").write_text(yaml.safe_dump(tiny_params()))
    shutil.copytree(recordings, root / "data/raw/demo")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


def dvc(root: Path, *words: str, **variables: str) -> str:
    """What `dvc` says where all goes well."""
    ran = _ran(root, *words, **variables)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def dvc_output(root: Path, *words: str) -> str:
    """All that a `dvc` says that fails."""
    ran = _ran(root, *words)
    assert ran.returncode != 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout + ran.stderr


def _ran(root: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """`dvc` of this environment; its own settings lie in the checkout, not in the user's home."""
    here = Path(sys.executable).parent
    settings = {name: str(root / ".dvc" / "tmp" / name) for name in ("GLOBAL", "SYSTEM", "SITE")}
    environment = {
        **os.environ,
        **variables,
        "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": settings["GLOBAL"],
        "DVC_SYSTEM_CONFIG_DIR": settings["SYSTEM"],
        "DVC_SITE_CACHE_DIR": settings["SITE"],
    }
    return subprocess.run(
        [str(here / "dvc"), *words], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def test_every_table_is_a_stage_of_its_own_which_repro_leaves_alone(checkout: Path) -> None:
    """Only where its file was copied does DVC see a table: else `dvc status` would speak of all that have not run."""
    (stage,) = yaml.safe_load((HOUSE / "experiments/tables.yaml").read_text())["stages"].values()
    assert stage["matrix"] == {"name": list(TABLES)}
    assert "table@" not in dvc(checkout, "stage", "list", "--all", "--name-only")
    copied = checkout / "experiments/dvc.yaml"
    shutil.copy(checkout / "experiments/tables.yaml", copied)
    listed = dvc(checkout, "stage", "list", "--name-only", "experiments/dvc.yaml").split()
    assert listed == [f"experiments/dvc.yaml:table@{name}" for name in TABLES]
    assert "table@" not in dvc(checkout, "stage", "list", "--name-only")
    copied.unlink()


def test_dvc_runs_the_graph_once(checkout: Path) -> None:
    first = dvc(checkout, "repro")
    order = re.findall(r"Running stage '(\w+)'", first)
    assert sorted(order) == sorted(STAGES)
    assert order[0] == "index"
    assert order[-1] == "report"
    locked = yaml.safe_load((checkout / "dvc.lock").read_text())["stages"]
    assert locked.keys() == GRAPH.keys()
    for stage in STAGES:
        assert all((checkout / out).exists() for out in outs(stage))

    assert "Data and pipelines are up to date." in dvc(checkout, "repro")
    shown = dvc(checkout, "metrics", "show")
    assert "fused.mean" in shown
    assert "reports/demo/metrics.json" in shown
    assert "reports/demo/live.json" in shown
    drawn = json.loads(dvc(checkout, "plots", "show", "--json"))["data"]
    assert set(drawn) == {"reports/demo/confusion.csv", "reports/demo/curves.csv", "trainings, as they run"}
    (confusion,) = drawn["reports/demo/confusion.csv"]
    assert confusion["content"]["title"].startswith("Per cent of each true class")

    shard = next((checkout / "data/demo/frames.zarr/r4").glob("c.0.*"))
    assert shard.stat().st_nlink >= 3  # our cache, the store and DVC's cache share one file


def test_an_experiment_in_a_folder_of_its_own_finds_recordings_and_cache(
    recordings: Path, finished: Project, tmp_path: Path
) -> None:
    """docs/presets.md: a link that git tracks, and HARCACHE_DIR; a setting changes that experiment alone."""
    root = tmp_path / "checkout"
    tracked_into(root)
    document = tiny_params()
    document["presets"]["lenient"] = {**tiny_params()["presets"]["demo"], "max_failed": 0.4}
    (root / "params.yaml").write_text(yaml.safe_dump(document))
    (root / "data/raw").mkdir(parents=True)
    (root / "data/raw/demo").symlink_to(recordings)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b")
    for words in (
        ("init", "--quiet"),
        ("add", "--force", "data/raw/demo"),
        ("add", "."),
        ("commit", "-qm", "all"),
    ):
        subprocess.run([*git, *words], cwd=root, check=True)
    cache = tmp_path / "cache"
    shutil.copytree(finished.root / ".harcache", cache, copy_function=link)
    output = dvc(
        root,
        "exp",
        "run",
        "--temp",
        "--set-param",
        "presets.demo.max_failed=0.5",
        "index",
        HARCACHE_DIR=str(cache),
    )
    assert "index: 0 clips made, 58 from cache, 5 failed" in output
    assert not (root / "data/demo").exists()
    assert load_preset(root / "params.yaml", "demo").max_failed == 0.2

    again = dvc(root, "exp", "run", "--set-param", "preset=lenient", "index", HARCACHE_DIR=str(cache))
    assert "python cli.py index demo --preset lenient" in again
    assert "index: 0 clips made, 58 from cache, 5 failed" in again
    assert yaml.safe_load((root / "params.yaml").read_text())["preset"] == "lenient"
    table = list(csv.DictReader(io.StringIO(dvc(root, "exp", "show", "--csv", "--no-pager"))))
    assert [row["preset"] for row in table if row["Experiment"]] == ["lenient", "demo"]
