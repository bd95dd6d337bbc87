"""Answers in the cache: asked once, and never believed where they are not as they were written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cache.answers import Answers, answer_damage
from cache.home.home import Cache
from cache.mount_check import mark
from cache.upkeep.repair_cache import repair_cache
from cache.upkeep.verify_cache import verify_cache


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    """In a cache that has begun, with one answer."""
    mark(tmp_path)
    made = Answers(tmp_path)
    assert made.get(["what"], lambda: [1, None]) == [1, None]
    return made


def never() -> None:
    raise AssertionError("asked again")


def test_what_is_known_is_not_asked_again(answers: Answers) -> None:
    assert answers.get(["what"], never) == [1, None]
    assert answers.get(["else"], lambda: None) is None
    assert answers.get(["else"], never) is None
    assert Answers(None).get(["what"], lambda: 2) == 2


def test_an_error_is_no_answer(answers: Answers) -> None:
    with pytest.raises(AssertionError, match="asked again"):
        answers.get(["else"], never)
    assert answers.get(["else"], lambda: 3) == 3


def test_no_cache_is_begun_for_an_answer(tmp_path: Path) -> None:
    assert Answers(tmp_path / "none").get(["what"], lambda: 1) == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(path.read_bytes().replace(b"[1,", b"[2,")),
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(b"\xff"),
        lambda path: path.unlink() or path.mkdir(),
    ],
)
def test_a_damaged_answer_is_found_again_and_named(
    answers: Answers, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    (path,) = (tmp_path / "answers").iterdir()
    harm(path)
    assert answer_damage(path) is not None
    assert [fault.place for fault in verify_cache(Cache(tmp_path)).faults] == [f"answers/{path.name}"]
    assert answers.get(["what"], lambda: [1, None]) == [1, None]
    repair_cache(Cache(tmp_path))
    assert verify_cache(Cache(tmp_path)).faults == ()
    assert answers.get(["what"], lambda: [1, None]) == [1, None]


def test_another_questions_answer_is_not_believed(answers: Answers, tmp_path: Path) -> None:
    answers.get(["else"], lambda: 3)
    one, other = sorted((tmp_path / "answers").iterdir())
    one.write_bytes(other.read_bytes())
    found = {word: answers.get([word], lambda: "anew") for word in ("what", "else")}
    assert found in ({"what": "anew", "else": 3}, {"what": [1, None], "else": "anew"})
