"""The commands under `cache`, on a project that ran every stage; and what names a clip's results."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from test_cache_verify import put
from test_cli import invoke
from tiny import Project, content

from cache import CacheError, key_of, open_store
from cache.store.parts import read_parts
from pipeline.build.build import StoreJob
from pipeline.build.runner import RunOptions
from pipeline.build.steps import STEPS
from pipeline.errors import DatasetError
from pipeline.params.presets import load_preset
from pipeline.paths import Paths
from pipeline.upkeep import stores as upkeep
from pipeline.upkeep.stores import STAGE_OF, repaired
from pipeline.upkeep.why import explained

CLIP = "S001C002P002R001A004"


@pytest.fixture(autouse=True)
def blessed(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are not about recipes.lock, which is behind the code while it is worked on."""

    class Blessed:
        def check(self, step: str, _: object) -> None:
            assert step in STEPS

    monkeypatch.setattr(upkeep, "recipes", lambda _: Blessed())


def planner(project: Project, **options: Any) -> Any:
    def find(stage: str, dataset: str, preset: str | None) -> StoreJob:
        paths = Paths(project.root, dataset)
        plan = import_module(f"stages.{stage}").plan
        return plan(paths, load_preset(paths.params, preset or dataset), RunOptions(quiet=True, **options))

    return find


def why(project: Project, array: str | None = None, clip: str = CLIP) -> str:
    return str(explained(project.root, clip, "demo", array, None, planner(project)))


