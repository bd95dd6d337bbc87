"""A store whose files lie in the remote cache as content: each is fetched when it is first read."""

from pathlib import Path

from ..errors import StoreError
from ..layout import MANIFEST
from ..shards.sources import LocalFile, Source
from ..store.contents import read_contents
from ..store.manifest import parse_manifest
from ..store.store import Store
from .content import Pool


class FetchedFiles:
    """The files of the store with that manifest, by what it says of them."""

    def __init__(self, where: str, pool: Pool, manifest: str) -> None:
        """manifest: blake2b-160 of its bytes. Raises ContentError where the remote cache has it not."""
        self.where = where
        self._pool = pool
        data = pool.fetch(manifest).read_bytes()
        self._facts = {name: (facts.size, facts.digest) for name, facts in parse_manifest(data).files.items()}
        self._facts[MANIFEST] = len(data), manifest

    def size(self, name: str) -> int:
        """Bytes of a file. Raises FileNotFoundError."""
        return self._of(name)[0]

    def whole(self, name: str, *, limit: int) -> bytes:
        """A small file's content. Raises FileNotFoundError, StoreError where it is over `limit` bytes, ContentError."""
        size, digest = self._of(name)
        if size > limit:
            raise StoreError(
                f"store {self.where}: {name} holds {size:,} bytes, more than {limit:,} are refused"
            )
        return self._pool.fetch(digest).read_bytes()

    def source(self, name: str, *, size: int, digest: str) -> Source:  # noqa: ARG002
        """Open a file. Raises ContentError."""
        return LocalFile(self._pool.fetch(digest))

    def close(self) -> None:
        """Nothing is held."""

    def _of(self, name: str) -> tuple[int, str]:
        if name not in self._facts:
            raise FileNotFoundError(f"{self.where}: {name}")
        return self._facts[name]


def open_fetched(path: Path, pool: Pool, manifest: str) -> Store:
    """Open the store that lies at `path` on the client, whose manifest has that blake2b-160. Raises StoreError."""
    files = FetchedFiles(f"{pool.objects.url}, {path.name}", pool, manifest)
    return Store(path, files, read_contents(files))
