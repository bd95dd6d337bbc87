"""Stage `index`: list and check the dataset. Catalog, skeletons, sources' sha256, failures and quality flags."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from cache import Digests, Row
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Summary
from pipeline.build.one_builder import one_builder
from pipeline.build.runner import RunOptions
from pipeline.build.steps import INDEX
from pipeline.catalog.catalog import write_catalog
from pipeline.catalog.indexing import (
    IndexWork,
    Sha256,
    index_catalog,
    listing_failures,
    listing_incomplete,
    listing_leaks,
    source_digests,
)
from pipeline.catalog.leaks import Leaks
from pipeline.catalog.opened import opened_store
from pipeline.catalog.outlook import IndexOutlook, index_notes, protocol_gaps, refuse_uncrossed
from pipeline.catalog.skeletons import skeleton_spec
from pipeline.datasets.names import DATASETS
from pipeline.datasets.opened import check_sides, listing_key, open_dataset
from pipeline.datasets.protocol import FLAGS, Dataset, Listing
from pipeline.errors import DatasetError
from pipeline.keys.keyed import in_key
from pipeline.keys.part_facts import part_facts
from pipeline.params.modalities import refuse_absent
from pipeline.params.parts import parts_in_use
from pipeline.paths import Paths
from pipeline.skeleton.layouts import WHOLE_FRAME

if TYPE_CHECKING:
    from pipeline.params.params import Preset


@dataclass(frozen=True)
class _Found:
    """What the folder of recordings holds now."""

    dataset: Dataset
    listing: Listing
    digests: Mapping[str, Mapping[str, str]]
    """sha256 of each clip's sources, by what each is."""
    leaks: Leaks
    """Recordings and people that both sides of the protocol share."""


def plan(paths: Paths, preset: "Preset", options: RunOptions) -> StoreJob:
    """The store that `run` builds: which rows, and what each is made of. Computes no clip."""
    return _job(paths, preset, _found(paths, preset, options))


def outlook(paths: Paths, preset: "Preset", options: RunOptions, sha256: Sha256) -> IndexOutlook:
    """Tell what `run` would find where files have the digests that `sha256` gives; reads no recording."""
    found = _found(paths, preset, options, sha256)
    catalog = partial(
        index_catalog,
        found.dataset,
        paths.dataset,
        preset.index.protocol,
        digests=found.digests,
        leaks=found.leaks,
    )
    return IndexOutlook(_job(paths, preset, found), found.dataset, found.listing, catalog)


def run(paths: Paths, preset: "Preset", options: RunOptions, *, strict: bool = False) -> Summary:
    """Read every clip's skeleton, count its video's packets, and write catalog.parquet and skeletons.zarr.

    strict: DatasetError, before anything is written, where both sides of the protocol share recordings or people.
    """
    with one_builder(paths, "index"):
        return _run(paths, preset, options, strict=strict)


def _run(paths: Paths, preset: "Preset", options: RunOptions, *, strict: bool) -> Summary:
    found = _found(paths, preset, options)
    if strict and found.leaks:
        raise DatasetError(
            f"{paths.dataset}, {preset.index.protocol}: {found.leaks}; take them from one side, or leave --strict out"
        )
    summary = build_store(_job(paths, preset, found), paths, options, max_failed=preset.max_failed)
    store, protocol = opened_store(paths.store("skeletons")), preset.index.protocol
    catalog = index_catalog(found.dataset, paths.dataset, protocol, store, found.digests, found.leaks)
    write_catalog(paths.catalog, catalog)
    gaps, notes = protocol_gaps(catalog), tuple(index_notes(catalog, found.listing, found.leaks))
    if preset.index.protocol_gaps == "allow":
        gaps, notes = (), (*notes, *gaps)
    return replace(summary, note="; ".join(notes), gaps=gaps)


def _found(paths: Paths, preset: "Preset", options: RunOptions, sha256: Sha256 | None = None) -> _Found:
    dataset = open_dataset(preset.index, paths.raw)
    check_sides(dataset, preset.index.protocol)
    listing = dataset.listing()
    refuse_absent(
        preset,
        paths.dataset,
        has_videos=dataset.modality != "none",
        has_skeletons=dataset.layout is not WHOLE_FRAME,
    )
    refuse_uncrossed(dataset, preset.index.protocol, preset.pretrain)
    with Digests(paths.open_cache()) as known:
        digests = source_digests(dataset, listing.clips, sha256 or known.sha256, workers=options.workers)
    return _Found(dataset, listing, digests, listing_leaks(dataset, preset.index.protocol, digests))


def _job(paths: Paths, preset: "Preset", found: _Found) -> StoreJob:
    dataset, params = found.dataset, preset.index
    spec = skeleton_spec(
        dataset.layout,
        max_frames=params.max_frames,
        max_persons=dataset.max_persons,
        shard_rows=params.shard_rows,
    )
    key_params = {**in_key(params), **part_facts(params.adapter, DATASETS)}
    documents = {
        clip.clip_id: INDEX.document(params=key_params, inputs=found.digests[clip.clip_id])
        for clip in found.listing.clips
    }
    return StoreJob(
        stage="index",
        name="skeletons",
        spec=spec,
        rows=[
            Row(clip_id, {array.name: document for array in spec.arrays})
            for clip_id, document in documents.items()
        ],
        work=IndexWork(params, paths.raw, listing_key(found.listing, found.digests), paths.open_cache()),
        coords=lambda _: {},
        attrs={
            "dataset": paths.dataset,
            "layout": dataset.layout.name,
            "params": key_params,
            "flags": list(FLAGS),
            **dataset.card.attrs,
        },
        failures=(*listing_failures(found.listing), *listing_incomplete(found.listing)),
        parts=parts_in_use("index", preset),
    )
