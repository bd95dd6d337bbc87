"""Doors for a user's own datasets, backbones and heads: opened by import path, their code in the keys, helpers too."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tiny import Project, one_modality, tiny_params

from cache import open_store
from models.errors import ModelParamError
from models.head import head_class
from pipeline.catalog.catalog import read_catalog
from pipeline.datasets.opened import check_sides, open_dataset
from pipeline.errors import DatasetError, ParamError
from pipeline.keys.own_code import own_code
from pipeline.keys.part_facts import part_facts
from pipeline.params.params import IndexParams
from stages.load_params import load_params

HERE = Path(__file__).parent

MODULES = {"dataset": "own_dataset", "backbone": "own_backbone", "head": "own_head"}
CLASSES = {"dataset": "Folders", "backbone": "Pooled", "head": "Weighed"}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `mine` on Python's path: each worked example as a module, and a helper that all import."""
    package = tmp_path / "code" / "mine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text("from mine.deeper import SCALE\n")
    (package / "deeper.py").write_text("import json\nimport other\nSCALE = 1\n")
    (package / "idle.py").write_text("NOBODY = 'imports this'\n")
    (package.parent / "other.py").write_text("BESIDE = 1\n")
    for module in MODULES.values():
        text = (HERE / f"{module}.py").read_text()
        (package / f"{module}.py").write_text(
            f"{text}\n\ndef late() -> object:\n    from . import helper\n    return helper\n"
        )
    monkeypatch.syspath_prepend(str(package.parent))
    # A module rewritten within a second, as long as before, would be taken for its bytecode of before.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield package
    for name in [name for name in sys.modules if name.split(".")[0] in ("mine", "other")]:
        del sys.modules[name]


def where(kind: str) -> str:
    return f"mine.{MODULES[kind]}:{CLASSES[kind]}"


@pytest.mark.parametrize("kind", sorted(MODULES))
def test_a_helpers_edit_changes_the_key(packages: Path, kind: str) -> None:
    before = part_facts(where(kind), {})["code"]
    assert part_facts(where(kind), {})["code"] == before
    edits = {
        "helper.py": "from mine.deeper import SCALE\nMORE = 1\n",
        "deeper.py": "import other\nSCALE = 2\n",
        "../other.py": "BESIDE = 2\n",
        "__init__.py": "READY = True\n",
    }
    seen = {before}
    for name, text in edits.items():
        (packages / name).write_text(text)
        seen.add(part_facts(where(kind), {})["code"])
    assert len(seen) == 1 + len(edits)
    (packages / "idle.py").write_text("NOBODY = 'still'\n")
    (packages / "own_unused.py").write_text("")
    assert part_facts(where(kind), {})["code"] in seen


def test_what_is_not_followed(packages: Path) -> None:
    """Imports by name and by type checkers, and installed packages: as docs/architecture.md says."""
    (packages / "own_head.py").write_text(
        "import importlib\nfrom typing import TYPE_CHECKING\nimport numpy, torch, models.head\n"
        "if TYPE_CHECKING:\n    from mine import helper\n"
        "def late():\n    return importlib.import_module('mine.helper')\n"
    )
    before = own_code(where("head"))
    (packages / "helper.py").write_text("CHANGED = 1\n")
    assert own_code(where("head")) == before


def test_an_installed_package_of_ones_own_is_followed_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it lies: the class's own top-level package, and not its neighbours there."""
    site = tmp_path / "site-packages"
    for name, text in {"bought/__init__.py": "", "bought/net.py": "import bought.part\nimport neighbour\n",
                       "bought/part.py": "A = 1\n", "neighbour.py": "B = 1\n"}.items():  # fmt: skip
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr("pipeline.keys.own_code._others", lambda: (site,))
    before = own_code("bought.net:Net")
    (site / "neighbour.py").write_text("B = 2\n")
    assert own_code("bought.net:Net") == before
    (site / "bought" / "part.py").write_text("A = 2\n")
    assert own_code("bought.net:Net") != before


