"""Digest and imports of a source file, read from its text; nothing of it runs."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .keys import KEY_BYTES


@dataclass(frozen=True, slots=True)
class Code:
    """One source file."""

    digest: str
    """Digest of the code without its comments, docstrings and layout."""
    imports: tuple[str, ...]
    """Modules that it may import when it runs, sorted; `from a import b` gives a and a.b, whichever is a module."""


@lru_cache(maxsize=1024)
def read_code(source: bytes, package: tuple[str, ...]) -> Code:
    """Read the text of a file in `package`, from which its relative imports start.

    What stands under `if TYPE_CHECKING:` never runs, so its imports are not followed; imports by name
    (`importlib`) can't be seen. Raises SyntaxError.
    """
    tree = ast.parse(source)
    digest = hashlib.blake2b("".join(_spelled(tree)).encode(), digest_size=KEY_BYTES).hexdigest()
    return Code(digest, tuple(sorted(set(_imports(tree, package)))))


def with_parents(module: str) -> list[str]:
    """Importing a.b.c runs a and a.b first: "a.b.c" gives a, a.b, a.b.c."""
    parts = module.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def literal(source: bytes, name: str) -> Any:
    """The value of the module's variable `name`, which must be a plain literal. Raises KeyError or ValueError."""
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return ast.literal_eval(node.value)  # type: ignore[attr-defined]
    raise KeyError(name)


def _imports(node: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = package[: len(package) + 1 - node.level] if node.level else ()
        module = ".".join([*base, *([node.module] if node.module else [])])
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)
    for child in _running(node):
        yield from _imports(child, package)


def _running(node: ast.AST) -> Iterable[ast.AST]:
    """Its children, but for the body of `if TYPE_CHECKING:`, which only type checkers enter."""
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        return node.orelse
    return ast.iter_child_nodes(node)


def _spelled(value: object) -> Iterator[str]:
    """The syntax tree without places, comments, docstrings and empty fields.

    `ast.dump` would do, but spells the same code differently from one Python to the next.
    """
    if isinstance(value, ast.AST):
        yield type(value).__name__
        yield "("
        for name in value._fields:
            field = getattr(value, name, None)
            if field is not None and field != [] and not (name == "kind" and isinstance(value, ast.Constant)):
                yield name
                yield from _spelled(field)
        yield ")"
    elif isinstance(value, list):
        yield "["
        for item in value:
            if not _is_bare_string(item):
                yield from _spelled(item)
        yield "]"
    else:
        yield f"={value!r};"


def _is_bare_string(node: object) -> bool:
    """A string that stands alone: a docstring of a module, class, function or field."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
