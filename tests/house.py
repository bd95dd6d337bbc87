"""The house as its source files say: modules, what each imports, and which of ours it reaches."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
ROOMS = ("cache", "models", "pipeline", "stages")
"""Our packages, from the ground up; cli.py and bench stand on them."""
COMMANDS = ("cli", "cli_cache", "cli_stages")
"""The modules of the command line."""


@dataclass(frozen=True)
class Import:
    """One import statement's target, as an absolute module name."""

    module: str
    top_level: bool
    """Whether it runs when the file is imported, not within a function."""
    for_types: bool
    """Whether it stands under `if TYPE_CHECKING:` and never runs."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the house by its dotted name."""
    rooms = (path for room in (*ROOMS, "bench") for path in (HOUSE / room).rglob("*.py"))
    files = [*(HOUSE / f"{name}.py" for name in COMMANDS), *rooms]
    return {_name(path): path for path in sorted(files)}


@cache
def imports(module: str) -> tuple[Import, ...]:
    """What a module imports, wherever in its file; `from a import b` is a.b where b is a module of ours."""
    path = modules()[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text())
    return tuple(_found(tree, package, top_level=True, for_types=False))


@cache
def reached(*names: str, without: str = "") -> frozenset[str]:
    """Modules of ours that importing these may run, themselves and the packages above each included.

    Behind `without`, which is left out, nothing is followed.
    """
    found = {without}
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name in found or name not in modules():
            continue
        found.add(name)
        waiting += [target.module for target in imports(name) if not target.for_types]
        waiting += [name.rpartition(".")[0]]
    return frozenset(found - {without})


@cache
def loaded(*names: str) -> frozenset[str]:
    """Modules, ours and foreign, that importing these runs at once: what stands within functions is left out."""
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if not name or name in found:
            continue
        found.add(name)
        waiting.append(name.rpartition(".")[0])
        if name in modules():
            waiting += [t.module for t in imports(name) if t.top_level and not t.for_types]
    return frozenset(found)


@cache
def names_of_tests() -> frozenset[str]:
    """Every function test_… of the tests."""
    trees = [ast.parse(path.read_text()) for path in (HOUSE / "tests").glob("test_*.py")]
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in nodes if node.name.startswith("test_"))


def named_tests(page: str) -> set[str]:
    """The functions test_… that a page of docs/ names, files of tests aside."""
    return set(re.findall(r"\btest_\w+", re.sub(r"test_\w+\.py", "", page)))


def foreign(module: str) -> set[str]:
    """Top-level names that a module imports and that are not ours."""
    return {target.module.split(".")[0] for target in imports(module)} - {
        *ROOMS,
        "cli",
        "cli_cache",
        "cli_stages",
        "bench",
    }


def room(module: str) -> str:
    """`pipeline` of `pipeline.demo.make`."""
    return module.split(".")[0]


def _name(path: Path) -> str:
    parts = path.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _found(node: ast.AST, package: str, *, top_level: bool, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = top_level and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typed = for_types or (isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING")
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, inside, typed) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (Import(name, inside, typed) for name in _from(child, package))
        else:
            yield from _found(child, package, top_level=inside, for_types=typed)


def _from(node: ast.ImportFrom, package: str) -> list[str]:
    parts = package.split(".")
    base = parts[: len(parts) + 1 - node.level] if node.level else []
    module = ".".join([*base, *([node.module] if node.module else [])])
    return sorted({f"{module}.{a.name}" if f"{module}.{a.name}" in modules() else module for a in node.names})


ORDER = {
    "pipeline": (
        "tables",
        "planning",
        "look",
        "report",
        "quality",
        "saliency",
        "evaluation",
        "upkeep",
        "exchange",
        "setup",
        "remote",
        "rows",
        "fitting",
        "inputs",
        "training",
        "catalog",
        "datasets",
        "params",
        "demo",
        "keys",
        "arrays",
        "pose",
        "skeleton",
        "video",
        "decoding",
        "build",
        "root",
    ),
    "cache": ("exchange", "upkeep", "remote", "build", "home", "face", "reader", "store", "shards", "root"),
}
"""The rooms of a package, top down: each imports from those after it alone. docs/architecture.md draws this list.

`root` are the files in the package's own folder. `face` are those that only tell what the package offers:
`cache/__init__` and `cache/harstore`; the latter stands above the reader, the former above all that writes.
"""


def room_of(module: str) -> str:
    """The room of a module within its package: `video` of pipeline.video.crop, `root` of pipeline.values."""
    parts = module.split(".")
    if module in ("cache", "cache.harstore"):
        return "face"
    in_folder = len(parts) > 2 or (len(parts) == 2 and modules()[module].name == "__init__.py")
    return parts[1] if in_folder else "root"


def arrows(package: str, of: Callable[[str], str]) -> set[tuple[str, str]]:
    """(who imports, what is imported) between parts of a package, where `of` tells a module's part.

    Imports of the package's own face count for nothing: it re-exports, and what it names is imported too.
    """
    inside = [module for module in modules() if module.split(".")[0] == package and module != package]
    found = {
        (of(module), of(target.module))
        for module in inside
        for target in imports(module)
        if target.module in inside
    }
    return {(above, below) for above, below in found if above != below}


def levels(pairs: set[tuple[str, str]]) -> int:
    """How many parts stand on each other, at most; arrows must not go in circles."""
    names = {name for pair in pairs for name in pair}

    @cache
    def height(name: str) -> int:
        return 1 + max((height(below) for above, below in pairs if above == name), default=0)

    return max(map(height, names), default=0)
