"""Exporting generators as a version for TF Serving: written, verified, then published."""

import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import encode_png, find_images, read_image, to_float
from cyclegan_tf.serving.checks import Check, check
from cyclegan_tf.serving.configuration import model_name, write_configuration
from cyclegan_tf.serving.model_card import Provenance, model_card
from cyclegan_tf.serving.portable import FORMATS, write_portable
from cyclegan_tf.serving.publishing import new_version
from cyclegan_tf.serving.signatures import IMAGE, IMAGE_BYTES, Signatures
from cyclegan_tf.serving.warmup import write_warmup

# At 2048x2048 pixels, a layer of 64 channels at full resolution takes 1 GiB.
MAX_PIXELS = 2048 * 2048
_MOST_SAMPLES = 8
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A published version.

    Attributes:
        name: Name of the model.
        folder: Folder of the version.
        checks: Results of the checks, all passed.
    """

    name: str
    folder: Path
    checks: list[Check]


def export(
    generators: Mapping[str, keras.Model],
    base: str | Path,
    provenance: Provenance,
    version: int | None = None,
    max_pixels: int = MAX_PIXELS,
    samples: str | Path | None = None,
    formats: Sequence[str] = (),
) -> Published:
    """Publish generators as `base/VERSION`, and TF Serving's configuration files in `base`.

    The version contains a SavedModel, warm-up requests, `model_card.md` and `report.json`.

    Args:
        generators: By direction, `a2b` and optionally `b2a`. Inputs and outputs are float32
            `(batch, height, width, channels)` in [-1, 1].
        base: Folder of the model; its name is the model's name.
        provenance: Origin of the generators.
        version: Number of the version; None for the next one.
        max_pixels: Images with more pixels are rejected.
        samples: Folder of images to verify with, besides generated ones. Skips too large ones.
        formats: Additional formats from `portable.FORMATS`, as `assets.extra/DIRECTION.FORMAT`.

    Raises:
        UserError: If a check fails, the version exists, or it cannot be written. Nothing is
            published then.
    """
    for name, number in (("version", version), ("max_pixels", max_pixels)):
        if number is not None and number < 1:
            raise UserError(f"`{name}={number}`: expected at least 1")
    if unknown := set(formats) - {*FORMATS}:
        raise UserError(f"`format={unknown.pop()}`: expected {' or '.join(FORMATS)}")
    base = Path(base)
    height, width = provenance.size
    if height * width > max_pixels:
        raise UserError(f"`max_pixels={max_pixels}`: less than the training size, {width}x{height}")
    images = {}
    for direction, generator in generators.items():
        found = _test_images(generator.input_shape[-1], provenance, samples)
        images[direction] = [p for p in found if p.shape[0] * p.shape[1] <= max_pixels]
    name = model_name(base)
    with new_version(base, version) as (number, folder):
        try:
            _save(generators, folder, max_pixels)
            write_warmup(folder, name, _requests(images))
        except tf.errors.OpError as error:
            raise UserError(f"cannot write to {base}: {error.message}") from error
        counts = ", ".join(f"{d} on {len(p)} images" for d, p in images.items())
        _log.info("wrote version %d; comparing it with the run: %s", number, counts)
        checks, extras = check(folder, generators, images), folder / "assets.extra"
        checks += [
            write_portable(kind, g, extras / f"{direction}.{kind}", provenance.size)
            for kind in formats
            for direction, g in generators.items()
        ]
        failed = [f"{check.name} ({check})" for check in checks if not check.passed]
        if failed:
            raise UserError(f"nothing was published, a check failed: {'; '.join(failed)}")
        report = {"model": name, "version": number, "tensorflow": tf.__version__}
        report["checks"] = [dataclasses.asdict(check) for check in checks]
        (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        card = model_card(name, number, generators, max_pixels, provenance, checks)
        (folder / "model_card.md").write_text(card)
        write_configuration(base)
    return Published(name, base / str(number), checks)


def _save(generators: Mapping[str, keras.Model], folder: Path, max_pixels: int) -> None:
    module = tf.Module()
    signatures = {}
    for direction, generator in generators.items():
        translator = Signatures(generator, max_pixels)
        setattr(module, direction, translator)
        signatures[direction] = translator.encoded
        signatures[f"{direction}_float"] = translator.floats
    signatures["serving_default"] = signatures.get("a2b", next(iter(signatures.values())))
    # Nothing is trained in a server.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(folder), signatures, options)


def _test_images(
    channels: int, provenance: Provenance, samples: str | Path | None
) -> list[np.ndarray]:
    """Generate test images, in the training size and two others, and read the samples."""
    random = np.random.default_rng(0)
    images = []
    for height, width in (provenance.size, (61, 83), (9, 40)):
        waves = np.add.outer(np.arange(height) / height, np.arange(width) / width)
        smooth = np.sin(6 * waves[..., np.newaxis] + np.arange(channels)) * 100 + 127
        noisy = smooth + random.normal(0, 9, smooth.shape)
        images.append(np.clip(noisy, 0, 255).astype(np.uint8))
    if samples is None:
        return images
    names, _ = find_images(samples)
    if not names:
        raise UserError(f"`samples={samples}` contains no images")
    return images + [read_image(Path(samples) / name, channels) for name in names[:_MOST_SAMPLES]]


def _requests(
    images: Mapping[str, Sequence[np.ndarray]],
) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Return a request with one image of the training size for each signature."""
    requests = []
    for direction, (pixels, *_) in images.items():
        image = to_float(pixels[np.newaxis]).numpy()
        requests.append((direction, {IMAGE_BYTES: np.array([encode_png(pixels)], object)}))
        requests.append((f"{direction}_float", {IMAGE: image}))
    return requests
