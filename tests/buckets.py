"""An S3 server for tests: moto's, on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BUCKET = "stores"


@dataclass
class Bucket:
    """A running server with one bucket."""

    options: dict[str, Any]
    """For s3fs."""
    client: Any
    """boto3's."""

    def upload(self, path: Path, name: str) -> None:
        """A file, or a folder with all that is in it, replacing what bore its name."""
        files = [path] if path.is_file() else sorted(inner for inner in path.rglob("*") if inner.is_file())
        for file in files:
            key = name if file == path else f"{name}/{file.relative_to(path).as_posix()}"
            self.client.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())


@contextmanager
def bucket() -> Iterator[Bucket]:
    """An empty one; the test is skipped where moto or s3fs is not installed."""
    pytest.importorskip("moto", reason="needs moto[server] and s3fs")
    pytest.importorskip("s3fs")
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {"key": "lab", "secret": "lab", "endpoint_url": f"http://{host}:{port}"}
    client = boto3.client(
        "s3", endpoint_url=options["endpoint_url"], region_name="us-east-1",
        aws_access_key_id="lab", aws_secret_access_key="lab",
    )  # fmt: skip
    client.create_bucket(Bucket=BUCKET)
    yield Bucket(options, client)
    client.close()
    server.stop()
