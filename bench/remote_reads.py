"""64 clips at random of 114,480 over HTTP and from S3: requests and bytes, ours beside Icechunk's and Lance's.

    pip install icechunk==1.1.21 pylance==14.0.2 zarr      in an environment of their own, then
    python bench/remote_reads.py --rivals their-env/bin/python

One array of 512 float32 a clip, ids as NTU RGB+D's. Ours and Icechunk's share 16 rows a chunk, as `features` does; ours
with 4 rows a chunk beside. Everybody opens afresh and finds the clips by id; then by number, where the rivals read no
ids (harstore always does). The servers (moto's S3, and a static web server) count: answers' bodies, and every request.
"""

import argparse
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.remote_rivals import BUCKET, DIM, KINDS, clip_ids, features, picked_ids
from cache import ArraySpec, Build, Cache, Row, StoreSpec, write_block
from cache.harstore import open
from tests.serving import serving


@dataclass
class Counted:
    """An S3 server with one bucket, and what it answered."""

    url: str = ""
    requests: int = 0
    bytes: int = 0

    def upload(self, folder: Path, name: str) -> None:
        """A folder, under a name."""
        import boto3

        client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
        )
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            client.put_object(
                Bucket=BUCKET, Key=f"{name}/{file.relative_to(folder).as_posix()}", Body=file.read_bytes()
            )

    def reset(self) -> None:
        """Count from here on."""
        self.requests = self.bytes = 0


@contextmanager
def counting_s3() -> Iterator[Counted]:
    """Start moto's server; each request and each answer's body is counted."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_: object) -> None:
            pass

    served, guard = Counted(), threading.Lock()
    application = DomainDispatcherApplication(create_backend_app)

    def counting(environment: Any, start: Any) -> list[bytes]:
        body = b"".join(application(environment, start))
        with guard:
            served.requests += 1
            served.bytes += 0 if environment["REQUEST_METHOD"] == "HEAD" else len(body)
        return [body]

    server = make_server("127.0.0.1", 0, counting, threaded=True, request_handler=Quiet)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        import boto3

        boto3.client(
            "s3",
            endpoint_url=served.url,
            region_name="us-east-1",
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
        ).create_bucket(Bucket=BUCKET)
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_store(folder: Path, clips: int, chunk_rows: int) -> Path:
    """Through our own cache, shards of 4,096 rows as the stage `features` writes them."""
    values, ids = features(clips), clip_ids(clips)
    place = {name: at for at, name in enumerate(ids)}
    array = ArraySpec("video", "float32", (DIM,), ("channel",), chunk_rows=chunk_rows)
    build = Build(
        Cache(folder / f"cache{chunk_rows}"), "bench/remote", StoreSpec((array,), 4096, "clip"),
        [Row(name, {"video": {"clip": name}}) for name in ids],
    )  # fmt: skip
    for task in build.tasks:
        write_block(
            build.cache.root,
            task,
            lambda wanted, _: ((name, {"video": values[place[name]]}) for name in wanted),
        )
    out = folder / "ours" / f"rows{chunk_rows}.zarr"
    build.finish(out, {"label": np.arange(clips) % 60}, {"stage": "features"})
    return out


def read_ours(address: str, options: dict[str, Any], clips: int, picked: int) -> None:
    """Open, find the clips by id, read them, and hold them against what was written."""
    names, all_ids = picked_ids(clips, picked), clip_ids(clips)
    with open(address, storage_options=options) as store:
        found = store["video"].of(names)
    if not np.array_equal(found, features(clips)[[all_ids.index(name) for name in names]]):
        raise RuntimeError("other numbers than were written")


def said(what: str, requests: int, num_bytes: int) -> None:
    """Print one line of the comparison."""
    print(f"{what:34} {requests:5,} requests {num_bytes:11,} bytes", flush=True)


def main() -> None:
    """Write all, serve them, read each and print what it cost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=114_480)
    parser.add_argument("--picked", type=int, default=64)
    parser.add_argument(
        "--rivals", help="Interpreter that has icechunk, pylance and zarr; without, ours alone."
    )
    options = parser.parse_args()
    clips, picked = options.clips, options.picked
    rivals = [options.rivals, str(Path(__file__).with_name("remote_rivals.py"))]
    with TemporaryDirectory() as name, counting_s3() as s3:
        folder = Path(name)
        lab = {"key": "lab", "secret": "lab", "endpoint_url": s3.url}
        for chunk_rows in (16, 4):
            store = write_store(folder, clips, chunk_rows)
            with serving(store.parent) as web:
                read_ours(f"{web.url}/{store.name}", {}, clips, picked)
                said(f"harstore, {chunk_rows} rows a chunk, HTTP", len(web.asked), web.bytes)
            s3.upload(store, store.name)
            s3.reset()
            read_ours(f"s3://{BUCKET}/{store.name}", lab, clips, picked)
            said(f"harstore, {chunk_rows} rows a chunk, S3", s3.requests, s3.bytes)
        if options.rivals is None:
            return
        subprocess.run([*rivals, "write", str(folder), str(clips)], check=True)
        for kind in ("icechunk", "lance"):
            s3.upload(folder / kind, kind)
        for kind in KINDS:
            s3.reset()
            subprocess.run([*rivals, kind, s3.url, str(clips), str(picked)], check=True)
            said(kind, s3.requests, s3.bytes)


if __name__ == "__main__":
    main()
