"""Finding a class by its name in params: one of ours, or a user's own by its import path."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from models.errors import ModelParamError


def found_by_name(name: object, known: Mapping[Any, tuple[str, int]], what: str) -> Any:
    """Import the class named `name`: a key of the table `known`, or a user's own as `package.module:Class`.

    `what` is "backbone", "head" or "enhancer", for the error. Nothing else of the table is imported. Raises
    ModelParamError.
    """
    if not isinstance(name, str) or (name not in known and ":" not in name):
        raise ModelParamError(
            f"no {what} {name!r}{_nearest(str(name), known)}; there are {sorted(known)}, or your own as "
            "'package.module:Class'"
        )
    where = known[name][0] if name in known else name
    module, _, attribute = where.partition(":")
    try:
        imported = import_module(module)
    except (ImportError, ValueError) as error:
        raise ModelParamError(
            f"{what} {name!r} cannot be imported: {error}; install its package, or put its folder on PYTHONPATH"
        ) from error
    if not hasattr(imported, attribute):
        hint = _nearest(attribute, vars(imported))
        raise ModelParamError(
            f"{what} {name!r} cannot be imported: module {module!r} has no {attribute!r}{hint}"
        )
    return getattr(imported, attribute)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
