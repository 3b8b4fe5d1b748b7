"""All options of a run, each with its default, help text and bounds.

`cli.py` derives the command line from these dataclasses; `config.py` combines them.
"""

from dataclasses import dataclass
from typing import Any

from cyclegan_tf.config.generators import GeneratorSpec
from cyclegan_tf.config.option import Options, option

# Display names of the models, by the value of the flag.
MODELS = {"cyclegan": "CycleGAN", "pix2pix": "pix2pix", "autoencoder": "autoencoder"}
EVAL_MODE = (
    "Translate with dropout off and running batch statistics. By default, as published, dropout "
    "stays on and batch norm uses the statistics of each image."
)
AUGMENTATIONS = ("flip", "crop", "rotate", "colour")
PREPROCESS = ("resize_and_crop", "resize", "crop", "scale_width", "scale_width_and_crop", "none")


@dataclass(frozen=True)
class DataConfig(Options):
    """Source of the images and their preprocessing."""

    data: str = option(
        "",
        "A folder with trainA and trainB (and testA, testB); for paired models also one with "
        "train and test of images A|B side by side; tfds:NAME/CONFIG; or a built-in data set: "
        "avatars/blond2ginger, avatars/short2long, avatars/parts, earth/satellite2relief.",
    )
    data_a: str = option("", "Folder of domain A, instead of --data.")
    data_b: str = option("", "Folder of domain B, instead of --data.")
    name_a: str = option(
        "",
        "Name of domain A on sheets and pages, at most 60 characters (default: the name of its "
        "folder or of the built-in domain, otherwise A).",
        pattern=".{0,60}",
        may_change=True,
    )
    name_b: str = option(
        "",
        "Name of domain B on sheets and pages, at most 60 characters (default: as for A).",
        pattern=".{0,60}",
        may_change=True,
    )
    swap: bool = option(False, "Swap domains A and B.")
    channels_a: int = option(
        3, "Channels of domain A: 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA.", minimum=1, maximum=4
    )
    channels_b: int = option(
        3, "Channels of domain B: 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA.", minimum=1, maximum=4
    )
    preprocess: str = option(
        "resize_and_crop", "How images are brought to network size.", choices=PREPROCESS
    )
    load_size: int = option(286, "Size that images are resized to, in pixels.", minimum=8)
    crop_size: int = option(256, "Size of the training crops, in pixels.", minimum=8)
    augment: str = option(
        "flip,crop", f"Comma list of {', '.join(AUGMENTATIONS)}; or none.", pattern="[a-z,]+"
    )
    batch_size: int = option(1, "Images of each domain per step, over all replicas.", minimum=1)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """`augment` as a tuple of names, empty for `none`."""
        return () if self.augment == "none" else tuple(self.augment.split(","))


