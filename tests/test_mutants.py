"""25 spoilt inputs of every kind, each read, flagged or refused in our own words; `bench/mutants.py` runs 20,000."""

from pathlib import Path

import pytest

from bench.mutant_inputs import KINDS
from bench.mutant_kinds import FAILED
from bench.mutants import GOOD, mutant, verdict

EACH = 25


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_sound_inputs_are_read(kind: str, tmp_path: Path) -> None:
    of = KINDS[kind]
    (tmp_path / of.file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / of.file).write_bytes(of.sound())
    assert FAILED not in of.read(tmp_path, of.file) or kind in (
        "csv",
        "parquet",
    )  # whose third row has no skeleton
    assert mutant(kind, 0, b"1 2 3") == mutant(kind, 0, b"1 2 3")


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.filterwarnings("ignore")  # the libraries' own, about what is spoilt
def test_mutants_are_read_flagged_or_refused(kind: str) -> None:
    sound = KINDS[kind].sound()
    verdicts = {number: verdict(kind, number, sound) for number in range(EACH)}
    assert {number: outcome for number, outcome in verdicts.items() if outcome not in GOOD} == {}
