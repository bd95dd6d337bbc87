"""Sampling of a clip's frames: the rules S1 to S4 of SPEC 0.4, in integers only.

    uniform_interval       S1, as AMFI-Net prints it: frame i * floor(F/K). Drops the tail of the clip.
    centered               frame floor((i + 1/2) F/K): covers the whole clip. The default.
    segment                S2, CSSIModel: one frame of each of K equal segments; random in training,
                           its centre in test.
    uniform_sample_frames  S3, EPAM-Net: K bins, one draw in each; in test the draw is fixed by a seed.
    strided                S4: a window of K * stride consecutive frames, every stride-th of them.

F is the clip's number of frames, K the number sampled, A the views. A clip too short for its rule is looped
(frame number modulo F), except in `centered` and `segment`, which repeat frames in order.

Test views are fixed. View a of A looks at phase (a + 1/2) / A of each interval (`centered`, `segment`),
starts floor(a * step / A) frames later (`uniform_interval`), sees another draw (`uniform_sample_frames`) or
another window, evenly spread (`strided`). In training, `uniform_interval` does the same (the paper draws
nothing); the others draw from the Generator they are handed: `centered` one phase a view, for all its frames.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamError, SamplingError
from pipeline.values import Samples

Rule = Literal["uniform_interval", "centered", "segment", "uniform_sample_frames", "strided"]
Indices = NDArray[np.int64]

PHASES = 2**20
"""A random place in an interval is a whole number of this many parts: no float decides a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRule:
    """Rule that chooses frames of a clip."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "rule",
        "num_frames",
        "views",
        "mode",
        "stride_frames",
        "test_seed",
        "flavour",
    )

    rule: Rule = "centered"
    num_frames: int = 16
    """K, frames of one view."""
    views: int = 1
    """A."""
    mode: Literal["train", "test"] = "test"
    stride_frames: int = 1
    """For `strided`: frames from one sampled frame to the next."""
    test_seed: int = 255
    """For `uniform_sample_frames`: seed of the test draw."""
    flavour: Literal["mmaction2", "pyskl"] = "mmaction2"
    """For `uniform_sample_frames`: PYSKL spends two more draws a view than MMAction2 and EPAM-Net do."""

    def __post_init__(self) -> None:
        if self.rule not in _RULES:
            raise ParamError(f"no sampling rule {self.rule!r}; there are {sorted(_RULES)}")
        for name in ("num_frames", "views", "stride_frames"):
            if getattr(self, name) < 1:
                raise ParamError(f"{name} must be 1 or more, got {getattr(self, name)}")

    @property
    def is_random(self) -> bool:
        """Whether `sample` needs a Generator."""
        return self.mode == "train" and self.rule != "uniform_interval"


def sample(rule: SamplingRule, num_frames: int, *, rng: np.random.Generator | None = None) -> Samples:
    """Frames that each view shows of a clip of `num_frames`; `rng` is needed in training, unused in test."""
    if num_frames < 1:
        raise SamplingError(f"cannot sample from a clip of {num_frames} frames; it must have at least one")
    if rule.is_random and rng is None:
        raise SamplingError(
            f"{rule.rule!r} draws at random in training: hand `sample` a numpy Generator, rng="
        )
    frames = _RULES[rule.rule](rule, num_frames, rng if rule.is_random else None)
    return Samples(frames.astype(np.int32), num_frames)


def _uniform_interval(rule: SamplingRule, num_frames: int, _: np.random.Generator | None) -> Indices:
    """F = 35, K = 16: 0, 2, .., 30, so frames 31 to 34 are never seen. F = 3, K = 5: 0, 1, 2, 0, 1 [R]."""
    step = num_frames // rule.num_frames
    shift = np.arange(rule.views) * (step or num_frames) // rule.views
    return np.asarray((np.arange(rule.num_frames) * max(step, 1) + shift[:, None]) % num_frames)


def _centered(rule: SamplingRule, num_frames: int, rng: np.random.Generator | None) -> Indices:
    """F = 10, K = 4: floor(1.25, 3.75, 6.25, 8.75) = 1, 3, 6, 8."""
    if rng is None:
        return _at_phase(rule, num_frames, _test_phases(rule), 2 * rule.views)
    return _at_phase(rule, num_frames, rng.integers(PHASES, size=(rule.views, 1)), PHASES)


def _segment(rule: SamplingRule, num_frames: int, rng: np.random.Generator | None) -> Indices:
    """CSSIModel eq. (5) [R]: s_t = min(F - 1, floor((t - 1 + u_t) F/T)), u_t in [0, 1), 1/2 in test."""
    if rng is None:
        return _at_phase(rule, num_frames, _test_phases(rule), 2 * rule.views)
    return _at_phase(rule, num_frames, rng.integers(PHASES, size=(rule.views, rule.num_frames)), PHASES)


def _test_phases(rule: SamplingRule) -> Indices:
    """(A, 1): 2a + 1, numerators of (a + 1/2) / A over 2A."""
    return 2 * np.arange(rule.views)[:, None] + 1


def _at_phase(rule: SamplingRule, num_frames: int, phase: Indices, parts: int) -> Indices:
    """(A, K): floor((i + phase/parts) F/K); below F because phase < parts."""
    i = np.arange(rule.num_frames)
    return np.asarray((i * parts + phase) * num_frames // (rule.num_frames * parts))


def _uniform_sample_frames(rule: SamplingRule, num_frames: int, rng: np.random.Generator | None) -> Indices:
    draw: _Draws = _Generated(rng) if rng is not None else _Legacy(rule)
    views = [_one_uniform_view(rule, num_frames, view, draw) for view in range(rule.views)]
    return np.stack(views) % num_frames


def _one_uniform_view(rule: SamplingRule, num_frames: int, view: int, draw: "_Draws") -> Indices:
    """K = 4. F = 3: a start, then on. F = 6: 0 to 3, raised from 2 of 5 places. F = 10: bins 0 2 5 7 10."""
    length = rule.num_frames
    draw.begin_view()
    if num_frames < length:
        return np.asarray(draw.start(view, num_frames) + np.arange(length))
    if num_frames < 2 * length:
        skips = np.zeros(length + 1, dtype=np.int64)
        skips[draw.places(length + 1, num_frames - length)] = 1
        return np.asarray(np.arange(length) + np.cumsum(skips)[:-1])
    edges = np.arange(length + 1) * num_frames // length
    return np.asarray(edges[:-1] + draw.below(np.diff(edges)))


class _Draws(Protocol):
    """The random numbers that one clip's views need, in the order the official code spends them."""

    def begin_view(self) -> None:
        """Called before each view."""

    def start(self, view: int, num_frames: int) -> int:
        """First frame of a clip that is too short."""

    def places(self, out_of: int, count: int) -> Indices:
        """`count` different numbers below `out_of`."""

    def below(self, sizes: Indices) -> Indices:
        """One number below each of `sizes`."""


