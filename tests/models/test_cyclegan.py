"""The training step: its terms, its order, and that replicas do not change it."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import compat
from cyclegan_tf.models.adam import adam
from cyclegan_tf.models.cyclegan import CycleGAN
from cyclegan_tf.models.discriminators import patch_discriminator
from cyclegan_tf.models.generators import resnet_generator
from cyclegan_tf.models.loss_scaling import DynamicLossScale
from cyclegan_tf.models.losses import adversarial_loss, discriminator_loss
from cyclegan_tf.models.normalization import InstanceNormalization

NETWORKS = ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")


def tiny(optimizers, strategy=None, channels=(3, 3), networks=None, init_gain=0.2, **options):
    """A compiled CycleGAN for 16x16 pictures whose weights are always the same."""
    a, b = channels
    with (strategy or tf.distribute.get_strategy()).scope():
        model = CycleGAN(
            *(networks or published)(a, b),
            **({"image_size": (16, 16), "pool_size": 0} | options),
        )
        rng = np.random.default_rng(0)
        for name in NETWORKS:
            network = getattr(model, name)
            shapes = [w.shape for w in network.weights]
            network.set_weights(
                [rng.normal(0, init_gain, shape).astype(np.float32) for shape in shapes]
            )
        model.compile(*(optimizers() for _ in range(2)))
    return model


def published(a, b, **judging):
    """The published networks, as small as they get."""
    return (
        resnet_generator(1, a, b, filters=2),
        resnet_generator(1, b, a, filters=2),
        patch_discriminator(1, a, filters=2, **judging),
        patch_discriminator(1, b, filters=2, **judging),
    )


def shallow(a, b):
    """One or two convolutions each: where only the step matters, and tracing should be quick."""

    def generator(source, target):
        image = keras.Input((None, None, source))
        x = keras.layers.Conv2D(4, 3, padding="same", name="first_conv")(image)
        x = InstanceNormalization(name="first_norm")(x)
        x = keras.layers.Conv2D(target, 3, padding="same", name="last_conv", dtype="float32")(x)
        return keras.Model(image, x)

    def discriminator(source):
        image = keras.Input((None, None, source))
        scores = keras.layers.Conv2D(1, 4, name="scores_conv", dtype="float32")(image)
        return keras.Model(image, scores)

    return generator(a, b), generator(b, a), discriminator(a), discriminator(b)


def sgd(rate=1.0):
    return lambda: keras.optimizers.SGD(rate)


def batch(seed=0, size=2, channels=(3, 3)):
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(-1, 1, (size, 16, 16, c)).astype(np.float32) for c in channels)


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


def run_step(strategy, model, pair):
    return stepper(strategy, model)(pair)


def values(variables):
    """Copies of the variables' values, by name."""
    return {name: np.array(variable.numpy()) for name, variable in variables.items()}


def variables(model, names=NETWORKS):
    """The networks' variables as NETWORK/LAYER/KIND."""
    states = {name: compat.network_state(getattr(model, name)) for name in names}
    return {f"{name}/{key}": v for name, state in states.items() for key, v in state.items()}


def weights(model, names=NETWORKS):
    return values(variables(model, names))


def gradients(tape, loss, model, names):
    named = variables(model, names)
    return dict(zip(named, tape.gradient(loss, list(named.values())), strict=True))


def relative_error(found, expected):
    """Of whole sets of tensors: the largest difference over the largest value."""
    largest = max(np.abs(expected[name]).max() for name in expected)
    return max(np.abs(found[name] - expected[name]).max() for name in expected) / largest


def has_no_effect(name, model):
    """Whether a weight is a bias whose effect the norm after it takes away."""
    network, layer, kind = name.split("/")
    norm = layer.replace("_conv", "_norm")
    return kind == "bias" and norm in [layer.name for layer in getattr(model, network).layers]


def mean_absolute(x, y):
    return np.mean(np.abs(np.asarray(x) - np.asarray(y)))


