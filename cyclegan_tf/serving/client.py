"""Asking a server that serves an exported model, by REST or gRPC."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import requests
import tensorflow as tf
from requests.adapters import HTTPAdapter
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from urllib3.util import Retry

from cyclegan_tf.errors import UserError

# gRPC's own limit is 4 MB, for a reply; a batch of large pictures is more.
MAX_MESSAGE = 512 * 2**20
# Seconds before the first, second, ... repetition: this, twice this, and so on.
_BACK_OFF = 0.5


@dataclass(frozen=True)
class Answer:
    """What a server made of one file.

    Attributes:
        picture: A PNG file; empty if it made nothing.
        status: 0 if it was translated, else what `decoding.Status` says.
    """

    picture: bytes
    status: int


class Client(Protocol):
    """Something that can be asked to translate files."""

    def translate(self, files: Sequence[bytes], direction: str) -> list[Answer]:
        """Translates encoded pictures, of any sizes.

        Args:
            files: PNG or JPEG files.
            direction: `a2b` or `b2a`.

        Returns:
            An answer for each.

        Raises:
            UserError: If no server answers, or it refuses the request as a whole.
        """

    def close(self) -> None:
        """Ends the connection."""


class RestClient:
    """Asks over HTTP.

    Args:
        server: `HOST:PORT`; TF Serving's own port is 8501.
        model: The model's name.
        timeout: Seconds for a request.
        retries: How often a request is repeated if no server answers or it is not ready.
    """

    def __init__(self, server: str, model: str, timeout: float, retries: int) -> None:
        self._server, self._timeout = server, timeout
        self._url = f"http://{server}/v1/models/{model}:predict"
        again = Retry(
            total=retries,
            # A translation changes nothing on the server, so it may be asked for twice.
            allowed_methods=None,
            status_forcelist=(503,),
            backoff_factor=_BACK_OFF,
            raise_on_status=False,
        )
        self._session = requests.Session()
        self._session.mount("http://", HTTPAdapter(max_retries=again))

    def translate(self, files: Sequence[bytes], direction: str) -> list[Answer]:
        instances = [{"image_bytes": {"b64": base64.b64encode(file).decode()}} for file in files]
        body = json.dumps({"signature_name": direction, "instances": instances})
        try:
            found = self._session.post(self._url, data=body, timeout=self._timeout)
        except requests.Timeout:
            raise _late(self._server, self._timeout) from None
        except requests.RequestException as error:
            raise _nobody(self._server, "REST, port 8501", error) from None
        try:
            answer = found.json()
            reason = None if found.ok else answer["error"]
            rows = [] if reason else answer["predictions"]
            answers = [
                Answer(base64.b64decode(row["generated_image_bytes"]["b64"]), row["status"])
                for row in rows
            ]
        except (ValueError, KeyError, TypeError):
            raise UserError(
                f"what answers at {self._server} is no TF Serving, or serves no exported model: "
                f"status {found.status_code}, {found.text[:80]!r}"
            ) from None
        if reason:
            raise _refused(self._server, f"{found.status_code}, {reason}")
        return answers

    def close(self) -> None:
        self._session.close()


class GrpcClient:
    """Asks over gRPC.

    Args:
        server: `HOST:PORT`; TF Serving's own port is 8500.
        model: The model's name.
        timeout: Seconds for a request, its repetitions included.
        retries: How often a request is repeated if no server answers; gRPC takes up to 4.
    """

    def __init__(self, server: str, model: str, timeout: float, retries: int) -> None:
        self._server, self._model, self._timeout = server, model, timeout
        again = {
            "maxAttempts": retries + 1,
            "initialBackoff": f"{_BACK_OFF}s",
            "maxBackoff": "10s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        method = {"name": [{}], **({"retryPolicy": again} if retries else {})}
        self._channel = grpc.insecure_channel(
            server,
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE),
                ("grpc.max_send_message_length", MAX_MESSAGE),
                ("grpc.service_config", json.dumps({"methodConfig": [method]})),
            ],
        )
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def translate(self, files: Sequence[bytes], direction: str) -> list[Answer]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model
        request.model_spec.signature_name = direction
        request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(list(files), tf.string))
        try:
            outputs = self._stub.Predict(request, timeout=self._timeout).outputs
        except grpc.RpcError as error:
            raise self._explained(error) from None
        try:
            pictures = outputs["generated_image_bytes"].string_val
            statuses = tf.make_ndarray(outputs["status"])
            return [Answer(*row) for row in zip(pictures, map(int, statuses), strict=True)]
        except (TypeError, ValueError, KeyError):
            raise UserError(f"{self._server} serves no exported model: no pictures came") from None

    def _explained(self, error: Any) -> UserError:
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            return _nobody(self._server, "gRPC, port 8500", error.details())
        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
            return _late(self._server, self._timeout)
        return _refused(self._server, f"{error.code().name}, {error.details()}")

    def close(self) -> None:
        self._channel.close()


PROTOCOLS: dict[str, type[RestClient] | type[GrpcClient]] = {
    "rest": RestClient,
    "grpc": GrpcClient,
}


def _nobody(server: str, usual: str, reason: object) -> UserError:
    return UserError(
        f"no server answers at {server} ({reason}); expected HOST:PORT of TF Serving ({usual})"
    )


def _late(server: str, timeout: float) -> UserError:
    return UserError(
        f"{server} did not answer in {timeout:g} s; raise `timeout` or lower `batch_size`"
    )


def _refused(server: str, reason: str) -> UserError:
    return UserError(f"{server} refused the request: {reason}")
