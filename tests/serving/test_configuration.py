"""Configuration files, parsed as their messages are."""

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from cyclegan_tf.serving.configuration import model_name, write_configuration

FIELD = descriptor_pb2.FieldDescriptorProto
# TF Serving's package leaves these two out: the fields are those of its
# session_bundle_config.proto (BatchingParameters) and monitoring_config.proto (MonitoringConfig).
SCHEMA = {
    "Int64Value": {"value": FIELD.TYPE_INT64},
    "BatchingParameters": {
        "max_batch_size": "Int64Value",
        "batch_timeout_micros": "Int64Value",
        "max_enqueued_batches": "Int64Value",
        "num_batch_threads": "Int64Value",
    },
    "PrometheusConfig": {"enable": FIELD.TYPE_BOOL, "path": FIELD.TYPE_STRING},
    "MonitoringConfig": {"prometheus_config": "PrometheusConfig"},
}


def message(name):
    file = descriptor_pb2.FileDescriptorProto(name="s.proto", package="s", syntax="proto3")
    for title, fields in SCHEMA.items():
        added = file.message_type.add(name=title)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            own = {"type_name": f".s.{kind}", "type": FIELD.TYPE_MESSAGE}
            own = own if isinstance(kind, str) else {"type": kind}
            added.field.add(name=field, number=number, label=FIELD.LABEL_OPTIONAL, **own)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"s.{name}"))()


@pytest.fixture
def base(tmp_path):
    (tmp_path / "horses").mkdir()
    write_configuration(tmp_path / "horses")
    return tmp_path / "horses"


def test_the_newest_version_is_served_under_the_folders_name(base):
    model_server_config_pb2 = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2",
        reason="needs tensorflow-serving-api",
    )
    text = (base / "models.config").read_text()
    parsed = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (model,) = parsed.model_config_list.config
    assert (model.name, model.base_path) == ("horses", "/models/horses")
    assert model.model_platform == "tensorflow"
    assert model.model_version_policy.latest.num_versions == 1


def test_batching_is_bounded(base):
    parsed = text_format.Parse(
        (base / "batching.config").read_text(), message("BatchingParameters")
    )
    assert 1 < parsed.max_batch_size.value <= 32
    assert 0 < parsed.batch_timeout_micros.value <= 50_000
    assert parsed.max_enqueued_batches.value * parsed.max_batch_size.value >= 40
    assert parsed.num_batch_threads.value >= 1


def test_monitoring_is_on(base):
    parsed = text_format.Parse(
        (base / "monitoring.config").read_text(), message("MonitoringConfig")
    )
    assert parsed.prometheus_config.enable
    assert parsed.prometheus_config.path.startswith("/monitoring")


def test_names_fit_a_url(tmp_path):
    assert model_name(tmp_path / "horse2zebra") == "horse2zebra"
    assert model_name(tmp_path / "my horses/of 2024!") == "of_2024_"
