"""Ranges over HTTP(S) with the standard library: kept connections, redirects, and no answer taken on trust."""

import os
import re
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TypeAlias
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from ...errors import StoreError
from .meter import Meter

_ATTEMPTS = 3
_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


_Place: TypeAlias = tuple[int, str, str]
"""(process, scheme, host)"""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """Of a 206; of others it isn't read."""


class WebClient:
    """Keeps connections open between requests; a forked process makes its own. Safe in threads."""

    def __init__(self, headers: Mapping[str, str], timeout_seconds: float, meter: Meter) -> None:
        self._headers = dict(headers)
        self._timeout_seconds = timeout_seconds
        self._meter = meter
        self._idle: dict[_Place, list[HTTPConnection]] = {}
        self._guard = threading.Lock()
        weakref.finalize(self, _hang_up, self._idle)

    def get(self, url: str, offset: int, length: int) -> tuple[bytes, int]:
        """At most `length` bytes from `offset`, and the file's size. Raises FileNotFoundError, StoreError."""
        wanted = {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "identity"}
        home = urlsplit(url).netloc
        for _ in range(_REDIRECTS):
            parts = urlsplit(url)
            own = self._headers if parts.netloc == home else {}  # a token is for the host it was given for
            answer = self._asked(parts, {**wanted, **own}, length)
            if answer.status not in _MOVED:
                return _checked(url, answer, offset)
            target = urljoin(url, answer.headers.get("location", ""))
            if urlsplit(target).scheme not in {"https", parts.scheme}:
                raise StoreError(f"{redacted(url)} leads to {redacted(target)!r:.200}, which is not followed")
            url = target
        raise StoreError(f"{redacted(url)} is moved on and on")

    def close(self) -> None:
        """Close what is idle."""
        with self._guard:
            _hang_up(self._idle)

    def _asked(self, parts: SplitResult, headers: Mapping[str, str], length: int) -> _Answer:
        """One request; on a connection that went stale, again on a fresh one."""
        place = os.getpid(), parts.scheme, parts.netloc
        for attempt in range(_ATTEMPTS):
            connection = self._taken(place) if attempt == 0 else None
            try:
                connection = connection or self._connected(parts)
                return self._answer(connection, place, _target(parts), headers, length)
            except (HTTPException, OSError) as error:
                if connection is not None:
                    connection.close()
                if attempt + 1 == _ATTEMPTS:
                    raise StoreError(f"{redacted(parts.geturl())} cannot be read: {error!r}") from error
        raise AssertionError("the last attempt returns or raises")

    def _answer(
        self, connection: HTTPConnection, place: _Place, target: str, headers: Mapping[str, str],
        length: int,
    ) -> _Answer:  # fmt: skip
        connection.request("GET", target, headers=dict(headers))
        response = connection.getresponse()
        body = response.read(length) if response.status == 206 else b""
        if response.isclosed() and not response.will_close:
            with self._guard:
                self._idle.setdefault(place, []).append(connection)
        else:
            connection.close()  # there is more than was asked for: it isn't read
        self._meter.add(len(body))
        return _Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, body)

    def _taken(self, place: _Place) -> HTTPConnection | None:
        with self._guard:
            idle = self._idle.get(place)
            return idle.pop() if idle else None

    def _connected(self, parts: SplitResult) -> HTTPConnection:
        """A new connection; HTTPS through the proxy that the environment names, if any."""
        host = parts.netloc.rpartition("@")[2]
        if parts.scheme == "http":
            return HTTPConnection(host, timeout=self._timeout_seconds)
        proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get("https")
        if proxy is None:
            return HTTPSConnection(host, timeout=self._timeout_seconds)
        through = urlsplit(proxy if "://" in proxy else f"http://{proxy}").netloc.rpartition("@")[2]
        connection = HTTPSConnection(through, timeout=self._timeout_seconds)
        connection.set_tunnel(host if parts.port else f"{host}:443")
        return connection


def _hang_up(idle: Mapping[_Place, list[HTTPConnection]]) -> None:
    for connections in idle.values():
        while connections:
            connections.pop().close()


def redacted(url: str) -> str:
    """A URL for messages: without a password, and without the query, which may be a signature."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _checked(url: str, answer: _Answer, offset: int) -> tuple[bytes, int]:
    told = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if answer.status in _GONE:
        raise FileNotFoundError(f"{redacted(url)}: {answer.status}")
    if answer.status == 200:
        raise StoreError(
            f"the server {urlsplit(redacted(url)).netloc} ({answer.headers.get('server', 'unnamed')}) ignores range "
            f"requests: asked for a part of {redacted(url)}, it sends all of it. Serve the store with a server that "
            "knows ranges (nginx, Apache, Caddy, aiohttp, S3), or download it and open the copy"
        )
    coded = answer.headers.get("content-encoding", "identity") != "identity"
    if answer.status != 206 or told is None or coded:
        raise StoreError(
            f"{redacted(url)}: expected 206 and a range of bytes, the server answers {answer.status}"
        )
    first, last, total = map(int, told.groups())
    if first != offset or len(answer.body) != last - first + 1 or last >= total:
        raise StoreError(
            f"{redacted(url)}: asked for bytes from {offset:,}, got {len(answer.body):,} of {told[0]!r}"
        )
    return answer.body, total
