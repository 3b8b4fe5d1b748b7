"""The client beside the double of TF Serving, and beside servers that fail."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf import client as command
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import encode_png, read_image, write_image
from cyclegan_tf.translation.network import translator

grpc = pytest.importorskip("grpc", reason="needs the extra client")
pytest.importorskip("tensorflow_serving", reason="needs the extra client")
from tensorflow_serving.apis import predict_pb2  # noqa: E402

from cyclegan_tf.serving.client import Answer, GrpcClient, RestClient  # noqa: E402

PREDICT = "/tensorflow.serving.PredictionService/Predict"


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels)).astype(np.uint8)


def address_of(double, protocol: str) -> str:
    return double.grpc_address if protocol == "grpc" else double.rest_url.split("/")[2]


@pytest.fixture(params=["rest", "grpc"])
def protocol(request) -> str:
    return request.param


@pytest.fixture
def client(serving_double, protocol: str) -> Iterator:
    kind = {"rest": RestClient, "grpc": GrpcClient}[protocol]
    found = kind(address_of(serving_double, protocol), serving_double.servable.name, 60.0, 2)
    yield found
    found.close()


def test_pictures_of_any_size_are_translated_both_ways(client, small_generators) -> None:
    pictures = [picture(20, 24), picture(33, 17)]
    for direction in ("a2b", "b2a"):
        answers = client.translate([encode_png(each) for each in pictures], direction)
        expected = map(translator(small_generators[direction]), pictures)
        for answer, wanted in zip(answers, expected, strict=True):
            assert answer.status == 0
            assert np.abs(read_image(answer.picture).astype(int) - wanted).max() <= 1


def test_a_bad_file_leaves_its_neighbours(client) -> None:
    answers = client.translate([b"junk", encode_png(picture(8, 8))], "a2b")
    assert answers[0] == Answer(b"", 1)
    assert answers[1].status == 0 and answers[1].picture


def test_what_is_refused_is_said(client, serving_double, protocol: str) -> None:
    with pytest.raises(UserError, match="rejected the request"):
        client.translate([b""], "sideways")
    other = type(client)(address_of(serving_double, protocol), "nobody", 60.0, 0)
    with pytest.raises(UserError, match=r"rejected the request: (NOT_FOUND|404), .*nobody"):
        other.translate([b""], "a2b")
    other.close()


@pytest.fixture
def unused() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


@pytest.mark.parametrize("kind", [RestClient, GrpcClient])
def test_where_no_server_is_that_is_said(kind, unused: str) -> None:
    client = kind(unused, "model", 30.0, 1)
    with pytest.raises(UserError, match=f"no server answers at {unused}"):
        client.translate([b""], "a2b")
    client.close()


class Unready(BaseHTTPRequestHandler):
    """Answers what its server has in `answers`, one after the other."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        status, body = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def http() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Unready)
    server.asked = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


GOOD = {"generated_image_bytes": {"b64": base64.b64encode(b"png").decode()}, "status": 0}


def test_rest_asks_again_while_the_server_is_not_ready(http: HTTPServer) -> None:
    ready = (200, json.dumps({"predictions": [GOOD]}).encode())
    http.answers = [(503, b"{}"), (503, b"{}"), ready]
    client = RestClient(f"127.0.0.1:{http.server_port}", "model", 10.0, 2)
    assert client.translate([b""], "a2b") == [Answer(b"png", 0)]
    assert http.asked == 3
    client.close()


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, b"{}"), (404, b"lost"), (200, b"[1]")])
def test_what_is_no_tf_serving_is_named(http: HTTPServer, answer: tuple[int, bytes]) -> None:
    http.answers = [answer]
    client = RestClient(f"127.0.0.1:{http.server_port}", "model", 10.0, 0)
    with pytest.raises(UserError, match="is not TF Serving, or does not serve an exported model"):
        client.translate([b""], "a2b")
    client.close()


@pytest.fixture
def unready() -> Iterator[tuple[str, list[int]]]:
    """A gRPC server that is unavailable twice and then gives an answer of 5 MB."""
    import tensorflow as tf

    asked: list[int] = []

    def predict(request, context) -> predict_pb2.PredictResponse:
        asked.append(len(request.inputs["image_bytes"].string_val))
        if len(asked) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        response = predict_pb2.PredictResponse()
        made = tf.make_tensor_proto([b"x" * 5 * 2**20], tf.string)
        response.outputs["generated_image_bytes"].CopyFrom(made)
        response.outputs["status"].CopyFrom(tf.make_tensor_proto([0], tf.int32))
        return response

    handler = grpc.unary_unary_rpc_method_handler(
        predict,
        predict_pb2.PredictRequest.FromString,
        predict_pb2.PredictResponse.SerializeToString,
    )
    services = {PREDICT.split("/")[2]: handler}
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_send_message_length", -1)])
    service = grpc.method_handlers_generic_handler(PREDICT.split("/")[1], services)
    server.add_generic_rpc_handlers([service])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", asked
    server.stop(None).wait()


def test_grpc_asks_again_and_takes_large_replies(unready: tuple[str, list[int]]) -> None:
    server, asked = unready
    client = GrpcClient(server, "model", 30.0, 2)
    (answer,) = client.translate([b"file"], "a2b")
    assert len(answer.picture) == 5 * 2**20
    assert asked == [1, 1, 1]
    client.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    write_image(folder / "deep/one.png", picture(20, 24))
    write_image(folder / "two.bmp", picture(12, 10))  # Not decoded by servers.
    (folder / "junk.jpg").write_bytes(b"junk")
    buffer = BytesIO()
    Image.fromarray(picture(9, 9)).save(buffer, "WEBP")
    (folder / "cut.webp").write_bytes(buffer.getvalue()[:40])
    return folder


def test_a_folder_is_translated_with_failures_by_name(
    serving_double, protocol: str, folder: Path, tmp_path: Path, capsys, small_generators
) -> None:
    flags = [f"--server={address_of(serving_double, protocol)}", f"--protocol={protocol}"]
    flags += [f"--model={serving_double.servable.name}", "--batch_size=3", "--direction=b2a"]
    assert command.main(["client", *flags, f"--input={folder}", f"--output={tmp_path}/out"]) == 1
    written = {
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png")
    }
    assert written == {"deep/one.png", "two.png"}
    translate = translator(small_generators["b2a"])
    for name in ("deep/one.png", "two.bmp"):
        expected = translate(read_image(folder / name)).astype(int)
        found = read_image((tmp_path / "out" / name).with_suffix(".png"))
        assert np.abs(found - expected).max() <= 1
    said = capsys.readouterr()
    assert "junk.jpg: damaged, truncated, or not an image" in said.err
    assert "cut.webp" in said.err
    assert "2 failed" in said.out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--server=here"], "--server=here: expected HOST:PORT"),
        (["--batch_size=0"], "--batch_size=0: expected at least 1"),
        (["--timeout=0"], "--timeout=0.0: expected more than 0"),
        (["--retries=9"], "--retries=9: expected 0 to 4"),
        (["--input=nowhere"], "nowhere"),
        (["--output=IN/out"], "would mix with the images"),
    ],
)
def test_mistakes_are_named(folder: Path, unused: str, flags: list[str], message: str) -> None:
    given = [f"--server={unused}", "--model=m", f"--input={folder}", "--output=out", *flags]
    with pytest.raises(UserError, match=message):
        command.main(["client", *(flag.replace("IN", str(folder)) for flag in given)])
