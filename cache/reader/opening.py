"""Opening a store wherever it lies: a folder, a zip, a URL."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from ..errors import ShardError, StoreError
from ..shards.reading import Check
from ..shards.sources import Files, LocalFile, LocalFiles, Source
from ..store.contents import read_contents
from ..store.rows import Rows
from .reader import Reader
from .remote.meter import Meter
from .remote.patience import Patience

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


class _Remote(Files, Protocol):
    def single(self) -> Source: ...


def open(
    address: str | Path, *, check: Check = "first", cache_dir: str | Path | None = None,
    storage_options: Mapping[str, Any] | None = None, timeout_seconds: float = 60.0, attempts: int = 8,
    wait_seconds: float = 60.0,
) -> Reader:  # fmt: skip
    """Open the store at `address`: a folder or a zip of one, as a path, an http(s):// URL, or s3:// through fsspec.

    The manifest, the description and the files' sizes are checked now, each chunk's crc32c when the chunk is first
    read, or with check="always" whenever it is. cache_dir keeps what was fetched for the next time. storage_options go
    to fsspec (endpoint_url, anon, …); of http(s) they may hold `headers`.

    An answer from afar may take timeout_seconds, and one more for each 16 KiB that have come. Where a server is busy
    (429, 5xx) or the line breaks it is asked again, `attempts` times in all, as Retry-After says or after 0.1, 0.2, …
    seconds; the pauses of one request take wait_seconds together at most. Raises StoreError with the reason.
    """
    meter = Meter()
    options = dict(storage_options or {})
    patience = Patience(timeout_seconds, attempts, wait_seconds)
    files = _files(str(address), options, patience, meter)
    if cache_dir is not None and _scheme(str(address)) not in ("", "file"):
        from .remote.kept import KeptFiles

        files = KeptFiles(files, Path(cache_dir))
    try:
        rows = Rows(files, read_contents(files), check=check)
    except ShardError as error:
        files.close()
        raise StoreError(str(error)) from error
    except BaseException:
        files.close()
        raise
    reopen = partial(
        open, address, check=check, cache_dir=cache_dir, storage_options=storage_options,
        timeout_seconds=timeout_seconds, attempts=attempts, wait_seconds=wait_seconds,
    )  # fmt: skip
    return Reader(rows, meter, reopen)


def _scheme(address: str) -> str:
    found = _URL.match(address)
    return found[1].lower() if found else ""


def _files(address: str, options: dict[str, Any], patience: Patience, meter: Meter) -> Files:
    scheme = _scheme(address)
    if scheme in ("", "file"):
        return _local(Path(unquote(urlsplit(address).path)) if scheme else Path(address))
    if scheme in ("http", "https"):
        from .remote.web import WebFiles

        headers = options.pop("headers", {})
        if options:
            raise StoreError(f"of storage_options http(s) takes `headers` only, got {sorted(options)}")
        web = WebFiles(address, headers=headers, patience=patience, meter=meter)
        return _unzipped(web, urlsplit(address).path)
    from .remote.objects import ObjectFiles

    return _unzipped(ObjectFiles(address, options=options, patience=patience, meter=meter), address)


def _unzipped(files: _Remote, path: str) -> Files:
    """The files themselves, or those in the zip that the address names."""
    if not path.lower().endswith(".zip"):
        return files
    try:
        whole = files.single()
    except FileNotFoundError as error:
        raise StoreError(f"there is no {files.where}") from error
    from .remote.ranges import PartOfFile
    from .zipped import ZipFiles

    def part(start: int, size: int) -> Source:
        return PartOfFile(whole, start=start, size=size)

    return ZipFiles(whole, part)


def _local(path: Path) -> Files:
    if path.is_dir():
        return LocalFiles(path)
    if not path.is_file():
        raise StoreError(f"there is no store at {path}: expected its folder, or a zip of it")
    from .zipped import ZipFiles

    def part(start: int, size: int) -> Source:
        return LocalFile(path, start=start, size=size)

    return ZipFiles(LocalFile(path), part)
