"""Every option: its bounds, its JSON form, and what counts as a different run."""

import dataclasses
import json

import pytest

from cyclegan_tf.config.config import Config, options
from cyclegan_tf.config.run_options import MODELS
from cyclegan_tf.errors import UserError

OPTIONS = {field.name: (group, field, value) for group, field, value in options(Config())}


def another_value(field, value):
    """A valid value other than the default."""
    if "choices" in field.metadata:
        return next((c for c in field.metadata["choices"] if c != value), None)
    special = {"generator": "resnet_6", "augment": "none", "discriminator_layers": 2, "ema": 0.5}
    if field.name in special:
        return special[field.name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return "elsewhere"
    return 8 if value is None else type(value)(value * 2 + 4)


CHANGED = {
    name: other
    for name, (_, field, value) in OPTIONS.items()
    if (other := another_value(field, value)) is not None
}


def test_option_names_are_unique_and_explained():
    every = [field for _, field, _ in options(Config())]
    assert len(OPTIONS) == len(every)
    assert all(field.metadata["help"].endswith(".") for field in every)


def test_the_defaults_are_the_papers():
    config = Config().validate()
    assert (config.objective.lambda_cycle, config.objective.lambda_identity) == (10.0, 0.5)
    assert (config.objective.pool_size, config.data.batch_size) == (50, 1)
    assert (config.data.load_size, config.data.crop_size) == (286, 256)
    assert (config.model.generator, config.model.filters) == ("resnet_9", 64)
    assert (config.model.discriminator_layers, config.model.norm) == (3, "instance")
    assert (config.optimizer.epochs, config.optimizer.decay_epochs) == (100, 100)
    assert config.optimizer.learning_rate == 2e-4
    assert config.data.augmentations == ("flip", "crop")
    assert Config().replace({"augment": "none"}).data.augmentations == ()


@pytest.mark.parametrize(
    ("model", "generator", "dropout", "drops"),
    [
        ("pix2pix", "unet_256", None, True),
        ("pix2pix", "resnet_6", None, True),
        ("pix2pix", "segnet", None, False),
        ("pix2pix", "unet_256", False, False),
        ("cyclegan", "resnet_6", None, False),
        ("cyclegan", "resnet_6", True, True),
    ],
)
def test_dropout_is_there_by_default_where_it_was_published(model, generator, dropout, drops):
    options = {"generator": generator, "dropout": dropout}
    assert Config.of(model).replace(options).validate().model.drops is drops


def test_models_have_their_published_defaults():
    assert Config.of("cyclegan") == Config()
    pix2pix = Config.of("pix2pix").validate()
    assert (pix2pix.model.generator, pix2pix.model.norm) == ("unet_256", "batch")
    assert (pix2pix.model.drops, pix2pix.run.eval_mode) == (True, False)
    assert (pix2pix.objective.gan_mode, pix2pix.objective.lambda_l1) == ("vanilla", 100.0)
    autoencoder = Config.of("autoencoder").validate()
    assert (autoencoder.model.generator, autoencoder.model.norm) == ("encoder_decoder", "batch")
    assert pix2pix.run == Config().run
    assert autoencoder.run == dataclasses.replace(Config().run, eval_mode=True)
    assert pix2pix.optimizer == autoencoder.optimizer == Config().optimizer
    with pytest.raises(UserError, match="`model=magic`: expected one of cyclegan, pix2pix"):
        Config.of("magic").validate()


def test_only_some_models_learn_from_pairs():
    assert not Config.of("cyclegan").paired
    assert Config.of("pix2pix").paired
    tasks = {"reconstruct": False, "translate": True, "segment": True}
    for task, paired in tasks.items():
        assert Config.of("autoencoder").replace({"task": task}).paired is paired


def foreign():
    """Every option that is for some models only, with each of the others."""
    for name, (_, field, _) in OPTIONS.items():
        for model in MODELS:
            if model not in field.metadata.get("models", MODELS):
                yield model, name


@pytest.mark.parametrize(("model", "name"), list(foreign()))
def test_an_option_that_says_nothing_to_the_model_is_refused_by_name(model, name):
    config = Config.of(model)
    default = {field.name: value for _, field, value in options(config)}[name]
    other = another_value(OPTIONS[name][1], default)
    with pytest.raises(UserError) as caught:
        config.replace({name: other}).validate()
    expected = f"`{name}={other}` has no effect with `model={model}`; it applies to "
    assert str(caught.value).startswith(expected)
    assert config.validate() is config


@pytest.mark.parametrize("values", [{}, CHANGED], ids=["defaults", "all changed"])
def test_json_gives_back_the_same_configuration(values):
    config = Config().replace(values)
    assert Config.from_json(config.to_json()) == config
    assert set(json.loads(config.to_json())) == {f.name for f in dataclasses.fields(Config)}


def test_options_missing_from_json_take_their_defaults():
    assert Config.from_json('{"data": {"crop_size": 64}}') == Config().replace({"crop_size": 64})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((text, "not a configuration") for text in ("", "{", "[]", "3", '{"data": 3}')),
        ('{"colour": {}}', "unknown group of options colour"),
        ('{"model": {"colour": 1}}', "unknown option colour; choose one of: model, generator, "),
        ('{"model": {"lambda_cycle": 1}}', "unknown option lambda_cycle"),
        (
            '{"objective": {"lamda_identity": 1}}',
            "unknown option lamda_identity; did you mean lambda_identity",
        ),
    ],
)
def test_what_is_no_configuration_is_rejected(text, message):
    with pytest.raises(UserError, match=message):
        Config.from_json(text)


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_option_is_named_unless_it_only_says_how_far_to_run(name):
    group, _, value = OPTIONS[name]
    changed = Config().replace({name: CHANGED[name]})
    presentation = name in ("name_a", "name_b")
    expected = [] if group == "run" or presentation else [f"{name}: {value} -> {CHANGED[name]}"]
    assert Config().differences(changed) == expected
    assert Config().differences(Config()) == []
    assert getattr(getattr(changed, group), name) == CHANGED[name]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ("A", "B")),
        ({"data": "avatars/blond2ginger"}, ("blond", "ginger")),
        ({"data": "avatars/short2long", "swap": True}, ("long", "short")),
        ({"data": "earth/satellite2relief", "name_b": "hills"}, ("satellite", "hills")),
        ({"model": "autoencoder", "task": "segment", "data": "avatars/parts"}, ("faces", "parts")),
        ({"data": "tfds:cycle_gan/summer2winter_yosemite"}, ("summer", "winter")),
        ({"data": "tfds:cycle_gan/maps"}, ("A", "B")),
        ({"data": "data/horse2zebra"}, ("A", "B")),
        ({"data": "data/horse2zebra", "name_a": "horse", "name_b": "zebra"}, ("horse", "zebra")),
        ({"data_a": "faces/blond/", "data_b": "ginger"}, ("blond", "ginger")),
        ({"data_a": "blond", "data_b": "ginger", "swap": True}, ("ginger", "blond")),
        ({"data_a": "photos/train", "data_b": "paintings/train"}, ("A", "B")),
        # A model of one domain translates it to itself.
        ({"model": "autoencoder", "data_a": "faces"}, ("faces", "faces")),
        ({"model": "autoencoder", "data": "avatars/blond2ginger"}, ("blond", "blond")),
    ],
)
def test_domains_have_names(options, names):
    assert Config.of(**options).domain_names == names