def flip(path: Path, at: int) -> None:
    """In the very file, which store, cache and all copies of this test share."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    put(path, bytes(data))


def test_ls_and_verify_from_the_command_line(copied: Project) -> None:
    assert re.search(r"frames\.zarr +58 +8 ", invoke(copied, "cache", "ls").output)
    result = invoke(copied, "cache", "verify", str(copied.paths.store("samples")))
    assert result.exit_code == 0
    assert "samples.zarr: whole" in result.output
    flip(copied.paths.store("samples") / "r4" / "c.0.0.0", 5)
    result = invoke(copied, "cache", "verify", str(copied.paths.store("samples")))
    assert result.exit_code == 1
    assert (
        "r4/c.0.0.0 (array r4): its content is not what the manifest says: chunks fail their crc32c"
        in result.output
    )
    assert CLIP in result.output


def test_repair_computes_the_damaged_clip_alone_and_gives_the_bytes_back(
    copied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = copied.paths.store("frames")
    before = content(store)
    row = open_store(store).row_of[CLIP]
    block, within = divmod(row, 16)
    key = read_parts(store).documents("r4", block).key
    index = (store / f"r4/c.{block}.0.0.0.0.0").read_bytes()[-(16 * 16 + 4) :]
    offset = int.from_bytes(index[16 * within : 16 * within + 8], "little")
    for path in (store / f"r4/c.{block}.0.0.0.0.0", copied.paths.open_cache().shard(key)):
        flip(path, offset + 3)
    asked: list[str] = []
    from pipeline.rows import crops

    original = crops.CropWork._clip
    monkeypatch.setattr(
        crops.CropWork,
        "_clip",
        lambda *given: asked.append(given[2]) or original(*given),
    )
    done = repaired(copied.root, [store], None, planner(copied))
    assert done.exit_code == 0
    assert f"recomputed: {CLIP}" in str(done)
    assert asked == [CLIP]
    assert content(store) == before


def test_repair_refuses_what_the_stage_would_make_otherwise(
    copied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = copied.paths.store("frames")
    put(store / "label" / "c.0", b"x")
    copied.set_params(**{"crop.recipes": {"r4": recipe(size=[48, 48])}})
    with pytest.raises(DatasetError, match="made of other params"):
        repaired(copied.root, [store], None, planner(copied))
    copied.set_params()

    class Drifted:
        def check(self, step: str, _: object) -> None:
            raise CacheError(f"{step} drifted")

    monkeypatch.setattr(upkeep, "recipes", lambda _: Drifted())
    with pytest.raises(CacheError, match="crop drifted"):
        repaired(copied.root, [store], None, planner(copied))
    away = store.rename(copied.root / "frames.zarr")
    with pytest.raises(DatasetError, match="not a store of this project's stages"):
        repaired(copied.root, [away], None, planner(copied))


def test_why_a_hit_is_one(copied: Project) -> None:
    output = why(copied, "r4")
    for word in (
        "params.size: [32, 32]",
        "step: crop",
        "runtime.av: ",
        "inputs.samples: ",
        "(samples.zarr r4)",
    ):
        assert word in output
    assert "hit: present params and files give the same key" in output
    assert "miss" not in output
    lost = next(json.loads(line)["clip_id"] for line in copied.paths.failures.read_text().splitlines())
    assert "lost in index: " in why(copied, clip=lost)
    with pytest.raises(DatasetError, match="has a clip 'nobody'"):
        why(copied, clip="nobody")


def test_why_a_miss_says_what_differs_from_the_nearest_entry(copied: Project) -> None:
    copied.set_params(**{"crop.recipes": {"r4": recipe(size=[48, 48])}})
    output = why(copied, "r4")
    assert "miss: r4 of" in output
    assert "params.size [32, 32] → [48, 48]" in output
    differing = output.partition("differs in")[2].strip().splitlines()
    assert len([line for line in differing if "→" in line]) == 1
    copied.run("crop")
    assert "hit: present" in why(copied, "r4")
    copied.set_params()
    assert "hit: the store is of older params or files, but the cache has" in why(copied, "r4")


def test_why_a_changed_file_is_a_miss(copied: Project) -> None:
    video = copied.raw / "nturgb+d_rgb" / f"{CLIP}_rgb.avi"
    other = copied.raw / "nturgb+d_rgb" / "S001C002P002R001A005_rgb.avi"
    put(video, other.read_bytes())
    output = why(copied, "facts")
    old, new = (open_store(copied.paths.store("samples")).coord("video_sha256")[row].tobytes().hex()[:12]
                for row in (place(copied, CLIP), place(copied, other.name[:20])))  # fmt: skip
    assert f"inputs.video {old}… → {new}…" in output


def place(project: Project, clip: str) -> int:
    return open_store(project.paths.store("samples")).ids.index(clip)


def test_every_store_tells_code_params_weights_sources_and_decoder(finished: Project) -> None:
    for name, stage in STAGE_OF.items():
        parts = read_parts(finished.paths.store(name))
        code = parts.attrs["code"]
        assert (code["step"], code["version"]) == (stage, STEPS[stage].version)
        assert len(code["recipe"]) == 40
        array = next(iter(parts.arrays))
        doc: Any = parts.documents(array, 0).docs[0]
        assert (doc["step"], doc["version"]) == (stage, STEPS[stage].version)
        assert doc["params"]
    features = read_parts(finished.paths.store("features")).attrs
    assert features["origins"].keys() == {"skeletons", "samples", "frames"}
    assert features["origins"]["frames"]["code"]["step"] == "crop"
    cropped = features["origins"]["frames"]["made_of"]["r4"]
    assert cropped["params"]["size"] == [32, 32]
    assert set(cropped["runtime"]) >= {"av", "opencv-python"}
    assert all(len(sha256) == 64 for sha256 in features["weights"].values())
    store = open_store(finished.paths.store("features"))
    import hashlib

    video = finished.raw / "nturgb+d_rgb" / f"{CLIP}_rgb.avi"
    stored = store.coord("video_sha256")[store.ids.index(CLIP)].tobytes()
    assert stored == hashlib.sha256(video.read_bytes()).digest()


def test_no_key_knows_where_the_data_lie_how_many_work_and_on_what(
    copied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = copied.root.parent / "mounted" / "recordings"
    elsewhere.parent.mkdir()
    copied.raw.rename(elsewhere)
    moved = Project(copied.root.rename(copied.root.parent / "moved"))
    moved.raw.symlink_to(elsewhere)
    for module in ("models.training.frozen", "models.training.trainable"):
        monkeypatch.setattr(f"{module}.best_device", lambda: "cuda")
    for name, stage in STAGE_OF.items():
        job = planner(moved, workers=5)(stage, "demo", None)
        store = open_store(moved.paths.store(name))
        for array in store.arrays:
            now = {row.id: key_of(row.docs[array]) for row in job.rows if array in row.docs}
            assert now == store.keys(array), (name, array)


def recipe(**changes: object) -> dict[str, object]:
    return {"sampling": "r4", "box": {"rule": "square"}, "size": [32, 32], "storage": "zstd", **changes}


def test_what_is_not_there_is_told_with_what_is(copied: Project) -> None:
    for command in ("verify", "repair", "adopt"):
        for folder in ("nothing.zarr", "data/demo"):
            result = invoke(copied, "cache", command, str(copied.root / folder))
            assert result.exit_code == 2
            assert "is no store: expected a folder with a manifest.json" in result.output
    for words, expected in (
        ((CLIP[:-1] + "Z",), f"did you mean {CLIP[:-2]}"),
        (("nobody",), "ids look like S001C0"),
        ((CLIP, "--array", "r5"), "there are box_r4"),
        ((CLIP, "--dataset", "dmo"), "datasets that have some: demo"),
    ):
        result = invoke(copied, "cache", "why", *words)
        assert result.exit_code == 2
        assert expected in result.output
