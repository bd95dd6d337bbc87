"""Documents of a shard's rows as canonical JSON, as both its record and its documents hold them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..keys import JSON, spelled


@dataclass(frozen=True, slots=True)
class SpelledDocs:
    """Documents of a shard's B rows: the members that all share, and each one's own."""

    common: Mapping[str, JSON]
    own: tuple[str | None, ...]
    """B canonical JSON texts of the members that are not shared; None for a hole or a row without this array."""


def spelled_docs(docs: Sequence[JSON], shared: Mapping[str, JSON] | None = None) -> SpelledDocs:
    """Split documents into their common part, `shared` where it is known, and each one's own: 16,000 rows stay small.

    [{"step": "a", "id": 1}, {"step": "a", "id": 2}] gives {"step": "a"} and {"id":1}, {"id":2}.
    None stands for a row without a document. Where one is not a dict nothing is shared. Each was digested before.
    """
    common = shared_by(docs) if shared is None else dict(shared)
    own = (
        {name: value for name, value in doc.items() if name not in common} if isinstance(doc, dict) else doc
        for doc in docs
    )
    return SpelledDocs(common, tuple(None if doc is None else spelled(doc) for doc in own))


_ONE_SPELLING = frozenset({str, int, bool})
"""Types of which equal values are spelled alike; of floats -0.0 and 0.0 are not."""


_ABSENT = object()


def shared_by(docs: Iterable[JSON]) -> dict[str, JSON]:
    """Return what all documents have in common; None is no document."""
    shared: dict[str, JSON] | None = None
    its_repr: dict[str, str] = {}
    for doc in docs:
        if doc is None:
            continue
        if not isinstance(doc, dict):
            return {}
        if shared is None:
            shared = dict(doc)
            its_repr = {name: repr(value) for name, value in doc.items()}
        for name in [
            n
            for n, value in shared.items()
            if doc.get(n, _ABSENT) is not value and not (n in doc and _same(doc[n], value, its_repr[n]))
        ]:
            del shared[name]
    return shared or {}


def _same(one: JSON, other: JSON, repr_of_other: str) -> bool:
    """Spelled alike in JSON, where 1 and 1.0 and true differ. `repr` tells them apart too, and is faster."""
    if type(one) is type(other) and type(one) in _ONE_SPELLING:
        return one == other
    return one == other and (repr(one) == repr_of_other or spelled(one) == spelled(other))
