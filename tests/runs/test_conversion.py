"""Runs made of official checkpoints, and official checkpoints made of runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.compat import network_state
from cyclegan_tf.config.config import Config
from cyclegan_tf.errors import UserError
from cyclegan_tf.runs.conversion import (
    from_pytorch,
    restore_networks,
    to_pytorch,
    untrained_networks,
)
from cyclegan_tf.runs.experiment import Experiment
from cyclegan_tf.runs.run import Run
from cyclegan_tf.runs.workdir import Workdir
from cyclegan_tf.training.checkpoints import Checkpoints

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra `torch`)")

import pytorch_reference as pt  # noqa: E402 (it needs PyTorch)

DATA = {"load_size": 20, "crop_size": 16, "batch_size": 2, "pool_size": 3, "sample_every": 100}
OTHERS = {"learning_rate": 1e-3, "lambda_identity": 0.0, "gan_mode": "hinge", "ema": 0.9}

Networks = dict[str, Any]


def cyclegan(**changed: Callable[[], Any]) -> Networks:
    """Small networks; no two are alike in their channels, weights or both."""
    torch.manual_seed(0)
    built = {
        "G_A": lambda: pt.ResnetGenerator(1, filters=3),
        "G_B": lambda: pt.ResnetGenerator(1, filters=3),
        "D_A": lambda: pt.PatchDiscriminator(1, filters=2),
        "D_B": lambda: pt.PatchDiscriminator(1, filters=2),
    }
    return {name: build() for name, build in (built | changed).items()}


def pix2pix(norm: str = "batch") -> Networks:
    torch.manual_seed(0)
    return {
        "G": pt.UnetGenerator(5, 3, 1, filters=2, norm=norm, dropout=True),
        "D": pt.PatchDiscriminator(1, channels=4, filters=2, norm=norm),
    }


def saved(folder: Path, networks: Networks, epoch: str = "latest") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, network in networks.items():
        torch.save(network.state_dict(), folder / f"{epoch}_net_{name}.pth")
    return folder


def generators_only(networks: Networks) -> Networks:
    return {name: network for name, network in networks.items() if name.startswith("G")}


def restart(workdir: Path, data: Path, **options: object) -> Experiment:
    stored = Workdir(workdir).stored_config()
    assert stored is not None
    return Experiment(stored.replace({"data": str(data), **DATA, **options}), workdir)


def checkpoint(workdir: Path, step: int) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(workdir / f"checkpoints/step-{step:08d}"))
    return {
        name.replace("/.ATTRIBUTES/VARIABLE_VALUE", "").replace(".S", "/"): reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name.endswith("VARIABLE_VALUE")
    }


def pictures(channels: int = 3, side: int = 16) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (1, side, side, channels)).astype(np.float32)


def theirs(network: Any, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        output = network(torch.from_numpy(images.transpose(0, 3, 1, 2)))
    return output.numpy().transpose(0, 2, 3, 1)


@pytest.mark.parametrize("build", [cyclegan, pix2pix])
def test_there_and_back_every_bit_is_kept(build: Callable[[], Networks], tmp_path: Path) -> None:
    networks = build()
    source = saved(tmp_path / "official", networks)
    read = from_pytorch(source, tmp_path / "run")
    assert sorted(read.values()) == sorted(source.iterdir())
    written = to_pytorch(tmp_path / "run", tmp_path / "back")
    assert written.files.keys() == read.keys()
    fresh = build()
    for name, network in fresh.items():
        content = torch.load(tmp_path / f"back/latest_net_{name}.pth", weights_only=True)
        for value in network.state_dict().values():
            value.zero_()
        network.load_state_dict(content, strict=True)
        expected = networks[name].state_dict()
        assert all(torch.equal(value, expected[k]) for k, value in network.state_dict().items())


def test_networks_keep_their_parts(tmp_path: Path, picture_folders: Path) -> None:
    networks = cyclegan()
    from_pytorch(saved(tmp_path / "official", networks), tmp_path / "run")
    images = pictures()
    generators = Run.open(tmp_path / "run").generators
    for direction, name in (("a2b", "G_A"), ("b2a", "G_B")):
        ours = generators[direction](images).numpy()
        np.testing.assert_allclose(ours, theirs(networks[name], images), atol=1e-4)

    run = restart(tmp_path / "run", picture_folders)
    restore_networks(run.workdir, run.model.state())
    # The authors name a discriminator after the generator it teaches: D_A judges domain B.
    for ours, name in ((run.model.discriminator_b, "D_A"), (run.model.discriminator_a, "D_B")):
        scores = ours(images).numpy()
        np.testing.assert_allclose(scores, theirs(networks[name], images), atol=1e-4)


def test_channels_tell_the_domains_apart(tmp_path: Path) -> None:
    networks = cyclegan(
        G_A=lambda: pt.ResnetGenerator(1, 3, 1, filters=3),
        G_B=lambda: pt.ResnetGenerator(1, 1, 3, filters=3),
        D_A=lambda: pt.PatchDiscriminator(1, 1, filters=3),
        D_B=lambda: pt.PatchDiscriminator(1, 3, filters=3),
    )
    from_pytorch(saved(tmp_path / "official", networks), tmp_path / "run")
    config = Workdir(tmp_path / "run").stored_config()
    assert config is not None
    assert (config.data.channels_a, config.data.channels_b) == (3, 1)
    assert config.objective.lambda_identity == 0.0
    assert config.model.discriminator_filters is None
    back = to_pytorch(tmp_path / "run", tmp_path / "back").files["discriminator_b"]
    assert torch.load(back)["model.0.weight"].shape == (3, 1, 4, 4)


def test_a_pix2pix_is_recognized(tmp_path: Path) -> None:
    networks = pix2pix()
    from_pytorch(saved(tmp_path / "official", networks, epoch="200"), tmp_path / "run")
    run = Run.open(tmp_path / "run", eval_mode=True)
    config, generators = run.config, run.generators
    expected = Config.of("pix2pix").replace(
        {
            **{"generator": "unet_32", "filters": 2, "channels_b": 1, "discriminator_layers": 1},
            **{"crop_size": 128, "load_size": 143, "eval_mode": True},
        }
    )
    assert config == expected
    assert list(generators) == ["a2b"]
    images = pictures(side=32)
    ours = generators["a2b"](images).numpy()
    np.testing.assert_allclose(ours, theirs(networks["G"].eval(), images), atol=1e-4)


@pytest.mark.parametrize(("model", "dropout"), [("cyclegan", False), ("pix2pix", True)])
def test_the_dropout_of_a_unet_is_the_models(
    model: str, dropout: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    names = ["G_A", "G_B"] if model == "cyclegan" else ["G"]
    networks = {name: pt.UnetGenerator(5, filters=1) for name in names}
    from_pytorch(saved(tmp_path / "official", networks), tmp_path / "run")
    config = Workdir(tmp_path / "run").stored_config()
    assert config is not None
    assert (config.model.model, config.model.drops) == (model, dropout)
    assert f"default, {'on' if dropout else 'off'}" in caplog.text


def test_training_starts_from_the_converted_networks(
    tmp_path: Path, picture_folders: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    from_pytorch(saved(tmp_path / "official", cyclegan()), tmp_path / "run")
    workdir = Workdir(tmp_path / "run")
    assert untrained_networks(workdir) is not None
    # At this rate nothing moves by more than rounding.
    options = OTHERS | {"learning_rate": 1e-12}
    restart(workdir.root, picture_folders, **options, max_steps=1).train()
    assert "starting from the converted networks" in caplog.text
    before, after = checkpoint(workdir.root, 0), checkpoint(workdir.root, 1)
    assert {name.split("/")[0] for name in before} == {
        *("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
    }
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, atol=1e-9)
        if name.startswith("generator"):
            average = after[name.replace("generator", "average")]
            np.testing.assert_allclose(average, value, atol=1e-9)
    assert after["generator_optimizer/iterations"] == 1
    assert after["pool_a/images"].shape == (3, 16, 16, 3)

    # From now on, it is a run like any other.
    assert untrained_networks(workdir) is None
    with pytest.raises(UserError, match=r"learning_rate: 1e-12 -> 0\.1"):
        restart(workdir.root, picture_folders, learning_rate=0.1)


def test_a_first_training_that_was_killed_starts_again(
    tmp_path: Path, picture_folders: Path
) -> None:
    from_pytorch(saved(tmp_path / "official", cyclegan()), tmp_path / "run")
    run = restart(tmp_path / "run", picture_folders, **OTHERS)
    run.workdir.store_config(run.config)  # As far as it came.
    generators = Run.open(tmp_path / "run").generators
    assert set(generators) == {"a2b", "b2a"}
    restart(tmp_path / "run", picture_folders, learning_rate=1e-4)
    assert untrained_networks(run.workdir) is not None


def test_every_replica_starts_from_the_converted_networks(
    tmp_path: Path, picture_folders: Path
) -> None:
    from_pytorch(saved(tmp_path / "official", cyclegan()), tmp_path / "run")
    run = restart(tmp_path / "run", picture_folders, **OTHERS, replicas=2)
    restore_networks(run.workdir, run.model.state())
    converted = checkpoint(tmp_path / "run", 0)
    for group, variables in run.model.state().items():
        for name, variable in variables.items():
            expected = converted.get(f"{group.replace('average', 'generator')}/{name}")
            if expected is not None:
                values = run.strategy.experimental_local_results(variable)
                assert len(values) == 2
                assert all(np.array_equal(value.numpy(), expected) for value in values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": 4}, "filters: 3 -> 4"),
        ({"generator": "resnet_2"}, "generator: resnet_1 -> resnet_2"),
        ({"norm": "batch"}, "norm: instance -> batch"),
        ({"channels_a": 1, "lambda_identity": 0.0}, "channels_a: 3 -> 1"),
        ({"discriminator_layers": 2}, "discriminator_layers: 1 -> 2"),
    ],
)
def test_the_architecture_is_fixed(
    options: dict[str, object], message: str, tmp_path: Path, picture_folders: Path
) -> None:
    from_pytorch(saved(tmp_path / "official", cyclegan()), tmp_path / "run")
    with pytest.raises(UserError, match=message):
        restart(tmp_path / "run", picture_folders, **options)


def test_generators_alone_translate_and_cannot_be_trained(
    tmp_path: Path, picture_folders: Path
) -> None:
    from_pytorch(saved(tmp_path / "official", generators_only(cyclegan())), tmp_path / "run")
    generators = Run.open(tmp_path / "run").generators
    assert set(generators) == {"a2b", "b2a"}
    with pytest.raises(
        UserError, match=r"without discriminator_b, discriminator_a, .*latest_net_D_A\.pth"
    ):
        restart(tmp_path / "run", picture_folders, crop_size=32, load_size=32)
    written = to_pytorch(tmp_path / "run", tmp_path / "back").files
    assert set(written) == {"generator_ab", "generator_ba"}


@pytest.mark.parametrize(
    ("file", "direction"),
    [("latest_net_G_A.pth", "a2b"), ("latest_net_G_B.pth", "b2a"), ("horse2zebra.pth", "a2b")],
)
def test_one_generator_has_one_direction(file: str, direction: str, tmp_path: Path) -> None:
    network = pt.ResnetGenerator(1, filters=2)
    torch.save(network.state_dict(), tmp_path / file)
    from_pytorch(tmp_path / file, tmp_path / "run")
    generators = Run.open(tmp_path / "run").generators
    assert list(generators) == [direction]
    images = pictures()
    ours = generators[direction](images).numpy()
    np.testing.assert_allclose(ours, theirs(network, images), atol=1e-4)


def test_an_old_checkpoint_is_read(tmp_path: Path) -> None:
    networks = cyclegan()
    source = saved(tmp_path / "official", networks)
    for path in source.iterdir():
        old = {f"module.{key}": value for key, value in torch.load(path).items()}
        for place in [key.removesuffix(".weight") for key in old if key.endswith("1.weight")]:
            norm = f"{place.rpartition('.')[0]}.2"
            old |= {f"{norm}.running_mean": torch.ones(3), f"{norm}.running_var": torch.ones(3)}
            old[f"{norm}.num_batches_tracked"] = torch.tensor(4)
        torch.save(old, path, _use_new_zipfile_serialization=False)
    from_pytorch(source, tmp_path / "run")
    generators = Run.open(tmp_path / "run").generators
    kernel = network_state(generators["a2b"])["stem_conv/kernel"].numpy()
    expected = networks["G_A"].state_dict()["model.1.weight"].numpy()
    assert np.array_equal(kernel, expected.transpose(2, 3, 1, 0))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"G_B": lambda: pt.ResnetGenerator(2, filters=3)},
            "net_G_B.pth and latest_net_G_A.pth do not match: generator is resnet_2 in the "
            "first and resnet_1 in the second",
        ),
        ({"G_B": lambda: pt.ResnetGenerator(1, filters=2)}, "filters is 2"),
        ({"G_B": lambda: pt.ResnetGenerator(1, filters=3, norm="batch")}, "norm is batch"),
        ({"G_B": lambda: pt.ResnetGenerator(1, filters=3, dropout=True)}, "dropout is True"),
        ({"D_A": lambda: pt.PatchDiscriminator(1, 1, filters=2)}, "channels_b is 1"),
        ({"D_B": lambda: pt.PixelDiscriminator(filters=2)}, "discriminator is pixel"),
        ({"D_A": lambda: pt.ResnetGenerator(1, filters=3)}, "resnet_1 .*; expected a discrimin"),
        ({"G_A": lambda: pt.PatchDiscriminator(1)}, "patch .*; expected a generator"),
        ({"G_A": lambda: torch.nn.Conv2d(3, 3, 1)}, "is not a network of the PyTorch code"),
        (
            {
                "G_A": lambda: pt.ResnetGenerator(1, 6, filters=3),
                "G_B": lambda: pt.ResnetGenerator(1, 3, 6, filters=3),
                "D_B": lambda: pt.PatchDiscriminator(1, 6, filters=2),
            },
            "contains unsupported networks: `channels_a=6`: expected at most 4",
        ),
        (
            {n: lambda: pt.PatchDiscriminator(6, filters=1) for n in ("D_A", "D_B")},
            "contains unsupported networks: `discriminator_layers=6`: expected at most 5",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    changed: dict[str, Callable[[], Any]], message: str, tmp_path: Path
) -> None:
    source = saved(tmp_path / "official", cyclegan(**changed))
    with pytest.raises(UserError, match=message):
        from_pytorch(source, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_pairs_have_the_channels_of_both_domains(tmp_path: Path) -> None:
    networks = pix2pix() | {"D": pt.PatchDiscriminator(1, channels=3, filters=2, norm="batch")}
    with pytest.raises(UserError, match="channels of a pair is 3 in the first and 4"):
        from_pytorch(saved(tmp_path / "official", networks), tmp_path / "run")


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    source = saved(tmp_path / "official", cyclegan())
    from_pytorch(source, tmp_path / "run")
    before = checkpoint(tmp_path / "run", 0)
    with pytest.raises(UserError, match="already contains a run"):
        from_pytorch(saved(tmp_path / "other", pix2pix()), tmp_path / "run")
    assert checkpoint(tmp_path / "run", 0).keys() == before.keys()


def test_averages_are_written_where_a_run_has_them(tmp_path: Path, picture_folders: Path) -> None:
    from_pytorch(saved(tmp_path / "official", cyclegan()), tmp_path / "run")
    run = restart(tmp_path / "run", picture_folders, **OTHERS)
    state = run.model.state()
    restore_networks(run.workdir, state)
    state["average_ab"]["stem_conv/bias"].assign_add(tf.ones(3))
    run.workdir.store_config(run.config)
    Checkpoints(run.workdir.checkpoints, state).save(2)
    state["average_ab"]["stem_conv/bias"].assign_add(tf.ones(3))
    Checkpoints(run.workdir.checkpoints, state).save(3)
    written = to_pytorch(tmp_path / "run", tmp_path / "back").files
    names = {"average_ab", "average_ba", "discriminator_a", "discriminator_b"}
    assert set(written) == names
    bias = torch.load(tmp_path / "back/latest_net_G_A.pth")["model.1.bias"].numpy()
    assert np.array_equal(bias, state["average_ab"]["stem_conv/bias"].numpy())
    assert not np.array_equal(bias, state["generator_ab"]["stem_conv/bias"].numpy())
    to_pytorch(tmp_path / "run", tmp_path / "before", step=2)
    before = torch.load(tmp_path / "before/latest_net_G_A.pth")["model.1.bias"].numpy()
    assert np.array_equal(before, bias - 1.0)
    # What it was converted from has no averages.
    written = to_pytorch(tmp_path / "run", tmp_path / "start", step=0).files
    assert set(written) == {name.replace("average", "generator") for name in names}
    start, official = (
        torch.load(tmp_path / folder / "latest_net_G_A.pth") for folder in ("start", "official")
    )
    assert all(torch.equal(start[name], official[name]) for name in official)
    first, last = (Run.open(tmp_path / "run", step=step).generators["a2b"] for step in (0, 3))
    assert np.array_equal(last.get_layer("stem_conv").bias, bias)
    assert not np.array_equal(first.get_layer("stem_conv").bias, bias)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"generator": "gated_resnet_1"}, "`generator=gated_resnet_1`"),
        ({"upsampling": "resize"}, "`upsampling=resize`"),
        ({"spectral_norm": True}, "`spectral_norm`"),
        (
            {"model": "autoencoder", "generator": "segnet"},
            "`model=autoencoder` and no `generator=segnet`",
        ),
    ],
)
def test_what_the_authors_do_not_have_is_refused_by_name(
    options: dict[str, object], named: str, tmp_path: Path
) -> None:
    Workdir(tmp_path).store_config(Config().replace(options))
    with pytest.raises(UserError, match=f"has no {named}: this run"):
        to_pytorch(tmp_path, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_without_a_run_or_a_checkpoint_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        to_pytorch(tmp_path, tmp_path / "back")
    Workdir(tmp_path).store_config(Config().replace({"filters": 1, "generator": "resnet_1"}))
    with pytest.raises(UserError, match="found no checkpoint in"):
        to_pytorch(tmp_path, tmp_path / "back")