def test_names_may_have_any_characters_and_a_bounded_length():
    assert Config.of(name_a="日本 <b>|`" + "ä" * 50).validate().domain_names[1] == "B"
    for name in ("x" * 61, "two\nlines"):
        with pytest.raises(UserError, match=r"name_a=[\s\S]*at most 60 characters"):
            Config.of(name_a=name).validate()


def test_a_stored_configuration_without_names_has_the_defaults():
    stored = {"data": {"data": "avatars/blond2ginger"}}
    assert Config.from_json(json.dumps(stored)).domain_names == ("blond", "ginger")


def test_replace_leaves_the_original():
    config = Config()
    assert config.replace({"epochs": 3}).optimizer.epochs == 3
    assert config == Config()


@pytest.mark.parametrize("change", [Config().replace, lambda values: Config.of(**values)])
def test_unknown_options_are_rejected_with_the_nearest(change):
    with pytest.raises(UserError, match="lamda_identity; did you mean lambda_identity?"):
        change({"lamda_identity": 0.0})
    with pytest.raises(UserError, match="unknown option workdir$"):
        change({"workdir": "runs/x"})


def test_options_are_given_by_flat_names():
    config = Config.of("pix2pix", crop_size=128, lambda_l1=50.0)
    assert config == Config.of("pix2pix").replace({"crop_size": 128, "lambda_l1": 50.0})
    assert config.model.generator == "unet_256"
    assert Config.of() == Config()