@dataclass(frozen=True)
class ModelConfig(Options):
    """The networks."""

    model: str = option(
        "cyclegan",
        "cyclegan for two unpaired domains; pix2pix for pairs; autoencoder for training without "
        "an adversarial loss. Defaults differ between models, see docs/fidelity.md.",
        choices=tuple(MODELS),
    )
    generator: str = option(
        "resnet_9",
        "resnet_N with N residual blocks (6 for 128 px, 9 from 256 px on); gated_resnet_N, "
        "which blends its output with its input; unet_N for sizes that are multiples of N px, a "
        "power of 2; encoder_decoder; or segnet.",
    )
    upsampling: str = option(
        "transposed",
        "Upsampling in the generator: transposed convolution, or resize then convolution, which "
        "avoids checkerboard artifacts.",
        choices=("transposed", "resize"),
    )
    bottleneck: int | None = option(
        None,
        "Channels of the narrowest layer of encoder_decoder (default: same as adjacent layers).",
        minimum=1,
    )
    discriminator: str = option(
        "patch",
        "patch classifies overlapping patches; pixel classifies each pixel independently.",
        choices=("patch", "pixel"),
        models=("cyclegan", "pix2pix"),
    )
    discriminator_layers: int = option(
        3,
        "Strided layers of the PatchGAN; 3 give a receptive field of 70 px.",
        minimum=1,
        maximum=5,
        models=("cyclegan", "pix2pix"),
    )
    filters: int = option(64, "Channels of the generator's first layer.", minimum=1)
    discriminator_filters: int | None = option(
        None,
        "Channels of the discriminator's first layer (default: filters).",
        minimum=1,
        models=("cyclegan", "pix2pix"),
    )
    norm: str = option(
        "instance",
        "Normalization after a convolution.",
        choices=("instance", "batch", "none"),
    )
    spectral_norm: bool = option(
        False,
        "Divide each of the discriminator's kernels by its largest singular value.",
        models=("cyclegan", "pix2pix"),
    )
    dropout: bool | None = option(
        None,
        "Dropout of 0.5 in residual blocks or U-Net up layers (default: on for pix2pix, if its "
        "generator supports it).",
    )
    init_weights: str = option(
        "normal",
        "Distribution of the initial kernels.",
        choices=("normal", "xavier", "kaiming", "orthogonal"),
    )
    init_gain: float | None = option(
        None,
        "Standard deviation of the initial kernels for normal, gain factor otherwise (default: "
        "0.02, for kaiming 1).",
        above=0.0,
    )

    @property
    def drops(self) -> bool:
        """Whether the generator has dropout: `dropout`, or the published default."""
        if self.dropout is not None:
            return self.dropout
        return self.model == "pix2pix" and self.architecture.traits.dropout

    @property
    def architecture(self) -> GeneratorSpec:
        """The parsed `generator`."""
        return GeneratorSpec.parse(self.generator)

    def validate(self) -> "ModelConfig":
        GeneratorSpec.parse(self.generator)
        return super().validate()


@dataclass(frozen=True)
class ObjectiveConfig(Options):
    """The losses and their weights."""

    gan_mode: str = option(
        "lsgan",
        "Adversarial loss: least squares, cross-entropy, Wasserstein with gradient penalty, hinge.",
        choices=("lsgan", "vanilla", "wgangp", "hinge"),
        models=("cyclegan", "pix2pix"),
    )
    lambda_gradient_penalty: float = option(
        10.0,
        "Weight of the gradient penalty of --gan_mode=wgangp.",
        minimum=0.0,
        models=("cyclegan", "pix2pix"),
    )
    lambda_cycle: float = option(
        10.0, "Weight of the cycle losses.", minimum=0.0, models=("cyclegan",)
    )
    lambda_a: float | None = option(
        None,
        "Weight of the cycle a -> b -> a (default: lambda_cycle).",
        minimum=0.0,
        models=("cyclegan",),
    )
    lambda_b: float | None = option(
        None,
        "Weight of the cycle b -> a -> b (default: lambda_cycle).",
        minimum=0.0,
        models=("cyclegan",),
    )
    lambda_identity: float = option(
        0.5,
        "Weight of the identity losses, relative to the cycle weights.",
        minimum=0.0,
        models=("cyclegan",),
    )
    lambda_l1: float = option(
        100.0, "Weight of the L1 distance to the target.", minimum=0.0, models=("pix2pix",)
    )
    pool_size: int = option(
        50, "Generated images kept for the discriminators.", minimum=0, models=("cyclegan",)
    )
    task: str = option(
        "reconstruct",
        "reconstruct the images of A; translate them to their pairs in B; or segment them: B "
        "holds class indices.",
        choices=("reconstruct", "translate", "segment"),
        models=("autoencoder",),
    )
    pixel_loss: str = option(
        "l2",
        "Distance to the target: absolute (l1) or squared (l2) difference.",
        choices=("l1", "l2"),
        models=("autoencoder",),
    )
    noise: float = option(
        0.0,
        "Standard deviation of the noise added to inputs in training and evaluation, on the scale "
        "[-1, 1].",
        minimum=0.0,
        models=("autoencoder",),
    )
    classes: int | None = option(
        None,
        "Number of classes to segment, numbered from 0 (default: from a built-in data set).",
        minimum=2,
        maximum=256,
        models=("autoencoder",),
    )


