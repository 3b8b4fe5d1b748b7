"""TFDS data sets: prepared, downloaded by hand, and without network."""

import hashlib
import socket
import threading
import time
import zipfile

import numpy as np
import pytest

from cyclegan_tf.config import UserError
from cyclegan_tf.data import tfds_source
from cyclegan_tf.data.sources import open_sources
from cyclegan_tf.images import write_image

tfds = pytest.importorskip("tensorflow_datasets")


class Toy(tfds.core.GeneratorBasedBuilder):
    """Pictures of one level each, split over several files, with test pictures in one domain."""

    VERSION = tfds.core.Version("1.0.0")
    SPLITS = {"trainA": 5, "trainB": 3, "testA": 2, "testB": 2}

    def _info(self):
        image = tfds.features.Image(encoding_format="png")
        features = tfds.features.FeaturesDict({"image": image, "label": np.int64})
        return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

    def _split_generators(self, dl_manager):
        splits = enumerate(self.SPLITS.items())
        return {name: self._generate_examples(10 * i, n) for i, (name, n) in splits}

    def _generate_examples(self, level, number):
        for i in range(number):
            yield i, {"image": np.full((4, 6 + i, 3), level + i, np.uint8), "label": i}


class Half(Toy):
    SPLITS = {"trainA": 2}


class TrainOnly(Toy):
    SPLITS = {"trainA": 2, "trainB": 2}


class Stereo(Toy):
    def _info(self):
        image = tfds.features.Image()
        features = tfds.features.FeaturesDict({"left": image, "right": image})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _generate_examples(self, level, number):
        for i in range(number):
            yield i, {side: np.zeros((4, 4, 3), np.uint8) for side in ("left", "right")}


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    """An empty place for TFDS data, as `TFDS_DATA_DIR` sets it before TFDS is imported."""
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def prepare(builder):
    config = tfds.download.DownloadConfig(num_shards=2)
    builder.download_and_prepare(download_config=config)


@pytest.mark.parametrize("file_format", ("tfrecord", "array_record"))
def test_prepared_data_is_read_in_order_and_by_number(data_dir, file_format):
    prepare(Toy(file_format=file_format))
    a, b, aligned = open_sources("tfds:toy", channels_b=1)
    assert (len(a), len(b), aligned) == (5, 3, False)
    assert [int(a[number].max()) for number in (4, 0, 2, 4)] == [4, 0, 2, 4]
    assert a[3].shape == (4, 9, 3) and b[2].shape == (4, 8, 1)
    assert a.names[3] == "trainA[3]"
    test = open_sources("tfds:toy", split="test")
    assert [int(test.b[number].max()) for number in range(2)] == [30, 31]


def test_the_copy_on_disk_has_no_name(data_dir, monkeypatch, tmp_path_factory):
    prepare(Toy())
    spool = tmp_path_factory.mktemp("spool")
    monkeypatch.setattr(tfds_source.tempfile, "tempdir", str(spool))
    sources = open_sources("tfds:toy")
    assert not list(spool.iterdir())
    assert sources.a[4].max() == 4


def test_missing_splits_are_named(data_dir):
    prepare(Half())
    with pytest.raises(UserError, match="no pictures in the split trainB; its splits are trainA"):
        open_sources("tfds:half")
    prepare(TrainOnly())
    assert open_sources("tfds:train_only", split="test") is None


def test_one_picture_an_example_is_needed(data_dir):
    prepare(Stereo())
    with pytest.raises(UserError, match="it has: left, right"):
        open_sources("tfds:stereo")


@pytest.mark.parametrize(
    "name, says",
    [
        ("no_such_data", "no_such_data not found"),
        ("cycle_gan/horse2zebu", "configurations: .*horse2zebra"),
        ("huggingface:mnist", "only data sets of TFDS itself"),
        ("", "cannot open"),
        ("../../etc", "cannot open"),
    ],
)
def test_unknown_names_are_refused(data_dir, no_network, name, says):
    with pytest.raises(UserError, match=says) as error:
        open_sources(f"tfds:{name}")
    assert "\n" not in str(error.value)


def test_without_network_it_soon_says_what_to_do(data_dir, no_network):
    start = time.monotonic()
    with pytest.raises(UserError) as error:
        open_sources("tfds:cycle_gan/horse2zebra")
    assert time.monotonic() - start < 20
    by_hand = str(data_dir / "downloads" / "manual" / "horse2zebra.zip")
    for part in (by_hand, "/horse2zebra.zip cannot be reached", "--data", "avatars/blond2ginger"):
        assert part in str(error.value)


def test_a_name_server_that_never_answers_is_not_waited_for(monkeypatch):
    gave_up = threading.Event()

    def look_up(*_, **__):
        gave_up.wait(10)
        raise socket.gaierror("timed out")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    start = time.monotonic()
    assert not tfds_source._reachable("https://data.invalid/x.zip", timeout=0.1)
    assert time.monotonic() - start < 1
    gave_up.set()


def test_an_archive_fetched_by_hand_is_used(data_dir, no_network, monkeypatch, tmp_path_factory):
    unpacked = tmp_path_factory.mktemp("archive")
    for number, split in enumerate(("trainA", "trainB", "testA", "testB")):
        for name in ("1.jpg", "2.jpg"):
            level = np.full((16, 16, 3), 40 * number, np.uint8)
            write_image(unpacked / "horse2zebra" / split / name, level)
    archive = data_dir / "downloads" / "manual" / "horse2zebra.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(unpacked.rglob("*.jpg")):
            zipped.write(path, path.relative_to(unpacked))
    content = archive.read_bytes()
    builder = type(tfds.builder("cycle_gan/horse2zebra"))
    url = next(url for url in builder.url_infos if "horse2zebra" in url)
    monkeypatch.setitem(
        builder.url_infos,
        url,
        tfds.core.download.checksums.UrlInfo(
            len(content), hashlib.sha256(content).hexdigest(), "horse2zebra.zip"
        ),
    )
    for _ in range(2):  # The second time it is already prepared.
        sources = open_sources("tfds:cycle_gan/horse2zebra", split="test")
        assert [len(sources.a), len(sources.b)] == [2, 2]
        assert abs(int(sources.b[0].mean()) - 120) <= 2
        archive.unlink(missing_ok=True)


def test_a_data_set_that_cannot_be_prepared_is_one_line(data_dir, monkeypatch):
    def fail(self):
        raise OSError("No space left on device\nand more")

    monkeypatch.setattr(Toy, "download_and_prepare", fail)
    with pytest.raises(UserError, match="cannot prepare toy: No space left on device$"):
        open_sources("tfds:toy")