class _Generated:
    """Training draws, from the caller's Generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def begin_view(self) -> None:
        """Nothing is spent."""

    def start(self, view: int, num_frames: int) -> int:  # noqa: ARG002
        return int(self._rng.integers(num_frames))

    def places(self, out_of: int, count: int) -> Indices:
        return np.asarray(self._rng.choice(out_of, count, replace=False))

    def below(self, sizes: Indices) -> Indices:
        return np.asarray(self._rng.integers(sizes))


class _Legacy:
    """Test draws: the stream of np.random.seed(test_seed), without touching the global state."""

    def __init__(self, rule: SamplingRule) -> None:
        self._rule = rule
        self._stream = np.random.RandomState(rule.test_seed)

    def begin_view(self) -> None:
        """PYSKL draws the share of the clip to use and its offset first, though both are fixed by default."""
        if self._rule.flavour == "pyskl":
            self._stream.random_sample()
            self._stream.randint(1)

    def start(self, view: int, num_frames: int) -> int:
        return view if num_frames < self._rule.views else view * num_frames // self._rule.views

    def places(self, out_of: int, count: int) -> Indices:
        return np.asarray(self._stream.choice(out_of, count, replace=False))

    def below(self, sizes: Indices) -> Indices:
        return np.asarray(self._stream.randint(sizes))


def _strided(rule: SamplingRule, num_frames: int, rng: np.random.Generator | None) -> Indices:
    """K = 4, stride 16: frames 0, 16, 32, 48 of a window of 64. Two rules whose windows are equally long
    (4 * 16 and 32 * 2) start at the same frame when their Generators are seeded alike."""
    room = max(num_frames - rule.num_frames * rule.stride_frames, 0)
    if rng is None:
        start = (2 * np.arange(rule.views) + 1) * room // (2 * rule.views)
    else:
        start = rng.integers(room + 1, size=rule.views)
    return np.asarray((start[:, None] + np.arange(rule.num_frames) * rule.stride_frames) % num_frames)


_RULES: dict[Rule, Callable[[SamplingRule, int, np.random.Generator | None], Indices]] = {
    "uniform_interval": _uniform_interval,
    "centered": _centered,
    "segment": _segment,
    "uniform_sample_frames": _uniform_sample_frames,
    "strided": _strided,
}
