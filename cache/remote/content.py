"""Content: files of any kind under their digests, sent once, and checked by these whenever they are fetched."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b, file_digest, sha256
from pathlib import Path
from uuid import uuid4

from ..errors import ContentError
from ..files import full_disk_explained, remove
from ..keys import KEY_BYTES
from .objects import Objects


def content_name(digest: str) -> str:
    """Name of the object with that digest: 40 hex digits of blake2b-160, or 64 of sha256."""
    return f"content/{digest[:2]}/{digest}"


class Sender:
    """Sends files to the remote cache, each once."""

    def __init__(self, objects: Objects, *, lists: bool = False) -> None:
        """lists: look first what is there already, and leave that alone."""
        self._objects = objects
        self._there = objects.sizes("content") if lists else {}
        self.bytes_sent = 0

    def send(self, path: Path, digest: str) -> None:
        """Send a file under its digest. Raises ContentError where that is not its digest."""
        name, size = content_name(digest), path.stat().st_size
        if self._there.get(name) == size:
            return
        if _digest_like(path, digest) != digest:
            raise ContentError(
                f"{path} is not what was recorded of it (digest {digest}): it was changed, or is damaged"
            )
        self._objects.upload(name, path)
        self._there[name] = size
        self.bytes_sent += size


class Pool:
    """Content that was fetched to this machine, each file once."""

    def __init__(self, objects: Objects, folder: Path) -> None:
        self.objects = objects
        self._folder = folder

    def fetch(self, digest: str) -> Path:
        """Give the file with that digest. Raises ContentError where the remote cache has none, or another's bytes."""
        path = self._folder / digest[:2] / digest
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with fetched(self.objects, digest, path.with_name(f"{digest}.{uuid4().hex}.tmp")) as aside:
                aside.chmod(0o444)
                aside.rename(path)
        return path


@contextmanager
def fetched(objects: Objects, digest: str, aside: Path) -> Iterator[Path]:
    """Download content to `aside`, checked; what is left of it at the end is removed.

    Raises ContentError where it is not there, or not what its name says; it is then removed from the remote cache.
    """
    name = content_name(digest)
    try:
        with full_disk_explained(aside, f"a copy of {name}"):
            if not objects.download(name, aside):
                raise ContentError(f"{objects.url}/{name} is not there any more")
        if _digest_like(aside, digest) != digest:
            objects.remove(name)
            raise ContentError(
                f"{objects.url}/{name} was damaged, and is removed: its content has another digest"
            )
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        yield aside
    finally:
        remove(aside)


def _digest_like(path: Path, digest: str) -> str:
    """The file's digest of the kind that `digest` is."""
    with path.open("rb") as file:
        if len(digest) == 2 * KEY_BYTES:
            return file_digest(file, lambda: blake2b(digest_size=KEY_BYTES)).hexdigest()
        return file_digest(file, sha256).hexdigest()
