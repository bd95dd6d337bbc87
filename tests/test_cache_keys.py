import enum
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache import KeyDocError, key_of

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class Colour(enum.StrEnum):
    RED = "red"


def test_a_key_is_blake2b_160_of_canonical_json() -> None:
    # printf '%s' '{"a":[1,2.5,null],"b":"\u00e9"}' | b2sum -l 160
    assert key_of({"b": "é", "a": [1, 2.5, None]}) == "16758c207e219a2f6cfcca2723b3c224437fa594"


@given(documents)
def test_a_key_survives_a_trip_through_json(doc: Any) -> None:
    assert key_of(json.loads(json.dumps(doc))) == key_of(doc)


@given(documents, documents)
def test_documents_that_differ_have_keys_that_differ(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (key_of(one) == key_of(other)) == same


def test_numbers_that_python_calls_equal_are_different_json() -> None:
    assert len({key_of(1), key_of(1.0), key_of(True), key_of("1")}) == 4


@pytest.mark.parametrize(
    ("doc", "place"),
    [
        ({"a": {"b": [0, np.float64(1)]}}, "$.a.b[1]"),
        ({"a": np.int64(1)}, "$.a"),
        ([float("nan")], "$[0]"),
        ({"x": float("inf")}, "$.x"),
        ({"x": (1, 2)}, "$.x"),
        ({"x": {1: 2}}, "$.x"),
        ({"x": b"bytes"}, "$.x"),
        ({"x": Colour.RED}, "$.x"),
        (np.zeros(2), "$"),
    ],
)
def test_what_is_not_json_is_refused_by_its_place(doc: Any, place: str) -> None:
    with pytest.raises(KeyDocError) as caught:
        key_of(doc)
    assert str(caught.value).startswith(f"{place} ")
