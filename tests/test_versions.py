"""Keys name what runs, not what a package's metadata says."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2
import pytest
from tiny import Project

from pipeline import versions
from pipeline.build.steps import STEPS
from pipeline.versions import clashing_opencv, major_minor


@pytest.fixture(autouse=True)
def forgetting() -> None:
    major_minor.cache_clear()


@pytest.fixture
def two_opencvs(monkeypatch: pytest.MonkeyPatch) -> None:
    """opencv-python 5.0 whose files opencv-python-headless 4.14 has overwritten."""
    stated = {"opencv-python": "5.0.0.93", "opencv-python-headless": "4.14.0.90"}

    def stated_version(package: str) -> str:
        if package not in stated:
            raise PackageNotFoundError(package)
        return stated[package]

    monkeypatch.setattr(versions, "version", stated_version)
    monkeypatch.setattr(cv2, "__version__", "4.14.0")


@pytest.mark.parametrize("package", sorted({name for step in STEPS.values() for name in step.runtime}))
def test_where_they_agree_it_is_the_metadatas_version(package: str) -> None:
    assert major_minor(package) == ".".join(version(package).split("+")[0].split(".")[:2])


@pytest.mark.parametrize("package", versions.HEAVY)
def test_what_is_read_without_an_import_is_what_the_module_says(package: str) -> None:
    assert versions._stated(package) == import_module(package).__version__


@pytest.mark.usefixtures("two_opencvs")
def test_the_module_that_runs_is_asked() -> None:
    assert major_minor("opencv-python") == "4.14"
    document = STEPS["crop"].document(params={}, inputs={})
    assert document["runtime"]["opencv-python"] == "4.14"


@pytest.mark.usefixtures("two_opencvs")
def test_two_opencvs_are_told_by_name_once_at_the_stages_start(
    finished: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finished.copy(tmp_path / "mine").run("crop").failed == 0
    output = capsys.readouterr().err
    assert output.count("opencv-python 5.0.0.93 and opencv-python-headless 4.14.0.90 are both installed") == 1
    assert "what runs is OpenCV 4.14" in output


def test_one_opencv_is_no_news() -> None:
    assert clashing_opencv() == ""
