"""Translating files: nothing resized or shifted, names kept, bad files told and passed over."""

import keras
import numpy as np
import pytest

from cyclegan_tf.errors import UserError
from cyclegan_tf.images import read_image, write_image
from cyclegan_tf.models.generators import generator
from cyclegan_tf.models.layers import RequireMultiple
from cyclegan_tf.serving.translation import translate_files, translator

SIZES = [(64, 64), (65, 67), (1, 1), (5, 3), (2, 1), (4, 9)]


def identity(channels=3):
    """A generator that gives its input back, and like ours takes multiples of 4 only."""
    image = keras.Input((None, None, channels))
    return keras.Model(image, RequireMultiple(4)(image))


def next_diagonal():
    """A generator whose every pixel is the input's next one, down and to the right."""
    image = keras.Input((None, None, 1))
    kernel = np.zeros((3, 3, 1, 1), np.float32)
    kernel[2, 2] = 1.0
    layer = keras.layers.Conv2D(1, 3, padding="same", use_bias=False)
    model = keras.Model(image, layer(RequireMultiple(4)(image)))
    layer.set_weights([kernel])
    return model


def noise(height, width, channels=3, seed=0):
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@pytest.fixture(scope="module")
def unchanged():
    return identity()


@pytest.fixture
def folder(tmp_path):
    for name in ("one.png", "deep/two.bmp", "deep/er/three.v2.png"):
        write_image(tmp_path / "in" / name, noise(5, 6))
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    return tmp_path / "in"


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_picture_of_any_size_is_neither_resized_nor_shifted(unchanged, height, width):
    picture = noise(height, width)
    np.testing.assert_array_equal(translator(unchanged)(picture), picture)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_network_sees_the_picture_mirrored_to_the_right_and_below(height, width):
    picture = noise(height, width, 1)
    rows, columns = (max(-(-side // 4) * 4, 8) - side for side in (height, width))
    padded = np.pad(picture, ((0, rows), (0, columns), (0, 0)), mode="reflect")
    # Beyond what is padded, the convolution sees 0, which is the level 127.5, rounded to even.
    expected = np.pad(padded[1:, 1:], ((0, 1), (0, 1), (0, 0)), constant_values=128)
    found = translator(next_diagonal())(picture)
    np.testing.assert_array_equal(found, expected[:height, :width])


def test_a_folder_keeps_its_paths_and_stems(unchanged, folder, tmp_path):
    result = translate_files(unchanged, folder, tmp_path / "out", progress=False)
    assert (result.written, result.failures) == (3, {})
    assert files(tmp_path / "out") == ["deep/er/three.v2.png", "deep/two.png", "one.png"]
    for name in ("deep/two", "one"):
        suffix = ".bmp" if name == "deep/two" else ".png"
        written = read_image(tmp_path / "out" / f"{name}.png")
        np.testing.assert_array_equal(written, read_image(folder / f"{name}{suffix}"))


def test_a_single_file_is_written_under_its_stem(unchanged, folder, tmp_path):
    result = translate_files(unchanged, folder / "deep/two.bmp", tmp_path / "out", progress=False)
    assert result.written == 1
    assert files(tmp_path / "out") == ["two.png"]


@pytest.mark.parametrize("output_format", ["jpg", "webp", "bmp"])
def test_the_format_is_as_asked(unchanged, folder, tmp_path, output_format):
    translate_files(unchanged, folder, tmp_path / "out", output_format, progress=False)
    assert {name.rsplit(".")[-1] for name in files(tmp_path / "out")} == {output_format}
    assert read_image(tmp_path / "out" / f"one.{output_format}").shape == (5, 6, 3)


@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_come_with_the_generators_channels(folder, tmp_path, channels):
    translate_files(identity(channels), folder / "one.png", tmp_path / "out", progress=False)
    expected = read_image(folder / "one.png", channels)
    np.testing.assert_array_equal(read_image(tmp_path / "out/one.png", channels), expected)


def test_bad_files_are_named_and_do_not_stop_the_others(unchanged, folder, tmp_path):
    whole = (folder / "one.png").read_bytes()
    (folder / "empty.png").write_bytes(b"")
    (folder / "deep/cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "page.jpg").write_text("<html></html>")
    result = translate_files(unchanged, folder, tmp_path / "out", progress=False)
    assert result.written == 3
    assert set(result.failures) == {"deep/cut.png", "empty.png", "page.jpg"}
    assert all(name in reason for name, reason in result.failures.items())
    assert len(files(tmp_path / "out")) == 3


def test_sheets_go_to_a_folder_of_their_own(unchanged, folder, tmp_path):
    out, sheets = tmp_path / "out", tmp_path / "sheets"
    translate_files(unchanged, folder, out, side_by_side=sheets, progress=False)
    assert files(sheets) == files(out)
    assert read_image(sheets / "one.png").shape > read_image(out / "one.png").shape
    translate_files(unchanged, folder, tmp_path / "plain", progress=False)
    assert files(tmp_path / "plain") == files(out)


def test_two_pictures_of_one_name_are_refused_before_anything_is_written(
    unchanged, folder, tmp_path
):
    write_image(folder / "one.bmp", noise(5, 6))
    with pytest.raises(UserError, match="one.bmp and one.png would both be written as one.png"):
        translate_files(unchanged, folder, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_nothing_to_translate_is_an_error(unchanged, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty holds no pictures"):
        translate_files(unchanged, tmp_path / "empty", tmp_path / "out", progress=False)
    with pytest.raises(UserError, match="missing"):
        translate_files(unchanged, tmp_path / "missing", tmp_path / "out", progress=False)


def test_an_output_that_cannot_be_written_is_an_error(unchanged, folder, tmp_path):
    (tmp_path / "out").write_text("a file, where a folder should be")
    with pytest.raises(UserError, match="cannot write to .*out"):
        translate_files(unchanged, folder, tmp_path / "out", progress=False)


def test_a_translation_that_is_stopped_leaves_whole_files_and_a_rerun_completes_it(
    unchanged, folder, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    done = []

    def stop_at_the_second(path, image):
        if done:
            raise KeyboardInterrupt
        done.append(path)
        write_image(path, image)

    with monkeypatch.context() as patched:
        patched.setattr("cyclegan_tf.serving.translation.write_image", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            translate_files(unchanged, folder, out, progress=False)
    assert len(files(out)) == 1
    translate_files(unchanged, folder, out, progress=False)
    assert len(files(out)) == 3  # And no partial ones, hidden or not.
    for name in files(out):
        assert read_image(out / name).shape == (5, 6, 3)


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (4, 4), (4, 40), (7, 8), (9, 6)])
def test_a_real_network_takes_the_smallest_pictures(size):
    translate = translator(generator("resnet_1", filters=2))
    assert translate(np.zeros((*size, 3), np.uint8)).shape == (*size, 3)


def test_sheets_need_a_folder_of_their_own(tmp_path):
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in/x.png", np.zeros((8, 8, 3), np.uint8))
    model = generator("resnet_1", filters=2)
    for sheets in ("out", "in/sheets"):
        with pytest.raises(UserError):
            translate_files(
                model, tmp_path / "in", tmp_path / "out", side_by_side=tmp_path / sheets
            )
