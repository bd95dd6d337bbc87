"""docs/reliability.md names tests that are there."""

import re

from house import HOUSE, named_tests, names_of_tests

PAGE = (HOUSE / "docs" / "reliability.md").read_text()


def test_every_test_that_the_page_names_exists() -> None:
    named = named_tests(PAGE)
    assert len(named) > 40
    assert sorted(named - names_of_tests()) == []


def test_every_file_of_tests_that_the_page_names_exists() -> None:
    for name in set(re.findall(r"\btest_\w+\.py", PAGE)):
        assert (HOUSE / "tests" / name).is_file(), name
