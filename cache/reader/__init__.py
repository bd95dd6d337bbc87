"""The reader of shared stores: what `pip install ./cache` gives under the name harstore."""

from .arrays import ArrayView
from .card import Card
from .opening import open
from .reader import Reader

__all__ = ["ArrayView", "Card", "Reader", "open"]
