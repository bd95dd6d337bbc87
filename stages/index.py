"""index: what is there, and is it sound? Catalog, skeletons, sources' sha256, failures and quality flags."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from cache import Row, file_sha256, open_store
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Summary
from pipeline.build.runner import RunOptions
from pipeline.build.steps import INDEX
from pipeline.catalog.catalog import write_catalog
from pipeline.catalog.indexing import IndexWork, index_catalog, listing_failures, source_digests
from pipeline.catalog.outlook import hold_out_note, protocol_gaps
from pipeline.catalog.skeletons import skeleton_spec
from pipeline.datasets import Dataset, Listing
from pipeline.datasets.opened import listing_key, open_dataset
from pipeline.params.params import Preset
from pipeline.paths import Paths


@dataclass(frozen=True)
class _Found:
    """What the folder of recordings holds now."""

    dataset: Dataset
    listing: Listing
    digests: Mapping[str, Mapping[str, str]]
    """sha256 of each clip's sources, by what each is."""


def plan(paths: Paths, preset: Preset, options: RunOptions) -> StoreJob:
    """The store that `run` builds: which rows, and what each is made of. Computes no clip."""
    return _job(paths, preset, _found(paths, preset, options))


def run(paths: Paths, preset: Preset, options: RunOptions) -> Summary:
    """Read every clip's skeleton, count its video's packets, and write catalog.parquet and skeletons.zarr."""
    found = _found(paths, preset, options)
    summary = build_store(_job(paths, preset, found), paths, options, max_failed=preset.max_failed)
    store, protocol = open_store(paths.store("skeletons")), preset.index.protocol
    catalog = index_catalog(found.dataset, paths.dataset, protocol, store, found.digests)
    write_catalog(paths.catalog, catalog)
    absent = ", ".join(f"{count} {what}" for what, count in sorted(found.listing.absent.items()) if count)
    gaps, one_group = protocol_gaps(catalog), hold_out_note(catalog)
    stops = gaps if preset.index.incomplete == "refuse" else ()
    notes = (f"not in the folder: {absent}" if absent else "", one_group, *(gaps if not stops else ()))
    return replace(summary, note="; ".join(note for note in notes if note), gaps=stops)


def _found(paths: Paths, preset: Preset, options: RunOptions) -> _Found:
    dataset = open_dataset(preset.index, paths.raw)
    dataset.axis(preset.index.protocol)  # refuses a protocol that it does not have before anything is read
    listing = dataset.listing()
    sha256 = partial(file_sha256, cache=paths.open_cache())
    return _Found(dataset, listing, source_digests(dataset, listing.clips, sha256, workers=options.workers))


def _job(paths: Paths, preset: Preset, found: _Found) -> StoreJob:
    dataset, params = found.dataset, preset.index
    spec = skeleton_spec(
        dataset.layout,
        max_frames=params.max_frames,
        max_persons=dataset.max_persons,
        shard_rows=params.shard_rows,
    )
    key_params = params.model_dump(mode="json", exclude={"protocol", "shard_rows", "incomplete"})
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
        work=IndexWork(params, paths.raw, listing_key(found.listing)),
        coords=lambda _: {},
        attrs={
            "dataset": paths.dataset,
            "layout": dataset.layout.name,
            "params": key_params,
            **dataset.card.attrs,
        },
        failures=listing_failures(found.listing),
    )
