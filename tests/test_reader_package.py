"""harstore as a package of its own: built without a network, imported without the rest, its example run."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from feature_store import make_store, zipped
from house import HOUSE, modules
from serving import Served, serving
from test_reach import reading_side

HEAVY = ("zarr", "torch", "xarray", "fsspec", "s3fs", "aiohttp", "h5py", "ssl", "http.client", "cache")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from cache/ as pip does, by the hatchling that the tests' environment has."""
    out = tmp_path_factory.mktemp("wheel")
    build = f"import hatchling.build; print(hatchling.build.build_wheel({str(out)!r}))"
    ran = subprocess.run(
        [sys.executable, "-c", build], cwd=HOUSE / "cache", capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return out / ran.stdout.split()[-1]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, as pip lays it out; a wheel's names are trusted here, it is ours."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def ran(site: Path, code: str) -> str:
    """What Python prints, with only the wheel's content on its path beside the environment."""
    command = [sys.executable, "-P", "-W", "error", "-c", code]
    done = subprocess.run(
        command, cwd=site, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_package_and_asks_for_numpy_and_zarr_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read("harstore-0.1.0.dist-info/METADATA").decode()
    shipped = {name.removeprefix("harstore/") for name in names if name.startswith("harstore/")}
    files = {modules()[name].relative_to(HOUSE / "cache").as_posix() for name in reading_side()}
    assert shipped == {*(files - {"harstore.py"}), "__init__.py", "shards/writing.py"}
    needed = re.findall(r"^Requires-Dist: (\w+)[^;\n]*$", metadata, re.MULTILINE)
    assert sorted(needed) == ["numpy", "zarr"]


def test_zarr_brings_what_the_codecs_need() -> None:
    from importlib.metadata import requires

    needed = {
        re.split(r"[^\w-]", line)[0].lower() for line in requires("zarr") or () if "extra ==" not in line
    }
    assert {"numcodecs", "google-crc32c"} <= needed


def test_importing_it_imports_nothing_heavy(installed: Path) -> None:
    code = f"import sys, harstore; print(harstore.__file__, [m for m in {HEAVY!r} if m in sys.modules])"
    place, loaded = ran(installed, code).split(maxsplit=1)
    assert Path(place) == installed / "harstore" / "__init__.py"
    assert loaded.strip() == "[]"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    zipped(make_store(folder, clips=60), folder / "features.zip")
    return folder


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    with serving(home) as server:
        yield server


@pytest.mark.parametrize("place", ["folder", "zip", "http"])
def test_the_example_of_the_docs_learns_from_a_store(
    installed: Path, home: Path, served: Served, place: str
) -> None:
    example = re.search(r"```python\n(.*?)```", (HOUSE / "docs" / "harstore.md").read_text(), re.DOTALL)
    assert example is not None
    lines = [line for line in example[1].splitlines() if line and not line.startswith("import")]
    assert len(lines) <= 11
    address = {
        "folder": home / "features.zarr", "zip": home / "features.zip", "http": f"{served.url}/features.zarr",
    }[place]  # fmt: skip
    output = ran(installed, f"address = {str(address)!r}\n{example[1]}\nstore.close()")
    assert re.search(r"^licence +CC0", output, re.MULTILINE)
    accuracy = re.search(r"accuracy (\d\.\d+) on (\d+) clips", output)
    assert accuracy is not None
    assert float(accuracy[1]) > 0.8  # three classes, far apart
    assert int(accuracy[2]) == 15
