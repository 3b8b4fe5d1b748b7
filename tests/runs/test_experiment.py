"""A run in a workdir: continued to the last bit, refused when it would differ."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from running import SMALLEST

from cyclegan_tf.compat import KERAS_3
from cyclegan_tf.config.config import Config
from cyclegan_tf.errors import UserError
from cyclegan_tf.models.cyclegan import CycleGAN
from cyclegan_tf.runs.description import describe, expected_memory
from cyclegan_tf.runs.experiment import Experiment
from cyclegan_tf.runs.run import Run
from cyclegan_tf.training import loop

TINY = {**SMALLEST, "pool_size": 3, "sample_every": 100, "checkpoint_every": 100}


def experiment(data: Path, workdir: Path, **options: object) -> Experiment:
    return Experiment(Config().replace({**TINY, "data": str(data), **options}), workdir)


def checkpoint(workdir: Path) -> dict[str, np.ndarray]:
    newest = max((workdir / "checkpoints").glob("*.index")).with_suffix("")
    reader = tf.train.load_checkpoint(str(newest))
    names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    return {name: reader.get_tensor(name) for name in names}


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_resumed_run_ends_with_the_same_bits(
    picture_folders: Path, tmp_path: Path, replicas: int
) -> None:
    options = {"replicas": replicas, "ema": 0.9, "augment": "flip,crop,rotate,colour"}
    options |= {"epochs": 1, "decay_epochs": 1}  # So that the rate changes on the way.
    experiment(picture_folders, tmp_path / "whole", **options, max_steps=6).train()
    for steps in (3, 6):
        experiment(picture_folders, tmp_path / "parts", **options, max_steps=steps).train()
    whole, parts = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    different = [name for name in whole if not np.array_equal(whole[name], parts[name])]
    assert different == []
    assert any("generator_optimizer/m" in name for name in whole)
    metrics = [(tmp_path / run / "metrics.jsonl").read_text() for run in ("whole", "parts")]
    assert metrics[0] == metrics[1]


def files(workdir: Path) -> tuple[str, dict[str, bytes]]:
    """What a run leaves, to the last bit."""
    stored = {name: value.tobytes() for name, value in checkpoint(workdir).items()}
    return (workdir / "metrics.jsonl").read_text(), stored


def test_several_steps_in_one_call_are_the_same_steps(
    picture_folders: Path, tmp_path: Path
) -> None:
    # 3 divides neither the steps nor what is between checkpoints.
    options = {"max_steps": 8, "checkpoint_every": 5}
    for steps in (1, 3):
        run = tmp_path / str(steps)
        experiment(picture_folders, run, **options, steps_per_call=steps).train()
    assert files(tmp_path / "1") == files(tmp_path / "3")
    assert len(files(tmp_path / "3")[0].splitlines()) == 8
    assert {path.stem for path in (tmp_path / "3/checkpoints").glob("*.index")} == {
        "step-00000005",
        "step-00000008",
    }


@pytest.fixture
def pairs(picture_folders: Path, tmp_path: Path) -> Path:
    """A folder with trainA and trainB, whose pictures of one name belong together."""
    for domain in ("trainA", "trainB"):
        (tmp_path / "pairs" / domain).mkdir(parents=True)
        for picture in (picture_folders / "trainA").glob("*.png"):
            shutil.copy(picture, tmp_path / "pairs" / domain)
    return tmp_path / "pairs"


def paired_experiment(data: Path, workdir: Path, **options: object) -> Experiment:
    """A run of pix2pix with dropout and batch norm."""
    known = {name: value for name, value in TINY.items() if name != "pool_size"}
    config = Config.of("pix2pix").replace({**known, "data": str(data), **options})
    assert (config.model.drops, config.model.norm) == (True, "batch")
    return Experiment(config, workdir)


def test_a_resumed_run_of_pix2pix_ends_with_the_same_bits(pairs: Path, tmp_path: Path) -> None:
    paired_experiment(pairs, tmp_path / "whole", max_steps=4).train()
    for steps in (2, 4):
        paired_experiment(pairs, tmp_path / "parts", max_steps=steps).train()
    whole, parts = (files(tmp_path / run) for run in ("whole", "parts"))
    assert whole == parts
    counts = [value for name, value in checkpoint(tmp_path / "parts").items() if "dropout" in name]
    assert list(map(int, counts)) == [4]


def test_the_same_batches_on_any_number_of_replicas(picture_folders: Path, tmp_path: Path) -> None:
    alone, together = (experiment(picture_folders, tmp_path, replicas=n) for n in (1, 2))
    split = iter(together.distributed_batches(5))
    for whole in alone.batches(5).take(4):
        parts = [together.strategy.experimental_local_results(part) for part in next(split)]
        for real, of_replicas in zip(whole, parts, strict=True):
            assert len(of_replicas) == 2
            assert np.array_equal(real, tf.concat(of_replicas, 0))


def test_one_and_two_replicas_make_the_same_run(picture_folders: Path, tmp_path: Path) -> None:
    for replicas in (1, 2):
        options = {"replicas": replicas, "learning_rate": 2e-6, "max_steps": 8}
        experiment(picture_folders, tmp_path / str(replicas), **options).train()
    runs = [
        [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("1", "2")
    ]
    for one, two in zip(*runs, strict=True):
        losses = [name for name in one if not name.endswith("norm")]
        assert {n: two[n] for n in losses} == pytest.approx({n: one[n] for n in losses}, rel=1e-4)
    one, two = (checkpoint(tmp_path / run) for run in ("1", "2"))
    pool = "pool_a/images/.ATTRIBUTES/VARIABLE_VALUE"
    assert one[pool] == pytest.approx(two[pool], abs=1e-4)


@pytest.mark.fault
def test_a_run_goes_on_with_another_number_of_replicas_up_to_rounding(
    picture_folders: Path, tmp_path: Path
) -> None:
    options = {"learning_rate": 2e-6, "ema": 0.9}
    experiment(picture_folders, tmp_path / "1", **options, max_steps=4).train()
    shutil.copytree(tmp_path / "1", tmp_path / "2")
    for replicas in (1, 2):
        run = tmp_path / str(replicas)
        experiment(picture_folders, run, **options, max_steps=8, replicas=replicas).train()
    one, two = (
        [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("1", "2")
    )
    assert [line["step"] for line in two] == list(range(1, 9)) and one[:4] == two[:4]
    # A gradient's norm is the mean of each replica's own.
    largest = max(
        abs(b[name] / a[name] - 1)
        for a, b in zip(one[4:], two[4:], strict=True)
        for name in a
        if not name.endswith("norm")
    )
    print(f"\nlosses of steps 5 to 8 on two replicas differ by {largest:.0e}, relatively")
    assert largest < 1e-4
    of_one, of_two = (checkpoint(tmp_path / run) for run in ("1", "2"))
    assert {name: value.dtype for name, value in of_one.items()} == {
        name: value.dtype for name, value in of_two.items()
    }
    pool = "pool_a/images/.ATTRIBUTES/VARIABLE_VALUE"
    assert of_one[pool] == pytest.approx(of_two[pool], abs=1e-4)


def test_the_pool_holds_pictures_of_the_run(picture_folders: Path, tmp_path: Path) -> None:
    experiment(picture_folders, tmp_path, max_steps=3).train()
    pool = checkpoint(tmp_path)["pool_b/images/.ATTRIBUTES/VARIABLE_VALUE"]
    assert pool.shape == (3, 16, 16, 3)
    assert all(picture.std() > 0 for picture in pool)


def test_other_options_are_refused_by_name(picture_folders: Path, tmp_path: Path) -> None:
    experiment(picture_folders, tmp_path, max_steps=1).train()
    with pytest.raises(UserError, match=r"filters: 3 -> 4; learning_rate: 0.0002 -> 0.1"):
        experiment(picture_folders, tmp_path, filters=4, learning_rate=0.1)
    changed = {"log_every": 2, "sample_every": 3, "checkpoint_every": 4, "replicas": 2}
    run = experiment(picture_folders, tmp_path, max_steps=2, **changed)
    run.train()
    assert run.workdir.stored_config() == run.config


def test_a_finished_run_says_so(
    picture_folders: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for _ in range(2):
        experiment(picture_folders, tmp_path, max_steps=1).train()
    assert "the run is complete, step 1 of 1" in caplog.text


def test_epochs_end_a_run(picture_folders: Path, tmp_path: Path) -> None:
    run = experiment(picture_folders, tmp_path, epochs=2, decay_epochs=3)
    # The longer domain has 9 pictures, so 4 whole batches of 2.
    assert (run.steps_per_epoch, run.stop_step) == (4, 20)


def test_grey_to_colour(picture_folders: Path, tmp_path: Path) -> None:
    options = {"channels_a": 1, "lambda_identity": 0.0, "max_steps": 1}
    experiment(picture_folders, tmp_path, **options).train()
    generators = Run.open(tmp_path).generators
    assert generators["a2b"](np.zeros((1, 16, 16, 1), np.float32)).shape == (1, 16, 16, 3)
    assert generators["b2a"](np.zeros((1, 16, 16, 3), np.float32)).shape == (1, 16, 16, 1)


def test_pictures_of_different_sizes(picture_folders: Path, tmp_path: Path) -> None:
    options = {"preprocess": "none", "batch_size": 1, "pool_size": 0, "max_steps": 1}
    experiment(picture_folders, tmp_path, **options).train()
    assert json.loads((tmp_path / "metrics.jsonl").read_text())["step"] == 1


def test_evaluation_and_samples_are_written(picture_folders: Path, tmp_path: Path) -> None:
    run = experiment(picture_folders, tmp_path, max_steps=1)
    run.train()
    evaluation = run.evaluate()
    assert evaluation is not None
    stored = json.loads((tmp_path / "evaluation.json").read_text())
    assert stored == evaluation.figures
    assert stored["a2b"]["pictures"] == 3
    assert stored["a2b"]["unchanged_input"]["changed_mae"] > 8
    assert (tmp_path / "gallery.png").exists()
    assert (tmp_path / "samples/step-00000000.png").exists()


def test_what_reports_say_of_a_run_is_written_down(picture_folders: Path, tmp_path: Path) -> None:
    run = experiment(picture_folders, tmp_path, max_steps=1, discriminator_filters=2)
    run.train()
    found = json.loads(run.workdir.description.read_text())
    assert found["training_pictures"] == {"a": 6, "b": 9}
    assert found["test_pictures"] == {"a": 3, "b": 3}
    assert (found["steps_per_epoch"], found["stop_step"]) == (4, 1)
    sizes = {name: network.count_params() for name, network in run.model.networks.items()}
    assert found["parameters"] == sizes and len(sizes) == 4 and min(sizes.values()) > 0


def test_results_come_from_the_averaged_generators(picture_folders: Path, tmp_path: Path) -> None:
    experiment(picture_folders, tmp_path, max_steps=2, ema=0.5, learning_rate=0.1).train()
    generator_ab = Run.open(tmp_path).generators["a2b"]
    stored = checkpoint(tmp_path)
    name = "/head_conv.Skernel/.ATTRIBUTES/VARIABLE_VALUE"
    kernel = np.asarray(generator_ab.get_layer("head_conv").kernel)
    assert np.array_equal(kernel, stored[f"average_ab{name}"])
    assert not np.array_equal(kernel, stored[f"generator_ab{name}"])


def poison(model: CycleGAN, place: str, value: float, step: int, replica: int) -> None:
    """Lets one loss, or the gradients of all, be no number in one step on one replica."""

    def spoiled(x: tf.Tensor) -> tf.Tensor:
        here = tf.distribute.get_replica_context().replica_id_in_sync_group
        now = tf.logical_and(tf.equal(model.step, step - 1), tf.equal(here, replica))
        return tf.where(now, tf.constant(value, x.dtype), x)

    losses_of, differentiable = model.generator_losses, model._differentiable

    def generator_losses(*reals: tf.Tensor) -> tuple:
        losses, *fakes = losses_of(*reals)
        bad = spoiled(losses["cycle_loss_b"])
        total = losses["generator_loss"] - losses["cycle_loss_b"] + bad
        return losses | {"cycle_loss_b": bad, "generator_loss": total}, *fakes

    @tf.custom_gradient
    def unchanged(x: tf.Tensor) -> tuple:
        return tf.identity(x), spoiled

    if place == "loss":
        model.generator_losses = generator_losses
    else:
        model._differentiable = lambda loss: unchanged(differentiable(loss))


NAN, INF, SLOW = float("nan"), float("inf"), pytest.mark.fault


@pytest.mark.parametrize(
    "place, value, replicas, steps_per_call",
    [
        ("gradient", NAN, 1, 1),
        ("loss", INF, 2, 3),
        pytest.param("loss", NAN, 1, 1, marks=SLOW),
        pytest.param("loss", NAN, 2, 1, marks=SLOW),
        pytest.param("loss", INF, 1, 3, marks=SLOW),
        pytest.param("gradient", INF, 1, 3, marks=SLOW),
        pytest.param("gradient", INF, 2, 1, marks=SLOW),
        pytest.param("gradient", NAN, 2, 3, marks=SLOW),
    ],
)
def test_what_is_no_number_stops_the_run_by_name_and_is_never_saved(
    picture_folders: Path,
    tmp_path: Path,
    place: str,
    value: float,
    replicas: int,
    steps_per_call: int,
) -> None:
    options = {"max_steps": 9, "checkpoint_every": 3, "replicas": replicas}
    run = experiment(picture_folders, tmp_path, **options, steps_per_call=steps_per_call)
    poison(run.model, place, value, step=5, replica=replicas - 1)
    metric = {"loss": "cycle_loss_b", "gradient": "generator_gradient_norm"}[place]
    with pytest.raises(loop.NotFinite, match=rf"{metric} became -?(nan|inf) at step 5"):
        run.train()
    assert [path.stem for path in (tmp_path / "checkpoints").glob("*.index")] == ["step-00000003"]
    assert all(np.isfinite(np.asarray(value)).all() for value in checkpoint(tmp_path).values())
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]


def test_float16_trains_with_loss_scaling(picture_folders: Path, tmp_path: Path) -> None:
    options = {"precision": "mixed_float16", "max_steps": 12, "learning_rate": 2e-3}
    experiment(picture_folders, tmp_path, **options).train()
    assert keras.mixed_precision.global_policy().name == "float32"
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = [line["generator_loss"] for line in lines]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert checkpoint(tmp_path)["loss_scale/scale/.ATTRIBUTES/VARIABLE_VALUE"] >= 1


@pytest.mark.parametrize("option", [{"precision": "mixed_bfloat16"}, {"jit_compile": True}])
def test_arithmetic_for_accelerators_trains_here_too(
    picture_folders: Path, tmp_path: Path, option: dict[str, object]
) -> None:
    if "jit_compile" in option and not KERAS_3:
        pytest.skip("TensorFlow 2.15 compiles the step for a CPU for minutes")
    experiment(picture_folders, tmp_path, **option, max_steps=2).train()
    first, second = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert json.loads(first)["generator_loss"] != json.loads(second)["generator_loss"]


@pytest.mark.parametrize(
    ("gpus", "options", "compiled"),
    [
        (0, {}, False),
        (0, {"jit_compile": True}, True),
        (1, {}, True),
        (1, {"jit_compile": False}, False),
        (1, {"remat": True}, False),
        (1, {"preprocess": "none", "batch_size": 1, "pool_size": 0}, False),
    ],
)
def test_xla_compiles_where_it_was_measured_to_pay(
    picture_folders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gpus: int,
    options: dict[str, object],
    compiled: bool,
) -> None:
    run = experiment(picture_folders, tmp_path, **options)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"] * gpus)
    assert run.uses_xla() is compiled


@pytest.mark.parametrize("preprocess", ["none", "scale_width"])
def test_pictures_of_different_sizes_are_described(
    picture_folders: Path, tmp_path: Path, preprocess: str
) -> None:
    options = {"preprocess": preprocess, "batch_size": 1, "pool_size": 0, "load_size": 286}
    assert "GiB" in describe(experiment(picture_folders, tmp_path, **options))


def test_a_run_is_described_without_training(picture_folders: Path, tmp_path: Path) -> None:
    run = experiment(picture_folders, tmp_path / "new", max_steps=7)
    text = describe(run)
    assert "6 / 9 training images, 3 / 3 test images" in text
    assert "steps:       7 of 2 pair(s), 4 per epoch, on 1 replica(s), 0 GPU(s) found" in text
    assert f"{run.model.generator_ab.count_params():,}" in text
    assert not (tmp_path / "new").exists()


def test_expected_memory_grows_with_the_batch(picture_folders: Path, tmp_path: Path) -> None:
    small, large = (
        expected_memory(experiment(picture_folders, tmp_path, batch_size=size)) for size in (2, 4)
    )
    assert small < large < 2 * small


@pytest.mark.parametrize("missing", ["config", "checkpoint"])
def test_using_what_is_no_run_is_a_clear_error(tmp_path: Path, missing: str) -> None:
    if missing == "checkpoint":
        (tmp_path / "config.json").write_text(Config().replace(TINY).to_json())
    with pytest.raises(UserError, match=f"no {missing}"):
        Run.open(tmp_path)
