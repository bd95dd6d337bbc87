"""Opens the dataset that params name, once a process, and finds its clips and their videos."""

import inspect
import json
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from inspect import getattr_static
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from cache.keys import key_of
from pipeline.datasets.names import DATASETS
from pipeline.datasets.protocol import Axis, Card, Dataset, Digested, Listing
from pipeline.errors import DatasetError, InputsChangedError, ParamError
from pipeline.params.sections import nearest
from pipeline.values import Clip, Split

if TYPE_CHECKING:
    from pipeline.params.params import IndexParams


def open_dataset(params: "IndexParams", root: Path) -> Dataset:
    """The dataset that `params` name, its folder being `root`, as it is now. Raises ParamError."""
    return _open(params.adapter, params.options, root)


def card_of(dataset: Dataset, params: "IndexParams") -> Card:
    """Origin and terms that stores carry: the dataset's, and in their place what params say of the recordings."""
    return replace(dataset.card, **{name: said for name, said in params.recordings if said})


def dataset_of(params: "IndexParams", root: Path, *, listed: str = "") -> Dataset:
    """The same, opened once a process, and again where another listing is told of.

    A worker may outlive many runs, and the folder's content change between them.
    """
    return _opened(params.adapter, json.dumps(params.options), root, listed)


@cache
def _opened(adapter: str, options: str, root: Path, _: str) -> Dataset:
    return _open(adapter, json.loads(options), root)


def _open(adapter: str, options: dict[str, Any], root: Path) -> Dataset:
    make = dataset_class(adapter)
    try:
        inspect.signature(make).bind(root, **options)
    except TypeError as error:
        raise ParamError(f"index.options for {adapter!r}: {error}") from error
    found = make(root, **options)
    lacking = sorted(name for name in _members() if not _has(found, name))
    if lacking:
        raise ParamError(
            f"index.adapter {adapter!r} has no {', '.join(lacking)}: a dataset must say all that "
            "`pipeline.datasets.protocol.Dataset` lists"
        )
    return found


def _has(found: Dataset, name: str) -> bool:
    """Whether it has such a member; none is asked for its value, which may read the folder."""
    try:
        getattr_static(found, name)
    except AttributeError:
        return False
    return True


def dataset_class(adapter: str) -> Callable[..., Dataset]:
    """Import the adapter, one of ours or `package.module:Class`: called with a folder and options as keywords.

    It is imported now, and no other. Raises ParamError.
    """
    if adapter not in DATASETS and ":" not in adapter:
        raise ParamError(
            f"index.adapter: no dataset {adapter!r}{nearest(adapter, sorted(DATASETS))}; there are "
            f"{sorted(DATASETS)}, or your own as 'package.module:Class'"
        )
    where = DATASETS[adapter][0] if adapter in DATASETS else adapter
    module, _, name = where.partition(":")
    try:
        imported = import_module(module)
    except (ImportError, ValueError) as error:
        raise ParamError(
            f"index.adapter {adapter!r} cannot be imported: {error}; install its package, or put its folder on "
            "PYTHONPATH"
        ) from error
    if not hasattr(imported, name):
        raise ParamError(
            f"index.adapter {adapter!r} cannot be imported: module {module!r} has no "
            f"{name!r}{nearest(name, sorted(vars(imported)))}"
        )
    found: Callable[..., Dataset] = getattr(imported, name)
    return found


def check_sides(dataset: Dataset, protocol: str) -> None:
    """Refuse what a dataset says of a protocol and no stage understands, before any file is hashed.

    A side that is no `Split` would be left out of everything, and counted nowhere. Raises ParamError for a protocol
    that the dataset does not have, DatasetError for a side or an axis that is no such word.
    """
    _check_choice(dataset.axis(protocol), get_args(Axis), f"{dataset.name}: axis({protocol!r})")
    for clip in dataset.listing().clips:
        where = f"{dataset.name}: split of clip {clip.clip_id!r} for protocol {protocol!r}"
        _check_choice(dataset.split(clip, protocol), get_args(Split), where)


def _check_choice(value: object, choices: tuple[str, ...], where: str) -> None:
    if value not in choices:
        raise DatasetError(
            f"{where} must be one of {list(choices)}, got {value!r}{nearest(str(value), list(choices))}"
        )


def _members() -> set[str]:
    """Names of all that the protocol lists."""
    return {*Dataset.__annotations__, *(name for name in vars(Dataset) if not name.startswith("_"))}


def listing_key(listing: Listing, digests: Mapping[str, Mapping[str, str]]) -> str:
    """Digest a listing: its clips and their files."""
    return key_of(
        [[clip.clip_id, clip.video, clip.skeleton, dict(digests[clip.clip_id])] for clip in listing.clips]
    )


def clip_of(dataset: Dataset, clip_id: str) -> Clip:
    """One of the dataset's clips, by bisection: a listing is sorted. DatasetError where it is gone."""
    clips = dataset.listing().clips
    place = bisect_left(clips, clip_id, key=lambda clip: clip.clip_id)
    if place == len(clips) or clips[place].clip_id != clip_id:
        raise DatasetError(f"clip {clip_id} was listed and is gone: run index again when its files stay")
    return clips[place]


def files_to_prove(dataset: Dataset, clip: Clip, inputs: Mapping[str, str]) -> dict[Path, str]:
    """The files of a clip that `inputs` (`video`, `skeleton`) give a sha256 for, with it.

    A part of a shared file, that the dataset digests itself, is compared here: raises InputsChangedError.
    """
    own = dataset.digests(clip) if isinstance(dataset, Digested) else {}
    for kind in own.keys() & inputs.keys():
        if own[kind] != inputs[kind]:
            raise InputsChangedError(
                f"the {kind} of clip {clip.clip_id} changed after it was hashed: nothing made of it is recorded; run "
                "`index` again, then the same command"
            )
    paths = dataset.sources(clip)
    return {paths[kind]: sha256 for kind, sha256 in inputs.items() if kind in paths and kind not in own}


def need_video(dataset: Dataset, clip: Clip) -> None:
    """Raise DatasetError where a clip's video is gone: that says nothing of the clip, so it must not be cached."""
    video = dataset.sources(clip)["video"]
    if not video.exists():
        raise DatasetError(
            f"{video} is not there any more: mount or fetch the recordings, or run `index` again"
        )