def test_a_raised_version_of_ours_is_named_and_a_first_one_is_not() -> None:
    assert part_facts("r3d18", {"r3d18": ("models.amfi.r3d:R3D18", 1)}) == {}
    assert part_facts("r3d18", {"r3d18": ("models.amfi.r3d:R3D18", 2)}) == {"part_version": 2}


@pytest.mark.parametrize("adapter", ["mine.own_dataset:Folder", "no_such:Dataset", "ntuu"])
def test_a_dataset_that_is_not_there_is_refused(packages: Path, adapter: str) -> None:
    with pytest.raises(
        ParamError, match=r"index\.adapter.*(cannot be imported|'ntu'\?.*package\.module:Class)"
    ):
        open_dataset(IndexParams(adapter=adapter, protocol="even_odd"), packages)


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        (
            "mine.own_dataset:Folder",
            r"module 'mine\.own_dataset' has no 'Folder' \(did you mean 'Folders'\?\)$",
        ),
        (
            "no_such:Dataset",
            "No module named 'no_such'; install its package, or put its folder on PYTHONPATH$",
        ),
        (":Folders", "Empty module name; install"),
    ],
)
def test_a_misspelt_class_is_no_missing_package(packages: Path, adapter: str, message: str) -> None:
    with pytest.raises(ParamError, match=message):
        open_dataset(IndexParams(adapter=adapter, protocol="even_odd"), packages)
    with pytest.raises(ModelParamError, match=message):
        head_class(adapter)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            ('else "test"', 'else "tset"'),
            r"split of clip 'p02_clap_1' .* got 'tset' \(did you mean 'test'\?\)",
        ),
        (
            ('return "subject"', 'return "person"'),
            r"axis\('even_odd'\) must be one of .*'subject'.* got 'person'",
        ),
    ],
)
def test_a_side_or_axis_that_is_no_such_word_is_refused(
    packages: Path, tmp_path: Path, wrong: tuple[str, str], message: str
) -> None:
    """A clip on a side that nobody reads would be left out, and counted nowhere."""
    for name in ("p01_wave_1.avi", "p02_clap_1.avi"):
        (tmp_path / name).write_bytes(b"")
    code = packages / "own_dataset.py"
    params = IndexParams(adapter=where("dataset"), protocol="even_odd")
    check_sides(open_dataset(params, tmp_path), "even_odd")
    text = code.read_text()
    assert wrong[0] in text
    code.write_text(text.replace(*wrong))
    del sys.modules["mine.own_dataset"]
    with pytest.raises(DatasetError, match=message):
        check_sides(open_dataset(params, tmp_path), "even_odd")


def test_a_dataset_must_say_all_that_is_asked(packages: Path) -> None:
    (packages / "own_dataset.py").write_text("class Folders:\n    def __init__(self, root): pass\n")
    with pytest.raises(
        ParamError, match=r"has no axis, card, classes, .*pipeline\.datasets\.protocol\.Dataset"
    ):
        open_dataset(IndexParams(adapter=where("dataset"), protocol="even_odd"), packages)


def test_a_head_must_be_one(packages: Path) -> None:
    (packages / "own_head.py").write_text("class Weighed:\n    pass\n")
    with pytest.raises(ModelParamError, match=r"must be a subclass of models\.head\.Head"):
        head_class(where("head"))


OWN_HEAD = """from torch import nn
from models.head import Head, HeadOutput
class Weighed(Head):
    def __init__(self, num_classes, *, skeleton_dim, video_dim{keywords}):
        super().__init__(num_classes, skeleton_dim=skeleton_dim, video_dim=video_dim, unequal="project")
        self.fc = nn.Linear({width}, num_classes)
    def fuse(self, skeleton, video):
        return HeadOutput(self.fc(skeleton + video){end})
"""


