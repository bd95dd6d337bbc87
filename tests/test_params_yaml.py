"""YAML's versions, and DVC's way of setting params: what is read is what was set, and nothing else."""

import json
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from house import HOUSE

from pipeline.errors import ParamError
from pipeline.params.plain_yaml import read_yaml
from pipeline.params.presets import load_preset

PARAMS = HOUSE / "params.yaml"


def read(folder: Path, text: str) -> Any:
    path = folder / "some.yaml"
    path.write_text(text)
    return read_yaml(path)


@pytest.mark.parametrize(
    "scalar", ["017", "08", "0o17", "0x1F", "0b11", "1_000", "2026-11-28", "00.5", "=", "1_0.5"]
)
def test_what_the_versions_read_differently_is_refused_with_its_line(tmp_path: Path, scalar: str) -> None:
    with pytest.raises(
        ParamError, match=r"some\.yaml, line 2: .* is read differently by YAML 1\.1 and 1\.2: "
    ):
        read(tmp_path, f"a: 1\nb: {scalar}\n")
    assert read(tmp_path, f"a: 1\nb: '{scalar}'\n") == {"a": 1, "b": scalar}


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("5e-4", 0.0005), ("1e3", 1000.0), ("5.0e-4", 0.0005), ("1.5E+3", 1500.0), (".5", 0.5), ("-0.0", 0.0), ("0", 0),
        ("+12", 12), ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("7x7x7", "7x7x7"),
        ("y", "y"), ("yes", "yes"), ("No", "No"), ("off", "off"), ("1:30", "1:30"), ("-19:20:30.1", "-19:20:30.1"),
        ("a.b:C", "a.b:C"), ("!!str 017", "017"),
    ],
)  # fmt: skip
def test_what_they_agree_on_is_read_so(tmp_path: Path, scalar: str, value: Any) -> None:
    found = read(tmp_path, f"b: {scalar}\n")["b"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"line 3: 'a' stands a second time \(first in line 1\)"),
        ("a: {1: 2}\n", "line 1: a key must be a word, got '1'"),
        ("a: {017: 2}\n", "line 1: '017' is read differently"),
        ("? [1, 2]\n: 3\n", "line 1: a key must be a word"),
        ("a: [", "is not YAML"),
        ("a: \x01\n", "is not YAML"),
        ("[" * 5000, "is nested too deeply"),
    ],
)
def test_what_is_no_params_at_all(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ParamError, match=message):
        read(tmp_path, text)


