"""The README.txt that lies in the demo dataset's folder: for people, the pipeline doesn't read it."""

from collections.abc import Iterable

from pipeline.demo.actions import ACTIONS, ceilings
from pipeline.demo.camera import FPS, HEIGHT, WIDTH
from pipeline.demo.flaws import MEANING
from pipeline.demo.scenario import DemoSize, Take


def readme_text(takes: tuple[Take, ...], seed: int, size: DemoSize) -> str:
    """Return the README's text: contents, reachable accuracies and defects."""
    clean = [take for take in takes if take.flaw is None]
    train = sum(take.subject in size.train_subjects for take in clean)
    spoilt = [(take.clip_id, MEANING[take.flaw]) for take in takes if take.flaw is not None]
    best = ceilings()
    sections = (
        "harcache demo dataset, generated: no real person is shown.\n"
        "Names and skeleton files as in NTU RGB+D; "
        f"video {WIDTH} x {HEIGHT}, {FPS} frames a second. Seed {seed}.",
        f"{train} training clips (subjects {_numbers(size.train_subjects)}) and "
        f"{len(clean) - train} test clips (subjects {_numbers(size.test_subjects)}), "
        "balanced over the actions.",
        _list("Actions:", [(f"A{action.code:03d}", action.name) for action in ACTIONS]),
        "Best accuracy that can be expected, by construction: "
        f"skeleton alone {best['skeleton']:.0f} %, video alone {best['video']:.0f} %, "
        f"the mean of both {best['mean']:.0f} %, any sum of both {best['additive']:.0f} %, "
        f"both {best['both']:.0f} % (see docs/demo.md).",
        _list("Spoilt on purpose, beside those counts:", spoilt),
    )
    return "\n\n".join(sections) + "\n"


def _numbers(subjects: Iterable[int]) -> str:
    return " ".join(str(subject) for subject in subjects)


def _list(title: str, rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join([title, *(f"  {name}  {text}" for name, text in rows)])
