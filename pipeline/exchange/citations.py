"""Citations of a release: DataCite's metadata for whoever mints a DOI, and a CITATION.cff."""

import json

import yaml

from pipeline.exchange.descriptions import FileFact, Release

DATACITE_SCHEMA = "http://datacite.org/schema/kernel-4"
UNKNOWN = ":unav"
"""DataCite's own word for a value that is wanted and not there."""


def datacite(release: Release, files: dict[str, FileFact]) -> bytes:
    """DataCite 4.5 as JSON (https://schema.datacite.org), but for the DOI, which whoever mints it fills in.

    files: those of the release, for its size. Without creators and publisher these say `:unav`, which DataCite allows
    and nobody can cite.
    """
    card, licence = release.card, release.licence
    rights: dict[str, str] = {"rights": licence.name}
    if licence.single and licence.spdx:
        rights |= {
            "rightsUri": licence.address,
            "rightsIdentifier": licence.spdx,
            "rightsIdentifierScheme": "SPDX",
            "schemeUri": "https://spdx.org/licenses/",
        }
    source = [
        {"relatedIdentifier": card.url, "relatedIdentifierType": "URL", "relationType": "IsDerivedFrom"}
    ]
    document = {
        "schemaVersion": DATACITE_SCHEMA,
        "alternateIdentifiers": [
            {"alternateIdentifier": release.digest, "alternateIdentifierType": "blake2b-160"}
        ],
        "titles": [{"title": release.title}],
        "creators": [{"name": name} for name in release.creators or (UNKNOWN,)],
        "publisher": {"name": release.publisher or UNKNOWN},
        "publicationYear": release.date[:4],
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Features for human action recognition"},
        "version": release.version,
        "dates": [{"date": release.date, "dateType": "Issued"}],
        "language": "en",
        "subjects": [{"subject": word} for word in ("human action recognition", "features")],
        "descriptions": [{"description": release.summary, "descriptionType": "Abstract"}],
        "rightsList": [rights],
        "formats": ["application/vnd+zarr"],
        "sizes": [f"{sum(fact.size for fact in files.values())} bytes", f"{card.counts['clips']} clips"],
        **({"relatedIdentifiers": source} if card.url else {}),
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def citation_cff(release: Release) -> bytes:
    """CITATION.cff 1.2.0 (https://citation-file-format.github.io), as hosts of repositories and Zenodo read it."""
    url = release.url or release.card.url
    document = {
        "cff-version": "1.2.0",
        "message": "If you use these features, please cite them, and the recordings that they were made of.",
        "type": "dataset",
        "title": release.title,
        "authors": [{"name": name} for name in release.creators or ("Unknown",)],
        "version": release.version,
        "date-released": release.date,
        **({"license": release.licence.spdx} if release.licence.single else {}),
        **({"url": url} if url else {}),
        "abstract": f"{release.summary} {release.citation}",
        "keywords": ["human action recognition", "features"],
    }
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text.encode()
