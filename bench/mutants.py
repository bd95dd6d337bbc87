"""Spoilt inputs of every kind: each must be read, flagged or refused by one of our errors.

    python bench/mutants.py                       # 20,000 of them, in slices; some minutes
    python bench/mutants.py --count 600 --kind npz

A mutant is a sound file with bytes flipped, cut off, doubled, moved or zeroed, or with a number or word of its text
replaced by an extreme one; or a file whole in form and odd in content (types, shapes, extremes). Slices run in
processes of their own, so that one which ends its process, or hangs, is found by its number: `--first N --count 1
--show` runs it alone.
"""

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.mutant_inputs import KINDS
from bench.mutant_kinds import FAILED
from pipeline.errors import PipelineError

SECONDS = 20
"""That reading one mutant may take; sound ones take a few thousandths."""
SLICE = 250
EXTREMES = (
    b"-1e300", b"1e30", b"nan", b"inf", b"-inf", b"99999999999999999999", b"-1", b"0", b"", b"1e-320", b"\xff\xfe",
    b"3.5", b"true", b"null", b"[]", b"{}", b"'", b'"', b"\n", b"\x00" * 40, b"9" * 5000, b"../../x", "é".encode(),
)  # fmt: skip
Spoil = Callable[[random.Random, bytearray], bytearray]


def _flipped(rng: random.Random, data: bytearray) -> bytearray:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _cut(rng: random.Random, data: bytearray) -> bytearray:
    return data[: rng.randrange(len(data))]


def _doubled(rng: random.Random, data: bytearray) -> bytearray:
    low, high = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:high] + data[low:]


def _zeroed(rng: random.Random, data: bytearray) -> bytearray:
    low = rng.randrange(len(data))
    high = min(len(data), low + rng.choice((1, 4, 16, 256)))
    data[low:high] = bytes(high - low)
    return data


def _moved(rng: random.Random, data: bytearray) -> bytearray:
    low, high, to = (rng.randrange(len(data)) for _ in range(3))
    low, high = sorted((low, min(high, low + 64)))
    part, rest = data[low:high], data[:low] + data[high:]
    return rest[:to] + part + rest[to:]


def _replaced(rng: random.Random, data: bytearray) -> bytearray:
    """A word of text, or four bytes that may be a size, by an extreme."""
    words = list(re.finditer(rb"[\w.+-]+", bytes(data[:200_000])))
    if not words or rng.random() < 0.2:
        place = rng.randrange(max(1, len(data) - 4))
        data[place : place + 4] = rng.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"))
        return data
    word = rng.choice(words)
    return data[: word.start()] + rng.choice(EXTREMES) + data[word.end() :]


SPOILS: tuple[Spoil, ...] = (_flipped, _cut, _doubled, _zeroed, _moved, _replaced, _replaced)


def mutant(kind: str, number: int, sound: bytes) -> bytes:
    """The same for the same kind and number, everywhere: every other one is odd in content, where a kind has such."""
    rng = random.Random(f"{kind} {number}")
    odd = KINDS[kind].odd
    if odd is not None and number % 2:
        return odd(rng)
    data = bytearray(sound)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(SPOILS)(rng, data) or bytearray(b"\n")
    return bytes(data)


def verdict(kind: str, number: int, sound: bytes) -> str:
    """Judge one mutant: `read`, `flagged`, `refused`, or, which must not be, an error that is not ours."""
    name = KINDS[kind].file
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(mutant(kind, number, sound))
            found = KINDS[kind].read(Path(folder), name)
            return "refused" if FAILED in found else "flagged" if found else "read"
    except PipelineError as error:
        return "refused" if len(str(error)) < MOST_LETTERS else f"a message of {len(str(error)):,} letters"
    except Exception as error:  # noqa: BLE001  # the very thing that is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(place.filename).name}: {str(error)[:80]}"
    finally:
        signal.alarm(0)


MOST_LETTERS = 20_000
"""Letters of a refusal, at most: params.yaml's tells every mistake."""


def _too_long(*_: object) -> None:
    raise TimeoutError(f"no answer in {SECONDS} s")


def run_slice(kind: str, first: int, count: int) -> None:
    """Print each mutant's verdict as it comes: what is printed last was survived."""
    sound = KINDS[kind].sound()
    for number in range(first, first + count):
        print(json.dumps([number, verdict(kind, number, sound)]), flush=True)


def survey(kind: str, first: int, count: int) -> Counter[str]:
    """Verdicts of a kind's mutants, slice by slice, whatever becomes of the processes."""
    found: Counter[str] = Counter()
    number = first
    while number < first + count:
        size = min(SLICE, first + count - number)
        command = [
            sys.executable,
            __file__,
            "--kind",
            kind,
            "--first",
            str(number),
            "--count",
            str(size),
            "--show",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
            assert child.stdout is not None
            timer = SECONDS * 3 + size * 2
            try:
                output, _ = child.communicate(timeout=timer)
            except subprocess.TimeoutExpired:
                child.kill()
                output, _ = child.communicate()
        lines = [json.loads(line) for line in output.splitlines()]
        for place, outcome in lines:
            found[outcome] += 1
            if outcome not in GOOD:
                print(f"  {kind} {place}: {outcome}", flush=True)
        number += len(lines)
        if len(lines) < size:
            found["process ended"] += 1
            print(f"  {kind} {number}: its process ended or hung (status {child.returncode})", flush=True)
            number += 1
    return found


GOOD = ("read", "flagged", "refused")


def main() -> int:
    """Draw the mutants, judge each, print the counts; exit status 1 where one is bad."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000, help="over all kinds")
    parser.add_argument("--kind", choices=sorted(KINDS))
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant of each kind")
    parser.add_argument("--show", action="store_true", help="in this very process, a line each")
    asked = parser.parse_args()
    kinds = [asked.kind] if asked.kind else list(KINDS)
    each = -(-asked.count // len(kinds))
    if asked.show:
        run_slice(kinds[0], asked.first, asked.count)
        return 0
    bad = 0
    for kind in kinds:
        found = survey(kind, asked.first, each)
        wrong = sum(count for outcome, count in found.items() if outcome not in GOOD)
        print(
            f"{kind:10} {each:6} mutants: "
            + ", ".join(f"{found[outcome]} {outcome}" for outcome in GOOD)
            + f", {wrong} bad"
        )
        bad += wrong
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(main())
