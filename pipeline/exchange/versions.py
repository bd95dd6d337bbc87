"""Named versions of a published store: what each held, kept beside it, and how two differ."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cache.store.store import Store, open_store
from cache.upkeep.why import Difference, differences
from pipeline.errors import DatasetError
from pipeline.exchange.hub import place_at
from pipeline.exchange.places import Place

FOLDER = "versions"
"""Folder beside the store that holds a file a version."""

FIRST = "1.0.0"
SHOWN = 8
"""Number of clips that a line names."""

_NAME = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class Version:
    """One published version: no numbers of it, but everything that tells it from another."""

    name: str
    """MAJOR.MINOR.PATCH."""
    date: str
    """Day of publication, YYYY-MM-DD."""
    digest: str
    """Digest of the manifest."""
    made_of: Mapping[str, Any]
    """For each array, what all its rows share: parameters, weights, versions."""
    keys: Mapping[str, Mapping[str, str]]
    """For each array, the key of each clip's row; a clip that failed has none."""


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """Differences of two versions of one store."""

    a: Version
    b: Version
    only_a: tuple[str, ...]
    """Clips in one version only."""
    only_b: tuple[str, ...]
    changed: Mapping[str, tuple[str, ...]]
    """For each array, the clips in both whose rows were made of something else."""
    recipes: tuple[Difference, ...]
    """Differences of what all rows of an array share."""

    @property
    def agrees(self) -> bool:
        """Whether both hold the same clips, made of the same."""
        return not (self.only_a or self.only_b or self.recipes or any(self.changed.values()))

    @property
    def exit_code(self) -> int:
        """Exit status 0, or 1 where they differ, as of the program `diff`."""
        return int(not self.agrees)

    def __str__(self) -> str:
        lines = [
            f"{one.name}: {one.date}, {len(_clips(one)):,} clips, digest {one.digest}"
            for one in (self.a, self.b)
        ]
        lines += [f"only in {self.a.name}: {_several(self.only_a)}"] if self.only_a else []
        lines += [f"only in {self.b.name}: {_several(self.only_b)}"] if self.only_b else []
        lines += [f"made of: {found}" for found in self.recipes]
        lines += [f"made anew, {name}: {_several(clips)}" for name, clips in self.changed.items() if clips]
        return "\n".join(lines + (["both hold the same, made of the same"] if self.agrees else []))

    def document(self) -> dict[str, Any]:
        """Return it as JSON, without the keys of all rows."""
        found = asdict(self)
        for side in ("a", "b"):
            del found[side]["keys"], found[side]["made_of"]
        return {**found, "agrees": self.agrees}


def version_name(given: str) -> str:
    """Return MAJOR.MINOR.PATCH: 1.1 is 1.1.0. Raises DatasetError for anything else."""
    found = _NAME.fullmatch(given)
    if found is None:
        raise DatasetError(f"--version must be MAJOR.MINOR or MAJOR.MINOR.PATCH, as 1.1, got {given!r}")
    return ".".join(str(int(part or 0)) for part in found.groups())


def next_version(place: Place, asked: str | None, digest: str) -> str:
    """Choose the version's name: `asked`, or the last one, its last number raised where the content is another.

    digest: of the manifest about to be published. Raises DatasetError where `asked` names other content already.
    """
    there = published_versions(place)
    if asked is not None:
        name = version_name(asked)
        known = there.get(name)
        if known is not None and _document(place, name)["digest"] != digest:
            raise DatasetError(
                f"version {name} is published at {place.address}, with other content: raise --version, or leave it out "
                "and the last number is raised"
            )
        return name
    if not there:
        return FIRST
    last = max(there, key=_numbers)
    if _document(place, last)["digest"] == digest:
        return last
    major, minor, patch = _numbers(last)
    return f"{major}.{minor}.{patch + 1}"


def published_versions(place: Place) -> dict[str, str]:
    """Return the file of each version at a place, by its name."""
    found = (name for name in place.names(FOLDER) if name.endswith(".json"))
    return {name.removesuffix(".json"): f"{FOLDER}/{name}" for name in found if _NAME.fullmatch(name[:-5])}


def record_version(place: Place, store: Path, name: str, date: str, digest: str) -> None:
    """Note at the place what the store holds, under the version's name; once it is there whole."""
    opened = open_store(store)
    try:
        version = Version(
            name, date, digest, dict(opened.made_of), {a: _keys(opened, a) for a in opened.arrays}
        )
    finally:
        opened.close()
    place.send(f"{FOLDER}/{name}.json", (json.dumps(asdict(version), sort_keys=True) + "\n").encode())


def diff_versions(to: str, a: str, b: str) -> VersionDiff:
    """Compare two versions of what was published at `to`, by their records. Raises DatasetError for an unknown one."""
    place = place_at(to)
    one, other = (_version(place, version_name(name)) for name in (a, b))
    mine, theirs = _clips(one), _clips(other)
    changed = {
        array: tuple(c for c, key in one.keys[array].items() if other.keys[array].get(c, key) != key)
        for array in one.keys
        if array in other.keys
    }
    return VersionDiff(
        one,
        other,
        only_a=tuple(sorted(mine - theirs)),
        only_b=tuple(sorted(theirs - mine)),
        changed=changed,
        recipes=tuple(differences(dict(one.made_of), dict(other.made_of))),
    )


def _version(place: Place, name: str) -> Version:
    there = published_versions(place)
    if name not in there:
        raise DatasetError(
            f"{place.address} has no version {name}; it has {', '.join(sorted(there, key=_numbers)) or 'none'}"
        )
    return Version(**_document(place, name))


def _document(place: Place, name: str) -> dict[str, Any]:
    where = f"{FOLDER}/{name}.json"
    try:
        document = json.loads(place.whole(where))
        Version(**document)
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{place.address}/{where} is no record of a version: {error}") from error
    return dict(document)


def _keys(store: Store, array: str) -> dict[str, str]:
    failed = {entry["id"] for entry in store.failures if entry.get("array") in (None, array)}
    return {clip: key for clip, key in sorted(store.keys(array).items()) if clip not in failed}


def _clips(version: Version) -> set[str]:
    return {clip for keys in version.keys.values() for clip in keys}


def _numbers(name: str) -> tuple[int, int, int]:
    major, minor, patch = version_name(name).split(".")
    return int(major), int(minor), int(patch)


def _several(clips: Sequence[str]) -> str:
    more = f" and {len(clips) - SHOWN:,} more" if len(clips) > SHOWN else ""
    return f"{len(clips):,} clips: {', '.join(clips[:SHOWN])}{more}"
