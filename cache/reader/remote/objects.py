"""Stores in S3 and whatever else fsspec knows; fsspec and s3fs are asked for only where such a URL is opened.

In S3 every request names the ETag that the listing gave (If-Match), and the version where the bucket keeps versions.
Other object stores have no such word in fsspec: there a replaced file shows by its size, and by its chunks' checksums.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import StoreError
from ...shards.sources import Source
from .meter import Meter
from .patience import Patience, Pauses
from .ranges import RemoteFile
from .web_answers import changed

_Facts = Mapping[str, Any]
"""What fsspec tells of one object: `size`, and of S3's `ETag` and `VersionId`."""


class ObjectFiles:
    """A store's folder in an object store."""

    def __init__(self, url: str, *, options: Mapping[str, Any], patience: Patience, meter: Meter) -> None:
        try:
            import fsspec

            self._fs, root = fsspec.core.url_to_fs(url, **options)
        except ImportError as error:
            raise StoreError(
                f"{url} needs fsspec and the package for its kind, as s3fs: pip install 'harstore[s3]' ({error})"
            ) from error
        self._root = root.rstrip("/")
        self.where = url.rstrip("/")
        self._patience = patience
        self._meter = meter
        self._listed: dict[str, _Facts] | None = None

    def size(self, name: str) -> int:
        """Bytes of a file, from one listing of the folder."""
        return int(self._facts(name)["size"])

    def whole(self, name: str, *, limit: int) -> bytes:
        """A small file's content."""
        size = self.size(name)
        if size > limit:
            raise StoreError(
                f"store {self.where}: {name} holds {size:,} bytes, more than {limit:,} are refused"
            )
        return self.source(name, size=size, digest="").read(0, size)

    def source(self, name: str, *, size: int, digest: str) -> Source:  # noqa: ARG002
        """Open a file."""
        return self._file(f"{self._root}/{name}", f"{self.where}/{name}", size, self._facts(name))

    def single(self) -> Source:
        """The file at the URL itself."""
        self._fs.invalidate_cache()
        facts = self._fs.info(self._root)
        return self._file(self._root, self.where, int(facts["size"]), facts)

    def close(self) -> None:
        """Do nothing: fsspec keeps its own connections."""

    def _facts(self, name: str) -> _Facts:
        if self._listed is None:
            self._fs.invalidate_cache()  # fsspec keeps listings for as long as the process lives
            found = self._fs.find(self._root, detail=True)
            self._meter.add(0)
            self._listed = {path.removeprefix(self._root).strip("/"): facts for path, facts in found.items()}
        if name not in self._listed:
            raise FileNotFoundError(f"{self.where}/{name}")
        return self._listed[name]

    def _file(self, path: str, where: str, size: int, facts: _Facts) -> RemoteFile:
        ask = self._asking_s3(path, where, facts) if _is_s3(self._fs) else self._asking(path)

        def fetch(offset: int, length: int) -> bytes:
            body = self._asked(ask, where, offset, length)
            self._meter.add(len(body))
            if len(body) != length:
                raise StoreError(f"{where}: asked for {length:,} bytes from {offset:,}, got {len(body):,}")
            return body

        return RemoteFile(where, size, fetch)

    def _asked(self, ask: Callable[[int, int], bytes], where: str, offset: int, length: int) -> bytes:
        """One range, asked for again where the line breaks; what is busy fsspec repeats by itself."""
        pauses = Pauses(self._patience)
        while True:
            try:
                return ask(offset, length)
            except TimeoutError as error:
                raise StoreError(
                    f"{where} cannot be read within timeout_seconds={self._patience.timeout_seconds:g}: open the store "
                    "with more, or try again later"
                ) from error
            except _broken_lines(self._fs) as error:
                why_not = pauses.wait(None)
                if why_not:
                    raise StoreError(f"{where} cannot be read: {error!r}; {why_not}") from error

    def _asking(self, path: str) -> Callable[[int, int], bytes]:
        return lambda offset, length: bytes(self._fs.cat_file(path, start=offset, end=offset + length))

    def _asking_s3(self, path: str, where: str, facts: _Facts) -> Callable[[int, int], bytes]:
        """What S3 is asked in its own words: fsspec's own have none for If-Match."""
        from fsspec.asyn import sync

        bucket, key, version = self._fs.split_path(path)
        version = version or facts.get("VersionId")
        of = {"Bucket": bucket, "Key": key, "IfMatch": facts["ETag"]}
        of |= {} if version in (None, "null") else {"VersionId": version}

        async def get(offset: int, length: int) -> bytes:
            span = f"bytes={offset}-{offset + length - 1}"
            answer = await self._fs._call_s3("get_object", Range=span, **of)
            async with answer["Body"] as body:
                return bytes(await body.read())

        def ask(offset: int, length: int) -> bytes:
            try:
                found = sync(
                    self._fs.loop, get, offset, length, timeout=self._patience.deadline_seconds(length)
                )
                return bytes(found)
            except OSError as error:
                if "PreconditionFailed" not in str(error.__cause__) + str(error):
                    raise
                raise changed(where, f"S3 no longer has the object whose ETag is {facts['ETag']}") from error

        return ask


def _is_s3(fs: Any) -> bool:
    protocol = fs.protocol
    return "s3" in ((protocol,) if isinstance(protocol, str) else protocol)


def _broken_lines(fs: Any) -> tuple[type[BaseException], ...]:
    """What is raised where a line breaks within a body."""
    if not _is_s3(fs):
        return (ConnectionError,)
    from s3fs.core import S3_RETRYABLE_ERRORS

    return tuple(S3_RETRYABLE_ERRORS)
