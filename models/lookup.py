"""Finding a class by its name in params: one of ours, or a user's own by its import path."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from models.errors import ModelParamError


def found_by_name(name: object, known: Mapping[Any, tuple[str, int]], what: str) -> Any:
    """Import the class named `name`: a key of the table `known`, or a user's own as `package.module:Class`.

    `what` is "backbone" or "head", for the error. Nothing else of the table is imported. Raises
    ModelParamError.
    """
    if not isinstance(name, str) or (name not in known and ":" not in name):
        near = get_close_matches(str(name), sorted(known), n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ModelParamError(
            f"no {what} {name!r}{hint}; there are {sorted(known)}, or your own as 'package.module:Class'"
        )
    where = known[name][0] if name in known else name
    module, _, attribute = where.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ModelParamError(
            f"{what} {name!r} cannot be imported: {error}; install its package, or put its folder on PYTHONPATH"
        ) from error
