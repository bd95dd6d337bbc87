"""Answers that took long, remembered under a digest of all that decides them, so that nothing goes stale.

A help: what is torn, flipped or another's is not believed, what cannot be written is not remembered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .files import write_help
from .keys import JSON, key_of, parsed, seal_holds, sealed
from .mount_check import MARK


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers in a cache's folder, which is not begun for them: where no store was made yet, none is remembered."""

    root: Path | None
    """The cache's folder; None remembers nothing."""

    def get(self, question: JSON, find: Callable[[], JSON]) -> JSON:
        """Return what `find` gives, or gave when it was last asked the same; what it raises passes through."""
        if self.root is None:
            return find()
        key = key_of(question)
        path = self.root / "answers" / f"{key}.json"
        found = _read(path, key)
        if found is None:
            found = [find()]
            if (self.root / MARK).exists():
                write_help(
                    path, sealed({"question": key, "answer": found}), without="it is found again next time"
                )
        return found[0]


def answer_damage(path: Path) -> str | None:
    """Describe what is wrong with an answer's bytes; None where nothing is."""
    return None if _read(path, path.stem) is not None else "not as it was written; it will be found anew"


def _read(path: Path, key: str) -> list[JSON] | None:
    """The answer, in a list; None where there is none to believe."""
    try:
        data = path.read_bytes()
        if not seal_holds(data):
            return None
        document = parsed(data)
        answer: list[JSON] = document["answer"]
        return answer if document["question"] == key and len(answer) == 1 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
