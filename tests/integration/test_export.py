"""Exporting as people do it, and the result in processes that know nothing of this package."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from cyclegan_tf import export, train
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import encode_png as png
from cyclegan_tf.images.images import read_image, to_float
from cyclegan_tf.translation.network import translator

TINY = ("--generator=resnet_1", "--filters=3", "--discriminator_layers=1", "--load_size=20")
C_API = Path(__file__).parents[1] / "c_api.py"


@pytest.fixture(scope="module")
def run(picture_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step."""
    workdir = tmp_path_factory.mktemp("run")
    flags = (f"--data={picture_folders}", f"--workdir={workdir}", "--crop_size=16", *TINY)
    assert train.main(["train", *flags, "--max_steps=1"]) == 0
    return workdir


def start(*flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cyclegan_tf.export", *flags]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def published(base: Path) -> list[str]:
    return [path.name for path in base.glob("*") if path.name.isdecimal()]


def test_a_killed_export_publishes_nothing_and_the_next_one_does(run: Path, tmp_path: Path) -> None:
    base = tmp_path / "served/tiny"
    process = start(f"--workdir={run}", f"--output={base}")
    deadline = time.monotonic() + 240
    while not (base / ".1.partial/saved_model.pb").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert (base / ".1.partial").exists() and published(base) == []
    of_step = run / "evaluation/step-00000001"
    of_step.mkdir(parents=True)
    shutil.copy(run / "evaluation.json", of_step)
    process = start(f"--workdir={run}", f"--output={base}", "--step=1")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert published(base) == ["1"] and not (base / ".1.partial").exists()
    assert "a2b matches translate" in out and str(base / "1") in out
    card = (base / "1/model_card.md").read_text()
    assert "changed-pixel error" in card and "resnet_1" in card
    assert "the checkpoint of step 1" in card


def test_mistakes_are_one_line_and_a_status(tmp_path: Path) -> None:
    process = start("--workdir=nowhere", f"--output={tmp_path / 'x'}")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert err.startswith("error: ") and "no config.json" in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_a_step_that_was_not_kept_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no checkpoint of step 7 in .*; available steps: 1"):
        export.main(["export", f"--workdir={run}", f"--output={tmp_path / 'x'}", "--step=7"])
    assert not (tmp_path / "x").exists()


def test_other_formats_are_refused(run: Path, tmp_path: Path) -> None:
    flags = [f"--workdir={run}", f"--output={tmp_path / 'x'}", "--format=tflite,coreml"]
    with pytest.raises(UserError, match="--format=coreml: expected tflite or onnx"):
        export.main(["export", *flags])
    assert not (tmp_path / "x").exists()


class CApi:
    """A version behind TensorFlow's C API, in a process without its Python."""

    def __init__(self, version: Path) -> None:
        self.version = version
        model = SavedModel.FromString((version / "saved_model.pb").read_bytes())
        self.signatures = model.meta_graphs[0].signature_def

    def ask(self, *requests: tuple[str, np.ndarray]) -> list[dict[str, Any]]:
        """Runs arrays through signatures of one input each; answers have `outputs` by name."""
        job = {
            "library": str(Path(tf.__file__).parent / "libtensorflow_cc.so.2"),
            "model": str(self.version),
            "requests": [self._request(*request) for request in requests],
        }
        command = [sys.executable, str(C_API)]
        found = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True)
        assert found.returncode == 0, found.stderr
        result = json.loads(found.stdout)
        assert not {"tensorflow", "keras", "cyclegan_tf", "numpy"} & set(result["modules"])
        for (signature, _), answer in zip(requests, result["answers"], strict=True):
            arrays = map(self._array, answer["outputs"])
            answer["outputs"] = dict(zip(self.signatures[signature].outputs, arrays, strict=False))
        return result["answers"]

    def _request(self, signature: str, array: np.ndarray) -> dict[str, Any]:
        ((_, tensor),) = self.signatures[signature].inputs.items()
        outputs = [info.name for info in self.signatures[signature].outputs.values()]
        strings = array.dtype == object
        values = array.ravel().tolist() if strings else [array.tobytes()]
        encoded = [base64.b64encode(value).decode() for value in values]
        dtype = "string" if strings else array.dtype.name
        given = {"dtype": dtype, "shape": array.shape, "values": encoded}
        return {"inputs": {tensor.name: given}, "outputs": outputs}

    def _array(self, array: dict[str, Any]) -> np.ndarray:
        values = [base64.b64decode(value) for value in array["values"]]
        if array["dtype"] == "string":
            return np.array(values, object).reshape(array["shape"])
        return np.frombuffer(values[0], array["dtype"]).reshape(array["shape"])


@pytest.mark.skipif(sys.platform != "linux", reason="the library's name is that of Linux")
def test_the_c_api_serves_it_without_python(
    exported_model: Path, small_generators: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*s, 3)).astype(np.uint8) for s in ((9, 14), (30, 21))]
    first, second = map(png, pictures)
    huge = png(np.zeros((101, 100, 3), np.uint8))
    images = to_float(pictures[1][np.newaxis]).numpy()
    batch = np.array([first, b"junk", second, second[:-40], huge], object)
    answers = CApi(exported_model / "1").ask(
        ("a2b", batch),
        ("b2a_float", images),
        ("a2b", batch[:0]),
        ("a2b_float", images[0]),
        ("a2b_float", images[..., :2]),
        ("a2b", images),
        ("serving_default", batch[:1]),
    )
    assert [answer["code"] for answer in answers] == [0, 0, 3, 3, 3, 3, 0]
    encoded, floats, *_, again = (answer["outputs"] for answer in answers)
    assert encoded["status"].tolist() == [0, 1, 0, 1, 3]
    translate = translator(small_generators["a2b"])
    for picture, data in zip(pictures, encoded["generated_image_bytes"][[0, 2]], strict=True):
        assert np.abs(read_image(data).astype(int) - translate(picture)).max() <= 1
    assert encoded["generated_image_bytes"][[1, 3, 4]].tolist() == [b""] * 3
    expected = to_float(translator(small_generators["b2a"])(pictures[1])).numpy()
    np.testing.assert_allclose(floats["generated_image"][0], expected, atol=1.01 / 127.5)
    assert again["generated_image_bytes"][0] == encoded["generated_image_bytes"][0]


def test_saved_model_cli_runs_it(exported_model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.ones((2, 9, 13, 3), np.float32))
    command = [
        *(sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "run"),
        *("--dir", str(exported_model / "1"), "--tag_set", "serve"),
        *("--signature_def", "a2b_float", "--outdir", str(tmp_path)),
        *("--inputs", f"image={tmp_path / 'images.npy'}"),
    ]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    generated = np.load(tmp_path / "generated_image.npy")
    assert generated.shape == (2, 9, 13, 3) and np.abs(generated).max() <= 1
