"""An opened run: what it translates, evaluates, compares, exports and reports."""

import json
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from running import SMALLEST

import cyclegan_tf as cg
from cyclegan_tf import translate
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image
from cyclegan_tf.neural_style.options import BackboneOptions, StyleOptions


@pytest.fixture(scope="module")
def workdir(picture_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    config = cg.Config.of(data=str(picture_folders), max_steps=2, **SMALLEST)
    run = cg.Run.train(config, folder)
    assert run.step == 2 and set(run.generators) == {"a2b", "b2a"}
    return folder


@pytest.fixture(scope="module")
def run(workdir: Path) -> cg.Run:
    return cg.Run.open(workdir)


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (17, 30, 3)).astype(np.uint8)


def test_a_run_knows_what_it_was_opened_from(run: cg.Run, workdir: Path) -> None:
    assert run.config.data.crop_size == SMALLEST["crop_size"]
    assert run.origin.workdir.root == workdir and run.origin.step is None
    assert [name for name in vars(run) if not name.startswith("_")] == [
        *("config", "step", "generators", "origin")
    ]


def test_pixels_are_those_of_the_command(
    run: cg.Run, workdir: Path, image: np.ndarray, tmp_path: Path
) -> None:
    write_image(tmp_path / "in/face.png", image)
    for direction in ("a2b", "b2a"):
        flags = (f"--input={tmp_path / 'in'}", f"--output={tmp_path / direction}")
        common = (f"--workdir={workdir}", f"--direction={direction}", "--batch_size=1")
        assert translate.main(["translate", *common, *flags]) == 0
        expected = read_image(tmp_path / direction / "face.png")
        np.testing.assert_array_equal(run.translate(image, direction), expected)


def test_every_form_of_an_image_gives_the_same(
    run: cg.Run, image: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "face.png"
    write_image(path, image)
    expected = run.translate(image, "a2b")
    assert expected.dtype == np.uint8 and expected.shape == image.shape
    for form in (Image.fromarray(image), path, str(path)):
        np.testing.assert_array_equal(run.translate(form, "a2b"), expected)


def test_grey_images_in_files_become_what_the_network_takes(run: cg.Run) -> None:
    grey = Image.fromarray(np.full((8, 8), 100, np.uint8))
    assert run.translate(grey, "a2b").shape == (8, 8, 3)


def test_containers_are_kept(run: cg.Run, image: np.ndarray) -> None:
    expected = run.translate(image, "a2b")
    forms = [image, Image.fromarray(image[:9])]
    for container in (list, tuple, iter):
        found = run.translate(container(forms), "a2b")
        kind = Iterator if container is iter else container
        assert isinstance(found, kind)
        first, second = found
        np.testing.assert_array_equal(first, expected)
        assert second.shape == (9, 30, 3)
    assert run.translate([], "a2b") == []


def test_iterators_are_not_read_ahead(run: cg.Run, image: np.ndarray) -> None:
    taken = []
    stream = (taken.append(number) or image for number in range(3))  # type: ignore[func-returns-value]
    translated = run.translate(stream, "a2b")
    next(translated)
    assert taken == [0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), "uint8 of shape .* Received: float32"),
        (np.zeros((4, 4), np.uint8), r"\(height, width, 3\). Received: uint8 of shape \(4, 4\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"Received: uint8 of shape \(2, 4, 4, 3\)"),
        (np.zeros((4, 4, 1), np.uint8), r"Received: uint8 of shape \(4, 4, 1\)"),
        (7, "an array, a PIL image or a path. Received: int"),
        ([None], "an array, a PIL image or a path. Received: NoneType"),
        ("missing.png", "missing.png: cannot be decoded"),
    ],
)
def test_what_is_no_image_is_named(run: cg.Run, wrong: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run.translate(wrong, "a2b")


def test_unknown_directions_name_the_choices(
    run: cg.Run, image: np.ndarray, tmp_path: Path
) -> None:
    for use in (
        lambda: run.translate(image, "b2c"),
        lambda: run.translate(iter([image]), "b2c"),
        lambda: run.translate_files(tmp_path, tmp_path / "out", "b2c"),
        lambda: run.compare(tmp_path / "out", "b2c", network=BackboneOptions("vgg16", "random")),
    ):
        with pytest.raises(UserError, match="`direction=b2c`: .* a2b and b2a only"):
            use()


def test_files_are_translated(run: cg.Run, image: np.ndarray, tmp_path: Path) -> None:
    write_image(tmp_path / "in/deep/face.jpg", image)
    done = run.translate_files(tmp_path / "in", tmp_path / "out", "b2a", progress=False)
    assert (done.written, done.skipped, done.failures) == (1, 0, {})
    assert (tmp_path / "out/deep/face.png").exists()
    again = run.translate_files(tmp_path / "in", tmp_path / "out", "b2a", progress=False)
    assert (again.written, again.skipped) == (0, 1)


def test_metrics_are_stored(run: cg.Run, workdir: Path) -> None:
    (workdir / "evaluation.json").unlink(missing_ok=True)
    found = run.evaluate(progress=False)
    assert json.loads((workdir / "evaluation.json").read_text()) == found.figures
    chosen = cg.Run.open(workdir, step=2).evaluate(progress=False)
    stored = workdir / "evaluation/step-00000002/evaluation.json"
    assert json.loads(stored.read_text()) == chosen.figures


def test_a_run_is_compared_exported_and_reported(
    run: cg.Run, workdir: Path, tmp_path: Path
) -> None:
    options, network = StyleOptions(iterations=1), BackboneOptions("vgg16", "random", "max")
    page = run.compare(tmp_path / "compared", images=1, options=options, network=network)
    assert page == tmp_path / "compared/comparison.html" and page.exists()
    assert run.export(tmp_path / "served") == tmp_path / "served/1"
    assert (tmp_path / "served/1/model_card.md").exists()
    assert run.report() == workdir / "report.html"
    assert run.report(tmp_path / "page.html").exists()


def test_every_run_has_its_own_precision(
    workdir: Path, picture_folders: Path, tmp_path: Path
) -> None:
    options = {"data": str(picture_folders), "max_steps": 1, **SMALLEST}
    mixed = cg.Run.train(cg.Config.of(precision="mixed_bfloat16", **options), tmp_path)
    for run, computed in ((mixed, "bfloat16"), (cg.Run.open(workdir), "float32")):
        assert run.generators["a2b"].get_layer("stem_conv").compute_dtype == computed
        assert run.translate(np.zeros((8, 8, 3), np.uint8), "a2b").shape == (8, 8, 3)
    assert keras.mixed_precision.global_policy().name == "float32"


def test_unknown_steps_name_those_that_are_kept(workdir: Path) -> None:
    with pytest.raises(UserError, match="no checkpoint of step 7 .* available steps: 2"):
        cg.Run.open(workdir, step=7)
