"""What tests share: two logical CPUs in place of two GPUs, small data, and a small model served."""

import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cyclegan_tf.training.distribution import make_strategy

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

# Optimizing a graph takes longer than the few steps a test runs on it.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


# Every test and fixture has random numbers of its own, the same whatever ran before.


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> None:
    keras.utils.set_random_seed(zlib.crc32(fixturedef.argname.encode()))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    keras.utils.set_random_seed(zlib.crc32(item.nodeid.encode()))


@pytest.fixture(params=[1, 2], ids=["one replica", "two replicas"])
def strategy(request: pytest.FixtureRequest) -> tf.distribute.Strategy:
    """TensorFlow's default strategy, and a mirrored one."""
    return make_strategy(request.param, batch_size=2)


@pytest.fixture(scope="session")
def picture_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with trainA, trainB, testA, testB: smooth 40x36 pictures, reddish and bluish.

    Test pairs are aligned: the same picture with red and blue exchanged.
    """
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for domain, count in (("trainA", 6), ("trainB", 9), ("testA", 3), ("testB", 3)):
        (root / domain).mkdir()
        if domain.startswith("test"):
            rng = np.random.default_rng(1)
        for number in range(count):
            coarse = rng.integers(0, 256, (5, 4, 3)).astype(np.uint8)
            coarse[..., 2] //= 4
            if domain.endswith("B"):
                coarse = coarse[..., ::-1]
            image = Image.fromarray(np.ascontiguousarray(coarse)).resize((36, 40))
            image.save(root / domain / f"{number:02d}.png")
    return root


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of 2 MiB of its own, which really fills up and can be made read-only."""
    folder = tmp_path_factory.mktemp("disk")
    mounting = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("needs to be allowed to mount a file system")
    yield folder
    # Lazily: a process that was killed may take a moment to let go.
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium or Chrome: the one that is installed, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra dev)")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("needs Chromium or Chrome")
    # Its sandbox does not start for root, and nothing of what it does by itself is wanted here.
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=quiet)
        yield started
        started.close()


@pytest.fixture(scope="session")
def small_generators() -> dict[str, Any]:
    """Untrained generators of both directions, of few filters."""
    from cyclegan_tf.models.generators import generator

    names = {"a2b": "generator_ab", "b2a": "generator_ba"}
    # Of small weights, all results would be about the same grey.
    return {
        direction: generator("gated_resnet_1", filters=4, init_gain=0.5, name=name)
        for direction, name in names.items()
    }


@pytest.fixture(scope="session")
def exported_model(
    small_generators: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a model with one version, of `small_generators`; up to 10,000 pixels."""
    from cyclegan_tf.serving.model_card import Provenance
    from cyclegan_tf.serving.saved_model import export

    base = tmp_path_factory.mktemp("served") / "tiny"
    export(small_generators, base, Provenance({"data": "none"}, (16, 20)), max_pixels=10_000)
    return base


@pytest.fixture(scope="session")
def serving_double(exported_model: Path) -> Iterator[Any]:
    """The double of TF Serving over `exported_model`, see `serving_double.ServingDouble`."""
    pytest.importorskip("tensorflow_serving", reason="serving needs tensorflow-serving-api")
    from serving_double import ServingDouble

    with ServingDouble(exported_model) as server:
        yield server
