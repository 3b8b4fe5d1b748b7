"""Building the parts of a run from its configuration: data, networks and the compiled model."""

import dataclasses
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf import compat
from cyclegan_tf.config.config import Config
from cyclegan_tf.config.direction import Direction
from cyclegan_tf.data.builders.features import LABELS
from cyclegan_tf.data.domain import Domain
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.data.pipeline import (
    Share,
    evaluation_pictures,
    keep_pairs,
    naming_pictures,
    paired_dataset,
    unpaired_dataset,
)
from cyclegan_tf.data.sources import open_sources
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import to_uint8
from cyclegan_tf.models.adam import adam
from cyclegan_tf.models.autoencoder import Autoencoder
from cyclegan_tf.models.cyclegan import CycleGAN
from cyclegan_tf.models.discriminators import discriminator
from cyclegan_tf.models.generators import generator
from cyclegan_tf.models.pix2pix import Pix2Pix
from cyclegan_tf.models.translator import Translator
from cyclegan_tf.training.schedules import learning_rate

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Data:
    """Both domains of a split, and whether their images are aligned."""

    a: Domain
    b: Domain
    aligned: bool

    @classmethod
    def load(cls, config: Config, split: str) -> "Data | None":
        """Open and check the images of a split; return None if there is no test split.

        Args:
            config: Configuration of the run.
            split: `train` or `test`.

        Raises:
            UserError: If the data is missing, or too many images are unreadable.
        """
        data = config.data
        sources = open_sources(
            data.data,
            data.data_a,
            # Reconstructing images needs one domain only.
            data.data_b or ("" if config.needs_b else data.data_a),
            split=split,
            channels_a=data.channels_a,
            channels_b=data.channels_b,
            load_size=data.load_size,
            paired=config.paired,
            swap=data.swap,
            classes_b=class_count(config) if segments(config) else None,
        )
        if sources is None:
            return None
        # Test images are read a few times per run, training images in every epoch.
        cache_gb = config.run.cache_gb / 2 if split == "train" else 0.0
        a = Domain.load(sources.a, geometry(config), cache_gb=cache_gb, name=f"{split}A")
        if not config.needs_b:
            return cls(a, a, aligned=True)
        b_geometry = dataclasses.replace(geometry(config), nearest=segments(config))
        b = Domain.load(sources.b, b_geometry, cache_gb=cache_gb, name=f"{split}B")
        aligned = sources.aligned and (config.paired or split == "test")
        if aligned:
            a, b = keep_pairs(a, b)
        if aligned and not config.paired:
            _log.info("assuming that test pairs are aligned: they have equal names or are built in")
        return cls(a, b, aligned)


def segments(config: Config) -> bool:
    """Whether domain B contains label maps."""
    return config.objective.task == "segment"


def class_count(config: Config) -> int:
    """Return the number of classes of domain B.

    Raises:
        UserError: If it is neither given nor known.
    """
    count = config.objective.classes or len(LABELS.get(config.data.data, ()))
    if not count:
        raise UserError("`task=segment` needs `classes`, the number of classes in domain B")
    return count


def geometry(config: Config) -> Geometry:
    """Return the geometry that brings images to network size."""
    data = config.data
    return Geometry(
        data.preprocess, data.load_size, data.crop_size, multiple=config.model.architecture.multiple
    )


def batches(
    config: Config, data: Data, start_step: int, stop_step: int, share: Share = Share()
) -> tf.data.Dataset:
    """Return the stream of global batches, or a share of each, starting at a step.

    Batches are paired if the model needs pairs.

    Args:
        config: Configuration of the run.
        data: The training split.
        start_step: Number of the first batch, from 0.
        stop_step: Number after the last batch.

    Returns:
        Pairs of A and B, float32 `(batch_size, height, width, channels)` in [-1, 1]; label maps
        are class indices, uint8 `(batch_size, height, width, 1)`.
    """
    make = unpaired_dataset if config.model.model == "cyclegan" else paired_dataset
    stream = make(
        data.a,
        data.b,
        geometry=geometry(config),
        augment=config.data.augmentations,
        batch_size=config.data.batch_size,
        seed=config.optimizer.seed,
        start_step=start_step,
        stop_step=stop_step,
        share=share,
    )
    return stream.map(lambda a, b: (a, to_uint8(b))) if segments(config) else stream


