"""Exported versions: what is in them, and that a wrong one is not published."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import write_image
from cyclegan_tf.models.autoencoders import label_maps, segnet
from cyclegan_tf.models.generators import generator
from cyclegan_tf.serving.checks import check_neighbours, check_operations, check_weights
from cyclegan_tf.serving.model_card import Provenance
from cyclegan_tf.serving.saved_model import export

ORIGIN = Provenance({"data": "horses and zebras"}, (16, 20), "direction  MAE\na2b  1.25")


def test_a_version_holds_all_that_was_promised(exported_model):
    assert sorted(p.name for p in exported_model.iterdir() if not p.name.startswith(".")) == [
        *("1", "batching.config", "models.config", "monitoring.config")
    ]
    version = exported_model / "1"
    assert {"saved_model.pb", "variables", "model_card.md", "report.json"} <= {
        p.name for p in version.iterdir()
    }
    assert (version / "assets.extra/tf_serving_warmup_requests").stat().st_size > 1000
    loaded = tf.saved_model.load(str(version))
    directions = {"a2b", "b2a", "a2b_float", "b2a_float", "serving_default"}
    assert set(loaded.signatures) == directions


def test_every_weight_is_stored_once(exported_model, small_generators):
    parameters = sum(g.count_params() for g in small_generators.values())
    stored = tf.train.load_checkpoint(str(exported_model / "1/variables/variables"))
    shapes = stored.get_variable_to_shape_map()
    values = [np.prod(s, dtype=int) for n, s in shapes.items() if n.endswith("VARIABLE_VALUE")]
    assert sum(values) == parameters
    report = json.loads((exported_model / "1/report.json").read_text())
    assert report["checks"][0]["figures"]["stored values"] == parameters
    assert all(check["passed"] for check in report["checks"])


def test_the_default_signature_is_a2b(exported_model):
    signatures = tf.saved_model.load(str(exported_model / "1")).signatures
    picture = tf.io.encode_png(np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype("uint8"))
    answers = {
        name: signatures[name](image_bytes=tf.stack([picture]))["generated_image_bytes"].numpy()
        for name in ("a2b", "b2a", "serving_default")
    }
    assert answers["serving_default"] == answers["a2b"] != answers["b2a"]


def test_nothing_of_this_machine_or_of_keras_is_in_it(exported_model):
    graph = (exported_model / "1/saved_model.pb").read_bytes()
    assert b"_tf_keras" not in graph and b".py" not in graph
    assert not (exported_model / "1/keras_metadata.pb").exists()


def test_card_and_report_say_where_it_comes_from_and_how_it_is_asked(small_generators, tmp_path):
    write_image(tmp_path / "samples/x.png", np.zeros((11, 13, 3), np.uint8))
    write_image(tmp_path / "samples/large.png", np.zeros((40, 40, 3), np.uint8))
    generators = {"b2a": small_generators["b2a"]}
    options = {"version": 7, "max_pixels": 1234, "samples": tmp_path / "samples"}
    published = export(generators, tmp_path / "horses", ORIGIN, **options)
    assert published.folder == tmp_path / "horses/7"
    card = (published.folder / "model_card.md").read_text()
    for expected in (
        *("# horses, version 7", "horses and zebras", "a2b  1.25", "20x16 pixels", "1,234 pixels"),
        *("/v1/models/horses:predict", "`b2a_float`", "float32 (batch, height, width, 3)"),
    ):
        assert expected in card, expected
    report = json.loads((published.folder / "report.json").read_text())
    (sizes,) = (c["figures"]["sizes"] for c in report["checks"] if "translate" in c["name"])
    assert sizes == ["20x16", "40x9", "13x11"]  # And none of more than 1234 pixels.


def test_label_maps_and_other_formats(tmp_path):
    network = label_maps(segnet(out_channels=4, filters=2, labels=True))
    published = export({"a2b": network}, tmp_path / "parts", ORIGIN, formats=["tflite"])
    assert "are class indices" in (published.folder / "model_card.md").read_text()
    assert (published.folder / "assets.extra/a2b.tflite").stat().st_size > 1000
    report = json.loads((published.folder / "report.json").read_text())
    figures = {check["name"]: check["figures"] for check in report["checks"]}
    found = figures["a2b matches translate"]
    assert found["share of other labels, as files"] <= 1e-3
    assert figures["a2b.tflite matches the generator"]["difference in [-1, 1]"] < 1e-4


def test_a_folder_of_samples_has_to_hold_some(small_generators, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="none` contains no images"):
        export(small_generators, tmp_path / "m", ORIGIN, samples=tmp_path / "none")


@keras.saving.register_keras_serializable("tests")
class Unsteady(keras.layers.Layer):
    """Never gives the same twice."""

    def call(self, inputs):
        # Not random by a seed, which another test may have set.
        microseconds = tf.cast(tf.timestamp() * 1e6, tf.int64)
        noise = tf.random.stateless_uniform(tf.shape(inputs), tf.stack([microseconds, 0]))
        return inputs * noise


def test_a_version_that_fails_a_check_is_not_published(tmp_path):
    image = keras.Input((None, None, 3))
    with pytest.raises(UserError, match="a check failed: a2b matches translate"):
        export({"a2b": keras.Model(image, Unsteady()(image))}, tmp_path / "m", ORIGIN)
    assert [p.name for p in (tmp_path / "m").iterdir()] == [".lock"]


@pytest.mark.parametrize("flag", ["version", "max_pixels"])
def test_numbers_start_at_one(small_generators, tmp_path, flag):
    with pytest.raises(UserError, match=f"`{flag}=0`: expected at least 1"):
        export(small_generators, tmp_path / "m", ORIGIN, **{flag: 0})


def test_pictures_as_trained_on_have_to_be_allowed(small_generators, tmp_path):
    with pytest.raises(UserError, match="`max_pixels=319`: less than the training size, 20x16"):
        export(small_generators, tmp_path / "m", ORIGIN, max_pixels=319)


def test_other_weights_than_the_generators_are_noticed(exported_model, small_generators):
    version = exported_model / "1"
    assert check_weights(version, small_generators).passed
    other = generator("gated_resnet_1", filters=4, init_gain=0.5)
    for wrong in ({"a2b": small_generators["a2b"]}, small_generators | {"b2a": other}):
        found = check_weights(version, wrong)
        assert not found.passed and found.figures["differing variables"] > 0


@pytest.mark.parametrize("compiled", [True, False])
def test_python_and_xla_in_the_graph_are_noticed(tmp_path, compiled):
    inner = tf.function(lambda x: x * 2.0, jit_compile=True)
    module = tf.Module()
    module.call = tf.function(
        lambda x: inner(x) if compiled else tf.numpy_function(np.square, [x], tf.float32),
        input_signature=[tf.TensorSpec([None])],
    )
    tf.saved_model.save(module, str(tmp_path), module.call.get_concrete_function())
    found = check_operations(tmp_path)
    assert not found.passed
    assert (found.figures["compiled by XLA"] > 0) is compiled
    assert bool(found.figures["python"]) is not compiled


def test_a_bad_picture_that_spoils_its_neighbours_is_noticed():
    def spoiling(image_bytes):
        bad = bool(tf.reduce_any(image_bytes == b"junk"))
        status = tf.fill([len(image_bytes)], int(bad))
        return {"generated_image_bytes": image_bytes, "status": status}

    assert not check_neighbours(spoiling, "a2b", [np.zeros((4, 4, 3), np.uint8)]).passed
