"""Recipes: whether the code that a step reaches is still the code its version stands for."""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import RecipeDriftError
from .files import write_atomic
from .keys import KEY_BYTES


@dataclass(frozen=True, slots=True)
class Recipes:
    """The steps of a pipeline and the lock file that holds their versions and their code's digests."""

    root: Path
    """Folder that the packages lie in."""
    lockfile: Path
    packages: tuple[str, ...]
    """Top-level packages (or modules) whose code counts; imports of anything else are not followed."""
    steps: Mapping[str, tuple[str, int]]
    """Step to (the module it starts in, its version)."""

    def check(self, step: str) -> None:
        """Raises RecipeDriftError where the step's code changed and its version did not.

        A raised version is a new recipe: the lock file then takes the new code as that version's.
        """
        entry, version = self._step(step)
        locked = self._locked().get(step)
        if locked is None:
            raise RecipeDriftError(
                f"step {step!r} is not in {self.lockfile.name}; run `python cli.py recipes bless` "
                "and commit the file"
            )
        if version < locked["version"]:
            raise RecipeDriftError(
                f"step {step!r} has version {version}, {self.lockfile.name} knows version "
                f"{locked['version']} already; versions only rise: use "
                f"{locked['version'] + 1} if its code differs"
            )
        if version > locked["version"]:
            self.bless([step])
            return
        changed = _differences(locked["files"], self.files(entry))
        if changed:
            raise RecipeDriftError(
                f"step {step!r} (version {version}) would serve stale results: {'; '.join(changed)}. "
                f"If results change, raise the version of {step!r}; "
                "if they stay the same, run `python cli.py recipes bless`. Commit recipes.lock either way"
            )

    def bless(self, steps: Iterable[str] | None = None) -> list[str]:
        """Take the present code of these steps (all by default) for what their versions mean.

        Gives the steps whose entry changed. Steps that are no more leave the file when all are blessed.
        """
        locked = self._locked()
        fresh = {} if steps is None else dict(locked)
        for step in sorted(self.steps if steps is None else steps):
            entry, version = self._step(step)
            fresh[step] = {"entry": entry, "version": version, "files": self.files(entry)}
        changed = sorted(s for s in fresh.keys() | locked.keys() if fresh.get(s) != locked.get(s))
        if changed:
            text = json.dumps(fresh, indent=1, sort_keys=True) + "\n"
            write_atomic(self.lockfile, text.encode("ascii"))
        return changed

    def files(self, entry: str) -> dict[str, str]:
        """Every first-party file that a module reaches by imports, to its code's digest; sorted."""
        found: dict[str, str] = {}
        waiting = _with_parents(entry)
        if self._path(entry) is None:
            raise RecipeDriftError(f"no module {entry!r} under {self.root}; correct the step's entry")
        while waiting:
            path = self._path(waiting.pop())
            if path is None or (name := path.relative_to(self.root).as_posix()) in found:
                continue
            digest, imports = _read_code(path.read_bytes(), _package_of(path.relative_to(self.root)))
            found[name] = digest
            waiting.extend(part for module in imports for part in _with_parents(module))
        return dict(sorted(found.items()))

    def _step(self, step: str) -> tuple[str, int]:
        if step not in self.steps:
            raise RecipeDriftError(f"no step {step!r}; there are {sorted(self.steps)}")
        return self.steps[step]

    def _locked(self) -> dict[str, Any]:
        try:
            locked: dict[str, Any] = json.loads(self.lockfile.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise RecipeDriftError(
                f"{self.lockfile} is not readable ({error}); solve its merge conflict or restore it from git"
            ) from error
        return locked

    def _path(self, module: str) -> Path | None:
        """The module's file; None where it is not ours, or is a name within a module."""
        parts = module.split(".")
        if parts[0] not in self.packages:
            return None
        base = self.root.joinpath(*parts)
        return next(
            (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None
        )


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    said = (("changed", sorted(f for f in before.keys() & after.keys() if before[f] != after[f])),
            ("newly reached", sorted(after.keys() - before.keys())),
            ("no longer reached", sorted(before.keys() - after.keys())))  # fmt: skip
    return [f"{what}: {', '.join(files)}" for what, files in said if files]


def _with_parents(module: str) -> list[str]:
    """Importing a.b.c runs a and a.b first: "a.b.c" gives a, a.b, a.b.c."""
    parts = module.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _package_of(path: Path) -> tuple[str, ...]:
    """What relative imports in this file start from: the folder it lies in."""
    return path.parent.parts


@lru_cache(maxsize=1024)
def _read_code(source: bytes, package: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Digest of what the code says, and the modules it imports."""
    tree = ast.parse(source)
    digest = hashlib.blake2b("".join(_spelled(tree)).encode(), digest_size=KEY_BYTES).hexdigest()
    imports = (name for node in ast.walk(tree) for name in _imported(node, package))
    return digest, tuple(sorted(set(imports)))


def _imported(node: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """Modules that a statement imports; names within a module are tried as modules too."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = package[: len(package) + 1 - node.level] if node.level else ()
        module = ".".join([*base, *([node.module] if node.module else [])])
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)


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
            if not _says_nothing(item):
                yield from _spelled(item)
        yield "]"
    else:
        yield f"={value!r};"


def _says_nothing(node: object) -> bool:
    """A string that stands alone: a docstring of a module, class, function or field."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
