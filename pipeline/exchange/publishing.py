"""Publishing a store: with a licence, a dataset card and croissant.json, where others can open it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cache import harstore
from cache.errors import StoreError
from cache.keys import digest_of
from cache.layout import MANIFEST
from cache.store.manifest import FileFacts, parse_manifest, read_manifest, sealed_manifest
from cache.upkeep.verify import verify_store
from pipeline.datasets.protocol import UNSTATED_LICENCE
from pipeline.errors import DatasetError
from pipeline.exchange.citations import citation_cff, datacite
from pipeline.exchange.descriptions import FileFact, Release, croissant, readme, untrained
from pipeline.exchange.hub import place_at
from pipeline.exchange.licences import TEXT_FILE, Licence, licence_of
from pipeline.exchange.places import Content, Place, Sent
from pipeline.exchange.versions import next_version, published_versions, record_version, version_name

_GROUP = "zarr.json"
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Published:
    """The store as others find it now."""

    address: str
    rows: int
    digest: str
    sent: Sent
    licence: Licence
    recordings: str | None
    """The recordings' own licence, as the store's card tells it."""
    version: str
    """MAJOR.MINOR.PATCH."""
    untrained: tuple[str, ...] = ()
    """Arrays of networks that no weights were given to."""

    def __str__(self) -> str:
        sent, source = self.sent, self.recordings or "not told by the store"
        if self.recordings in (None, UNSTATED_LICENCE):
            source += (
                " (`index.recordings` of the preset says it, with title and citation; no clip is made anew)"
            )
        return "\n".join([
            f"{self.address}: {self.rows} clips under {self.licence.name}",
            f"version {self.version}, digest {self.digest}",
            f"{sent.files} of its files sent, {sent.bytes:,} bytes; {sent.kept} were there, {sent.removed} removed",
            f"the recordings' own licence: {source}; it says whether features may be passed on",
            *self._doubts(),
            f"open it: harstore.open({self.address!r})",
        ])  # fmt: skip

    def _doubts(self) -> list[str]:
        arrays = ", ".join(self.untrained)
        return [f"untrained networks made {arrays}: good for trying out alone"] if arrays else []


def _published(address: str, found: harstore.Reader, sent: Sent, licence: Licence, version: str) -> Published:
    card = found.card
    doubtful = tuple(untrained(card))
    return Published(address, len(found), card.digest, sent, licence, card.licence, version, doubtful)


def publish(
    store: Path, to: str, *, licence: str | None, version: str | None = None, creators: tuple[str, ...] = (),
    url: str | None = None, publisher: str | None = None, title: str | None = None,
) -> Published:  # fmt: skip
    """Put the store into the folder at `to`, beside a README.md and a croissant.json that tell of it.

    Every byte is verified first. The store's group says its licence (`zarr_conventions`), all else in it stays.
    Files that are there already are not sent again, the manifest is sent last. licence: see `licence_of`; version: see
    `next_version`. Raises StoreError for a damaged store, DatasetError for what can't be published.
    """
    store = store.resolve()
    with harstore.open(store) as reader:
        terms = licence_of(licence, reader.card.licence)
        if version is not None:
            version_name(version)  # refused before anything is read
        place = _place(to, store)
        contents, facts, manifest = _licensed(store, terms)
        address = place.opened_at(store.name)
        digest, date = parse_manifest(manifest).digest, datetime.now(UTC).date().isoformat()
        name = next_version(place, version, digest)
        release = Release(
            store.name, reader.card, terms, digest, name, date, creators,
            {name: (str(reader[name].dtype), reader[name].shape, reader[name].dims) for name in reader.arrays},
            store.name if place.folder is not None else address, url, publisher, title,
        )  # fmt: skip
    for file, data in _beside(release, {**contents, MANIFEST: manifest}).items():
        place.send(file, data)
    sent = place.send_store(store.name, contents, facts, manifest)
    if name not in published_versions(place):
        record_version(place, store, name, date, digest)
    place.finish()
    with harstore.open(address, storage_options=place.reader_options()) as found:
        return _published(address, found, sent, terms, name)


def _place(to: str, store: Path) -> Place:
    """The place, for this store alone."""
    place = place_at(to)
    if place.folder is not None and place.folder.resolve() == store.parent:
        raise DatasetError(f"{to} is where the store lies already: publish to another folder")
    if others := place.others(store.name):
        raise DatasetError(
            f"{to} holds {others[0]}: README.md tells of one store, give each a folder of its own"
        )
    return place


def _beside(release: Release, contents: Mapping[str, Content]) -> dict[str, bytes]:
    """The files beside the store, by name; croissant.json tells of the others and of all that the store holds."""
    beside = {"README.md": readme(release), "CITATION.cff": citation_cff(release)}
    if release.licence.text is not None:
        beside[TEXT_FILE] = release.licence.text.encode()
    everything = {f"{release.name}/{name}": content for name, content in contents.items()} | beside
    facts = {name: _fact(content) for name, content in everything.items()}
    beside["datacite.json"] = datacite(release, facts)
    facts["datacite.json"] = _fact(beside["datacite.json"])
    beside["croissant.json"] = croissant(release, facts)
    return beside


def _licensed(store: Path, licence: Licence) -> tuple[dict[str, Content], dict[str, FileFacts], bytes]:
    """The store's files, what the manifest tells of each, and the manifest: as they lie, the licence in the group's."""
    verified = verify_store(store)
    if verified.faults:
        raise StoreError(f"store {store}: {verified.faults[0]}; mend it first: python cli.py cache repair")
    files = dict(read_manifest(store).files)
    group = json.loads((store / _GROUP).read_bytes())
    group["attributes"] |= licence.attributes()
    data = (json.dumps(group, indent=2, sort_keys=True) + "\n").encode("ascii")
    contents: dict[str, Content] = {name: store / name for name in files}
    contents[_GROUP] = data
    files[_GROUP] = FileFacts(len(data), digest_of(data))
    return contents, files, sealed_manifest(files)


def _fact(content: Content) -> FileFact:
    if isinstance(content, bytes):
        return FileFact(len(content), sha256(content).hexdigest())
    digest, size = sha256(), 0
    with content.open("rb") as file:
        while data := file.read(_COPY_BYTES):
            digest.update(data)
            size += len(data)
    return FileFact(size, digest.hexdigest())
