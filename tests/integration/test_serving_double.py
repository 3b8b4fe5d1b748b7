"""An exported model behind TF Serving's protocols: the double over the real messages.

What is shown is that the model answers as those protocols ask for, not that TF Serving runs it.
"""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cyclegan_tf.images.images import encode_png as png
from cyclegan_tf.images.images import read_image, to_float, write_image
from cyclegan_tf.translation.network import translator

pytest.importorskip("tensorflow_serving", reason="needs tensorflow-serving-api")
import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

PICTURE = np.random.default_rng(0).integers(0, 256, (13, 22, 3)).astype(np.uint8)
PNG = png(PICTURE)
DOUBLE = Path(__file__).parents[1] / "serving_double.py"


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def post(url: str, body: Any) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}:predict", data)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def by_rest(url: str, *files: bytes, signature: str = "a2b") -> list[tuple[int, bytes]]:
    rows = [{"image_bytes": b64(file)} for file in files]
    status, answer = post(url, {"signature_name": signature, "instances": rows})
    assert status == 200, answer
    return [
        (row["status"], base64.b64decode(row["generated_image_bytes"]["b64"]))
        for row in answer["predictions"]
    ]


def predict(
    address: str, inputs: dict[str, Any], signature: str = "a2b", name: str = "tiny"
) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, signature
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(request, timeout=120).outputs


def by_grpc(address: str, *files: bytes, signature: str = "a2b") -> list[tuple[int, bytes]]:
    outputs = predict(address, {"image_bytes": list(files)}, signature)
    arrays = (tf.make_ndarray(outputs[name]) for name in ("status", "generated_image_bytes"))
    return list(zip(*(array.tolist() for array in arrays), strict=True))


def test_both_protocols_give_what_translate_gives(
    serving_double: Any, small_generators: dict[str, Any]
) -> None:
    other = PICTURE[:9, :17]
    for direction, generator in small_generators.items():
        translate = translator(generator)
        for answers in (
            by_grpc(serving_double.grpc_address, PNG, png(other), signature=direction),
            by_rest(serving_double.rest_url, PNG, png(other), signature=direction),
        ):
            for (status, data), picture in zip(answers, (PICTURE, other), strict=True):
                assert status == 0
                assert np.abs(read_image(data).astype(int) - translate(picture)).max() <= 1


def test_floats_by_both_protocols(serving_double: Any, small_generators: dict[str, Any]) -> None:
    images = to_float(PICTURE[np.newaxis]).numpy()
    expected = to_float(translator(small_generators["a2b"])(PICTURE)).numpy()
    outputs = predict(serving_double.grpc_address, {"image": images}, "a2b_float")
    found = tf.make_ndarray(outputs["generated_image"])[0]
    np.testing.assert_allclose(found, expected, atol=1.01 / 127.5)
    body = {"signature_name": "a2b_float", "inputs": {"image": images.tolist()}}
    status, answer = post(serving_double.rest_url, body)
    assert status == 200
    np.testing.assert_allclose(np.array(answer["outputs"])[0], found, atol=1e-5)


def test_bad_pictures_leave_their_neighbours_answered(serving_double: Any) -> None:
    ((_, alone),) = by_grpc(serving_double.grpc_address, PNG)
    batch = (PNG, b"<html>", PNG[:60], PNG, png(np.zeros((101, 100, 3), np.uint8)), b"GIF89a", b"")
    for answers in (
        by_grpc(serving_double.grpc_address, *batch),
        by_rest(serving_double.rest_url, *batch),
    ):
        assert [status for status, _ in answers] == [0, 1, 1, 0, 3, 2, 1]
        assert [data for _, data in answers] == [alone, b"", b"", alone, b"", b"", b""]


