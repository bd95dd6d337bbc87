"""Names of parts (datasets, backbones, heads, enhancers) in keys: a user's own code, or a raised version of ours."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipeline.keys.own_code import own_code

LIBRARIES = ("timm", "transformers")
"""Parts whose code lies in an installed library of that name: its version is in their keys."""


def part_facts(name: str, table: Mapping[Any, tuple[str, int]]) -> dict[str, str | int]:
    """Entries for the params of a fingerprint document.

    A network of another library has that library's version. Of a user's own, `package.module:Class`, the digest of its
    code; of ours, in `table`, nothing as long as its version is 1: recipes.lock knows its code, and a raised version
    names it.
    """
    if name in table:
        raised = table[name][1]
        facts: dict[str, str | int] = {} if raised == 1 else {"part_version": raised}
        return facts | ({"library": f"{name} {_installed(name)}"} if name in LIBRARIES else {})
    return {"code": own_code(name)}


def _installed(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"
