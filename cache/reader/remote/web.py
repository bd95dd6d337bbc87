"""Stores on a web server that serves ranges (RFC 9110, section 14): any static file server but a few."""

import threading
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from ...errors import StoreError
from ...shards.sources import Source
from .meter import Meter
from .patience import Patience
from .ranges import RemoteFile
from .web_answers import Version, changed, redacted
from .web_client import WebClient


class WebFiles:
    """A store's folder at a URL. What the first answer about a file is of, all later ones must be of."""

    def __init__(self, url: str, *, headers: Mapping[str, str], patience: Patience, meter: Meter) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StoreError(f"{url!r:.200} is no URL of a store; as https://host/path/features.zarr")
        self._base = parts._replace(path=parts.path.rstrip("/"), fragment="")
        self.where = self._base._replace(query="", netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._client = WebClient(headers, patience, meter)
        self._versions: dict[str, Version] = {}
        self._guard = threading.Lock()

    def size(self, name: str) -> None:
        """Told by the first answer about the file: a request for each would take longer than reading three rows."""

    def whole(self, name: str, *, limit: int) -> bytes:
        """A small file's content."""
        body, total = self._get(self._url(name), 0, limit)
        if len(body) != total:
            raise StoreError(
                f"store {self.where}: {name} holds {total:,} bytes, more than {limit:,} are refused"
            )
        return body

    def source(self, name: str, *, size: int, digest: str) -> Source:  # noqa: ARG002
        """Open a file."""
        return self._file(self._url(name), f"{self.where}/{name}", size)

    def single(self) -> Source:
        """The file at the URL itself."""
        _, size = self._get(self._base.geturl(), 0, 1)
        return self._file(self._base.geturl(), self.where, size, self._client.close)

    def close(self) -> None:
        """Hang up; the next read connects again."""
        self._client.close()

    def _url(self, name: str) -> str:
        return self._base._replace(path=f"{self._base.path}/{quote(name)}").geturl()

    def _get(self, url: str, offset: int, length: int) -> tuple[bytes, int]:
        """At most `length` bytes of the version that was seen first, and its size."""
        body, now = self._client.get(url, offset, length, self._versions.get(url))
        with (
            self._guard
        ):  # of several first requests at once one is the first: the others must be of the same
            first = self._versions.setdefault(url, now)
        if first.change(now):
            raise changed(redacted(url), first.change(now))
        return body, now.size

    def _file(self, url: str, where: str, size: int, close: Callable[[], None] | None = None) -> RemoteFile:
        def fetch(offset: int, length: int) -> bytes:
            body, total = self._get(url, offset, length)
            if total != size or len(body) != length:
                raise changed(where, f"it holds {total:,} bytes, {size:,} were promised")
            return body

        return RemoteFile(where, size, fetch, close)
