import json
from pathlib import Path

import pytest

from cache import RecipeDriftError
from cache.recipes import Recipes

FILES = {
    "house/__init__.py": "",
    "house/crop.py": '"""Crops."""\nfrom . import boxes\nfrom .video import open_video\nimport numpy\n\n'
    'def run():\n    """Runs."""\n    from house.late import thing  # heavy\n'
    "    return thing(boxes, open_video)\n",
    "house/boxes.py": "MARGIN = 3\n",
    "house/video.py": "import tools.clock\n\ndef open_video():\n    return 1\n",
    "house/late.py": "def thing(*_):\n    return 2\n",
    "house/other.py": "X = 1\n",
    "tools/__init__.py": "",
    "tools/clock.py": "from tools import deep\n",
    "tools/deep.py": "Y = 1\n",
}
REACHED = sorted(set(FILES) - {"house/other.py"})


def recipes(root: Path, **versions: int) -> Recipes:
    steps = {
        "crop": ("house.crop", versions.get("crop", 1)),
        "other": ("house.other", versions.get("other", 1)),
    }
    return Recipes(root, root / "recipes.lock", ("house", "tools"), steps)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert recipes(tmp_path).bless() == ["crop", "other"]
    return tmp_path


def test_what_a_step_reaches(root: Path) -> None:
    assert list(recipes(root).files("house.crop")) == REACHED
    assert list(recipes(root).files("house.other")) == ["house/__init__.py", "house/other.py"]


def test_unchanged_code_passes_and_blessing_it_changes_nothing(root: Path) -> None:
    recipes(root).check("crop")
    before = (root / "recipes.lock").read_bytes()
    assert recipes(root).bless() == []
    assert (root / "recipes.lock").read_bytes() == before


def test_comments_docstrings_and_layout_are_no_change(root: Path) -> None:
    (root / "house/boxes.py").write_text(
        '"""Boxes."""\n\n# pixels\nMARGIN = (\n    3\n)\n"""Around the box."""\n'
    )
    (root / "house/late.py").write_text('def thing(*_):\n    """Say two."""\n    return 2  # always\n')
    recipes(root).check("crop")


@pytest.mark.parametrize("name", ["house/crop.py", "house/boxes.py", "house/late.py", "tools/deep.py"])
def test_changed_code_is_refused_and_named(root: Path, name: str) -> None:
    (root / name).write_text(FILES[name] + "Z = 5\n")
    with pytest.raises(RecipeDriftError) as caught:
        recipes(root).check("crop")
    for part in ("step 'crop'", f"changed: {name}", "raise the version", "python cli.py recipes bless"):
        assert part in str(caught.value)
    recipes(root).check("other")


def test_a_new_import_is_a_change(root: Path) -> None:
    (root / "house/late.py").write_text(FILES["house/late.py"].replace("def", "import house.other\n\ndef"))
    with pytest.raises(RecipeDriftError, match=r"changed: house/late.py; newly reached: house/other.py"):
        recipes(root).check("crop")


def test_both_ways_out(root: Path) -> None:
    (root / "house/boxes.py").write_text("MARGIN = 4\n")
    recipes(root, crop=2).check("crop")  # a raised version takes the new code
    recipes(root, crop=2).check("crop")
    with pytest.raises(RecipeDriftError, match="versions only rise: use 3"):
        recipes(root, crop=1).check("crop")
    (root / "house/boxes.py").write_text("MARGIN = 5\n")
    with pytest.raises(RecipeDriftError, match=r"house/boxes\.py"):
        recipes(root, crop=2).check("crop")
    assert recipes(root, crop=2).bless(["crop"]) == ["crop"]
    recipes(root, crop=2).check("crop")


def test_a_step_that_was_never_locked(root: Path) -> None:
    (root / "recipes.lock").unlink()
    with pytest.raises(RecipeDriftError, match=r"not in recipes\.lock"):
        recipes(root).check("crop")
    with pytest.raises(RecipeDriftError, match="no step 'corp'"):
        recipes(root).check("corp")
    (root / "recipes.lock").write_text("<<<<<<< HEAD\n")
    with pytest.raises(RecipeDriftError, match="merge conflict"):
        recipes(root).check("crop")


def test_the_lock_is_sorted_one_line_a_file(root: Path) -> None:
    text = (root / "recipes.lock").read_text()
    assert json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n" == text
    assert sum('.py": "' in line for line in text.splitlines()) == len(REACHED) + 2
