"""The digest of a user's own code: the module that a class is opened from, and the modules of theirs that it imports.

Followed are imports anywhere in a file, of modules in the same top-level package as the class, wherever that is
installed, and of any other module outside Python's library, site-packages and this house: a folder on PYTHONPATH.
Not followed: imports by name (`importlib`), files that code reads, other installed packages (their versions are in
no key), and what `if TYPE_CHECKING:` holds.
"""

import hashlib
import site
import sys
import sysconfig
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from cache.code import read_code, with_parents
from pipeline.errors import ParamError

HOUSE = Path(__file__).resolve().parents[2]


def own_code(where: str) -> str:
    """sha256 of the code behind `package.module:Class`: of the file alone, or where it imports more, of them all.

    Nothing is imported. Raises ParamError where there is no such module.
    """
    module = where.partition(":")[0]
    files = _files(module)
    if not files:
        raise ParamError(
            f"{where!r} cannot be imported: no module {module!r}; install its package, or put its folder on PYTHONPATH"
        )
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    if len(digests) == 1:
        return digests[module]
    listing = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(listing.encode()).hexdigest()


def _files(start: str) -> dict[str, Path]:
    """Every module followed from `start`, itself included, to its file."""
    top = start.partition(".")[0]
    found: dict[str, Path] = {}
    seen: set[str] = set()
    waiting = with_parents(start)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _file(name)
        if path is None or not (name.partition(".")[0] == top or _is_own(path)):
            continue
        found[name] = path
        if path.suffix == ".py":
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            imports = read_code(path.read_bytes(), tuple(package.split(".")) if package else ()).imports
            waiting += [above for module in imports for above in with_parents(module)]
    return found


def _file(name: str) -> Path | None:
    """The file of a module, found without importing it; None where there is none, or `name` is no module."""
    places: list[str] | None = None
    spec: ModuleSpec | None = None
    for module in with_parents(name):
        known = getattr(sys.modules.get(module), "__spec__", None)
        spec = known or PathFinder.find_spec(module, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return Path(spec.origin).resolve() if spec and spec.has_location and spec.origin else None


def _is_own(path: Path) -> bool:
    """Whether a file is neither Python's, nor installed, nor ours."""
    return not any(path.is_relative_to(folder) for folder in _others())


@cache
def _others() -> tuple[Path, ...]:
    """Folders of Python's library, of installed packages and of this house's own."""
    library = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    installed = [*library, *site.getsitepackages(), site.getusersitepackages()]
    ours = [HOUSE / package for package in ("cache", "models", "pipeline", "stages")]
    return (*(Path(folder).resolve() for folder in installed), *ours)
