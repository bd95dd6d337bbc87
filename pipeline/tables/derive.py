"""The preset that a table is run with, made of a project's own, and why rows cannot be run with it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.arrays.cut_arrays import FEATURES, LOGITS
from pipeline.errors import ParamError
from pipeline.params.backbones import Backbone, TrainingPlan
from pipeline.params.heads import MODALITIES, OWN_CLASSIFIER, SIDE_MODALITIES, HeadParams
from pipeline.params.params import Preset
from pipeline.params.sections import Mistake, MistakesError
from pipeline.tables.spec import DARK_CLIPS, Row, Scale, Setup, Table, scores_row

Check = Callable[[Preset], Iterable[Mistake]]
"""A function that finds what only floors above this one know to be wrong with a preset."""

INHERITED = ("recipe", "pixels", "augment", "flip_chance", "stream", "input", "plan")
"""Fields that a table's backbone takes from the preset's first one of its modality, where the table gives none."""

OWN_WORDS = ("epochs", "frames", "grad_clip")
"""Words of a set-up's backbone that are no fields of `pretrain.backbones`."""

NO_OTHER_ROW = "no other row runs, so that nothing is tested"

_BACKBONE: TypeAdapter[Backbone] = TypeAdapter(Backbone)


@dataclass(frozen=True, slots=True)
class Derived:
    """A table with one preset for all rows that can run."""

    table: Table
    scale: Scale
    preset: Preset | None
    """The preset to run; None where no row can."""
    why_not: Mapping[str, str]
    """Label of each row that cannot run, to the reason."""

    @property
    def name(self) -> str:
        """Name of its files and of its folder: `amfi-3`, and `amfi-3-paper` at the paper's scale."""
        return self.table.name if self.scale == "small" else f"{self.table.name}-{self.scale}"

    @property
    def running(self) -> tuple[Row, ...]:
        """The rows that run."""
        return tuple(row for row in self.table.rows if row.label not in self.why_not)


def derived(preset: Preset, table: Table, scale: Scale, *, seeds: int, check: Check) -> Derived:
    """Derive a table's preset. Where not all rows can run, each is tried alone: one that cannot stops no other.

    Class scores that the preset names in `train.scores` are rows below the table's own.

    Raises ParamError where the table has no such scale.
    """
    if scale not in table.setups:
        raise ParamError(f"{table.name} has no scale {scale!r}; it has {sorted(table.setups)}")
    make = _Maker(preset, table, table.setups[scale], seeds_of(preset, seeds))
    why_not = {row.label: why for row in table.rows if (why := row.why_not or _elsewhere(preset, table))}
    rows = [row for row in table.rows if row.label not in why_not]
    if rows and _why_not(make, rows, check):
        why_not |= {row.label: why for row in rows if (why := _why_not(make, [row], check))}
        rows = [row for row in rows if row.label not in why_not]
        if rows and (left := _why_not(make, rows, check)):
            raise ParamError(f"{table.name}: {left}")
    ordered = {row.label: why_not[row.label] for row in table.rows if row.label in why_not}
    elsewhere = tuple(scores_row(name) for name in preset.train.scores)
    ordered |= {} if rows else {row.label: NO_OTHER_ROW for row in elsewhere}
    whole = replace(table, rows=(*table.rows, *elsewhere))
    return Derived(whole, scale, make.preset_of(rows) if rows else None, ordered)


def _elsewhere(preset: Preset, table: Table) -> str:
    """Why the table is of other recordings than the preset's; "" where it is of these."""
    if table.adapter in ("", preset.index.adapter):
        return ""
    return f"its recordings are of adapter {table.adapter!r} (docs/datasets.md), and these of {preset.index.adapter!r}"


def _why_not(make: "_Maker", rows: Sequence[Row], check: Check) -> str:
    """Why rows cannot run together; "" where they can."""
    try:
        return _listed(check(make.preset_of(rows)))
    except ParamError as error:
        return str(error)
    except ValidationError as error:
        return _listed(mistake for problem in error.errors() for mistake in _mistakes(problem))


