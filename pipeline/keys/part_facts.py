"""Names of parts (datasets, backbones, heads, enhancers) in keys: a user's own code, or a raised version of ours."""

from collections.abc import Mapping
from typing import Any

from pipeline.keys.own_code import own_code


def part_facts(name: str, table: Mapping[Any, tuple[str, int]]) -> dict[str, str | int]:
    """Entries for the params of a fingerprint document.

    Of a user's own, `package.module:Class`, the digest of its code; of ours, in `table`, nothing as long as its
    version is 1: recipes.lock knows its code, and a raised version names it.
    """
    if name in table:
        version = table[name][1]
        return {} if version == 1 else {"part_version": version}
    return {"code": own_code(name)}
