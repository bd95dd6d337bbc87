"""The scripts and manifests of docs/clusters.md: run, or read, as far as one machine can."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from house import HOUSE
from tiny import STAGES
from typer.main import get_command

from bench.project import make_project, make_recordings
from cli import app
from pipeline.paths import Paths

PAGE = (HOUSE / "docs" / "clusters.md").read_text()
SRUN = """#!/bin/bash
trap 'kill $(jobs -p) 2>/dev/null' TERM
shift  # --kill-on-bad-exit=0
for task in 1 2; do "$@" & done
wait
"""
"""Starts a job's tasks: two, on this machine."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def submitted(script: Path, paths: Paths, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a job's script as Slurm would: in the folder it was submitted from, `srun` at hand, its output in a file.

    When the script has ended, what it left running is killed, as Slurm kills the rest of a job.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HARCACHE")}
    path = os.pathsep.join([str(script.parent), str(Path(sys.executable).parent), environment["PATH"]])
    environment |= {"PATH": path, "SLURM_SUBMIT_DIR": str(HOUSE), "HARCACHE_PROJECT": str(paths.root)}
    command = ["bash", str(script), *arguments]
    log = script.with_suffix(".log")
    with log.open("w") as file:
        job = subprocess.Popen(
            command, cwd=HOUSE, env=environment, stdout=file, stderr=file, start_new_session=True
        )
        try:
            status = job.wait(timeout=300)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, status, stderr=log.read_text())


def test_the_job_script_runs_a_stage_and_leaves_nothing(tmp_path: Path) -> None:
    """The same bytes as on one machine; a stage that ends with an error ends the job with its status."""
    recordings = make_recordings(tmp_path / "recordings")
    here, there = (make_project(tmp_path / name, recordings) for name in ("here", "there"))
    (script,) = blocks("bash")
    written(tmp_path / "bin" / "srun", SRUN)
    done = submitted(written(tmp_path / "bin" / "cluster.sh", script), there, "index", "demo")
    assert done.returncode == 0, done.stderr
    assert "Start worker at" in done.stderr
    environment = {
        **os.environ,
        "HARCACHE_PROJECT": str(here.root),
        "HARCACHE_DIR": str(here.root / ".harcache"),
    }
    subprocess.run(
        [sys.executable, "cli.py", "index", "demo"],
        cwd=HOUSE,
        env=environment,
        check=True,
        capture_output=True,
    )
    shards = [path.relative_to(here.store("skeletons")) for path in here.store("skeletons").rglob("c.*")]
    assert len([name for name in shards if name.parts[0] == "joints_3d"]) == 1
    for name in shards:
        assert (there.store("skeletons") / name).read_bytes() == (here.store("skeletons") / name).read_bytes()
    assert not list(HOUSE.glob(".dask-*"))
    refused = submitted(tmp_path / "bin" / "cluster.sh", there, "crop", "demo")
    assert refused.returncode == 2
    assert "python cli.py sample demo" in refused.stderr


def test_the_script_of_dask_jobqueue_starts_a_worker() -> None:
    """Made by the page's own lines, but for the queue."""
    jobqueue = pytest.importorskip("dask_jobqueue")
    (code,) = blocks("python")
    call = re.search(r"SLURMCluster\((.*?)\n\) as", code, flags=re.DOTALL)
    assert call is not None
    given = eval(f"dict({call[1]})", {"HOUSE": HOUSE})
    with jobqueue.SLURMCluster(**given, scheduler_options={"dashboard_address": None}) as cluster:
        script = cluster.job_script()
    assert "#SBATCH --cpus-per-task=1" in script or "#SBATCH -n 1" in script
    assert f"cd {HOUSE}" in script
    worker = script.splitlines()[-1]
    assert "distributed.cli.dask_worker tcp://" in worker
    assert "--nthreads 1" in worker
    assert "--memory-limit 0" in worker.partition("--memory-limit 4GB")[2] or "--memory-limit 4" not in worker


def containers(document: dict[str, Any]) -> list[tuple[dict[str, Any], list[str]]]:
    """Each container of a manifest with the claims of its pod."""
    spec = document["spec"]
    pods = [spec[kind]["spec"] for kind in ("scheduler", "worker", "template") if kind in spec]
    return [
        (container, [volume["persistentVolumeClaim"]["claimName"] for volume in pod.get("volumes", [])])
        for pod in pods
        for container in pod["containers"]
    ]


def test_the_manifests_commands_are_real_and_share_one_volume() -> None:
    (text,) = blocks("yaml")
    cluster, job = yaml.safe_load_all(text)
    (scheduler, _), (worker, claims) = containers(cluster)
    ((stage, job_claims),) = containers(job)
    assert scheduler["args"] == ["dask", "scheduler"]
    assert claims == job_claims == ["lab"]
    assert worker["volumeMounts"] == stage["volumeMounts"]
    assert worker["workingDir"] == stage["workingDir"]
    environments = [{one["name"]: one["value"] for one in container["env"]} for container in (worker, stage)]
    assert environments[0]["HARCACHE_DIR"] == environments[1]["HARCACHE_DIR"]
    host = f"{cluster['metadata']['name']}-scheduler"
    assert environments[1]["HARCACHE_SCHEDULER"] == f"tcp://{host}:8786"
    python, program, name, *arguments = stage["command"]
    assert (python, program, name in STAGES) == ("python", "cli.py", True)
    get_command(app).commands[name].make_context(name, list(arguments))  # type: ignore[attr-defined]


def test_the_workers_options_are_dasks() -> None:
    from distributed.cli.dask_scheduler import main as scheduler
    from distributed.cli.dask_worker import main as worker

    options = [option for command in (scheduler, worker) for option in command.params]
    known = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    (script,), (text,) = blocks("bash"), blocks("yaml")
    lines = [
        line
        for line in script.replace("\\\n", " ").splitlines()
        if "dask worker" in line or "dask scheduler" in line
    ]
    used = {
        word
        for line in [*lines, *re.findall(r"args: \[(.*)\]", text)]
        for word in re.findall(r"--[a-z-]+", line[line.find("dask") :])
    }
    assert len(used) >= 6
    assert used <= known
