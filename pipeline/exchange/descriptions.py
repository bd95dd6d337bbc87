"""Descriptions of a published store: croissant.json for machines, README.md for people and hubs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from cache.harstore import Card
from pipeline.exchange.licences import Licence

_CROISSANT = "http://mlcommons.org/croissant/1.1"
_CONTEXT_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format",
    "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
_SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileFact:
    """One published file."""

    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Release:
    """A store about to be published."""

    name: str
    """Name of its folder, as features.zarr."""
    card: Card
    licence: Licence
    digest: str
    """Digest of the manifest as published."""
    version: str
    """MAJOR.MINOR.PATCH."""
    date: str
    """Day of publication, YYYY-MM-DD."""
    creators: tuple[str, ...]
    """Names of people or groups; may be empty."""
    arrays: Mapping[str, tuple[str, tuple[int, ...], tuple[str, ...]]]
    """Array to its dtype, shape and the names of its axes."""
    address: str
    """Address under which others open the store."""
    url: str | None
    """Page on the release; None: the recordings' own."""
    publisher: str | None = None
    """Name of the laboratory or repository that publishes it; for DataCite."""
    named: str | None = None
    """Title of its own; None: what was made, of whose recordings."""

    @property
    def title(self) -> str:
        """Title for people."""
        return self.named or f"{self.card.stage or self.name} of {self.card.title or 'unnamed recordings'}"

    @property
    def summary(self) -> str:
        """One sentence on what there is."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.card.counts.items())
        return f"Arrays {', '.join(self.arrays)} for human action recognition: {counts}."

    @property
    def citation(self) -> str:
        """Citation of the release, and of the recordings behind it."""
        who = f"{', '.join(self.creators)}: " if self.creators else ""
        source = f" Recordings: {self.card.citation}" if self.card.citation else ""
        return f"{who}{self.title}, version {self.version}, {self.date[:4]}.{source}"


def croissant(release: Release, files: Mapping[str, FileFact]) -> bytes:
    """Croissant 1.1 (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html): every file with its sha256.

    files: path relative to croissant.json to its facts. There are no RecordSets: Croissant 1.1 knows none of Zarr.
    """
    url = release.url or release.card.url
    creators = [{"@type": "sc:Person", "name": name} for name in release.creators]
    document = {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": _CROISSANT,
        "name": release.title,
        "description": f"{release.summary} {_source(release.card)}",
        **({"url": url} if url else {}),
        "license": release.licence.address,
        "version": release.version,
        "datePublished": release.date,
        "identifier": f"blake2b-160:{release.digest}",
        "keywords": ["human action recognition", "features", "Zarr"],
        "citeAs": release.citation,
        **({"creator": creators} if creators else {}),
        "distribution": [
            {
                "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name,
                "contentSize": f"{fact.size} B", "sha256": fact.sha256,
                "encodingFormat": "application/json" if name.endswith(".json") else "application/octet-stream",
            }
            for name, fact in sorted(files.items())
        ],
    }  # fmt: skip
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _context() -> dict[str, object]:
    """The context that Croissant prescribes."""
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "sc": "https://schema.org/",
        "conformsTo": "dct:conformsTo",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        **{term: f"cr:{term}" for term in _CONTEXT_TERMS},
    }


def readme(release: Release) -> bytes:
    """A dataset card: YAML as hubs read it, then what it is, how it was made, its licence, and how it is loaded."""
    card = release.card
    head = yaml.safe_dump(_front_matter(release), sort_keys=False, allow_unicode=True)
    arrays = [
        f"| `{name}` | {dtype} | {' × '.join(f'{dim} {size}' for dim, size in zip(dims, shape, strict=True))} |"
        for name, (dtype, shape, dims) in release.arrays.items()
    ]
    made = [
        f"- `{array}`: step `{recipe.get('step', '')}` with {json.dumps(card.versions[array], sort_keys=True)}"
        + "".join(f", {role} sha256 `{sha256}`" for role, sha256 in card.weights.get(array, {}).items())
        + _drawn(card, array)
        for array, recipe in card.recipe.items()
    ]
    blocks = [
        f"---\n{head}---",
        f"# {release.title}",
        release.summary,
        "| array | numbers | axes |\n|---|---|---|\n" + "\n".join(arrays),
        f"Version {release.version}, {release.date}. Digest of the store: `{release.digest}`.",
        "## How it was made",
        "\n".join(made),
        "The store holds what every single row was made of: `store.made_of(clip_id, array)`. An array `…_fold` is of "
        "the network that selection trained, without the clips held out, and NaN for test clips; `…_without2` of one "
        "trained without part 2.",
        "## Licence",
        f"This release: {_linked(release.licence)}. {_source(card)}",
        "## Citation",
        release.citation,
        "## How to load it",
        _loading(release),
    ]
    return ("\n\n".join(blocks) + "\n").encode()


def untrained(card: Card) -> list[str]:
    """Arrays of networks that no weights were given to: `extract` made them, of a network as it was drawn."""
    return [
        array
        for array, recipe in card.recipe.items()
        if "backbone" in recipe.get("params", {}) and not card.weights.get(array)
    ]


def _drawn(card: Card, array: str) -> str:
    network = card.recipe[array].get("params", {}).get("backbone")
    named = "" if network is None else f", network `{json.dumps(network, sort_keys=True)}`"
    return (
        f"{named}, **untrained**: its weights are as they were drawn" if array in untrained(card) else named
    )


def _front_matter(release: Release) -> dict[str, object]:
    licence = release.licence
    named = (
        {"license": licence.name.lower()}
        if licence.single
        else {"license": "other", "license_name": licence.name, "license_link": licence.address}
    )
    clips = release.card.counts["clips"]
    size = next((words for limit, words in _SIZES if clips < limit), "n>10M")
    return {
        **named,
        "pretty_name": release.title,
        "tags": ["human-action-recognition", "features", "zarr"],
        "size_categories": [size],
    }


def _source(card: Card) -> str:
    """Whose recordings, and on which terms."""
    words = [f"Made of {card.title or 'unnamed recordings'}{f' ({card.url})' if card.url else ''}"]
    words += [f"protocol {card.protocol}"] if card.protocol else []
    return f"{', '.join(words)}; the recordings' own licence: {(card.licence or 'not told').rstrip('.')}."


def _linked(licence: Licence) -> str:
    return (
        f"[{licence.name}]({licence.address})" if licence.single or licence.text is not None else licence.name
    )


def _loading(release: Release) -> str:
    address = release.address
    return f"""```python
import harstore

store = harstore.open({address!r})  # every byte is checked
store.clip(store.ids[0])
```

With Zarr alone (version 3):

```python
import zarr

group = zarr.open_group({address!r}, mode="r")
ids = [bytes(row).rstrip(b"\\0").decode() for row in group["clip_id"][:]]  # "" is an empty row
values = group[{next(iter(release.arrays))!r}][:]  # a row of NaN is a clip that failed, or an empty row
labels, classes = group["label"][:], group.attrs.get("classes")  # of datasets: split, 0 trains, 1 tests
```

With xarray, ids as text:

```python
import xarray

data = xarray.open_zarr({address!r})
ids = [bytes(row).rstrip(b"\\0").decode() for row in data["clip_id"].values]
values = data[{next(iter(release.arrays))!r}].isel(clip=[place for place, name in enumerate(ids) if name])
```

`croissant.json` lists every file with its sha256, `manifest.json` in the store with its blake2b-160."""
