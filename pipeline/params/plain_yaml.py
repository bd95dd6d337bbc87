"""YAML as its versions agree on it: DVC reads params.yaml by YAML 1.2, PyYAML and most programs by 1.1.

Numbers and dates that the two read differently are refused, with the line and what to write instead. What DVC itself
writes when it sets a value is read as DVC means it, by 1.2: `5e-05` is a number, and words whose quotes DVC drops
(`off`, `yes`, `1:30`) are words; where true or false is wanted, the strict types of params refuse them.
"""

import logging
import re
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import ParamError

log = logging.getLogger(__name__)

_WORDS = re.compile(r"~|null|Null|NULL|true|True|TRUE|false|False|FALSE|")
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MERGE = "<<"

_READ_BY_1_2 = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
)
"""Numbers of YAML 1.2's core schema."""

_STRING, _FLOAT, _INT = (f"tag:yaml.org,2002:{name}" for name in ("str", "float", "int"))

_BOOL = "tag:yaml.org,2002:bool"
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")


def read_yaml(path: Path) -> Any:
    """Read a YAML file. Raises ParamError, with the line, for what YAML 1.1 and 1.2 read differently.

    Anchors and merge keys are read, and reported: `dvc exp run --set-param` loses settings in what they
    share.
    """
    try:
        reader = _Reader(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ParamError(f"{path} is not UTF-8: {error}; save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise ParamError(f"{path} is not YAML: {error}") from error
    try:
        document = reader.get_single_data()
    except yaml.YAMLError as error:
        raise ParamError(f"{path} is not YAML: {error}") from error
    except RecursionError as error:
        raise ParamError(f"{path} is nested too deeply to be params") from error
    except _RefusedError as error:
        raise ParamError(f"{path}, {error}") from error
    except ValueError as error:  # numbers of thousands of digits, dates that no calendar has
        raise ParamError(f"{path} holds a value that cannot be read: {error}") from error
    finally:
        reader.dispose()
    if reader.shared:
        log.warning(
            "%s, %s: shared by anchor, alias or merge key. `dvc exp run --set-param` may change nothing here, or "
            "other presets too, without a word: write the values out (docs/presets.md)",
            path,
            ", ".join(reader.shared),
        )
    return document


class _RefusedError(Exception):
    """One line that means two things."""


class _Reader(yaml.SafeLoader):  # type: ignore[misc]
    """Builds plain values, and remembers where they are shared."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.shared: list[str] = []

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Notes aliases on the way."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            self.shared.append(f"line {event.start_mark.line + 1} (*{event.anchor})")
        return super().compose_node(parent, index)

    def compose_scalar_node(self, anchor: Any) -> Any:
        """A plain scalar gets the tag that both versions give it, or 1.2 where DVC writes it so."""
        implicit = self.peek_event().implicit[0]
        node = super().compose_scalar_node(anchor)
        if implicit:
            node.tag = _agreed_tag(node)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Refuses a key that stands twice, or that is no word; DVC refuses the first, and knows not the second."""
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value == _MERGE:
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != _STRING:
                raise _RefusedError(f"line {line}: a key must be a word, got {key.value!r}; put it in quotes")
            if key.value in seen:
                raise _RefusedError(
                    f"line {line}: {key.value!r} stands a second time (first in line {seen[key.value]}); keep one"
                )
            seen[key.value] = line
        return super().construct_mapping(node, deep)


def _agreed_tag(node: Any) -> str:
    text, old = node.value, str(node.tag)
    if text == _MERGE or _WORDS.fullmatch(text):
        return old
    if _WHOLE.fullmatch(text):
        return _INT
    if _NUMBER.fullmatch(text) or text in (".inf", "-.inf", ".nan"):
        return _FLOAT
    if (old in (_STRING, _BOOL) and not _READ_BY_1_2.fullmatch(text)) or _BASE_60.fullmatch(text):
        return _STRING
    raise _RefusedError(
        f"line {node.start_mark.line + 1}: {text!r} is read differently by YAML 1.1 and 1.2: write a number in decimal "
        "digits without leading zeros, or put the word in quotes"
    )
