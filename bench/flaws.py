"""Flaws put into recordings by a seed that the pipeline doesn't know: is each one found, with its true reason?

    python bench/flaws.py --seed 1 --seed 2

Copies the small demo dataset, spoils clips drawn at random in ways drawn at random, runs index, sample and
crop, and looks each spoilt clip up in failures.jsonl and in the catalog's flags. Every other clip must be there
with the pixels of a run without flaws. Exit status 1 where anything is missed.
"""

import argparse
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.project import make_project, make_recordings
from cache import open_store
from pipeline.build.failures import read_failures
from pipeline.build.runner import RunOptions
from pipeline.catalog.catalog import read_catalog
from pipeline.params.presets import load_preset
from pipeline.paths import Paths

BODY_LINES = 27
"""Lines of a body in a frame of a `.skeleton` file: its head, the number of joints, 25 joints."""


def _replace(path: Path, content: bytes) -> None:
    """Files are links: a new one, not new bytes in the old."""
    path.unlink()
    path.write_bytes(content)


def truncated(path: Path, rng: random.Random) -> None:
    """The file ends after 2 to 98 % of its bytes."""
    content = path.read_bytes()
    _replace(path, content[: int(len(content) * rng.uniform(0.02, 0.98))])


def flipped(path: Path, rng: random.Random) -> None:
    """16 to 512 bytes in its middle half are others."""
    content = bytearray(path.read_bytes())
    start = rng.randrange(len(content) // 4, len(content) * 3 // 4)
    for place in range(start, min(start + rng.randint(16, 512), len(content))):
        content[place] ^= rng.randrange(1, 256)
    _replace(path, bytes(content))


def emptied(path: Path, rng: random.Random) -> None:  # noqa: ARG001
    """No byte is left."""
    _replace(path, b"")


def deleted(path: Path, rng: random.Random) -> None:  # noqa: ARG001
    """The file is gone."""
    path.unlink()


def garbled(path: Path, rng: random.Random) -> None:
    """One number has become letters."""
    lines = path.read_text().splitlines()
    line = rng.randrange(len(lines))
    numbers = lines[line].split()
    numbers[rng.randrange(len(numbers))] = "".join(rng.choices("xyzqk#", k=4))
    lines[line] = " ".join(numbers)
    _replace(path, ("\n".join(lines) + "\n").encode())


Frames = list[list[list[str]]]
"""Frames, bodies in each, lines of each body."""


def edited(edit: Callable[[Frames, random.Random], Frames]) -> Callable[[Path, random.Random], None]:
    """`edit`, done to a `.skeleton` file."""

    def spoil(path: Path, rng: random.Random) -> None:
        lines = path.read_text().splitlines()
        frames: Frames = []
        place = 1
        while place < len(lines):
            bodies = range(place + 1, place + 1 + int(lines[place]) * BODY_LINES, BODY_LINES)
            frames.append([lines[start : start + BODY_LINES] for start in bodies])
            place += 1 + len(bodies) * BODY_LINES
        edited = edit(frames, rng)
        output = [str(len(edited))]
        for shown in edited:
            output += [str(len(shown)), *(line for body in shown for line in body)]
        _replace(path, ("\n".join(output) + "\n").encode())

    return spoil


def _nan(frames: Frames, rng: random.Random) -> Frames:
    """Some coordinates of some joints."""
    for _ in range(rng.randint(1, 20)):
        body = rng.choice([bodies for bodies in frames if bodies])[0]
        line = rng.randrange(2, BODY_LINES)
        numbers = body[line].split()
        numbers[rng.choice((0, 1, 2, 5, 6))] = "nan"
        body[line] = " ".join(numbers)
    return frames


def _some_empty(frames: Frames, rng: random.Random) -> Frames:
    for number in rng.sample(range(len(frames)), rng.randint(1, len(frames) // 2)):
        frames[number] = []
    return frames


def _all_empty(frames: Frames, rng: random.Random) -> Frames:  # noqa: ARG001
    return [[] for _ in frames]


def _crowded(frames: Frames, rng: random.Random) -> Frames:
    """Three bodies in some frames."""
    for number in range(rng.randrange(len(frames) // 2), len(frames)):
        bodies = frames[number]
        for extra in range(3 - len(bodies) if bodies else 0):
            head, *joints = bodies[0]
            _, *numbers = head.split()
            bodies.append([" ".join([str(7_000 + extra), *numbers]), *joints])
    return frames


def _shortened(frames: Frames, rng: random.Random) -> Frames:
    return frames[: -rng.randint(2, len(frames) // 2)]


def _lengthened(frames: Frames, rng: random.Random) -> Frames:
    return frames + frames[-rng.randint(2, 20) :]


@dataclass(frozen=True)
class Kind:
    """A way to spoil a clip, and what must be said of it."""

    file: str
    spoil: Callable[[Path, random.Random], None]
    error: tuple[str, ...] = ()
    """One of these must stand in the failure's message."""
    flag: str = ""
    """Or the clip must carry this flag."""


DAMAGED = ("truncated", "cannot be decoded", "corrupt", "decoding ended", "holds no video", "no decoder")

KINDS = {
    "video truncated": Kind("video", truncated, DAMAGED),
    "video bytes flipped": Kind("video", flipped, DAMAGED),
    "video empty": Kind("video", emptied, ("cannot be decoded",)),
    "skeleton missing": Kind("skeleton", deleted, ("skeleton file missing",)),
    "skeleton garbled": Kind("skeleton", garbled, ("expected",)),
    "joints NaN": Kind("skeleton", edited(_nan), flag="nan_joints"),
    "some frames empty": Kind("skeleton", edited(_some_empty), flag="no_body_frames"),
    "all frames empty": Kind("skeleton", edited(_all_empty), ("nobody is seen",)),
    "third body": Kind("skeleton", edited(_crowded), flag="third_body"),
    "skeleton shorter": Kind("skeleton", edited(_shortened), flag="length_mismatch"),
    "skeleton longer": Kind("skeleton", edited(_lengthened), flag="length_mismatch"),
}


@dataclass(frozen=True)
class Outcome:
    """The result of index, sample and crop on one dataset."""

    reasons: dict[str, str]
    """Stage, error and message of each failed clip."""
    flags: dict[str, tuple[str, ...]]
    """Flags of each usable clip."""
    pixels: dict[str, bytes]
    """Pixels of each cropped clip."""


def outcome(paths: Paths) -> Outcome:
    """Run the three stages and read what they wrote."""
    from stages import crop, index, sample

    preset, options = load_preset(paths.params, "demo"), RunOptions(quiet=True)
    for stage in (index, sample, crop):
        stage.run(paths, preset, options)
    frames = open_store(paths.store("frames"))
    name = next(iter(preset.crop.recipes))
    failed = {failure.clip_id: failure for failure in read_failures(paths.failures)}
    return Outcome(
        reasons={clip_id: f"{f.stage}: {f.error}: {f.message}" for clip_id, f in failed.items()},
        flags={e.clip.clip_id: e.flags for e in read_catalog(paths.catalog).usable()},
        pixels={i: frames.read(name, [i]).tobytes() for i in frames.ids if i not in failed},
    )


def verdict(kind: Kind, clip_id: str, found: Outcome, clean: Outcome) -> tuple[bool, str]:
    """Whether what was found is the truth, and what was found."""
    reason = found.reasons.get(clip_id)
    if reason is not None:
        return any(text in reason for text in kind.error), reason
    flags = found.flags[clip_id]
    if kind.flag:
        return kind.flag in flags, f"flags {', '.join(flags) or 'none'}"
    then, now = (np.frombuffer(o.pixels[clip_id], np.uint8).astype(int) for o in (clean, found))
    difference = np.abs(then - now).mean()
    return difference == 0, f"nothing said; stored pixels differ by {difference:.2f} of 255 on average"


def spoil_and_look(seed: int, recordings: Path, clean: Outcome, per_kind: int) -> int:
    """One round; gives how many flaws or clips were missed."""
    rng = random.Random(seed)
    whole = sorted(clip_id for clip_id, flags in clean.flags.items() if not flags and clip_id in clean.pixels)
    victims = rng.sample(whole, len(KINDS) * per_kind)
    kinds = rng.sample([name for name in KINDS for _ in range(per_kind)], len(victims))
    with TemporaryDirectory() as folder:
        paths = make_project(Path(folder) / "project", recordings)
        for clip_id, name in zip(victims, kinds, strict=True):
            suffix = ".skeleton" if KINDS[name].file == "skeleton" else "_rgb.avi"
            KINDS[name].spoil(next(paths.raw.rglob(f"{clip_id}{suffix}")), rng)
        found = outcome(paths)
    missed = 0
    for name, clip_id in sorted(zip(kinds, victims, strict=True)):
        right, finding = verdict(KINDS[name], clip_id, found, clean)
        missed += not right
        print(f"  {'found ' if right else 'MISSED'} {name:20} {clip_id}  {finding[:150]}")
    others = clean.pixels.keys() - set(victims)
    lost = [clip_id for clip_id in sorted(others) if found.pixels.get(clip_id) != clean.pixels[clip_id]]
    print(f"  {len(others) - len(lost)} of {len(others)} other clips complete and unchanged {lost or ''}")
    return missed + len(lost)


def main() -> None:
    """All seeds; exit status 1 where a flaw or a clip was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, action="append", help="may be given several times; default: 0")
    parser.add_argument("--per-kind", type=int, default=1, help=f"clips of each of the {len(KINDS)} kinds")
    options = parser.parse_args()
    missed = 0
    with TemporaryDirectory() as folder:
        recordings = make_recordings(Path(folder) / "recordings")
        clean = outcome(make_project(Path(folder) / "clean", recordings))
        for seed in options.seed or [0]:
            print(f"seed {seed}:", flush=True)
            missed += spoil_and_look(seed, recordings, clean, options.per_kind)
    print("every flaw found" if not missed else f"{missed} MISSED")
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
