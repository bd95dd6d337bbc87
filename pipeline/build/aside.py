"""Imports for work beside a build that decides no row: adoption, refusals, progress, transport, facts about the code.

Each is imported by name when it is needed, so that recipes.lock does not follow it: shards and weights are adopted
under the keys that they bear, after their digests were checked, the facts of the code are an attribute, and an answer
is remembered for the very code and libraries that gave it. An edit of these can make no row stale, and stops no step.
"""

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cache import Build, Cache, Receipt
    from cache.upkeep.adopt import Adopted
    from pipeline.build.pinned import Pinned
    from pipeline.build.progress import ClipProgress
    from pipeline.build.runner import RunOptions
    from pipeline.build.unexpected import Unexpected


def adopt_before_build(root: Path, cache: "Cache", name: str, out: Path) -> "Adopted | None":
    """Forward to `pipeline.build.adoption.adopt_before_build`."""
    adopted: Adopted | None = import_module("pipeline.build.adoption").adopt_before_build(
        root, cache, name, out
    )
    return adopted


def adopt_learned(root: Path, cache: "Cache", folder: Path) -> None:
    """Forward to `pipeline.training.adopted_weights.adopt_learned`."""
    import_module("pipeline.training.adopted_weights").adopt_before_training(root, cache, folder)


def clip_progress(stage: str, total: int, *, cached: int, quiet: bool) -> "ClipProgress":
    """Make a `pipeline.build.progress.ClipProgress`."""
    made: ClipProgress = import_module("pipeline.build.progress").ClipProgress(
        stage, total, cached=cached, quiet=quiet
    )
    return made


def code_facts(step: str, parts: tuple[str, ...], cache: "Cache") -> dict[str, Any]:
    """Forward to `pipeline.keys.lock.code_facts`, whose answer the cache remembers."""
    answers = import_module("cache.answers").Answers(cache.root)
    facts: dict[str, Any] = import_module("pipeline.keys.lock").code_facts(step, parts, answers)
    return facts


def remember_in(cache: "Cache") -> Callable[[list[Any], Callable[[], Any]], Any]:
    """Return `pipeline.keys.lock.of_code` with the cache's answers."""
    answers = import_module("cache.answers").Answers(cache.root)
    return partial(import_module("pipeline.keys.lock").of_code, answers)


def run_remotely(
    job: Any, build: "Build", options: "RunOptions"
) -> "Iterator[Receipt | dict[str, Unexpected]]":
    """Forward to `pipeline.remote.client.run_remotely`; `job` is a StoreJob, whose module imports this one."""
    results: Iterator[Receipt | dict[str, Unexpected]] = import_module("pipeline.remote.client").run_remotely(
        job, build, options
    )
    return results


def refuse_withdrawn(cache: "Cache", inputs: "Pinned") -> None:
    """Forward to `pipeline.training.withdrawn_inputs.refuse_withdrawn`."""
    import_module("pipeline.training.withdrawn_inputs").refuse_withdrawn(cache, inputs)
