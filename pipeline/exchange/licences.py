"""Licences under which a store is published: an SPDX expression, or a text of one's own."""

from dataclasses import dataclass
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from cache.conventions import license_attributes
from pipeline.errors import DatasetError

TEXT_FILE = "LICENSE.txt"
"""Name of the text's file beside the published store."""
_LARGEST_TEXT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence: either `spdx` or `text` is given."""

    spdx: str | None
    """Expression of SPDX identifiers in their own spelling, as CC-BY-4.0."""
    text: str | None

    @property
    def name(self) -> str:
        """Name for people: the expression, or the file that holds the text."""
        return self.spdx or TEXT_FILE

    @property
    def single(self) -> bool:
        """Whether it is one identifier of SPDX's list, with a page of its own."""
        return self.spdx is not None and " " not in self.spdx and not self.spdx.startswith("LicenseRef-")

    @property
    def address(self) -> str:
        """URL of a single identifier's text; else the name."""
        return f"https://spdx.org/licenses/{self.spdx}" if self.single else self.name

    def attributes(self) -> dict[str, object]:
        """Zarr attributes of the convention `license`, v1: https://github.com/clbarnes/zarr-convention-license."""
        return dict(license_attributes(spdx=self.spdx, text=self.text))


def licence_of(given: str | None, recordings: str | None) -> Licence:
    """The licence that the user gives: an SPDX expression, or the path of a UTF-8 text.

    recordings: what the store's card says of the recordings' own licence, for the message. Raises DatasetError where
    none is given, or it is neither.
    """
    if not given:
        raise DatasetError(
            "nothing is published without a licence: give --licence CC-BY-4.0 (any SPDX identifier), or --licence FILE "
            f"with the terms in it. The recordings' own licence is: {recordings or 'not told by the store'}. "
            "Whether features made of them may be passed on, and how, is for it to say"
        )
    path = Path(given)
    if path.is_file():
        return Licence(None, _text(path))
    try:
        return Licence(canonicalize_license_expression(given), None)
    except InvalidLicenseExpression as error:
        raise DatasetError(
            f"--licence {given!r:.80} is no file, and no SPDX expression ({error}); identifiers stand at "
            "https://spdx.org/licenses, as CC-BY-4.0"
        ) from error


def _text(path: Path) -> str:
    if path.stat().st_size > _LARGEST_TEXT_BYTES:
        raise DatasetError(f"--licence {path}: {path.stat().st_size:,} bytes are no licence's text")
    try:
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise DatasetError(f"--licence {path} is no UTF-8 text ({error})") from error
    if not text:
        raise DatasetError(f"--licence {path} is empty")
    return text + "\n"
