"""Pictures as users bring them come to the same pixels in training and in translation."""

from pathlib import Path

import numpy as np
import picture_zoo
import pytest
from known_networks import identity
from running import TINY, error_line, run

from cyclegan_tf.data.domain import Domain
from cyclegan_tf.data.folder_source import FolderSource
from cyclegan_tf.data.geometry import Geometry
from cyclegan_tf.errors import UserError
from cyclegan_tf.images.images import read_image
from cyclegan_tf.translation.files import translate_files

GOOD, BAD = picture_zoo.good_pictures(), picture_zoo.bad_pictures()


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good pictures, twice, and of bad ones, less than a quarter."""
    folder = tmp_path_factory.mktemp("zoo") / "in"
    picture_zoo.write(folder, GOOD | BAD)
    picture_zoo.write(folder / "again", GOOD)
    return folder


def as_in_training(folder: Path) -> Domain:
    as_they_are = Geometry("none", multiple=1)
    return Domain.load(FolderSource(folder, read_image), as_they_are, cache_gb=0.1, name="trainA")


def test_training_and_translation_see_the_same_pixels(
    zoo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    domain = as_in_training(zoo)
    assert set(domain.names) == {*GOOD, *(f"again/{name}" for name in GOOD)}
    assert f"{len(BAD)} of {len(domain) + len(BAD)} images are unreadable" in caplog.text
    assert all(f"{zoo / name}: " in caplog.text for name in BAD)
    result = translate_files(identity(), zoo, tmp_path / "out", progress=False)
    assert set(result.failures) == set(BAD) and result.written == len(domain)
    for number, name in enumerate(domain.names):
        suffix = ".gif" if name.endswith(".gif") else ".png"
        translated = read_image((tmp_path / "out" / name).with_suffix(suffix))
        np.testing.assert_array_equal(translated, domain[number], err_msg=name)


def test_more_than_a_quarter_of_bad_pictures_is_an_error(zoo: Path, tmp_path: Path) -> None:
    picture_zoo.write(tmp_path, GOOD | BAD)
    with pytest.raises(UserError, match=r"trainA: too many of the 22 images.*bomb\.png"):
        as_in_training(tmp_path)


@pytest.mark.fault
def test_bad_pictures_cost_no_memory_and_are_listed(zoo: Path, tmp_path: Path) -> None:
    picture_zoo.write(tmp_path / "clean", GOOD)
    picture_zoo.write(tmp_path / "clean/again", GOOD)
    peaks = {}
    for name, folder in (("without", tmp_path / "clean"), ("with", zoo)):
        flags = (f"--data_a={folder}", f"--data_b={folder}", f"--workdir={tmp_path / name}")
        trained = run("train", *flags, *TINY, "--max_steps=3")
        assert trained.status == 0, trained.err
        flags = (f"--input={folder}", f"--output={tmp_path / f'{name} out'}")
        translated = run("translate", f"--workdir={tmp_path / 'without'}", *flags)
        assert translated.status == (1 if name == "with" else 0), translated.err
        assert f"{2 * len(GOOD)} translations" in translated.out
        peaks[name] = (trained.peak, translated.peak)
        for err in (trained.err, translated.err):
            assert "Traceback" not in err
            assert all((file in err) == (name == "with") for file in BAD)
    more = [peak - before for before, peak in zip(*peaks.values(), strict=True)]
    print(
        "\npeak memory with bad pictures, against without: "
        f"training {more[0] / 2**20:+.0f} MiB, translating {more[1] / 2**20:+.0f} MiB"
    )
    # Decoded, the larger bomb takes 400 MB with 8 bits a pixel, and 1.2 GB in colour.
    assert max(more) < 100 * 2**20


@pytest.mark.fault
def test_a_domain_of_bad_pictures_alone_is_one_line(zoo: Path, tmp_path: Path) -> None:
    picture_zoo.write(tmp_path / "bad", BAD)
    flags = (f"--data_a={zoo}", f"--data_b={tmp_path / 'bad'}", f"--workdir={tmp_path / 'w'}")
    command = run("train", *flags, *TINY)
    assert command.status == 1
    assert "domain trainB: too many of the 8 images are unreadable" in error_line(command.err)
    assert not (tmp_path / "w/checkpoints").exists()