def test_the_version_was_warmed_up_by_every_signature(serving_double: Any) -> None:
    assert serving_double.servable.warmed_up == 4
    with grpc.insecure_channel(serving_double.grpc_address) as channel:
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "tiny"
        status = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request)
    assert [v.version for v in status.model_version_status] == [1]
    with urllib.request.urlopen(serving_double.rest_url) as answer:
        (version,) = json.load(answer)["model_version_status"]
    assert (version["version"], version["state"]) == ("1", "AVAILABLE")
    with urllib.request.urlopen(f"{serving_double.rest_url}/metadata") as answer:
        signatures = json.load(answer)["metadata"]["signature_def"]["signature_def"]
    shape = signatures["a2b_float"]["inputs"]["image"]["tensor_shape"]["dim"]
    assert [int(side["size"]) for side in shape] == [-1, -1, -1, 3]


FLOATS = np.zeros((1, 8, 8, 3), np.float32)
GRPC_MISTAKES = {
    "name of the input": ({"picture": [PNG]}, "a2b", "INVALID_ARGUMENT"),
    "no input": ({}, "a2b", "INVALID_ARGUMENT"),
    "type": ({"image_bytes": FLOATS}, "a2b", "INVALID_ARGUMENT"),
    "type of floats": ({"image": FLOATS.astype(np.float64)}, "a2b_float", "INVALID_ARGUMENT"),
    "rank": ({"image": FLOATS[0]}, "a2b_float", "INVALID_ARGUMENT"),
    "rank of files": ({"image_bytes": [[PNG]]}, "a2b", "INVALID_ARGUMENT"),
    "scalar": ({"image_bytes": PNG}, "a2b", "INVALID_ARGUMENT"),
    "channels": ({"image": FLOATS[..., :1]}, "a2b_float", "INVALID_ARGUMENT"),
    "empty batch": ({"image": FLOATS[:0]}, "a2b_float", "INVALID_ARGUMENT"),
    "too large": (
        {"image": np.zeros((1, 101, 100, 3), np.float32)},
        "a2b_float",
        "INVALID_ARGUMENT",
    ),
    "signature": ({"image_bytes": [PNG]}, "a2c", "FAILED_PRECONDITION"),
}