def evaluation_inputs(config: Config, data: Data) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Return both domains in order, for evaluation. A gets noise if the run trains with noise.

    The noise of an image is a function of the seed and its index.

    Returns:
        Data sets of A and B, with elements float32 `(1, height, width, channels)` in [-1, 1].
    """
    a, b = (evaluation_pictures(domain, geometry(config)) for domain in (data.a, data.b))
    noise, seed = config.objective.noise, config.optimizer.seed

    def noisy(number: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        key = tf.stack([tf.constant(seed, tf.int64), number])
        return image + noise * tf.random.stateless_normal(tf.shape(image), key)

    return (a.enumerate().map(noisy) if noise else a), b


def evaluation_levels(
    config: Config, data: Data
) -> tuple[Iterator[np.ndarray], Iterator[np.ndarray]]:
    """Return `evaluation_inputs` as iterators of arrays, uint8 `(height, width, channels)`.

    Raises:
        UserError: During iteration, if an image can no longer be read.
    """

    def levels(domain: tf.data.Dataset) -> Iterator[np.ndarray]:
        with naming_pictures():
            for image in domain:
                yield to_uint8(image)[0].numpy()

    a, b = evaluation_inputs(config, data)
    return levels(a), levels(b)


def build_generators(config: Config) -> dict[Direction, keras.Model]:
    """Build the generators by direction (`a2b`, and `b2a` for CycleGAN), with initial weights."""
    model, data = config.model, config.data
    own: dict[str, Any] = {}
    if model.architecture.traits.dropout:
        own["dropout"] = model.drops
    if model.architecture.traits.bottleneck:
        own["bottleneck"] = model.bottleneck
    if segments(config):
        own["labels"] = True
    a, b = data.channels_a, data.channels_b if config.needs_b else data.channels_a
    if segments(config):
        b = class_count(config)
    directions = Direction if model.model == "cyclegan" else (Direction.A2B,)
    channels = {direction: direction.ordered(a, b) for direction in directions}
    with compat.precision(config.optimizer.precision):
        return {
            direction: generator(
                model.generator,
                in_channels=source,
                out_channels=target,
                filters=model.filters,
                upsampling=model.upsampling,
                eval_mode=config.run.eval_mode,
                name=direction.generator,
                **own,
                **_style(config),
            )
            for direction, (source, target) in channels.items()
        }


def _style(config: Config) -> dict[str, Any]:
    model = config.model
    return {
        "norm": model.norm,
        "init_weights": model.init_weights,
        "init_gain": model.init_gain,
    }


def _discriminator(config: Config, channels: int, name: str) -> keras.Model:
    model = config.model
    return discriminator(
        model.discriminator,
        model.discriminator_layers,
        channels=channels,
        filters=model.discriminator_filters or model.filters,
        spectral=model.spectral_norm,
        penalized=config.objective.gan_mode == "wgangp",
        name=name,
        **_style(config),
    )


def build_model(config: Config, steps_per_epoch: int) -> Translator:
    """Build the compiled model of a run; call it inside the strategy's scope."""
    keras.utils.set_random_seed(config.optimizer.seed)
    generators = list(build_generators(config).values())
    build = {"cyclegan": _cyclegan, "pix2pix": _pix2pix, "autoencoder": _autoencoder}
    shared = {
        "ema": config.optimizer.ema,
        "remat": config.run.remat,
        "seed": config.optimizer.seed,
    }
    with compat.precision(config.optimizer.precision):
        model = build[config.model.model](config, generators, shared)
    rate = rate_of(config, steps_per_epoch)
    model.compile(*(adam(rate) for _ in model.players))
    return model


def _cyclegan(config: Config, generators: list[keras.Model], shared: dict[str, Any]) -> CycleGAN:
    generator_ab, generator_ba = generators
    height, width = geometry(config).output_size
    objective = config.objective
    return CycleGAN(
        generator_ab,
        generator_ba,
        _discriminator(config, config.data.channels_a, "discriminator_a"),
        _discriminator(config, config.data.channels_b, "discriminator_b"),
        image_size=(height or 0, width or 0),
        gan_mode=objective.gan_mode,
        lambda_gradient_penalty=objective.lambda_gradient_penalty,
        lambda_cycle=objective.lambda_cycle,
        lambda_a=objective.lambda_a,
        lambda_b=objective.lambda_b,
        lambda_identity=objective.lambda_identity,
        pool_size=objective.pool_size,
        **shared,
    )


def _pix2pix(config: Config, generators: list[keras.Model], shared: dict[str, Any]) -> Pix2Pix:
    (generator_ab,) = generators
    pair = config.data.channels_a + config.data.channels_b
    objective = config.objective
    return Pix2Pix(
        generator_ab,
        _discriminator(config, pair, "discriminator"),
        gan_mode=objective.gan_mode,
        lambda_gradient_penalty=objective.lambda_gradient_penalty,
        lambda_l1=objective.lambda_l1,
        **shared,
    )


def _autoencoder(
    config: Config, generators: list[keras.Model], shared: dict[str, Any]
) -> Autoencoder:
    (generator_ab,) = generators
    loss = "cross_entropy" if segments(config) else config.objective.pixel_loss
    return Autoencoder(generator_ab, loss=loss, noise=config.objective.noise, **shared)


def rate_of(config: Config, steps_per_epoch: int) -> Any:
    """Return the learning rate of a run, as a number or a schedule for an optimizer."""
    optimizer = config.optimizer
    return learning_rate(
        optimizer.schedule,
        optimizer.learning_rate,
        steps_per_epoch,
        optimizer.epochs,
        optimizer.decay_epochs,
        optimizer.decay_every,
    )
