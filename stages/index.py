"""Stage `index`: list and check the dataset. Catalog, skeletons, sources' sha256, failures and quality flags."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cache import Digests, Row
from models.lookup import found_by_name
from models.pose.names import PERSON_DETECTORS, POSE_NETWORKS
from pipeline.build.build import StoreJob, build_store
from pipeline.build.failures import Summary
from pipeline.build.one_builder import one_builder
from pipeline.build.runner import RunOptions
from pipeline.build.steps import INDEX
from pipeline.catalog.catalog import write_catalog
from pipeline.catalog.crossed import refuse_uncrossed
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
from pipeline.catalog.outlook import IndexOutlook, index_notes, protocol_gaps
from pipeline.catalog.skeletons import skeleton_spec
from pipeline.datasets.names import DATASETS
from pipeline.datasets.opened import card_of, check_sides, listing_key, open_dataset
from pipeline.datasets.protocol import FLAGS, Dataset, Listing
from pipeline.errors import DatasetError
from pipeline.keys.keyed import in_key
from pipeline.keys.part_facts import part_facts
from pipeline.params.modalities import refuse_absent, refuse_blind
from pipeline.params.parts import parts_in_use
from pipeline.paths import Paths
from pipeline.pose.estimate import TRACKING, PoseEstimator
from pipeline.pose.own_boxes import MARGIN
from pipeline.skeleton.layouts import BOX_4, LAYOUTS, WHOLE_FRAME

if TYPE_CHECKING:
    from pipeline.params.params import Preset
    from pipeline.params.pose import PoseNetworkParams, PoseParams


@dataclass(frozen=True)
class _Found:
    """What the folder of recordings holds now."""

    dataset: Dataset
    listing: Listing
    digests: Mapping[str, Mapping[str, str]]
    """sha256 of each clip's sources, by what each is."""
    leaks: Leaks
    """Recordings and people that both sides of the protocol share."""
    poses: "_Poses | None"
    """None where the dataset's own skeletons are read."""

    @property
    def estimator(self) -> PoseEstimator | None:
        """What estimates the skeletons, if anything does."""
        return None if self.poses is None else self.poses.estimator

    @property
    def people(self) -> PoseEstimator | Dataset:
        """What tells the skeletons' layout and their largest number of people."""
        return self.dataset if self.estimator is None else self.estimator


@dataclass(frozen=True)
class _Poses:
    """What estimates the skeletons, its weights read."""

    estimator: PoseEstimator
    in_key: Mapping[str, Any]
    """Facts that name its results beside each clip's video."""
    runtime: tuple[str, ...]
    """Packages that decide its results."""


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
        layout=found.people.layout.name,
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
    layout = found.people.layout.name
    catalog = index_catalog(found.dataset, paths.dataset, protocol, store, found.digests, found.leaks, layout)
    write_catalog(paths.catalog, catalog)
    gaps, notes = (
        protocol_gaps(catalog),
        tuple(index_notes(catalog, found.listing, found.leaks)),
    )
    if preset.index.protocol_gaps == "allow":
        gaps, notes = (), (*notes, *gaps)
    return replace(summary, note="; ".join(notes), gaps=gaps)


def _found(paths: Paths, preset: "Preset", options: RunOptions, sha256: Sha256 | None = None) -> _Found:
    dataset = open_dataset(preset.index, paths.raw)
    check_sides(dataset, preset.index.protocol)
    listing = dataset.listing()
    poses = _poses(paths, preset.index.pose, dataset)
    refuse_absent(
        preset,
        paths.dataset,
        has_videos=dataset.modality != "none",
        has_skeletons=poses is not None or dataset.layout is not WHOLE_FRAME,
    )
    refuse_uncrossed(dataset, preset)
    with Digests(paths.open_cache()) as known:
        digests = source_digests(
            dataset,
            listing.clips,
            sha256 or known.sha256,
            workers=options.workers,
            with_skeletons=_reads_skeletons(preset),
        )
    return _Found(dataset, listing, digests, listing_leaks(dataset, preset.index.protocol, digests), poses)


def _reads_skeletons(preset: "Preset") -> bool:
    """Whether the dataset's own skeletons decide what is written."""
    return preset.index.pose is None or preset.index.pose.boxes == "skeleton"


def _poses(paths: Paths, params: "PoseParams | None", dataset: Dataset) -> _Poses | None:
    """The networks that params name, their weights read. Raises ParamError, ModelParamError or CheckpointError."""
    if params is None:
        return None
    refuse_blind(
        dataset.modality,
        paths.dataset,
        without_boxes=params.boxes == "skeleton" and dataset.layout is WHOLE_FRAME,
    )
    network = _network(paths, params, POSE_NETWORKS, "pose network")
    made_by = {"network": {**part_facts(params.engine, POSE_NETWORKS), **network.in_key}}
    runtime, detector = network.runtime, None
    if params.detector is not None:
        detector = _network(paths, params.detector, PERSON_DETECTORS, "person detector")
        made_by["detector"] = {**part_facts(params.detector.engine, PERSON_DETECTORS), **detector.in_key}
        runtime = (*runtime, *detector.runtime)
    return _Poses(
        PoseEstimator(
            network,
            detector,
            LAYOUTS[params.layout],
            params.max_persons,
            params.track,
            around_own=params.boxes == "skeleton",
            margin=0.0 if dataset.layout is BOX_4 else MARGIN,
        ),
        {**in_key(params), "tracking": TRACKING, "made_by": made_by},
        tuple(dict.fromkeys(runtime)),
    )


def _network(
    paths: Paths, params: "PoseNetworkParams", table: Mapping[str, tuple[str, int]], what: str
) -> Any:
    make = found_by_name(params.engine, table, what)
    network = make(
        weights=paths.root / params.weights, sha256=params.sha256, root=paths.root, **params.options
    )
    network.read()
    return network


def _job(paths: Paths, preset: "Preset", found: _Found) -> StoreJob:
    dataset, params = found.dataset, preset.index
    spec = skeleton_spec(
        found.people.layout,
        max_frames=params.max_frames,
        max_persons=found.people.max_persons,
        shard_rows=params.shard_rows,
    )
    estimated = {} if found.poses is None else {"pose": found.poses.in_key}
    key_params = {**in_key(params), **part_facts(params.adapter, DATASETS), **estimated}
    documents = _documents(found, key_params)
    return StoreJob(
        stage="index",
        name="skeletons",
        spec=spec,
        rows=[
            Row(clip_id, {array.name: document for array in spec.arrays})
            for clip_id, document in documents.items()
        ],
        work=IndexWork(
            params,
            paths.raw,
            listing_key(found.listing, found.digests),
            paths.open_cache(),
            pose=found.estimator,
        ),
        coords=lambda _: {},
        attrs={
            "dataset": paths.dataset,
            "layout": found.people.layout.name,
            "params": key_params,
            "flags": list(FLAGS),
            **card_of(dataset, params).attrs,
        },
        failures=(*listing_failures(found.listing), *listing_incomplete(found.listing)),
        parts=parts_in_use("index", preset),
    )


def _documents(found: _Found, key_params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """For each clip, what its rows are made of."""
    runtime = () if found.poses is None else found.poses.runtime
    document = INDEX.documents(params=key_params, runtime=runtime)
    return {clip.clip_id: document(found.digests[clip.clip_id]) for clip in found.listing.clips}
