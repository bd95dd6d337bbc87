"""Writing and reading torch documents and weights: atomically, plain data and tensors only."""

import io
import os
import pickle
from hashlib import blake2b
from hashlib import sha256 as sha256_of
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from models.errors import CheckpointError

_ZIP = b"PK\x03\x04"
_MAGIC = (_ZIP, b"\x80\x02")
"""How torch.save's files begin: a zip, or a bare pickle in those from before torch 1.6."""
_SEALED = b"harcache-resume-1\n"
"""How a file begins that goes on with a digest of the rest."""
_DIGEST_BYTES = 20


def torch_bytes(document: dict[str, Any]) -> bytes:
    """Serialise plain values and tensors with torch.save; equal documents give equal bytes."""
    buffer = io.BytesIO()
    torch.save(document, buffer)
    return buffer.getvalue()


def write_torch(path: Path, document: dict[str, Any]) -> None:
    """Write a document under a temporary name in the same folder, flush it to disk, and rename it."""
    content = torch_bytes(document)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with temporary.open("wb") as file:
            file.write(_SEALED + _digest(content))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class Inert:
    """Replaces an object of another library in a checkpoint: accepts any arguments, does nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def read_torch(source: Path | bytes, name: str = "weights") -> dict[str, Any]:
    """The document, on the CPU. Nothing but tensors and plain values is ever unpickled.

    Objects of other libraries (mmengine keeps its training log beside the weights) are replaced by `Inert`:
    none of their code is run, or needs to be installed. Raises CheckpointError.
    """
    where = name if isinstance(source, bytes) else str(source)
    content = _unsealed(source if isinstance(source, bytes) else source.read_bytes(), where)
    if not content.startswith(_MAGIC):
        raise CheckpointError(f"{where} is not a file of weights: it starts with {content[:8]!r}")
    try:
        document = _loaded(content)
    except pickle.UnpicklingError as error:  # torch's own words advise to switch the check off
        raise CheckpointError(
            f"{where} holds more than tensors and plain values, and cannot be read without running its code: "
            "save its state dict alone, torch.save(model.state_dict(), path), where you trust it"
        ) from error
    except (RuntimeError, EOFError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{where} is not a whole file of weights: {error}") from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{where} must hold a dict, got {type(document).__name__}")
    return document


def weights_content(source: Path | bytes, sha256: str | None) -> tuple[bytes, str]:
    """Read a file of weights; return its bytes and their sha256. CheckpointError where it is missing, or another file.

    sha256: the digest that it must have; None takes what is there.
    """
    path = "weights" if isinstance(source, bytes) else str(source)
    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read: {error.strerror}; fetch or train the weights, or correct the path"
        ) from error
    digest = sha256_of(content).hexdigest()
    if sha256 is not None and digest != sha256:
        raise CheckpointError(
            f"{path} has sha256 {digest}, expected {sha256}; fetch the file again, or correct the params"
        )
    return content, digest


def load_state(model: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Load a state dict; a CheckpointError names the misfitting tensors with expected and given shapes."""
    own = model.state_dict()
    faults = [f"{name} is missing" for name in sorted(own.keys() - state.keys())]
    faults += [f"{name} is unknown" for name in sorted(state.keys() - own.keys())]
    faults += [
        f"{name} must be {tuple(own[name].shape)}, got {tuple(state[name].shape)}"
        for name in sorted(own.keys() & state.keys())
        if own[name].shape != state[name].shape
    ]
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise CheckpointError(
            f"{source} does not fit {type(model).__name__}: {'; '.join(faults[:5])}{more}; "
            "build the model with the options the weights were made with"
        )
    model.load_state_dict(state)


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _unsealed(content: bytes, where: str) -> bytes:
    """What `write_torch` wrote, without the digest ahead of it; other files as they are."""
    if not content.startswith(_SEALED):
        return content
    digest, inner = content[len(_SEALED) :][:_DIGEST_BYTES], content[len(_SEALED) + _DIGEST_BYTES :]
    if _digest(inner) != digest:
        raise CheckpointError(f"{where} is damaged: its bytes are not those that were written")
    return inner


def _loaded(content: bytes) -> Any:
    if not content.startswith(_ZIP):
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    foreign = get_unsafe_globals_in_checkpoint(io.BytesIO(content))
    with safe_globals([(Inert, named) for named in foreign]):
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
