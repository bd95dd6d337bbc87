"""A store as a torch Dataset, for DataLoader with any number of workers, forked or spawned."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

Item = tuple[torch.Tensor, ...]


class _Array(Protocol):
    def of(self, ids: Sequence[str]) -> NDArray[Any]: ...


class Clips(Protocol):
    """The reader's interface that the dataset needs; it pickles as its address."""

    def __getitem__(self, array: str) -> _Array: ...

    def coord(self, name: str, ids: Sequence[str] | None = None) -> NDArray[Any]:
        """Return one coordinate of the rows `ids`, or of all rows."""
        ...

    def __reduce__(self) -> tuple[Any, ...]: ...


class TorchClips(Dataset[Item]):
    """(array, …, coordinate, …) of each clip, in the order of `ids`. Each process reads through a reader of its own."""

    def __init__(
        self, reader: Clips, arrays: tuple[str, ...], coords: tuple[str, ...], ids: tuple[str, ...]
    ) -> None:
        self.arrays = arrays
        self.coords = coords
        self.ids = ids
        self._reader = reader
        self._process = os.getpid()
        self._values = [_tensor(reader.coord(name, ids)) for name in coords]

    def __getstate__(self) -> Mapping[str, Any]:
        return self.__dict__

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._process = os.getpid()  # unpickling has opened the store anew

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, place: int) -> Item:
        return self.__getitems__([place])[0]

    def __getitems__(self, places: Sequence[int]) -> list[Item]:
        """A batch, its clips read together; DataLoader asks for this where it can."""
        reader = self._own()
        ids = [self.ids[place] for place in places]
        read = [torch.from_numpy(reader[name].of(ids)) for name in self.arrays]
        values = [values[list(places)] for values in self._values]
        return list(zip(*read, *values, strict=True))

    def _own(self) -> Clips:
        """A forked process opens the store for itself: a lock or a connection may have been in use."""
        if self._process != os.getpid():
            reopen, arguments = self._reader.__reduce__()
            self._reader, self._process = reopen(*arguments), os.getpid()
        return self._reader


def _tensor(values: NDArray[Any]) -> torch.Tensor:
    """One whole number a clip becomes int64: torch's losses take labels of no other width."""
    found = torch.from_numpy(values)
    return found.long() if values.ndim == 1 and values.dtype.kind in "iu" else found