@pytest.mark.parametrize("inputs, signature, code", GRPC_MISTAKES.values(), ids=GRPC_MISTAKES)
def test_grpc_mistakes_have_their_codes_and_the_next_request_is_answered(
    serving_double: Any, inputs: dict[str, Any], signature: str, code: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        predict(serving_double.grpc_address, inputs, signature)
    assert caught.value.code().name == code, caught.value.details()
    assert by_grpc(serving_double.grpc_address, PNG)[0][0] == 0


def test_an_unknown_model_is_not_found(serving_double: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        predict(serving_double.grpc_address, {"image_bytes": [PNG]}, name="horses")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    url = serving_double.rest_url
    assert post(url.replace("tiny", "horses"), {"instances": [b64(PNG)]})[0] == 404
    assert post(f"{url}/versions/2", {"instances": [b64(PNG)]})[0] == 404
    assert post(f"{url}/versions/1", {"instances": [b64(PNG)]})[0] == 200


REST_MISTAKES = {
    "no json": b"{",
    "no instances": {"signature_name": "a2b"},
    "empty batch": {"instances": []},
    "empty column": {"inputs": {"image_bytes": []}},
    "name of the input": {"instances": [{"picture": b64(PNG)}]},
    "junk base64": {"instances": [{"image_bytes": {"b64": "%%%"}}]},
    "type": {"instances": [{"image_bytes": 1.5}]},
    "rank": {"signature_name": "a2b_float", "instances": [[0.5, 0.5]]},
    "ragged": {"signature_name": "a2b_float", "instances": [[[[0, 0, 0]]], [[[0, 0, 0]] * 2]]},
    "signature": {"signature_name": "a2c", "instances": [b64(PNG)]},
}


@pytest.mark.parametrize("body", REST_MISTAKES.values(), ids=REST_MISTAKES)
def test_rest_mistakes_are_400_and_the_next_request_is_answered(
    serving_double: Any, body: Any
) -> None:
    status, answer = post(serving_double.rest_url, body)
    assert status == 400, answer
    assert answer["error"]
    assert by_rest(serving_double.rest_url, PNG)[0][0] == 0


def test_too_large_messages_are_refused_and_the_next_request_is_answered(
    exported_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import serving_double as double

    monkeypatch.setattr(double, "MAX_MESSAGE", 20_000)
    with double.ServingDouble(exported_model, max_message=20_000) as server:
        with pytest.raises(grpc.RpcError) as caught:
            predict(server.grpc_address, {"image_bytes": [bytes(30_000)]})
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert post(server.rest_url, {"instances": [b64(bytes(30_000))]})[0] == 413
        assert by_grpc(server.grpc_address, PNG)[0][0] == 0
        assert by_rest(server.rest_url, PNG)[0][0] == 0


@pytest.mark.parametrize("language", ["python", "curl"])
def test_the_documented_requests_work(
    serving_double: Any, language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "photo.jpg"):
        write_image(tmp_path / name, PICTURE)
    page = (DOUBLE.parents[1] / "docs/serving.md").read_text()
    address = "http://127.0.0.1:8501/v1/models/blond2ginger"
    assert page.count(address) == 2
    page = page.replace(address, serving_double.rest_url)
    if language == "python":
        (code,) = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
        exec(code, {})
        names = [f"{name}.translated.png" for name in ("photo.png", "photo.jpg")]
    else:
        if not (shutil.which("curl") and shutil.which("base64")):
            pytest.skip("needs curl and base64")
        (lines,) = re.findall(r"^    (printf .+?\n\n)", page, re.DOTALL | re.MULTILINE)
        code = lines.replace("\n    ", "\n").replace("| python", f"| {sys.executable}")
        out = subprocess.run(["bash", "-c", code], check=True, capture_output=True, text=True)
        assert out.stdout == "status 0\n"
        names = ["translated.png"]
    for name in names:
        assert read_image(tmp_path / name).shape == PICTURE.shape


def clients(server: Any, number: int, seconds: float) -> int:
    """Sends pictures of sizes of their own by both protocols at once; returns how many came back.

    Every answer has to be the one that its own picture has when it is alone.
    """
    pictures = [png(PICTURE[: 4 + n % 9, : 5 + n % 16]) for n in range(number)]
    alone = [by_grpc(server.grpc_address, data) for data in pictures]
    start, end = threading.Barrier(number), time.monotonic() + seconds

    def client(place: int) -> int:
        ask, address = (by_grpc, server.grpc_address) if place % 2 else (by_rest, server.rest_url)
        start.wait()
        answered = 0
        while answered == 0 or time.monotonic() < end:
            assert ask(address, pictures[place]) == alone[place]
            answered += 1
        return answered

    with ThreadPoolExecutor(number) as pool:
        counts = list(pool.map(client, range(number)))
    assert min(counts) > 0
    return sum(counts)


def test_clients_at_once_get_their_own_answers(serving_double: Any) -> None:
    assert clients(serving_double, 12, seconds=0.5) >= 12


@pytest.mark.slow
def test_forty_clients_for_a_minute_lose_nothing(serving_double: Any) -> None:
    print(f"{clients(serving_double, 40, seconds=60)} requests answered")


@contextlib.contextmanager
def double_in_its_own_process(base: Path) -> Any:
    command = [sys.executable, str(DOUBLE), str(base)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.pid, json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat_over_2000_requests(exported_model: Path) -> None:
    sizes = [png(PICTURE[: 4 + n % 9, : 5 + n % 17]) for n in range(153)]
    with double_in_its_own_process(exported_model) as (pid, addresses):
        megabytes = []
        for number in range(2001):
            file = b"junk" if number % 10 == 5 else sizes[number % len(sizes)]
            ((status, _),) = by_rest(addresses["rest"], file)
            assert status == (1 if number % 10 == 5 else 0)
            if number % 500 == 0:
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                megabytes.append(pages * 4096 / 2**20)
    print("resident megabytes after 1, 501, 1001, 1501, 2001 requests:", megabytes)
    assert megabytes[-1] - megabytes[1] < 20
