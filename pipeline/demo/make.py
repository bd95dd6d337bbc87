"""Make the demo dataset: plan, record, spoil, write; each clip from its scene's own random numbers."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from pipeline.build.progress import ClipProgress
from pipeline.demo.actions import ceilings
from pipeline.demo.flaws import Files, spoil, spoil_files
from pipeline.demo.readme import readme_text
from pipeline.demo.record import record, subject
from pipeline.demo.scenario import FULL, DemoSize, Flaw, Take, generator, plan
from pipeline.demo.write import PARTIAL, encode_video, skeleton_path, skeleton_text, video_path, write_whole
from pipeline.errors import DatasetError, ParamError

README = "README.txt"


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Summary of the dataset made: clips, defects and ceilings."""

    folder: Path
    clips: dict[str, int]
    """Clean clips: train and test, of the cross-subject split."""
    flaws: tuple[tuple[str, Flaw], ...]
    """(clip id, what is spoilt in it), sorted: these come on top of the clean clips."""
    ceilings: dict[str, float]
    """Best accuracy that can be expected, in per cent, as `pipeline.demo.actions.ceilings` has it."""
    num_bytes: int
    """Total size of all files in bytes."""

    def __str__(self) -> str:
        best = ", ".join(f"{modality} {value:.0f} %" for modality, value in self.ceilings.items())
        return (
            f"demo dataset in {self.folder}: {self.clips['train']} training and {self.clips['test']} test "
            f"clips, {len(self.flaws)} spoilt on purpose; {self.num_bytes / 1e6:.0f} MB; ceilings: {best}"
        )


def make_demo(
    folder: Path, *, seed: int = 0, workers: int = 1, size: DemoSize = FULL, quiet: bool = False
) -> DemoReport:
    """Write the demo dataset under a folder. The same seed gives the same bytes, however many workers.

    Files of an earlier run of the same size are written anew; any other file in the folder stops it.
    """
    if workers < 1:
        raise ParamError(f"workers must be 1 or more, got {workers}")
    takes = plan(size)
    _refuse_foreign(folder, takes)
    _sweep(folder)
    num_bytes = 0
    with ClipProgress("demo", len(takes), cached=0, quiet=quiet) as progress:
        for written in _written(partial(_write_take, folder, seed), takes, workers):
            num_bytes += written
            progress.tick(made=1)
    readme = readme_text(takes, seed, size).encode()
    write_whole(folder / README, readme)
    return _report(folder, takes, size, num_bytes + len(readme))


def make_take(take: Take, *, seed: int) -> Files:
    """The bytes of one clip's files; they depend on the seed and the take alone.

    The clip's name stands in both (a title, body ids), so that no two files of the demo are equal.
    """
    rng = generator(seed, take.scene)
    who = subject(seed, take.subject, take.setup)
    recording = record(take.shown, who, camera=take.camera, rng=rng, spectator=take.flaw == "spectator")
    recording = spoil(recording, take.flaw, rng)
    video = encode_video(recording.frames, title=take.clip_id)
    skeleton = skeleton_text(recording, clip_id=take.clip_id).encode("ascii")
    return spoil_files(Files(video, skeleton), take.flaw)


def _written(write: Callable[[Take], int], takes: tuple[Take, ...], workers: int) -> Iterator[int]:
    """Write every take; bytes of each, as they are done."""
    if workers == 1:
        yield from map(write, takes)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(write, takes, chunksize=8)


def _write_take(folder: Path, seed: int, take: Take) -> int:
    """Write one clip; how many bytes that was."""
    files = make_take(take, seed=seed)
    write_whole(folder / video_path(take.clip_id), files.video)
    if files.skeleton is None:
        return len(files.video)
    write_whole(folder / skeleton_path(take.clip_id), files.skeleton)
    return len(files.video) + len(files.skeleton)


def _ours(takes: tuple[Take, ...]) -> set[Path]:
    """Every path that the demo writes, relative to its folder."""
    skeletons = {skeleton_path(take.clip_id) for take in takes if take.flaw != "missing_skeleton"}
    return {Path(README)} | {video_path(take.clip_id) for take in takes} | skeletons


def _present(folder: Path) -> list[Path]:
    """Every file in a folder, relative to it, sorted."""
    found = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return sorted(path.relative_to(folder) for path in found)


def _refuse_foreign(folder: Path, takes: tuple[Take, ...]) -> None:
    """Stop before the first clip if the folder holds what isn't the demo's."""
    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"{folder} is a file; the demo needs a folder, name another")
    ours = _ours(takes)
    foreign = [
        path for path in _present(folder) if path.with_name(path.name.removesuffix(PARTIAL)) not in ours
    ]
    if foreign:
        raise DatasetError(
            f"{folder} holds {len(foreign)} files that this demo would not write, such as {foreign[0]}; "
            "it expects an empty folder or an earlier demo of the same size: "
            "name another folder, or remove them"
        )


def _sweep(folder: Path) -> None:
    """Remove what a killed run left half-written."""
    for path in _present(folder):
        if path.name.endswith(PARTIAL):
            (folder / path).unlink()


def _report(folder: Path, takes: tuple[Take, ...], size: DemoSize, num_bytes: int) -> DemoReport:
    parts = Counter(
        "train" if take.subject in size.train_subjects else "test" for take in takes if not take.flaw
    )
    return DemoReport(
        folder=folder,
        clips={"train": parts["train"], "test": parts["test"]},
        flaws=tuple((take.clip_id, take.flaw) for take in takes if take.flaw),
        ceilings=ceilings(),
        num_bytes=num_bytes,
    )
