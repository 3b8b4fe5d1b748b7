"""From a configuration to data and networks: what only the assembly decides."""

from pathlib import Path

import numpy as np

from cyclegan_tf.config.config import Config
from cyclegan_tf.runs import assembly


def evaluation_inputs(folders: Path, **options: object) -> tuple[list[np.ndarray], ...]:
    config = Config.of("autoencoder").replace(
        {"model": "autoencoder", "data": str(folders), "load_size": 16, "crop_size": 16, **options}
    )
    data = assembly.Data.load(config, "test")
    assert data is not None
    a, b = assembly.evaluation_inputs(config, data)
    return list(a.as_numpy_iterator()), list(b.as_numpy_iterator())


def test_a_denoiser_is_tested_on_noise_and_its_truth_has_none(picture_folders: Path) -> None:
    clean, truths = evaluation_inputs(picture_folders)
    noisy, same_truths = evaluation_inputs(picture_folders, noise=0.3)
    np.testing.assert_array_equal(truths, clean)
    np.testing.assert_array_equal(same_truths, clean)
    noise = np.subtract(noisy, clean)
    np.testing.assert_allclose([noise.mean(), noise.std()], [0.0, 0.3], atol=0.03)
    assert not np.array_equal(noise[0], noise[1])


def test_the_noise_of_a_test_picture_is_a_function_of_seed_and_number(
    picture_folders: Path,
) -> None:
    first, again, other = (
        evaluation_inputs(picture_folders, noise=0.3, seed=seed)[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