def test_every_term_and_its_weight():
    model = tiny(sgd(), lambda_a=7.0, lambda_b=3.0, lambda_identity=0.25)
    a, b = batch()
    losses, fake_a, fake_b = model.generator_losses(a, b)
    ab, ba = model.generator_ab, model.generator_ba
    np.testing.assert_allclose(fake_a, ba(b), atol=1e-5)
    np.testing.assert_allclose(fake_b, ab(a), atol=1e-5)
    expected = {
        "adversarial_loss_ab": np.mean((model.discriminator_b(ab(a)).numpy() - 1) ** 2),
        "adversarial_loss_ba": np.mean((model.discriminator_a(ba(b)).numpy() - 1) ** 2),
        "cycle_loss_a": 7.0 * mean_absolute(ba(ab(a)), a),
        "cycle_loss_b": 3.0 * mean_absolute(ab(ba(b)), b),
        "identity_loss_a": 0.25 * 7.0 * mean_absolute(ba(a), a),
        "identity_loss_b": 0.25 * 3.0 * mean_absolute(ab(b), b),
    }
    expected["generator_loss"] = sum(expected.values())
    assert {k: float(v) for k, v in losses.items()} == pytest.approx(expected, rel=1e-5)

    discriminator_losses = model.discriminator_losses(a, b, fake_a, fake_b)
    expected = {
        f"discriminator_loss_{domain}": 0.5
        * (np.mean((judge(real).numpy() - 1) ** 2) + np.mean(judge(fake).numpy() ** 2))
        for domain, judge, real, fake in (
            ("a", model.discriminator_a, a, fake_a),
            ("b", model.discriminator_b, b, fake_b),
        )
    }
    found = {k: float(v) for k, v in discriminator_losses.items()}
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_papers_weights_are_ten_and_five():
    model = tiny(sgd(), networks=shallow)
    a, b = batch()
    losses, _, _ = model.generator_losses(a, b)
    ab, ba = model.generator_ab, model.generator_ba
    for domain, real, other, back in (("a", a, ab, ba), ("b", b, ba, ab)):
        cycle, identity = mean_absolute(back(other(real)), real), mean_absolute(back(real), real)
        assert float(losses[f"cycle_loss_{domain}"]) == pytest.approx(10.0 * cycle, rel=1e-5)
        assert float(losses[f"identity_loss_{domain}"]) == pytest.approx(5.0 * identity, rel=1e-5)


def test_without_a_weight_there_are_no_identity_losses():
    model = tiny(sgd(), networks=shallow, lambda_identity=0.0, lambda_cycle=2.0, lambda_b=0.0)
    assert (model.lambda_a, model.lambda_b) == (2.0, 0.0)
    losses, _, _ = model.generator_losses(*batch())
    assert not [name for name in losses if "identity" in name]
    terms = sum(float(loss) for name, loss in losses.items() if name != "generator_loss")
    assert float(losses["generator_loss"]) == pytest.approx(terms)


@pytest.mark.parametrize("mode", ["vanilla", "wgangp", "hinge"])
def test_every_term_of_other_adversarial_losses(mode):
    model = tiny(sgd(), networks=shallow, gan_mode=mode)
    a, b = batch()
    losses, fake_a, fake_b = model.generator_losses(a, b)
    judgements = model.discriminator_losses(a, b, fake_a, fake_b)
    for domain, real, fake, direction in (("a", a, fake_a, "ba"), ("b", b, fake_b, "ab")):
        judge = getattr(model, f"discriminator_{domain}")
        expected = float(adversarial_loss(judge(fake), mode))
        assert float(losses[f"adversarial_loss_{direction}"]) == pytest.approx(expected, rel=1e-5)
        expected = float(discriminator_loss(judge(real), judge(fake), mode))
        found = float(judgements[f"discriminator_loss_{domain}"])
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
    penalties = {name for name in judgements if name.startswith("gradient_penalty")}
    assert len(penalties) == (2 if mode == "wgangp" else 0)


def test_wgangps_gradient_penalty_is_applied():
    """A linear discriminator has one slope, which is drawn to 1."""
    runs = []
    for weight in (5.0, 0.0):
        model = tiny(sgd(0.01), networks=shallow, gan_mode="wgangp", lambda_gradient_penalty=weight)
        kernels = [w for w in weights(model, NETWORKS[2:]).values() if w.ndim == 4]
        before = weights(model)
        losses = run_step(tf.distribute.get_strategy(), model, batch())
        runs.append((losses, {n: after - before[n] for n, after in weights(model).items()}))
    (losses, moved), (without, freely) = runs
    # The 13x13 scores are summed; each pixel is seen through all of the kernel, but at the border.
    for domain, kernel in zip("ab", kernels, strict=True):
        slope = np.zeros((16, 16, 3))
        for place in np.ndindex(13, 13):
            slope[place[0] : place[0] + 4, place[1] : place[1] + 4] += kernel[..., 0]
        expected = 5.0 * (np.sqrt(np.sum(slope**2)) - 1.0) ** 2
        assert losses[f"gradient_penalty_{domain}"] == pytest.approx(expected, rel=1e-4)
        assert without[f"gradient_penalty_{domain}"] == 0.0
    for name in moved:
        same = np.allclose(moved[name], freely[name], atol=1e-7)
        assert same is not name.endswith("scores_conv/kernel"), name


