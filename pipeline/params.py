"""params.yaml, read once at the edge into frozen values. An unknown key is an error that suggests the nearest."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import ParamError

Options = dict[str, Any]
Share = Field(ge=0.0, le=1.0)


class _Section(BaseModel):
    """Frozen, and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class IndexParams(_Section):
    """Which dataset, which protocol, and how large a clip may grow."""

    adapter: str
    """A key of `pipeline.datasets.DATASETS`."""
    options: Options = {}
    """Passed to the adapter as keywords."""
    protocol: str
    max_frames: int = Field(default=300, gt=0)
    """Skeletons are padded to this many frames; a longer clip is refused by name."""
    max_persons: int = Field(default=2, gt=0)
    shard_rows: int = Field(default=1024, gt=0)


class SampleRecipe(_Section):
    """Rules S1 to S4 of SPEC 0.4 (`pipeline.sampling`)."""

    rule: Literal["uniform_interval", "centered", "segment", "uniform_sample_frames", "strided"] = "centered"
    mode: Literal["train", "test"] = "test"
    num_frames: int = Field(default=16, gt=0)
    views: int = Field(default=1, gt=0)
    stride_frames: int = Field(default=1, gt=0)
    seed: int = 0


class CropRecipeParams(_Section):
    """Rules B1 to B3 of SPEC 0.5 (`pipeline.boxes`), the size, and how pixels are kept."""

    box: Literal["clip", "square", "window", "frame"] = "square"
    size: tuple[int, int] = (112, 112)
    """Height and width, in pixels."""
    storage: Literal["raw", "zstd", "jpeg"] = "zstd"
    jpeg_quality: int = Field(default=90, ge=1, le=100)


class CropParams(_Section):
    """One entry a recipe; names are those of `sample`."""

    recipes: dict[str, CropRecipeParams]
    shard_rows: int = Field(default=256, gt=0)
    depth_range_metres: float = Field(default=1.0, gt=0)


class HeatmapParams(_Section):
    """Gaussian pseudo-heatmaps (SPEC 0.6). `store: joints` keeps grid joints, rendered on the fly."""

    recipe: str
    store: Literal["maps", "joints"] = "joints"
    size: tuple[int, int] = (56, 56)
    sigma: float = Field(default=0.6, gt=0)
    with_joints: bool = True
    with_limbs: bool = False
    use_score: bool = True
    shard_rows: int = Field(default=256, gt=0)


