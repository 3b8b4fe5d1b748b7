"""pix2pix's step: its order, its terms, and that replicas do not change it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import compat
from cyclegan_tf.models.adam import adam
from cyclegan_tf.models.blocks import Blocks, leaky_relu
from cyclegan_tf.models.losses import adversarial_loss, discriminator_loss
from cyclegan_tf.models.pix2pix import Pix2Pix

DEFAULT = tf.distribute.get_strategy()
two_replicas = pytest.mark.parametrize("strategy", [2], ids=["two replicas"], indirect=True)


def shallow(a, b, **style):
    """Two convolutions and one, with all that the step has to do with between them."""
    add = Blocks(init_gain=0.3, **style)
    image = keras.Input((None, None, a))
    x = add.convolution(image, 4, 3, "first", zeros=1)
    x = add.dropped(leaky_relu(add.normalized(x, "first"), "first"), "first")
    x = add.convolution(x, b, 3, "last", zeros=1, dtype="float32")
    pair = keras.Input((None, None, a + b))
    y = leaky_relu(add.normalized(add.convolution(pair, 4, 4, "layer"), "layer"), "layer")
    scores = add.convolution(y, 1, 1, "scores", dtype="float32")
    return keras.Model(image, x), keras.Model(pair, scores)


def tiny(optimizer, strategy=DEFAULT, channels=(3, 3), norm="batch", **options):
    """A compiled model that is the same whenever it is made."""
    keras.utils.set_random_seed(0)
    penalized = options.get("gan_mode") == "wgangp"
    with strategy.scope():
        model = Pix2Pix(*shallow(*channels, norm=norm, penalized=penalized), **options)
        model.compile(optimizer(), optimizer())
    return model


def sgd(rate=0.1):
    return lambda: keras.optimizers.SGD(rate)


def batch(seed=0, size=2, channels=(3, 3)):
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(-1, 1, (size, 8, 8, c)).astype(np.float32) for c in channels)


def stepper(strategy, model):
    """The step on a global batch, each replica taking its part; it gives losses as floats."""

    def step(pair):
        return strategy.run(model.train_step, args=(pair,))

    if strategy.num_replicas_in_sync > 1:  # One replica is as quick without a graph.
        step = tf.function(step)

    def part(images):
        parts = np.split(images, strategy.num_replicas_in_sync)
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )

    def run(pair):
        losses = step(tuple(part(images) for images in pair))
        return {k: float(strategy.experimental_local_results(v)[0]) for k, v in losses.items()}

    return run


def weights(model):
    names = ("generator_ab", "discriminator")
    states = {name: compat.network_state(getattr(model, name)) for name in names}
    return {
        f"{n}/{k}": np.array(v.numpy()) for n, state in states.items() for k, v in state.items()
    }


def mean_absolute(x, y):
    return np.mean(np.abs(np.asarray(x) - np.asarray(y)))


def test_the_published_weights_and_terms():
    model = tiny(sgd())
    a, b = batch()
    fake = model(a)
    terms = model.generator_losses(a, b, fake)
    scores = model.discriminator(np.concatenate([a, fake], -1), training=True).numpy()
    expected = {
        "adversarial_loss": np.mean(np.log1p(np.exp(-scores))),
        "l1_loss": 100.0 * mean_absolute(fake, b),
    }
    expected["generator_loss"] = sum(expected.values())
    assert {k: float(v) for k, v in terms.items()} == pytest.approx(expected, rel=1e-5)
    lighter = tiny(sgd(), lambda_l1=7.0).generator_losses(a, b, fake)
    assert float(lighter["l1_loss"]) == pytest.approx(7.0 * mean_absolute(fake, b), rel=1e-5)

    (judgement,) = model.discriminator_losses(a, b, fake).items()
    true = model.discriminator(np.concatenate([a, b], -1), training=True).numpy()
    expected = 0.5 * np.mean(np.log1p(np.exp(-true)) + np.log1p(np.exp(scores)))
    assert judgement[0] == "discriminator_loss"
    assert float(judgement[1]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("mode", ["vanilla", "lsgan", "hinge"])
def test_the_discriminator_is_updated_first_and_on_the_fakes_of_before(mode):
    model, again = (tiny(sgd(0.5), gan_mode=mode) for _ in range(2))
    a, b = batch()
    fake = again.generator_ab(a, training=True)
    losses = stepper(DEFAULT, model)((a, b))
    pairs = [np.concatenate([a, image], -1) for image in (b, fake)]

    def judged(judge):
        real, fake = (judge(pair, training=True) for pair in pairs)
        return float(discriminator_loss(real, fake, mode)), float(adversarial_loss(fake, mode))

    before, after = judged(again.discriminator), judged(model.discriminator)
    assert losses["discriminator_loss"] == pytest.approx(before[0], rel=1e-4)
    assert losses["adversarial_loss"] == pytest.approx(after[1], rel=1e-4)
    # The test can tell one from the other.
    assert before[1] != pytest.approx(after[1], rel=1e-2)


def test_each_player_goes_down_its_own_gradient():
    model, again = tiny(sgd(0.05)), tiny(sgd(0.05))
    a, b = batch()
    stepper(DEFAULT, model)((a, b))
    with tf.GradientTape(persistent=True) as tape:
        fake = again.generator_ab(a, training=True)
        (judgement,) = again.discriminator_losses(a, b, fake).values()
    gradients = tape.gradient(judgement, again.discriminator.trainable_variables)
    # What the discriminator minimizes is nothing to the generator.
    variables = again.generator_ab.trainable_variables
    assert tape.gradient(judgement, variables) == [None] * len(variables)
    for variable, gradient in zip(again.discriminator.trainable_variables, gradients, strict=True):
        variable.assign_sub(0.05 * gradient)
    with tape:
        loss = again.generator_losses(a, b, fake)["generator_loss"]
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign_sub(0.05 * gradient)
    found, expected = weights(model), weights(again)
    for name in expected:
        if "moving" not in name:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5, err_msg=name)


def test_an_input_is_judged_with_its_picture():
    """The same pictures with other inputs get other scores, and each network its channels."""
    model = tiny(sgd(), channels=(1, 2))
    a, b = batch(channels=(1, 2))
    assert model.discriminator.input_shape[-1] == 3
    losses = [
        float(model.discriminator_losses(inputs, b, model(a))["discriminator_loss"])
        for inputs in (a, -a)
    ]
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)
    assert np.isfinite(list(stepper(DEFAULT, model)((a, b)).values())).all()
    assert model(a).shape == b.shape


@two_replicas
def test_one_replica_equals_two(strategy):
    """Batch norm takes the global batch's statistics, and dropout drops what it would alone."""
    runs = []
    for each in (DEFAULT, strategy):
        model = tiny(sgd(0.01), each, ema=0.9)
        step = stepper(each, model)
        losses = [step(batch(seed)) for seed in range(3)]
        runs.append((losses, weights(model)))
    (losses_1, one), (losses_2, two) = runs
    for alone, together in zip(losses_1, losses_2, strict=True):
        terms = [name for name in alone if not name.endswith("_norm")]
        assert [together[t] for t in terms] == pytest.approx([alone[t] for t in terms], rel=1e-4)
    for name, expected in one.items():
        np.testing.assert_allclose(two[name], expected, atol=1e-4, err_msg=name)
    assert one["generator_ab/first_dropout/count"] == two["generator_ab/first_dropout/count"] == 3


