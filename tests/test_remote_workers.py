"""Workers that share no disk with the client: through a cache in S3 they make the bytes that one machine makes."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from apart import cluster, die_once_midway, use
from buckets import BUCKET, Bucket, bucket
from tiny import Project, content

from cache.errors import RemoteError
from cache.remote.content import content_name
from pipeline.build.runner import RunOptions, run_tasks
from pipeline.catalog.opened import opened_catalog
from pipeline.errors import RunError
from pipeline.remote import client

NOBODY = "tcp://127.0.0.1:9"
"""A scheduler that is not there: whoever asks it fails otherwise than the tests expect."""


def store(project: Project, name: str) -> dict[str, bytes]:
    return content(project.paths.store(name))


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with bucket() as found:
        yield found


@dataclass(frozen=True)
class Lab:
    """The remote cache of one test, empty at first."""

    client: Any
    """boto3's."""
    prefix: str

    def keys(self, folder: str) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.prefix}/{folder}/").get(
            "Contents", []
        )
        return [one["Key"].removeprefix(f"{self.prefix}/") for one in listed]

    def read(self, name: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}")["Body"].read()
        return data

    def write(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}", Body=data)

    def tamper(self, name: str) -> None:
        """Another content of the same length."""
        data = self.read(name)
        self.write(name, data[:-1] + bytes([data[-1] ^ 1]))


