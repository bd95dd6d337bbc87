"""Writing and reading torch documents: whole or not at all, plain data and tensors only."""

import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch

from models.errors import CheckpointError

_MAGIC = (b"PK\x03\x04", b"\x80\x02")
"""How torch.save's files begin: a zip, or a bare pickle in those from before torch 1.6."""


def torch_bytes(document: dict[str, Any]) -> bytes:
    """A document of plain values and tensors as torch.save writes it; equal documents give equal bytes."""
    buffer = io.BytesIO()
    torch.save(document, buffer)
    return buffer.getvalue()


def write_torch(path: Path, document: dict[str, Any]) -> None:
    """Write under a temporary name in the same folder, flush to disk, rename."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with temporary.open("wb") as file:
            torch.save(document, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_torch(source: Path | bytes, name: str = "weights") -> dict[str, Any]:
    """The document, on the CPU. Nothing but tensors and plain values is ever unpickled."""
    where = name if isinstance(source, bytes) else str(source)
    content = source if isinstance(source, bytes) else source.read_bytes()
    if not content.startswith(_MAGIC):
        raise CheckpointError(f"{where} is not a file of weights: it starts with {content[:8]!r}")
    try:
        document = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, LookupError) as error:
        raise CheckpointError(f"{where} is not a whole file of weights: {error}") from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{where} must hold a dict, got {type(document).__name__}")
    return document