@dataclass(frozen=True)
class OptimizerConfig(Options):
    """Optimizer, learning rate schedule and precision."""

    learning_rate: float = option(2e-4, "Adam's learning rate.", above=0.0)
    schedule: str = option(
        "linear",
        "linear: constant for --epochs, then linear to zero over --decay_epochs; step: times 0.1 "
        "every --decay_every epochs; cosine: half a period over all epochs; or constant.",
        choices=("linear", "step", "cosine", "constant"),
    )
    epochs: int = option(100, "Epochs at the full learning rate.", minimum=1)
    decay_epochs: int = option(100, "Epochs after --epochs, of learning rate decay.", minimum=0)
    decay_every: int = option(50, "Epochs between the drops of --schedule=step.", minimum=1)
    ema: float = option(
        0.0,
        "Decay per step of an exponential moving average of the generators, used for samples and "
        "results; 0 turns it off.",
        minimum=0.0,
        maximum=0.9999999,
    )
    precision: str = option(
        "float32",
        "Precision: float32, mixed_float16 (with loss scaling) or mixed_bfloat16.",
        choices=("float32", "mixed_float16", "mixed_bfloat16"),
    )
    jit_compile: bool | None = option(
        None,
        "Compile the step with XLA. Default: on a single GPU, if all images have one size; the "
        "first step then takes about a minute longer, and the others a quarter of the time.",
    )
    seed: int = option(
        0, "Seed of weights, order, augmentation and pool.", minimum=0, maximum=2**32 - 1
    )


@dataclass(frozen=True)
class RunConfig(Options):
    """Duration, intervals and devices; these options may change when a run resumes."""

    max_steps: int | None = option(
        None, "Maximum number of steps of the whole run; limits the epochs.", minimum=1
    )
    replicas: int | None = option(
        None,
        "GPUs to use, or logical CPUs on a machine without GPU (default: as many GPUs as divide "
        "the batch). If TF_CONFIG names several workers: GPUs per worker (default: 1).",
        minimum=1,
    )
    wait_for_workers: float = option(
        300.0, "Seconds to wait at the start for the other workers of TF_CONFIG.", above=0.0
    )
    intra_op_threads: int | None = option(
        None,
        "CPU threads within an operation (default: all cores). 1 is faster for small networks, "
        "whose two halves then run in parallel.",
        minimum=1,
    )
    steps_per_call: int = option(
        1,
        "Steps per call of the graph; more than 1 helps accelerators that wait for Python.",
        minimum=1,
    )
    remat: bool = option(
        False,
        "Recompute the activations of generators for their gradients instead of storing them "
        "(rematerialization): less memory, about a third more time.",
    )
    eval_mode: bool = option(False, EVAL_MODE)
    cache_gb: float = option(
        4.0,
        "Memory for decoded training images, in GiB; others are decoded again in each epoch.",
        minimum=0.0,
    )
    log_every: int = option(50, "Steps between lines of metrics.jsonl.", minimum=1)
    sample_every: int = option(500, "Steps between sample sheets.", minimum=1)
    checkpoint_every: int = option(1000, "Steps between checkpoints.", minimum=1)
    keep_checkpoints: int = option(3, "Number of checkpoints to keep.", minimum=1)


# Defaults of other models, where they differ from CycleGAN's in the classes above.
MODEL_DEFAULTS: dict[str, dict[str, Any]] = {
    "pix2pix": {"generator": "unet_256", "norm": "batch", "gan_mode": "vanilla"},
    # Normalizing with the statistics of each image, as in adversarial models, loses its colours.
    "autoencoder": {
        "generator": "encoder_decoder",
        "norm": "batch",
        "load_size": 256,
        "eval_mode": True,
    },
}