def test_wgangp_refuses_a_norm_whose_second_derivatives_are_wrong():
    with pytest.raises(ValueError, match="build them with `penalized=True`"):
        tiny(sgd(), gan_mode="wgangp")


def test_wgangps_places_follow_seed_and_step():
    def penalties(step=0, **options):
        networks = partial(published, penalized=True)
        model = tiny(sgd(), networks=networks, gan_mode="wgangp", **options)
        model.generator_optimizer.iterations.assign(step)
        losses = model.discriminator_losses(*batch(0), *batch(1))
        return {name: float(value) for name, value in losses.items() if "penalty" in name}

    first = penalties()
    assert penalties() == first
    for other in (penalties(step=1), penalties(seed=1)):
        assert all(other[name] != pytest.approx(first[name], rel=1e-6) for name in first)


def test_the_step_holds_the_discriminators_and_shows_them_the_fakes_of_before():
    model = tiny(sgd(0.05))
    a, b = batch()
    names_g, names_d = NETWORKS[:2], NETWORKS[2:]
    with tf.GradientTape() as tape:
        losses, fake_a, fake_b = model.generator_losses(a, b)
    generators = gradients(tape, losses["generator_loss"], model, names_g)

    def discriminators(fake_a, fake_b):
        with tf.GradientTape() as tape:
            loss = tf.add_n(list(model.discriminator_losses(a, b, fake_a, fake_b).values()))
        return gradients(tape, loss, model, names_d)

    expected = generators | discriminators(fake_a, fake_b)
    before = weights(model)
    run_step(tf.distribute.get_strategy(), model, (a, b))
    found = {name: (before[name] - after) / 0.05 for name, after in weights(model).items()}
    for names in (names_g, names_d):
        of_these = {n: v.numpy() for n, v in expected.items() if n.startswith(names)}
        assert relative_error(found, of_these) < 1e-4

    # The test can tell: the same discriminators on the fakes of the updated generators.
    for name, variable in variables(model, names_d).items():
        variable.assign(before[name])
    late = discriminators(model.generator_ba(b), model.generator_ab(a))
    late = {name: gradient.numpy() for name, gradient in late.items()}
    assert relative_error(found, late) > 1e-2


def test_the_discriminators_see_their_own_domains_pool():
    model = tiny(sgd(0.0), networks=shallow, pool_size=1)
    step, stored, chosen = stepper(tf.distribute.get_strategy(), model), None, set()
    for seed in range(8):
        a, b = batch(seed, size=1)
        fakes = {
            "a": model.generator_ba(b, training=True),
            "b": model.generator_ab(a, training=True),
        }
        losses = step((a, b))
        if stored is None:
            stored = dict(fakes)
        for domain, real in (("a", a), ("b", b)):
            judge, key = getattr(model, f"discriminator_{domain}"), f"discriminator_loss_{domain}"

            def loss(fake, judge=judge, real=real):
                return 0.5 * (np.mean((judge(real) - 1.0) ** 2) + np.mean(judge(fake) ** 2))

            new, old = loss(fakes[domain]), loss(stored[domain])
            assert losses[key] == pytest.approx(new, rel=1e-4) or losses[key] == pytest.approx(
                old, rel=1e-4
            )
            if seed and losses[key] == pytest.approx(old, rel=1e-4):
                stored[domain] = fakes[domain]
                chosen.add(("stored", domain))
            elif seed:
                chosen.add(("new", domain))
            pool = getattr(model, f"pool_{domain}")
            np.testing.assert_allclose(pool.images, stored[domain], atol=1e-6)
    assert chosen == {(which, domain) for which in ("new", "stored") for domain in "ab"}


two_replicas = pytest.mark.parametrize("strategy", [2], ids=["two replicas"], indirect=True)


