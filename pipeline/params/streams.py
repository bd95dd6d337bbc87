"""The backbones that feed a head: every stream that it declares, resolved from params before anything runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from pipeline.errors import ParamError
from pipeline.params.sections import Mistake, Place, nearest, unknown_key

if TYPE_CHECKING:
    from pipeline.params.heads import HeadParams
    from pipeline.params.params import Preset


class DeclaredInput(Protocol):
    """One input as a head declares it; `models.head.HeadInput` is one."""

    @property
    def stream(self) -> str:
        """Role of the backbone that feeds it."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities of the backbones that may feed it."""

    @property
    def kind(self) -> str:
        """`vector`, or another form of one cut."""

    @property
    def cut(self) -> str:
        """Name of the cut."""

    @property
    def needed(self) -> bool:
        """Whether another input's values may not stand in its place."""

    @property
    def aligned(self) -> bool:
        """Whether it must show the frames and places of the head's other aligned inputs."""

    @property
    def segments(self) -> int | None:
        """Number of segments of which one row each is looked up; None where all are seen."""

    @property
    def frame_axis(self) -> int:
        """Axis of one clip's row along which its frames lie."""


Names = tuple[str, ...]

Streams = Mapping[str, Names]
"""Stream to the backbones that feed it; several only where their vectors are joined."""

SIDES = ("video", "skeleton")
"""Streams whose backbones `train` names itself."""


def streams_of(
    preset: "Preset", method: str, inputs: Sequence[DeclaredInput]
) -> tuple[dict[str, Names], list[Mistake]]:
    """Return the backbones of each stream of a method's head, and what is wrong with them, placed below the preset.

    A stream's backbone is the one that `train.streams` names; else, of vectors, those of `train.video` or
    `train.skeleton` where it bears that name; else the one that the method names behind @, or the only one whose
    modality fits and that keeps the cuts.
    """
    streams = {one.stream: [other for other in inputs if other.stream == one.stream] for one in inputs}
    given = preset.train.streams.get(method, {})
    found: dict[str, Names] = {}
    mistakes: list[Mistake] = [
        (("train", "streams", method, name), unknown_key(name, sorted(streams)))
        for name in given
        if name not in streams
    ]
    for name, wanted in streams.items():
        names, wrong = _of_stream(preset, method, name, wanted)
        found[name] = names
        mistakes += wrong
    return _filled(found), mistakes


def sound_streams(preset: "Preset", method: str, inputs: Sequence[DeclaredInput]) -> Streams:
    """Return the backbones of each stream of a method's head. Raises ParamError for what `streams_of` finds wrong."""
    found, mistakes = streams_of(preset, method, inputs)
    if mistakes:
        raise ParamError("; ".join(f"{'.'.join(place)}: {message}" for place, message in mistakes))
    return found


def _of_stream(
    preset: "Preset", method: str, stream: str, wanted: Sequence[DeclaredInput]
) -> tuple[Names, list[Mistake]]:
    train, backbones = preset.train, preset.pretrain.backbones
    place: Place = ("train", "streams", method, stream)
    if stream in (given := train.streams.get(method, {})):
        name = given[stream]
        if name not in backbones:
            return (), [
                (place, f"no {name!r}{nearest(name, sorted(backbones))}; there are {sorted(backbones)}")
            ]
        if backbones[name].modality not in wanted[0].modalities:
            fit = " or ".join(wanted[0].modalities)
            return (), [(place, f"{name!r} is of {backbones[name].modality}; {method!r} takes {fit} there")]
        names: Names = (name,)
    elif method in train.single_backbones:
        names = (method,) if wanted[0].needed else ()
    elif stream in SIDES and all(one.kind == "vector" for one in wanted):
        names = getattr(train, stream)
        if not names and wanted[0].needed:
            return (), [(("train", "methods"), _empty(train, method, stream))]
    else:
        names = _fitting(preset, method, stream, wanted)
        if len(names) != 1:
            return (), [_not_one(method, stream, wanted[0], names)]
    return names, list(_cuts_not_kept(preset, method, names, wanted))


def _fitting(preset: "Preset", method: str, stream: str, wanted: Sequence[DeclaredInput]) -> Names:
    """The backbones whose modality fits; of several the one behind @, that keeps every cut, or that `train` names."""
    backbones = preset.pretrain.backbones
    fitting = tuple(name for name, b in backbones.items() if b.modality in wanted[0].modalities)
    if (named := method.partition("@")[2]) in fitting:
        return (named,)
    keeping = tuple(name for name in fitting if {one.cut for one in wanted} <= {*backbones[name].cuts})
    of_side: Names = getattr(preset.train, stream) if stream in SIDES else ()
    return next((names for names in (keeping, of_side) if len(names) == 1), keeping or fitting)


def _empty(train: "HeadParams", method: str, stream: str) -> str:
    others = [side for side in SIDES if getattr(train, side)]
    return f"{method!r} needs {stream} features, and {stream} is empty; say {others}"


def _not_one(method: str, stream: str, wanted: DeclaredInput, names: Names) -> Mistake:
    fit = " or ".join(wanted.modalities)
    if names:
        return (
            ("train", "streams"),
            f"{method!r} takes one backbone of {fit} as its {stream}, and there are {sorted(names)}: say "
            f"streams: {{{method}: {{{stream}: {names[0]}}}}}",
        )
    return (
        ("train", "methods"),
        f"{method!r} takes a backbone of {fit} as its {stream}, and pretrain.backbones has none: add one, or leave "
        f"{method!r} out",
    )


def _cuts_not_kept(
    preset: "Preset", method: str, names: Names, wanted: Sequence[DeclaredInput]
) -> Iterator[Mistake]:
    for name in names:
        kept = preset.pretrain.backbones[name].cuts
        for one in wanted:
            if one.cut not in kept:
                yield (
                    ("pretrain", "backbones", name, "cuts"),
                    f"{method!r} of train.methods takes the cut {one.cut!r} of {name!r}, which is not kept: say cuts: "
                    f"[{', '.join((*kept, one.cut))}], then run `features`",
                )


def _filled(found: dict[str, Names]) -> dict[str, Names]:
    """Streams that may be empty, with the backbones of the first that is not."""
    there = next((names for names in found.values() if names), ())
    return {stream: names or there for stream, names in found.items()}
