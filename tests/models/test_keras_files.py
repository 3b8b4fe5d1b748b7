"""Networks saved as `.keras` files are read by a process that imports `cyclegan_tf.models`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from arrays import numbers

from cyclegan_tf.models.generators import generator

NETWORKS = {
    "resnet_1": {},
    "gated_resnet_1": {},
    "unet_32": {"dropout": True, "norm": "batch"},
    "segnet": {"norm": "batch"},
    "encoder_decoder": {"upsampling": "transposed"},
}
READ = """
import sys
import keras, numpy as np
import cyclegan_tf.models

folder = sys.argv[1]
found = {}
for name in sys.argv[2:]:
    network = keras.models.load_model(f"{folder}/{name}.keras")
    images = np.load(f"{folder}/images.npy")
    found[name] = network(images, training=False)
np.savez(f"{folder}/found.npz", **found)
"""


def test_saved_networks_are_read_by_a_fresh_process(tmp_path: Path) -> None:
    images, expected = numbers(1, 32, 32, 3), {}
    np.save(tmp_path / "images.npy", images)
    for name, options in NETWORKS.items():
        network = generator(name, filters=2, eval_mode=True, **options)
        network.save(tmp_path / f"{name}.keras")
        expected[name] = network(images, training=False)
    command = [sys.executable, "-c", READ, str(tmp_path), *NETWORKS]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "found.npz") as found:
        for name, images in expected.items():
            np.testing.assert_allclose(found[name], images, atol=1e-6, err_msg=name)
