"""Zarr conventions: attributes that mean the same in every store (https://github.com/zarr-conventions)."""

from .keys import JSON

_LICENSE: dict[str, JSON] = {
    "uuid": "b77365e5-2b0c-4141-b917-c03b7c68e935",
    "schema_url": "https://raw.githubusercontent.com/clbarnes/zarr-convention-license/refs/tags/v1/schema.json",
    "spec_url": "https://github.com/clbarnes/zarr-convention-license/blob/v1/README.md",
    "name": "license",
    "description": "License specifier for Zarr data",
}


def license_attributes(*, spdx: str | None, text: str | None) -> dict[str, JSON]:
    """Return a group's attributes of the convention `license`, v1, for an SPDX expression or for terms in words."""
    return {
        "zarr_conventions": [dict(_LICENSE)],
        "license": {"text": text} if spdx is None else {"spdx": spdx},
    }