@two_replicas
def test_the_gradient_penalty_is_applied_and_the_same_on_replicas(strategy):
    runs = []
    for each, weight in ((DEFAULT, 10.0), (strategy, 10.0), (DEFAULT, 0.0)):
        options = {"gan_mode": "wgangp", "lambda_gradient_penalty": weight, "norm": "instance"}
        model = tiny(sgd(0.01), each, **options)
        start = weights(model)
        runs.append((stepper(each, model)(batch()), weights(model)))
    (losses, one), (losses_2, two), (without, free) = runs
    assert losses["gradient_penalty"] > 0.1
    assert losses["gradient_penalty"] == pytest.approx(losses_2["gradient_penalty"], rel=1e-4)
    assert without["gradient_penalty"] == 0.0
    for name in one:
        np.testing.assert_allclose(two[name], one[name], atol=1e-5, err_msg=name)
    kernel = "discriminator/layer_conv/kernel"
    moved, moved_free = one[kernel] - start[kernel], free[kernel] - start[kernel]
    assert np.abs(moved - moved_free).max() > 0.1 * np.abs(moved).max() > 0


def test_the_state_holds_every_variable_once():
    model = tiny(lambda: adam(1e-3), ema=0.5)
    state = model.state()
    assert set(state) == {
        *("generator_ab", "average_ab", "discriminator"),
        *("generator_optimizer", "discriminator_optimizer"),
    }
    variables = [v for group in state.values() for v in group.values()]
    assert len({id(v) for v in variables}) == len(variables)
    trained = sum(len(model.trained_variables(player)) for player in model.players)
    networks = (model.generator_ab, model.average_ab, model.discriminator)
    assert len(variables) == sum(len(n.weights) for n in networks) + 2 * trained + 2


def test_a_restored_state_goes_on_as_the_first_would_have():
    first, second = (tiny(lambda: adam(1e-3), ema=0.5, gan_mode="wgangp") for _ in range(2))
    step, resumed = stepper(DEFAULT, first), stepper(DEFAULT, second)
    step(batch(0))
    for group, mine in second.state().items():
        for name, variable in mine.items():
            variable.assign(first.state()[group][name])
    assert resumed(batch(1)) == step(batch(1))
    for name, expected in weights(first).items():
        np.testing.assert_array_equal(weights(second)[name], expected, err_msg=name)


def test_compile_and_fit_do_what_steps_do():
    model, by_hand = tiny(sgd(0.01)), tiny(sgd(0.01))
    pair = batch(size=4)
    dataset = tf.data.Dataset.from_tensor_slices(pair).batch(4)
    history = model.fit(dataset, epochs=2, shuffle=False, verbose=0).history
    step = stepper(DEFAULT, by_hand)
    steps = [step(pair) for _ in range(2)]
    for name in ("generator_loss", "l1_loss", "adversarial_loss", "discriminator_loss"):
        assert history[name] == pytest.approx([s[name] for s in steps], rel=1e-4), name


def test_float16_trains():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = tiny(lambda: adam(2e-2))
        step, (a, _) = stepper(DEFAULT, model), batch()
        losses = [step((a, a)) for _ in range(16)]
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert losses[-1]["l1_loss"] < 0.95 * losses[0]["l1_loss"]
    assert {"scale", "good_steps"} == set(model.state()["loss_scale"])
