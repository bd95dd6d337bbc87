"""Versions of the libraries that run, cut to what may change results."""

from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from cache.code import literal

MODULES = {"opencv-python": "cv2"}
"""Import names of packages that have another than their own."""

HEAVY = ("torch", "torchvision")
"""Packages that take seconds to import, and state their `__version__` as a literal in a file `version.py`."""

OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
"""Packages that all install the module `cv2`, each over the other's files."""


@cache
def major_minor(package: str) -> str:
    """`"2.15"` of a package of which `"2.15.0+cpu"` runs.

    The module is asked: where two packages install one module, the metadata of either may speak of files that the
    other has overwritten.
    """
    running: str = _stated(package) if package in HEAVY else _imported(MODULES.get(package, package))
    return ".".join(running.split("+")[0].split(".")[:2])


def _imported(module: str) -> str:
    return str(import_module(module).__version__)


def _stated(package: str) -> str:
    """What the module would say of itself, read from the file from which it has that."""
    found = find_spec(package)
    if found is None or found.origin is None:
        return _imported(package)  # raises what the import says
    return str(literal(Path(found.origin).with_name("version.py").read_bytes(), "__version__"))


def clashing_opencv() -> str:
    """A warning where more than one OpenCV is installed, whose files lie over each other; empty where there is none."""
    found = [f"{package} {installed}" for package in OPENCV if (installed := _installed(package))]
    if len(found) < 2:
        return ""
    return (
        f"{' and '.join(found)} are both installed and overwrite each other's files; what runs is "
        f"OpenCV {major_minor('opencv-python')}, which keys name. Uninstall both, then install opencv-python"
    )


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
