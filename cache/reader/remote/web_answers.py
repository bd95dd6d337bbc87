"""Checks of a web server's answers, and the version of the file that they belong to; none is trusted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...errors import StoreError

_GONE = frozenset({404, 410})
_CHANGED = 412
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a request for a range."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """Body of a 206 answer; that of others is not read."""


@dataclass(frozen=True, slots=True)
class Version:
    """Version of a file's content, as far as the server states one."""

    size: int
    """Bytes of the whole file."""
    etag: str = ""
    """"" where the server has none: then the date must do, and where that lacks the size alone."""
    modified: str = ""

    @property
    def condition(self) -> dict[str, str]:
        """Header that lets the server refuse another version. A weak ETag never matches (RFC 9110, 13.1.1)."""
        return {"If-Match": self.etag} if self.etag and not self.etag.startswith("W/") else {}

    def change(self, now: "Version") -> str:
        """Describe the evidence that the file was replaced; "" where there is none."""
        if now.size != self.size:
            return f"it holds {now.size:,} bytes, it held {self.size:,}"
        if now.etag != self.etag:
            return f"its ETag is {now.etag!r:.80}, it was {self.etag!r:.80}"
        if not self.etag and now.modified != self.modified:
            return f"it was modified {now.modified!r:.80}, before that {self.modified!r:.80}"
        return ""


def checked(url: str, answer: Answer, offset: int, known: Version | None) -> tuple[bytes, Version]:
    """The body of a range that was asked for, and its file's version. Raises FileNotFoundError, StoreError."""
    if answer.status in _GONE:
        raise FileNotFoundError(f"{redacted(url)}: {answer.status}")
    if answer.status == _CHANGED and known is not None:
        raise changed(redacted(url), f"the server no longer has the version {known.etag!r:.80}")
    if answer.status == 200:
        raise StoreError(
            f"the server {urlsplit(redacted(url)).netloc} ({answer.headers.get('server', 'unnamed')}) ignores range "
            f"requests: asked for a part of {redacted(url)}, it sends all of it. Serve the store with a server that "
            "knows ranges (nginx, Apache, Caddy, aiohttp, S3), or download it and open the copy"
        )
    match = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    coded = answer.headers.get("content-encoding", "identity") != "identity"
    if answer.status != 206 or match is None or coded:
        raise StoreError(
            f"{redacted(url)}: expected 206 and a range of bytes, the server answers {answer.status}"
        )
    first, last, total = map(int, match.groups())
    if first != offset or len(answer.body) != last - first + 1 or last >= total:
        raise StoreError(
            f"{redacted(url)}: asked for bytes from {offset:,}, got {len(answer.body):,} of {match[0]!r}"
        )
    now = Version(total, answer.headers.get("etag", ""), answer.headers.get("last-modified", ""))
    if known is not None and known.change(now):
        raise changed(redacted(url), known.change(now))
    return answer.body, now


def changed(where: str, why: str) -> StoreError:
    """The refusal of a file that was replaced between two requests."""
    return StoreError(
        f"{where}: {why}: it was replaced since the store was opened. Open the store again (what was read before is of "
        "the old one); where a publisher changes stores in place, ask for one address a version"
    )


def redacted(url: str) -> str:
    """A URL for messages: without a password, and without the query, which may be a signature."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
