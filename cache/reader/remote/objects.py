"""Stores in S3 and whatever else fsspec knows; fsspec and s3fs are asked for only where such a URL is opened."""

from collections.abc import Mapping
from typing import Any

from ...errors import StoreError
from ...shards.sources import Source
from .meter import Meter
from .ranges import RemoteFile


class ObjectFiles:
    """A store's folder in an object store."""

    def __init__(self, url: str, *, options: Mapping[str, Any], meter: Meter) -> None:
        try:
            import fsspec

            self._fs, root = fsspec.core.url_to_fs(url, **options)
        except ImportError as error:
            raise StoreError(
                f"{url} needs fsspec and the package for its kind, as s3fs: pip install 'harstore[s3]' ({error})"
            ) from error
        self._root = root.rstrip("/")
        self.where = url.rstrip("/")
        self._meter = meter
        self._sizes: dict[str, int] | None = None

    def size(self, name: str) -> int:
        """Bytes of a file, from one listing of the folder."""
        if self._sizes is None:
            found = self._fs.find(self._root, detail=True)
            self._meter.add(0)
            self._sizes = {
                path.removeprefix(self._root).strip("/"): facts["size"] for path, facts in found.items()
            }
        if name not in self._sizes:
            raise FileNotFoundError(f"{self.where}/{name}")
        return self._sizes[name]

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
        return self._file(f"{self._root}/{name}", f"{self.where}/{name}", size)

    def single(self) -> Source:
        """The file at the URL itself."""
        return self._file(self._root, self.where, int(self._fs.size(self._root)))

    def close(self) -> None:
        """fsspec keeps its own connections."""

    def _file(self, path: str, where: str, size: int) -> RemoteFile:
        def fetch(offset: int, length: int) -> bytes:
            body = bytes(self._fs.cat_file(path, start=offset, end=offset + length))
            self._meter.add(len(body))
            if len(body) != length:
                raise StoreError(f"{where}: asked for {length:,} bytes from {offset:,}, got {len(body):,}")
            return body

        return RemoteFile(where, size, fetch)
