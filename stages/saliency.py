"""Command `saliency`: which body parts the trained networks look at, on test clips (AMFI-Net, section 4.3.5)."""

from typing import TYPE_CHECKING

from models.device import use_cores
from models.figures.saliency import SalientNetwork
from models.training.frozen import Inference
from pipeline.build.runner import RunOptions
from pipeline.inputs.inputs import ClipInput
from pipeline.paths import Paths
from pipeline.saliency.measure import Saliency, measured
from pipeline.training.trainings import Training

if TYPE_CHECKING:
    from pipeline.params.params import Preset


def run(paths: Paths, preset: "Preset", options: RunOptions) -> Saliency:
    """Measure every network that lies in weights/<dataset>/backbones with its classifier; nothing is written."""
    use_cores(options.cores)

    def load(training: Training, source: ClipInput, num_classes: int) -> SalientNetwork:
        loaded = Inference(options.threads).learned(
            preset.pretrain.backbones[training.name].model,
            training.weights,
            shape=source.shape,
            edges=source.edges,
            name=training.file,
            classifier=training.classifier,
            num_classes=num_classes,
        )
        return SalientNetwork(loaded.backbone)

    return measured(paths, preset, load)
