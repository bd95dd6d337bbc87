"""Files that are far away: neighbouring ranges are fetched in one request, several requests at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from ...shards.sources import Range, Source

_GAP_BYTES = 32 << 10
"""What may be fetched in vain, to save a request."""
_REQUEST_BYTES = 8 << 20
_WINDOW_BYTES = 64 << 20
"""What is held at a time on the way."""
_PARALLEL = 8


class RemoteFile:
    """A file of known size behind `fetch(offset, length)`, which gives exactly that or raises."""

    def __init__(
        self, where: str, size: int, fetch: Callable[[int, int], bytes],
        close: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """close: where the file is all that is opened, gives its connections back."""
        self.where = where
        self.size = size
        self._fetch = fetch
        self._close = close
        self._small: bytes | None = None

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer where the file ends. A small file is fetched once, whole."""
        length = max(0, min(length, self.size - offset))
        if self.size <= _GAP_BYTES:
            if self._small is None:
                self._small = self._fetch(0, self.size) if self.size else b""
            return self._small[offset : offset + length]
        return self._fetch(offset, length) if length else b""

    def distrust(self) -> None:
        """Ask again for what was fetched."""
        self._small = None

    def read_many(self, ranges: Sequence[Range]) -> Iterator[bytes]:
        """Each range's bytes, in order."""
        for window in windows(ranges):
            spans = spanned(window)
            if len(spans) == 1:
                yield from self._cut(window, spans, [self.read(*spans[0])])
                continue
            with ThreadPoolExecutor(max_workers=min(_PARALLEL, len(spans))) as pool:
                bodies = list(pool.map(lambda span: self.read(*span), spans))
            yield from self._cut(window, spans, bodies)

    @staticmethod
    def _cut(ranges: Sequence[Range], spans: Sequence[Range], bodies: Sequence[bytes]) -> Iterator[bytes]:
        for offset, length in ranges:
            place = _span_of(spans, offset)
            start = offset - spans[place][0]
            yield bodies[place][start : start + length]

    def close(self) -> None:
        """A store's connections are its own, not its files'."""
        if self._close is not None:
            self._close()


class PartOfFile:
    """`size` bytes of another source from `start`."""

    def __init__(self, source: Source, *, start: int, size: int) -> None:
        self.where = source.where
        self.size = size
        self._source = source
        self._start = start

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer where the part ends."""
        return self._source.read(self._start + offset, max(0, min(length, self.size - offset)))

    def read_many(self, ranges: Sequence[Range]) -> Iterator[bytes]:
        """Each range's bytes, in order."""
        return self._source.read_many(
            [(self._start + offset, max(0, min(length, self.size - offset))) for offset, length in ranges]
        )

    def distrust(self) -> None:
        """Do nothing: no bytes of the whole are cached."""
        self._source.distrust()

    def close(self) -> None:
        """The whole stays open."""


def windows(ranges: Sequence[Range]) -> Iterator[list[Range]]:
    """The ranges in order, so many at a time that they can be held."""
    window: list[Range] = []
    held = 0
    for found in ranges:
        if window and held + found[1] > _WINDOW_BYTES:
            yield window
            window, held = [], 0
        window.append(found)
        held += found[1]
    if window:
        yield window


def spanned(ranges: Sequence[Range]) -> list[Range]:
    """Join neighbouring ranges to requests, rising: (0, 10), (900, 10), (90000, 5) give (0, 910), (90000, 5)."""
    spans: list[Range] = []
    for offset, length in sorted(set(ranges)):
        start, held = spans[-1] if spans else (0, 0)
        end = offset + length
        near = bool(spans) and offset <= start + held + _GAP_BYTES and end - start <= _REQUEST_BYTES
        if near or (spans and end <= start + held):
            spans[-1] = start, max(held, end - start)
        else:
            spans.append((offset, length))
    return spans


def _span_of(spans: Sequence[Range], offset: int) -> int:
    """The last span that starts at or before `offset`."""
    low, high = 0, len(spans)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if spans[middle][0] <= offset else (low, middle)
    return low