class TrainingPlan(_Section):
    """One optimiser run (SPEC 2.5): SGD with momentum."""

    epochs: int = Field(gt=0)
    batch: int = Field(gt=0)
    lr: float = Field(gt=0)
    schedule: Literal["steps", "cosine"] = "steps"
    milestones: tuple[int, ...] = ()
    warmup_epochs: int = Field(default=0, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: float = Field(default=5e-4, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    grad_clip: float | None = Field(default=None, gt=0)


class Pretrained(_Section):
    """Weights to start from: refused unless stem, normalisation and sha256 are what is said here."""

    path: str
    sha256: str
    kind: Literal["harcache", "torchvision_r3d_18"] = "harcache"


class BackboneParams(_Section):
    """One backbone: its network, what it sees, and how it is trained."""

    model: Options
    """`kind` names a backbone of `models.backbones`; the rest are its keywords."""
    plan: TrainingPlan
    input: Options = {}
    """How a clip becomes the network's input: keywords of the modality's input value."""
    augment: Options = {}
    dropout: float = Field(default=0.0, ge=0, lt=1)
    pretrained: Pretrained | None = None


class HoldOut(_Section):
    """What selects epochs: whole groups of the training part, along the protocol's own axis."""

    groups: tuple[int, ...] | None = None
    """Subjects, cameras or set-ups to hold out; None draws them with `seed`."""
    share: float = Field(default=0.05, gt=0, lt=1)
    seed: int = 0


class PretrainParams(_Section):
    """Stages 1 and 2 of AMFI-Net's Algorithm 1."""

    seeds: tuple[int, ...] = Field(min_length=1)
    hold_out: HoldOut = HoldOut()
    refit: bool = True
    """Train again on the whole training part, for as many epochs as selection found."""
    amp: Literal["off", "bf16", "auto"] = "auto"
    backbones: dict[str, BackboneParams]
    """Keyed by `video` and `skeleton`."""


class FeatureParams(_Section):
    """Frozen backbones over every clip."""

    shard_rows: int = Field(default=4096, gt=0)


class HeadParams(_Section):
    """Stage 3: AMFI-Net's fusion and the fusions it is compared with (`models.fusion`, `models.baselines`)."""

    methods: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    plan: TrainingPlan
    fused: str = "amfi"
    options: dict[str, Options] = {}
    """Per method, keywords of its head."""


class ReportParams(_Section):
    """What the page shows."""

    clips: int = Field(default=12, ge=0)
    tsne_clips: int = Field(default=600, gt=10)


class Preset(_Section):
    """One whole run: every stage's parameters."""

    index: IndexParams
    sample: dict[str, SampleRecipe]
    crop: CropParams
    heatmaps: HeatmapParams
    pretrain: PretrainParams
    features: FeatureParams = FeatureParams()
    train: HeadParams
    report: ReportParams = ReportParams()
    max_failed: float = Share
    """Share of the clips that may fail before a stage's exit status says so."""

    @model_validator(mode="after")
    def _recipes_agree(self) -> "Preset":
        for where, name in (*(("crop.recipes", name) for name in self.crop.recipes), ("heatmaps.recipe", self.heatmaps.recipe)):
            if name not in self.sample:
                raise ValueError(f"{where} names {name!r}, but `sample` has only {sorted(self.sample)}")
        if self.heatmaps.recipe not in self.crop.recipes:
            raise ValueError(f"heatmaps.recipe {self.heatmaps.recipe!r} needs its box: add it to crop.recipes")
        return self


def load_preset(path: Path, name: str) -> Preset:
    """Read preset `name` of params.yaml; raise ParamError with the place, and the nearest known name."""
    try:
        document = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise ParamError(f"{path} is not there; run this from a harcache checkout") from error
    except yaml.YAMLError as error:
        raise ParamError(f"{path} is not YAML: {error}") from error
    presets = document.get("presets", {}) if isinstance(document, dict) else {}
    if name not in presets:
        raise ParamError(f"{path}: no preset {name!r}{_nearest(name, list(presets))}; it has {sorted(presets)}")
    try:
        return Preset.model_validate(presets[name])
    except ValidationError as error:
        raise ParamError(_explain(path, name, error)) from error


def _explain(path: Path, preset: str, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            key = str(problem["loc"][-1])
            lines.append(f"  presets.{preset}.{place}: unknown key{_nearest(key, _known_keys(problem['loc']))}")
        else:
            lines.append(f"  presets.{preset}.{place}: {problem['msg']}, got {problem['input']!r}"[:400])
    return f"{path} cannot be used:\n" + "\n".join(lines)


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    """Field names of the section that holds `place`."""
    section: Any = Preset
    for part in place[:-1]:
        section = _child(section, str(part))
        if section is None:
            return []
    return list(section.model_fields) if hasattr(section, "model_fields") else []


def _child(section: Any, name: str) -> Any:
    """The model class behind one key; through a dict, the class of its values."""
    if isinstance(section, _Values):
        return section.section
    field = section.model_fields.get(name)
    if field is None:
        return None
    annotation = field.annotation
    arguments = [*getattr(annotation, "__args__", ()), annotation]
    for candidate in arguments:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return _Values(candidate) if getattr(annotation, "__origin__", None) is dict else candidate
    return None


class _Values:
    """Stands for a dict's values on the way down to the section that holds a key."""

    def __init__(self, section: type[BaseModel]) -> None:
        self.section = section


def _nearest(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
