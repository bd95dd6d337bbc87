"""Laboratories that share a project: checkouts with git, DVC, and remotes that are really there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from house import HOUSE
from tiny import Project, tiny_params

WHO = {
    f"GIT_{who}_{what}": "lab@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "features"


@dataclass(frozen=True)
class Lab:
    """A checkout in which commands run with settings of its own, not the user's."""

    root: Path

    @property
    def project(self) -> Project:
        """Its data and params."""
        return Project(self.root)

    @property
    def environment(self) -> dict[str, str]:
        """For every command."""
        here = Path(sys.executable).parent
        own = {
            name: str(self.root / ".dvc" / "tmp" / name)
            for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR")
        }
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("HARCACHE_", "AWS_"))
        }
        path = {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
        return {**kept, **own, **path, **WHO, **KEYS}

    def run(self, *words: str) -> str:
        """What a command says; it must succeed."""
        ran = subprocess.run(
            words, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{' '.join(words)}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def clone(self, root: Path) -> "Lab":
        """What git brings, and nothing else."""
        self.run("git", "clone", "--quiet", str(self.root), str(root))
        return Lab(root)


def first_lab(root: Path, finished: Project, remotes: dict[str, dict[str, str]]) -> Lab:
    """A checkout of this code with what the stages up to features made of the demo, known to git and DVC."""
    tracked = subprocess.run(["git", "ls-files"], cwd=HOUSE, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        if (HOUSE / name).exists() and not name.startswith(("tests/", "bench/", "docs/")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HOUSE / name, root / name)
    (root / "params.yaml").write_text(yaml.safe_dump(tiny_params()))
    for name in ("data", "weights/demo/backbones"):
        shutil.copytree(finished.root / name, root / name)
    lab = Lab(root)
    lab.run(
        sys.executable, "cli.py", "recipes", "bless"
    )  # what the checkout's lock says is not the matter here
    lab.run("git", "init", "--quiet")
    lab.run(
        "dvc", "commit", "--quiet", "--force", "index", "sample", "crop", "heatmaps", "pretrain", "features"
    )
    with (root / ".dvc" / "config").open("a") as config:
        for remote, options in remotes.items():
            lines = [f"    {name} = {value}\n" for name, value in options.items()]
            config.writelines([f"['remote \"{remote}\"']\n", *lines])
    lab.run("git", "add", "--all")
    lab.run("git", "commit", "--quiet", "--message", "Features of the demo")
    return lab


@contextmanager
def s3_server() -> Iterator[str]:
    """An S3 server, moto's, in a process of its own; gives its URL. It holds the empty bucket BUCKET."""
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            url = next(
                found[0] for line in process.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+", line))
            )
            _make_bucket(url)
            yield url
        finally:
            process.kill()


def _make_bucket(url: str) -> None:
    import boto3

    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    client.create_bucket(Bucket=BUCKET)
    client.close()


def files_in(folder: Path) -> dict[str, int]:
    """Every file below a folder, and its size."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }
