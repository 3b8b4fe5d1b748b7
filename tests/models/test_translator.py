"""What all models share: passes over several batches, recomputation, averages, names."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.config.direction import Direction
from cyclegan_tf.models.adam import adam
from cyclegan_tf.models.autoencoder import Autoencoder
from cyclegan_tf.models.blocks import Blocks, leaky_relu
from cyclegan_tf.models.cyclegan import CycleGAN
from cyclegan_tf.models.generators import resnet_generator
from cyclegan_tf.models.pix2pix import Pix2Pix
from cyclegan_tf.models.translator import Translator, together


class Listener(keras.layers.Layer):
    """Remembers how many pictures came at a time."""

    def __init__(self, **options):
        super().__init__(**options)
        self.heard = []

    def call(self, inputs):
        self.heard.append(inputs.shape[0])
        return inputs


def network(norm="instance", dropout=False, channels=3):
    """Two convolutions with a listener before them, the same in every call."""
    keras.utils.set_random_seed(0)
    add = Blocks(norm=norm, init_gain=0.3)
    image = keras.Input((None, None, channels))
    x = Listener(name="listener")(image)
    x = add.convolution(x, 4, 3, "first", zeros=1, use_bias=False)
    x = leaky_relu(add.normalized(x, "first"), "first")
    x = add.dropped(x, "first") if dropout else x
    return keras.Model(image, add.convolution(x, 3, 3, "last", zeros=1))


def pictures(*sizes, batch=2):
    rng = np.random.default_rng(0)
    return [tf.constant(rng.uniform(-1, 1, (batch, *size, 3)), tf.float32) for size in sizes]


def with_gradients(run, model, batches):
    """What comes out, and its gradients in the inputs and the weights."""
    with tf.GradientTape() as tape:
        tape.watch(batches)
        outputs = run(*batches)
        loss = tf.add_n([tf.reduce_sum(y**3) for y in outputs])
    return outputs, tape.gradient(loss, [*batches, *model.trainable_variables])


def heard(model, run, *batches):
    listener = model.get_layer("listener")
    listener.heard.clear()
    outputs = run(*batches)
    return outputs, list(listener.heard)


def assert_close(found, expected):
    for mine, theirs in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5 * scale)


def test_one_pass_over_several_batches_equals_one_each():
    model, batches = network(), pictures((6, 6), (6, 6))
    batches.append(batches[0][:1] / 2.0)  # They may differ in number.

    def one_by_one(*batches):
        return [model(batch, training=True) for batch in batches]

    found = with_gradients(lambda *batches: together(model, *batches), model, batches)
    assert_close(found, with_gradients(one_by_one, model, batches))
    assert heard(model, lambda *batches: together(model, *batches), *batches)[1] == [5]


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"norm": "batch"}, [(6, 6), (6, 6)]),
        ({"dropout": True}, [(6, 6), (6, 6)]),
        ({}, [(6, 6), (6, 8)]),
    ],
    ids=["batch norm", "dropout", "different sizes"],
)
def test_there_is_a_pass_for_each_where_one_would_differ(options, sizes):
    model, same = network(**options), network(**options)
    batches = pictures(*sizes)
    found, passes = heard(model, lambda *batches: together(model, *batches), *batches)
    assert passes == [2, 2]
    assert_close(found, [same(batch, training=True) for batch in batches])


def test_there_is_a_pass_for_each_where_sizes_are_not_known_yet():
    model, signature = network(), [tf.TensorSpec((None, None, None, 3))] * 2
    call = tf.function(lambda *batches: together(model, *batches), input_signature=signature)
    batches = pictures((6, 6), (6, 8))
    assert_close(call(*batches), [model(batch, training=True) for batch in batches])


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_dropout_and_norms_do_not_depend_on_replicas(strategy, norm):
    with strategy.scope():
        model = network(norm, dropout=True)
    batches = pictures((6, 6), (6, 6), batch=4)

    def halves(context):
        parts = [tf.split(batch, strategy.num_replicas_in_sync) for batch in batches]
        return tuple(part[context.replica_id_in_sync_group] for part in parts)

    local = strategy.experimental_distribute_values_from_function(halves)
    outputs = strategy.run(lambda parts: together(model, *parts), args=(local,))
    found = [tf.concat(strategy.experimental_local_results(each), 0) for each in outputs]
    assert_close(found, together(network(norm, dropout=True), *batches))


@pytest.mark.parametrize("compiled", [False, True])
def test_recomputation_changes_no_gradient(compiled):
    model, batches = network(), pictures((6, 6), (6, 6))
    results = []
    for remat in (False, True):

        def run(remat=remat):
            return with_gradients(lambda *b: together(model, *b, remat=remat), model, batches)

        results.append((tf.function(run) if compiled else run)())
    assert_close(*results)


def kept_for_gradients(model, remat):
    """Counts the elements of pictures that a graph has on the way forward and uses on its way back.

    The way back is what depends on the gradient of the result.
    """
    image = tf.TensorSpec((1, 16, 16, 3))

    @tf.function(input_signature=[image, image])
    def gradients(images, upstream):
        with tf.GradientTape() as tape:
            (outputs,) = together(model, images, remat=remat)
        return tape.gradient(outputs, model.trainable_variables, output_gradients=upstream)

    graph = gradients.get_concrete_function().graph
    back = {graph.inputs[1].op}
    for operation in graph.get_operations():  # In an order in which they can be computed.
        if any(tensor.op in back for tensor in operation.inputs):
            back.add(operation)
    used = {x.ref() for operation in back for x in operation.inputs if x.op not in back}
    tensors = [x.deref() for x in used if x.deref().op.type != "ReadVariableOp"]
    return sum(x.shape.num_elements() for x in tensors if (x.shape.rank or 0) >= 4)


def test_recomputation_keeps_the_input_and_no_activations():
    model = resnet_generator(2, filters=2)
    pixels = 16 * 16 * 3
    assert kept_for_gradients(model, remat=False) > 10 * pixels
    assert kept_for_gradients(model, remat=True) == pixels


MODELS = {
    "autoencoder": lambda ab, ba, **options: Autoencoder(ab, **options),
    "pix2pix": lambda ab, ba, **options: Pix2Pix(ab, network(channels=6), **options),
    "cyclegan": lambda ab, ba, **options: CycleGAN(
        ab, ba, network(), network(), image_size=(16, 16), pool_size=0, **options
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_compute_everything_of_their_generators_again_if_asked(name):
    calls = []
    for remat in (False, True):
        generators = network(), network()
        model = MODELS[name](*generators, remat=remat)
        model.compile(*(keras.optimizers.SGD(0.0) for _ in model.players))
        listeners = [generator.get_layer("listener") for generator in generators]
        for listener in listeners:
            listener.heard.clear()
        tf.function(model.train_step)(tuple(pictures((16, 16), (16, 16))))
        calls.append([len(listener.heard) for listener in listeners])
    # Otherwise a CycleGAN's fakes and identities are one pass, beside that of the cycle.
    passes = {"cyclegan": [3, 3]}.get(name, calls[0])
    assert calls[1] == [2 * count for count in passes]
    assert calls[0][0] > 0


def autoencoder(strategy=None, **options):
    with (strategy or tf.distribute.get_strategy()).scope():
        model = Autoencoder(network("batch", dropout=True), **options)
        model.compile(adam(0.1))
    return model


def test_averages_follow_in_everything_but_counters(strategy):
    model = autoencoder(strategy, ema=0.75)
    batch = pictures((8, 8))[0]

    def half(context):
        return tf.split(batch, strategy.num_replicas_in_sync)[context.replica_id_in_sync_group]

    local = strategy.experimental_distribute_values_from_function(half)
    kinds = set()
    for count in (1, 2):
        names = ("generator_ab", "average_ab")
        before = {name: copies(model.state()[name]) for name in names}
        strategy.run(model.train_step, args=((local, local),))
        generator, average = (copies(model.state()[name]) for name in names)
        for name, new in generator.items():
            kind = name.split("/")[1]
            expected = count if kind == "count" else 0.75 * before["average_ab"][name] + 0.25 * new
            np.testing.assert_allclose(average[name], expected, atol=1e-6, err_msg=name)
            if not np.array_equal(new, before["generator_ab"][name]):
                kinds.add(kind)
    assert kinds == {"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "count"}


def copies(state):
    return {name: np.array(variable.numpy()) for name, variable in state.items()}


def test_networks_give_their_names_to_everything():
    generators = {direction: network() for direction in Direction}
    model = Translator(generators, {"discriminator_b": network(), "judge": network()})
    assert model.players == ["generator", "discriminator"]
    assert list(model.networks) == ["generator_ab", "generator_ba", "discriminator_b", "judge"]
    assert model.translators == {"a2b": model.generator_ab, "b2a": model.generator_ba}
    own = [w for generator in generators.values() for w in generator.trainable_variables]
    assert [id(w) for w in model.trained_variables("generator")] == [id(w) for w in own]


def test_results_come_from_the_averages_if_there_are_any():
    model = Translator({Direction.A2B: network()}, ema=0.9)
    assert model.translators == {"a2b": model.average_ab}
    assert model.average_ab is not model.generator_ab


def test_the_state_has_a_group_for_all_that_changes():
    model = autoencoder()
    with pytest.raises(AttributeError):
        Autoencoder(network()).state()
    state = model.state()
    assert set(state) == {"generator_ab", "generator_optimizer"}
    assert set(state["generator_ab"]) == {
        *("first_conv/kernel", "last_conv/kernel", "last_conv/bias"),
        *(f"first_norm/{x}" for x in ("gamma", "beta", "moving_mean", "moving_variance")),
        "first_dropout/count",
    }
    model = autoencoder(ema=0.9)
    assert set(model.state()["average_ab"]) == set(state["generator_ab"])
