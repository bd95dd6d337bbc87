"""The command line, three ways: typer's runner, the text of errors, and a process of its own."""

import json
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
from house import HOUSE
from tiny import STAGES, Project, content, replace_file
from typer.testing import CliRunner, Result

import cli

Make = Callable[..., Project]
Usage = namedtuple("Usage", "total used free")


def invoke(project: Project, *words: str) -> Result:
    """The command in this process, on this project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "PROJECT", project.root)
        return CliRunner().invoke(cli.app, list(words))


def test_every_stage_is_a_command_that_explains_itself() -> None:
    runner = CliRunner()
    top = runner.invoke(cli.app, ["--help"])
    assert top.exit_code == 0
    for stage in (*STAGES, "demo", "summary", "recipes"):
        assert stage in top.output
    for stage in STAGES:
        result = runner.invoke(cli.app, [stage, "--help"])
        assert result.exit_code == 0
        assert "data/raw/NAME" in result.output
        assert all(option in result.output for option in ("--preset", "--workers", "--scheduler"))


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, cli\n"
        "try: cli.app(['crop', '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'zarr', 'cv2', 'av', 'numpy', 'dask', 'distributed', 'pyarrow', 'pipeline',"
        " 'cache', 'stages'}\n"
        "print(sorted(heavy & sys.modules.keys()), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=True)
    assert "Decode each video once" in ran.stdout
    assert ran.stderr.strip() == "[]"


def test_no_command_is_a_question_not_a_crash() -> None:
    assert "Usage" in CliRunner().invoke(cli.app, []).output


def test_a_command_says_what_it_did_and_again_that_it_did_nothing(project: Make) -> None:
    mine = project()
    first = mine.cli("index", "demo")
    assert first.returncode == 0, first.stderr
    assert "index: 58 clips made, 0 from cache, 5 failed in" in first.stdout
    before = content(mine.paths.data)
    again = invoke(mine, "index", "demo")
    assert again.exit_code == 0
    assert "index: 0 clips made, 58 from cache, 5 failed in" in again.output
    assert content(mine.paths.data) == before


def test_too_many_failures_end_with_status_1(project: Make) -> None:
    mine = project(max_failed=0.01)
    result = invoke(mine, "index", "demo")
    assert result.exit_code == 1
    assert "more than max_failed = 1.0% failed: see failures.jsonl" in result.output
    assert mine.paths.catalog.exists()


def test_one_unreadable_video_is_one_clips_failure(project: Make) -> None:
    mine = project()
    clip_id = "S001C002P002R001A004"
    replace_file(mine.raw / "nturgb+d_rgb" / f"{clip_id}_rgb.avi", b"this is not a video")
    result = invoke(mine, "index", "demo")
    assert result.exit_code == 0
    assert "57 clips made, 0 from cache, 6 failed" in result.output
    (line,) = [line for line in failures(mine) if line["clip_id"] == clip_id]
    assert line["stage"] == "index"
    assert line["error"] == "VideoError"
    assert f"{clip_id}_rgb.avi" in line["message"]


def refused(project: Project, *words: str) -> str:
    """What the command says as it refuses: status 2, no traceback, nothing made."""
    result = invoke(project, *words)
    assert result.exit_code == cli.REFUSED
    assert "Traceback" not in result.output
    for folder in (project.paths.data, project.paths.weights, project.paths.reports):
        assert not folder.exists()
    return str(result.output)


def test_a_misspelt_param(project: Make) -> None:
    output = refused(project(**{"crop.shard_row": 16}), "index", "demo")
    assert "ParamError" in output
    assert "params.yaml" in output
    assert "presets.demo.crop.shard_row: unknown key (did you mean 'shard_rows'?)" in output


def test_a_misspelt_preset(project: Make) -> None:
    assert "no preset 'dmeo' (did you mean 'demo'?)" in refused(
        project(), "index", "demo", "--preset", "dmeo"
    )


def test_a_misspelt_adapter_and_its_options(project: Make) -> None:
    assert "no dataset 'ntuu' (did you mean 'ntu'?)" in refused(
        project("one", **{"index.adapter": "ntuu"}), "index", "demo"
    )
    output = refused(project("two", **{"index.options": {"mising_list": "none"}}), "index", "demo")
    assert "presets.demo.index.options.mising_list: unknown key (did you mean 'missing_list'?)" in output


def test_a_misspelt_protocol(project: Make) -> None:
    output = refused(project(**{"index.protocol": "xsubb"}), "index", "demo")
    assert "xsubb" in output
    assert "'xsub'" in output


def test_a_missing_dataset_folder(project: Make) -> None:
    mine = project()
    shutil.rmtree(mine.raw)
    output = refused(mine, "index", "demo")
    assert str(mine.raw) in output
    assert "DatasetError" in output


def test_an_empty_dataset_folder(project: Make) -> None:
    mine = project()
    shutil.rmtree(mine.raw)
    mine.raw.mkdir()
    assert str(mine.raw) in refused(mine, "index", "demo")


@pytest.mark.parametrize("stage", STAGES[1:])
def test_a_stage_before_its_time_names_the_one_to_run(project: Make, stage: str) -> None:
    output = refused(project(), stage, "demo")
    assert "is not there; make it first" in output
    assert "index demo" in output


def test_no_scheduler_at_the_address(project: Make) -> None:
    output = refused(project(), "index", "demo", "--scheduler", "not-an-address")
    assert "not-an-address" in output
    assert "dask scheduler" in output


def test_no_room_is_told_before_the_first_clip(copied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(copied.root / ".harcache" / "shards")
    copied.set_params(**{"crop.recipes": {"r4": recipe(size=[48, 48])}})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**6, 10**6 - 1000, 1000))
    monkeypatch.setattr("pipeline.rows.crops.crop_clip", None)
    before = content(copied.paths.data)
    result = invoke(copied, "crop", "demo")
    assert result.exit_code == cli.REFUSED
    assert "CapacityError: frames.zarr needs up to" in result.output
    assert "HARCACHE_DIR" in result.output
    assert content(copied.paths.data) == before
    assert not list((copied.root / ".harcache").rglob("*.tmp"))


def test_what_is_written_is_told_before_the_first_clip(copied: Project) -> None:
    copied.set_params(**{"crop.recipes": {"r4": recipe(size=[40, 40])}})
    ran = copied.cli("crop", "demo")
    assert ran.returncode == 0
    assert "MB to write, " in ran.stderr
    assert " GB free" in ran.stderr


def test_weights_whose_sha256_differs(copied: Project) -> None:
    weights = copied.paths.weights / "backbones" / "video_0.pt"
    backbone = copied.preset.pretrain.backbones["video"].model_dump(mode="json")
    backbone |= {"pretrained": {"path": str(weights), "sha256": "0" * 64}}
    copied.set_params(**{"pretrain.backbones.video": backbone})
    before = content(copied.paths.weights)
    result = invoke(copied, "pretrain", "demo")
    assert result.exit_code == cli.REFUSED
    assert str(weights) in result.output
    assert "0" * 64 in result.output
    assert "sha256" in result.output
    assert content(copied.paths.weights) == before


def test_summary_prints_the_accuracies(finished: Project) -> None:
    result = invoke(finished, "summary", "demo")
    assert result.exit_code == 0
    for word in ("demo, xsub", "video", "skeleton", "fused", str(finished.paths.reports / "index.html")):
        assert word in result.output


def test_summary_before_train(project: Make) -> None:
    assert "make it first" in refused(project(), "summary", "demo")


def test_drifted_code_is_refused_by_a_process_of_its_own(project: Make, tmp_path: Path) -> None:
    house = tmp_path / "house"
    for name in ("cache", "models", "pipeline", "stages"):
        shutil.copytree(HOUSE / name, house / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("cli.py", "cli_cache.py", "cli_stages.py", "recipes.lock"):
        shutil.copy(HOUSE / name, house / name)
    mine = project()
    boxes = house / "pipeline" / "video" / "boxes.py"
    boxes.write_text(boxes.read_text() + "\nMARGIN = 3\n")
    command = [sys.executable, str(house / "cli.py"), "crop", "demo"]
    ran = subprocess.run(command, env=mine.environment, capture_output=True, text=True, check=False)
    assert ran.returncode == cli.REFUSED
    assert "RecipeDriftError" in ran.stderr
    assert "pipeline/video/boxes.py" in ran.stderr
    assert "recipes bless" in ran.stderr


def recipe(**changes: object) -> dict[str, object]:
    return {"sampling": "r4", "box": {"rule": "square"}, "size": [32, 32], "storage": "zstd", **changes}


def failures(project: Project) -> list[dict[str, str]]:
    return [json.loads(line) for line in project.paths.failures.read_text().splitlines()]
