"""index: what is there, and is it sound? Catalog, skeletons, sources' sha256, failures and quality flags."""

from dataclasses import replace
from functools import partial

from cache import Row, file_sha256, open_store
from pipeline.build import StoreJob, build_store
from pipeline.catalog import write_catalog
from pipeline.failures import Summary
from pipeline.indexing import (
    IndexWork,
    index_catalog,
    listing_failures,
    listing_key,
    open_dataset,
    source_digests,
)
from pipeline.params import Preset
from pipeline.paths import Paths
from pipeline.runner import RunOptions
from pipeline.skeletons import skeleton_spec
from pipeline.steps import INDEX


def run(paths: Paths, preset: Preset, options: RunOptions) -> Summary:
    """Read every clip's skeleton, count its video's packets, and write catalog.parquet and skeletons.zarr."""
    params = preset.index
    dataset = open_dataset(params, paths.raw)
    dataset.axis(params.protocol)  # refuses a protocol that it does not have before anything is read
    listing = dataset.listing()
    sha256 = partial(file_sha256, cache=paths.open_cache())
    digests = source_digests(dataset, listing.clips, sha256, workers=options.workers)
    spec = skeleton_spec(
        dataset.layout,
        max_frames=params.max_frames,
        max_persons=dataset.max_persons,
        shard_rows=params.shard_rows,
    )
    key_params = params.model_dump(mode="json", exclude={"protocol", "shard_rows"})
    documents = {
        clip.clip_id: INDEX.document(params=key_params, inputs=digests[clip.clip_id])
        for clip in listing.clips
    }
    job = StoreJob(
        stage="index",
        name="skeletons",
        spec=spec,
        rows=[
            Row(clip_id, {array.name: document for array in spec.arrays})
            for clip_id, document in documents.items()
        ],
        work=IndexWork(params, paths.raw, listing_key(listing)),
        coords=lambda _: {},
        attrs={
            "dataset": paths.dataset,
            "layout": dataset.layout.name,
            "params": key_params,
            **dataset.card.attrs,
        },
        failures=listing_failures(listing),
    )
    summary = build_store(job, paths, options, max_failed=preset.max_failed)
    store = open_store(paths.store("skeletons"))
    write_catalog(paths.catalog, index_catalog(dataset, paths.dataset, params.protocol, store, digests))
    absent = ", ".join(f"{count} {what}" for what, count in sorted(listing.absent.items()) if count)
    return replace(summary, note=f"not in the folder: {absent}" if absent else "")
