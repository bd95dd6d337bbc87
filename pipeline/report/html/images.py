"""Pictures inside the page: PNG bytes become WebP, a sixth of their size, so that many clips fit."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO

from PIL import Image

from pipeline.shown import ShownByShape

WIDE_PIXELS = 850
"""Width in pixels from which pictures are not set side by side."""

QUALITY = 82
"""Quality of WebP, of 100: letters of 8 points stay sharp."""


@dataclass(frozen=True, slots=True, repr=False)
class Picture(ShownByShape):
    """A PNG image with its alternative text."""

    png: bytes
    alt: str
    """Alternative text: what the image shows, in one sentence."""
    caption: str = ""
    clip_id: str = ""
    """The clip that it shows, where it shows one: the page's filters hide it with its clip."""


def figures(pictures: Sequence[Picture]) -> str:
    """Return the pictures as HTML, each with its caption."""
    return "".join(_figure(picture) for picture in pictures)


def _figure(picture: Picture) -> str:
    image = Image.open(BytesIO(picture.png)).convert("RGB")
    sink = BytesIO()
    image.save(sink, "webp", quality=QUALITY, method=2)
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    look = ' class="wide"' if image.width > WIDE_PIXELS else ""
    clip = f' data-clip="{escape(picture.clip_id)}"' if picture.clip_id else ""
    source = f"data:image/webp;base64,{b64encode(sink.getvalue()).decode()}"
    return (
        f'<figure{look}{clip}><img src="{source}" alt="{escape(picture.alt)}" width="{image.width}" '
        f'height="{image.height}">{caption}</figure>'
    )