def _mistakes(problem: Any) -> Iterable[Mistake]:
    place = tuple(str(part) for part in problem["loc"])
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, MistakesError):
        return [((*place, *below), message) for below, message in cause.found]
    return [(place, str(problem["msg"]))]


def _listed(mistakes: Iterable[Mistake]) -> str:
    return "; ".join(f"{'.'.join(place)}: {message}" for place, message in mistakes)


def seeds_of(preset: Preset, count: int) -> tuple[int, ...]:
    """Return `count` seeds: those of the preset's heads first, so that what they trained is found, then the next."""
    own = preset.train.seeds[:count]
    more = (seed for seed in range(count + len(own)) if seed not in own)
    return (*own, *(next(more) for _ in range(count - len(own))))


@dataclass(frozen=True)
class _Maker:
    """Makes presets for rows of one table at one scale."""

    preset: Preset
    table: Table
    setup: Setup
    seeds: tuple[int, ...]

    def preset_of(self, rows: Sequence[Row]) -> Preset:
        """The preset with nothing but the methods of these rows. Raises ParamError and ValidationError."""
        own, setup = self.preset, self.setup
        backbones = self._with_logits(self._backbones(rows), rows)
        by_seed = {"seeds": self.seeds} if self.table.networks_by_seed else {}
        heatmaps = _changed(own.heatmaps, **setup.heatmaps)
        seen = {heatmaps.recipe, *(one.recipe for one in backbones.values() if one.modality == "video")}
        recipes = {name: self._lit(one) for name, one in self._recipes().items() if name in seen}
        sampled = {one["sampling"] if isinstance(one, dict) else one.sampling for one in recipes.values()}
        changed = {
            "sample": {n: one for n, one in {**own.sample, **setup.sample}.items() if n in sampled},
            "crop": _changed(own.crop, recipes=recipes),
            "heatmaps": heatmaps,
            "pretrain": _changed(own.pretrain, backbones=backbones, **by_seed),
            "train": self._heads(rows, backbones),
        }
        return Preset(**{name: getattr(own, name) for name in Preset.model_fields} | changed)

    def _recipes(self) -> dict[str, Any]:
        """The preset's recipes, and the set-up's on the ground of the one that its first video backbone sees."""
        own, like = self.preset.crop.recipes, self._like("video")
        base = {} if like is None else _fields(own[like.recipe])
        return {**own, **{name: {**base, **given} for name, given in self.setup.recipes.items()}}

    def _lit(self, recipe: Any) -> Any:
        """The recipe, with the preset's own enhancement of dark clips in the place of DARK_CLIPS."""
        if not isinstance(recipe, dict) or recipe["enhance"] != DARK_CLIPS:
            return recipe
        rules = {one.enhance for one in self.preset.crop.recipes.values() if one.enhance is not None}
        if len(rules) != 1:
            raise ParamError(
                f"the preset's crop.recipes have {len(rules)} enhancements, and one is needed: train it on dark clips "
                "with `python cli.py enhance`, and put what that prints into a recipe of this preset"
            )
        return {**recipe, "enhance": replace(*rules, clips="dark")}

    def _like(self, modality: str) -> Any:
        """The preset's first backbone of that modality; None where it has none."""
        found = (one for one in self.preset.pretrain.backbones.values() if one.modality == modality)
        return next(found, None)

    def _backbones(self, rows: Sequence[Row]) -> dict[str, Backbone]:
        if not self.setup.backbones:
            own = (*self.preset.train.video, *self.preset.train.skeleton)
            return {name: one for name, one in self.preset.pretrain.backbones.items() if name in own}
        needed = dict.fromkeys(name for row in rows for name in row.needs)
        return {name: self._backbone(name, self.setup.backbones[name]) for name in needed}

    def _with_logits(self, backbones: dict[str, Backbone], rows: Sequence[Row]) -> dict[str, Backbone]:
        """Backbones that are scored by their own classifier keep its logits too."""
        scored = {name for row in rows if row.head == OWN_CLASSIFIER for name in self._streams(row).values()}
        return {
            name: one.model_copy(update={"cuts": tuple(dict.fromkeys((*one.cuts, LOGITS)))})
            if name in scored
            else one
            for name, one in backbones.items()
        }

    def _backbone(self, name: str, given: Mapping[str, Any]) -> Backbone:
        modality = given["modality"]
        like = self._like(modality)
        if like is None and modality == "heatmaps":
            like = self._like("skeleton")
        if like is None and "plan" not in given:
            raise ParamError(
                f"the preset has no backbone over {modality}, whose plan and input {name!r} would have: add one "
                f"under pretrain.backbones, with modality: {modality}"
            )
        known = ("flip_chance", "plan") if modality == "heatmaps" else INHERITED
        taken = {field: getattr(like, field) for field in known if hasattr(like, field)}
        return _BACKBONE.validate_python({**_shortened(taken, given), **_without(given, OWN_WORDS)})

    def _heads(self, rows: Sequence[Row], backbones: Mapping[str, Backbone]) -> HeadParams:
        own, methods = self.preset.train, tuple(row.method for row in rows)
        main = next((row.method for row in rows if row.label == self.table.reference), methods[0])
        return HeadParams(
            **self._sides(backbones),
            methods=methods,
            streams={row.method: given for row in rows if (given := self._streams(row))},
            fused=main,
            drawn_views=tuple(row.method for row in rows if row.drawn_views),
            tested_classes=tuple(row.method for row in rows if row.tested_classes),
            options={row.method: given for row in rows if (given := _options(own, row))},
            scores=own.scores,
            seeds=self.seeds,
            plan=TrainingPlan(**self.setup.plan) if self.setup.plan else own.plan,
        )

    def _streams(self, row: Row) -> dict[str, str]:
        """Streams of the row, over those that the preset names for its head where its own backbones are taken."""
        if self.setup.backbones:
            return dict(row.streams)
        sides = {stream: self._of_side(name) for stream, name in row.streams.items()}
        return {**self.preset.train.streams.get(row.head, {}), **sides}

    def _of_side(self, side: str) -> str:
        """The one backbone that the preset's `train` names as its video or skeleton."""
        names: tuple[str, ...] = getattr(self.preset.train, side)
        if len(names) != 1:
            found = ", ".join(names) or "none"
            raise ParamError(f"the row is of the one backbone that train.{side} names, and it names {found}")
        return names[0]

    def _sides(self, backbones: Mapping[str, Backbone]) -> dict[str, Any]:
        """The preset's own sides; of a set-up's backbones the first of each, as far as its features are kept."""
        if not self.setup.backbones:
            return {side: getattr(self.preset.train, side) for side in MODALITIES}
        return {
            side: tuple(
                name
                for name, one in backbones.items()
                if one.modality in SIDE_MODALITIES[side] and FEATURES in one.cuts
            )[:1]
            for side in MODALITIES
        }


def _changed(section: Any, **changes: Any) -> Any:
    """A section with other values, checked as a whole."""
    return type(section)(**{name: getattr(section, name) for name in section.model_fields_set} | changes)


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _without(given: Mapping[str, Any], words: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in words}


def _shortened(taken: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The inherited plan with `epochs` at most and `grad_clip`, the inherited input with `frames`, where said so."""
    if "epochs" in given:
        plan = taken["plan"]
        taken["plan"] = plan.model_copy(update={"epochs": min(plan.epochs, given["epochs"])})
    if "grad_clip" in given:
        taken["plan"] = taken["plan"].model_copy(update={"grad_clip": given["grad_clip"]})
    if "frames" in given:
        taken["input"] = replace(taken["input"], num_frames=given["frames"])
    return taken


def _options(own: HeadParams, row: Row) -> dict[str, Any]:
    """Options of the preset for that head, with those of the row."""
    given = dict(own.options.get(row.head, {}))
    usual = {name: value for name, value in row.usual.items() if given.get(name, value) != value}
    return {**given, **usual, **row.options}