@two_replicas
def test_one_and_two_replicas_have_the_same_gradients_with_sgd(strategy):
    found = []
    for each in (tf.distribute.get_strategy(), strategy):
        # The published initialization: float32 rounds more on networks nearer to saturation.
        model = tiny(sgd(1.0), each, init_gain=0.02)
        before = weights(model)
        losses = run_step(each, model, batch())
        found.append((losses, {n: before[n] - after for n, after in weights(model).items()}))
    (losses_1, one), (losses_2, two) = found
    assert_same_gradients(model, one, two)
    terms = loss_terms(losses_1)
    assert [losses_2[t] for t in terms] == pytest.approx([losses_1[t] for t in terms], rel=1e-5)


@two_replicas
def test_one_and_two_replicas_take_the_same_steps_with_adam(strategy):
    """Eight steps, the first one's gradients among them; the pools are full after two."""
    runs = []
    for each in (tf.distribute.get_strategy(), strategy):
        model = tiny(lambda: adam(2e-6), each, networks=shallow, pool_size=3)
        step = stepper(each, model)
        losses = [step(batch())]
        first = first_gradients(model)
        losses += [step(batch(seed)) for seed in range(1, 8)]
        pools = [values(model.state()[pool]) for pool in ("pool_a", "pool_b")]
        runs.append((losses, first, pools))
    (losses_1, one, pools_1), (losses_2, two, pools_2) = runs
    assert_same_gradients(model, one, two)
    for step_1, step_2 in zip(losses_1, losses_2, strict=True):
        terms = loss_terms(step_1)
        assert [step_2[t] for t in terms] == pytest.approx([step_1[t] for t in terms], rel=1e-4)
    for pool_1, pool_2 in zip(pools_1, pools_2, strict=True):
        assert pool_1["seen"] == pool_2["seen"] == 16
        np.testing.assert_allclose(pool_2["images"], pool_1["images"], atol=1e-4)


def loss_terms(losses):
    """All but the norms, which are means of each replica's own and so do depend on replicas."""
    return [name for name in losses if not name.endswith("_norm")]


def first_gradients(model):
    """After one step, Adam's first moment is half the gradient (beta_1 is 0.5)."""
    state, found = model.state(), {}
    for optimizer, names in (
        ("generator_optimizer", NETWORKS[:2]),
        ("discriminator_optimizer", NETWORKS[2:]),
    ):
        keys = variables(model, names)
        for i, key in enumerate(keys):
            found[key] = 2.0 * state[optimizer][f"m/{i}"].numpy()
    return found


def assert_same_gradients(model, one, two):
    largest = max(np.abs(gradient).max() for gradient in one.values())
    assert len(one) == sum(len(getattr(model, name).weights) for name in NETWORKS)
    for name, expected in one.items():
        # Where the true gradient is zero, both are rounding. That depends on the processor: 6e-6
        # on one, 2e-5 on another.
        scale = largest if has_no_effect(name, model) else np.abs(expected).max()
        np.testing.assert_allclose(two[name], expected, rtol=0, atol=5e-5 * scale, err_msg=name)


def test_compile_and_fit_do_what_steps_do(strategy):
    model = tiny(lambda: adam(1e-3), strategy, networks=shallow, pool_size=3)
    pair = batch(size=4)
    dataset = tf.data.Dataset.from_tensor_slices(pair).batch(4)
    history = model.fit(dataset, epochs=3, shuffle=False, verbose=0).history

    default = tf.distribute.get_strategy()
    by_hand = tiny(lambda: adam(1e-3), networks=shallow, pool_size=3)
    step = stepper(default, by_hand)
    steps = [step(pair) for _ in range(3)]
    for name in loss_terms(steps[0]):
        assert history[name] == pytest.approx([s[name] for s in steps], rel=1e-4), name
    found, expected = weights(model), weights(by_hand)
    for name in expected:
        if not has_no_effect(name, model):  # Adam makes whole steps of rounding there.
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5, err_msg=name)


def test_averages_follow_the_generators(strategy):
    model = tiny(sgd(0.1), strategy, networks=shallow, ema=0.75)
    start = weights(model, NETWORKS[:2])
    averages = [
        np.array(w) for network in model.translators.values() for w in network.get_weights()
    ]
    run_step(strategy, model, batch())
    after = weights(model, NETWORKS[:2])
    assert relative_error(after, start) > 1e-2
    # At first the averages are what they were when the model was made.
    for old, new, name in zip(averages, model_averages(model), after, strict=True):
        np.testing.assert_allclose(new, 0.75 * old + 0.25 * after[name], atol=1e-6)