def test_bytes_that_are_no_utf_8(tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_bytes(b"a: caf\xe9\n")
    with pytest.raises(ParamError, match="is not UTF-8"):
        read_yaml(tmp_path / "some.yaml")


def test_shared_values_are_read_and_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = read(tmp_path, "a: &x {lr: 1}\nb: *x\nc: {<<: *x, epochs: 2}\n")
    assert found == {"a": {"lr": 1}, "b": {"lr": 1}, "c": {"lr": 1, "epochs": 2}}
    (message,) = [record.getMessage() for record in caplog.records]
    assert "line 2 (*x), line 3 (*x): shared by anchor" in message
    assert "--set-param" in message


def tracked_yaml() -> list[str]:
    names = subprocess.run(["git", "ls-files"], cwd=HOUSE, capture_output=True, text=True, check=True).stdout
    return [name for name in names.splitlines() if name.endswith((".yaml", ".yml", "dvc.lock"))]


@pytest.mark.parametrize("name", tracked_yaml())
def test_our_own_files_mean_the_same_to_everybody(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """To YAML 1.1 as well, to which 5e-4 is a word; and nothing in them is shared."""
    assert read_yaml(HOUSE / name) == yaml.safe_load((HOUSE / name).read_text())
    assert caplog.records == []


Place = tuple[str, ...]


def leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value that is no mapping, with the keys that lead to it."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*place, key))
    else:
        yield place, value


def spelt(value: Any) -> str:
    """A value as Hydra's grammar, which DVC's --set-param uses, writes it."""
    if isinstance(value, list):
        return f"[{','.join(map(spelt, value))}]"
    return "{}" if value == {} else f"'{value}'" if isinstance(value, str) else json.dumps(value)


def other(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 1024 + 2**-20  # small: DVC writes 9.5367431640625e-07
    return [other(value[0]), *value[1:]] if isinstance(value, list) and value else f"{value}_other"


def test_every_leaf_of_every_preset_is_set_alone_by_dvc(tmp_path: Path) -> None:
    """All at once, each to a number of its own: a leaf shared with another would lose its own."""
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.read_text())
    before = dict(leaves(read_yaml(path)))
    assert len(before) > 400
    wanted = {place: 1000 + number for number, place in enumerate(before)}
    apply_overrides(path, [f"{'.'.join(place)}={number}" for place, number in wanted.items()])
    assert dict(leaves(read_yaml(path))) == wanted
    assert dict(leaves(yaml.safe_load(path.read_text()))) == wanted


def test_one_leaf_set_by_dvc_changes_that_leaf(tmp_path: Path) -> None:
    """Every leaf of one preset, one at a time, each to a value of its kind."""
    document = read_yaml(PARAMS)
    small = {**document, "presets": {"demo": document["presets"]["demo"]}}
    path = tmp_path / "params.yaml"
    for place, value in leaves(small):
        path.write_text(yaml.safe_dump(small))
        apply_overrides(path, [f"{'.'.join(place)}={spelt(other(value))}"])
        now = dict(leaves(read_yaml(path)))
        assert {key for key, one in leaves(small) if now[key] != one} == {place}
        assert now[place] == other(value)


WORDS = [
    "yes",
    "off",
    "y",
    "1:30",
    "017",
    "0o17",
    "1_000",
    "1e3",
    "5.0e-4",
    "2026-11-28",
    "true",
    "null",
    "~",
    "",
    "=",
    "<<",
]
"""Words that some version takes for something else, unless they stand in quotes."""


def test_what_dvc_rewrites_around_a_setting_stays_what_it_was(tmp_path: Path) -> None:
    """DVC writes the whole file anew, and drops quotes that YAML 1.2 can do without."""
    path = tmp_path / "params.yaml"
    document = {
        "words": dict(zip("abcdefghijklmnop", WORDS, strict=True)),
        "listed": WORDS,
        "n": 1,
        "x": 5e-5,
        "t": True,
    }
    path.write_text(json.dumps(document, indent=1))  # JSON is YAML, every word in quotes
    assert read_yaml(path) == document
    apply_overrides(path, ["n=2"])
    assert ": off" in path.read_text()
    assert read_yaml(path) == {**document, "n": 2}


def test_yes_is_no_truth(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.read_text().replace("refit: false", "refit: no"))
    with pytest.raises(ParamError, match=r"ntu60_xsub\.pretrain\.refit: .*: write true or false, got 'no'"):
        load_preset(path, "ntu60_xsub")


def test_a_small_number_set_by_dvc_stays_a_number(tmp_path: Path) -> None:
    """DVC writes 5e-05, which is a word to YAML 1.1."""
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.read_text())
    apply_overrides(path, ["presets.ntu120_xset.train.plan.lr=0.00005"])
    assert "5e-05" in path.read_text()
    assert load_preset(path, "ntu120_xset").train.plan.lr == 5e-5
    for preset in ("ntu60_xsub", "ntu60_xview", "ntu120_xsub", "utd_mhad_full"):
        assert load_preset(path, preset).train.plan.lr == 0.01


def test_the_presets_of_ntu_differ_where_they_say() -> None:
    presets = read_yaml(PARAMS)["presets"]
    ntu = {name: preset for name, preset in presets.items() if name.startswith("ntu")}
    options = {name: (p["index"].pop("protocol"), p["index"].pop("options")) for name, p in ntu.items()}
    assert options == {
        "ntu60_xsub": ("xsub", {"version": 60}),
        "ntu60_xview": ("xview", {"version": 60}),
        "ntu120_xsub": ("xsub", {"version": 120}),
        "ntu120_xset": ("xset", {"version": 120}),
    }
    assert all(preset == ntu["ntu60_xsub"] for preset in ntu.values())
    assert presets["utd_mhad_full"]["train"] == ntu["ntu60_xsub"]["train"]
