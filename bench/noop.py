"""`dvc repro` where nothing is to be done, against `dvc repro` in an empty DVC project.

    python bench/noop.py

Builds a small demo project with this checkout's dvc.yaml (the stages run once), then times `dvc repro` there
and in a DVC project without any stage, in turns. Wall-clock time: a machine at rest gives the truest ratio.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.project import HOUSE, make_project, make_recordings

TARGET = 1.3
"""Times as long as in an empty project."""

LINKED = (
    "cache",
    "models",
    "pipeline",
    "stages",
    "cli.py",
    "cli_cache.py",
    "cli_stages.py",
    "recipes.lock",
    "dvc.yaml",
    ".dvcignore",
)
"""Files that the project takes over from this checkout."""


def run(command: list[str], folder: Path) -> float:
    """Seconds of a command; an error shows what it said."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HARCACHE")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - began


def init(folder: Path) -> Path:
    """An empty DVC project, without Git."""
    folder.mkdir(parents=True, exist_ok=True)
    run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], folder)
    shutil.copy(HOUSE / ".dvc" / "config", folder / ".dvc" / "config")
    (folder / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    return folder


def finished_project(folder: Path, recordings: Path) -> Path:
    """A small demo, all stages done."""
    make_project(folder, recordings)
    for name in LINKED:
        source = HOUSE / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    init(folder)
    run([sys.executable, "-m", "dvc", "repro"], folder)
    return folder


def main() -> None:
    """Time both in turns; exit status 1 where the target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    command = [sys.executable, "-m", "dvc", "repro"]
    with TemporaryDirectory() as folder:
        recordings = make_recordings(Path(folder) / "recordings")
        finished = finished_project(Path(folder) / "finished", recordings)
        empty = init(Path(folder) / "empty")
        (empty / "dvc.yaml").write_text("stages: {}\n")
        run(command, finished)
        run(command, empty)
        pairs = [(run(command, empty), run(command, finished)) for _ in range(options.pairs)]
    bare, ours = (median(times) for times in zip(*pairs, strict=True))
    ratio = median(own / least for least, own in pairs)
    print(
        f"dvc repro without anything to do: {ours:.2f} s, in an empty project {bare:.2f} s: {ratio:.2f} times as "
        f"long, target {TARGET}: {'met' if ratio <= TARGET else 'MISSED'}"
    )
    sys.exit(ratio > TARGET)


if __name__ == "__main__":
    main()
