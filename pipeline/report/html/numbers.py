"""Accuracies and their differences as text, with a true minus sign."""

from collections.abc import Sequence

MINUS = "−"


def points(value: float) -> str:
    """Return a difference in points, with its sign and two decimals."""
    return f"{value:+.2f}".replace("-", MINUS)


def edges(interval: Sequence[float], *, signed: bool = False) -> tuple[str, str]:
    """Return the two edges of an interval with one decimal; `signed` is for intervals of differences."""
    low, high = (f"{edge:{'+' if signed else ''}.1f}".replace("-", MINUS) for edge in interval)
    return low, high
