"""A double of TF Serving, for tests where the real server cannot run.

It is not TF Serving: it speaks its two protocols, gRPC by the real messages and stubs of
`tensorflow-serving-api` and REST by its documentation, over the newest version below a folder,
which it loads into a session as the real one does, warm-up included. It has no batching, no
reloading and no second model. As a fixture, or on its own:

    with ServingDouble(base) as server: ...  # server.grpc_address, server.rest_url
    python tests/serving_double.py BASE [NAME]  # prints both as JSON, serves until it is stopped
"""

import base64
import binascii
import json
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_MESSAGE = 64 * 2**20
CODES = {code.value[0]: code for code in grpc.StatusCode}
HTTP = {
    *(("INVALID_ARGUMENT", 400), ("FAILED_PRECONDITION", 400), ("NOT_FOUND", 404)),
    *(("RESOURCE_EXHAUSTED", 429), ("UNIMPLEMENTED", 501), ("INTERNAL", 500)),
}


class Refused(Exception):
    """A request that is answered by a code and a message."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def invalid(message: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message)


class Servable:
    """The newest version below a folder, in a session, warmed up."""

    def __init__(self, base: Path, name: str) -> None:
        self.name = name
        # Only what is named by a number is a version.
        self.version = max(int(p.name) for p in base.iterdir() if p.name.isdecimal())
        folder = base / str(self.version)
        self.session = tf.compat.v1.Session(graph=tf.Graph())
        with self.session.graph.as_default():
            load = tf.compat.v1.saved_model.loader.load
            self.signatures = load(self.session, ["serve"], str(folder)).signature_def
        self.warmed_up = 0
        for record in tf.data.TFRecordDataset(str(folder / WARMUP_FILE)).as_numpy_iterator():
            self.predict(prediction_log_pb2.PredictionLog.FromString(record).predict_log.request)
            self.warmed_up += 1

    def find(self, spec) -> None:
        wanted = spec.version.value if spec.HasField("version") else self.version
        if (spec.name, wanted) != (self.name, self.version):
            raise Refused(
                grpc.StatusCode.NOT_FOUND,
                f"Servable not found for request: {spec.name} version {wanted}",
            )

    def signature(self, key: str):
        key = key or "serving_default"
        if key not in self.signatures:
            message = f'Serving signature key "{key}" not found.'
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, message)
        return self.signatures[key]

    def predict(self, request) -> predict_pb2.PredictResponse:
        self.find(request.model_spec)
        signature = self.signature(request.model_spec.signature_name)
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        if set(inputs) != set(signature.inputs):
            raise invalid(
                f"input tensors {sorted(inputs)} do not match the signature's "
                f"{sorted(signature.inputs)}"
            )
        for name, info in signature.inputs.items():
            if request.inputs[name].dtype != info.dtype:
                raise invalid(f"input {name} has the wrong type")
        feeds = {info.name: inputs[name] for name, info in signature.inputs.items()}
        fetches = {name: info.name for name, info in signature.outputs.items()}
        try:
            found = self.session.run(fetches, feeds)
        except tf.errors.OpError as error:
            raise Refused(CODES[error.error_code], error.message) from None
        except ValueError as error:  # Python's session looks at shapes before it runs.
            raise invalid(str(error)) from None
        response = predict_pb2.PredictResponse()
        response.model_spec.name = self.name
        response.model_spec.version.value = self.version
        response.model_spec.signature_name = request.model_spec.signature_name
        for name, array in found.items():
            dtype = signature.outputs[name].dtype
            response.outputs[name].CopyFrom(tf.make_tensor_proto(array, dtype, array.shape))
        return response

    def status(self) -> get_model_status_pb2.GetModelStatusResponse:
        response = get_model_status_pb2.GetModelStatusResponse()
        available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        response.model_version_status.add(version=self.version, state=available)
        return response

    def metadata(self) -> get_model_metadata_pb2.GetModelMetadataResponse:
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self.name
        response.model_spec.version.value = self.version
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=self.signatures)
        response.metadata["signature_def"].Pack(signatures)
        return response


class GrpcServices(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    def __init__(self, servable: Servable) -> None:
        self.servable = servable

    def Predict(self, request, context):
        return self._answered(context, lambda: self.servable.predict(request))

    def GetModelStatus(self, request, context):
        return self._answered(
            context, lambda: self.servable.find(request.model_spec) or self.servable.status()
        )

    def GetModelMetadata(self, request, context):
        return self._answered(
            context, lambda: self.servable.find(request.model_spec) or self.servable.metadata()
        )

    def _answered(self, context, answer):
        try:
            return answer()
        except Refused as refused:
            context.abort(refused.code, refused.message[:1024])


class RestHandler(BaseHTTPRequestHandler):
    """`/v1/models/NAME[/versions/N]`, with `:predict`, `/metadata` or nothing behind it."""

    protocol_version = "HTTP/1.1"
    servable: Servable

    def do_GET(self) -> None:
        def answer(action: str) -> dict:
            answers = {"": self.servable.status, "/metadata": self.servable.metadata}
            if action not in answers:
                raise Refused(grpc.StatusCode.NOT_FOUND, "Malformed request")
            return json_format.MessageToDict(answers[action](), preserving_proto_field_name=True)

        self._answer(answer)

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        if size > MAX_MESSAGE:
            self.close_connection = True
            return self._send(413, {"error": f"the request has more than {MAX_MESSAGE} bytes"})
        body = self.rfile.read(size)

        def answer(action: str) -> dict:
            if action != ":predict":
                raise Refused(grpc.StatusCode.NOT_FOUND, "Malformed request")
            return self._predict(body)

        self._answer(answer)

    def _answer(self, answer) -> None:
        try:
            path = re.fullmatch(r"/v1/models/([\w.-]+)(/versions/(\d+))?(\W\w+)?", self.path)
            if path is None:
                raise Refused(grpc.StatusCode.NOT_FOUND, "Malformed request")
            self.spec = predict_pb2.PredictRequest().model_spec
            self.spec.name = path[1]
            if path[3]:
                self.spec.version.value = int(path[3])
            self.servable.find(self.spec)
            self._send(200, answer(path[4] or ""))
        except Refused as refused:
            self._send(dict(HTTP).get(refused.code.name, 500), {"error": refused.message[:1024]})

    def _predict(self, body: bytes) -> dict:
        try:
            job = json.loads(body)
        except ValueError as error:
            raise invalid(f"JSON Parse error: {error}") from None
        if not isinstance(job, dict) or ("instances" in job) == ("inputs" in job):
            raise invalid("Missing 'inputs' or 'instances' key")
        request = predict_pb2.PredictRequest(model_spec=self.spec)
        request.model_spec.signature_name = job.get("signature_name", "")
        expected = self.servable.signature(request.model_spec.signature_name).inputs
        by_rows = "instances" in job
        columns = rows_to_columns(job["instances"], expected) if by_rows else job["inputs"]
        if not isinstance(columns, dict) or is_b64(columns):
            (name,) = expected
            columns = {name: columns}
        for name, values in columns.items():
            if name not in expected:
                raise invalid(f"Unknown input {name}; expected {sorted(expected)}")
            request.inputs[name].CopyFrom(to_tensor(name, values, expected[name].dtype))
        outputs = self.servable.predict(request).outputs
        lists = {name: to_json(name, tf.make_ndarray(outputs[name])) for name in outputs}
        if not by_rows:
            return {"outputs": lists if len(lists) > 1 else next(iter(lists.values()))}
        if len(lists) == 1:
            return {"predictions": next(iter(lists.values()))}
        rows = zip(*lists.values(), strict=True)
        return {"predictions": [dict(zip(lists, row, strict=True)) for row in rows]}

    def _send(self, status: int, answer: dict) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def rows_to_columns(rows, expected) -> dict:
    if not isinstance(rows, list) or not rows:
        raise invalid("'instances' has to be a list that is not empty")
    if not all(isinstance(row, dict) and not is_b64(row) for row in rows):
        (name,) = expected
        return {name: rows}
    if any(row.keys() != rows[0].keys() for row in rows):
        raise invalid("all instances need the same inputs")
    return {name: [row[name] for row in rows] for name in rows[0]}


def is_b64(value) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"}


def to_tensor(name: str, values, dtype: int):
    def plain(value):
        if isinstance(value, list):
            return [plain(item) for item in value]
        if is_b64(value):
            return base64.b64decode(value["b64"], validate=True)
        return value.encode() if isinstance(value, str) else value

    try:
        if dtype == tf.string.as_datatype_enum:
            return tf.make_tensor_proto(np.array(plain(values), object), dtype)
        return tf.make_tensor_proto(np.array(values, tf.as_dtype(dtype).as_numpy_dtype), dtype)
    except (ValueError, TypeError, binascii.Error) as error:
        raise invalid(f"JSON value of input {name}: {error}") from None


def to_json(name: str, array: np.ndarray) -> list:
    if array.dtype != object:
        return array.tolist()
    encode = (
        (lambda data: {"b64": base64.b64encode(data).decode()})
        if name.endswith("_bytes")
        else bytes.decode
    )
    return [encode(data) for data in array]


class ServingDouble:
    """Serves a model's folder on 127.0.0.1, at ports that were free, while the block lasts.

    Args:
        base: With a version below it.
        name: Of the model; by default the folder's.
        max_message: The largest gRPC request, in bytes.
    """

    def __init__(self, base: Path, name: str = "", max_message: int = MAX_MESSAGE) -> None:
        self.servable = Servable(Path(base), name or Path(base).name)
        sizes = (
            ("grpc.max_receive_message_length", max_message),
            ("grpc.max_send_message_length", -1),
        )
        self._grpc = grpc.server(ThreadPoolExecutor(8), options=sizes)
        services = GrpcServices(self.servable)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(services, self._grpc)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(services, self._grpc)
        self.grpc_address = f"127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        handler = type("Handler", (RestHandler,), {"servable": self.servable})
        self._rest = _RestServer(("127.0.0.1", 0), handler)
        self.rest_url = f"http://127.0.0.1:{self._rest.server_port}/v1/models/{self.servable.name}"

    def __enter__(self) -> "ServingDouble":
        self._grpc.start()
        threading.Thread(target=self._rest.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._rest.shutdown()
        self._rest.server_close()
        self._grpc.stop(grace=1).wait()
        self.servable.session.close()


class _RestServer(ThreadingHTTPServer):
    daemon_threads = True
    # Clients that all come at once wait, instead of being turned away.
    request_queue_size = 128


if __name__ == "__main__":
    with ServingDouble(*map(Path, sys.argv[1:2]), *sys.argv[2:3]) as double:
        print(json.dumps({"grpc": double.grpc_address, "rest": double.rest_url}), flush=True)
        threading.Event().wait()
