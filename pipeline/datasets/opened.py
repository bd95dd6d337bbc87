"""Opens the dataset that params name, once a process, and finds its clips and their videos."""

from bisect import bisect_left
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from cache import key_of
from pipeline.datasets import DATASETS, Dataset, Listing
from pipeline.datasets.protocol import Digested
from pipeline.errors import DatasetError, InputsChangedError, ParamError
from pipeline.params.params import IndexParams
from pipeline.params.sections import nearest
from pipeline.values import Clip


def open_dataset(params: IndexParams, root: Path) -> Dataset:
    """The dataset that `params` name, its folder being `root`, as it is now."""
    try:
        kind = DATASETS[params.adapter]
    except KeyError as error:
        raise ParamError(
            f"index.adapter: no dataset {params.adapter!r}{nearest(params.adapter, sorted(DATASETS))}; "
            f"there are {sorted(DATASETS)}"
        ) from error
    try:
        return kind(root, **params.options)
    except TypeError as error:
        raise ParamError(f"index.options for {params.adapter!r}: {error}") from error


def dataset_of(params: IndexParams, root: Path, *, listed: str = "") -> Dataset:
    """The same, opened once a process, and again where another listing is told of.

    A worker may outlive many runs, and the folder's content change between them.
    """
    return _opened(params.model_dump_json(), root, listed)


@cache
def _opened(params: str, root: Path, _: str) -> Dataset:
    return open_dataset(IndexParams.model_validate_json(params), root)


def listing_key(listing: Listing) -> str:
    """What tells one listing from another: its clips and their files."""
    return key_of([[clip.clip_id, clip.video, clip.skeleton] for clip in listing.clips])


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
