"""Ranges over HTTP(S) with the standard library: kept connections, redirects, repeats, and no answer taken on trust."""

import os
import threading
import weakref
from collections.abc import Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import socket
from typing import TypeAlias
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from ...errors import StoreError
from .meter import Meter
from .patience import Patience, Pauses, Timed, retry_after_seconds
from .web_answers import Answer, Version, checked, redacted

_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, *range(500, 600)})
"""What another attempt may find otherwise."""

_Place: TypeAlias = tuple[int, str, str]
"""(process, scheme, host)"""


class WebClient:
    """Keeps connections open between requests; a forked process makes its own. Safe in threads."""

    def __init__(self, headers: Mapping[str, str], patience: Patience, meter: Meter) -> None:
        self._headers = dict(headers)
        self._patience = patience
        self._meter = meter
        self._idle: dict[_Place, list[HTTPConnection]] = {}
        self._guard = threading.Lock()
        weakref.finalize(self, _hang_up, self._idle)

    def get(self, url: str, offset: int, length: int, known: Version | None = None) -> tuple[bytes, Version]:
        """At most `length` bytes from `offset`, and the version of the file that they are of.

        known: what an earlier answer was of; another is refused. Raises FileNotFoundError, StoreError.
        """
        wanted = {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "identity"}
        if known is not None:
            wanted |= known.condition
        home = urlsplit(url).netloc
        for _ in range(_REDIRECTS):
            parts = urlsplit(url)
            own = self._headers if parts.netloc == home else {}  # a token is for the host it was given for
            answer = self._asked(parts, {**wanted, **own}, length)
            if answer.status not in _MOVED:
                return checked(url, answer, offset, known)
            target = urljoin(url, answer.headers.get("location", ""))
            if urlsplit(target).scheme not in {"https", parts.scheme}:
                raise StoreError(f"{redacted(url)} leads to {redacted(target)!r:.200}, which is not followed")
            url = target
        raise StoreError(f"{redacted(url)} is moved on and on")

    def close(self) -> None:
        """Close what is idle."""
        with self._guard:
            _hang_up(self._idle)

    def _asked(self, parts: SplitResult, headers: Mapping[str, str], length: int) -> Answer:
        """One answer, asked for again while the server is busy or the line breaks, and patience lasts."""
        pauses = Pauses(self._patience)
        while True:
            asked_seconds = None
            try:
                answer = self._once(parts, headers, length)
                if answer.status not in _BUSY:
                    return answer
                problem, asked_seconds = (
                    f"the server answers {answer.status}",
                    retry_after_seconds(answer.headers),
                )
            except TimeoutError as error:
                raise StoreError(
                    f"{redacted(parts.geturl())} cannot be read within "
                    f"timeout_seconds={self._patience.timeout_seconds:g} ({error}): open the store with more, "
                    "or try another server"
                ) from error
            except (HTTPException, OSError) as error:
                problem = repr(error)
            why_not = pauses.wait(asked_seconds)
            if why_not:
                raise StoreError(f"{redacted(parts.geturl())} cannot be read: {problem}; {why_not}")

    def _once(self, parts: SplitResult, headers: Mapping[str, str], length: int) -> Answer:
        """One request; on a kept connection that went stale, again on a fresh one."""
        place = os.getpid(), parts.scheme, parts.netloc
        kept = self._taken(place)
        if kept is not None:
            try:
                return self._answer(kept, place, _target(parts), headers, length)
            except (HTTPException, OSError):
                kept.close()
        fresh = self._connected(parts)
        try:
            return self._answer(fresh, place, _target(parts), headers, length)
        except BaseException:
            fresh.close()
            raise

    def _answer(
        self, connection: HTTPConnection, place: _Place, target: str, headers: Mapping[str, str],
        length: int,
    ) -> Answer:  # fmt: skip
        connection.request("GET", target, headers=dict(headers))
        response = connection.getresponse()
        body = response.read(length) if response.status == 206 else b""
        if response.isclosed() and not response.will_close:
            with self._guard:
                self._idle.setdefault(place, []).append(connection)
        else:
            response.close()
            connection.close()  # there is more than was asked for: it isn't read
        self._meter.add(len(body))
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, body)

    def _taken(self, place: _Place) -> HTTPConnection | None:
        with self._guard:
            idle = self._idle.get(place)
            return idle.pop() if idle else None

    def _connected(self, parts: SplitResult) -> HTTPConnection:
        """A new connection; HTTPS through the proxy that the environment names, if any."""
        host, seconds = parts.netloc.rpartition("@")[2], self._patience.timeout_seconds
        proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get("https")
        connection: HTTPConnection
        if parts.scheme == "http":
            connection = HTTPConnection(host, timeout=seconds)
        elif proxy is None:
            connection = HTTPSConnection(host, timeout=seconds)
        else:
            through = urlsplit(proxy if "://" in proxy else f"http://{proxy}").netloc.rpartition("@")[2]
            connection = HTTPSConnection(through, timeout=seconds)
            connection.set_tunnel(host if parts.port else f"{host}:443")
        connection.response_class = partial(_response, seconds)  # type: ignore[assignment]
        return connection


def _response(timeout_seconds: float, sock: socket, *, method: str | None = None) -> HTTPResponse:
    """An answer whose deadline begins now: the socket's own would begin anew with each byte."""
    return HTTPResponse(Timed(sock, timeout_seconds), method=method)  # type: ignore[arg-type]


def _hang_up(idle: Mapping[_Place, list[HTTPConnection]]) -> None:
    for connections in idle.values():
        while connections:
            connections.pop().close()


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