@pytest.mark.parametrize(
    ("keywords", "width", "end", "message"),
    [
        (
            "",
            "self.dim",
            "",
            r"'unequal'; a head's constructor takes num_classes, .*\(skeleton_dim, video_dim, unequal\)",
        ),
        (
            ", unequal",
            "skeleton_dim + video_dim",
            "",
            r"fails on 3 clips' vectors of 16 and 32 numbers.*RuntimeError",
        ),
        (", unequal", "self.dim", "[0]", r"gives logits \(2,\) of 3 clips' vectors"),
        (", unequal", "self.dim", "", None),
    ],
    ids=["a keyword lacks", "a width is wrong", "logits are of no batch", "as it should be"],
)
def test_a_head_that_cannot_compute_is_refused_before_anything_runs(
    packages: Path, tmp_path: Path, keywords: str, width: str, end: str, message: str | None
) -> None:
    """`train` would meet it after pretrain and features."""
    (packages / "own_head.py").write_text(OWN_HEAD.format(keywords=keywords, width=width, end=end))
    head = where("head")
    params = tiny_params(**{"train.methods": ["video", head], "train.fused": head})
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    if message is None:
        assert load_params(tmp_path / "params.yaml", "demo").train.fused == head
        return
    with pytest.raises(ParamError, match=message):
        load_params(tmp_path / "params.yaml", "demo")


@pytest.fixture(scope="module")
def folders(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings as the worked example wants them: four people, two actions, one video of each."""
    folder = tmp_path_factory.mktemp("folders") / "demo"
    videos = [finished.raw / entry.clip.video for entry in read_catalog(finished.paths.catalog).usable()[:8]]
    for number, video in enumerate(videos):
        action, person = ("wave", "clap")[number % 2], 1 + number // 2
        target = folder / action / f"p{person:02d}_{action}_1.avi"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(video, target)
    return folder


def test_a_dataset_of_ones_own_from_index_to_crop(folders: Path, tmp_path: Path, packages: Path) -> None:
    changes = {"index.adapter": where("dataset"), "index.protocol": "even_odd", "index.options": {}}
    project = Project.made(tmp_path / "project", folders, **changes, **one_modality("video"))
    made = project.run_all("index", "sample", "crop")
    assert [summary.made for summary in made.values()] == [8, 8, 8]
    catalog = open_store(project.paths.store("frames"))
    assert catalog.ids[0] == "p01_clap_1"
    assert catalog.coord("split").tolist() == [0, 0, 1, 1, 0, 0, 1, 1]

    again = project.run_all("index", "crop")
    assert [summary.made for summary in again.values()] == [0, 0]
    (packages / "deeper.py").write_text("import other\nSCALE = 2\n")
    edited = project.run_all("index", "crop")
    assert [summary.made for summary in edited.values()] == [8, 8]


def test_a_head_of_ones_own_is_trained_named_and_kept(copied: Project, packages: Path) -> None:
    head = where("head")
    copied.set_params(
        **{"train.methods": ["video", head], "train.fused": head, "train.options": {head: {"start": 1.0}}}
    )
    made = copied.run("train").made
    assert made == 3  # a selection run and two seeds; `video` is known from before
    trainings = json.loads((copied.paths.weights / "heads" / "trainings.json").read_text())
    assert {training["name"] for training in trainings} == {"video", head}
    kept = {path.name for path in (copied.paths.weights / "heads").glob("*.pt")}
    assert f"{head.replace(':', '.')}_0.pt" in kept
    assert not any(":" in name for name in kept)
    documents = json.loads((copied.paths.weights / "heads" / "documents.json").read_text())
    assert documents[f"{head}_0"]["params"]["code"] == own_code(head)
    assert copied.run("report").exit_code == 0

    assert copied.run("train").made == 0
    (packages / "helper.py").write_text("CHANGED = 1\n")
    assert copied.run("train").made == 3