@pytest.fixture
def there(server: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    use(server, tmp_path.name, monkeypatch)
    return Lab(server.client, tmp_path.name)


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of all clients' projects, which workers cannot see."""
    return tmp_path_factory.mktemp("clients")


@pytest.fixture
def cold(finished: Project, clients: Path, tmp_path: Path) -> Project:
    """The finished project with its catalog, skeletons and weights, and an empty cache."""
    mine = finished.copy(clients / tmp_path.name)
    mine.forget_cache("samples", "frames", "heatmaps", "features")
    return mine


@pytest.fixture(scope="module")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def scheduler(server: Bucket, finished: Project, clients: Path, lab_folder: Path) -> Iterator[str]:
    with cluster(lab_folder, server, hidden=[clients, finished.root]) as address:
        yield address


@pytest.mark.usefixtures("there")
def test_every_stage_makes_the_same_bytes(
    finished: Project, cold: Project, scheduler: str, lab_folder: Path
) -> None:
    """What was sent once is sent no more: crop's shards are features' inputs."""
    for stage, name in (
        ("sample", "samples"),
        ("crop", "frames"),
        ("heatmaps", "heatmaps"),
        ("features", "features"),
    ):
        assert cold.run(stage, scheduler=scheduler).made == 58, stage
        assert store(cold, name) == store(finished, name), stage
    workers = lab_folder
    assert not (workers / "no-project").exists()
    for number in range(2):
        assert {path.name for path in (workers / f"worker-{number}").iterdir()} <= {
            "cache",
            "dask",
            "log.txt",
        }
        assert not list((workers / f"worker-{number}" / "cache" / "shards").rglob("*.json"))  # sent, and gone
        assert "older harcache" not in (workers / f"worker-{number}" / "log.txt").read_text()
    assert cold.run("crop", scheduler=NOBODY).made == 0
    assert cold.cli("cache", "verify").returncode == 0


def test_a_shard_that_two_contend_for_is_computed_once(
    finished: Project, cold: Project, scheduler: str, there: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block is given to two workers at once; the one that lost the claim finds the record."""
    assert cold.run("sample").made == 58

    def twice(work: Callable[[Any], Any], blocks: Sequence[Any], options: RunOptions) -> Iterator[Any]:
        return run_tasks(work, [block for block in blocks for _ in range(2)], options)

    monkeypatch.setattr(client, "LEASE_SECONDS", 3.0)
    monkeypatch.setattr(client, "run_tasks", twice)
    assert cold.run("crop", scheduler=scheduler).made == 58
    assert store(cold, "frames") == store(finished, "frames")
    assert len(there.keys("records")) == 2 * 4  # two arrays, four blocks
    assert there.keys("claims") == []


def test_what_was_tampered_with_is_refused_and_made_anew(
    finished: Project, cold: Project, scheduler: str, there: Lab, lab_folder: Path
) -> None:
    """An input as no worker has it yet; then a shard's content, and another block's record."""
    assert cold.run("sample").made == 58
    for number in range(2):
        shutil.rmtree(lab_folder / f"worker-{number}" / "cache" / "remote", ignore_errors=True)
        shutil.rmtree(lab_folder / f"worker-{number}" / "cache" / "projects", ignore_errors=True)
    entry = opened_catalog(cold.paths.catalog).usable()[0]
    size, sha256 = (cold.raw / entry.clip.video).stat().st_size, entry.video_sha256
    there.write(content_name(sha256), bytes(size))
    assert cold.run("crop", scheduler=scheduler).made == 58
    assert store(cold, "frames") == store(finished, "frames")
    assert hashlib.sha256(there.read(content_name(sha256))).hexdigest() == sha256

    first, last = (key_of_block(cold, block) for block in (0, 3))
    there.tamper(content_name(record(cold, first)["digest"]))
    there.tamper(f"records/{last[:2]}/{last}.json")
    cold.forget_cache("frames")
    assert cold.run("crop", scheduler=scheduler).made == 16 + 10  # of blocks 0 and 3; two more are there
    assert store(cold, "frames") == store(finished, "frames")


def record(project: Project, key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.root / f".harcache/shards/{key[:2]}/{key}.json").read_bytes())
    return found


def key_of_block(project: Project, block: int) -> str:
    """Key of the shard of frames.zarr's r4 that holds that block."""
    linked = (project.paths.store("frames") / "r4" / f"c.{block}.0.0.0.0.0").stat().st_ino
    shards = (project.root / ".harcache" / "shards").glob("*/*")
    return next(path.name for path in shards if path.stat().st_ino == linked)


def test_rows_that_the_client_has_are_copied_not_made(
    finished: Project, clients: Path, scheduler: str, there: Lab, tmp_path: Path
) -> None:
    """Other shards of the same rows: the shards that hold them are sent, and no clip is decoded."""
    assert there.keys("records") == []
    local, mine = finished.copy(tmp_path / "local"), finished.copy(clients / f"{tmp_path.name}-warm")
    for project in (local, mine):
        project.set_params(**{"crop.shard_rows": 48})
    assert local.run("crop").made == 0
    assert mine.run("crop", scheduler=scheduler).made == 0
    assert store(mine, "frames") == store(local, "frames")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "HARCACHE_REMOTE",
            "s3://nobodys/lab",
            "s3://nobodys/lab cannot be used from here.*bucket does not exist",
        ),
        ("HARCACHE_REMOTE", "/mnt/lab", "must be s3://BUCKET/PREFIX, got '/mnt/lab'"),
        ("AWS_ACCESS_KEY_ID", None, "cannot be used from here.*credentials"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9", "cannot be used from here.*127.0.0.1:9"),
    ],
)
def test_a_remote_cache_that_cannot_be_used_is_said_before_any_work(
    cold: Project, there: Lab, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, said: str
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(RemoteError, match=said):
        cold.run("sample", scheduler=NOBODY)
    assert there.keys("content") == []


@pytest.mark.usefixtures("there")
def test_stages_that_need_a_shared_file_system_say_so(project: Callable[..., Project]) -> None:
    with pytest.raises(
        RunError, match="index: its blocks need a file system that workers share: unset HARCACHE_REMOTE"
    ):
        project().run("index", scheduler=NOBODY)


def test_without_a_scheduler_the_setting_says_nothing(cold: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARCACHE_REMOTE", "s3://nobodys/lab")  # and no way to reach it
    assert cold.run("sample").made == 58


def test_a_worker_killed_midway_is_replaced(
    finished: Project, cold: Project, scheduler: str, there: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claim runs out, and another takes it over; what it had sent is there, though its receipts died with it."""
    assert cold.run("sample").made == 58
    monkeypatch.setattr(client, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(client, "write_remotely", die_once_midway)
    assert cold.run("crop", scheduler=scheduler).failed == 0
    sent = there.read("died").decode()
    assert there.keys("claims") == [f"claims/{sent}"]  # of the dead; nobody waits for it: its shard is there
    assert store(cold, "frames") == store(finished, "frames")
