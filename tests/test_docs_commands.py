"""Commands in README, CONTRIBUTING and every page of docs/: each exists as it is typed, and what is cheap is run."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main
from dvc.cli.parser import get_main_parser
from house import HOUSE
from tiny import Project
from typer.testing import CliRunner

import cli
from cache import open_store

PAGES = sorted([*HOUSE.glob("*.md"), *HOUSE.glob("docs/*.md")])

SHELL = {"cd", "cp", "export", "ln", "mkdir", "mv", "seq", "source", "unset", "."}
"""Words of the shell that nobody can misspell into something of ours."""

OTHERS = {"dask", "git", "pip", "pre-commit", "python3", "rerun", "sbatch"}
"""Programs that pages name and that are not ours to check."""

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_INLINE = re.compile(r"`((?:python (?:cli\.py|bench/)|dvc |make )[^`]+)`")
_LOOP = re.compile(r"for (\w+) in ([^;]+); do (.+?); done")


def commands(page: Path) -> Iterator[str]:
    """Every command of a page: lines of console blocks, and what stands as code in a sentence."""
    text = page.read_text()
    for language, block in _FENCED.findall(text):
        for line in block.splitlines() if language in ("", "console") else ():
            typed = line.removeprefix("$ ")
            if line.startswith("$ ") or typed.startswith("python "):
                yield from _parts(typed)
    for typed in _INLINE.findall(_FENCED.sub("", text)):
        yield from _parts(" ".join(typed.split()))


def _parts(line: str) -> Iterator[str]:
    """What a line runs, one after the other; loops gone round, comments left out."""
    line = re.sub(r"\s+# .*", "", line)
    for name, values, body in _LOOP.findall(line):
        for value in values.split():
            yield body.replace(f"${name}", value)
    yield from (part.strip() for part in re.split(r"&&|;", _LOOP.sub("", line)) if part.strip())


EVERY = sorted({(page.name, command) for page in PAGES for command in commands(page)})


def test_pages_have_commands() -> None:
    assert {
        "README.md",
        "CONTRIBUTING.md",
        "demo.md",
        "interchange.md",
        "models.md",
        "presets.md",
        "sharing.md",
    } <= {page for page, _ in EVERY}
    assert len(EVERY) > 60


@cache
def parser_of_dvc() -> Any:
    return get_main_parser()


def words_of(command: str) -> list[str]:
    """As the shell splits it; what stands for anything is one word."""
    return shlex.split(re.sub(r"\$\([^)]*\)", "", command))


def check_ours(words: list[str]) -> None:
    """Finds the command and parses its options."""
    found: Any = typer.main.get_command(cli.app)
    while hasattr(found, "commands"):
        word = words.pop(0) if words else ""
        assert word in found.commands, f"no command {word!r}; there are {sorted(found.commands)}"
        found = found.commands[word]
        if not words and hasattr(found, "commands"):
            return  # speaks of all of them
    known = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        assert not word.startswith("--") or word in {*known, "--help"}, f"no option {word!r}: {sorted(known)}"
    values, _, _ = found.make_parser(found.context_class(found)).parse_args(list(words))
    for parameter in found.params if "--help" not in words and words else ():
        assert not parameter.required or values.get(parameter.name), f"{parameter.name} is missing"


@pytest.mark.parametrize(("page", "command"), EVERY)
def test_each_command_is_there_as_it_is_typed(page: str, command: str) -> None:
    program, *words = words_of(command)
    if program == "python" and words[0] == "cli.py":
        check_ours(words[1:])
    elif program == "python" and words[0].startswith("bench/"):
        text = (HOUSE / words[0]).read_text()
        assert [word for word in words[1:] if word.startswith("--") and f'"{word}"' not in text] == []
    elif program == "dvc":
        parser_of_dvc().parse_args([word for word in words if word not in ("…", "[STORE…]")])
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (HOUSE / "Makefile").read_text(), re.M)
        assert words[0] in targets
    else:
        assert program in SHELL or program in OTHERS or program.startswith("PIP"), (
            f"{page}: what is {program!r}?"
        )


FILE = re.compile(r"\b(?:data|weights|reports)/demo/[\w./-]*\w")
MADE_BY_OTHERS = {"data/demo/merged.zarr"}


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_each_file_of_the_demo_that_a_page_names_is_made(page: str, finished: Project) -> None:
    text = next(path for path in PAGES if path.name == page).read_text()
    named = set(FILE.findall(text))
    assert [name for name in sorted(named) if not (finished.root / name).exists()] == []


RUN = {
    "python cli.py index demo",
    "python cli.py quality demo",
    "python cli.py sample demo",
    "python cli.py crop demo",
    "python cli.py heatmaps demo",
    "python cli.py pretrain demo",
    "python cli.py features demo",
    "python cli.py train demo",
    "python cli.py report demo",
    "python cli.py summary demo",
    "python cli.py cache verify",
    "python cli.py cache why S001C001P010R001A004",
    "python cli.py cache export data/demo/features.zarr features.zip",
    "python cli.py cache export data/demo/features.zarr features.h5",
    "python cli.py cache export data/demo/features.zarr features.parquet",
    "python cli.py cache export data/demo/features.zarr video.safetensors --array video_0",
    "python cli.py cache import features.zip --to data/other/features.zarr",
    "python cli.py cache adopt",
    "python cli.py pyskl export demo --out demo.pkl --joints 3d",
}
"""Run on the tiny project, in the order of the pages."""

DEMO_CLIP, TINY_CLIP = "S001C001P010R001A004", "S001C002P010R001A004"
"""A clip of the demo that pages name, and one that the tiny project has."""

NOT_RUN = {
    "look": "needs rerun; tests/test_look.py",
    "extract": "wants videos and weights of the reader's; tests/test_stages_extract.py",
    "enhance": "of dark recordings of the reader's; tests/test_stages_enhance.py",
    "export": "seconds of ONNX; tests/test_stages_export.py",
    "init": "wants recordings of the reader's; tests/test_setup.py",
    "compare": "methods that the tiny project has not; tests/test_evaluation_comparison.py",
    "demo": "draws 733 videos; tests/test_demo.py",
    "saliency": "gradients of 20 clips; tests/test_saliency.py",
    "cache import": "of what lies elsewhere; tests/test_cache_import.py",
    "cache merge": "wants two labs' stores; tests/test_interchange.py",
    "cache push": "wants a remote; tests/test_cli_transport.py",
    "cache publish": "writes where the reader wants it; tests/test_publishing.py",
    "cache diff": "of two stores of the reader's; tests/test_interchange.py",
    "pyskl import": "wants a pickle of the reader's; tests/test_early_refusals.py",
    "models": "seconds of counting; tests/test_models_table.py",
    "index": "of a dataset of the reader's",
    "summary": "of a dataset of the reader's; of the demo it is run",
    "cache": "speaks of all its commands",
    "pose check": "seconds of mmpose where it is there; tests/test_models_pose.py",
    "pose export": "needs movement; tests/test_datasets_tracks.py",
    "recipes bless": "writes recipes.lock; tests/test_recipes.py",
    "recipes check": "tests/test_recipes.py",
    "crop ntu60_xsub": "wants a cluster and a bucket; tests/test_remote_workers.py",
    "plan": "tries clips and networks for seconds; tests/test_planning.py",
    "table": "trains heads; tests/test_tables.py",
    "heatmaps": "named as the stage whose disk fills up; tests/test_reliability_disk.py",
}
"""Why a command of the pages is not run here, and where it is."""


def test_every_command_of_ours_is_run_or_says_why_not() -> None:
    ours = {command for _, command in EVERY if command.startswith("python cli.py ")}
    assert RUN - ours == set()
    for command in ours - RUN:
        words = command.split()[2:]
        assert " ".join(words[:2]) in NOT_RUN or words[0] in NOT_RUN, command


def test_what_is_cheap_runs(copied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copied.root)
    monkeypatch.setattr(cli, "PROJECT", copied.root)
    monkeypatch.setattr("cache.recipes.Recipes.check", lambda *_: None)  # another test's business
    done: set[str] = set()
    for command in (line for page in PAGES for line in commands(page) if line in RUN):
        if command not in done:
            done.add(command)
            ran = CliRunner().invoke(cli.app, words_of(command.replace(DEMO_CLIP, TINY_CLIP))[2:])
            assert ran.exit_code == 0, f"{command}\n{ran.output}"


def test_numpy_alone_reads_what_is_exported(copied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command and the code of docs/numpy_alone.md, as they stand there."""
    monkeypatch.chdir(copied.root)
    monkeypatch.setattr(cli, "PROJECT", copied.root)
    page = HOUSE / "docs" / "numpy_alone.md"
    (command,) = commands(page)
    assert CliRunner().invoke(cli.app, words_of(command)[2:]).exit_code == 0
    (code,) = [block for language, block in _FENCED.findall(page.read_text()) if language == "python"]
    found: dict[str, Any] = {}
    exec(compile(code, page.name, "exec"), found)
    store = open_store(copied.paths.store("features"))
    held = [clip_id for clip_id, whole in zip(found["ids"], found["whole"], strict=True) if whole]
    assert len(held) == len(store.ids)
    for clip_id in held:
        row = found["arrays"]["video_0"][found["ids"].index(clip_id)]
        assert np.array_equal(row, store.read_row("video_0", clip_id))
    assert found["train"].sum() == 34  # as `pretrain` fits
