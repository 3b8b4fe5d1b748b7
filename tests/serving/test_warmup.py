"""Warm-up requests, read by the messages that TF Serving reads them by."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.serving.warmup import WARMUP_FILE, write_warmup


def test_requests_are_read_back_as_they_were_given(tmp_path):
    prediction_log_pb2 = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2", reason="needs tensorflow-serving-api"
    )
    # Lengths of one, two and three bytes of seven bits each.
    arrays = [np.arange(n, dtype=np.float32).reshape(1, n, 1, 1) for n in (3, 300, 30_000)]
    files = np.array([b"", b"\x89PNG\0\xff" * 50], object)
    requests = [("a2b_float", {"image": array}) for array in arrays]
    requests.append(("a2b", {"image_bytes": files, "other": arrays[0]}))
    write_warmup(tmp_path, "horses", requests)
    records = list(tf.data.TFRecordDataset(str(tmp_path / WARMUP_FILE)).as_numpy_iterator())
    assert len(records) == len(requests)
    for record, (signature, inputs) in zip(records, requests, strict=True):
        log = prediction_log_pb2.PredictionLog.FromString(record)
        request = log.predict_log.request
        assert log.WhichOneof("log_type") == "predict_log"
        assert request.model_spec.name == "horses"
        assert request.model_spec.signature_name == signature
        assert set(request.inputs) == set(inputs)
        for name, array in inputs.items():
            np.testing.assert_array_equal(tf.make_ndarray(request.inputs[name]), array)
