"""Recipes: whether the code that a step and its parts reach is still the code their versions stand for.

A step is locked to every file of ours that its imports reach. What it finds by name when it runs (a network, a
reader of files …) is a part: locked on its own, and asked about by those who use it alone, so that adding one or
changing one stops nobody else.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .code import literal, read_code, with_parents
from .errors import RecipeDriftError
from .files import write_atomic


@dataclass(frozen=True, slots=True)
class Recipes:
    """The steps and parts of a pipeline, and the lock file that holds their versions and their code's digests."""

    root: Path
    """Folder that the packages lie in."""
    lockfile: Path
    packages: tuple[str, ...]
    """Top-level packages (or modules) whose code counts; imports of anything else are not followed."""
    steps: Mapping[str, tuple[str, int]]
    """Step to (the module it starts in, its version)."""
    tables: Mapping[str, str] = field(default_factory=dict)
    """Kind of part to the `module:variable` that names all of that kind: a literal dict of name to
    ("module:attribute", version). Such a module holds names only and is itself in no step's reach: the line of
    a part in use is locked as that part's."""

    def check(self, step: str, parts: Iterable[str] = ()) -> None:
        """Raises RecipeDriftError where code of the step, or of a part that it uses, changed and no version did.

        parts: as "kind:name"; those that no table names are the user's own, and none of ours to check. A raised
        version is a new recipe: the lock file then takes the new code as that version's.
        """
        if step not in self.steps:
            raise RecipeDriftError(f"no step {step!r}; there are {sorted(self.steps)}")
        reached = self.files(self.steps[step][0])
        self._check("step", step, self.steps[step], reached, set())
        known = self.parts()
        for part in sorted(set(parts) & known.keys()):
            self._check("part", part, known[part], self.files(known[part][0]), reached.keys())

    def bless(self, names: Iterable[str] | None = None) -> list[str]:
        """Take the present code of these steps and parts (all by default) for what their versions mean.

        Gives those whose entry changed. What is no more leaves the file when all are blessed.
        """
        locked, known = self._locked(), {**self.steps, **self.parts()}
        fresh = {} if names is None else dict(locked)
        for name in sorted(known if names is None else names):
            entry, version = known[name]
            fresh[name] = {"entry": entry, "version": version, "files": self.files(entry)}
        changed = sorted(s for s in fresh.keys() | locked.keys() if fresh.get(s) != locked.get(s))
        if changed:
            text = json.dumps(fresh, indent=1, sort_keys=True) + "\n"
            write_atomic(self.lockfile, text.encode("ascii"))
        return changed

    def parts(self) -> dict[str, tuple[str, int]]:
        """Every part that the tables name, as "kind:name", to (its "module:attribute", its version)."""
        found: dict[str, tuple[str, int]] = {}
        for kind, where in self.tables.items():
            module, _, variable = where.partition(":")
            path = self._path(module)
            try:
                table = literal(path.read_bytes() if path else b"", variable)
                found |= {f"{kind}:{name}": (str(e), int(v)) for name, (e, v) in table.items()}
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                raise RecipeDriftError(
                    f'{where} must be a literal dict of name to ("module:attribute", version): {error}'
                ) from error
        return dict(sorted(found.items()))

    def files(self, entry: str) -> dict[str, str]:
        """Every first-party file that a module reaches by imports, to its code's digest; sorted.

        entry: a module, or `module:attribute`.
        """
        start = entry.partition(":")[0]
        if self._path(start) is None:
            raise RecipeDriftError(f"no module {start!r} under {self.root}; correct the entry {entry!r}")
        tables = {self._path(where.partition(":")[0]) for where in self.tables.values()}
        found: dict[str, str] = {}
        known = set(waiting := with_parents(start))
        while waiting:
            path = self._path(waiting.pop())
            if path is None or path in tables or (name := path.relative_to(self.root).as_posix()) in found:
                continue
            code = read_code(path.read_bytes(), path.relative_to(self.root).parent.parts)
            found[name] = code.digest
            reached = {above for module in code.imports for above in with_parents(module)} - known
            known |= reached
            waiting.extend(reached)
        return dict(sorted(found.items()))

    def _check(
        self, what: str, name: str, now: tuple[str, int], files: Mapping[str, str], beside: Collection[str]
    ) -> None:
        """beside: files that are somebody else's to vouch for."""
        entry, version = now
        locked = self._locked().get(name)
        if locked is None:
            raise RecipeDriftError(
                f"{what} {name!r} is not in {self.lockfile.name}; run `python cli.py recipes bless` "
                "and commit the file"
            )
        if version < locked["version"]:
            raise RecipeDriftError(
                f"{what} {name!r} has version {version}, {self.lockfile.name} knows version "
                f"{locked['version']} already; versions only rise: use {locked['version'] + 1} if its code differs"
            )
        if version > locked["version"]:
            self.bless([name])
            return
        changed = _differences(_without(locked["files"], beside), _without(files, beside))
        if entry != locked["entry"]:
            changed.insert(0, f"{name!r} stands for {entry} now, and stood for {locked['entry']}")
        if changed:
            raise RecipeDriftError(
                f"{what} {name!r} (version {version}) would serve stale results: {'; '.join(changed)}. "
                f"If results change, raise the version of {name!r}; "
                "if they stay the same, run `python cli.py recipes bless`. Commit recipes.lock either way"
            )

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


def _without(files: Mapping[str, str], others: Collection[str]) -> dict[str, str]:
    return {name: digest for name, digest in files.items() if name not in others}


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    changes = (("changed", sorted(f for f in before.keys() & after.keys() if before[f] != after[f])),
               ("newly reached", sorted(after.keys() - before.keys())),
               ("no longer reached", sorted(before.keys() - after.keys())))  # fmt: skip
    return [f"{what}: {', '.join(files)}" for what, files in changes if files]
