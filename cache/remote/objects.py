"""A folder of S3, and its conditional writes: of several who create or replace an object at once, one does.

Credentials, region and endpoint are those of the process, as every AWS client finds them (AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL, a profile, a machine's role); none is sent from one machine to another.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..errors import RemoteError

_REFUSED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
"""What S3 answers to a conditional write that another was quicker to."""
_ABSENT = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True, slots=True)
class Stored:
    """One small object as it was read."""

    data: bytes
    etag: str
    """Changes with each write."""


class Objects:
    """The objects below `url`, s3://BUCKET/PREFIX, by their names relative to it."""

    def __init__(self, url: str) -> None:
        """Raise RemoteError where `url` is no folder of S3, or s3fs is not installed."""
        self.url = url.rstrip("/")
        if not self.url.startswith("s3://") or len(self.url) == len("s3://"):
            raise RemoteError(
                f"the remote cache must be s3://BUCKET/PREFIX, got {url!r}: set HARCACHE_REMOTE so"
            )
        try:
            import s3fs
        except ImportError as error:
            raise RemoteError(f"the remote cache {url} needs s3fs: pip install s3fs ({error})") from error
        self._fs = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
        self._root = self.url.removeprefix("s3://")
        self._bucket, _, self._prefix = self._root.partition("/")

    def check(self) -> None:
        """Raise RemoteError unless objects can be written, read and removed there, on conditions that are kept."""
        name = f"probe/{uuid4().hex}"
        first = self.create(name, b"1")
        kept = first is not None and self.create(name, b"2") is None
        kept = (
            kept and self.replace(name, b"3", '"0"') is None and self.read(name) == Stored(b"1", str(first))
        )
        self.remove(name)
        if not kept:
            raise RemoteError(
                f"the remote cache {self.url} does not keep conditions of writes (If-None-Match, If-Match), without "
                "which two workers would compute one shard: use S3, or a server that has them"
            )

    def create(self, name: str, data: bytes) -> str | None:
        """Write an object where there is none; gives its ETag, None where there is one."""
        return self._put(name, data, IfNoneMatch="*")

    def replace(self, name: str, data: bytes, etag: str) -> str | None:
        """Write an object in place of the one with that ETag; gives the new one, None where it is there no more."""
        return self._put(name, data, IfMatch=etag)

    def read(self, name: str) -> Stored | None:
        """Read a small object; None where there is none."""
        with self._explained(), suppress(_AbsentError):
            return self._asked(self._get, name)  # type: ignore[no-any-return]
        return None

    def size(self, name: str) -> int | None:
        """Bytes of an object; None where there is none."""
        with self._explained(), suppress(_AbsentError):
            return int(self._asked(self._call, "head_object", name)["ContentLength"])
        return None

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each object below a folder, by its name."""
        with self._explained():
            found: Mapping[str, Any] = self._fs.find(f"{self._root}/{folder}", detail=True)
            return {path.removeprefix(f"{self._root}/"): int(facts["size"]) for path, facts in found.items()}

    def upload(self, name: str, path: Path) -> None:
        """Write a file of any size, replacing what bore its name."""
        with self._explained():
            self._fs.put_file(str(path), f"{self._root}/{name}")

    def download(self, name: str, path: Path) -> bool:
        """Write an object of any size to a file; False where there is none."""
        with self._explained():
            try:
                self._asked(self._fs._get_file, f"{self._root}/{name}", str(path))
            except _AbsentError:
                return False
        return True

    def remove(self, name: str) -> None:
        """Remove an object; already gone is fine."""
        with self._explained(), suppress(_AbsentError):
            self._asked(self._call, "delete_object", name)

    def _put(self, name: str, data: bytes, **condition: str) -> str | None:
        with self._explained(), suppress(_RefusedError, _AbsentError):
            return str(self._asked(self._call, "put_object", name, Body=data, **condition)["ETag"])
        return None

    async def _call(self, method: str, name: str, **more: Any) -> Mapping[str, Any]:
        """What S3 is asked in its own words: fsspec has none for conditions."""
        key = f"{self._prefix}/{name}" if self._prefix else name
        answer: Mapping[str, Any] = await self._fs._call_s3(method, Bucket=self._bucket, Key=key, **more)
        return answer

    async def _get(self, name: str) -> Stored:
        answer = await self._call("get_object", name)
        async with answer["Body"] as body:
            return Stored(bytes(await body.read()), str(answer["ETag"]))

    def _asked(self, ask: Any, *words: Any, **more: Any) -> Any:
        """What `ask` gives. Raises _AbsentError or _RefusedError where S3 says so."""
        from fsspec.asyn import sync

        try:
            return sync(self._fs.loop, ask, *words, **more)
        except OSError as error:
            code = _code(error)
            if code in _REFUSED:
                raise _RefusedError from error
            if code in _ABSENT:
                raise _AbsentError from error
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError

        try:
            yield
        except (OSError, BotoCoreError) as error:
            raise RemoteError(
                f"the remote cache {self.url} cannot be used from here ({error}): see HARCACHE_REMOTE, the bucket, and "
                "the AWS variables of this process (credentials, region, AWS_ENDPOINT_URL)"
            ) from error


class _RefusedError(Exception):
    """A condition did not hold."""


class _AbsentError(Exception):
    """There is no such object."""


def _code(error: BaseException) -> str:
    """S3's own word for what went wrong; "" where it said nothing."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""
