"""Moving a dataset's stores and weights between machines: a thin use of DVC's remotes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

from pipeline.build.dvc_cache import dvc_stages
from pipeline.errors import DatasetError, RunError
from pipeline.paths import Paths


def transport(paths: Paths, what: Literal["push", "pull"], remote: str | None) -> str:
    """`dvc push` or `dvc pull` of the stages that make something of `paths.dataset`; gives what was moved."""
    targets = stages_of(paths)
    command = [_dvc(), what, *(["--remote", remote] if remote else []), *targets]
    ran = subprocess.run(command, cwd=paths.root, text=True, capture_output=True, check=False)
    if ran.returncode:
        raise RunError(
            f"`{' '.join(['dvc', *command[1:]])}` in {paths.root} ended with status {ran.returncode}:\n"
            f"{(ran.stderr or ran.stdout).strip()}\n{_hint(what)}"
        )
    last = ran.stdout.strip().splitlines()[-1:] or ["nothing to do"]
    return f"{what} of {', '.join(targets)}: {last[0]}"


def stages_of(paths: Paths) -> list[str]:
    """Stages that dvc.lock knows and that write below the dataset's folders."""
    stages = dvc_stages(paths.root)
    if not stages:
        raise DatasetError(
            f"{paths.root / 'dvc.lock'} names no stage: `dvc repro` writes it, or `git pull` brings it"
        )
    folders = [f.relative_to(paths.root).as_posix() + "/" for f in (paths.data, paths.weights, paths.reports)]
    found = [
        name
        for name, outs in stages.items()
        if any(out["path"].startswith(folder) for out in outs for folder in folders)
    ]
    if not found:
        raise DatasetError(
            f"{paths.root / 'dvc.lock'} knows no stage that writes {' or '.join(folders)}: run `dvc repro` first"
        )
    return found


def _dvc() -> str:
    beside = Path(sys.executable).with_name("dvc")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("dvc")
    if found is None:
        raise RunError("dvc is not installed: pip install dvc (dvc-s3 for S3 remotes)")
    return found


def _hint(what: str) -> str:
    return (
        "A remote is set up once with `dvc remote add --default NAME URL` (a folder, ssh://, s3://); "
        f"`dvc {what} --verbose` says more"
    )
