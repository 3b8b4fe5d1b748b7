"""Training by the distance between pixels: losses, noise, and that replicas do not matter."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.models.adam import adam
from cyclegan_tf.models.autoencoder import Autoencoder, cross_entropy_loss
from cyclegan_tf.models.autoencoders import encoder_decoder, segnet
from cyclegan_tf.models.loss_scaling import DynamicLossScale

two_replicas = pytest.mark.parametrize("strategy", [2], ids=["two replicas"], indirect=True)
SMALL = {"l2": 3, "l1": 3, "cross_entropy": 4}  # Losses, and the channels a network gives.


def small(channels=3):
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="first_conv")(image)
    x = keras.layers.ReLU(name="first_relu")(x)
    x = keras.layers.Conv2D(channels, 3, padding="same", name="last_conv", dtype="float32")(x)
    return keras.Model(image, x)


def made(optimizer, strategy=None, network=small, **options):
    """A compiled autoencoder whose weights are always the same."""
    with (strategy or tf.distribute.get_strategy()).scope():
        network = network()
        rng = np.random.default_rng(0)
        network.set_weights(
            [rng.normal(0, 0.2, w.shape).astype(np.float32) for w in network.weights]
        )
        model = Autoencoder(network, **options)
        model.compile(optimizer())
    return model


def sgd(rate=0.1):
    return lambda: keras.optimizers.SGD(rate)


def pair(seed=0, size=2):
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(-1, 1, (size, 16, 16, 3)).astype(np.float32) for _ in range(2))


def labels(seed=0, size=2, classes=4):
    return np.random.default_rng(seed).integers(0, classes, (size, 16, 16, 1)).astype(np.uint8)


def stepper(strategy, model):
    """The step on a global batch, each replica taking its part; it gives losses as floats."""
    step = tf.function(lambda data: strategy.run(model.train_step, args=(data,)))

    def part(images):
        parts = np.split(images, strategy.num_replicas_in_sync)
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )

    def run(data):
        losses = step(tuple(part(images) for images in data))
        return {k: float(strategy.experimental_local_results(v)[0]) for k, v in losses.items()}

    return run


def one_step(model, data):
    return stepper(tf.distribute.get_strategy(), model)(data)


def test_the_losses_are_their_definitions():
    inputs, targets = pair()
    for loss, distance in (("l1", np.abs), ("l2", np.square)):
        model = made(sgd(), loss=loss)
        expected = np.mean(distance(model(inputs).numpy() - targets))
        assert one_step(model, (inputs, targets))["generator_loss"] == pytest.approx(expected)

    model = made(sgd(), network=lambda: small(4), loss="cross_entropy")
    truth = labels()
    exponentials = np.exp(model(inputs).numpy())
    shares = exponentials / exponentials.sum(axis=-1, keepdims=True)
    expected = -np.mean(np.log(np.take_along_axis(shares, truth.astype(int), -1)))
    assert one_step(model, (inputs, truth))["generator_loss"] == pytest.approx(expected, rel=1e-5)


def test_a_network_that_cannot_decide_has_the_entropy_of_a_guess():
    loss = cross_entropy_loss(tf.zeros((1, 2, 2, 5)), np.uint8([[[[0], [1]], [[2], [4]]]]))
    assert float(loss) == pytest.approx(np.log(5))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_class_numbers_may_have_any_dtype(dtype):
    logits = np.random.default_rng(0).normal(size=(2, 16, 16, 4)).astype(np.float32)
    expected = cross_entropy_loss(logits, labels().astype(np.int32))
    assert float(cross_entropy_loss(logits, labels().astype(dtype))) == float(expected)


@pytest.mark.parametrize("loss", SMALL)
def test_a_step_goes_down_the_gradient(loss):
    model = made(sgd(0.1), network=lambda: small(SMALL[loss]), loss=loss)
    inputs, targets = pair()
    targets = labels() if loss == "cross_entropy" else targets
    before = model.generator_ab.get_weights()
    with tf.GradientTape() as tape:
        objective = model.pixel_loss(model(inputs), targets)
    gradients = tape.gradient(objective, model.generator_ab.trainable_variables)
    found = one_step(model, (inputs, targets))
    for old, gradient, new in zip(before, gradients, model.generator_ab.get_weights(), strict=True):
        np.testing.assert_allclose(new, old - 0.1 * gradient, atol=1e-6)
    norm = np.sqrt(sum(np.sum(np.square(gradient)) for gradient in gradients))
    assert found["generator_gradient_norm"] == pytest.approx(norm, rel=1e-4)
    assert set(found) == {"generator_loss", "generator_gradient_norm"}


def test_noise_changes_what_is_learned_from_and_not_what_is_translated():
    plain, noisy = made(sgd()), made(sgd(), noise=0.5)
    inputs, targets = pair()
    np.testing.assert_array_equal(plain(inputs), noisy(inputs))
    np.testing.assert_array_equal(
        plain.translators["a2b"](inputs), noisy.translators["a2b"](inputs)
    )
    losses = [one_step(model, (inputs, targets))["generator_loss"] for model in (plain, noisy)]
    assert losses[1] != pytest.approx(losses[0], rel=1e-3)


def test_the_noise_is_normal_unclipped_and_another_in_every_step():
    model = made(sgd(), noise=0.5)
    inputs = np.ones((8, 64, 64, 3), np.float32)
    first = model.noisy(inputs).numpy() - inputs
    error = 0.5 / np.sqrt(first.size)
    assert first.mean() == pytest.approx(0.0, abs=5 * error)
    assert first.std() == pytest.approx(0.5, abs=5 * error)
    assert (first > 0.5).mean() == pytest.approx(0.1587, abs=0.01)  # Beyond one deviation.
    np.testing.assert_array_equal(model.noisy(inputs) - inputs, first)
    model.generator_optimizer.iterations.assign(1)
    second = model.noisy(inputs).numpy() - inputs
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02
    # A run that is resumed at a step goes on as it would have.
    again = made(sgd(), noise=0.5)
    again.generator_optimizer.iterations.assign(1)
    np.testing.assert_array_equal(again.noisy(inputs) - inputs, second)
    other = made(sgd(), noise=0.5, seed=1)
    assert (other.noisy(inputs) - inputs != first).numpy().mean() > 0.99


@two_replicas
@pytest.mark.parametrize("loss", SMALL)
def test_one_replica_equals_two(strategy, loss):
    runs = []
    for each in (tf.distribute.get_strategy(), strategy):
        model = made(sgd(), each, lambda: small(SMALL[loss]), loss=loss, noise=0.3)
        step = stepper(each, model)
        found = []
        for seed in range(3):
            inputs, targets = pair(seed)
            found.append(step((inputs, labels(seed) if loss == "cross_entropy" else targets)))
        runs.append(([losses["generator_loss"] for losses in found], model.get_weights()))
    (losses_1, weights_1), (losses_2, weights_2) = runs
    assert losses_2 == pytest.approx(losses_1, rel=1e-5)
    for one, two in zip(weights_1, weights_2, strict=True):
        np.testing.assert_allclose(two, one, atol=1e-6)


def test_compile_and_fit_do_what_steps_do(strategy):
    data = pair(size=4)
    model = made(lambda: adam(1e-3), strategy, noise=0.1)
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(4)
    history = model.fit(dataset, epochs=3, shuffle=False, verbose=0).history
    by_hand = made(lambda: adam(1e-3), noise=0.1)
    step = stepper(tf.distribute.get_strategy(), by_hand)
    expected = [step(data)["generator_loss"] for _ in range(3)]
    assert history["generator_loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("build", [encoder_decoder, segnet])
def test_computing_activations_again_changes_no_update(build):
    weights = []
    for remat in (False, True):
        model = made(sgd(), network=lambda: build(filters=2, norm="none"), remat=remat)
        before = model.generator_ab.get_weights()
        one_step(model, pair())
        weights.append(model.generator_ab.get_weights())
    for kept, again, old in zip(*weights, before, strict=True):
        np.testing.assert_allclose(again, kept, atol=1e-6)
        assert np.abs(kept - old).max() > 1e-5


def test_averages_follow_and_are_what_translates(strategy):
    model = made(sgd(0.1), strategy, ema=0.75)
    before = model.generator_ab.get_weights()
    stepper(strategy, model)(pair())
    average = model.translators["a2b"]
    assert average is not model.generator_ab
    for old, new, mean in zip(
        before, model.generator_ab.get_weights(), average.get_weights(), strict=True
    ):
        np.testing.assert_allclose(mean, 0.75 * old + 0.25 * new, atol=1e-6)


def test_the_state_holds_the_network_and_its_optimizer():
    model = made(lambda: adam(1e-3), ema=0.9)
    assert set(model.state()) == {"generator_ab", "average_ab", "generator_optimizer"}
    assert set(model.state()["generator_ab"]) == {
        f"{layer}_conv/{kind}" for layer in ("first", "last") for kind in ("kernel", "bias")
    }


@pytest.fixture
def float16():
    keras.mixed_precision.set_global_policy("mixed_float16")
    yield
    keras.mixed_precision.set_global_policy("float32")


@two_replicas
@pytest.mark.usefixtures("float16")
def test_float16_trains_on_two_replicas(strategy):
    model = made(lambda: adam(5e-3), strategy, noise=0.05)
    with strategy.scope():
        model.loss_scale = DynamicLossScale(initial=2.0**30, growth_steps=16)
    step, (inputs, _) = stepper(strategy, model), pair()
    losses = [step((inputs, inputs))["generator_loss"] for _ in range(40)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.8 * losses[0]
    assert float(model.loss_scale.scale.numpy()) < 2.0**30


@pytest.mark.parametrize("build", [encoder_decoder, segnet])
def test_the_networks_learn_to_segment(build):
    keras.utils.set_random_seed(1)
    network = build(out_channels=2, filters=4, labels=True, norm="batch", init_gain=0.1)
    model = Autoencoder(network, "cross_entropy")
    model.compile(adam(5e-3))
    rng = np.random.default_rng(0)
    inputs = np.repeat(np.repeat(rng.uniform(-1, 1, (4, 2, 2, 3)), 8, 1), 8, 2).astype(np.float32)
    truth = (inputs[..., :1] > 0).astype(np.uint8)
    step = stepper(tf.distribute.get_strategy(), model)
    losses = [step((inputs, truth))["generator_loss"] for _ in range(60)]
    assert losses[-1] < 0.3 * losses[0]


def test_an_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="l1, l2, cross_entropy. Received: ssim"):
        Autoencoder(small(), loss="ssim")
