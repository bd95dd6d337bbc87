"""Public docstrings are whole sentences: a stranger reads the first line alone and knows what a thing is."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
FLOORS = ("cache", "models", "pipeline", "stages", "bench", ".")

FRAGMENTS = re.compile(
    r"(Of|As|Likewise|The same[,.]|What|Where|Which|How|Who|Whose|All that|One a|Whatever|Frozen ones)\b"
)
"""Openers of answers to a question that the reader has not seen: a relative clause or a genitive, no sentence."""

EXPRESSION = re.compile(r"[(`\[]|[a-z_0-9]+[.\d/(×]|[αβkx] ")
"""A first line may begin with a shape, code, or a name that is written small."""


def _public(body: list[ast.stmt], place: str) -> Iterator[tuple[str, str | None]]:
    """(place, docstring) of each public class, function and method; overrides may inherit theirs."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        yield f"{place}.{node.name}", ast.get_docstring(node)
        if isinstance(node, ast.ClassDef):
            yield from _public(node.body, f"{place}.{node.name}")


def _fields(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(name, docstring) of each public field and constant that has one."""
    for node in ast.walk(tree):
        body = node.body if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) else []
        for field, doc in pairwise(body):
            if isinstance(field, ast.Assign | ast.AnnAssign) and isinstance(doc, ast.Expr):
                name = ast.unparse(field.target if isinstance(field, ast.AnnAssign) else field.targets[0])
                if isinstance(doc.value, ast.Constant) and not name.startswith("_"):
                    yield name, str(doc.value.value)


def faults(text: str, place: str) -> Iterator[str]:
    """Each public docstring of a module that is missing or no sentence."""
    tree = ast.parse(text)
    for where, doc in ((place, ast.get_docstring(tree)), *_public(tree.body, place)):
        first = (doc or "").partition("\n")[0].strip()
        if not first:
            yield f"{where} has no docstring"
        elif not (first[0].isupper() or EXPRESSION.match(first)):
            yield f"{where} begins small: {first}"
        elif not first.endswith((".", ".)", "?", ":")):
            yield f"{where} has a first line that does not end with a full stop: {first}"
        elif len(first.split()) < 3:
            yield f"{where} has fewer than three words: {first}"
        elif FRAGMENTS.match(first):
            yield f"{where} begins like a fragment: {first}"
    for name, doc in _fields(tree):
        if FRAGMENTS.match(doc.strip()):
            yield f"{place}.{name} begins like a fragment: {doc.strip().splitlines()[0]}"


@pytest.mark.parametrize("floor", FLOORS)
def test_every_public_docstring_is_a_sentence(floor: str) -> None:
    found = [
        fault
        for path in sorted((HOUSE / floor).glob("*.py" if floor == "." else "**/*.py"))
        for fault in faults(path.read_text(encoding="utf-8"), str(path.relative_to(HOUSE)))
    ]
    assert not found, "\n".join(found)


def test_fragments_and_gaps_are_found() -> None:
    text = '''"""A module about rates."""

def rate():
    """Of one epoch, counted from 0."""

def mean():
    """Return the mean over clips."""

def total(): ...

class Run:
    """One training run."""

    def steps(self):
        """Number of steps"""

    seed: int
    """Of the first weights."""

    def _kept(self): ...
'''
    assert [fault.partition(" ")[0] for fault in faults(text, "m")] == [
        "m.rate",
        "m.total",
        "m.Run.steps",
        "m.seed",
    ]