def out_of_bounds():
    for name, (_, field, _) in OPTIONS.items():
        bounds = field.metadata
        if "choices" in bounds:
            yield name, "purple", bounds["choices"][0]
        if "pattern" in bounds:
            yield name, "PURPLE!" * 9, bounds["help"]
        if "minimum" in bounds:
            yield name, bounds["minimum"] - 1, f"at least {bounds['minimum']}"
        if "above" in bounds:
            yield name, bounds["above"], f"more than {bounds['above']}"
        if "maximum" in bounds:
            yield name, bounds["maximum"] + 1, f"at most {bounds['maximum']}"


@pytest.mark.parametrize(
    ("name", "value", "expected"), list(out_of_bounds()), ids=lambda value: str(value)[:20]
)
def test_an_error_names_the_flag_the_value_and_what_was_expected(name, value, expected):
    with pytest.raises(UserError) as caught:
        Config().replace({name: value}).validate()
    message = str(caught.value)
    assert message.startswith(f"`{name}={value}`: expected ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("channels_a", 0),
        ("filters", 0),
        ("discriminator_layers", 0),
        ("discriminator_layers", 6),
        ("init_gain", 0.0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("lambda_cycle", -1.0),
        ("lambda_identity", float("nan")),
        ("pool_size", -1),
        ("ema", 1.0),
        ("max_steps", 0),
        ("replicas", 0),
        ("seed", -1),
        ("precision", "float64"),
        ("generator", "resnet_"),
        ("generator", "unet_100"),
        ("generator", "resnet_0"),
        ("generator", "resnet_1000"),
    ],
)
def test_nonsense_is_refused(name, value):
    with pytest.raises(UserError, match=f"`{name}="):
        Config().replace({name: value}).validate()


@pytest.mark.parametrize("name", ["lambda_a", "max_steps", "replicas"])
def test_none_means_derived(name):
    assert OPTIONS[name][2] is None
    Config().validate()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"augment": "flip,sharpen"}, ["augment=flip,sharpen", "unknown sharpen", "rotate"]),
        ({"crop_size": 130}, ["crop_size=130", "multiple of 4"]),
        ({"load_size": 128}, ["load_size=128", "crop_size=256"]),
        ({"preprocess": "none"}, ["preprocess=none", "pool_size=0"]),
        (
            {"preprocess": "scale_width", "pool_size": 0, "batch_size": 2},
            ["preprocess=scale_width", "batch_size=1", "not 2 and 0"],
        ),
        (
            {"channels_b": 1, "generator": "gated_resnet_6", "lambda_identity": 0.0},
            ["generator=gated_resnet_6", "channels_a=3", "channels_b=1"],
        ),
        ({"channels_a": 1}, ["channels_a=1", "channels_b=3", "lambda_identity=0"]),
        (
            {"generator": "unet_128", "crop_size": 192},
            ["crop_size=192", "generator=unet_128", "multiple of 128"],
        ),
        ({"bottleneck": 8}, ["bottleneck", "generator=resnet_9", "encoder_decoder"]),
        (
            {"dropout": True, "generator": "gated_resnet_2"},
            ["dropout", "generator=gated_resnet_2", "resnet and unet"],
        ),
        ({"upsampling": "resize", "generator": "segnet"}, ["upsampling", "generator=segnet"]),
        ({"remat": True, "dropout": True}, ["remat", "dropout"]),
        ({"remat": True, "norm": "batch"}, ["remat", "norm=batch"]),
    ],
)
def test_options_that_contradict_each_other_are_named(values, named):
    with pytest.raises(UserError) as caught:
        Config().replace(values).validate()
    assert all(part in str(caught.value) for part in named)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"preprocess": "none", "pool_size": 0},
        {"preprocess": "scale_width", "pool_size": 0},
        {"preprocess": "crop", "load_size": 64},
        {"load_size": 256},
        {"channels_a": 1, "lambda_identity": 0.0},
        {"channels_a": 1, "channels_b": 1, "generator": "gated_resnet_1"},
        {"augment": "flip,crop,rotate,colour"},
        {"discriminator_layers": 5, "ema": 0.999, "lambda_a": 0.0},
        {"generator": "unet_128", "crop_size": 128, "dropout": True, "upsampling": "resize"},
        {"generator": "encoder_decoder", "bottleneck": 8},
        {"remat": True, "norm": "none", "spectral_norm": True, "discriminator": "pixel"},
    ],
)
def test_sensible_combinations_pass(values):
    config = Config().replace(values)
    assert config.validate() is config
