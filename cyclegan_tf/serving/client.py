"""Clients for a server of an exported model, over REST and gRPC."""

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

# In bytes. By default, gRPC limits a reply to 4 MB, and a batch of large images exceeds that.
MAX_MESSAGE = 512 * 2**20
# Seconds before the first retry; the delay doubles with each further retry.
_BACK_OFF = 0.5


@dataclass(frozen=True)
class Answer:
    """The server's answer for one file.

    Attributes:
        picture: The translated image as a PNG file; empty if the translation failed.
        status: A value of `decoding.Status`; 0 if the image was translated.
    """

    picture: bytes
    status: int


class Client(Protocol):
    """A connection to a server that translates files."""

    def translate(self, files: Sequence[bytes], direction: str) -> list[Answer]:
        """Translate encoded images of any size.

        Args:
            files: PNG or JPEG files.
            direction: `a2b` or `b2a`.

        Returns:
            One answer per file.

        Raises:
            UserError: If no server answers, or the server rejects the request.
        """

    def close(self) -> None:
        """Close the connection."""


class RestClient:
    """Sends requests over REST.

    Args:
        server: `HOST:PORT`; the default REST port of TF Serving is 8501.
        model: Name of the model.
        timeout: Timeout of a request, in seconds.
        retries: Number of retries if no server answers or the server is not ready.
    """

    def __init__(self, server: str, model: str, timeout: float, retries: int) -> None:
        self._server, self._timeout = server, timeout
        self._url = f"http://{server}/v1/models/{model}:predict"
        again = Retry(
            total=retries,
            # POST may be retried: a translation changes no state on the server.
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
            raise _timed_out(self._server, self._timeout) from None
        except requests.RequestException as error:
            raise _unavailable(self._server, "REST, port 8501", error) from None
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
                f"{self._server} is not TF Serving, or does not serve an exported model: "
                f"status {found.status_code}, {found.text[:80]!r}"
            ) from None
        if reason:
            raise _rejected(self._server, f"{found.status_code}, {reason}")
        return answers

    def close(self) -> None:
        self._session.close()


class GrpcClient:
    """Sends requests over gRPC.

    Args:
        server: `HOST:PORT`; the default gRPC port of TF Serving is 8500.
        model: Name of the model.
        timeout: Timeout of a request with all its retries, in seconds.
        retries: Number of retries if no server answers; gRPC allows up to 4.
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
            raise self._as_user_error(error) from None
        try:
            images = outputs["generated_image_bytes"].string_val
            statuses = tf.make_ndarray(outputs["status"])
            return [Answer(*row) for row in zip(images, map(int, statuses), strict=True)]
        except (TypeError, ValueError, KeyError):
            raise UserError(f"{self._server} does not serve an exported model: no images") from None

    def _as_user_error(self, error: Any) -> UserError:
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            return _unavailable(self._server, "gRPC, port 8500", error.details())
        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
            return _timed_out(self._server, self._timeout)
        return _rejected(self._server, f"{error.code().name}, {error.details()}")

    def close(self) -> None:
        self._channel.close()


PROTOCOLS: dict[str, type[RestClient] | type[GrpcClient]] = {
    "rest": RestClient,
    "grpc": GrpcClient,
}


def _unavailable(server: str, usual: str, reason: object) -> UserError:
    return UserError(
        f"no server answers at {server} ({reason}); expected HOST:PORT of TF Serving ({usual})"
    )


def _timed_out(server: str, timeout: float) -> UserError:
    return UserError(
        f"{server} did not answer in {timeout:g} s; raise `timeout` or lower `batch_size`"
    )


def _rejected(server: str, reason: str) -> UserError:
    return UserError(f"{server} rejected the request: {reason}")