def model_averages(model):
    return list(weights(model, ("average_ab", "average_ba")).values())


def test_averages_start_at_the_generators_and_are_what_translates():
    networks = shallow(3, 3)
    model = CycleGAN(*networks, image_size=(16, 16), ema=0.9)
    for average, generator in zip(model.translators.values(), networks[:2], strict=True):
        assert average is not generator
        for mine, theirs in zip(average.get_weights(), generator.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    plain = CycleGAN(*networks, image_size=(16, 16))
    assert plain.translators == {"a2b": plain.generator_ab, "b2a": plain.generator_ba}


@pytest.fixture
def float16():
    keras.mixed_precision.set_global_policy("mixed_float16")
    yield
    keras.mixed_precision.set_global_policy("float32")


@two_replicas
@pytest.mark.usefixtures("float16")
def test_float16_trains_on_two_replicas(strategy):
    model = tiny(lambda: adam(5e-3), strategy, networks=shallow, pool_size=2)
    with strategy.scope():
        model.loss_scale = DynamicLossScale(initial=2.0**30, growth_steps=16)
    step, pair, losses, scales = stepper(strategy, model), batch(), [], [2.0**30]
    for _ in range(40):
        losses.append(step(pair))
        scales.append(float(model.loss_scale.scale.numpy()))
    assert np.isfinite([[step[t] for t in loss_terms(step)] for step in losses]).all()
    assert losses[-1]["generator_loss"] < 0.8 * losses[0]["generator_loss"]
    # From far too large, the scale falls until gradients are finite, and grows again.
    assert min(scales) < scales[-1] < scales[0]
    assert 20 < model.state()["generator_optimizer"]["iterations"].numpy() < 40


@pytest.mark.usefixtures("float16")
def test_a_growing_loss_scale_changes_no_update():
    updates = []
    for growth_steps in (1000, 1):
        model = tiny(sgd(0.01), networks=shallow)
        model.loss_scale = DynamicLossScale(initial=16.0, growth_steps=growth_steps)
        before = weights(model)
        model.train_step(batch())
        updates.append({name: after - before[name] for name, after in weights(model).items()})
    steady, growing = updates
    for name, update in steady.items():
        np.testing.assert_allclose(growing[name], update, rtol=1e-2, atol=1e-5, err_msg=name)


@pytest.mark.usefixtures("float16")
def test_the_published_networks_take_a_float16_step():
    model = tiny(sgd(1e-4), pool_size=2)
    losses = model.train_step(batch())
    assert np.isfinite([losses[name] for name in loss_terms(losses)]).all()
    assert model.generator_ab(batch()[0]).dtype == tf.float32
    assert model.loss_scale is not None


def test_the_state_holds_every_variable_once():
    model = tiny(lambda: adam(1e-3), networks=shallow, pool_size=2, ema=0.5)
    state = model.state()
    assert set(state) == {
        *NETWORKS,
        *("average_ab", "average_ba", "pool_a", "pool_b"),
        *("generator_optimizer", "discriminator_optimizer"),
    }
    variables = [v for group in state.values() for v in group.values()]
    assert len({id(v) for v in variables}) == len(variables)
    assert all(isinstance(v, tf.Variable) for v in variables)
    # Six networks, Adam's two moments of the four trained ones, its counters and the pools.
    trained = sum(len(model.trained_variables(player)) for player in model.players)
    networks = sum(len(getattr(model, n).weights) for n in (*NETWORKS, "average_ab", "average_ba"))
    assert len(variables) == networks + 2 * trained + 2 + 4


def test_domains_may_have_different_channels():
    model = tiny(sgd(1e-2), channels=(3, 1), networks=shallow, lambda_identity=0.0, pool_size=2)
    a, b = batch(channels=(3, 1))
    fake_b, fake_a = model((a, b))
    assert (fake_b.shape, fake_a.shape) == (b.shape, a.shape)
    assert (model.pool_a.images.shape[1:], model.pool_b.images.shape[1:]) == (
        a.shape[1:],
        b.shape[1:],
    )
    losses = run_step(tf.distribute.get_strategy(), model, (a, b))
    assert np.isfinite(list(losses.values())).all()
    with pytest.raises(ValueError, match="Received: 3 and 1 channels"):
        tiny(sgd(), channels=(3, 1), networks=shallow)
