"""Keeping fetched bytes in a folder, in blocks that answer for themselves, so that each is fetched once.

Blocks are named by the store's address and the file's digest: a store that changed, or one that lies about its
digests, finds none of another's.
"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from ...files import full_disk_explained
from ...keys import digest_of
from ...shards.chunk_index import crc_holds, crc_of
from ...shards.sources import Files, Range, Source
from .ranges import windows

BLOCK_BYTES = 128 << 10


class KeptFiles:
    """Files whose fetched blocks stay in a local folder, which several readers may share."""

    def __init__(self, files: Files, folder: Path) -> None:
        self.where = files.where
        self._files = files
        self._folder = folder

    def size(self, name: str) -> int | None:
        """Return the size that the underlying files state."""
        return self._files.size(name)

    def whole(self, name: str, *, limit: int) -> bytes:
        """Fetched each time: this is how a store that changed is seen."""
        return self._files.whole(name, limit=limit)

    def source(self, name: str, *, size: int, digest: str) -> Source:
        """Open a file, whose blocks are kept."""
        key = digest_of(f"{self.where}\n{name}\n{size}\n{digest}".encode())
        return _KeptFile(self._files.source(name, size=size, digest=digest), self._folder / key[:2] / key)

    def close(self) -> None:
        """Give back what the files hold."""
        self._files.close()


class _KeptFile:
    def __init__(self, source: Source, folder: Path) -> None:
        self.where = source.where
        self.size = source.size
        self._source = source
        self._folder = folder

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer where the file ends."""
        return next(self.read_many([(offset, length)]))

    def read_many(self, ranges: Sequence[Range]) -> Iterator[bytes]:
        """Each range's bytes, in order."""
        for window in windows(ranges):
            blocks = self._blocks(sorted({block for span in window for block in self._touched(span)}))
            for offset, length in window:
                found = b"".join(blocks[block] for block in self._touched((offset, length)))
                start = offset % BLOCK_BYTES
                yield found[start : start + length]

    def distrust(self) -> None:
        """Keep no block of the file: some were fetched while it was another's, or half of it."""
        shutil.rmtree(self._folder, ignore_errors=True)  # another reader may be filling or removing it too
        self._source.distrust()

    def close(self) -> None:
        """Close what the blocks come from."""
        self._source.close()

    def _touched(self, span: Range) -> range:
        """Blocks that hold a range. Blocks of 4, range (6, 5), file of 10: 1 and 2."""
        offset, end = span[0], min(sum(span), self.size)
        return range(offset // BLOCK_BYTES, -(-end // BLOCK_BYTES)) if end > offset else range(0)

    def _blocks(self, numbers: Sequence[int]) -> dict[int, bytes]:
        found = {number: data for number in numbers if (data := self._kept(number)) is not None}
        missing = [number for number in numbers if number not in found]
        spans = [(number * BLOCK_BYTES, self._length(number)) for number in missing]
        for number, data in zip(missing, self._source.read_many(spans), strict=True):
            self._keep(number, data)
            found[number] = data
        return found

    def _length(self, number: int) -> int:
        return min(BLOCK_BYTES, self.size - number * BLOCK_BYTES)

    def _kept(self, number: int) -> bytes | None:
        """A kept block; None where there is none, or a damaged one, which is fetched again."""
        try:
            stored = (self._folder / str(number)).read_bytes()
        except FileNotFoundError:
            return None
        whole = len(stored) == self._length(number) + 4 and crc_holds(stored)
        return stored[:-4] if whole else None

    def _keep(self, number: int, data: bytes) -> None:
        """Aside under a name of its own, then in place: readers beside see all of it or nothing."""
        with full_disk_explained(self._folder, "a fetched block"):
            self._folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self._folder, delete=False) as file:
                try:
                    file.write(data + crc_of(data))
                    file.flush()
                    Path(file.name).replace(self._folder / str(number))
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
