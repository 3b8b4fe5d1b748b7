"""Translating files: names kept, bad files told and passed over, nothing done twice or mixed."""

import json
import os

import numpy as np
import pytest
from known_networks import identity, noise
from PIL import ExifTags, Image, ImageCms
from running import NO_PROCESS

from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image, write_image
from cyclegan_tf.models.autoencoders import label_maps
from cyclegan_tf.models.generators import generator
from cyclegan_tf.translation.files import translate_files
from cyclegan_tf.translation.network import translator
from cyclegan_tf.translation.options import TranslationOptions


@pytest.fixture(scope="module")
def unchanged():
    return identity()


@pytest.fixture(scope="module")
def network():
    return generator("resnet_1", filters=2, init_gain=0.5)


@pytest.fixture
def folder(tmp_path):
    for name in ("one.png", "deep/two.bmp", "deep/er/three.v2.png"):
        write_image(tmp_path / "in" / name, noise(5, 6))
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    return tmp_path / "in"


def files(folder):
    """What was translated: everything but the list of it."""
    found = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(name for name in found if name != "manifest.jsonl")


def contents(folder):
    return {name: (folder / name).read_bytes() for name in files(folder)}


def lines(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def run(network, source, output, **arguments):
    """Translates with options among the arguments."""
    known = TranslationOptions.__dataclass_fields__
    options = TranslationOptions(**{n: v for n, v in arguments.items() if n in known})
    rest = {n: v for n, v in arguments.items() if n not in known}
    return translate_files(network, source, output, options, progress=False, **rest)


def test_a_folder_keeps_its_paths_and_stems(unchanged, folder, tmp_path):
    result = run(unchanged, folder, tmp_path / "out")
    assert (result.written, result.skipped, result.failures) == (3, 0, {})
    assert files(tmp_path / "out") == ["deep/er/three.v2.png", "deep/two.png", "one.png"]
    for name in ("deep/two", "one"):
        suffix = ".bmp" if name == "deep/two" else ".png"
        written = read_image(tmp_path / "out" / f"{name}.png")
        np.testing.assert_array_equal(written, read_image(folder / f"{name}{suffix}"))


def test_a_single_file_is_written_under_its_stem(unchanged, folder, tmp_path):
    assert run(unchanged, folder / "deep/two.bmp", tmp_path / "out").written == 1
    assert files(tmp_path / "out") == ["two.png"]


@pytest.mark.parametrize("output_format", ["jpg", "webp", "bmp"])
def test_the_format_is_as_asked(unchanged, folder, tmp_path, output_format):
    run(unchanged, folder, tmp_path / "out", output_format=output_format)
    assert {name.rsplit(".")[-1] for name in files(tmp_path / "out")} == {output_format}
    assert read_image(tmp_path / "out" / f"one.{output_format}").shape == (5, 6, 3)


@pytest.mark.parametrize("output_format", ["jpg", "webp"])
def test_quality_costs_bytes(unchanged, tmp_path, output_format):
    write_image(tmp_path / "in/x.png", noise(64, 64))
    sizes = []
    for quality in (20, 90):
        out = tmp_path / str(quality)
        run(unchanged, tmp_path / "in", out, output_format=output_format, quality=quality)
        sizes.append((out / f"x.{output_format}").stat().st_size)
    assert 2 * sizes[0] < sizes[1]


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_pictures_come_with_the_generators_channels(folder, tmp_path, channels):
    run(identity(channels), folder / "one.png", tmp_path / "out")
    expected = read_image(folder / "one.png", channels)
    np.testing.assert_array_equal(read_image(tmp_path / "out/one.png", channels), expected)
    with Image.open(tmp_path / "out/one.png") as image:
        assert image.mode == {1: "L", 2: "LA", 4: "RGBA"}[channels]


def test_pictures_of_many_sizes_in_batches_are_translated_as_alone(network, tmp_path):
    sizes = [(9, 14), (12, 12), (9, 14), (20, 9), (9, 14), (12, 12), (9, 14), (9, 14)]
    for number, size in enumerate(sizes):
        write_image(tmp_path / f"in/{number}.png", noise(*size, seed=number))
    run(network, tmp_path / "in", tmp_path / "out", batch_size=2)
    alone = translator(network)
    for number, size in enumerate(sizes):
        found = read_image(tmp_path / f"out/{number}.png")
        expected = alone(noise(*size, seed=number)).astype(int)
        assert np.abs(found - expected).max() <= 1


def test_large_pictures_are_translated_in_tiles_and_small_ones_whole(network, tmp_path):
    for name, size in {"large": (70, 90), "small": (30, 32)}.items():
        write_image(tmp_path / f"in/{name}.png", noise(*size))
    run(network, tmp_path / "in", tmp_path / "out", tile=32)
    for name in ("large", "small"):
        expected = translator(network)(read_image(tmp_path / f"in/{name}.png")).astype(int)
        assert np.abs(read_image(tmp_path / f"out/{name}.png") - expected).max() <= 1


def test_what_cannot_be_tiled_fails_by_name_and_the_others_do_not(tmp_path):
    network = generator("unet_64", filters=2, dropout=True)
    for name, side in {"large": 70, "small": 64}.items():
        write_image(tmp_path / f"in/{name}.png", noise(side, side))
    result = run(network, tmp_path / "in", tmp_path / "out", tile=64)
    assert result.written == 1
    assert "`eval_mode`" in result.failures["large.png"]


def test_bad_files_are_named_and_do_not_stop_the_others(unchanged, folder, tmp_path):
    whole = (folder / "one.png").read_bytes()
    (folder / "empty.png").write_bytes(b"")
    (folder / "deep/cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "page.jpg").write_text("<html></html>")
    for written in (3, 0):  # Again, they are tried, and the others are not.
        result = run(unchanged, folder, tmp_path / "out")
        assert (result.written, result.skipped) == (written, 3 - written)
        assert set(result.failures) == {"deep/cut.png", "empty.png", "page.jpg"}
        assert all(name in reason for name, reason in result.failures.items())
        assert len(files(tmp_path / "out")) == 3
        listed = {line["source"]: line for line in lines(tmp_path / "out")[1:]}
        assert len(listed) == 6
        assert {n for n, line in listed.items() if "error" in line} == set(result.failures)
    (folder / "deep/cut.png").write_bytes(whole)
    assert run(unchanged, folder, tmp_path / "out").written == 1


def test_sheets_go_to_a_folder_of_their_own(unchanged, folder, tmp_path):
    out, sheets = tmp_path / "out", tmp_path / "sheets"
    run(unchanged, folder, out, side_by_side=sheets)
    assert files(sheets) == files(out)
    assert read_image(sheets / "one.png").shape > read_image(out / "one.png").shape
    (sheets / "one.png").unlink()
    assert run(unchanged, folder, out, side_by_side=sheets).written == 1
    assert files(sheets) == files(out)


def test_sheets_need_a_folder_of_their_own(unchanged, folder, tmp_path):
    for sheets in (tmp_path / "out", folder / "sheets"):
        with pytest.raises(UserError):
            run(unchanged, folder, tmp_path / "out", side_by_side=sheets)


def test_two_pictures_of_one_name_are_refused_before_anything_is_written(
    unchanged, folder, tmp_path
):
    write_image(folder / "one.bmp", noise(5, 6))
    with pytest.raises(UserError, match="one.bmp and one.png would both be written as one.png"):
        run(unchanged, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_to_translate_is_an_error(unchanged, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty contains no images or clips"):
        run(unchanged, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(UserError, match="missing"):
        run(unchanged, tmp_path / "missing", tmp_path / "out")


def test_an_output_that_cannot_be_written_is_an_error(unchanged, folder, tmp_path):
    (tmp_path / "out").write_text("a file, where a folder should be")
    with pytest.raises(UserError, match="cannot write to .*out"):
        run(unchanged, folder, tmp_path / "out")


def test_a_full_disk_keeps_what_was_written(unchanged, tmp_path, monkeypatch):
    for number in range(30):
        write_image(tmp_path / f"in/{number}.png", noise(8, 8))

    def fills_up(path, *arguments, **keywords):
        if path.stem == "7":
            raise OSError(28, "No space left on device")
        write_image(path, *arguments, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr("cyclegan_tf.translation.job.write_image", fills_up)
        with pytest.raises(UserError, match="cannot write to .*No space left"):
            run(unchanged, tmp_path / "in", tmp_path / "out", batch_size=4)
    assert run(unchanged, tmp_path / "in", tmp_path / "out").skipped >= 4
    assert len(files(tmp_path / "out")) == 30


def test_a_translation_that_is_stopped_leaves_whole_files_and_a_rerun_gives_the_same(
    network, tmp_path, monkeypatch
):
    for number in range(12):
        write_image(tmp_path / f"in/{number:02}.png", noise(9, 14, seed=number))
    run(network, tmp_path / "in", tmp_path / "at once", batch_size=5)
    out = tmp_path / "out"

    def stop_at_the_eighth(path, *arguments, **keywords):
        if path.stem == "07":
            raise KeyboardInterrupt
        write_image(path, *arguments, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr("cyclegan_tf.translation.job.write_image", stop_at_the_eighth)
        with pytest.raises(KeyboardInterrupt):
            run(network, tmp_path / "in", out, batch_size=5)
    assert 7 <= len(files(out)) < 12
    (out / f".11.png.{NO_PROCESS}.partial").write_bytes(b"left by a process that was killed")
    times = {name: (out / name).stat().st_mtime_ns for name in files(out)}
    result = run(network, tmp_path / "in", out, batch_size=5)
    assert result.skipped >= 7
    assert contents(out) == contents(tmp_path / "at once")
    listed = [line["source"] for line in lines(out)[1:7]]
    assert all((out / name).stat().st_mtime_ns == times[name] for name in listed)


def test_what_changed_is_translated_again_and_nothing_else(unchanged, folder, tmp_path):
    out = tmp_path / "out"
    run(unchanged, folder, out)
    before = (out / "deep/two.png").stat().st_mtime_ns
    write_image(folder / "one.png", noise(7, 7))
    write_image(folder / "new.png", noise(4, 4))
    (out / "deep/er/three.v2.png").write_bytes(b"cut")
    result = run(unchanged, folder, out)
    assert (result.written, result.skipped) == (3, 1)
    assert (out / "deep/two.png").stat().st_mtime_ns == before
    assert read_image(out / "one.png").shape == (7, 7, 3)
    assert read_image(out / "deep/er/three.v2.png").shape == (5, 6, 3)
    assert run(unchanged, folder, out).skipped == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"about": {"step": 200}}, "step 100, not 200"),
        ({"output_format": "bmp"}, "output_format png, not bmp"),
        ({"tile": 64}, "tile None, not 64"),
    ],
    ids=str,
)
def test_translations_made_otherwise_are_not_mixed(unchanged, folder, tmp_path, change, message):
    out = tmp_path / "out"
    run(unchanged, folder, out, about={"step": 100})
    before = contents(out)
    changed = {"about": {"step": 100}} | change
    with pytest.raises(UserError, match=f"{message}.*`overwrite`.*another `output`"):
        run(unchanged, folder, out, **changed)
    assert contents(out) == before
    assert run(unchanged, folder, out, overwrite=True, **changed).written == 3
    assert len(files(out)) == 3  # None of those before is left.
    assert run(unchanged, folder, out, **changed).skipped == 3


def test_other_weights_and_other_pictures_are_not_mixed(network, folder, tmp_path):
    run(network, folder, tmp_path / "out")
    other = generator("resnet_1", filters=2, init_gain=0.5)
    with pytest.raises(UserError, match="weights"):
        run(other, folder, tmp_path / "out")
    os.rename(folder, tmp_path / "moved")
    with pytest.raises(UserError, match="input .*in, not .*moved"):
        run(network, tmp_path / "moved", tmp_path / "out")


def test_what_a_camera_wrote_is_kept_and_its_rotation_is_not(unchanged, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera"
    exif[ExifTags.Base.Orientation] = 6
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight] = 16, 8
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (tmp_path / "in").mkdir()
    picture = Image.fromarray(noise(8, 16))
    picture.save(tmp_path / "in/x.jpg", exif=exif, icc_profile=profile)
    for output_format in ("png", "jpg", "webp"):
        out = tmp_path / output_format
        run(unchanged, tmp_path / "in", out, output_format=output_format)
        with Image.open(out / f"x.{output_format}") as written:
            assert written.size == (8, 16)
            kept = written.getexif()
            assert kept[ExifTags.Base.Make] == "Camera"
            assert ExifTags.Base.Orientation not in kept
            sides = kept.get_ifd(ExifTags.IFD.Exif)
            assert sides[ExifTags.Base.ExifImageWidth] == 8
            assert sides[ExifTags.Base.ExifImageHeight] == 16
            assert written.info["icc_profile"] == profile
        # Read again, it is not turned again.
        assert read_image(out / f"x.{output_format}").shape == (16, 8, 3)


def test_class_numbers_are_not_put_where_they_would_change(tmp_path):
    network = label_maps(generator("segnet", filters=2, out_channels=3, labels=True))
    write_image(tmp_path / "in/x.png", noise(16, 16))
    assert run(network, tmp_path / "in", tmp_path / "out").written == 1
    for options in ({"output_format": "jpg"}, {"smoothing": 0.5}):
        with pytest.raises(UserError, match="class indices"):
            run(network, tmp_path / "in", tmp_path / "other", **options)
